"""Time as the client sees it: handed in, so that waiting can be tested without waiting."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time in seconds since 1970 and waits, both replaceable.

    A clock may also have ``monotonic()``: seconds that nobody sets. Without it, ``time()`` stands for both.
    """

    def time(self) -> float:
        """Return the present, in seconds since 1970."""

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Wait, but no longer than until `stop` is set."""


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        """Return the present, in seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since the machine was started, the same in all of its processes.

        The seconds of a laptop's sleep count: a key gets older meanwhile.
        """
        if sys.platform == "linux":
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        # Python's own stands still while a Mac sleeps.
        return time.clock_gettime(time.CLOCK_MONOTONIC) if sys.platform == "darwin" else time.monotonic()

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Wait, but no longer than until `stop` is set."""
        (stop or threading.Event()).wait(max(0.0, seconds))


class SteadyClock:
    """A clock that goes on evenly from where it was made, even if the machine's clock is set.

    Examples
    --------
    >>> from klikit_frames.api.clocks import SteadyClock, SystemClock
    >>> clock = SteadyClock(SystemClock())
    >>> clock.time() <= clock.time()
    True
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._monotonic: Callable[[], float] = getattr(clock, "monotonic", clock.time)
        self._ahead = clock.time() - self._monotonic()

    def monotonic(self) -> float:
        """Return seconds on a clock that nobody sets."""
        return self._monotonic()

    def time(self) -> float:
        """Return the present, in seconds since 1970, as the clock had it at first."""
        return self._ahead + self._monotonic()

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Wait, but no longer than until `stop` is set."""
        self._clock.sleep(seconds, stop=stop)


def read_now(clock: Clock) -> datetime:
    """Return the clock's present as a UTC datetime with microseconds."""
    return datetime.fromtimestamp(clock.time(), tz=UTC)
