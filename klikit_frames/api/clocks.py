"""Time as the client sees it: handed in, so that waiting can be tested without waiting."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time in seconds since 1970 and waits, both replaceable."""

    def time(self) -> float:
        """Return the present, in seconds since 1970."""

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Wait, but no longer than until `stop` is set."""


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        """Return the present, in seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Wait, but no longer than until `stop` is set."""
        (stop or threading.Event()).wait(max(0.0, seconds))


def read_now(clock: Clock) -> datetime:
    """Return the clock's present as a UTC datetime with microseconds."""
    return datetime.fromtimestamp(clock.time(), tz=UTC)
