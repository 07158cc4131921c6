"""torch's own collectives between the devices of one client: gloo on processors, NCCL on NVIDIA's cards.

They need sockets, so the group is formed before the sandbox closes, in a network namespace that holds nothing but a
loopback interface, and every collective is used once before, so that all connections and imports are there. Afterwards
no socket can be made. Without such a namespace there is no group.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from core.api.errors import ModelError
from core.sandbox import only_loopback

FORM_S: Final = 60.0
"""Longest wait for the slowest rank while the group is formed."""
TIMEOUT_S: Final = 600.0
"""Longest wait for the slowest rank in one collective; of a rank that died the engine knows at once."""
LOOPBACK: Final = "lo"


def form(rank: int, size: int, device: str, rendezvous: Path, *, anywhere: bool = False) -> DeviceMesh:
    """Connect this process to its siblings.

    Args:
        rank: this process.
        size: processes in all.
        device: where its tensors are.
        rendezvous: a file that does not exist yet, or that a sibling has just made.
        anywhere: for tests alone, which hold no private text: do not ask for the namespace.

    Returns:
        All ranks, in one dimension.

    Raises:
        ModelError: there is no such namespace, or the group cannot be formed.
    """
    if not anywhere and not only_loopback():
        raise ModelError(
            "The model does not fit on one device, and this system does not let several share it in a closed network.",
            "Allow user namespaces (sysctl user.max_user_namespaces), or join a federation with a smaller model.",
        )
    kind = device.partition(":")[0]
    os.environ["GLOO_SOCKET_IFNAME"] = os.environ["NCCL_SOCKET_IFNAME"] = LOOPBACK
    os.environ["NCCL_RUNTIME_CONNECT"] = "0"  # connect now: later there is no socket to be had
    os.environ["NCCL_IB_DISABLE"] = "1"
    cuda = torch.device(device) if kind == "cuda" else None
    if cuda is not None:
        torch.cuda.set_device(cuda)
    store = dist.FileStore(str(rendezvous), size)  # type: ignore[attr-defined]
    store.set_timeout(timedelta(seconds=FORM_S))
    try:
        dist.init_process_group(
            "nccl" if cuda is not None else "gloo", store=store, rank=rank,
            world_size=size, timeout=timedelta(seconds=TIMEOUT_S), device_id=cuda,
        )  # fmt: skip
        return init_device_mesh(kind, (size,))
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"The devices of this machine cannot be joined ({str(error).splitlines()[0][:120]}).",
            "Offer one device, or join a federation with a smaller model.",
        ) from error


def leave() -> None:
    """Disconnect; the siblings see it. NCCL would wait for those that are gone, and ends with the process."""
    if dist.is_initialized() and dist.get_backend() == "gloo":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dist.destroy_process_group()


class CollectiveReducer:
    """The exchange of ``core.training.reduction`` over torch's collectives; sums are in the back end's order."""

    def __init__(self) -> None:
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()

    def reduce(self, tensors: Sequence[Tensor]) -> None:
        """See ``Reducer``."""
        for tensor in tensors:
            own = tensor.detach() if self.rank == 0 else tensor.detach().clone()
            dist.reduce(own, 0)

    def spread(self, tensors: Sequence[Tensor]) -> None:
        """See ``Reducer``."""
        for tensor in tensors:
            dist.broadcast(tensor.detach(), 0)
