from __future__ import annotations

import asyncio
import math
import time

import pytest
from support.prometheus_text import parse

from core.coordinator.home import Federation
from core.coordinator.records.schema import Assignment, Checkpoint, Round
from core.coordinator.web.listening import listen
from core.coordinator.web.metrics import MAX_HEAD_BYTES, Exposition, figures, serve_metrics
from core.coordinator.web.traffic import Traffic


def measured(federation: Federation) -> None:
    """One closed round with two updates, one of them refused, and one round that is open."""
    store = federation.store()
    first = store.latest_checkpoint()
    store.add_token(b"t" * 16, 2, time.time() + 60)
    people = [store.bind(key, b"t" * 16, 1.0).key_id for key in (b"one", b"two")]
    opened = Round(
        server_round=1, state="open", base_hash=first.sha256, base_bytes=1, step_clock=0, started_at=100.0,
        deadline_at=200.0,
    )  # fmt: skip
    cohort = [Assignment(server_round=1, key_id=key, nonce=b"n") for key in people]
    store.begin_round(opened, cohort)
    for key, state in zip(people, ("accepted", "refused"), strict=True):
        store.settle(Assignment(server_round=1, key_id=key, nonce=b"n", state=state, size_bytes=10))  # type: ignore[arg-type]
    closed = Round(
        server_round=1, state="closed", base_hash=first.sha256, base_bytes=1, step_clock=0, started_at=100.0,
        deadline_at=200.0, closed_at=112.5, volunteers=1, upload_bytes=1_000, dense_bytes=4_000, training_loss=3.5,
        pseudo_gradient_norm=0.25, model_norm=7.0,
    )  # fmt: skip
    store.close_round(
        closed, Checkpoint(server_round=1, sha256="c" * 64, size_bytes=1, momentum="", created_at=112.5), []
    )
    store.set_evaluation(1, 4.5, 2.25, "ok")
    store.begin_round(
        Round(
            server_round=2, state="open", base_hash="c" * 64, base_bytes=1, step_clock=4, started_at=120.0,
            deadline_at=200.0,
        ),
        [],
    )  # fmt: skip
    store.close()


def test_every_figure_is_where_the_format_wants_it(federation: Federation) -> None:
    measured(federation)
    store = federation.store()
    found = parse(figures(federation, store, Traffic(requests=3, received_bytes=50, sent_bytes=70), online=2))
    plain = {name: samples[()] for name, (_, samples) in found.items() if () in samples}
    assert plain | {
        "hedgerow_volunteers": 2.0, "hedgerow_volunteers_online": 2.0, "hedgerow_rounds_planned": 2.0,
        "hedgerow_round_open": 2.0, "hedgerow_step_clock": 4.0, "hedgerow_round_seconds": 12.5,
        "hedgerow_held_out_loss_nats": 4.5, "hedgerow_held_out_bits_per_byte": 2.25,
        "hedgerow_training_loss_nats": 3.5, "hedgerow_pseudo_gradient_norm": 0.25, "hedgerow_model_norm": 7.0,
        "hedgerow_upload_bytes_total": 1_000.0, "hedgerow_dense_bytes_total": 4_000.0,
        "hedgerow_gateway_requests_total": 3.0, "hedgerow_gateway_received_bytes_total": 50.0,
        "hedgerow_gateway_sent_bytes_total": 70.0, "hedgerow_gateway_arriving_bytes": 0.0,
        "hedgerow_round_volunteers": 1.0, "hedgerow_isolated": 0.0,
    } == plain  # fmt: skip
    assert found["hedgerow_rounds_total"][1] == {(("state", "closed"),): 1.0, (("state", "void"),): 0.0}
    judged = {"accepted": 1.0, "refused": 1.0, "late": 0.0}
    assert found["hedgerow_updates_total"][1] == {(("outcome", name),): count for name, count in judged.items()}
    ((labels, one),) = found["hedgerow_info"][1].items()
    assert one == 1.0
    assert dict(labels)["name"] == "Test <b>&"
    memory = found["hedgerow_process_resident_memory_bytes"][1]
    assert all(value > 1e6 for value in memory.values()), "processes have memory"


def test_a_federation_at_its_beginning_says_nothing_it_does_not_know(federation: Federation) -> None:
    found = parse(figures(federation, federation.store(), Traffic(), online=0))
    assert not found.keys() & {"hedgerow_held_out_loss_nats", "hedgerow_model_norm", "hedgerow_round_seconds"}
    assert found["hedgerow_round_open"][1] == {(): 0.0}


def test_names_of_strangers_cannot_leave_their_label() -> None:
    page = Exposition()
    hostile = 'a"} 1\nhedgerow_evil 1\\'
    page.add("info", "gauge", "Back\\slash\nand line.", [({"name": hostile}, 1)])
    page.add("odd", "gauge", "Values.", [({"of": str(v)}, v) for v in (math.nan, math.inf, -math.inf, 1e-30)])
    found = parse(page.text())
    assert list(found) == ["hedgerow_info", "hedgerow_odd"]
    (((_, text),),) = found["hedgerow_info"][1]
    assert text.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\") == hostile
    assert math.isnan(found["hedgerow_odd"][1][(("of", "nan"),)])


def ask(request: bytes) -> bytes:
    async def talk() -> bytes:
        bound = listen("127.0.0.1:0")
        port = bound.getsockname()[1]
        async with await serve_metrics(bound, lambda: "hedgerow_x 1\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request.replace(b"PORT", str(port).encode()))
            answer = await reader.read()
            writer.close()
            return answer

    return asyncio.run(talk())


def test_metrics_are_answered_on_loopback_in_the_formats_words() -> None:
    head, _, body = ask(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"content-type: text/plain; version=0.0.4; charset=utf-8" in head
    assert f"content-length: {len(body)}".encode() in head
    assert body == b"hedgerow_x 1\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", b"404"),
        (b"GET /metrics/../metrics HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", b"405"),
        (b"GET /metrics HTTP/1.1\r\nHost: evil.example:PORT\r\n\r\n", b"403"),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost:PORT\r\nHost: evil.example\r\n\r\n", b"403"),
        (b"GET /metrics HTTP/1.1\r\n\r\n", b"403"),
        (b"\x16\x03\x01 nonsense\r\n\r\n", b"400"),
    ],
)
def test_everything_else_is_refused(request_: bytes, status: bytes) -> None:
    answer = ask(request_)
    assert answer.split(b" ")[1] == status
    assert b"hedgerow_x" not in answer


def test_an_endless_head_is_cut_off() -> None:
    assert ask(b"GET /metrics HTTP/1.1\r\n" + b"x" * (MAX_HEAD_BYTES + 9)) == b""
