"""What the machine is doing at this moment, for somebody who is looking: cores, memory, and every NVIDIA GPU."""

from __future__ import annotations

import psutil

from core.api.messages.machine import LoadView
from core.hardware.nvml import read_gpus


class LoadGauge:
    """Cores are counted since the last look; the first look has nothing to count from."""

    def __init__(self) -> None:
        self._looked = False

    def look(self) -> LoadView:
        """A reading; asks the driver, so on a thread."""
        percent = psutil.cpu_percent(interval=None)
        memory = psutil.virtual_memory()
        cores = psutil.cpu_count() or 1
        first, self._looked = not self._looked, True
        return LoadView(
            cores_used=None if first else percent / 100 * cores,
            cores=cores,
            memory_used_bytes=memory.total - memory.available,
            memory_bytes=memory.total,
            devices=read_gpus()[1],
        )
