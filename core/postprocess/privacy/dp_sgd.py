"""DP-SGD's sum of clipped gradients (Abadi et al. 2016, arXiv 1607.00133), by the plain one-example loop or in chunks.

On a CPU the loop costs about what an ordinary step costs, needs the memory of one example, and works with every
module: autograd returns the gradient of the example's loss by each parameter, so tied weights, SDPA and custom layers
are right by construction. Hook-based libraries under-count functionally tied weights without a word. On a GPU one
example leaves the device idle: ``Chunked`` takes several at once through ``torch.func``, with the same result up to
rounding. ``way_on`` chooses.

Guarantees: every example contributes a vector of norm at most C over *all* trainable parameters together, norms in
float64; an example whose gradient is not finite contributes nothing; noise is N(0, σ²C²) per coordinate, added in
float64 to the sum. The result is then divided by the fixed expected batch size, never by the drawn one.

| draw | result |
|---|---|
| empty | noise alone; it still counts |
| example of norm 1e6 | scaled to C(1 − 1e-5) |
| example with NaN | zero vector |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from core.postprocess.privacy.clipping import target_norm
from core.postprocess.privacy.gaussian import CsprngNormal

_BLOCK = 1 << 15
"""Values that are widened to float64 at once, 256 KiB."""
Running = tuple[list[Tensor], list[float]]
"""float64 sums, one per trainable parameter, and the losses of the examples in them."""


class ClippedSum(Protocol):
    """What ``clipped_sum`` and ``Chunked`` are."""

    def __call__(
        self,
        model: nn.Module,
        loss_fn: Callable[[nn.Module, Tensor], Tensor],
        examples: Iterable[Tensor],
        clip_norm: float,
        on_example: Callable[[int], None] | None = None,
        into: Running | None = None,
    ) -> Running:
        """float64 sums and losses; see ``clipped_sum``."""


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """Parameters that learn, each once however often it is used."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _norm(gradients: Sequence[Tensor]) -> float:
    return math.sqrt(sum(_square(gradient) for gradient in gradients))


def _square(gradient: Tensor) -> float:
    """Squared norm, in float64; infinite or no number where the gradient is.

    On a processor a block is widened while it lies in the cache, which is six times as fast as torch's own reduction
    over mixed types. Where a sum overflows nothing is raised, it is infinite.
    """
    if gradient.device.type != "cpu":
        part = float(torch.linalg.vector_norm(gradient, dtype=torch.float64))
        return part * part
    return sum(float(torch.dot(wide, wide)) for wide in _widened(gradient))


def _add(sum_: Tensor, gradient: Tensor, scale: float) -> None:
    """Add a scaled gradient to a float64 sum in place, computed in float64."""
    if gradient.device.type != "cpu":
        sum_.add_(gradient, alpha=scale)
        return
    for part, wide in zip(torch.split(sum_.view(-1), _BLOCK), _widened(gradient), strict=True):
        part.add_(wide, alpha=scale)


def _widened(gradient: Tensor) -> Iterator[Tensor]:
    return (block.to(torch.float64) for block in torch.split(gradient.reshape(-1), _BLOCK))


def clipped_sum(
    model: nn.Module,
    loss_fn: Callable[[nn.Module, Tensor], Tensor],
    examples: Iterable[Tensor],
    clip_norm: float,
    on_example: Callable[[int], None] | None = None,
    into: Running | None = None,
) -> Running:
    """Sum of per-example gradients, each clipped to ``clip_norm``.

    Args:
        model: the model; its ``.grad`` fields are left alone.
        loss_fn: ``(model, example) → scalar loss`` of that example only, normalised within the example.
        examples: one unit of privacy each.
        clip_norm: C.
        on_example: called with the number of examples done; may raise to abandon the step.
        into: what is added to, in place, and returned; empty lists, or what earlier examples of the same draw gave.
            All that ``on_example`` was told of are in, and no others.

    Returns:
        One float64 tensor per trainable parameter, and the loss of each finite example (private, local only).
    """
    parameters = trainable(model)
    target = target_norm(clip_norm)
    total, losses = into if into is not None else ([], [])
    _begin(total, parameters)
    for done, example in enumerate(examples, start=1):
        loss = loss_fn(model, example)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        norm = _norm(gradients)
        if math.isfinite(norm):
            scale = 1.0 if norm <= target else target / norm
            for sum_, gradient in zip(total, gradients, strict=True):
                _add(sum_, gradient, scale)
            losses.append(float(loss.detach()))
        del loss, gradients  # or they would be held while the next example's are made
        if on_example is not None:
            on_example(done)
    return total, losses


def _begin(total: list[Tensor], parameters: Sequence[Tensor]) -> None:
    """An empty sum becomes zeros."""
    if not total:
        total += [
            torch.zeros(parameter.shape, dtype=torch.float64, device=parameter.device) for parameter in parameters
        ]


class Chunked:
    """``clipped_sum`` over several examples of one shape at a time, for devices that one example leaves idle.

    ``loss_fn`` has to be written in operations that ``torch.func`` knows. Same guarantees, same bound in float64 per
    example. Examples are added in the order in which they come; those that follow one another in one shape wait until
    a chunk is full, and only what was reported to ``on_example`` is in the sums. Where memory runs out the chunk is
    halved, and stays so: what was taken of it had not been added yet.

    Has run on processors only so far, where the tests hold it to the loop; never on a GPU.
    """

    def __init__(self, size: int, ran_out_of_memory: Callable[[BaseException], bool] | None = None) -> None:
        """Bind the most examples of a chunk.

        Args:
            size: examples at a time.
            ran_out_of_memory: tells the errors after which fewer may fit; torch's own without one.

        Raises:
            ValueError: ``size`` is below 1.
        """
        if size < 1:
            raise ValueError("a chunk holds at least one example")
        self.size = size
        self._ran_out = ran_out_of_memory or _torch_ran_out

    def __call__(
        self,
        model: nn.Module,
        loss_fn: Callable[[nn.Module, Tensor], Tensor],
        examples: Iterable[Tensor],
        clip_norm: float,
        on_example: Callable[[int], None] | None = None,
        into: Running | None = None,
    ) -> Running:
        """See ``clipped_sum``; ``on_example`` hears of whole chunks."""
        target = target_norm(clip_norm)
        running: Running = into if into is not None else ([], [])
        _begin(running[0], trainable(model))
        per_example = _per_example_gradients(model, loss_fn)
        waiting: list[Tensor] = []
        done = 0

        def take() -> None:
            nonlocal done
            while waiting:
                found = self._computed(per_example, waiting[: self.size])
                if found is None:
                    continue
                _add_clipped(running, *found, target)
                done += len(found[1])
                del waiting[: len(found[1])], found
                if on_example is not None:
                    on_example(done)

        for example in examples:
            if waiting and waiting[0].shape != example.shape:
                take()
            waiting.append(example)
            if len(waiting) >= self.size:
                take()
        take()
        return running

    def _computed(
        self, per_example: Callable[[Tensor], tuple[list[Tensor], Tensor]], group: Sequence[Tensor]
    ) -> tuple[list[Tensor], Tensor, list[float]] | None:
        """Gradients, losses and norms of a chunk; ``None`` where it was too large and ``size`` is now smaller."""
        try:
            gradients, losses = per_example(torch.stack(list(group)))
            return gradients, losses, _norms(gradients)
        except Exception as error:
            if len(group) == 1 or not self._ran_out(error):
                raise
        self.size = len(group) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None


def _torch_ran_out(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError)


def way_on(device_type: str, size: int, ran_out_of_memory: Callable[[BaseException], bool] | None = None) -> ClippedSum:
    """How clipped sums are made on a kind of device: one example at a time on a processor, chunks elsewhere.

    Args:
        device_type: ``cpu``, ``cuda``, …
        size: most examples of a chunk.
        ran_out_of_memory: see ``Chunked``.
    """
    return clipped_sum if device_type == "cpu" else Chunked(size, ran_out_of_memory)


def _per_example_gradients(
    model: nn.Module, loss_fn: Callable[[nn.Module, Tensor], Tensor]
) -> Callable[[Tensor], tuple[list[Tensor], Tensor]]:
    """(chunk of examples) → gradients with a leading axis of examples, and losses."""
    bound = _Bound(model, loss_fn)
    names = [name for name, parameter in bound.named_parameters() if parameter.requires_grad]
    learning = {name: parameter.detach() for name, parameter in bound.named_parameters() if name in set(names)}

    def loss(parameters: dict[str, Tensor], example: Tensor) -> Tensor:
        result: Tensor = torch.func.functional_call(bound, parameters, (example,))
        return result

    both = torch.func.vmap(torch.func.grad_and_value(loss), in_dims=(None, 0))

    def run(chunk: Tensor) -> tuple[list[Tensor], Tensor]:
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no rule for a further axis
            gradients, losses = both(learning, chunk)
        return [gradients[name] for name in names], losses

    return run


class _Bound(nn.Module):
    """A model and its loss as one module, so that its parameters can be given from outside."""

    def __init__(self, model: nn.Module, loss_fn: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.model = model
        self.loss_fn = loss_fn

    def forward(self, example: Tensor) -> Tensor:
        return self.loss_fn(self.model, example)


def _norms(gradients: Sequence[Tensor]) -> list[float]:
    """The norm of each example of a chunk over all parameters together, in float64."""
    if gradients[0].device.type == "cpu":
        return [_norm([part[number] for part in gradients]) for number in range(len(gradients[0]))]
    parts = [torch.linalg.vector_norm(part.flatten(1), dim=1, dtype=torch.float64) for part in gradients]
    found: list[float] = torch.linalg.vector_norm(torch.stack(parts), dim=0).tolist()
    return found


def _add_clipped(
    running: Running, gradients: Sequence[Tensor], losses: Tensor, norms: Sequence[float], target: float
) -> None:
    """Clip each example of a chunk and add it, one after the other."""
    total, so_far = running
    for number, (norm, loss) in enumerate(zip(norms, losses.detach().tolist(), strict=True)):
        # An example that does not count is left out, not multiplied by zero: zero times infinity is no number.
        if math.isfinite(norm):
            scale = 1.0 if norm <= target else target / norm
            for sum_, part in zip(total, gradients, strict=True):
                _add(sum_, part[number], scale)
            so_far.append(loss)


def add_noise(
    total: Sequence[Tensor], clip_norm: float, noise_multiplier: float, noise: CsprngNormal
) -> tuple[int, float]:
    """Add N(0, (σC)²) to every coordinate of a clipped sum, in place.

    Args:
        total: float64 tensors from ``clipped_sum``.
        clip_norm: C.
        noise_multiplier: σ.
        noise: the interval's generator.

    Returns:
        Number of values drawn, and the sum of their squares as they were added.

    Raises:
        ValueError: a tensor is not float64, or σ is not positive.
    """
    if not noise_multiplier > 0:
        raise ValueError(f"noise_multiplier must be positive, got {noise_multiplier}")
    drawn, energy, scale = 0, 0.0, noise_multiplier * clip_norm
    for tensor in total:
        if tensor.dtype != torch.float64:
            raise ValueError("noise is added in float64")
        values: NDArray[np.float64] = noise.normal(tensor.numel())
        tensor.add_(torch.from_numpy(values).reshape(tensor.shape), alpha=scale)
        drawn += tensor.numel()
        energy += scale**2 * float(np.einsum("i,i", values, values))  # np.dot would wake threads beside torch's
    return drawn, energy


def noisy_gradient(
    model: nn.Module,
    loss_fn: Callable[[nn.Module, Tensor], Tensor],
    examples: Iterable[Tensor],
    *,
    clip_norm: float,
    noise_multiplier: float,
    expected_batch_size: float,
    noise: CsprngNormal,
    on_example: Callable[[int], None] | None = None,
) -> tuple[list[Tensor], list[float], int]:
    """One DP-SGD gradient: (clipped sum + noise) / expected batch size.

    Returns:
        float32 tensors per trainable parameter, local losses, and the number of noise values drawn.

    Raises:
        ValueError: σ or the expected batch size is not positive.
    """
    if not expected_batch_size > 0:
        raise ValueError("expected_batch_size must be positive")
    total, losses = clipped_sum(model, loss_fn, examples, clip_norm, on_example)
    drawn, _ = add_noise(total, clip_norm, noise_multiplier, noise)
    return [tensor.div_(expected_batch_size).to(torch.float32) for tensor in total], losses, drawn
