"""Times as people write them to moments in UTC; nothing is guessed. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from ..errors import ConfigError

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
    >>> from klikit_frames.scheduling.promise_times import find_timezone
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
    >>> from klikit_frames.scheduling.promise_times import read_time
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
    readings = " or ".join(_with_offset(naive, one.utcoffset()) for one in (first, second))
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
