"""``python -m core.coordinator create | run | stop | invite | status | export``.

``--json`` prints one JSON document (``run``: one object per line) on standard output and nothing else. Exit 0 worked,
1 failed with a named error, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

from core.api import interpreter
from core.api.errors import HedgerowError, UsageError
from core.config.exchange import CodecName

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def duration_s(text: str) -> float:
    """``90``, ``90s``, ``15m``, ``12h``, ``7d``, ``2w`` → seconds.

    Raises:
        UsageError: not a duration.
    """
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw]?)", text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a duration.", "Write it like 90s, 15m, 12h or 7d.")
    return float(match[1]) * _UNITS[match[2] or "s"]


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="hedgerow host", description="Host a federation.")
    commands = root.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a federation in a new folder")
    create.add_argument("dir", type=Path)
    create.add_argument("--name", required=True)
    create.add_argument("--operator", default="An operator who gave no name")
    create.add_argument("--purpose", default="")
    create.add_argument("--preset", default="", help="tiny, unless --from names a model of another")
    create.add_argument(
        "--from", dest="start_from", type=Path, metavar="DIR", help="start from this model, as `export` writes one"
    )
    create.add_argument(
        "--privacy", default="document", choices=("document", "record", "corpus", "none"), metavar="UNIT"
    )
    create.add_argument("--windows-per-document", type=int, default=1, help="most that one document gives to a step")
    create.add_argument(
        "--subspace", default="none", choices=("none", "public", "released", "mask"), metavar="KIND",
        help="release only what lies in a public subspace, found in --public text or in what was released, or a mask",
    )  # fmt: skip
    create.add_argument("--subspace-rank", type=int, default=8, metavar="R", help="directions kept of each matrix")
    create.add_argument("--mask-density", type=float, default=0.25, metavar="SHARE", help="values kept of each matrix")
    create.add_argument("--cohort", type=int, default=2)
    for name in ("--rounds", "--quorum", "--local-steps", "--batch-size", "--seq-len", "--seed"):
        create.add_argument(name, type=int)
    for name in ("--learning-rate", "--clip-norm", "--outer-lr", "--outer-momentum"):
        create.add_argument(name, type=float)
    _outer_options(create)
    _aggregation_options(create)
    create.add_argument("--shards", type=int, default=1, metavar="N", help="parts of the model that are trained apart")
    _codec_options(create)
    create.add_argument("--deadline", default="1h", help="time for training in one round, like 90s, 15m or 1h")
    create.add_argument("--upload-slot", default="60s", help="updates set out at multiples of this, where noise hides")
    create.add_argument("--tokenizer", type=Path, metavar="PATH")
    create.add_argument("--address", default="", metavar="HOST[:PORT]", help="what invites name")
    create.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    create.add_argument("--evaluate", type=Path, metavar="FILE", help="your own text to measure the model on")
    create.add_argument(
        "--public", type=Path, action="append", default=[], metavar="TEXT", help="text of yours for all to train on"
    )
    create.add_argument("--public-weight", type=float, default=1.0, help="its share, where a volunteer's text has 1")
    run = commands.add_parser("run", help="run it until its last round")
    run.add_argument("dir", type=Path)
    run.add_argument("--listen", default="", metavar="HOST:PORT")
    run.add_argument(
        "--forward", default="", metavar="INVITE", help="as a household: one volunteer of a larger federation"
    )
    run.add_argument("--address", default="", metavar="HOST[:PORT]", help="of a household: what invites to it name")
    run.add_argument("--yes", action="store_true", help="of a household: agree to the larger federation's terms")
    run.add_argument("--metrics", type=_port, metavar="PORT", help="serve figures for Prometheus on 127.0.0.1")
    run.add_argument("--keep-serving", action="store_true", help="go on after the last round")
    run.add_argument("--parent-pid", type=int, default=0, help="stop when this parent process ends")
    invite = commands.add_parser("invite", help="make an invite")
    invite.add_argument("dir", type=Path)
    invite.add_argument("--uses", type=int, default=1)
    invite.add_argument("--expires", default="7d", help="like 12h or 7d")
    commands.add_parser("status", help="figures").add_argument("dir", type=Path)
    commands.add_parser("stop", help="stop the process that runs it").add_argument("dir", type=Path)
    export = commands.add_parser("export", help="write the model for transformers")
    export.add_argument("dir", type=Path)
    export.add_argument("out", type=Path)
    export.add_argument("--run", action="store_true", help="instead: terms, seeds and every round, to run it again")
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true")
    return root


def _aggregation_options(create: argparse.ArgumentParser) -> None:
    """Whose updates count, and for how much."""
    create.add_argument(
        "--aggregation", default="mean", metavar="RULE",
        choices=("mean", "centred-clipping", "trimmed-mean", "median", "multi-krum"),
        help="what is made of updates of the usual length: mean, centred-clipping, trimmed-mean, median or multi-krum",
    )  # fmt: skip
    create.add_argument(
        "--weights", default="equal", choices=("equal", "metric", "loss"), help="whether a lower loss counts for more"
    )
    create.add_argument("--late-rounds", type=int, metavar="N", help="rounds in which a late update is still folded in")
    create.add_argument(
        "--over-selection", type=float, default=1.0, metavar="FACTOR", help="volunteers asked for each one needed"
    )
    create.add_argument("--from-client", action="store_true", help="begin from what one volunteer trains first")
    create.add_argument("--trim", type=float, metavar="SHARE", help="left out by trimmed-mean and multi-krum")
    create.add_argument(
        "--ramp-rounds", type=int, default=0, metavar="N", help="first updates of a volunteer that count for less"
    )
    create.add_argument(
        "--invite-share", type=float, default=1.0, metavar="SHARE", help="most of a cohort that one invite may bring"
    )
    create.add_argument("--ask-absent", action="store_true", help="fill a cohort up from volunteers who are away")
    create.add_argument(
        "--evaluate-every", type=int, default=0, metavar="N",
        help="have volunteers score the base on text they hold out, each N rounds",
    )  # fmt: skip
    create.add_argument(
        "--max-void-rounds", type=int, default=0, metavar="N", help="stop after so many given up in a row; 0 is never"
    )


def _codec_options(create: argparse.ArgumentParser) -> None:
    """How numbers become bytes, both ways."""
    create.add_argument("--codec", default="int8", choices=get_args(CodecName), metavar="NAME")
    create.add_argument("--kept", type=int, default=64, metavar="K", help="largest values of a chunk: topk and dct")
    create.add_argument("--chunk-size", type=int, default=4_096, metavar="N", help="values of which so many are kept")
    create.add_argument(
        "--error-feedback", type=float, metavar="DECAY",
        help="share of what a round leaves out that goes into the next; 0.95 for topk and dct without a privacy unit",
    )  # fmt: skip
    create.add_argument(
        "--slower-codec", choices=get_args(CodecName), action="append", default=[], metavar="NAME",
        help="for volunteers whose line is too slow for the one before; can be given several times",
    )  # fmt: skip
    create.add_argument(
        "--upload-share", type=float, default=0.1, metavar="SHARE", help="of training time that sending may take, then"
    )
    create.add_argument(
        "--least-local-steps", type=int, default=0, metavar="N",
        help="go down to so many steps a round where exchanging takes little time; 0 is never",
    )  # fmt: skip
    create.add_argument(
        "--downlink", default="whole", choices=("whole", *get_args(CodecName)), metavar="CODEC",
        help="send what the next checkpoint differs by, written by a codec, in place of the whole",
    )  # fmt: skip


def _outer_options(create: argparse.ArgumentParser) -> None:
    """What the coordinator does with a round's updates."""
    create.add_argument(
        "--outer", metavar="NAME",
        help="outer optimiser: fedavg, fedmom, nesterov, fedadam, fedyogi, or a Flower strategy installed here",
    )  # fmt: skip
    create.add_argument("--outer-tau", type=float, metavar="TAU", help="of fedadam and fedyogi; smaller adapts more")
    create.add_argument("--weight-averaging", type=float, default=0.0, metavar="BETA", help="over rounds; 0 is off")
    create.add_argument(
        "--blow-up",
        type=float,
        metavar="TIMES",
        help="take a round back whose norms are so far over the usual; 0 is off",
    )
    create.add_argument("--backoff", type=float, metavar="FACTOR", help="of the server learning rate after that")
    create.add_argument(
        "--held-out-gate",
        type=float,
        metavar="SHARE",
        help="take a round back that is worse on --evaluate by this share",
    )
    create.add_argument(
        "--plateau-rounds", type=int, metavar="N", help="rounds without gain before the rate is lowered"
    )
    create.add_argument("--plateau-factor", type=float, metavar="FACTOR", help="what it is multiplied by then")


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    options = parser().parse_args(arguments)
    try:
        _COMMANDS[options.command](options)
    except HedgerowError as error:
        if options.json:
            _line({"error": {"code": error.code, "title": error.title, "message": error.message, "hint": error.hint}})
        sys.stderr.write(f"{error.title}: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:
        return 1
    return 0


def _line(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _show(options: argparse.Namespace, document: dict[str, Any], words: str) -> None:
    if options.json:
        _line(document)
    else:
        sys.stdout.write(words + "\n")


def _create(options: argparse.Namespace) -> None:
    from core.coordinator.creation import Choices, create

    choices = Choices(
        name=options.name,
        operator=options.operator,
        purpose=options.purpose,
        preset=options.preset,
        start_from=options.start_from,
        unit=options.privacy,
        windows_per_document=options.windows_per_document,
        subspace=options.subspace,
        subspace_rank=options.subspace_rank,
        mask_density=options.mask_density,
        rounds=options.rounds,
        cohort=options.cohort,
        quorum=options.quorum,
        local_steps=options.local_steps,
        batch_size=options.batch_size,
        seq_len=options.seq_len,
        learning_rate=options.learning_rate,
        outer_lr=options.outer_lr,
        outer_momentum=options.outer_momentum,
        outer=options.outer,
        outer_tau=options.outer_tau,
        weight_averaging=options.weight_averaging,
        blow_up=options.blow_up,
        backoff=options.backoff,
        held_out_gate=options.held_out_gate,
        plateau_rounds=options.plateau_rounds,
        plateau_factor=options.plateau_factor,
        clip_norm=options.clip_norm,
        codec=options.codec,
        slower=tuple(options.slower_codec),
        least_local_steps=options.least_local_steps,
        downlink=options.downlink,
        kept=options.kept,
        chunk_size=options.chunk_size,
        error_feedback=options.error_feedback,
        deadline_s=duration_s(options.deadline),
        upload_slot_s=duration_s(options.upload_slot),
        seed=options.seed,
        tokenizer=options.tokenizer,
        address=options.address,
        listen=options.listen,
        evaluate=options.evaluate,
        shards=options.shards,
        public=tuple(options.public),
        public_weight=options.public_weight,
        aggregation=options.aggregation,
        weights=options.weights,
        late_rounds=options.late_rounds,
        over_selection=options.over_selection,
        from_client=options.from_client,
        trim=options.trim,
        ramp_rounds=options.ramp_rounds,
        invite_share=options.invite_share,
        ask_absent=options.ask_absent,
        evaluate_every=options.evaluate_every,
        max_void_rounds=options.max_void_rounds,
        upload_share=options.upload_share,
    )
    made = create(options.dir, choices)
    document = {
        "dir": str(made.home.root),
        "federation_id": made.federation_id,
        "run_id": made.config.run_id,
        "manifest_hash": made.manifest_hash,
    }
    _show(options, document, f"Made {made.config.name} in {made.home.root}. Next: hedgerow host run {options.dir}")


def _run(options: argparse.Namespace) -> None:
    from core.coordinator.home import Federation
    from core.coordinator.premises import taken

    os.umask(0o077)  # Flower's own files too
    if options.forward:
        _join_larger(options)
    show = _line if options.json else _words
    federation = Federation(options.dir)
    settings = federation.settings
    metrics = settings.metrics if options.metrics is None else options.metrics
    with taken(federation, options.listen or settings.listen, metrics, show) as premises:
        from core.coordinator.service import Service  # numpy has threads, and a process with threads cannot move

        Service(federation, premises, show).run(keep_serving=options.keep_serving, parent_pid=options.parent_pid)


def _join_larger(options: argparse.Namespace) -> None:
    """Make or complete the household in a process of its own: it knows the engine, the coordinator does not.

    Raises:
        SystemExit: it was not made; the child has said why, and ended with this status.
    """
    command = [*interpreter.command("core.household"), "join", str(options.dir), options.forward]
    command += [f"--{name}" for name in ("yes", "json") if getattr(options, name)]
    command += [f"--{name}={value}" for name in ("listen", "address") if (value := getattr(options, name))]
    status = subprocess.run(command, check=False).returncode
    if status:
        raise SystemExit(status if status > 0 else 1)


def _words(line: dict[str, Any]) -> None:
    """One event for people."""
    if line.get("event") == "network":
        return  # standard error has said it, or the line about being ready does
    if line.get("ready"):
        text = f"Ready at {line['address']}. Status page: {line['url']}"
        if line["isolated"]:
            text += "\nFlower runs in a network of its own, which no other user of this machine reaches."
        if line["metrics"]:
            text += f"\nFigures for Prometheus: {line['metrics']}"
        if line.get("forwards_to"):
            text += f"\nThe machines that join here are one volunteer of {line['forwards_to']}."
    else:
        rest = {
            key: value
            for key, value in line.items()
            if key not in ("event", "at", "rounds") and value not in ("", None)
        }
        text = f"{line.get('event')}: " + ", ".join(f"{key} {value}" for key, value in rest.items())
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _invite(options: argparse.Namespace) -> None:
    from core.coordinator.service import invite

    made = invite(options.dir, options.uses, duration_s(options.expires))
    _show(options, made, made["invite"])


def _status(options: argparse.Namespace) -> None:
    from core.coordinator.reporting import status

    found = status(options.dir)
    rows = [_round_words(row) for row in found["rounds"]]
    done = sum(row["state"] == "closed" for row in found["rounds"])
    state = "not running" if done < found["rounds_planned"] else "finished"
    if found["running"]:
        state = f"running at {found['address']}"
    end = f"{_volunteers(found['volunteers'])}, {found['rounds_planned']} rounds planned"
    if found["forwards_to"]:
        end += f", the mean of each goes on to {found['forwards_to']}"
    _show(options, found, "\n".join((f"{found['name']}: {state}", *rows, end)))


def _stop(options: argparse.Namespace) -> None:
    from core.coordinator.running import stop

    stopped = stop(options.dir)
    _show(options, {"stopped": stopped}, "It has stopped." if stopped else "Nobody was running it.")


def _round_words(row: dict[str, Any]) -> str:
    measured = "" if row["bits_per_byte"] is None else f", {row['bits_per_byte']:.3f} bits per byte"
    rejected = f", taken back: {row['rejected']}" if row["rejected"] else ""
    rate = "" if row["outer_lr"] is None else f", outer rate {row['outer_lr']:.3g}"
    return (
        f"round {row['round']}: {row['state']}, {_volunteers(row['volunteers'])}, "
        f"{row['upload_bytes']:,} bytes received{rate}{measured}{rejected}"
    )


def _volunteers(count: int) -> str:
    return "1 volunteer" if count == 1 else f"{count} volunteers"


def _export(options: argparse.Namespace) -> None:
    if options.run:
        from core.coordinator.replication import export_run

        done = export_run(options.dir, options.out)
        _show(options, done, f"The run, {done['rounds']} rounds so far, is in {done['dir']}")
        return
    from core.coordinator.service import export

    made = export(options.dir, options.out)
    _show(options, made, f"The model after round {made['round']} is in {made['model_dir']}")


_COMMANDS = {
    "create": _create, "run": _run, "stop": _stop, "invite": _invite, "status": _status, "export": _export,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
