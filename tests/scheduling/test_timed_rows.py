"""Times as people write them, and rows that want opposite flags at one time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.errors import ConfigError
from klikit_frames.frames.problems import Problem
from klikit_frames.scheduling.timed_rows import (
    check_moment,
    find_overlaps,
    find_timezone,
    make_promises,
    match_standing,
    read_time,
    read_times,
)

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-03-09T17:00+07:00", datetime(2026, 3, 9, 10, tzinfo=UTC)),
        (" 2026-03-09 17:00Z ", datetime(2026, 3, 9, 17, tzinfo=UTC)),
        ("2026-03-09 17:00:30.000001", datetime(2026, 3, 9, 16, 0, 30, 1, tzinfo=UTC)),
        ("2026-03-09", datetime(2026, 3, 8, 23, tzinfo=UTC)),
        (date(2026, 3, 9), datetime(2026, 3, 8, 23, tzinfo=UTC)),
        (pd.Timestamp("2026-03-09 17:00", tz="Asia/Jakarta"), datetime(2026, 3, 9, 10, tzinfo=UTC)),
        (pd.Timestamp("2026-03-09 17:00"), datetime(2026, 3, 9, 16, tzinfo=UTC)),
        (np.datetime64("2026-03-09T17:00"), datetime(2026, 3, 9, 16, tzinfo=UTC)),
    ],
)
def test_read_time__is_exact(value: object, moment: datetime) -> None:
    """Text, dates, datetimes and timestamps name one moment, by the zone where they have no offset."""
    assert read_time(value, zone=BERLIN) == (moment, "", "")


@pytest.mark.parametrize("value", ["", "  ", None, pd.NaT, pd.NA, float("nan"), np.datetime64("NaT")])
def test_read_time__is_missing_of_a_blank(value: object) -> None:
    """A blank cell is no time and no problem."""
    assert read_time(value, zone=BERLIN) == (None, "", "")


@pytest.mark.parametrize(
    "value",
    [
        *("17:00", "tomorrow", "2026-13-01", "46353.7", 46353.7, 20260309, True),
        *("9999-12-31T23:59-14:00", "٢٠٢٦-٠٣-٠٩", pd.Timestamp("2026-03-09 17:00:00.000000001")),
    ],
)
def test_read_time__guesses_nothing(value: object) -> None:
    """What is no time in ISO 8601, or cannot be kept exactly, is refused."""
    assert read_time(value, zone=BERLIN).code == "time_unreadable"


def test_read_time__names_both_readings_of_a_time_that_the_clock_shows_twice_or_skips() -> None:
    """Summer time ends and begins: the two readings are named with their offsets."""
    twice, skipped = (read_time(text, zone=BERLIN) for text in ("2026-10-25 02:30", "2026-03-29 02:30"))
    assert (twice.code, skipped.code) == ("time_ambiguous", "time_skipped")
    assert "2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00" in twice.message
    assert "2026-03-29T02:30:00+01:00 or 2026-03-29T02:30:00+02:00" in skipped.message


def test_read_time__needs_a_clock_for_a_time_without_an_offset() -> None:
    """Without a time zone a naive time is refused."""
    assert read_time("2026-03-09 17:00", zone=None).code == "time_zone_missing"


_FIRST, _LAST = (pd.Timestamp(year).to_pydatetime() for year in ("2000", "2100"))


@settings(max_examples=25, deadline=None)
@given(st.datetimes(min_value=_FIRST, max_value=_LAST))
def test_read_time__agrees_with_the_zone_back_and_forth(naive: datetime) -> None:
    """A time that is read shows as it was written on the clock of its zone."""
    read = read_time(naive.isoformat(), zone=BERLIN)
    if read.moment is not None:
        assert read.moment.astimezone(BERLIN).replace(tzinfo=None, fold=0) == naive
    else:
        assert read.code in {"time_ambiguous", "time_skipped"}


@pytest.mark.parametrize("name", ["Asia/Jakatra", "", "../etc/passwd", "+07:00"])
def test_find_timezone__refuses_what_is_none(name: str) -> None:
    """A zone that nobody knows is refused by name."""
    with pytest.raises(ConfigError, match="is no time zone"):
        find_timezone(name)


def test_check_moment__needs_an_offset() -> None:
    """A moment without an offset is refused, with an example."""
    with pytest.raises(ConfigError, match="2026-03-09T17:00\\+07:00"):
        check_moment(pd.Timestamp("2026-03-09 17:00"), name="now")


NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
JAKARTA = ZoneInfo("Asia/Jakarta")


def rows(*times: tuple[Any, Any, bool], entity_id: int = 5) -> pd.DataFrame:
    """Return checked toggles of one dish with these starts, ends and flags."""
    frame = pd.DataFrame(times, columns=["starts_at", "ends_at", "is_enabled"], dtype=object)
    frame = frame.assign(entity_type="item", entity_id=entity_id, brand_id=663, branch_id=1062)
    checked = [
        kf.check_toggles(frame.iloc[[n]].astype({"is_enabled": bool})).toggles for n in range(len(frame))
    ]
    return pd.concat(checked, ignore_index=True)


def promises(toggles: pd.DataFrame, *, now: datetime = NOON) -> list[Any]:
    """Return the promises of a table."""
    times = read_times(toggles, zone=JAKARTA, now=now)
    assert not times.problems
    return make_promises(toggles, times, account="a", host="h", now=now, publish=False)


def places_of(problems: list[Problem]) -> list[tuple[str, str, list[int]]]:
    """Return code, column and rows of problems."""
    return [(problem.code, str(problem.column), problem.positions.tolist()) for problem in problems]


@pytest.mark.parametrize(
    ("start", "end", "code", "column"),
    [
        (None, None, "time_blank", "ends_at"),
        ("2026-03-09 22:00", "2026-03-09 21:00", "end_before_start", "ends_at"),
        ("2026-03-09 22:00", "2026-03-09 22:00", "end_before_start", "ends_at"),
        (None, "2026-03-09 19:00", "end_past", "ends_at"),
        ("2027-03-09 19:01", None, "start_too_late", "starts_at"),
        ("soon", None, "time_unreadable", "starts_at"),
    ],
)
def test_read_times__finds_what_is_wrong_with_a_row(start: Any, end: Any, code: str, column: str) -> None:
    """Each problem names the column that is to be mended; noon is 19:00 in Jakarta."""
    good = ("2026-03-09 20:00", "2026-03-09 21:00", False)
    read = read_times(rows(good, (start, end, False)), zone=JAKARTA, now=NOON)
    assert places_of(read.problems) == [(code, column, [1])]


def test_read_times__takes_a_start_that_is_a_year_ahead() -> None:
    """The same moment next year is no more than a year ahead."""
    assert not read_times(rows(("2027-03-09 19:00", None, False)), zone=JAKARTA, now=NOON).problems


def test_find_overlaps__names_the_other_row() -> None:
    """Opposite flags at one time are a problem; one after the other they are not."""
    evening = ("2026-03-09 20:00", "2026-03-09 22:00", False)
    later, next_one = ("2026-03-09 21:00", None, True), ("2026-03-09 22:00", "2026-03-09 23:00", True)
    (problem,) = find_overlaps(promises(rows(evening, later)), [], ["1 (line 2)", "2 (line 3)"])
    assert places_of([problem]) == [("promise_overlap", "is_enabled", [1])]
    assert (
        "Row 1 (line 2) wants the same entity and place off from 2026-03-09 13:00 UTC" in problem.messages[0]
    )
    assert not find_overlaps(promises(rows(evening, next_one)), [], ["1", "2"])


def test_find_overlaps__sees_through_a_promise_that_ends_sooner() -> None:
    """The one that ends last decides, whatever came between."""
    table = rows(
        ("2026-03-09 20:00", "2026-03-10 20:00", False),
        ("2026-03-09 21:00", "2026-03-09 22:00", False),
        ("2026-03-10 01:00", "2026-03-10 02:00", True),
    )
    (problem,) = find_overlaps(promises(table), [], ["1", "2", "3"])
    assert (problem.positions.tolist(), problem.messages[0][:5]) == ([2], "Row 1")


@pytest.mark.parametrize("hours", [-1, 1])
def test_find_overlaps__names_a_promise_that_stands(hours: int) -> None:
    """A row is held against what was promised before, whichever begins first."""
    (standing,) = promises(rows(("2026-03-09 22:00", "2026-03-10 22:00", True)))
    start = pd.Timestamp("2026-03-09 22:00") + timedelta(hours=hours)
    (problem,) = find_overlaps(promises(rows((start, start + timedelta(hours=3), False))), [standing], ["1"])
    assert f"Promise {standing.promise_id[:8]}, which stands," in problem.messages[0]


def test_match_standing__makes_one_promise_of_the_same_row() -> None:
    """A row that was scheduled before, also one that starts at once, is the promise that stands."""
    table = rows((None, "2026-03-09 22:00", False), ("2026-03-10 20:00", None, True))
    standing = promises(table)
    again = promises(table, now=NOON + timedelta(hours=1))
    assert match_standing([*again, *again], standing) == [*standing, *standing]
