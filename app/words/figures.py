"""Numbers as a person reads them: durations, sizes, counts, days and ε. Spent rounds up, left rounds down."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from PySide6.QtCore import QCoreApplication, QDate, QLocale, QTime

NOT_KNOWN = "–"
THIN = "\N{NARROW NO-BREAK SPACE}"


def locale() -> QLocale:
    """The owner's locale; plain English where the system names none."""
    system = QLocale()
    if system.language() == QLocale.Language.C:
        return QLocale(QLocale.Language.English, QLocale.Country.UnitedKingdom)
    return system


def count(value: int) -> str:
    """A whole number with separators."""
    return locale().toString(value)


def number(value: float, decimals: int) -> str:
    """A number with a fixed count of decimals."""
    return locale().toString(float(value), "f", decimals)


def percent(part: float) -> str:
    """A part of 1 in whole hundredths, without the sign."""
    return count(round(100 * part))


def short_count(value: float) -> str:
    """A large count in few characters: 9,870 · 31.2 M · 1.3 bn."""
    if value < 100_000:
        return count(round(value))
    if value < 1e6:
        return QCoreApplication.translate("Figures", "{0} k").format(number(value / 1e3, 0))
    if value < 1e9:
        return QCoreApplication.translate("Figures", "{0} M").format(number(value / 1e6, 1))
    return QCoreApplication.translate("Figures", "{0} bn").format(number(value / 1e9, 1))


def words(value: int) -> str:
    """A count of words for a title: 44.1 million words."""
    if value >= 1_000_000:
        return QCoreApplication.translate("Figures", "{0} million words").format(number(value / 1e6, 1))
    return QCoreApplication.translate("Figures", "{0} words").format(count(value))


def size(size_bytes: int) -> str:
    """A size in decimal units."""
    if size_bytes < 1_000:
        return QCoreApplication.translate("Figures", "{0} bytes").format(count(size_bytes))
    units = (
        (1e6, 1e3, QCoreApplication.translate("Figures", "kB")),
        (1e9, 1e6, QCoreApplication.translate("Figures", "MB")),
        (1e12, 1e9, QCoreApplication.translate("Figures", "GB")),
        (math.inf, 1e12, QCoreApplication.translate("Figures", "TB")),
    )
    for limit, divisor, unit in units:
        if size_bytes < limit:
            value = size_bytes / divisor
            return f"{number(value, 1 if value < 100 else 0)}{THIN}{unit}"
    return NOT_KNOWN


def duration(seconds: float) -> str:
    """A length of time: 12 h 24 min, 43 min, 20 s."""
    if not math.isfinite(seconds) or seconds < 0:
        return NOT_KNOWN
    if seconds < 60:
        return QCoreApplication.translate("Figures", "{0} s").format(int(seconds))
    minutes = int(seconds // 60)
    if minutes < 60:
        return QCoreApplication.translate("Figures", "{0} min").format(minutes)
    hours, rest = divmod(minutes, 60)
    if hours >= 100 or not rest:
        return QCoreApplication.translate("Figures", "{0} h").format(count(hours))
    return QCoreApplication.translate("Figures", "{0} h {1} min").format(hours, rest)


def coarse(seconds: float) -> str:
    """A length of time in one unit: 12 h, 43 min."""
    return (
        QCoreApplication.translate("Figures", "{0} h").format(count(int(seconds // 3_600)))
        if seconds >= 3_600
        else duration(seconds)
    )


def forecast(seconds: float) -> str:
    """A forecast, never exact: about 43 min."""
    if seconds < 60:
        return QCoreApplication.translate("Figures", "under a minute")
    return QCoreApplication.translate("Figures", "about {0}").format(duration(math.ceil(seconds / 60) * 60))


def energy(watt_hours: float) -> str:
    """Energy in Wh or kWh."""
    if watt_hours < 1_000:
        decimals = 0 if watt_hours >= 10 else 1 if watt_hours >= 0.95 or not watt_hours else 3
        return f"{number(watt_hours, decimals)}{THIN}Wh"
    return f"{number(watt_hours / 1_000, 1)}{THIN}kWh"


def epsilon_spent(value: float, decimals: int = 1) -> str:
    """ε that was charged, rounded up."""
    if not math.isfinite(value):
        return "∞"
    scale = 10**decimals
    # A value that is a rounding error above a step of the scale still is that step.
    return number(math.ceil(value * scale - 1e-9) / scale, decimals)


def epsilon_limit(value: float) -> str:
    """A limit of ε: exact, one decimal."""
    return number(value, 1) if math.isfinite(value) else "∞"


def delta(value: float) -> str:
    """δ as a power of ten: 1e-6."""
    if value <= 0:
        return "0"
    exponent = math.floor(math.log10(value))
    mantissa = value / 10**exponent
    return f"{mantissa:.1f}".rstrip("0").rstrip(".") + f"e{exponent}"


def clock(at: float) -> str:
    """The time of day."""
    moment = datetime.fromtimestamp(at)
    return locale().toString(QTime(moment.hour, moment.minute), QLocale.FormatType.ShortFormat)


def day(at: datetime) -> str:
    """A day of this year: 15 Nov."""
    return locale().toString(QDate(at.year, at.month, at.day), QCoreApplication.translate("Figures", "d MMM"))


def when(at: float, now: float | None = None) -> str:
    """A past or coming moment as one says it: Today 14:07, Fri 23:48, 15 Nov 16:20."""
    moment = datetime.fromtimestamp(at)
    today = datetime.now() if now is None else datetime.fromtimestamp(now)
    days = (today.date() - moment.date()).days
    if days == 0:
        return QCoreApplication.translate("Figures", "Today {0}").format(clock(at))
    if days == -1:
        return QCoreApplication.translate("Figures", "tomorrow {0}").format(clock(at))
    date = QDate(moment.year, moment.month, moment.day)
    if 0 < days < 7:
        return f"{locale().toString(date, 'ddd')} {clock(at)}"
    return f"{day(moment)} {clock(at)}"


def moment(at: float) -> str:
    """A full date: Sat 21 Nov 2026, 14:07."""
    value = datetime.fromtimestamp(at)
    date = QDate(value.year, value.month, value.day)
    said = locale().toString(date, QCoreApplication.translate("Figures", "ddd d MMM yyyy"))
    return f"{said}, {clock(at)}"


def until_tomorrow_s(now: float, hour: int = 8) -> float:
    """Seconds from ``now`` to tomorrow morning."""
    today = datetime.fromtimestamp(now)
    morning = (today + timedelta(days=1)).replace(hour=hour, minute=0, second=0, microsecond=0)
    return max(60.0, morning.timestamp() - now)


def hash_groups(value: str, digits: int = 12) -> str:
    """The first digits of a hash in groups of four."""
    head = value.replace(" ", "")[:digits]
    return " ".join(head[i : i + 4] for i in range(0, len(head), 4))
