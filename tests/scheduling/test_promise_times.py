"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klikit_frames.errors import ConfigError
from klikit_frames.scheduling.promise_times import check_moment, find_timezone, read_time

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
