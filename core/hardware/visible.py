"""Which number CUDA gives a GPU: the driver counts all of them, a program only those it may see.

Children are started with ``CUDA_DEVICE_ORDER=PCI_BUS_ID``, so both count in the same order.
"""

from __future__ import annotations

import os
from collections.abc import Mapping


def cuda_number(index: int, uuid: str, environment: Mapping[str, str] | None = None) -> int | None:
    """CUDA's number of the GPU that NVML counts as ``index``; ``None`` if it is hidden.

    Args:
        index: NVML's number, in the order of the bus.
        uuid: NVML's identifier, such as ``GPU-1b2c…``; empty where unknown.
        environment: looked up for ``CUDA_VISIBLE_DEVICES``; the process's own by default.
    """
    told = (os.environ if environment is None else environment).get("CUDA_VISIBLE_DEVICES")
    if told is None:
        return index
    for number, entry in enumerate(part.strip() for part in told.split(",")):
        if entry.isdigit():
            if int(entry) == index:
                return number
        elif entry.startswith("MIG-"):
            continue  # names an instance, not a GPU
        elif entry.startswith("GPU-") and uuid:
            if uuid.startswith(entry):
                return number
        else:
            return None  # CUDA stops reading at the first entry that it does not understand
    return None
