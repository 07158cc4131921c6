"""A whole federation on this machine: a coordinator, volunteers, real text, and nothing left behind."""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from core.api.errors import CoordinatorError, CorpusError, EngineError, HedgerowError
from core.config.base import UnitOfPrivacy
from core.config.privacy import PrivacyTerms
from core.data.stream import MIN_RECORD_TOKENS
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path
from core.demo import report
from core.demo.folder import demo_folder, model_folder, signals_ignored, signals_interrupt
from core.demo.host import Host
from core.demo.processes import Children
from core.demo.state import Demo, Round, Volunteer
from core.demo.text import Split, byte_entropy, default_text, given_text, split, write_share
from core.demo.view import View
from core.demo.volunteer import VolunteerEngine
from core.model.recipes import default_training
from core.postprocess.privacy.accountant import bucket

EPSILON = 8.0
DP_STEPS = 16
"""DP-SGD steps a round; on two processor cores three rounds then take about three minutes."""
_RECORD_TOKENS = 128
_TRAINED = 0.93
"""Share of the records that is trained on, at the least; the reader holds back about a twentieth."""
_SETTLE_S = 10.0

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line asked for."""

    volunteers: int = 2
    rounds: int = 3
    preset: str = "tiny"
    privacy: UnitOfPrivacy = "record"
    corpora: tuple[Path, ...] = ()
    keep: Path | None = None
    as_json: bool = False
    local_steps: int | None = None
    """Steps a round; ``None`` leaves the preset's."""
    window_command: tuple[str, ...] = ()
    shards: int = 1
    """Parts of the model that are trained apart."""


def run(options: Options) -> None:
    """Run the demo to its end and print the result.

    Raises:
        HedgerowError: what went wrong; every process is gone and the folder is removed unless it was to be kept.
        KeyboardInterrupt: a signal asked to stop; the same holds.
    """
    texts = split(given_text(options.corpora) if options.corpora else default_text(), options.volunteers)
    refuse_small_shares(texts, options)
    with signals_interrupt(), demo_folder(options.keep) as folder:
        children = Children(folder / "logs")
        try:
            _Run(options, texts, folder, children).to_the_end()
        finally:
            with signals_ignored():
                children.stop()


def refuse_small_shares(texts: Split, options: Options) -> None:
    """Refuse by name, before anything starts, a share with fewer units of privacy than the plan needs.

    Raises:
        CorpusError: naming the volunteer, what it has and how much is needed.
    """
    needed = needed_units(options.preset, options.privacy)
    tokenizer = Tokenizer.load(builtin_tokenizer_path())
    whole = options.privacy == "document"
    for number, share in enumerate(texts.shares, 1):
        tokens = [len(tokenizer.encode(document.text)) for document in share]
        units = sum(count >= MIN_RECORD_TOKENS if whole else count // _RECORD_TOKENS for count in tokens)
        if units < needed:
            named = "documents" if whole else f"records of {_RECORD_TOKENS} tokens"
            raise CorpusError(
                f"The share of volunteer {number} has {units} {named}, but unit {options.privacy} needs at least "
                f"{needed}.",
                "Give more text with --corpus, or fewer --volunteers.",
            )


def needed_units(preset: str, unit: UnitOfPrivacy) -> int:
    """Fewest records, or documents, of a share: enough that a batch is a small sample of what is not held out."""
    training = default_training(preset, unit)
    if unit in {"record", "document"}:
        largest = PrivacyTerms(unit=unit, relation="zero-out").max_sampling_prob
        return next(n for n in itertools.count(1) if bucket(int(_TRAINED * n)) * largest >= training.batch_size)
    return 2 * training.seq_len // _RECORD_TOKENS + 2


def in_parallel(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Results of all tasks, in order, each from a thread that does not hold up an interrupt.

    Raises:
        HedgerowError: the first task that failed, as soon as it did.
    """
    done: queue.SimpleQueue[tuple[int, T | HedgerowError]] = queue.SimpleQueue()

    def work(number: int, task: Callable[[], T]) -> None:
        try:
            done.put((number, task()))
        except HedgerowError as error:
            done.put((number, error))
        except BaseException as error:  # noqa: BLE001 - whatever it is must not leave the main thread waiting
            done.put((number, EngineError(f"The demo failed inside: {type(error).__name__}: {error}")))

    for number, task in enumerate(tasks):
        threading.Thread(target=work, args=(number, task), daemon=True).start()
    found: dict[int, T] = {}
    while len(found) < len(tasks):
        try:
            number, result = done.get(timeout=0.2)
        except queue.Empty:
            continue
        if isinstance(result, HedgerowError):
            raise result
        found[number] = result
    return [found[number] for number in range(len(tasks))]


class _Run:
    """One run, step by step."""

    def __init__(self, options: Options, texts: Split, folder: Path, children: Children) -> None:
        self._options = options
        self._texts = texts
        self._folder = folder
        self._children = children
        self._host = Host(folder / "coordinator", children)
        names = [f"volunteer {i + 1}" for i in range(options.volunteers)]
        self._demo = Demo(options.privacy, options.rounds, [Volunteer(name) for name in names])
        self._engines = [
            VolunteerEngine(name, folder / name.replace(" ", "-"), folder / "texts" / name.replace(" ", "-"), children)
            for name in names
        ]
        self._demo.unigram_bits_per_byte = byte_entropy(texts.held_out)
        self._demo.held_out_bytes = len(texts.held_out.encode())

    def to_the_end(self) -> None:
        """From the texts to the printed result."""
        with View() as view:
            self._write_texts()
            self._start_coordinator(view)
            self._start_volunteers(view)
            window = self._open_window()
            self._join(view)
            self._watch(view)
            self._say(view, "asking each volunteer what it was charged")
            self._settle()
            model_dir = self._export()
        if self._options.as_json:
            report.print_json(report.document(self._demo, model_dir, self._options.keep))
        else:
            report.print_table(self._demo, model_dir, self._options.keep)
        if window is not None and window.poll() is None:
            print("The window stays open; close it to end the demo.", file=sys.stderr, flush=True)
            window.wait()

    def _say(self, view: View, doing: str) -> None:
        self._demo.doing = doing
        view.show(self._demo)

    def _write_texts(self) -> None:
        for volunteer, share in zip(self._demo.volunteers, self._texts.shares, strict=True):
            volunteer.documents = write_share(self._folder / "texts" / volunteer.name.replace(" ", "-"), share)
        (self._folder / "held-out.txt").write_text(self._texts.held_out, "utf-8")

    def _start_coordinator(self, view: View) -> None:
        self._say(view, "starting the coordinator")
        count = str(self._options.volunteers)
        self._host.create(
            [
                *("--name", "Hedgerow demo", "--operator", "this machine"),
                *("--purpose", "To show a federation at work on this machine."),
                *("--preset", self._options.preset, "--privacy", self._options.privacy),
                *("--rounds", str(self._options.rounds), "--cohort", count, "--quorum", count),
                *("--shards", str(self._options.shards), "--deadline", "20m", "--upload-slot", "5s"),
                *("--evaluate", str(self._folder / "held-out.txt")),
                *(("--local-steps", str(self._options.local_steps)) if self._options.local_steps else ()),
            ]
        )
        self._host.start(lambda why: self._say(view, why))

    def _start_volunteers(self, view: View) -> None:
        self._say(view, "starting the volunteers")
        for engine in self._engines:
            engine.start()
        self._say(view, "reading the texts")
        threads = max(1, (os.cpu_count() or 1) // len(self._engines))
        read = in_parallel([partial(engine.prepare, threads) for engine in self._engines])
        for volunteer, info in zip(self._demo.volunteers, read, strict=True):
            volunteer.tokens = info.tokens

    def _open_window(self) -> subprocess.Popen[str] | None:
        if not self._options.window_command:
            return None
        return self._children.start_window([*self._options.window_command, str(self._engines[0].home)])

    def _join(self, view: View) -> None:
        self._say(view, "the volunteers read the terms and join")
        invite = self._host.invite(len(self._engines))
        in_parallel([partial(engine.join, invite, EPSILON) for engine in self._engines])
        for engine in self._engines:
            engine.follow()

    def _watch(self, view: View) -> None:
        """Follow coordinator and engines until the last round is closed."""
        self._say(view, "training")
        while not self._demo.finished:
            self._take_events()
            view.show(self._demo)
            for engine in self._engines:
                engine.check()
            time.sleep(0.1)

    def _take_events(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(self._host.events.get_nowait())
        self._host.check()
        for engine, volunteer in zip(self._engines, self._demo.volunteers, strict=True):
            with contextlib.suppress(queue.Empty):
                while True:
                    volunteer.observe(engine.snapshots.get_nowait(), self._demo.unit)

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == "evaluated" and event.get("round") == 0:
            self._demo.initial_bits_per_byte = event["bits_per_byte"]
        elif kind == "round_closed":
            self._demo.rounds.append(Round.from_event(event))
        elif kind == "round_void":
            raise CoordinatorError(
                f"Round {event.get('round')} was given up.", "Run with --keep DIR and read its logs."
            )
        self._demo.finished = len(self._demo.rounds) >= self._demo.rounds_planned

    def _settle(self) -> None:
        """Wait until every update was acknowledged, for a while, then ask what was charged."""
        deadline = time.monotonic() + _SETTLE_S
        while time.monotonic() < deadline and not all(v.acknowledged for v in self._demo.volunteers):
            self._take_events()
            time.sleep(0.1)
        for engine, volunteer in zip(self._engines, self._demo.volunteers, strict=True):
            found = [budget for budget in engine.budgets() if budget.unit == self._demo.unit]
            volunteer.budget = found[0] if found else volunteer.budget

    def _export(self) -> Path:
        return self._host.export(model_folder(self._options.keep))
