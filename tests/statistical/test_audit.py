"""An attacker's view of the mechanism: canaries through the real pipeline, and a test of what they reveal.

**What is observed.** A canary is the worst example there is: a gradient or update of norm far above the bound, along a
direction of its own. A fair coin decides about each; whoever sees the release reads off its coordinate. Under DP-SGD
the coin is the Poisson draw itself at q = 1/4 over records or documents in a shard, and what is seen is the step's
gradient. Under ``corpus`` the canary is the update or its negative, and what is seen comes out of ``decode``.

**Statistic.** If the mechanism is honest, observations are N(0, s²) without and N(Δ, s²) with the canary, with
Δ/s ≤ μ: 1/σ for a clipped example, 2/σ for a replaced corpus. With k of m canaries in, means a and b, and pooled
standard deviation p on m − 2 degrees of freedom,

    t = (a − b) / (p √(1/k + 1/(m − k)))

follows a noncentral t distribution with noncentrality (Δ/s) / √(1/k + 1/(m − k)), which grows with Δ/s. The alarm is
t above the 1 − 10⁻⁶ quantile at noncentrality μ / √(1/k + 1/(m − k)), so an honest mechanism raises it with probability
at most 10⁻⁶, whatever the coins; here the keys are fixed besides, so it does not. Rounding to int8 adds to s.

**Power.** Of t, the mean is μ/√(1/k + 1/(m − k)) and the standard deviation about √(1 + mean²/2m). With m = 20,480,
k = m/4 and σ = 0.65 a noise of 0.9 σ moves the mean from 95.3 to 105.9, by 9.4 standard deviations and 4.7 beyond the
alarm: a miss would have probability 10⁻⁶. The same interval from below shows that the canaries are really seen.

**What it does not show.** The draw is known to the auditor, so nothing is said about amplification by sampling; that
draws are Poisson at q is tested beside the samplers. One-run audits in this spirit: Steinke, Nasr & Jagielski 2023
(arXiv 2305.08846); Andrew et al. 2023 (arXiv 2302.03098). The arithmetic above is that of two normal samples.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from core import vault
from core.config.exchange import CodecConfig
from core.data.documents import DocumentSampler
from core.data.store import Document, Shard, write_shard
from core.data.stream import RecordSampler
from core.jobs import PrivacyPlan
from core.postprocess.base import build_chain
from core.postprocess.privacy import links
from core.postprocess.privacy.clipping import Clipped
from core.postprocess.privacy.dp_sgd import add_noise, clipped_sum
from core.postprocess.privacy.gaussian import CsprngNormal
from core.training.private_gradients import PrivateGradients
from core.training.state import RoundState
from core.update import ModelUpdate

KEY = bytes(range(32))
ALARM = 1e-6
CLIP = 0.5
SIDE = 32
CANARIES = SIDE * SIDE
Q = 0.25
REPEATS = 10 if os.environ.get("HEDGEROW_CAMPAIGN") else 1
STEPS = 20 * REPEATS
RELEASES = 20_480 * REPEATS
SIGMA = {"record": 0.65, "document": 0.65, "corpus": 1.3}
HUGE = 1e9


class Seen(NamedTuple):
    """One number for each canary and step, and whether it was in."""

    values: np.ndarray
    present: np.ndarray


class Verdict(NamedTuple):
    alarm: bool
    """It reveals more than was charged."""
    blind: bool
    """It reveals so much less that the canaries cannot have been in the release."""


def audit(seen: Seen, mu: float, level: float = ALARM) -> Verdict:
    """See the module."""
    inside, outside = seen.values[seen.present], seen.values[~seen.present]
    freedom = len(seen.values) - 2
    pooled = math.sqrt((np.square(inside - inside.mean()).sum() + np.square(outside - outside.mean()).sum()) / freedom)
    width = math.sqrt(1 / len(inside) + 1 / len(outside))
    t = float(inside.mean() - outside.mean()) / (pooled * width)
    low, high = (stats.nct.ppf(at, freedom, mu / width) for at in (level, 1 - level))
    return Verdict(alarm=t > high, blind=t < low)


class Dirac(nn.Module):
    """Each example has its own coordinate, on which alone its gradient stands, a million times the bound."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(CANARIES))
        self.register_buffer("output", torch.eye(SIDE + 2)[:, -1:])

    def hidden(self, tokens_BT: Tensor) -> Tensor:  # noqa: N803
        place = (tokens_BT[:, 1] - 1) * SIDE + tokens_BT[:, 2] - 1
        first = torch.zeros(tokens_BT.shape[1])
        first[0] = HUGE
        return (self.table[place][:, None] * first)[:, :, None]

    def head(self) -> Tensor:
        return self.get_buffer("output")

    def ordered(self) -> list[Tensor]:
        return [self.table]


class Noting:
    """The real sampler, and which canaries it drew."""

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler
        self.drawn = np.zeros(CANARIES, dtype=bool)

    def draw(self, source: Any) -> Any:
        examples = self.sampler.draw(source)
        first = [np.atleast_2d(example)[0].astype(int) for example in examples]
        self.drawn[:] = False
        self.drawn[[(row[1] - 1) * SIDE + row[2] - 1 for row in first]] = True
        return examples


def sampler(folder: Path, unit: str) -> Any:
    documents = [Document(np.array([1 + n // SIDE, 1 + n % SIDE, 1], np.uint16), 3) for n in range(CANARIES)]
    facts = write_shard(
        folder, KEY, documents, [], end_of_text=0, tokenizer_sha256="00" * 32, extractor_version=1,
        dtype=np.dtype(np.uint16),
    )  # fmt: skip
    shards = [Shard(facts.path, KEY)]
    return RecordSampler(shards, 3, Q, 0) if unit == "record" else DocumentSampler(shards, 3, Q, 1, 0)


def dp_sgd(folder: Path, unit: str, clip: Any = clipped_sum, noise: Any = add_noise) -> Seen:
    """Steps of the real trainer's gradient at weights that stay where they are."""
    plan = PrivacyPlan(
        unit=unit, clip_norm=CLIP, noise_multiplier=SIGMA[unit], sampling_prob=Q, steps=STEPS, units=CANARIES
    )  # type: ignore[arg-type]
    source, model, state = Noting(sampler(folder, unit)), Dirac(), RoundState(step_key=KEY)
    way = PrivateGradients(source, plan, 64, clip, noise, CsprngNormal)
    values, present = [], []
    for _ in range(STEPS):
        (gradient,) = way.compute(model, state, lambda _: None).gradients  # type: ignore[arg-type]
        way.finished(state)
        values.append(gradient.double().numpy())
        present.append(source.drawn.copy())
    assert STEPS * CANARIES >= 20_000
    return Seen(np.concatenate(values), np.concatenate(present))


def corpus(codec: str = "int8") -> Seen:
    """Releases of an update that is one canary or its negative, through the whole chain and back."""
    plan = PrivacyPlan(unit="corpus", clip_norm=CLIP, noise_multiplier=SIGMA["corpus"], steps=1, units=1)
    chain = build_chain(plan, CodecConfig(name=codec))  # type: ignore[arg-type]
    present = CsprngNormal(KEY).uniform(RELEASES) < 0.5
    values = np.empty(RELEASES)
    for number in range(RELEASES):
        update = ModelUpdate({"w": np.array([0.0, 1e6 if present[number] else -1e6], np.float32)})
        noise = CsprngNormal(vault.derive(KEY, b"release" + number.to_bytes(4, "big")))
        values[number] = chain.decode(chain.encode(update, noise=noise)[0], update.shapes).flat()[1]
    return Seen(values, present)


def test_honest_corpus_releases_pass() -> None:
    assert audit(corpus(), 2 / SIGMA["corpus"]) == Verdict(alarm=False, blind=False)


@pytest.mark.parametrize("unit", ["record", "document"])
def test_honest_steps_pass_and_the_canaries_are_seen(tmp_path: Path, unit: str) -> None:
    seen = dp_sgd(tmp_path, unit)
    assert audit(seen, 1 / SIGMA[unit]) == Verdict(alarm=False, blind=False)
    assert abs(seen.present.mean() - Q) < 5 * math.sqrt(Q * (1 - Q) / len(seen.present)), (
        "the coins are the sampler's own"
    )


def less_noise(total: Sequence[Tensor], clip: float, sigma: float, noise: CsprngNormal) -> tuple[int, float]:
    drawn, energy = add_noise(total, clip, 0.9 * sigma, noise)
    return drawn, energy / 0.9**2  # it lies about it, or the record would not pass


def looser(factor: float) -> Callable[..., Any]:
    def clip(model: Any, loss_fn: Any, examples: Any, clip_norm: float, **more: Any) -> Any:
        return clipped_sum(model, loss_fn, examples, clip_norm * factor, **more)

    return clip


@pytest.mark.parametrize(
    "fault", [{"noise": less_noise}, {"clip": looser(1e300)}, {"clip": looser(1.1)}],
    ids=["a tenth less noise", "no clip", "a tenth looser clip"],
)  # fmt: skip
def test_a_fault_in_the_step_is_caught(tmp_path: Path, fault: dict[str, Any]) -> None:
    assert audit(dp_sgd(tmp_path, "record", **fault), 1 / SIGMA["record"]).alarm


def test_an_update_without_less_noise_or_clip_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = links.AddGaussian.__init__

    def quiet(self: links.AddGaussian, clip_norm: float, noise_multiplier: float) -> None:
        real(self, clip_norm, 0.9 * noise_multiplier)

    with monkeypatch.context() as patch:
        patch.setattr(links.AddGaussian, "__init__", quiet)
        assert audit(corpus(), 2 / SIGMA["corpus"]).alarm
    with monkeypatch.context() as patch:
        patch.setattr(links, "clip_vector", lambda values, _: Clipped(values.astype(np.float64), 0.0, False, True))
        assert audit(corpus(), 2 / SIGMA["corpus"]).alarm


def test_an_honest_mechanism_alarms_about_as_often_as_it_may() -> None:
    """The arithmetic at a level that can be seen: 2,000 honest audits of 400 observations, alarm at 1 in 20."""
    chance, alarms, mu = np.random.default_rng(3), 0, 1.5
    for _ in range(2_000):
        present = chance.random(400) < 0.5
        alarms += audit(Seen(chance.normal(size=400) + mu * present, present), mu, 0.05).alarm
    assert 60 < alarms < 145
