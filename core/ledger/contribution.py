"""What this machine gave: tokens, seconds, energy, uploads, in total, this week, and day by day."""

from __future__ import annotations

import datetime as dt
import math
from typing import Final, NamedTuple

from core.api.messages.given import Contribution, HistoryRow
from core.ledger.releases import ReleaseBook

_DAYS_SHOWN: Final = 56


class Work(NamedTuple):
    """Everything given to one federation."""

    federation_id: str
    tokens: int
    measured_wh: float
    unmeasured_s: float
    """Seconds of which no energy is known."""
    rounds: int
    """Rounds that anything was trained for; each brought one model down."""


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

    def last_training_s(self, federation_id: str) -> float:
        """Seconds on the device of a federation's newest round that was trained here, 0 before the first."""
        rows = self._db.rows(
            "SELECT SUM(seconds) FROM contributions JOIN releases USING (release_id) WHERE federation_id = ? "
            "GROUP BY release_id ORDER BY release_id DESC LIMIT 1",
            (federation_id,),
        )
        return float(rows[0][0]) if rows else 0.0

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

    def seconds_by_federation(self, since: float) -> dict[str, float]:
        """Seconds of training noted since a Unix time, for each federation that was given any."""
        rows = self._db.rows(
            "SELECT r.federation_id, SUM(c.seconds) FROM contributions c JOIN releases r ON r.release_id = c.release_id"
            " WHERE c.at >= ? GROUP BY r.federation_id",
            (since,),
        )
        return {federation_id: float(seconds) for federation_id, seconds in rows}

    def history(self, limit: int = 200, before: int = 0) -> list[HistoryRow]:
        """Rounds that were sealed or ended, newest first; those before a release, if one is named."""
        rows = self._db.rows(
            "SELECT r.release_id, r.federation_id, r.server_round, COALESCE(r.finished_at, r.sent_at, r.sealed_at),"
            " r.state, COALESCE(SUM(c.seconds), 0.0), COALESCE(SUM(c.tokens), 0), COALESCE(SUM(c.energy_wh), 0.0),"
            " COALESCE(MIN(c.measured), 0), CASE WHEN r.sent_at IS NULL THEN 0 ELSE r.size_bytes END"
            " FROM releases r LEFT JOIN contributions c ON c.release_id = r.release_id"
            " WHERE COALESCE(r.finished_at, r.sealed_at) IS NOT NULL AND (r.release_id < ? OR ? = 0)"
            " GROUP BY r.release_id ORDER BY r.release_id DESC LIMIT ?",
            (before, before, limit),
        )
        names = {federation.federation_id: federation.name for federation in self.federations()}
        return [
            HistoryRow(
                release_id=row[0],
                federation_id=row[1],
                federation_name=names[row[1]],
                server_round=row[2],
                finished_at=row[3],
                state=row[4],
                seconds=row[5],
                tokens=row[6],
                energy_wh=row[7],
                measured=bool(row[8]),
                sent_bytes=row[9],
            )
            for row in rows
        ]

    def work(self) -> list[Work]:
        """What was given to each federation, ever."""
        rows = self._db.rows(
            "SELECT r.federation_id, SUM(c.tokens), SUM(CASE WHEN c.measured THEN c.energy_wh ELSE 0.0 END),"
            " SUM(CASE WHEN c.measured THEN 0.0 ELSE c.seconds END), COUNT(DISTINCT r.release_id)"
            " FROM contributions c JOIN releases r ON r.release_id = c.release_id GROUP BY r.federation_id"
        )
        return [Work(*row) for row in rows]

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
