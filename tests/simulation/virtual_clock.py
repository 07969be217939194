"""Time that passes only when somebody waits, ids that a seed draws, and no threads."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from klikit_frames import edge
from klikit_frames.running.executor import RunExecutor

# Monday, 4 January 2027, 06:00 UTC.
START_S = 1_799_042_400.0


class VirtualClock:
    """The time of one world: true seconds, and a machine's wall clock that may be set wrong."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._true_s = START_S
        self.ahead_s = 0.0
        self.was_set = False
        self.set_at_s = 0.0
        # Whoever looks what time it is, again and again.
        self.watchers: list[Callable[[], object]] = []

    @property
    def true_s(self) -> float:
        """Seconds since 1970 as they are, whatever a wall clock says."""
        return self._true_s

    def time(self) -> float:
        """Return the present by the machine's wall clock."""
        return self._true_s + self.ahead_s

    def monotonic(self) -> float:
        """Return seconds that nobody sets."""
        return self._true_s

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Let time pass at once."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        with self._lock:
            self._true_s += max(0.0, seconds)
        for look in self.watchers:
            look()

    def set_ahead(self, seconds: float) -> None:
        """Set the wall clock to so many seconds before or after the true time."""
        self.ahead_s, self.was_set, self.set_at_s = seconds, True, self._true_s

    def now(self) -> datetime:
        """Return the true present, UTC."""
        return datetime.fromtimestamp(self._true_s, tz=UTC)


@contextmanager
def runs_watch(clock: VirtualClock) -> Iterator[None]:
    """Let each run look at its deadline, and for a cancel, as time passes: the thread that began it does."""
    enter, leave = RunExecutor.__enter__, RunExecutor.__exit__

    def begin(self: RunExecutor) -> RunExecutor:
        clock.watchers.append(self.monitor.poll)
        return enter(self)

    def end(self: RunExecutor, *given: Any) -> None:
        clock.watchers.remove(self.monitor.poll)
        leave(self, *given)

    with patch.multiple(RunExecutor, __enter__=begin, __exit__=end):
        yield


class SimulatedEdge(edge.World):
    """What the package knows of the world while it is simulated."""

    has_threads = False

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.rng = random.Random(0)

    def now(self) -> datetime:
        """Return the present by the machine's wall clock."""
        return datetime.fromtimestamp(self._clock.time(), tz=UTC)

    def monotonic(self) -> float:
        """Return seconds that nobody sets."""
        return self._clock.monotonic()

    def process_time(self) -> float:
        """Return no time at all: a search ends by its counted work alone."""
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._clock.advance(seconds)

    def draw_uuid(self) -> uuid.UUID:
        """Return the seed's next identity."""
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)

    def uniform(self, low: float, high: float) -> float:
        """Return the seed's next number."""
        return self.rng.uniform(low, high)
