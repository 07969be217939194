"""Timed rows to promises, and promises against each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames.problems import Problem
from klikit_frames.scheduling.promise_checks import (
    find_overlaps,
    make_promises,
    match_standing,
    read_times,
)

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


def found(problems: list[Problem]) -> list[tuple[str, str, list[int]]]:
    """Return code, column and rows of problems."""
    return [(one.code, str(one.column), one.positions.tolist()) for one in problems]


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
    assert found(read.problems) == [(code, column, [1])]


def test_read_times__takes_a_start_that_is_a_year_ahead() -> None:
    """The same moment next year is no more than a year ahead."""
    assert not read_times(rows(("2027-03-09 19:00", None, False)), zone=JAKARTA, now=NOON).problems


def test_find_overlaps__names_the_other_row() -> None:
    """Opposite flags at one time are a problem; one after the other they are not."""
    evening = ("2026-03-09 20:00", "2026-03-09 22:00", False)
    later, next_one = ("2026-03-09 21:00", None, True), ("2026-03-09 22:00", "2026-03-09 23:00", True)
    (problem,) = find_overlaps(promises(rows(evening, later)), [], ["1 (line 2)", "2 (line 3)"])
    assert found([problem]) == [("promise_overlap", "is_enabled", [1])]
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
