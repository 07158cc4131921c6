"""The post-processing chain: everything that is done to an update before it leaves, in one visible order.

A link has a client hook (``forward``) and a server hook (``backward``); the chain runs forwards on the client and
backwards on the server. Every chain has exactly one explicit privacy mechanism, or says in so many words that it has
none, and its constructor refuses an order in which the guarantee would not hold.

Order of a valid chain: ``[[reduce →] bound → noise [→ lift] | verified DP-SGD record | forwarded mean | no guarantee
[→ feedback]] → compress``.

| refused | because |
|---|---|
| no mechanism, and no statement that there is none | nobody could tell protection from its absence |
| two mechanisms | a figure would be printed for one of them only |
| noise before or without its bound | the noise is scaled to a bound that does not hold |
| a bound without noise | it protects nothing and looks as if it did |
| a subspace without its bound and noise between | what is bounded must be what is released |
| compression before the mechanism | what is bounded and noised must be what is released |
| a codec of variable rate beside a guarantee | the size of its bytes depends on the text |
| a sparse codec beside a guarantee | top-k of a noised update selects noise |
| error feedback beside a guarantee, or not right before the codec | it carries text past the noise |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from core.config.exchange import CodecConfig
from core.config.privacy import PrivacyTerms
from core.jobs import DPRecord, PrivacyPlan
from core.postprocess.compression.base import Flat
from core.postprocess.compression.codec import EncodedUpdate, Held, Source
from core.postprocess.compression.feedback import Feedback
from core.postprocess.compression.link import Compress
from core.postprocess.privacy.gaussian import CsprngNormal
from core.postprocess.privacy.links import AddGaussian, BoundUpdate, Lift, NoGuarantee, Reduce, VerifyDPRecord
from core.subspace import Subspace
from core.update import ModelUpdate

Role = Literal["reduce", "bound", "noise", "lift", "verified", "forwarded", "no_guarantee", "feedback"]
MECHANISMS: tuple[Role, ...] = ("noise", "verified", "forwarded", "no_guarantee")


@dataclass(frozen=True)
class Context:
    """What links may look at besides the update."""

    record: DPRecord | None = None
    """What the trainer's DP-SGD did; needed by ``VerifyDPRecord``."""
    noise: CsprngNormal | None = None
    """Generator of a mechanism in the chain; needed by ``AddGaussian``."""
    residual: Flat | None = None
    """What earlier updates left out, as one flat vector; ``Feedback`` adds it."""


class Postprocessor(Protocol):
    """One link from update to update. It never changes its input."""

    @property
    def role(self) -> Role:
        """What the constructor's order check knows it by."""

    def forward(self, update: ModelUpdate, context: Context) -> tuple[ModelUpdate, dict[str, float]]:
        """Client hook: the new update, and figures that stay on this machine."""

    def backward(self, update: ModelUpdate) -> ModelUpdate:
        """Server hook. It treats each value by itself, since a large update is decoded slice by slice."""


class Chain:
    """Links in order; the chain itself compresses what they leave, so that nothing can come after.

    Raises:
        ValueError: the order is one of those that the module's table refuses.
    """

    def __init__(self, links: Sequence[Postprocessor | Compress], codec: CodecConfig) -> None:
        self.codec = codec
        self.links = tuple(link for link in links if not isinstance(link, Compress))
        self._compress = Compress(codec)
        if len(self.links) != len(links):
            raise ValueError("compression comes last: what is bounded and noised must be what is released")
        roles = [link.role for link in self.links]
        _check_mechanism(roles)
        if "no_guarantee" not in roles and not self._compress.fixed_rate:
            raise ValueError("a codec of variable rate tells by its size what the noise hides")
        if "no_guarantee" not in roles and self._compress.sparse:
            raise ValueError("top-k of a noised update selects noise")

    def encode(
        self, update: ModelUpdate, record: DPRecord | None = None, noise: CsprngNormal | None = None
    ) -> tuple[bytes, dict[str, float]]:
        """Client: apply all links, then encode.

        Returns:
            The bytes to seal, and figures that never leave this machine.

        Raises:
            PrivacyError: the DP record does not match the plan.
            UpdateError: the result is not finite.
        """
        context = Context(record=record, noise=noise)
        metrics: dict[str, float] = {}
        for link in self.links:
            update, more = link.forward(update, context)
            metrics |= more
        return self._compress.forward(update), metrics

    def encode_with_residual(self, update: ModelUpdate, residual: Flat | None) -> tuple[bytes, Flat]:
        """Client, with error feedback: encode, and say what that left out.

        Args:
            update: of this round.
            residual: what earlier ones left out, flat; ``None`` before the first.

        Returns:
            The bytes to seal, and the flat residual for the next round. Nothing is kept here.

        Raises:
            ValueError: this chain has no error feedback.
            UpdateError: the result is not finite.
        """
        if "feedback" not in [link.role for link in self.links]:
            raise ValueError("this chain carries nothing over")
        context = Context(residual=residual)
        for link in self.links:
            update, _ = link.forward(update, context)
        payload = self._compress.forward(update)
        left = update.flat()
        for start, sent in self._compress.backward(Held(payload), update.shapes, lambda values: values).placed():
            left[start : start + sent.size] -= sent
        return payload, left

    def decode(self, payload: bytes, shapes: Mapping[str, tuple[int, ...]]) -> ModelUpdate:
        """Server: decode, with all links backwards.

        Raises:
            UpdateError: the bytes are not an update of this layout.
        """
        return ModelUpdate(dict(self.open(Held(payload), shapes).arrays()))

    def open(self, source: Source, shapes: Mapping[str, tuple[int, ...]]) -> EncodedUpdate:
        """Server: the same, but the update stays where it lies until its values are asked for.

        Raises:
            UpdateError: the bytes are not an update of this layout; single values are checked when they are read.
        """
        return self._compress.backward(source, shapes, self._backward)

    def _backward(self, values: Flat) -> Flat:
        update = ModelUpdate({"": values})
        for link in reversed(self.links):
            update = link.backward(update)
        return update.arrays[""]


def _check_mechanism(roles: Sequence[Role]) -> None:
    found = [role for role in roles if role in MECHANISMS]
    if not found:
        raise ValueError("a chain needs a privacy mechanism, or has to say that there is no guarantee")
    if len(found) > 1:
        raise ValueError(f"a chain has one privacy mechanism, not {len(found)}: {', '.join(found)}")
    if "feedback" in roles and roles != ["no_guarantee", "feedback"]:
        raise ValueError("error feedback is for chains without a guarantee, once, right before the codec")
    if roles.count("bound") > 1:
        raise ValueError("a chain bounds the update once")
    if found[0] != "noise" and "bound" in roles:
        raise ValueError("a bound without noise after it protects nothing and would be mistaken for protection")
    if found[0] == "noise" and "bound" not in roles[: roles.index("noise")]:
        raise ValueError("noise needs a bound before it, to which it is scaled")
    around = [role for role in roles if role in ("reduce", "bound", "noise", "lift")]
    if ("reduce" in roles or "lift" in roles) and around != ["reduce", "bound", "noise", "lift"]:
        raise ValueError("a subspace is reduced to before the bound, and lifted from after the noise")


def build_chain(
    privacy: PrivacyTerms | PrivacyPlan,
    codec: CodecConfig,
    num_parameters: int | None = None,
    subspace: Subspace | None = None,
) -> Chain:
    """The chain of a federation (server, from its terms) or of a round (client, from its plan).

    Args:
        privacy: terms or plan.
        codec: how bytes are written.
        num_parameters: size of the update that the DP record must fit; the client passes it, the server has no record.
        subspace: under ``corpus``, what of the update is released; the client's alone, like the noise.

    Raises:
        ValueError: the unit has no mechanism here.
    """
    sigma = privacy.min_noise_multiplier if isinstance(privacy, PrivacyTerms) else privacy.noise_multiplier
    if privacy.unit == "none":
        links: list[Postprocessor | Compress] = [NoGuarantee()]
        return Chain([*links, Feedback(codec.error_feedback)] if codec.error_feedback else links, codec)
    if privacy.unit == "corpus":
        bound, noise = BoundUpdate(privacy.clip_norm), AddGaussian(privacy.clip_norm, sigma)
        if subspace is not None:
            return Chain([Reduce(subspace), bound, noise, Lift(subspace)], codec)
        return Chain([bound, noise], codec)
    if privacy.unit in ("document", "record"):
        plan = privacy if isinstance(privacy, PrivacyPlan) else None
        return Chain([VerifyDPRecord(plan, num_parameters)], codec)
    raise ValueError(f"unit {privacy.unit!r} has no mechanism in this version")
