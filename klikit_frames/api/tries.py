"""One try of one request, as a value: its answer, or the trouble that took its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .clocks import Clock, read_now
from .ratelimits import RateLimits, read_limits
from .wire import Answer, read_answer

RETRIED_STATUSES = frozenset({500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Try:
    """What came of one try.

    Attributes
    ----------
    answer : Answer or None
        None if not even a status came.
    trouble : str or None
        What went wrong on the way; None if all of the answer arrived.
    was_sent : bool
        False if no connection was ever opened.
    limits : RateLimits
        What the answer's headers say of the rate caps.
    """

    answer: Answer | None = None
    trouble: str | None = None
    was_sent: bool = True
    limits: RateLimits = field(default_factory=RateLimits)

    @property
    def is_rate_limited(self) -> bool:
        """Whether the API refused this try for the rate alone."""
        return self.answer is not None and self.answer.http_status == 429

    @property
    def is_failure(self) -> bool:
        """Whether another try may do better."""
        if self.answer is None or self.trouble is not None or self.is_rate_limited:
            return True
        return self.answer.http_status in RETRIED_STATUSES


def read_try(
    http_status: int, headers: Mapping[str, str], body: bytes, *, trouble: str | None, clock: Clock
) -> Try:
    """Return what an HTTP answer, perhaps a broken one, amounts to."""
    answer = read_answer(http_status, body, date=headers.get("Date"))
    if answer.is_ok and not answer.is_readable:
        trouble = trouble or f"the answer {http_status} does not say what was done"
    return Try(
        answer=replace(answer, is_readable=answer.is_readable and trouble is None),
        trouble=trouble,
        limits=read_limits(headers, now=answer.server_at or read_now(clock)),
    )
