"""The household as a volunteer: takes the larger federation's rounds over, sends the means, waits for receipts.

Composition only: the speaking is ``core.engine.participation``, as on any volunteer's machine.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from pathlib import Path
from typing import Final

from core import vault
from core.coordinator.rounds.agenda import FORWARDED
from core.engine.board import Board
from core.engine.config_store import ConfigStore
from core.engine.membership import Membership
from core.engine.participation import Participation
from core.engine.room import Desk
from core.household.joining import Household, open_household
from core.household.keys import FolderKeystore
from core.household.work import HouseholdWork

STORE_KEY: Final = "store-key"
LOOK_S: Final = 1.0
log = logging.getLogger("hedgerow.household")


async def forward(root: Path, stopping: asyncio.Event) -> None:
    """Take part until told to stop, or until the larger federation's last round is over.

    Raises:
        HedgerowError: the folder is no household, damaged, or its key is gone.
    """
    household = open_household(root)
    row = household.membership
    store = household.federation.store()
    if row is None:
        store.log_event("forward_waits", {"why": "This household was never enrolled; run it with --forward again."})
        await stopping.wait()
        return
    desk = _desk(household)
    member = Membership(row, household.keystore)
    work = HouseholdWork(desk, member, household.federation, store)
    one = Participation(desk, member, work)
    told, was_allowed = "", work.allowed
    one.start()
    try:
        while not stopping.is_set():
            if one.last_error != told:
                told = one.last_error
                store.log_event("forward_waits" if told else "forward_goes_on", {"why": told})
            if was_allowed != work.allowed:
                was_allowed = not was_allowed
                one.kick()
            if one.finished:
                store.set_meta(FORWARDED, "1")
            try:
                async with asyncio.timeout(LOOK_S):
                    await stopping.wait()
            except TimeoutError:
                continue
    finally:
        await one.stop()
        store.close()
        household.ledger.close()


def _desk(household: Household) -> Desk:
    home = household.federation.home.forward
    key = _store_key(household.keystore)
    board = Board(home / "series.enc", key)
    board.publish = lambda notice: log.warning("%s", notice.sentence.text)
    return Desk(home, household.ledger, ConfigStore(home / "config.toml"), key, board)


def _store_key(keystore: FolderKeystore) -> bytes:
    key = keystore.get(STORE_KEY)
    if key is None:
        key = secrets.token_bytes(vault.KEY_BYTES)
        keystore.set(STORE_KEY, key)
    return key
