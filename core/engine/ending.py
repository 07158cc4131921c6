"""An end that always comes. Whatever the engine holds may be lost at any moment, so an orderly end is a courtesy with a
deadline: each part has its seconds, and after all of them the process ends whatever it waits for.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Any, Final

END_S: Final = 9.0
"""From the wish to end until the process is ended by force."""
PART_S: Final = 2.0
"""For one part of the engine."""
AGAIN_S: Final = 0.5
log = logging.getLogger("hedgerow.engine")


class Deadline:
    """Ends this process by force, wherever it hangs, and writes down where; its children follow by themselves.

    It works beside Python, so neither a blocked loop nor a thread that never returns can hold it up.
    """

    def __init__(self, log_path: Path) -> None:
        self._log_path = log_path
        self._set = False

    def set(self) -> None:
        """``END_S`` from now; wishing again changes nothing. May be called by a signal's handler."""
        if not self._set:
            self._set = True
            faulthandler.dump_traceback_later(END_S, exit=True, file=self._log_path.open("ab"))


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended, for at most ``PART_S``.

    Once is not enough: up to Python 3.11 ``asyncio.wait_for`` keeps a cancellation to itself when what it waited for
    came in the same moment (bpo-37658), and the task goes on.
    """
    tasks, loop = list(tasks), asyncio.get_running_loop()
    waiting = {task for task in tasks if not task.done()}
    ends = loop.time() + PART_S
    while waiting and loop.time() < ends:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=AGAIN_S)
    for task in waiting:
        log.warning("%s did not end in time", task.get_coro())
    for task in set(tasks) - waiting:
        if not task.cancelled():
            task.exception()  # asked for, or it would be logged as forgotten


async def end_part(name: str, ending: Awaitable[object]) -> None:
    """Let one part end in its time; that it failed or was too slow keeps no other from ending."""
    try:
        async with asyncio.timeout(2 * PART_S):
            await ending
    except TimeoutError:
        log.warning("%s did not end in time", name)
    except Exception:
        log.exception("%s did not end well", name)
