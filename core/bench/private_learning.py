"""``python -m core.bench.private_learning [--out DIR] [--minutes M]``: what a model learns under DP, ε by ε.

Unit ``document``, preset ``tiny``, one volunteer, documents found on this machine (functions of the Python code that is
installed here), noise solved so that the whole plan fits ε, beside the same steps without noise. 5,000 and 20,000
documents are the curve that is drawn; 300 and 1,000, which are too few, calibrate the verdict. Some are run again
inside a public subspace, with the documentation that comes with Python as public text. Every cell is written down when
it is done, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import site
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any, Final, Literal, NamedTuple

import msgspec

from core.bench.plot import Line, draw
from core.bench.rows import machine
from core.config.base import UnitOfPrivacy
from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.federation import FederationConfig
from core.config.learning import OuterConfig
from core.config.model import PublicShard, TokenizerSpec
from core.config.privacy import PrivacyTerms, SubspaceTerms
from core.data.public import write_public
from core.data.tokenizer import BUILTIN, Tokenizer, builtin_tokenizer_path
from core.jobs import CorpusRef, PrivacyPlan, ShardRef
from core.model.layout import parameter_shapes
from core.model.presets import preset
from core.model.recipes import default_training
from core.postprocess.privacy.accountant import target_delta
from core.postprocess.privacy.planner import Solve, solve
from core.simulation import Simulation
from core.subspace import reduced_size

EPSILONS: Final = (1.0, 3.0, 8.0)
DRAWN: Final = (5_000, 20_000)
LOCAL_STEPS: Final = 20
HELD_OUT: Final = 120
_SHORT, _LONG = 300, 4_000
_LARGEST_FILE: Final = 1 << 20


Subspaces = Literal["none", "public", "released", "mask"]


class Cell(NamedTuple):
    """One run."""

    documents: int
    rounds: int
    epsilon: float
    """Of the whole plan; 0 for the run without noise."""
    subspace: Subspaces = "none"
    rank: int = 8

    @property
    def kept(self) -> SubspaceTerms:
        """What of an update is released."""
        return SubspaceTerms(kind=self.subspace, rank=self.rank)


CELLS: Final = (
    *(Cell(300, 3, epsilon) for epsilon in (0.0, 0.5, 0.6, 1.0, 1.5, 2.0, 3.0, 8.0)),
    *(Cell(1_000, 3, epsilon) for epsilon in (0.0, *EPSILONS)),
    *(Cell(size, 6, epsilon) for size in DRAWN for epsilon in (0.0, *EPSILONS)),
    *(Cell(size, 3, 1.0, kind) for kind in ("public", "released", "mask") for size in (1_000, 300)),
    *(Cell(size, 3, 1.0, "public", 32) for size in (1_000, 300)),
    Cell(5_000, 6, 1.0, "public", 32),
)


def found_documents(most: int = HELD_OUT + DRAWN[-1]) -> list[str]:
    """Functions of the installed Python code, the standard library first, each once, in the order of their hashes."""
    texts: dict[bytes, str] = {}
    for folder in dict.fromkeys((sysconfig.get_paths()["stdlib"], *site.getsitepackages())):
        for path in sorted(Path(folder).rglob("*.py")):
            for text in _pieces(path):
                texts.setdefault(hashlib.sha256(text.encode()).digest(), text)
            if len(texts) >= most:
                break
    return [texts[key] for key in sorted(texts)][:most]


def _pieces(path: Path) -> Iterator[str]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            return
        source = path.read_text("utf-8")
        tree, lines = ast.parse(source), source.split("\n")
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            if _SHORT <= len(text) <= _LONG:
                yield text


def terms(unit: UnitOfPrivacy, cell: Cell, public: Sequence[PublicShard] = ()) -> FederationConfig:
    """The federation of one cell."""
    rounds = cell.rounds
    training = msgspec.structs.replace(
        default_training("tiny", "document"), local_steps=LOCAL_STEPS, decay_steps=2 * rounds * LOCAL_STEPS
    )
    return FederationConfig(
        run_id=f"{1:032x}",
        name="bench",
        operator="bench",
        jurisdiction="none",
        purpose="",
        licence="Apache-2.0",
        withdrawal="",
        seed=1,
        model=preset("tiny"),
        tokenizer=TokenizerSpec(sha256=BUILTIN["hedgerow-4k"], origin="Python documentation"),
        training=training,
        outer=OuterConfig(),
        privacy=PrivacyTerms(unit=unit, relation="none" if unit == "none" else "zero-out", subspace=cell.kept),
        public_data=tuple(public),
        codec=CodecConfig(name="int8"),
        schedule=ScheduleConfig(rounds=rounds, cohort_size=1, quorum=1),
    )


def public_text(folder: Path) -> list[ShardRef]:
    """Shards of the documentation that every Python carries: text of another kind than what is trained on."""
    path = folder / "public.txt"
    path.write_text("\n".join(topics[name] for name in sorted(topics)), "utf-8")
    facts = write_public(path, Tokenizer.load(builtin_tokenizer_path()), folder)
    return [
        ShardRef(path=f.path, sha256=f.sha256, tokens=f.tokens, documents=f.documents, text_bytes=f.text_bytes)
        for f in facts
    ]


def _listed(shard: ShardRef) -> PublicShard:
    return PublicShard(sha256=shard.sha256, weight=1.0, tokens=shard.tokens, bytes=Path(shard.path).stat().st_size)


def run(cell: Cell, texts: list[str], held_out: str, threads: int) -> dict[str, Any]:
    """One cell."""
    unit: UnitOfPrivacy = "document" if cell.epsilon else "none"
    batch, steps, epsilon = default_training("tiny", "document").batch_size, cell.rounds * LOCAL_STEPS, cell.epsilon
    plan, sigma, spent = PrivacyPlan(unit="none"), 0.0, 0.0
    if epsilon:
        solved = solve(
            Solve(
                unit="document", n=len(texts), batch_size=batch, steps_per_round=LOCAL_STEPS, rounds=cell.rounds,
                epsilon=epsilon, delta=target_delta(len(texts), 1e-5),
            )
        )  # fmt: skip
        sigma, spent = solved.noise_multiplier, solved.epsilon_planned
        plan = PrivacyPlan(
            unit="document", clip_norm=1.0, noise_multiplier=sigma, sampling_prob=solved.sampling_prob,
            steps=LOCAL_STEPS, units=solved.units, subspace=cell.kept,
        )  # fmt: skip
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder:
        shards = public_text(Path(folder)) if cell.subspace == "public" else []
        config = terms(unit, cell, [_listed(shard) for shard in shards])
        public = CorpusRef(corpus_id="public", shards=tuple(shards)) if shards else None
        simulation = Simulation(config, [texts], held_out, Path(folder), plans=[plan], public=public, threads=threads)
        initial, _ = simulation.measure()
        curve = [closed.bits_per_byte for closed in simulation.run()]
    released = reduced_size(parameter_shapes(config.model), cell.kept)
    noise = sigma * released**0.5 / (batch * steps**0.5)
    return {
        **cell._asdict(), "charged": spent, "noise_multiplier": sigma, "initial": initial,
        "curve": curve, "final": curve[-1], "noise_to_signal": noise, "batch": batch, "steps": steps,
        "released": released, "seconds": time.monotonic() - began,
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run what is missing, then draw."""
    parser = argparse.ArgumentParser(prog="python -m core.bench.private_learning")
    parser.add_argument("--out", type=Path, default=Path("private-learning"))
    parser.add_argument("--minutes", type=float, default=60.0, help="no further cell is begun after this time")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    record = given.out / "cells.jsonl"
    known = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    done = {
        Cell(row["documents"], row["rounds"], row["epsilon"], row.get("subspace", "none"), row.get("rank", 8))
        for row in known
    }
    found = found_documents()
    held_out, rest = "\n\n".join(found[:HELD_OUT]), found[HELD_OUT:]
    until = time.monotonic() + 60.0 * given.minutes
    for cell in CELLS:
        if cell in done or len(rest) < cell.documents or time.monotonic() > until:
            continue
        row = run(cell, rest[: cell.documents], held_out, given.threads)
        with record.open("a") as stream:
            stream.write(json.dumps(row) + "\n")
        known.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    picture(known, given.out / "private-learning.svg")
    about = machine()
    print(f"{about['processor']}, {about['cores']} cores, torch {about['torch']}; {len(found):,} documents found here")
    for row in sorted(known, key=lambda row: (row["documents"], row["epsilon"])):
        name = f"ε {row['epsilon']:g}" if row["epsilon"] else "no noise"
        if row.get("subspace", "none") != "none":
            name += f", {row['subspace']} {row.get('rank', 8) if row['subspace'] != 'mask' else ''}".rstrip()
        print(
            f"{row['documents']:>7,} documents, {name:>22}: {row['initial']:.3f} → {row['final']:.3f} bits per byte, "
            f"σ {row['noise_multiplier']:.3f}, noise to signal {row['noise_to_signal']:.2f}"
        )
    return 0


def _flat(row: dict[str, Any]) -> bool:
    return bool(row.get("subspace", "none") == "none")


def picture(rows: list[dict[str, Any]], path: Path) -> None:
    """Bits per byte against ε, one line for each number of documents; without noise as a level."""
    lines = []
    for size in DRAWN:
        private = sorted(
            (r["epsilon"], r["final"]) for r in rows if r["documents"] == size and r["epsilon"] and _flat(r)
        )
        bare = [r["final"] for r in rows if r["documents"] == size and not r["epsilon"]]
        if private:
            lines.append(Line(f"{size:,} documents", tuple(private)))
        if bare:
            lines.append(Line(f"{size:,}, no noise", tuple((e, bare[0]) for e in EPSILONS), dashed=True))
    if rows:
        lines.append(Line("untrained", tuple((e, rows[0]["initial"]) for e in EPSILONS), dashed=True))
    path.write_text(draw(lines, "ε of the whole plan", "held-out bits per byte"), "utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
