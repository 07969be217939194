"""A change that comes back by itself: until when, noted as promises, begun by a tick, and shown as one run.

Until when: what can be chosen, by which clocks, and which moment it means; this part is pure.
"""

from __future__ import annotations

import zoneinfo
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from .. import edge
from ..errors import ConfigError, KlikitFramesError
from ..model import Cell
from ..running.journal import JournalPath, read_journal
from ..running.results import recorded_result
from ..scheduling.agendas import agenda
from ..scheduling.schedules import schedule, schedule_code
from ..scheduling.tick_runs import Send
from ..scheduling.ticks import keep_promises
from ..scheduling.timed_rows import read_time
from ..wording import counted

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.results import Result

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
    >>> from klikit_frames.forms.timed_changes import until_choices
    >>> [text for _, text in until_choices(datetime(2026, 3, 9, 11, tzinfo=UTC), ZoneInfo("Asia/Jakarta"))]
    ['for good', 'for 1 h', 'until tomorrow 17:00', 'until tomorrow 06:00', 'until a date and time']
    """
    clocks = [
        (kind, f"until {show_moment(_next(kind, now=now, zone=zone), now=now, zone=zone)}")
        for kind in (EVENING, MORNING)
    ]
    return [(FOR_GOOD, "for good"), (ONE_HOUR, "for 1 h"), *clocks, (DATE, "until a date and time")]


def end_of(until: Until, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when a choice made at `now` ends, in UTC; None if it holds for good.

    Raises
    ------
    ConfigError
        The date and time cannot be read, are past, or the zone's clock skips them or shows them twice.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> from zoneinfo import ZoneInfo
    >>> from klikit_frames.forms.timed_changes import EVENING, Until, end_of
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
    """Return a moment in a time zone, with no more of its date than is needed.

    Examples
    --------
    >>> from datetime import datetime, timedelta, UTC
    >>> from zoneinfo import ZoneInfo
    >>> from klikit_frames.forms.timed_changes import show_moment
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
    """Return the name of a time zone, and its offset from UTC.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> from zoneinfo import ZoneInfo
    >>> from klikit_frames.forms.timed_changes import zone_words
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
    """Return a choice in words that stay true whenever they are read.

    Examples
    --------
    >>> from klikit_frames.forms.timed_changes import DATE, Until, until_words
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
    >>> from klikit_frames.forms.timed_changes import business_zones
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


_DONE = ("applied", "unchanged")
_PROMISED = [*Cell._fields, "is_enabled"]


class TickEnd(NamedTuple):
    """What a tick did: its run, None where nothing was sent, and a sentence about it."""

    result: Result | None
    said: str


@dataclass(frozen=True)
class TimedChange:
    """Toggles with times, as they are promised.

    Parameters
    ----------
    toggles : DataFrame
        Checked toggles with ``starts_at`` and ``ends_at``.
    words : str
        Until when they hold, as shown behind what goes off and on.
    publish : bool
        Whether their stores are published at the start and at the end.
    """

    toggles: pd.DataFrame
    words: str
    publish: bool = False

    def code(self, client: Client) -> str:
        """Return the code that confirms it where the client reaches a real business; it covers the ticks."""
        return schedule_code(self.toggles, client, publish=self.publish)

    def begin(self, client: Client, *, journal: JournalPath = None, send: Send | None = None) -> TickEnd:
        """Note the promises, and start them.

        Raises
        ------
        InvalidToggles
            A promise that stands contradicts it, or an end is past by now; nothing was noted.
        JournalError
            The journal cannot be used; nothing was noted.
        """
        code = self.code(client)
        promised = schedule(self.toggles, client, journal=journal, publish=self.publish, confirm=code)
        try:
            return keep_due(client, journal=journal, promise_ids=promised["promise_id"], send=send)
        except KlikitFramesError as error:
            noted = counted(len(promised), "promise")
            return TickEnd(None, f"{noted} noted, not begun: the next tick does that. {error}")


def keep_due(
    client: Client, *, journal: JournalPath = None, promise_ids: Iterable[str] = (), send: Send | None = None
) -> TickEnd:
    """Do what is due now, and return the run that carried these promises, else the last run.

    `send` is as in `keep_promises`.

    Raises
    ------
    RequestError
        No menu could be read; nothing was sent.
    JournalError
        The journal cannot be used.
    """
    kept = keep_promises(client, journal=journal, progress=False, send=send)
    mine = kept[kept["promise_id"].isin(list(promise_ids))] if len(kept) else kept
    run_ids = kept.attrs["run_ids"]
    with read_journal(journal) as opened:
        results = [recorded_result(opened, run_id) for run_id in run_ids]
    request_ids = set(mine["request_id"].dropna())
    carried = [result for result in results if request_ids & set(result.frame["request_id"].dropna())]
    result = next(iter([*carried, *reversed(results)]), None)
    return TickEnd(result, " ".join([tick_words(kept), *kept.attrs["notes"], *kept.attrs["warnings"]]))


def awaits_tick(result: Result, *, journal: JournalPath, now: datetime | None) -> bool:
    """Tell whether a run left rows of promises that have not begun: only a tick may send those.

    Sent by a plain run they would never come back. Reads the journal.
    """
    undone = result.frame.loc[result.frame["outcome"].isin(["failed", "not_sent"]), _PROMISED]
    if undone.empty:
        return False
    listed = agenda(journal=journal, now=now)
    is_due = listed["next_at"] <= (now or edge.now())
    waiting = listed.loc[(listed["status"] == "waiting") & is_due, _PROMISED]
    return len(undone.merge(waiting, on=_PROMISED)) > 0


def tick_words(kept: pd.DataFrame) -> str:
    """Say how many promises began and came back, and what became of the others.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.forms.timed_changes import tick_words
    >>> ends = [("start", "applied", "active"), ("end", "unchanged", "kept"), ("end", "failed", "active")]
    >>> tick_words(pd.DataFrame(ends, columns=["action", "outcome", "status"]))
    'Promises: 1 begun, 1 left as others changed it, 1 to be tried again.'
    """
    if kept.empty:
        return "No promise was due."
    rows = kept[["action", "outcome", "status"]].itertuples(index=False, name=None)
    counts = Counter(_words(*row) for row in rows)
    return f"Promises: {', '.join(f'{n:,} {words}' for words, n in counts.items())}."


def _words(action: str, outcome: str, status: str) -> str:
    if status == "kept":
        return "left as others changed it"
    if status == "failed":
        return "failed"
    if outcome not in _DONE:
        return "to be tried again"
    return "begun" if action == "start" else "back as before"
