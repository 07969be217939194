"""How old a plan's state is, and which menus a run reads before it writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from klikit_frames.planning.state_ages import count_menus, is_fresh, read_time

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
ROWS = pd.DataFrame(
    {
        "request_no": pd.array([1, 1, 2, pd.NA, 3], dtype="Int64"),
        "brand_id": pd.array([7, 7, 7, 8, pd.NA], dtype="Int64"),
        "branch_id": pd.array([1, 1, 2, 3, pd.NA], dtype="Int64"),
    }
)


def _before(flags: list[object], *, age: timedelta | None) -> pd.Series:
    told = pd.Series(pd.array(flags, dtype="boolean"))
    told.attrs["read_at"] = None if age is None else (NOW - age).isoformat()
    return told


@pytest.mark.parametrize(
    ("flags", "age", "n_menus"),
    [
        ([True, True, False, pd.NA, True], timedelta(minutes=14), 0),
        ([True, pd.NA, False, True, True], timedelta(minutes=14), 3),
        ([True] * 5, timedelta(minutes=15), 3),
        ([True] * 5, timedelta(seconds=-1), 3),
        ([True] * 5, None, 3),
    ],
)
def test_count_menus__of_what_is_sent(flags: list[object], age: timedelta | None, n_menus: int) -> None:
    """Each store that is written and the business level count, unless the plan has fresh flags of all."""
    assert count_menus(ROWS, _before(flags, age=age), now=NOW) == n_menus


def test_read_time__without_a_zone_is_utc() -> None:
    """A time that says no zone is UTC, and what is no time is none."""
    told = _before([True], age=None)
    told.attrs["read_at"] = "2026-11-27T08:50:00"
    assert read_time(told) == datetime(2026, 11, 27, 8, 50, tzinfo=UTC)
    assert is_fresh(told, now=NOW)
    assert read_time(pd.Series([True])) is None
