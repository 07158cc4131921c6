"""Many volunteers in one process, without Flower, sockets or a ledger: real shards, trainer, chain and outer optimiser.

For tests of the mathematics and for benchmarks. It holds no private text, so its trainers are not sandboxed and
nothing is charged; a volunteer trains in ``core.engine``. Example::

    simulation = Simulation(config, [["text of one"], ["text of another"]], "held-out text", folder)
    for closed in simulation.run():
        print(closed.server_round, closed.bits_per_byte)
"""

from __future__ import annotations

import hashlib
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core import vault
from core.aggregation import MeanAccumulator
from core.config.federation import FederationConfig
from core.config.learning import AggregationTerms
from core.coordinator.learning.model_files import values_of
from core.coordinator.learning.outer_optimizer import OuterStep, averaged, moved, outer_step
from core.data.packing import Packer
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path
from core.influence import NORM_ROUNDS
from core.jobs import CorpusRef, DPRecord, Job, PrivacyPlan, Sealed, ShardRef, TrainJob
from core.model.checkpoint_io import file_sha256, write_weights
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes
from core.model.transformer import Transformer
from core.postprocess.base import build_chain
from core.postprocess.compression.delta import Sending, Values
from core.robust import combine
from core.training.evaluation import score, text_windows
from core.training.plan import use_threads
from core.training.round import SEALED_CONTEXT, TrainingRound
from core.training.worker import rooms_of
from core.update import Array, ModelUpdate

MAX_WINDOWS = 256


@dataclass(frozen=True, kw_only=True)
class ClosedRound:
    """What one round did."""

    server_round: int
    bits_per_byte: float
    nats_per_token: float
    training_loss: float | None
    upload_bytes: int
    dense_bytes: int
    seconds: float
    updates: tuple[str, ...]
    """SHA-256 of each sealed update, in the order of the clients."""


@dataclass
class QuietEngine:
    """Stands where a volunteer's engine would be: grants every charge and keeps every message."""

    messages: list[Job] = field(default_factory=list)

    def send(self, message: Job) -> None:
        """Keep it."""
        self.messages.append(message)

    def wait_for_grant(self) -> int:
        """There is no ledger here."""
        return 1

    def check_pause(self) -> None:
        """Nobody pauses a simulation."""


class Client:
    """One volunteer: its shards, its key, its optimiser state."""

    def __init__(self, number: int, folder: Path, texts: Sequence[str], seed: int) -> None:
        self.number = number
        self.folder = folder
        self.key = hashlib.sha256(f"simulated store key {seed} {number}".encode()).digest()
        tokenizer = Tokenizer.load(builtin_tokenizer_path())
        (folder / "store").mkdir(parents=True)
        packer = Packer(folder / "store", self.key, tokenizer)
        for text in texts:
            packer.add(text)
        shards = tuple(
            ShardRef(path=s.path, sha256=s.sha256, tokens=s.tokens, documents=s.documents, text_bytes=s.text_bytes)
            for s in packer.finish()
        )
        self.corpus = CorpusRef(corpus_id=f"{number:032x}", shards=shards)
        self.records = packer.totals.records

    def train(
        self,
        config: FederationConfig,
        plan: PrivacyPlan,
        base: Path,
        server_round: int,
        threads: int,
        public: CorpusRef | None = None,
    ) -> tuple[bytes, Sealed, DPRecord | None]:
        """One round of local steps, through the real loop and chain; returns the sealed bytes and what was said."""
        round_dir = self.folder / f"round-{server_round}"
        round_dir.mkdir()
        job = TrainJob(
            federation_id=config.run_id,
            run_id=config.run_id,
            server_round=server_round,
            round_dir=str(round_dir),
            state_dir=str(self.folder / "state"),
            base_path=str(base),
            base_sha256=file_sha256(base),
            model=config.model,
            training=config.training,
            codec=config.codec,
            privacy=plan,
            corpora=(self.corpus,),
            tokenizer_path=str(builtin_tokenizer_path()),
            step_clock=(server_round - 1) * config.training.local_steps,
            local_steps=config.training.local_steps,
            seed=config.seed,
            public=public,
            threads=threads,
            held_out_windows=0,
            sandbox=False,
        )
        engine = QuietEngine()
        sealed = TrainingRound(job, self.key, engine, rooms_of(job, self.key)).run()
        payload = vault.decrypt_file(Path(sealed.path), self.key, SEALED_CONTEXT)
        records = [message for message in engine.messages if isinstance(message, DPRecord)]
        shutil.rmtree(round_dir)
        return payload, sealed, records[-1] if records else None


class Simulation:
    """A federation whose whole population is the cohort of every round."""

    def __init__(
        self,
        config: FederationConfig,
        texts: Sequence[Sequence[str]],
        held_out: str,
        folder: Path,
        *,
        plans: Sequence[PrivacyPlan] | None = None,
        public: CorpusRef | None = None,
        threads: int = 1,
    ) -> None:
        """Write every client's shards and the first weights.

        Args:
            config: the federation; its tokenizer must be the built-in one.
            texts: the documents of each client.
            held_out: what the model is measured on; no client has it.
            folder: a folder for shards and optimiser states.
            public: shards that everybody has, of federations that have some.
            plans: the privacy plan of each client; without them the unit must be ``none``.
            threads: for the mathematics.

        Raises:
            ValueError: a unit of privacy without plans.
        """
        if plans is None and config.privacy.unit != "none":
            raise ValueError(f"unit {config.privacy.unit!r} needs a plan for each client")
        self.config = config
        self.folder = folder
        self.threads = threads
        self.public = public
        self.clients = [Client(i, folder / f"client-{i}", given, config.seed) for i, given in enumerate(texts)]
        self.plans = list(plans or [PrivacyPlan(unit="none")] * len(self.clients))
        self.weights: dict[str, Array] = seeded_weights(config.model, config.seed)
        self._held_back: dict[str, Array] | None = None
        self._before = OuterStep({}, None, {})
        self._strategy_state = b""
        self._norms: list[tuple[float, ...]] = []
        self._shapes = parameter_shapes(config.model)
        self._chain = build_chain(config.privacy, config.codec)
        self._tokenizer = Tokenizer.load(builtin_tokenizer_path())
        self._windows = text_windows(self._tokenizer.encode(held_out), config.training.seq_len, MAX_WINDOWS)
        self._round = 0
        use_threads(threads)

    def measure(self) -> tuple[float, float]:
        """Bits per byte and nats per token of the present weights on the held-out text."""
        model = Transformer(self.config.model)
        model.load_arrays(self.weights)
        found = score(model, self._windows, self._tokenizer.byte_lengths)
        return found.bits_per_byte, found.nats_per_token

    def run(self) -> Iterator[ClosedRound]:
        """Every round that is left, one by one."""
        while self._round < self.config.schedule.rounds:
            yield self.step()

    def step(self) -> ClosedRound:
        """One round: every client trains from the same weights, the mean moves them."""
        self._round += 1
        began = time.monotonic()
        base = self.folder / "base.safetensors"
        write_weights(base, self.weights)
        payloads: list[bytes] = []
        said: list[float | None] = []
        hashes = []
        for client, plan in zip(self.clients, self.plans, strict=True):
            payload, sealed, _ = client.train(self.config, plan, base, self._round, self.threads, self.public)
            payloads.append(payload)
            hashes.append(sealed.sha256)
            said.append(sealed.mean_loss if plan.unit == "none" else None)
        losses = [loss for loss in said if loss is not None]
        if self.config.outer.optimizer == "strategy":
            self._take_strategys_step(payloads, said)
        else:
            mean, before = self._combined(payloads, said), self._before
            self._before = outer_step(self.config.outer, self.weights, mean, before.momentum, before.second_moment)
            self.weights = self._sent(self._before.weights)
        bits, nats = self.measure()
        return ClosedRound(
            server_round=self._round,
            bits_per_byte=bits,
            nats_per_token=nats,
            training_loss=sum(losses) / len(losses) if losses else None,
            upload_bytes=sum(map(len, payloads)),
            dense_bytes=len(self.clients) * sum(array.nbytes for array in self.weights.values()),
            seconds=time.monotonic() - began,
            updates=tuple(hashes),
        )

    def _sent(self, stepped: dict[str, Array]) -> dict[str, Array]:
        """What volunteers hold after the coordinator sent these weights."""
        if self.config.downlink.mode == "whole":
            return stepped
        held_back = None if self._held_back is None else values_of(self._held_back)
        sending = Sending(self._shapes, values_of(self.weights), values_of(stepped), held_back)
        _, sent = sending.encode(self.config.downlink.codec)
        self._held_back = self._whole(sending.left(sent))
        return self._whole(sent.after(values_of(self.weights)))

    def _whole(self, values: Values) -> dict[str, Array]:
        return {name: values(name, 0, math.prod(shape)).reshape(shape) for name, shape in self._shapes.items()}

    def _take_strategys_step(self, payloads: Sequence[bytes], losses: Sequence[float | None]) -> None:
        """As the coordinator does: the whole cohort at once, then η of the way."""
        from core.coordinator.learning import strategy  # Flower is loaded by whoever has a strategy alone

        outer, base, trained = self.config.outer, self.weights, []
        for payload, loss in zip(payloads, losses, strict=True):
            trained.append(({n: base[n] - a for n, a in self.decode(payload).arrays.items()}, loss))
        given = strategy.aggregate(strategy.load(outer.strategy), self._round, base, trained, self._strategy_state)
        self._strategy_state = given.state
        stepped = {
            name: averaged(outer, base[name], new)
            if outer.learning_rate == 1
            else moved(outer, base[name], base[name] - new)
            for name, new in given.weights.items()
        }
        self.weights = self._sent(stepped)

    def _combined(self, payloads: Sequence[bytes], losses: Sequence[float | None]) -> ModelUpdate:
        """What the terms make of a round's updates; nobody is late, and everybody was asked."""
        terms = self.config.aggregation
        if terms == AggregationTerms():
            total = MeanAccumulator(self._shapes)
            for payload in payloads:
                total.add(self.decode(payload))
            return total.mean()
        share, momentum = np.float32(1.0 - self.config.outer.momentum), self._before.momentum
        found = combine(
            [self.decode(payload) for payload in payloads],
            terms,
            losses=losses,
            accepted_before=[self._round - 1] * len(payloads),
            history=[norm for norms in self._norms[1 - NORM_ROUNDS :] for norm in norms],
            centre=None if momentum is None else ModelUpdate({name: share * m for name, m in momentum.items()}),
        )
        self._norms.append(found.norms)
        return found.update

    def decode(self, payload: bytes) -> ModelUpdate:
        """A sealed update as the coordinator reads it."""
        return self._chain.decode(payload, self._shapes)
