"""The sandbox's own time, which can be moved, and the waits that faults ask for."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime

_MOST_S = 10 * 365 * 24 * 60 * 60


class Clock:
    """The machine's clock plus what it was moved by."""

    def __init__(self) -> None:
        self._offset_s = 0.0

    def now(self) -> float:
        """Return the sandbox's time in seconds since 1970."""
        return time.time() + self._offset_s

    def moment(self, *, after_s: float = 0.0) -> datetime:
        """Return the sandbox's time, or one some seconds later, in UTC."""
        return datetime.fromtimestamp(self.now() + after_s, UTC)

    def http_date(self, *, after_s: float = 0.0) -> str:
        """Return the sandbox's time in the form of HTTP headers."""
        return format_datetime(self.moment(after_s=after_s), usegmt=True)

    def move(self, seconds: object) -> None:
        """Move the clock forward, or back; by ten years at most in all."""
        if not isinstance(seconds, int | float) or isinstance(seconds, bool):
            raise TypeError(f"seconds is a number, not {seconds!r}")
        if not abs(self._offset_s + seconds) <= _MOST_S:
            raise ValueError(f"the clock moves by ten years at most, not by {seconds!r} seconds")
        self._offset_s += seconds

    def reset(self) -> None:
        """Go back to the machine's time."""
        self._offset_s = 0.0


class Pauses:
    """Waits that can be cut short together."""

    def __init__(self) -> None:
        self._over = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Wait some seconds, or until the end."""
        if seconds:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), seconds)

    def end(self) -> None:
        """Let nobody wait any more; called on the event loop."""
        self._over.set()
