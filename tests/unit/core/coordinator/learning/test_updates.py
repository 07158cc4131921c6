"""Updates of several codecs: each is read by what wrote it, and only what the terms name is read at all."""

from __future__ import annotations

import numpy as np
import pytest
from support.federation import config

from core.api.errors import UpdateError
from core.config.exchange import AdaptationTerms, CodecConfig, CodecName
from core.config.privacy import PrivacyTerms
from core.coordinator.learning.updates import UpdateReader
from core.model.initialise import seeded_weights
from core.postprocess.compression.codec import Held, decode, encode
from core.update import ModelUpdate

NAMES: tuple[CodecName, ...] = ("int8", "int4", "topk")
CODECS = tuple(CodecConfig(name=name) for name in NAMES)
TERMS = config(
    privacy=PrivacyTerms(unit="none", relation="none"), codec=CODECS[0], adaptation=AdaptationTerms(codecs=CODECS[1:])
)
UPDATE = ModelUpdate(seeded_weights(TERMS.model, 1))


@pytest.mark.parametrize("codec", CODECS, ids=NAMES)
def test_each_is_read_by_what_wrote_it(codec: CodecConfig) -> None:
    reader, payload = UpdateReader(TERMS), encode(UPDATE, codec)
    found = dict(reader.open(Held(payload), "full").arrays())
    expected = decode(payload, UPDATE.shapes, codec).arrays
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert reader.check(Held(payload), "full") == pytest.approx(ModelUpdate(expected).norm())
    assert len(payload) in reader.sizes("full")


def test_what_the_terms_do_not_name_is_not_read() -> None:
    reader = UpdateReader(TERMS)
    for other in (CodecConfig(name="bf16"), CodecConfig(name="int8", block_size=128), CodecConfig(name="sign")):
        with pytest.raises(UpdateError, match="another format"):
            reader.open(Held(encode(UPDATE, other)), "full")
    for damaged in (b"", b"HGUP", encode(UPDATE, CODECS[0])[:-1]):
        with pytest.raises(UpdateError):
            reader.open(Held(damaged), "full")
