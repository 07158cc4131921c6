"""``hedgerow bench coordinator``: memory and time of closing a round, with updates that lie in their files.

The ServerApp's own parts run in a process of their own, without Flower's grid: spool, admission, mean, outer step with
momentum, checkpoint. Three volunteers' updates are made beforehand. Two rounds, so that momentum is read as well.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.bench.rows import Row
from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.federation import FederationConfig
from core.config.learning import OuterConfig
from core.config.model import TokenizerSpec
from core.config.privacy import PrivacyTerms
from core.coordinator.founding import found
from core.coordinator.home import Federation, HostSettings
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.rounds.admission import Admission, RawReply
from core.coordinator.rounds.conductor import Conductor
from core.coordinator.rounds.letters import Answer, Letter
from core.federation.identity import NodeKey, key_id
from core.federation.protocol import ReplySeal, SpooledUpdate, metrics_hash, read_instruction
from core.model.layout import parameter_shapes
from core.model.presets import num_parameters, preset
from core.model.recipes import default_training
from core.postprocess.compression.codec import encode
from core.update import ModelUpdate

UPDATES = 3
ROUNDS = 2
TOKENIZER = b'{"nobody": "reads this"}'


def terms(name: str) -> FederationConfig:
    """The federation that is measured."""
    return FederationConfig(
        run_id="0" * 32,
        name="bench",
        operator="bench",
        jurisdiction="none",
        purpose="",
        licence="Apache-2.0",
        withdrawal="",
        seed=1,
        model=preset(name),
        tokenizer=TokenizerSpec(sha256=hashlib.sha256(TOKENIZER).hexdigest(), origin=""),
        training=default_training(name, "none"),
        outer=OuterConfig(optimizer="fedmom", learning_rate=0.5, momentum=0.9),
        privacy=PrivacyTerms(unit="none", relation="none"),
        codec=CodecConfig(),
        schedule=ScheduleConfig(rounds=ROUNDS, cohort_size=UPDATES, quorum=UPDATES),
    )


def measure(name: str = "125m-gpt2") -> list[Row]:
    """Found a federation, make updates, and have another process do its rounds."""
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder:
        context = multiprocessing.get_context("spawn")
        for target in (_prepare, _serve):
            child = context.Process(target=target, args=(Path(folder), name))
            child.start()
            child.join()
            if child.exitcode:
                raise RuntimeError(f"measuring {name} failed")
        found_ = json.loads((Path(folder) / "found").read_text())
    model = 4 * num_parameters(preset(name)) / 1e6
    spare, update = found_["peak_mb"] - found_["rest_mb"], found_["update_bytes"] / 1e6
    what = f"closing a round of {name}, {UPDATES} updates of {update:.0f} MB"
    return [
        Row(
            metric=f"{what}: memory above rest", unit="MB", value=round(spare, 1), anchor=f"the model {model:.0f} MB",
            gate="≤ the model", holds=spare <= model,
        ),
        Row(metric=f"{what}: peak RSS", unit="MB", value=round(found_["peak_mb"], 1)),
        Row(metric=f"{what}: admission, mean, step, checkpoint", unit="s", value=round(found_["seconds"] / ROUNDS, 1)),
        Row(metric=f"making the first weights of {name}: peak RSS", unit="MB", value=round(found_["founding_mb"], 1)),
    ]  # fmt: skip


def _prepare(folder: Path, name: str) -> None:
    """The folder of the federation, and everybody's updates beside it."""
    config = terms(name)
    found(folder / "federation", config, HostSettings(), TOKENIZER)
    (folder / "founding").write_text(str(_peak_mb()))
    shapes, rng = parameter_shapes(config.model), np.random.default_rng(0)
    for number in range(UPDATES * ROUNDS):
        arrays = {n: np.float32(0.01) * rng.standard_normal(s, dtype=np.float32) for n, s in shapes.items()}
        (folder / f"update-{number}").write_bytes(encode(ModelUpdate(arrays), config.codec))


def _serve(folder: Path, name: str) -> None:
    federation = Federation(folder / "federation")
    store = federation.store()
    store.add_token(b"t" * 16, UPDATES, time.time() + 60)
    people = _People(federation, folder)
    for number, (identity, key) in enumerate(people.keys.items()):
        store.bind(key.public_pem, b"t" * 16, time.time())
        store.set_node_id(identity, str(number))
    store.take_claim()
    updates = UpdateReader(federation.config)
    admission = Admission(
        federation.config, federation_id=federation.federation_id, manifest_hash=federation.manifest_hash,
        updates=updates,
    )  # fmt: skip
    conductor = Conductor(federation, store, people, admission, updates, lambda: None)
    rest, began = _peak_mb(), time.perf_counter()
    conductor.run()
    said = {
        "rest_mb": rest, "peak_mb": _peak_mb(), "seconds": time.perf_counter() - began,
        "update_bytes": updates.sizes("full")[0], "founding_mb": float((folder / "founding").read_text()),
    }  # fmt: skip
    (folder / "found").write_text(json.dumps(said))


class _People:
    """A transport whose volunteers answer at once, with updates that lie in the spool."""

    def __init__(self, federation: Federation, folder: Path) -> None:
        made = [NodeKey.generate() for _ in range(UPDATES)]
        self.keys = {key_id(key.public_pem): key for key in made}
        self._federation, self._folder, self._waiting = federation, folder, list[Answer]()

    def online(self) -> frozenset[str]:
        return frozenset(map(str, range(UPDATES)))

    def uploading(self, server_round: int) -> frozenset[str]:
        return frozenset()

    def answers(self) -> list[Answer]:
        found_, self._waiting = self._waiting, []
        return found_

    def send(self, letters: Sequence[Letter]) -> None:
        for letter in letters:
            self._waiting.append(Answer(letter=letter, reply=self._reply(letter)))

    def _reply(self, letter: Letter) -> RawReply:
        number = list(self.keys).index(letter.key_id)
        source = self._folder / f"update-{(letter.server_round - 1) * UPDATES + number}"
        with source.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        target = self._federation.home.spool.path(letter.key_id, sha256)
        target.parent.mkdir(exist_ok=True)
        os.replace(source, target)
        instruction = read_instruction(letter.record)
        metrics: dict[str, Any] = {"steps": float(instruction.local_steps)}
        seal = ReplySeal(
            federation_id=self._federation.federation_id,
            run_id=instruction.run_id,
            server_round=instruction.server_round,
            nonce=instruction.nonce,
            manifest_hash=instruction.manifest_hash,
            base_hash=instruction.base_hash,
            shard=instruction.shard,
            update_sha256=sha256,
            metrics_sha256=metrics_hash(metrics),
            public_key=b"",
        ).signed_by(self.keys[letter.key_id])
        payload = SpooledUpdate(sha256=sha256, size_bytes=target.stat().st_size)
        return RawReply(seal=seal.to_record(), metrics=metrics, payload=payload)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
