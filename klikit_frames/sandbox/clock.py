"""The sandbox's own time, which can be moved forward."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import format_datetime


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

    def move(self, seconds: float) -> None:
        """Move the clock forward (or back)."""
        self._offset_s += seconds

    def reset(self) -> None:
        """Go back to the machine's time."""
        self._offset_s = 0.0
