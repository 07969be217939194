"""Until when: which moment a choice means, by whose clock, and how it is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

import klikit_frames as kf
from klikit_frames.forms.timed_changes import (
    DATE,
    EVENING,
    MORNING,
    ONE_HOUR,
    Until,
    business_zones,
    end_of,
    until_choices,
    until_words,
    zone_words,
)

JAKARTA = ZoneInfo("Asia/Jakarta")
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 9, 12, tzinfo=JAKARTA)


@pytest.mark.parametrize(
    ("until", "now", "end"),
    [
        (Until(), NOON, None),
        (Until(ONE_HOUR), NOON, "2026-03-09T13:00"),
        (Until(ONE_HOUR), NOON + timedelta(seconds=1), "2026-03-09T13:01"),
        (Until(EVENING), NOON, "2026-03-09T17:00"),
        (Until(EVENING), NOON + timedelta(hours=5), "2026-03-10T17:00"),
        (Until(MORNING), NOON, "2026-03-10T06:00"),
        (Until(MORNING), NOON - timedelta(hours=10), "2026-03-10T06:00"),
        (Until(DATE, "2026-03-09T12:01"), NOON, "2026-03-09T12:01"),
        (Until(DATE, " 2026-12-31 23:59 "), NOON, "2026-12-31T23:59"),
    ],
)
def test_end_of__each_choice(until: Until, now: datetime, end: str | None) -> None:
    """17:00 is the next one, 06:00 that of tomorrow, an hour is never shorter than an hour."""
    wanted = None if end is None else datetime.fromisoformat(end).replace(tzinfo=JAKARTA)
    assert end_of(until, now=now.astimezone(UTC), zone=JAKARTA) == wanted


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("", "Give the date and time"),
        ("soon", "no time in ISO 8601"),
        ("2026-03-09T11:59", "11:59 is past already"),
    ],
)
def test_end_of__refused(at: str, said: str) -> None:
    """A blank, unreadable or past time is said to be so."""
    with pytest.raises(kf.ConfigError, match=said):
        end_of(Until(DATE, at), now=NOON, zone=JAKARTA)


@pytest.mark.parametrize(
    ("at", "said"), [("2026-03-29T02:30", "skips"), ("2026-10-25T02:30", "shows .* twice")]
)
def test_end_of__clock_is_set(at: str, said: str) -> None:
    """A time that the clock skips or shows twice is refused with the two readings."""
    with pytest.raises(kf.ConfigError, match=f"The clock of Europe/Berlin {said}.* or "):
        end_of(Until(DATE, at), now=NOON, zone=BERLIN)


def test_end_of__unknown_choice() -> None:
    """What no choice is called is refused."""
    with pytest.raises(kf.ConfigError):
        end_of(Until("later"), now=NOON, zone=JAKARTA)


def test_until_choices__say_the_day() -> None:
    """Each choice says which 17:00 it means."""
    assert dict(until_choices(NOON, JAKARTA))[EVENING] == "until 17:00"
    assert dict(until_choices(NOON + timedelta(hours=6), JAKARTA))[EVENING] == "until tomorrow 17:00"


def test_words__of_lists_and_zones() -> None:
    """A listed choice holds whenever it is read; a zone says how far it is from UTC."""
    words = [until_words(Until(kind)) for kind in (ONE_HOUR, EVENING, MORNING, "later")]
    assert words == ["for 1 h", "until 17:00", "until tomorrow 06:00", ""]
    names = ("UTC", "Asia/Kathmandu", "America/New_York")
    assert [zone_words(ZoneInfo(name), now=NOON) for name in names] == [
        "UTC",
        "Kathmandu, UTC+5:45",
        "New York, UTC-4",
    ]


def test_business_zones__most_stores_first() -> None:
    """The country with most stores comes first, UTC last; what is no country is left out."""
    zones = business_zones(["ID", None, "bd", "bd", "XX", float("nan")])
    assert (zones[0], zones[1], zones[-1]) == ("Asia/Dhaka", "Asia/Jakarta", "UTC")


def test_business_zones__no_country() -> None:
    """Where no country is told there is UTC alone."""
    assert business_zones([]) == ["UTC"]
