"""What this machine gave: tokens, seconds, energy, uploads, in total, this week, and day by day."""

from __future__ import annotations

import datetime as dt
import math
from typing import Final

from core.api.messages import Contribution, HistoryRow
from core.ledger.releases import ReleaseBook

_DAYS_SHOWN: Final = 56


class ContributionBook(ReleaseBook):
    """Work done. Nothing here limits or charges anything."""

    def add_contribution(self, release_id: int, tokens: int, seconds: float, energy_wh: float, measured: bool) -> None:
        """Add work done for a release since the last call for it; a paused round adds several times.

        Args:
            release_id: what it was done for.
            tokens: tokens trained on.
            seconds: time on the device.
            energy_wh: energy used, 0 where nothing is known.
            measured: whether ``energy_wh`` was measured.

        Raises:
            ValueError: a number is negative or not finite, or there is no such release.
        """
        if tokens < 0 or not (0 <= seconds < math.inf) or not (0 <= energy_wh < math.inf):
            raise ValueError(f"a contribution cannot be {tokens} tokens, {seconds} s, {energy_wh} Wh")
        with self._db.transaction():
            self._db.run(
                "INSERT INTO contributions VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    self._next_id("contributions", "contribution_id"),
                    release_id,
                    self._clock(),
                    tokens,
                    float(seconds),
                    float(energy_wh),
                    int(measured),
                ),
            )

    def contribution(self) -> Contribution:
        """Totals, and this week from Monday 00:00 local time. ``week_offered_s`` is the caller's to fill in."""
        tokens, seconds, energy, unmeasured = self._db.rows(
            "SELECT COALESCE(SUM(tokens), 0), COALESCE(SUM(seconds), 0.0), COALESCE(SUM(energy_wh), 0.0),"
            " COALESCE(SUM(NOT measured), 0) FROM contributions"
        )[0]
        rounds = self._db.rows("SELECT COUNT(*) FROM releases WHERE sealed_at IS NOT NULL")[0][0]
        monday = week_start(self._clock())
        uploads, uploaded = self._uploads_since(0.0)
        week_uploads, week_uploaded = self._uploads_since(monday)
        return Contribution(
            rounds=rounds,
            tokens=tokens,
            gpu_seconds=seconds,
            energy_wh=energy,
            energy_measured=seconds > 0 and not unmeasured,
            uploads=uploads,
            uploaded_bytes=uploaded,
            week_seconds=self.seconds_since(monday),
            week_uploads=week_uploads,
            week_uploaded_bytes=week_uploaded,
            days=self._days(),
        )

    def seconds_since(self, at: float) -> float:
        """Seconds of training noted since a Unix time."""
        return float(self._db.rows("SELECT COALESCE(SUM(seconds), 0.0) FROM contributions WHERE at >= ?", (at,))[0][0])

    def history(self, limit: int = 200) -> list[HistoryRow]:
        """Rounds that were sealed or ended, newest first."""
        rows = self._db.rows(
            "SELECT r.release_id, r.federation_id, r.server_round, COALESCE(r.finished_at, r.sent_at, r.sealed_at),"
            " r.state, COALESCE(SUM(c.seconds), 0.0), COALESCE(SUM(c.tokens), 0), COALESCE(SUM(c.energy_wh), 0.0)"
            " FROM releases r LEFT JOIN contributions c ON c.release_id = r.release_id"
            " WHERE COALESCE(r.finished_at, r.sealed_at) IS NOT NULL"
            " GROUP BY r.release_id ORDER BY r.release_id DESC LIMIT ?",
            (limit,),
        )
        names = {federation.federation_id: federation.name for federation in self.federations()}
        return [
            HistoryRow(
                federation_name=names[federation_id],
                server_round=server_round,
                finished_at=finished_at,
                seconds=seconds,
                tokens=tokens,
                energy_wh=energy_wh,
                state=state,
            )
            for _, federation_id, server_round, finished_at, state, seconds, tokens, energy_wh in rows
        ]

    def _uploads_since(self, at: float) -> tuple[int, int]:
        count, size = self._db.rows(
            "SELECT COUNT(*), COALESCE(SUM(size_bytes), 0) FROM releases WHERE sent_at >= ?", (at,)
        )[0]
        return int(count), int(size)

    def _days(self) -> list[tuple[str, float]]:
        """(local date, seconds) of the last days that had any; a span counts on the day it was noted."""
        since = self._clock() - _DAYS_SHOWN * 86_400
        totals: dict[str, float] = {}
        for at, seconds in self._db.rows("SELECT at, seconds FROM contributions WHERE at >= ? ORDER BY at", (since,)):
            day = dt.datetime.fromtimestamp(at).date().isoformat()
            totals[day] = totals.get(day, 0.0) + seconds
        return sorted(totals.items())


def week_start(now: float) -> float:
    """Unix time of the last Monday 00:00, local time."""
    today = dt.datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today - dt.timedelta(days=today.weekday())).timestamp()
