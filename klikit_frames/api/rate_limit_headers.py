"""What the server says about its rate caps: the headers of an answer as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

WINDOW_S = 60.0
# The server's Date and its reset are whole seconds, so that a minute may look like 61.
MAX_RESET_S = WINDOW_S + 2.0
MIN_PAUSE_S = 0.05
DEFAULT_PAUSE_S = 1.0
MAX_PAUSE_S = 300.0


@dataclass(frozen=True, slots=True)
class RateLimitHeaders:
    """The rate headers of one answer; None where a header is absent or makes no sense.

    Attributes
    ----------
    limit : int or None
        Requests that the server takes in a minute (``X-RateLimit-Limit``).
    remaining : int or None
        Requests left in its present window (``X-RateLimit-Remaining``).
    reset_s : float or None
        Seconds until that window ends (``X-RateLimit-Reset``, unix seconds).
    retry_after_s : float or None
        Seconds to wait after a 429 (``Retry-After``), as the server said them, however absurd.
    retry_after : str or None
        The same header word for word.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None
    retry_after_s: float | None = None
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """How long a credential rests after a 429; `note` says what was odd about the server's word for it."""

    seconds: float
    note: str | None = None


def read_limits(headers: Mapping[str, str], *, now: datetime) -> RateLimitHeaders:
    """Return the rate headers of an answer as numbers.

    Touches neither network nor disk.

    Parameters
    ----------
    headers : mapping of str to str
        The answer's headers, looked up in this spelling.
    now : datetime
        The server's time if the answer has it, for a laptop's clock may be off.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from klikit_frames.api.rate_limit_headers import read_limits
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> read_limits({"Retry-After": "Thu, 01 Jan 2026 00:00:30 GMT"}, now=now).retry_after_s
    30.0
    """
    reset = _parse_number(headers.get("X-RateLimit-Reset"))
    retry_after = headers.get("Retry-After")
    return RateLimitHeaders(
        limit=_parse_count(headers.get("X-RateLimit-Limit"), least=1),
        remaining=_parse_count(headers.get("X-RateLimit-Remaining"), least=0),
        reset_s=None if reset is None else reset - now.timestamp(),
        retry_after_s=_parse_retry_after(retry_after, now=now),
        retry_after=None if retry_after is None else retry_after[:100],
    )


def choose_pause(limits: RateLimitHeaders, *, n_in_a_row: int) -> Pause:
    """Return how long to rest after a 429: what the server asks for, within reason.

    Parameters
    ----------
    limits : RateLimitHeaders
        The headers of the 429.
    n_in_a_row : int
        How many rests came one after the other, this one included; without a usable header each is twice
        as long as the last, from 1 s to a minute.

    Examples
    --------
    >>> from klikit_frames.api.rate_limit_headers import RateLimitHeaders, choose_pause
    >>> choose_pause(RateLimitHeaders(retry_after_s=7.0, retry_after="7"), n_in_a_row=1)
    Pause(seconds=7.0, note=None)
    >>> choose_pause(RateLimitHeaders(retry_after_s=1e9, retry_after="1000000000"), n_in_a_row=1).note
    "the server asked for a pause of '1000000000', 300 s are kept"
    """
    asked = limits.retry_after_s
    if asked is not None and 0 <= asked <= MAX_PAUSE_S:
        return Pause(max(MIN_PAUSE_S, asked))
    if asked is not None and asked > MAX_PAUSE_S:
        kept = MAX_PAUSE_S
    elif limits.reset_s is not None and 0 < limits.reset_s <= MAX_RESET_S:
        kept = limits.reset_s
    else:
        kept = min(WINDOW_S, DEFAULT_PAUSE_S * 2.0 ** min(n_in_a_row - 1, 10))
    if limits.retry_after is None:
        return Pause(kept)
    return Pause(kept, f"the server asked for a pause of {limits.retry_after!r}, {kept:g} s are kept")


def _parse_number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _parse_count(text: str | None, *, least: int) -> int | None:
    number = _parse_number(text)
    return None if number is None or number < least else int(number)


def _parse_retry_after(text: str | None, *, now: datetime) -> float | None:
    number = _parse_number(text)
    if number is not None or text is None:
        return number
    try:
        at = parsedate_to_datetime(text)
        # A date without a zone means UTC, as in all of HTTP.
        return (at if at.tzinfo else at.replace(tzinfo=now.tzinfo)).timestamp() - now.timestamp()
    except (ValueError, OverflowError):
        return None
