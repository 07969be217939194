"""Timed rows, read into promises: times as people write them, and rows that contradict each other. Pure.

A time becomes a moment in UTC; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from .. import edge
from ..errors import ConfigError
from ..frames.problems import Problem
from ..frames.schemas import TIME_COLUMNS
from ..model import Cell, cell_of
from ..running.journal_notes import Promise
from .tick_decisions import guests_note

_DATE_FIRST = re.compile(r"\d{4}-?(\d{2}-?\d{2}|\d{3}|W\d{2}-?\d)([Tt ].*)?")
_EXAMPLE = "2026-03-09T17:00+07:00"


class ReadTime(NamedTuple):
    """A time that was read, or why it was not; both are missing of a blank one."""

    moment: datetime | None = None
    code: str = ""
    message: str = ""


_BLANK = ReadTime()


def find_timezone(name: str | None) -> ZoneInfo | None:
    """Return the time zone of an IANA name; None of None.

    Raises
    ------
    ConfigError
        There is none of this name.

    Examples
    --------
    >>> from klikit_frames.scheduling.timed_rows import find_timezone
    >>> find_timezone("Asia/Jakarta")
    zoneinfo.ZoneInfo(key='Asia/Jakarta')
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError, AttributeError):
        raise ConfigError(
            f"timezone={name!r:.60} is no time zone; give an IANA name such as 'Asia/Jakarta'."
        ) from None


def read_time(value: Any, *, zone: tzinfo | None) -> ReadTime:
    """Return the moment that a cell names, in UTC and exactly.

    Parameters
    ----------
    value : object
        Text in ISO 8601, a datetime, a pandas Timestamp, a date (its first moment), or a missing value.
    zone : tzinfo, optional
        Whose clock a time without an offset is by.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> from klikit_frames.scheduling.timed_rows import read_time
    >>> read_time("2026-03-09 17:00", zone=ZoneInfo("Asia/Jakarta")).moment.isoformat()
    '2026-03-09T10:00:00+00:00'
    """
    try:
        moment = _to_datetime(value)
        if moment is None:
            return _BLANK
        return _locate(moment, zone) if moment.tzinfo is None else ReadTime(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        shown = str(value).strip()
        return ReadTime(code="time_unreadable", message=f"{shown!r:.60} is no time in ISO 8601.")


def _to_datetime(value: Any) -> datetime | None:
    """Return a cell as a datetime; None if it is blank."""
    if isinstance(value, str):
        return _parse(value.strip())
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if value is None or value is pd.NA or (isinstance(value, (float, datetime)) and pd.isna(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return _exact(value)
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - its zone is found next
    raise ValueError("neither text nor a time")


def _exact(value: pd.Timestamp) -> datetime:
    """Return a Timestamp as a datetime, which would drop nanoseconds without a word."""
    if value.nanosecond:
        raise ValueError("finer than a microsecond")
    return value.to_pydatetime(warn=False)


def _parse(text: str) -> datetime | None:
    if not text:
        return None
    if not text.isascii() or not _DATE_FIRST.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text)


def _locate(naive: datetime, zone: tzinfo | None) -> ReadTime:
    """Return the one moment at which a zone's clock shows a time, or which two it may mean."""
    if zone is None:
        return ReadTime(
            code="time_zone_missing", message=f"{naive.isoformat(sep=' ')} has no offset from UTC."
        )
    first, second = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return ReadTime(first.astimezone(UTC))
    readings = " or ".join(_with_offset(naive, reading.utcoffset()) for reading in (first, second))
    shown = naive.isoformat(sep=" ")
    if first.astimezone(UTC) < second.astimezone(UTC):
        message = f"The clock of {zone} shows {shown} twice: write {readings}."
        return ReadTime(code="time_ambiguous", message=message)
    message = f"The clock of {zone} skips {shown}: write {readings}."
    return ReadTime(code="time_skipped", message=message)


def _with_offset(naive: datetime, offset: timedelta | None) -> str:
    return datetime.isoformat(naive.replace(tzinfo=UTC)).removesuffix("+00:00") + _offset_text(offset)


def _offset_text(offset: timedelta | None) -> str:
    minutes = int((offset or timedelta(0)).total_seconds() // 60)
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"


def check_moment(value: Any, *, name: str) -> datetime:
    """Return an aware datetime, or the moment of text with an offset, in UTC.

    Raises
    ------
    ConfigError
        It is neither.
    """
    read = read_time(value, zone=None)
    if read.moment is None:
        said = f"{read.message} " if read.message else ""
        raise ConfigError(
            f"{name} is a moment with an offset from UTC, such as {_EXAMPLE!r} or an aware datetime. {said}"
            "Nothing was changed."
        )
    return read.moment


_CELL = [*Cell._fields]
_FOREVER = datetime.max.replace(tzinfo=UTC)


class _Found(NamedTuple):
    """One problem of one row."""

    code: str
    position: int
    column: str
    value: str
    message: str


@dataclass(slots=True)
class TimedRows:
    """The times of a table's rows, and what is wrong with them.

    Attributes
    ----------
    starts, ends : list of datetime or None
        One per row; None is blank, or not readable.
    problems : list of Problem
        Positions are those of the rows.
    """

    starts: list[datetime | None] = field(default_factory=list)
    ends: list[datetime | None] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_times(toggles: pd.DataFrame, *, zone: tzinfo | None, now: datetime) -> TimedRows:
    """Return the times of a table's rows, and every problem of a single row.

    Parameters
    ----------
    toggles : DataFrame
        Checked toggles; ``starts_at`` and ``ends_at`` may be missing.
    zone : tzinfo, optional
        Whose clock times without an offset are by.
    now : datetime
        The present.
    """
    n_rows = len(toggles)
    cells = {name: toggles[name].tolist() if name in toggles else [None] * n_rows for name in TIME_COLUMNS}
    parsed: dict[tuple[type, object], ReadTime] = {}
    read = {name: [_read(cell, zone, parsed) for cell in column] for name, column in cells.items()}
    faults = [
        _Found(moment.code, position, name, str(cells[name][position]), moment.message)
        for name, column in read.items()
        for position, moment in enumerate(column)
        if moment.code
    ]
    bad = {fault.position for fault in faults}
    pairs = list(zip(read["starts_at"], read["ends_at"], strict=True))
    for position, (start, end) in enumerate(pairs):
        if position not in bad and (fault := _fault(start.moment, end.moment, now=now)):
            column, code = fault
            shown = "" if cells[column][position] is None else str(cells[column][position])
            faults.append(_Found(code, position, column, shown, ""))
    starts, ends = ([time.moment for time in times] for times in (read["starts_at"], read["ends_at"]))
    return TimedRows(starts, ends, _gather(faults))


def make_promises(
    toggles: pd.DataFrame, times: TimedRows, *, account: str, host: str, now: datetime, publish: bool
) -> list[Promise]:
    """Return a new promise for each row.

    Parameters
    ----------
    toggles : DataFrame
        Checked toggles without a problem.
    times : TimedRows
        Their times.
    account, host : str
        Whose menus, and where.
    now : datetime
        When rows without a start begin.
    publish : bool
        Whether their stores are published.
    """
    # Whoever ticks at once must not find that it is a moment too early.
    at_once = now.replace(microsecond=0)
    titles = toggles["title"].tolist() if "title" in toggles else [None] * len(toggles)
    cascades = zip(toggles["cascade_to_modifier_groups"], toggles["cascade_brand_ids"], strict=True)
    columns = zip(_cells(toggles), toggles["is_enabled"], cascades, titles, strict=True)
    rows = zip(columns, times.starts, times.ends, strict=True)
    return [
        Promise(
            promise_id=edge.draw_uuid().hex,
            account=account,
            host=host,
            cell=cell,
            is_enabled=bool(is_enabled),
            cascade_to_modifier_groups=bool(cascades_on),
            cascade_brand_ids=tuple(int(brand_id) for brand_id in brand_ids),
            title=title if isinstance(title, str) and title else None,
            starts_at=start or at_once,
            ends_at=end,
            starts_at_once=start is None,
            publish=publish,
            noted_at=now,
            next_at=start or at_once,
            note=guests_note(cell, publish=publish),
        )
        for (cell, is_enabled, (cascades_on, brand_ids), title), start, end in rows
    ]


def match_standing(drafts: Sequence[Promise], standing: Iterable[Promise]) -> list[Promise]:
    """Return the drafts, each replaced by the promise that stands for the same row, if there is one.

    Of equal drafts the first stands for all.
    """
    promises_by_key = {promise.row_key: promise for promise in standing}
    matched = []
    for draft in drafts:
        promise_of_row = promises_by_key.setdefault(draft.row_key, draft)
        if promise_of_row.publish is not draft.publish:
            promise_of_row = replace(promise_of_row, publish=draft.publish, note=draft.note)
            promises_by_key[draft.row_key] = promise_of_row
        matched.append(promise_of_row)
    return matched


def find_overlaps(
    drafts: Sequence[Promise], standing: Iterable[Promise], labels: Sequence[str]
) -> list[Problem]:
    """Return a problem for each draft that wants the opposite of another promise at one time.

    Parameters
    ----------
    drafts : sequence of Promise
        One per row.
    standing : iterable of Promise
        Those that are noted and not at their end.
    labels : sequence of str
        How the person counts the rows of the drafts.
    """
    by_cell: dict[Cell, list[tuple[Promise, int]]] = {}
    for position, draft in enumerate(drafts):
        by_cell.setdefault(draft.cell, []).append((draft, position))
    for promise in standing:
        if promise.cell in by_cell:
            by_cell[promise.cell].append((promise, -1))
    faults = [fault for rivals in by_cell.values() if len(rivals) > 1 for fault in _rivals(rivals, labels)]
    return _gather(faults)


def describe_times(promise: Promise) -> str:
    """Return the flag of a promise and from when until when it holds."""
    flag = "on" if promise.is_enabled else "off"
    until = "for good" if promise.ends_at is None else f"until {show_moment(promise.ends_at)}"
    return f"{flag} from {show_moment(promise.starts_at)} {until}"


def show_moment(moment: datetime) -> str:
    """Return a moment as people read it, in UTC."""
    shown = moment.astimezone(UTC).replace(tzinfo=None)
    whole = "minutes" if not (shown.second or shown.microsecond) else "seconds"
    return f"{shown.isoformat(sep=' ', timespec=whole)} UTC"


def _rivals(promises: list[tuple[Promise, int]], labels: Sequence[str]) -> Iterable[_Found]:
    """Yield a problem for each row that begins before an opposite promise of the same cell has ended."""
    # Of each flag, the promise so far that ends last.
    latest: dict[bool, tuple[Promise, int]] = {}
    for promise, position in sorted(promises, key=lambda pair: pair[0].starts_at):
        other = latest.get(not promise.is_enabled)
        if other is not None and promise.starts_at < _end(other[0]):
            row, rival = (position, other) if position >= 0 else (other[1], (promise, position))
            if row >= 0:
                yield _Found(
                    "promise_overlap", row, "is_enabled", _word(promises, row), _clash(rival, labels)
                )
        latest_alike = latest.get(promise.is_enabled)
        if latest_alike is None or _end(latest_alike[0]) <= _end(promise):
            latest[promise.is_enabled] = (promise, position)


def _clash(rival: tuple[Promise, int], labels: Sequence[str]) -> str:
    promise, position = rival
    who = f"Row {labels[position]}" if position >= 0 else f"Promise {promise.promise_id[:8]}, which stands,"
    return f"{who} wants the same entity and place {describe_times(promise)}."


def _word(promises: list[tuple[Promise, int]], row: int) -> str:
    return next(
        "true" if promise.is_enabled else "false" for promise, position in promises if position == row
    )


def _end(promise: Promise) -> datetime:
    return promise.ends_at or _FOREVER


def _cells(toggles: pd.DataFrame) -> list[Cell]:
    return [cell_of(*row) for row in toggles[_CELL].itertuples(index=False, name=None)]


def _read(cell: Any, zone: tzinfo | None, parsed: dict[tuple[type, object], ReadTime]) -> ReadTime:
    """Return the moment of a cell; most rows of a table share a few."""
    try:
        key = (type(cell), cell)
        return parsed[key] if key in parsed else parsed.setdefault(key, read_time(cell, zone=zone))
    except TypeError:
        return read_time(cell, zone=zone)


def _fault(start: datetime | None, end: datetime | None, *, now: datetime) -> tuple[str, str] | None:
    """Return the column and the code of what is wrong with a row's times."""
    if start is None and end is None:
        return "ends_at", "time_blank"
    if end is not None and start is not None and end <= start:
        return "ends_at", "end_before_start"
    if end is not None and end <= now:
        return "ends_at", "end_past"
    if start is not None and start > now + _one_year(now):
        return "starts_at", "start_too_late"
    return None


def _one_year(now: datetime) -> Any:
    return (pd.Timestamp(now) + pd.DateOffset(years=1)).to_pydatetime(warn=False) - now


def _gather(faults: Iterable[_Found]) -> list[Problem]:
    """Return one problem per code and column, with all of its rows."""
    groups: dict[tuple[str, str], list[_Found]] = {}
    for fault in faults:
        groups.setdefault((fault.code, fault.column), []).append(fault)
    return [
        Problem(
            code=code,
            positions=np.array([fault.position for fault in rows], dtype=np.intp),
            column=column,
            values=np.array([fault.value for fault in rows], dtype=object),
            messages=_messages(rows),
        )
        for (code, column), rows in groups.items()
    ]


def _messages(rows: list[_Found]) -> Any:
    texts = [fault.message for fault in rows]
    return np.array(texts, dtype=object) if any(texts) else ""
