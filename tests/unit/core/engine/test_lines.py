"""A codec for the line: the first that is quick enough, and nothing said about the text by the choice."""

from __future__ import annotations

import pytest
from support.federation import config

from core.config.exchange import AdaptationTerms, CodecConfig
from core.config.privacy import PrivacyTerms
from core.engine.lines import codec_for
from core.model.shard import parse_shard
from core.postprocess.compression.codec import encoded_size

INT8, SIGN, TOPK = (CodecConfig(name=name) for name in ("int8", "sign", "topk"))  # type: ignore[arg-type]
TERMS = config(
    privacy=PrivacyTerms(unit="none", relation="none"),
    codec=INT8,
    adaptation=AdaptationTerms(codecs=(SIGN, TOPK), upload_share=0.1),
)
SHARD = parse_shard(TERMS.model, "full")
ROUND_S = 100.0


def rate(codec: CodecConfig) -> float:
    """At which a codec's update takes just the share."""
    return encoded_size(SHARD.shapes(), codec) / (0.1 * ROUND_S)


@pytest.mark.parametrize(
    ("bytes_per_s", "chosen"),
    [
        (0.0, INT8),
        (rate(INT8), INT8),
        (0.99 * rate(INT8), SIGN),
        (rate(SIGN), SIGN),
        (0.99 * rate(SIGN), TOPK),
        (rate(TOPK) / 1_000, TOPK),
    ],
)
def test_the_first_that_the_line_carries_in_time(bytes_per_s: float, chosen: CodecConfig) -> None:
    assert codec_for(TERMS, SHARD, bytes_per_s, ROUND_S) == chosen


def test_a_longer_round_allows_a_larger_update() -> None:
    assert codec_for(TERMS, SHARD, 0.5 * rate(INT8), 2 * ROUND_S) == INT8
    assert codec_for(TERMS, SHARD, rate(INT8), 0.0) == TOPK, "a round that is nearly over takes the smallest"
    assert codec_for(TERMS, SHARD, rate(INT8), -5.0) == TOPK


def test_terms_without_a_choice_leave_none() -> None:
    assert codec_for(config(codec=INT8), SHARD, 1.0, 1.0) == INT8
