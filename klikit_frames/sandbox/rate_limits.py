"""The rate cap of each credential, counted in one of three ways."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

WINDOW_S = 60.0
ABSURD_S = 10**9


@dataclass(frozen=True)
class Reading:
    """Where a credential stands after one request."""

    is_allowed: bool
    remaining: int
    wait_s: float


class Window(Protocol):
    """Counts requests against a cap."""

    def take(self, now: float) -> Reading:
        """Ask for a slot at this time; `wait_s` is the time until the next slot is free, or all are."""


@dataclass
class FixedWindow:
    """So many in each minute of the clock."""

    cap: int
    _minute: float = -1.0
    _count: int = 0

    def take(self, now: float) -> Reading:
        """Count the request into the current minute."""
        minute = now // WINDOW_S
        if minute != self._minute:
            self._minute, self._count = minute, 0
        is_allowed = self._count < self.cap
        self._count += is_allowed
        return Reading(is_allowed, self.cap - self._count, (minute + 1) * WINDOW_S - now)


@dataclass
class SlidingWindow:
    """So many in any 60 seconds."""

    cap: int
    _times: deque[float] = field(default_factory=deque)

    def take(self, now: float) -> Reading:
        """Count the request with those of the last 60 seconds."""
        while self._times and not now - WINDOW_S < self._times[0] <= now:
            self._times.popleft()
        is_allowed = len(self._times) < self.cap
        if is_allowed:
            self._times.append(now)
        return Reading(is_allowed, self.cap - len(self._times), self._times[0] + WINDOW_S - now)


@dataclass
class TokenBucket:
    """So many at once, refilled evenly over 60 seconds."""

    cap: int
    _level: float = -1.0
    _filled_at: float = 0.0

    def take(self, now: float) -> Reading:
        """Take one token if there is one."""
        rate = self.cap / WINDOW_S
        refill = max(0.0, now - self._filled_at) * rate
        self._level = self.cap if self._level < 0 else min(float(self.cap), self._level + refill)
        self._filled_at = now
        is_allowed = self._level >= 1
        self._level -= is_allowed
        return Reading(is_allowed, int(self._level), max(0.0, 1 - self._level) / rate)


# The credential, whether it writes, the kind of window and the cap.
Place = tuple[str, bool, str, int]
WINDOWS: dict[str, Callable[[int], Window]] = {
    "fixed": FixedWindow,
    "sliding": SlidingWindow,
    "bucket": TokenBucket,
}


class Limits:
    """One window for each credential and each of reads and writes."""

    def __init__(self) -> None:
        self._windows: dict[Place, Window] = {}

    def take(self, place: Place, *, now: float) -> Reading:
        """Count one request; a change of the cap or of its kind starts a new window."""
        window = self._windows.setdefault(place, WINDOWS[place[2]](place[3]))
        return window.take(now)

    def clear(self) -> None:
        """Forget what was counted."""
        self._windows.clear()


def retry_after(form: str, *, wait_s: float, date: str) -> dict[str, str]:
    """Return the header ``Retry-After`` in one of its forms; `date` is the moment when the wait is over."""
    values = {"seconds": str(max(1, math.ceil(wait_s))), "date": date, "absurd": str(ABSURD_S)}
    return {"retry-after": values[form]} if form in values else {}


def cap_headers(reading: Reading, *, cap: int, now: float) -> dict[str, str]:
    """Return the headers that tell where a credential stands."""
    reset = math.ceil(now + reading.wait_s)
    values = {"limit": cap, "remaining": max(0, reading.remaining), "reset": reset}
    return {f"x-ratelimit-{name}": str(value) for name, value in values.items()}
