"""What the server's headers say of the rate."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klikit_frames.api.rate_limits import RateLimitHeaders, choose_pause, read_limits
from klikit_frames.api.rate_storage import MAX_PAUSE_S

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("Mon, 23 Nov 2026 15:00:09 GMT", 9.0),
        ("Mon, 23 Nov 2026 15:00:09", 9.0),
        ("Monday, 23-Nov-26 15:00:09 GMT", 9.0),
        ("Mon, 23 Nov 2026 14:59:00 GMT", -60.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("-3", -3.0),
        ("1000000000", 1e9),
    ],
)
def test_retry_after__is_read_in_each_form(text: str | None, seconds: float | None) -> None:
    """Seconds, an HTTP date, nothing, or nonsense."""
    headers = {} if text is None else {"Retry-After": text}
    assert read_limits(headers, now=NOW).retry_after_s == seconds


def test_limits__are_read_from_the_headers() -> None:
    """The three rate headers become numbers, the reset as seconds from the server's present."""
    headers = {
        "X-RateLimit-Limit": "300",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(NOW.timestamp()) + 12),
    }
    assert read_limits(headers, now=NOW) == RateLimitHeaders(limit=300, remaining=0, reset_s=12.0)


@pytest.mark.parametrize("text", ["", "-1", "many", "nan", "1e999"])
def test_limits__leave_out_what_makes_no_sense(text: str) -> None:
    """A senseless number is as good as none."""
    headers = {"X-RateLimit-Limit": text, "X-RateLimit-Remaining": text}
    assert read_limits(headers, now=NOW) == RateLimitHeaders()


@pytest.mark.parametrize(
    ("limits", "n_in_a_row", "seconds", "is_noted"),
    [
        (RateLimitHeaders(retry_after_s=7, retry_after="7"), 1, 7.0, False),
        (RateLimitHeaders(retry_after_s=0, retry_after="0"), 1, 0.05, False),
        (RateLimitHeaders(retry_after_s=300, retry_after="300"), 1, 300.0, False),
        (RateLimitHeaders(retry_after_s=1e9, retry_after="1000000000"), 1, 300.0, True),
        (RateLimitHeaders(retry_after_s=-60, retry_after="a past date"), 1, 1.0, True),
        (RateLimitHeaders(retry_after="soon"), 2, 2.0, True),
        (RateLimitHeaders(), 1, 1.0, False),
        (RateLimitHeaders(), 4, 8.0, False),
        (RateLimitHeaders(), 50, 60.0, False),
        (RateLimitHeaders(reset_s=12.0), 1, 12.0, False),
        (RateLimitHeaders(reset_s=61.0), 1, 61.0, False),
        (RateLimitHeaders(reset_s=4000.0), 1, 1.0, False),
        (RateLimitHeaders(reset_s=-5.0), 3, 4.0, False),
    ],
)
def test_pause__is_what_the_server_asks_within_reason(
    limits: RateLimitHeaders, n_in_a_row: int, seconds: float, is_noted: bool
) -> None:
    """Each form is honoured; the absurd is bounded, and said."""
    pause = choose_pause(limits, n_in_a_row=n_in_a_row)
    assert (pause.seconds, pause.note is not None) == (seconds, is_noted)


@given(text=st.text(max_size=40), n_in_a_row=st.integers(1, 10**6))
def test_pause__is_never_absurd(text: str, n_in_a_row: int) -> None:
    """Whatever the header holds, the pause is above zero and bounded."""
    pause = choose_pause(read_limits({"Retry-After": text}, now=NOW), n_in_a_row=n_in_a_row)
    assert 0 < pause.seconds <= MAX_PAUSE_S
