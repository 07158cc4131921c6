"""The options of ``hedgerow host create``, in groups: what a federation is, learns, protects, and sends."""

from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from core.api.errors import UsageError
from core.config.exchange import CodecName

if TYPE_CHECKING:
    from core.coordinator.creation import Choices

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def duration_s(text: str) -> float:
    """``90``, ``90s``, ``15m``, ``12h``, ``7d``, ``2w`` → seconds.

    Raises:
        UsageError: not a duration.
    """
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw]?)", text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a duration.", "Write it like 90s, 15m, 12h or 7d.")
    return float(match[1]) * _UNITS[match[2] or "s"]


def add(create: argparse.ArgumentParser) -> None:
    """Give the command its options; where one has no default of its own, the preset or the field decides."""
    create.add_argument("dir", type=Path, help="new or empty folder of the federation")
    _about(create.add_argument_group("what it says of itself"))
    _model(create.add_argument_group("model and text"))
    _training(create.add_argument_group("training on volunteers' machines"))
    _privacy(create.add_argument_group("privacy"))
    _rounds(create.add_argument_group("rounds, and who is in them"))
    _outer(create.add_argument_group("what is done with a round's updates"))
    _codecs(create.add_argument_group("on the line"))


def choices(options: argparse.Namespace) -> Choices:
    """What was chosen.

    Raises:
        UsageError: a duration is none.
    """
    from core.coordinator.creation import Choices  # heavy

    chosen = {
        field.name: getattr(options, field.name) for field in dataclasses.fields(Choices) if field.name in options
    }
    for name in ("deadline_s", "upload_slot_s"):
        chosen[name] = duration_s(chosen[name])
    for name in ("public", "slower"):
        chosen[name] = tuple(chosen[name])
    return Choices(**chosen)


def _about(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--name", required=True, help="what volunteers read first")
    group.add_argument("--operator", default="An operator who gave no name", help="who asks: a person, a society")
    group.add_argument("--purpose", default="", help="what the model is for, in a sentence")
    group.add_argument("--address", default="", metavar="HOST[:PORT]", help="what invites name")
    group.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="where volunteers are awaited")


def _model(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--preset", default="", help="tiny, unless --from names a model of another")
    group.add_argument(
        "--from", dest="start_from", type=Path, metavar="DIR", help="start from this model, as `export` writes one"
    )
    group.add_argument("--from-client", action="store_true", help="begin from what one volunteer trains first")
    group.add_argument("--tokenizer", type=Path, metavar="PATH", help="a tokenizer.json of your own")
    group.add_argument("--shards", type=int, default=1, metavar="N", help="parts of the model that are trained apart")
    group.add_argument("--seed", type=int, metavar="N", help="of first weights and cohorts; drawn if none is given")
    group.add_argument("--evaluate", type=Path, metavar="FILE", help="your own text to measure the model on")
    group.add_argument(
        "--public", type=Path, action="append", default=[], metavar="TEXT", help="text of yours for all to train on"
    )
    group.add_argument(
        "--public-weight", type=float, default=1.0, metavar="WEIGHT", help="its share, where a volunteer's text has 1"
    )


def _training(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--local-steps", type=int, metavar="N", help="steps of training in one round")
    group.add_argument("--batch-size", type=int, metavar="N", help="sequences in a step")
    group.add_argument("--seq-len", type=int, metavar="N", help="tokens in a sequence")
    group.add_argument("--learning-rate", type=float, metavar="RATE", help="the largest, of AdamW")


def _privacy(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--privacy", dest="unit", default="document", choices=("document", "record", "corpus", "none"), metavar="UNIT",
        help="what is protected: document, record, corpus, or none without any guarantee",
    )  # fmt: skip
    group.add_argument(
        "--clip-norm", type=float, metavar="NORM", help="bound of an example's gradient, under corpus of the update"
    )
    group.add_argument(
        "--windows-per-document", type=int, default=1, metavar="N", help="most that one document gives to a step"
    )
    group.add_argument(
        "--subspace", default="none", choices=("none", "public", "released", "mask"), metavar="KIND",
        help="release only what lies in a public subspace, found in --public text or in what was released, or a mask",
    )  # fmt: skip
    group.add_argument("--subspace-rank", type=int, default=8, metavar="R", help="directions kept of each matrix")
    group.add_argument("--mask-density", type=float, default=0.25, metavar="SHARE", help="values kept of each matrix")
    group.add_argument(
        "--upload-slot", dest="upload_slot_s", default="60s", metavar="DURATION",
        help="updates set out at multiples of this, where noise hides",
    )  # fmt: skip


def _rounds(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--rounds", type=int, metavar="N", help="after which it is finished")
    group.add_argument("--cohort", type=int, default=2, metavar="N", help="volunteers asked in a round")
    group.add_argument("--quorum", type=int, metavar="N", help="updates without which a round is given up")
    group.add_argument(
        "--deadline", dest="deadline_s", default="1h", metavar="DURATION",
        help="time for training in one round, like 90s, 15m or 1h",
    )  # fmt: skip
    group.add_argument("--late-rounds", type=int, metavar="N", help="rounds in which a late update is still folded in")
    group.add_argument(
        "--over-selection", type=float, default=1.0, metavar="FACTOR", help="volunteers asked for each one needed"
    )
    group.add_argument("--ask-absent", action="store_true", help="fill a cohort up from volunteers who are away")
    group.add_argument(
        "--ramp-rounds", type=int, default=0, metavar="N", help="first updates of a volunteer that count for less"
    )
    group.add_argument(
        "--invite-share", type=float, default=1.0, metavar="SHARE", help="most of a cohort that one invite may bring"
    )
    group.add_argument(
        "--evaluate-every", type=int, default=0, metavar="N",
        help="have volunteers score the base on text they hold out, each N rounds",
    )  # fmt: skip
    group.add_argument(
        "--max-void-rounds", type=int, default=0, metavar="N", help="stop after so many given up in a row; 0 is never"
    )


def _outer(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--aggregation", default="mean", metavar="RULE",
        choices=("mean", "centred-clipping", "trimmed-mean", "median", "multi-krum"),
        help="what is made of updates of the usual length: mean, centred-clipping, trimmed-mean, median or multi-krum",
    )  # fmt: skip
    group.add_argument("--trim", type=float, metavar="SHARE", help="left out by trimmed-mean and multi-krum")
    group.add_argument(
        "--weights", default="equal", choices=("equal", "metric", "loss"), help="whether a lower loss counts for more"
    )
    group.add_argument(
        "--outer", metavar="NAME",
        help="outer optimiser: fedavg, fedmom, nesterov, fedadam, fedyogi, or a Flower strategy installed here",
    )  # fmt: skip
    group.add_argument(
        "--outer-lr", type=float, metavar="RATE", help="of the outer optimiser; 1 takes the mean as it is"
    )
    group.add_argument("--outer-momentum", type=float, metavar="SHARE", help="of fedmom, nesterov, fedadam and fedyogi")
    group.add_argument("--outer-tau", type=float, metavar="TAU", help="of fedadam and fedyogi; smaller adapts more")
    group.add_argument("--weight-averaging", type=float, default=0.0, metavar="BETA", help="over rounds; 0 is off")
    group.add_argument(
        "--blow-up", type=float, metavar="TIMES",
        help="take a round back whose norms are so far over the usual; 0 is off",
    )  # fmt: skip
    group.add_argument("--backoff", type=float, metavar="FACTOR", help="of the outer rate after that")
    group.add_argument(
        "--held-out-gate", type=float, metavar="SHARE",
        help="take a round back that is worse on --evaluate by this share",
    )  # fmt: skip
    group.add_argument("--plateau-rounds", type=int, metavar="N", help="rounds without gain before the rate is lowered")
    group.add_argument("--plateau-factor", type=float, metavar="FACTOR", help="what it is multiplied by then")


def _codecs(group: argparse._ArgumentGroup) -> None:
    names = ", ".join(get_args(CodecName))
    group.add_argument(
        "--codec", default="int8", choices=get_args(CodecName), metavar="NAME", help=f"of updates: {names}"
    )
    group.add_argument("--kept", type=int, default=64, metavar="K", help="largest values of a chunk: topk and dct")
    group.add_argument("--chunk-size", type=int, default=4_096, metavar="N", help="values of which so many are kept")
    group.add_argument(
        "--error-feedback", type=float, metavar="DECAY",
        help="share of what a round leaves out that goes into the next; 0.95 for topk and dct without a privacy unit",
    )  # fmt: skip
    group.add_argument(
        "--slower-codec", dest="slower", choices=get_args(CodecName), action="append", default=[], metavar="NAME",
        help="for volunteers whose line is too slow for the one before; can be given several times",
    )  # fmt: skip
    group.add_argument(
        "--upload-share", type=float, default=0.1, metavar="SHARE", help="of training time that sending may take, then"
    )
    group.add_argument(
        "--least-local-steps", type=int, default=0, metavar="N",
        help="go down to so many steps a round where exchanging takes little time; 0 is never",
    )  # fmt: skip
    group.add_argument(
        "--downlink", default="whole", choices=("whole", *get_args(CodecName)), metavar="CODEC",
        help="send what the next checkpoint differs by, written by a codec, in place of the whole",
    )  # fmt: skip
