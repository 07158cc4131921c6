"""A volunteer whose engine runs on a thread of the test: its real loops and real children, open to inspection."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from support.joined import MemoryKeystore
from support.live_federation import Volunteer, wait_for

from core.api.client import EngineClient
from core.engine.lock import prepare_home
from core.engine.service import Engine


class EngineHere(Volunteer):
    """Started, asked and stopped as any other volunteer."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.keystore = MemoryKeystore()
        self.engine: Engine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the engine and attach."""
        ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(ready),))
        self._thread.start()
        assert ready.wait(30), "the engine did not start"
        self.client = EngineClient(self.home)
        self.client.connect(timeout_s=30)

    async def _serve(self, ready: threading.Event) -> None:
        prepare_home(self.home)
        self._loop = asyncio.get_running_loop()
        self.engine = Engine(self.home, self.keystore, "0")
        await self.engine.run(lambda _: ready.set())

    def stop(self) -> None:
        """End the engine cleanly."""
        if self._thread is None or self._loop is None or self.engine is None:
            return
        if self.client is not None:
            self.client.close()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self.engine.stopping.set)
        thread = self._thread
        wait_for(lambda: not thread.is_alive(), 30, "the engine's end")
