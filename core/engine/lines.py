"""Which of a federation's codecs an update is written by, on this machine's line.

Under units with noise the choice must say nothing about the text: it follows from the line and the time that the terms
give a round, never from how long anything took here.
"""

from __future__ import annotations

from core.config.exchange import CodecConfig
from core.config.federation import FederationConfig
from core.model.shard import Shard
from core.postprocess.compression.codec import encoded_size


def codec_for(config: FederationConfig, shard: Shard, bytes_per_s: float, round_s: float) -> CodecConfig:
    """The first codec of the terms that the line sends within its share of the round, or else the smallest.

    Args:
        config: the terms.
        shard: what is trained.
        bytes_per_s: what the line carries up; 0 where that is not known, which takes the first.
        round_s: how long training takes, as far as that may be used.
    """
    if bytes_per_s <= 0:
        return config.codec
    allowed_s = config.adaptation.upload_share * max(0.0, round_s)
    sizes = {codec: encoded_size(shard.shapes(), codec) for codec in config.codecs}
    quick = (codec for codec, size in sizes.items() if size / bytes_per_s <= allowed_s)
    return next(quick, min(sizes, key=lambda codec: sizes[codec]))
