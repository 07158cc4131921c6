"""Differences between checkpoints: the same bits everywhere, and what one leaves out comes with a later one."""

from __future__ import annotations

import numpy as np
import pytest
from support.federation import config

from core.api.errors import UpdateError
from core.config.exchange import CodecConfig, CodecName
from core.coordinator.learning.model_files import values_of
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes
from core.postprocess.compression.codec import Held
from core.postprocess.compression.delta import Difference, Sending, Values, opened
from core.update import Array

MODEL = config().model
SHAPES = parameter_shapes(MODEL)
INT8 = CodecConfig(name="int8")


def whole(values: Values) -> dict[str, Array]:
    return {name: values(name, 0, int(np.prod(shape))).reshape(shape) for name, shape in SHAPES.items()}


def test_what_is_received_leads_to_what_was_sent() -> None:
    base, stepped = seeded_weights(MODEL, 1), seeded_weights(MODEL, 2)
    payload, sent = Sending(SHAPES, values_of(base), values_of(stepped), None).encode(INT8)
    received = opened(Held(payload), SHAPES, INT8)
    here, there = whole(sent.after(values_of(base))), whole(received.after(values_of(base)))
    assert all(np.array_equal(here[name], there[name]) for name in SHAPES)
    distance = np.sqrt(sum(float(np.square(here[n] - stepped[n]).sum()) for n in SHAPES))
    moved = np.sqrt(sum(float(np.square(base[n] - stepped[n]).sum()) for n in SHAPES))
    assert 0 < distance < 0.02 * moved


def test_a_slice_is_what_the_whole_holds() -> None:
    base, stepped = seeded_weights(MODEL, 1), seeded_weights(MODEL, 2)
    _, sent = Sending(SHAPES, values_of(base), values_of(stepped), None).encode(INT8)
    name = next(iter(reversed(SHAPES)))
    after = sent.after(values_of(base))
    size = int(np.prod(SHAPES[name]))
    assert np.array_equal(after(name, 3, size - 1), after(name, 0, size)[3 : size - 1])


@pytest.mark.parametrize("name", ["int8", "int4", "int2", "sign", "topk", "dct"])
def test_what_is_left_out_is_sent_later(name: CodecName) -> None:
    """After any number of rounds, what was sent and what is held back add up to what was to be sent."""
    generator = np.random.default_rng(3)
    held: dict[str, Array] = seeded_weights(MODEL, 1)
    exact = {key: array.astype(np.float64) for key, array in held.items()}
    residual: dict[str, Array] | None = None
    for _ in range(5):
        step = {n: generator.normal(0, 0.01, s).astype(np.float32) for n, s in SHAPES.items()}
        exact = {key: exact[key] + step[key] for key in SHAPES}
        stepped = {key: held[key] + step[key] for key in SHAPES}
        before = None if residual is None else values_of(residual)
        sending = Sending(SHAPES, values_of(held), values_of(stepped), before)
        _, sent = sending.encode(CodecConfig(name=name))
        residual, held = whole(sending.left(sent)), whole(sent.after(values_of(held)))
    assert residual is not None
    assert any(np.abs(array).max() > 1e-6 for array in residual.values())
    for key in SHAPES:
        assert np.allclose(held[key] + residual[key], exact[key], atol=1e-6)


def test_weights_that_are_not_finite_are_not_sent() -> None:
    base = seeded_weights(MODEL, 1)
    stepped = base | {next(iter(SHAPES)): np.full_like(base[next(iter(SHAPES))], np.nan)}
    with pytest.raises(UpdateError):
        Sending(SHAPES, values_of(base), values_of(stepped), None).encode(INT8)


def test_bytes_of_another_layout_are_refused() -> None:
    base = seeded_weights(MODEL, 1)
    payload, _ = Sending(SHAPES, values_of(base), values_of(base), None).encode(INT8)
    other = dict(reversed(list(SHAPES.items())))
    with pytest.raises(UpdateError):
        opened(Held(payload), other, INT8)
    with pytest.raises(UpdateError):
        opened(Held(payload[:-1]), SHAPES, INT8)
    assert isinstance(opened(Held(payload), SHAPES, INT8), Difference)
