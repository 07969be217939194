"""The rate cap: three ways of counting, the headers, and the forms of Retry-After."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import httpx
import pytest

import klikit_frames as kf
from klikit_frames.sandbox.rate_limits import WINDOWS, FixedWindow, SlidingWindow, TokenBucket, Window

from .conftest import PLAIN, Call


def allowed(window: Window, times: list[float]) -> list[bool]:
    """Return which of the requests at these times get a place."""
    return [window.take(now).is_allowed for now in times]


def test_fixed__begins_anew_with_each_minute() -> None:
    """Two at the end of a minute and two at the start of the next."""
    assert allowed(FixedWindow(2), [58, 59, 59.9, 60, 61, 62]) == [True, True, False, True, True, False]


def test_sliding__counts_the_last_60_seconds() -> None:
    """A place is free again exactly a minute after it was taken."""
    assert allowed(SlidingWindow(2), [58, 59, 60, 117.9, 118, 118.5, 119]) == [
        True,
        True,
        False,
        False,
        True,
        False,
        True,
    ]


def test_bucket__refills_evenly() -> None:
    """Two at once, then one each 30 seconds."""
    assert allowed(TokenBucket(2), [0, 0, 0, 29, 30, 31, 60]) == [True, True, False, False, True, False, True]


@pytest.mark.parametrize("kind", WINDOWS)
def test_window__says_how_long_to_wait(kind: str) -> None:
    """Whoever waits as told gets a place."""
    window = WINDOWS[kind](3)
    now = 1000.0
    while (reading := window.take(now)).is_allowed:
        now += 0.25
    assert not window.take(now + reading.wait_s - 0.01).is_allowed
    assert window.take(now + reading.wait_s + 0.001).is_allowed


@pytest.mark.parametrize("kind", WINDOWS)
def test_cap__holds_over_http(sandbox: kf.sandbox.Sandbox, enable: Call, kind: str) -> None:
    """The request over the cap is a 429; when its wait is over by the sandbox's clock, it goes through."""
    sandbox.move_clock(60 - time.time() % 60)
    sandbox.set(writes_per_minute=3, rate_window=kind)
    answers = [enable([289379], isEnabled=False) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["error"]["code"] == "rate_limit_exceeded"
    sandbox.move_clock(int(answers[3].headers["retry-after"]) + 1)
    assert enable([289379], isEnabled=False).status_code == 200


def test_cap__tells_where_one_stands(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """Every answer under a cap has the three headers; without one there are none."""
    assert "x-ratelimit-limit" not in enable([289379]).headers
    sandbox.move_clock(60 - time.time() % 60)
    sandbox.set(writes_per_minute=3)
    headers = [enable([289379]).headers for _ in range(4)]
    assert [h["x-ratelimit-limit"] for h in headers] == ["3"] * 4
    assert [h["x-ratelimit-remaining"] for h in headers] == ["2", "1", "0", "0"]
    date = parsedate_to_datetime(headers[0]["date"]).timestamp()
    assert 0 <= int(headers[0]["x-ratelimit-reset"]) - date <= 61


def test_cap__is_of_reads_or_writes_and_of_one_credential(
    sandbox: kf.sandbox.Sandbox, http: httpx.Client, enable: Call
) -> None:
    """Reads and writes are counted apart, and so are credentials."""
    sandbox.set(reads_per_minute=1, rate_window="sliding")
    assert [http.get("/brands").status_code for _ in range(2)] == [200, 429]
    assert enable([289379]).status_code == 200
    other = sandbox.issue_credential()
    assert httpx.get(f"{sandbox.url}/brands", auth=other, **PLAIN).status_code == 200


@pytest.mark.parametrize("form", ["seconds", "date", "absent", "absurd"])
def test_retry_after__has_four_forms(sandbox: kf.sandbox.Sandbox, http: httpx.Client, form: str) -> None:
    """Seconds, an HTTP date in the future of the sandbox's clock, none, and a billion seconds."""
    sandbox.set(reads_per_minute=1, retry_after=form)
    sandbox.move_clock(7200)
    answers = [http.get("/brands") for _ in range(3)]
    value = answers[-1].headers.get("retry-after")
    if form == "date":
        moment, date = parsedate_to_datetime(value), parsedate_to_datetime(answers[-1].headers["date"])
        assert 0 < (moment - date).total_seconds() <= 62
    else:
        readable = {None: None} | {str(n): n for n in (*range(1, 61), 10**9)}
        assert readable[value] in {"seconds": range(1, 61), "absent": [None], "absurd": [10**9]}[form]
