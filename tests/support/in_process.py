"""The conductor's transport without Flower: volunteers with real keys who answer in this process."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from core.config.federation import FederationConfig
from core.coordinator.founding import found
from core.coordinator.home import Federation, HostSettings
from core.coordinator.learning.model_files import ModelFiles
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.records.store import Store
from core.coordinator.rounds.admission import Admission, RawReply
from core.coordinator.rounds.conductor import Conductor
from core.coordinator.rounds.letters import Answer, Letter
from core.federation.identity import NodeKey, key_id
from core.federation.protocol import ReplySeal, TrainInstruction, metrics_hash, read_instruction
from core.postprocess.compression.codec import encode
from core.update import Array, ModelUpdate

TOKENIZER = b'{"a": "tokenizer"}'
Train = Callable[[str, dict[str, Array], TrainInstruction], tuple[ModelUpdate, dict[str, float]]]
"""(volunteer, base weights, instruction) → pseudo-gradient and metrics."""


class InProcess:
    """A founded federation, its store, its volunteers, and a conductor over them."""

    def __init__(
        self,
        folder: Path,
        config: FederationConfig,
        volunteers: Sequence[str],
        train: Train,
        settings: HostSettings | None = None,
        larger: bytes | None = None,
    ) -> None:
        tokenizer = msgspec.structs.replace(config.tokenizer, sha256=hashlib.sha256(TOKENIZER).hexdigest())
        config = msgspec.structs.replace(config, tokenizer=tokenizer)
        self.federation: Federation = found(folder, config, settings or HostSettings(), TOKENIZER, larger=larger)
        self.store: Store = self.federation.store()
        self.files = ModelFiles(self.federation)
        self.letters: list[list[Letter]] = []
        """One list per call to ``send``."""
        self.names: dict[str, str] = {}
        self._keys: dict[str, NodeKey] = {}
        self.away: set[str] = set()
        """Names of those who cannot be reached."""
        self.slow: set[tuple[str, int]] = set()
        """(name, round): answers that wait until ``deliver``."""
        self.held: list[Answer] = []
        self.on_send: Callable[[], object] = lambda: None
        """Called after letters were sent."""
        self._train = train
        self._answers: list[Answer] = []
        self.store.take_claim()
        self.store.add_token(b"t" * 16, len(volunteers), time.time() + 3_600)
        for number, name in enumerate(volunteers, 1):
            key = NodeKey.generate()
            identity = key_id(key.public_pem)
            self.store.bind(key.public_pem, b"t" * 16, time.time())
            self.store.set_node_id(identity, str(number))
            self._keys[identity], self.names[identity] = key, name

    def conductor(self) -> Conductor:
        """The real conductor with the real admission and chain."""
        updates = UpdateReader(self.federation.config)
        admission = Admission(
            self.federation.config,
            federation_id=self.federation.federation_id,
            manifest_hash=self.federation.manifest_hash,
            updates=updates,
        )
        return Conductor(self.federation, self.store, self, admission, updates, lambda: None)

    def online(self) -> frozenset[str]:
        """Everybody who has not left and is not away."""
        return frozenset(one.node_id for one in self.store.volunteers() if self.names[one.key_id] not in self.away)

    def send(self, letters: Sequence[Letter]) -> None:
        """Answer each letter at once, but for those who are slow: their answers wait in ``held``."""
        self.letters.append(list(letters))
        for letter in letters:
            answer = Answer(letter=letter, reply=self._reply(letter))
            slow = (self.names[letter.key_id], letter.server_round) in self.slow
            (self.held if slow else self._answers).append(answer)
        self.on_send()

    def deliver(self, server_round: int) -> None:
        """What was held back of a round comes now."""
        self._answers += [answer for answer in self.held if answer.letter.server_round == server_round]
        self.held = [answer for answer in self.held if answer.letter.server_round != server_round]

    def pass_deadline(self) -> None:
        """The open round's deadline is over."""
        current = self.store.open_round()
        assert current is not None
        self.store.extend(current.server_round, 1.0, (), count=False)

    def answers(self) -> list[Answer]:
        """What has come since the last call."""
        found, self._answers = self._answers, []
        return found

    def uploading(self, server_round: int) -> frozenset[str]:
        """Nobody is halfway."""
        return frozenset()

    def base(self, sha256: str) -> dict[str, Array]:
        """The weights a volunteer starts from."""
        return self.files.weights(sha256)

    def _reply(self, letter: Letter) -> RawReply:
        instruction = read_instruction(letter.record)
        base = self.base(instruction.base_hash)
        update, metrics = self._train(self.names[letter.key_id], base, instruction)
        payload = encode(update, self.federation.config.codec)
        return RawReply(seal=self._seal(letter, instruction, payload, metrics), metrics=metrics, payload=payload)

    def _seal(
        self, letter: Letter, instruction: TrainInstruction, payload: bytes, metrics: Mapping[str, float]
    ) -> dict[str, object]:
        seal = ReplySeal(
            federation_id=self.federation.federation_id,
            run_id=instruction.run_id,
            server_round=instruction.server_round,
            nonce=instruction.nonce,
            manifest_hash=instruction.manifest_hash,
            base_hash=instruction.base_hash,
            shard=instruction.shard,
            update_sha256=hashlib.sha256(payload).hexdigest(),
            metrics_sha256=metrics_hash(metrics),
            public_key=b"",
        )
        return seal.signed_by(self._keys[letter.key_id]).to_record()
