"""Volunteers without an engine, for measuring a coordinator: many in one process, over the project's own client code.

They enrol, beat, pull, download, answer with updates made beforehand and wait for receipts, as an engine does; nothing
is trained. ``slow_strangers`` are the opposite: connections that say little, for as long as they are let.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import numpy as np

from core.config.federation import FederationConfig
from core.federation.fleet import Delivery, Fleet
from core.federation.gateway import Gateway
from core.federation.identity import NodeKey, federation_id
from core.federation.invite import GATEWAY_NAME, Invite, parse
from core.federation.manifest import OpenedManifest, open_manifest
from core.federation.protocol import ReplySeal, TrainInstruction, metrics_hash, read_instruction
from core.federation.transport import Transport, Unreachable, endpoint_of, tls_context
from core.model.layout import parameter_shapes
from core.postprocess.compression.codec import encode
from core.update import ModelUpdate

POLL_S: Final = 2.0
HEARTBEAT_S: Final = 30.0
BUSY_HEARTBEAT_S: Final = 120.0
STARTS_S: Final = 10.0
"""Over which volunteers come in; nobody starts hundreds of machines in one second."""


def run(link: str, count: int) -> None:
    """``count`` volunteers until each has a receipt for the last round."""
    asyncio.run(_all(parse(link), count))


async def _all(invite: Invite, count: int) -> None:
    transport = Transport(endpoint_of(invite))
    opened = open_manifest(await Gateway(transport).manifest(), invite.federation_key)
    await transport.close()
    payload = _payload(opened.config)
    rng = np.random.default_rng(0)
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(_Volunteer(invite, opened, payload, number).live(float(rng.uniform(0, STARTS_S))))


def _payload(config: FederationConfig) -> bytes:
    rng, shapes = np.random.default_rng(1), parameter_shapes(config.model)
    arrays = {n: np.float32(1e-3) * rng.standard_normal(s, dtype=np.float32) for n, s in shapes.items()}
    return encode(ModelUpdate(arrays), config.codec)


class _Volunteer:
    def __init__(self, invite: Invite, opened: OpenedManifest, payload: bytes, number: int) -> None:
        self._invite, self._opened, self._number = invite, opened, number
        self._payload = payload
        self._transport = Transport(endpoint_of(invite), timeout_s=120.0)
        self._key = NodeKey.generate()
        self._gateway = Gateway(self._transport, self._key)

    async def live(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        try:
            answer = await self._gateway.enrol(self._invite.token, self._opened.sha256)
            fleet = Fleet(self._transport, self._key, int(answer.node_id))
            beats, done = asyncio.create_task(_beat(fleet)), 0
            try:
                while done < self._opened.config.schedule.rounds:
                    with suppress(Unreachable):
                        delivery = await fleet.pull()
                        if delivery is not None:
                            done = await self._answer(fleet, delivery)
                    await asyncio.sleep(max(POLL_S, self._transport.poll_s))
            finally:
                beats.cancel()
        finally:
            await self._transport.close()

    async def _answer(self, fleet: Fleet, delivery: Delivery) -> int:
        instruction = read_instruction(await fleet.instruction(delivery))
        await fleet.confirm(delivery)
        async with self._transport.stream("GET", f"/blobs/{instruction.base_hash}", headers={}) as response:
            async for _ in self._transport.pieces(response, 1 << 18):
                pass
        payload = self._own(instruction.server_round)
        sha256 = hashlib.sha256(payload).hexdigest()
        metrics = {"steps": float(instruction.local_steps)}
        seal = self._seal(instruction, sha256, metrics)
        session = await fleet.announce(delivery, payload, metrics, seal.to_record())
        for _ in fleet.steps(session, payload):
            await fleet.push_next(session, payload)
        receipt = None
        while receipt is None:
            await asyncio.sleep(max(POLL_S, self._transport.poll_s))
            receipt = await self._gateway.receipt(sha256, self._invite.federation_key)
        return instruction.server_round

    def _own(self, server_round: int) -> bytes:
        """The same update but for one code, so that nobody's is a copy of another's."""
        body = bytearray(self._payload[:-32])
        body[-1 - self._number] = server_round % 100
        return bytes(body) + hashlib.sha256(body).digest()

    def _seal(self, instruction: TrainInstruction, sha256: str, metrics: dict[str, float]) -> ReplySeal:
        return ReplySeal(
            federation_id=federation_id(self._invite.federation_key), run_id=instruction.run_id,
            server_round=instruction.server_round, nonce=instruction.nonce, manifest_hash=instruction.manifest_hash,
            base_hash=instruction.base_hash, shard=instruction.shard, update_sha256=sha256,
            metrics_sha256=metrics_hash(metrics), public_key=b"",
        ).signed_by(self._key)  # fmt: skip


async def _beat(fleet: Fleet) -> None:
    """As an engine does while a round is open."""
    while True:
        with suppress(Unreachable):
            await fleet.heartbeat(BUSY_HEARTBEAT_S)
        await asyncio.sleep(HEARTBEAT_S)


def slow_strangers(link: str, count: int, seconds: float) -> None:
    """``count`` connections, a third each: silent, with headers that trickle, and with huge bodies that never end."""
    asyncio.run(_slow(parse(link), count, seconds))


async def _slow(invite: Invite, count: int, seconds: float) -> None:
    end, context = time.monotonic() + seconds, tls_context(invite.root_certificate)
    await asyncio.gather(*(_stranger(invite, context, number, end) for number in range(count)))


async def _stranger(invite: Invite, context: ssl.SSLContext, number: int, end: float) -> None:
    """Comes back as soon as it is let go."""
    host, _, port = invite.address.rpartition(":")
    while time.monotonic() < end:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname=GATEWAY_NAME)
            try:
                for piece in _words(number % 3):
                    writer.write(piece)
                    await writer.drain()
                    with suppress(TimeoutError):
                        if not await asyncio.wait_for(reader.read(1), 1.0):
                            break
                    if time.monotonic() >= end:
                        break
            finally:
                writer.close()
        await asyncio.sleep(0.1)


def _words(kind: int) -> Iterator[bytes]:
    if kind == 2:
        yield b"POST /enrol HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n"
    for _ in range(600):
        yield (b"", b"G", bytes(64))[kind]
