"""The one file of the client that knows Flower's wire: the Fleet API, protobuf over HTTPS.

Six routes are called and no other: heartbeat, pull-messages, pull-object, confirm-message-received, push-messages and
push-object. The FAB, which is the coordinator's code, is never asked for. Traps that lost work when this was
tried against a real SuperLink, and what is done about each:

1. Repeating ``push-messages`` can be swallowed silently: ``Session`` is journaled and continued.
2. ``stored=False`` means "there already" or "session gone" alike: only the federation's receipt is the truth.
3. Availability is checked before a reply is handed over: stay online after an upload, never deactivate.
4. ``activate-node`` fails while an old heartbeat is valid: a heartbeat with the known node id does the same.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar, cast

import msgspec
import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.app.error import Error
from flwr.app.message import remove_content_from_message
from flwr.app.message.arraychunk import ArrayChunk
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.fleet_pb2 import (
    PullMessagesRequest,
    PullMessagesResponse,
    PushMessagesRequest,
    PushMessagesResponse,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest, SendNodeHeartbeatResponse
from flwr.proto.message_pb2 import (
    ConfirmMessageReceivedRequest,
    ConfirmMessageReceivedResponse,
    ObjectTree,
    PullObjectRequest,
    PullObjectResponse,
    PushObjectRequest,
    PushObjectResponse,
)
from flwr.proto.message_pb2 import Message as ProtoMessage
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_head_values_from_object_content,
    get_object_tree,
    iterate_object_tree,
)
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Protobuf

from core.api.errors import CoordinatorError
from core.federation.identity import NodeKey
from core.federation.protocol import INSTRUCTION, METRICS, SEAL, UPDATE, SpooledUpdate
from core.federation.transport import Answer, Transport, Unreachable

MAX_SMALL = 64 << 10
MAX_TREE = 1 << 20
MAX_OBJECT = 6 << 20
MAX_INSTRUCTION_OBJECTS = 16
SESSION_TTL_S = 170.0
"""The SuperLink forgets an upload session 180 s after its last object."""
_DECLINED = "declined"
_OUR_TYPES = frozenset({"Message", "RecordDict", "ConfigRecord"})
_RUN_NOT_ALLOWED = 2007
P = TypeVar("P", bound=Protobuf)


class RunEnded(CoordinatorError):
    """The Flower run of this message is over; the same round may come again under a new run."""


class Signer(Protocol):
    """What signs a timestamp for Flower and has a public key."""

    public_pem: bytes

    def sign(self, message: bytes) -> bytes:
        """ECDSA over SHA-256, DER."""
        ...


class Delivery(msgspec.Struct, frozen=True):
    """A message's envelope as the SuperLink handed it over; kept in a journal, since it is handed over once."""

    message: bytes
    tree: bytes

    @property
    def _metadata(self) -> Any:
        return _parse(ProtoMessage, self.message).metadata

    @property
    def message_id(self) -> str:
        """Object id of the message."""
        return str(self._metadata.message_id)

    @property
    def run_id(self) -> int:
        """Flower's run, which changes when the coordinator restarts."""
        return int(self._metadata.run_id)

    @property
    def message_type(self) -> str:
        """Such as ``train`` or ``evaluate``."""
        return str(self._metadata.message_type)

    @property
    def expires_at(self) -> float:
        """Coordinator's time after which no reply is taken."""
        metadata = self._metadata
        return float(metadata.created_at + metadata.ttl)


class Session(msgspec.Struct, kw_only=True):
    """The journal of one upload: enough to go on after a crash with the same session and the same objects."""

    delivery: Delivery
    session_id: str
    message_id: str
    objects: dict[str, bytes]
    """Contents of all objects but the chunks of the update, which come from the sealed file."""
    chunks: list[str]
    to_push: list[str]
    acknowledged: list[str] = []
    touched_at: float = 0.0

    @property
    def too_late(self) -> bool:
        """An empty list for new content: the SuperLink did not take the reply."""
        return not self.to_push

    @property
    def remaining(self) -> list[str]:
        """Objects still to send, in order."""
        done = set(self.acknowledged)
        return [object_id for object_id in self.to_push if object_id not in done]

    @property
    def expired(self) -> bool:
        """Whether the SuperLink has forgotten the session; the reply must be announced anew."""
        return bool(self.remaining) and time.time() - self.touched_at > SESSION_TTL_S

    def to_journal(self) -> str:
        """As JSON text."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_journal(cls, text: str) -> Session:
        """Read ``to_journal``.

        Raises:
            ValueError: it is not a journal.
        """
        return msgspec.json.decode(text, type=cls)


class Fleet:
    """One node at one SuperLink, directly or through a gateway."""

    def __init__(self, transport: Transport, key: NodeKey | Signer, node_id: int) -> None:
        self.transport = transport
        self.node_id = node_id
        self._key = key
        self._public = base64.b64encode(key.public_pem).decode()

    async def heartbeat(self, interval_s: float) -> None:
        """Be online for twice ``interval_s`` from now.

        Raises:
            RegistrationLost: the SuperLink does not know the node.
            ClockError: this machine's clock is off.
            Unreachable: try again.
        """
        request = SendNodeHeartbeatRequest(node=self._node, heartbeat_interval=interval_s)
        answer = await self._call("send-node-heartbeat", request, SendNodeHeartbeatResponse, MAX_SMALL)
        if not answer.success:
            raise self.transport.unauthorised()

    async def pull(self) -> Delivery | None:
        """The next message for this node, or ``None``. The SuperLink hands each over once: journal it first of all."""
        request = PullMessagesRequest(node=self._node)
        answer = await self._call("pull-messages", request, PullMessagesResponse, MAX_TREE)
        if not answer.messages_list or not answer.message_object_trees:
            return None
        tree = answer.message_object_trees[0]
        if tree.object_id != answer.messages_list[0].metadata.message_id:
            raise CoordinatorError("A message from the coordinator contradicts itself.", "It is ignored.")
        return Delivery(_dump(answer.messages_list[0]), _dump(tree))

    async def instruction(self, delivery: Delivery) -> dict[str, Any]:
        """Fetch a message's content: one ``ConfigRecord`` of scalars, still unchecked.

        Raises:
            CoordinatorError: it holds anything else, or objects that are not what their names say.
        """
        ids = [node.object_id for node in iterate_object_tree(_parse(ObjectTree, delivery.tree))]
        if len(set(ids)) > MAX_INSTRUCTION_OBJECTS:
            raise CoordinatorError("The coordinator's instruction has too many parts.", "It is ignored.")
        contents = {object_id: await self._object(delivery.run_id, object_id) for object_id in set(ids)}
        try:
            kinds = {get_object_head_values_from_object_content(content)[0] for content in contents.values()}
            if not kinds <= _OUR_TYPES:
                raise CoordinatorError("The coordinator's instruction holds more than settings.", "It is ignored.")
            message = inflate_object_from_contents(delivery.message_id, contents)
            assert isinstance(message, Message)
            record = message.content[INSTRUCTION]
            if list(message.content) != [INSTRUCTION] or not isinstance(record, ConfigRecord):
                raise CoordinatorError("The coordinator's instruction holds more than settings.", "It is ignored.")
            return dict(record)
        except (KeyError, ValueError, TypeError, IndexError, AssertionError, DecodeError, RecursionError) as error:
            raise CoordinatorError("The coordinator's instruction cannot be read.", "It is ignored.") from error

    async def _object(self, run_id: int, object_id: str) -> bytes:
        request = PullObjectRequest(node=self._node, run_id=run_id, object_id=object_id)
        for _ in range(20):
            answer = await self._call("pull-object", request, PullObjectResponse, MAX_OBJECT)
            if not answer.object_found:
                raise CoordinatorError("The coordinator announced something that is not there.", "It is ignored.")
            if answer.object_available:
                if hashlib.sha256(answer.object_content).hexdigest() != object_id:
                    raise CoordinatorError("Something from the coordinator does not match its hash.", "It is ignored.")
                return bytes(answer.object_content)
        raise Unreachable("A part of the coordinator's instruction is not there yet.", "It is tried again.")

    async def confirm(self, delivery: Delivery) -> None:
        """Say that everything of a message has arrived; its objects may then be deleted there."""
        request = ConfirmMessageReceivedRequest(
            node=self._node, run_id=delivery.run_id, message_object_id=delivery.message_id
        )
        await self._call("confirm-message-received", request, ConfirmMessageReceivedResponse, MAX_SMALL)

    async def announce(
        self,
        delivery: Delivery,
        payload: bytes | SpooledUpdate,
        metrics: Mapping[str, float],
        seal: Mapping[str, Any],
    ) -> Session:
        """Open an upload session for a reply; ``Session.too_late`` says whether it was taken.

        Args:
            delivery: the message it answers.
            payload: the update, or what stands for one that went up before.
            metrics: numbers beside it.
            seal: hashes and signature.

        Raises:
            RunEnded: the run is over; keep the update, the round may come again.
        """
        update = (
            ArrayRecord({UPDATE: Array(np.frombuffer(payload, dtype=np.uint8))})
            if isinstance(payload, bytes)
            else ConfigRecord(payload.to_record())
        )
        content = RecordDict(
            {
                UPDATE: update,
                METRICS: MetricRecord({name: float(value) for name, value in metrics.items()}),
                SEAL: ConfigRecord(dict(seal)),
            }
        )
        return await self._announce(delivery, _reply(delivery, content))

    async def decline(self, delivery: Delivery) -> None:
        """Answer a message with a bare "no", so that nobody waits for this machine."""
        session = await self._announce(delivery, _reply(delivery, Error(code=0, reason=_DECLINED)))
        for _ in self.steps(session, b""):
            await self.push_next(session, b"")

    async def _announce(self, delivery: Delivery, message: Message) -> Session:
        nested = get_all_nested_objects(message)
        envelope = message_to_proto(remove_content_from_message(message))
        request = PushMessagesRequest(
            node=self._node, messages_list=[envelope], message_object_trees=[get_object_tree(message)]
        )
        answer = await self._call("push-messages", request, PushMessagesResponse, MAX_TREE)
        return Session(
            delivery=delivery,
            session_id=answer.session_id,
            message_id=message.object_id,
            objects={i: o.deflate() for i, o in nested.items() if not isinstance(o, ArrayChunk)},
            chunks=[i for i, o in nested.items() if isinstance(o, ArrayChunk)],
            to_push=sorted(answer.objects_to_push, key=list(nested).index),
            touched_at=time.time(),
        )

    @staticmethod
    def steps(session: Session, payload: bytes) -> Iterator[tuple[int, int]]:
        """Bytes sent and bytes in all before each ``push_next`` that is still needed."""
        total = len(payload)
        while session.remaining:
            pushed = sum(1 for i in session.to_push if i in session.acknowledged)
            yield total * pushed // max(1, len(session.to_push)), total

    async def push_next(self, session: Session, payload: bytes) -> None:
        """Send one more object and note it in ``session``; the caller writes the journal.

        Raises:
            RunEnded: the run is over.
            ValueError: ``payload`` is not what the session was opened for.
        """
        object_id = session.remaining[0]
        content = session.objects.get(object_id)
        if content is None:
            content = _chunk(payload, object_id)
        request = PushObjectRequest(
            node=self._node,
            run_id=session.delivery.run_id,
            object_id=object_id,
            object_content=content,
            session_id=session.session_id,
        )
        await self._call("push-object", request, PushObjectResponse, MAX_SMALL)
        session.acknowledged = [*session.acknowledged, object_id]
        session.touched_at = time.time()

    @property
    def _node(self) -> Node:
        return Node(node_id=self.node_id)

    async def _call(self, route: str, request: Protobuf, kind: type[P], max_bytes: int) -> P:
        timestamp = datetime.fromtimestamp(time.time(), UTC).isoformat()
        headers = {
            "content-type": "application/protobuf",
            "accept": "application/protobuf",
            "flwr-timestamp": timestamp,
            "flwr-public-key": self._public,
            "flwr-signature": base64.b64encode(self._key.sign(timestamp.encode())).decode(),
        }
        body = _dump(request)
        path = f"/v1/fleet/{route}"
        answer = await self.transport.request("POST", path, body=body, headers=headers, max_bytes=max_bytes)
        if answer.status != 200:
            raise self._refused(route, answer)
        try:
            return _parse(kind, answer.body)
        except DecodeError as error:
            raise CoordinatorError("The coordinator's answer cannot be read.", "It is tried again.") from error

    def _refused(self, route: str, answer: Answer) -> Exception:
        if answer.status == 401:
            return self.transport.unauthorised()
        if answer.status == 403 and _flower_code(answer.body) == _RUN_NOT_ALLOWED:
            return RunEnded("The coordinator has begun a new run; the update is kept and offered again.")
        return CoordinatorError(f"The coordinator refused {route} ({answer.status}).")


def _flower_code(body: bytes) -> object:
    """Flower's numeric code; its JSON may be a string that holds JSON."""
    try:
        value: object = msgspec.json.decode(body)
        if isinstance(value, str):
            value = msgspec.json.decode(value)
    except msgspec.DecodeError:
        return None
    return value.get("code") if isinstance(value, dict) else None


def _dump(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _parse(kind: type[P], raw: bytes) -> P:
    return cast(P, cast(Any, kind).FromString(raw))


def _reply(delivery: Delivery, content: RecordDict | Error) -> Message:
    instruction = message_from_proto(_parse(ProtoMessage, delivery.message))
    message = Message(content, reply_to=instruction)
    # The id is not part of what is hashed; Flower's own client sets it the same way (flwr 1.41).
    message.metadata.__dict__["_message_id"] = message.object_id
    return message


def _chunk(payload: bytes, object_id: str) -> bytes:
    array = Array(np.frombuffer(payload, dtype=np.uint8))
    for chunk_id, chunk in array.slice_array():
        if chunk_id == object_id:
            return chunk.deflate()
    raise ValueError("the payload is not the one this session was opened for")
