"""Until when a change holds: what can be chosen, by which clocks, which moment it means. Pure."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ..errors import ConfigError
from ..scheduling.promise_times import read_time

FOR_GOOD = "for_good"
ONE_HOUR = "one_hour"
EVENING = "17:00"
MORNING = "06:00"
DATE = "date"

_ONE_DAY = timedelta(days=1)
_ONE_MINUTE = timedelta(minutes=1)

_NEAR = {-1: "yesterday ", 0: "", 1: "tomorrow "}
UTC_NAME = "UTC"
_TABLE = "zone.tab"


class Until(NamedTuple):
    """What a person has chosen; `at` is the text of a date and time, by the clock of the business."""

    kind: str = FOR_GOOD
    at: str = ""

    @property
    def is_timed(self) -> bool:
        """Whether the change comes back."""
        return self.kind != FOR_GOOD

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to be entered."""
        return self.kind != DATE or bool(self.at.strip())


NO_END = Until()


def until_choices(now: datetime, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Return what can be chosen at `now`, each with its words.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> from zoneinfo import ZoneInfo
    >>> from klikit_frames.forms.until_choices import until_choices
    >>> [text for _, text in until_choices(datetime(2026, 3, 9, 11, tzinfo=UTC), ZoneInfo("Asia/Jakarta"))]
    ['for good', 'for 1 h', 'until tomorrow 17:00', 'until tomorrow 06:00', 'until a date and time']
    """
    clocks = [
        (kind, f"until {show_moment(_next(kind, now=now, zone=zone), now=now, zone=zone)}")
        for kind in (EVENING, MORNING)
    ]
    return [(FOR_GOOD, "for good"), (ONE_HOUR, "for 1 h"), *clocks, (DATE, "until a date and time")]


def end_of(until: Until, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the moment, in UTC, at which a choice ends that is made at `now`; None of one for good.

    Raises
    ------
    ConfigError
        The date and time cannot be read, are past, or the zone's clock skips them or shows them twice.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> from zoneinfo import ZoneInfo
    >>> from klikit_frames.forms.until_choices import EVENING, Until, end_of
    >>> now, jakarta = datetime(2026, 3, 9, 5, tzinfo=UTC), ZoneInfo("Asia/Jakarta")
    >>> end_of(Until(EVENING), now=now, zone=jakarta).isoformat()
    '2026-03-09T10:00:00+00:00'
    """
    match until.kind:
        case "for_good":
            return None
        case "one_hour":
            return _to_minute(now) + timedelta(hours=1)
        case "17:00" | "06:00":
            return _next(until.kind, now=now, zone=zone)
        case "date" if until.at.strip():
            return _entered(until.at, now=now, zone=zone)
    raise ConfigError("Give the date and time until when it holds.")


def show_moment(moment: datetime, *, now: datetime, zone: ZoneInfo) -> str:
    """Return a moment by the clock of a zone, with no more of its date than is needed.

    Examples
    --------
    >>> from datetime import datetime, timedelta, UTC
    >>> from zoneinfo import ZoneInfo
    >>> from klikit_frames.forms.until_choices import show_moment
    >>> now, jakarta = datetime(2026, 3, 9, 5, tzinfo=UTC), ZoneInfo("Asia/Jakarta")
    >>> [show_moment(now + timedelta(hours=h), now=now, zone=jakarta) for h in (1, 24, 72, -24, 9_000)]
    ['13:00', 'tomorrow 12:00', 'Thu 12 Mar 12:00', 'yesterday 12:00', 'Fri 19 Mar 2027 12:00']
    """
    here, today = moment.astimezone(zone), now.astimezone(zone).date()
    days = (here.date() - today).days
    if days in _NEAR:
        return f"{_NEAR[days]}{here:%H:%M}"
    year = f" {here.year}" if here.year != today.year else ""
    return f"{here:%a} {here.day} {here:%b}{year} {here:%H:%M}"


def zone_words(zone: ZoneInfo, *, now: datetime) -> str:
    """Return whose clock it is, and how far that is from UTC.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> from zoneinfo import ZoneInfo
    >>> from klikit_frames.forms.until_choices import zone_words
    >>> zone_words(ZoneInfo("Asia/Jakarta"), now=datetime(2026, 3, 9, tzinfo=UTC))
    'Jakarta, UTC+7'
    """
    minutes = int((now.astimezone(zone).utcoffset() or timedelta(0)).total_seconds() // 60)
    if zone.key == "UTC":
        return "UTC"
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    part = f":{minutes % 60:02}" if minutes % 60 else ""
    return f"{zone.key.rpartition('/')[2].replace('_', ' ')}, UTC{sign}{minutes // 60}{part}"


def until_words(until: Until) -> str:
    """Return a choice as it stands in a list, whenever that is read.

    Examples
    --------
    >>> from klikit_frames.forms.until_choices import DATE, Until, until_words
    >>> until_words(Until(DATE, "2026-03-09T17:00")), until_words(Until())
    ('until 2026-03-09 17:00', '')
    """
    return {
        FOR_GOOD: "",
        ONE_HOUR: "for 1 h",
        EVENING: "until 17:00",
        MORNING: "until tomorrow 06:00",
        DATE: f"until {until.at.replace('T', ' ')}",
    }.get(until.kind, "")


def _next(kind: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the next 17:00, or tomorrow's 06:00."""
    here = now.astimezone(zone)
    clock = time.fromisoformat(kind)
    is_tomorrow = kind == MORNING or here.time() >= clock
    day = here.date() + _ONE_DAY if is_tomorrow else here.date()
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def _entered(at: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    read = read_time(at, zone=zone)
    if read.moment is None:
        raise ConfigError(read.message or "Give the date and time until when it holds.")
    if read.moment <= now:
        raise ConfigError(f"{show_moment(read.moment, now=now, zone=zone)} is past already.")
    return read.moment


def _to_minute(now: datetime) -> datetime:
    """Return the minute that begins next: a promise holds at least as long as was chosen."""
    whole = now.astimezone(UTC).replace(second=0, microsecond=0)
    return whole if whole == now else whole + _ONE_MINUTE


def business_zones(countries: Iterable[object]) -> list[str]:
    """Return the time zones of countries, those of the country named most often first; UTC is the last.

    Reads the table of the time zone database, from this machine or from the package ``tzdata``; without
    either there is UTC alone. A country's largest zone comes first.

    Parameters
    ----------
    countries : iterable of str
        Codes of two letters, one for each store; others are left out.

    Examples
    --------
    >>> from klikit_frames.forms.until_choices import business_zones
    >>> business_zones(["ID", "ID", "BD"])
    ['Asia/Jakarta', 'Asia/Pontianak', 'Asia/Makassar', 'Asia/Jayapura', 'Asia/Dhaka', 'UTC']
    """
    named = [code for code in countries if isinstance(code, str)]
    ordered = sorted(dict.fromkeys(named), key=named.count, reverse=True)
    return [*(zone for code in ordered for zone in _zones_by_country().get(code.upper(), ())), UTC_NAME]


@cache
def _zones_by_country() -> dict[str, list[str]]:
    zones: dict[str, list[str]] = {}
    for line in _zone_table().splitlines():
        if not line.startswith("#") and line.count("\t") >= 2:
            code, _, zone, *_ = line.split("\t")
            zones.setdefault(code, []).append(zone)
    return zones


def _zone_table() -> str:
    return next(_tables(), "")


def _tables() -> Iterator[str]:
    for folder in zoneinfo.TZPATH:
        path = Path(folder) / _TABLE
        if path.is_file():
            yield path.read_text(encoding="utf-8")
    try:
        yield (files("tzdata") / "zoneinfo" / _TABLE).read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        return
