"""All that an endpoint may look at or change, the sandbox's clock included."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from .calls import ApiError, History, RequestLog
from .credentials import Limits
from .demo_data import Catalogue
from .faults import Faults
from .state import State, Store
from .switches import Switches

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
        """Wait some seconds, or until `end` is called."""
        if seconds:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), seconds)

    def end(self) -> None:
        """End all waits, for good; called on the event loop."""
        self._over.set()


@dataclass
class Attempt:
    """Whether what an attempt wrote is kept."""

    is_kept: bool = False


@dataclass
class AppContext:
    """The business, its state, its clock, the switches and faults in force, and what was received."""

    catalogue: Catalogue
    state: State
    switches: Switches
    faults: Faults
    clock: Clock = field(default_factory=Clock)
    limits: Limits = field(default_factory=Limits)
    request_log: RequestLog = field(default_factory=RequestLog)
    history: History = field(default_factory=History)
    pauses: Pauses = field(default_factory=Pauses)

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Roll back what is written inside, unless it is marked to be kept."""
        attempt, n_events = Attempt(), self.history.n_events
        with self.state.savepoint() as savepoint:
            yield attempt
            if not attempt.is_kept:
                savepoint.roll_back()
                self.history.truncate(n_events)

    def require_stores(self, stores: Iterable[Store]) -> None:
        """Refuse a call that names a store that is not of this business."""
        strangers = set(stores).difference(self.catalogue.store_set)
        if strangers:
            brand_id, branch_id = min(strangers)
            raise ApiError("resource_not_found", f"store not found: brand {brand_id} at branch {branch_id}")
