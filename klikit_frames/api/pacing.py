"""Keeping below the API's rate caps."""

from __future__ import annotations

import threading
from typing import Literal, cast

from pyrate_limiter import InMemoryBucket, Rate, RateItem

from .clocks import Clock

Kind = Literal["read", "write"]
WINDOW_MS = 60_000


class Pacing:
    """Admits requests under the caps, and pauses the whole credential after a 429."""

    def __init__(self, *, reads_per_minute: int, writes_per_minute: int, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._paused_until = 0.0
        self._buckets = {
            "read": InMemoryBucket([Rate(reads_per_minute, WINDOW_MS + 500)]),
            "write": InMemoryBucket([Rate(writes_per_minute, WINDOW_MS + 500)]),
        }

    def admit(self, kind: Kind, *, stop: threading.Event | None = None) -> bool:
        """Wait for the request's turn; False if `stop` was set before it came."""
        while not (stop and stop.is_set()):
            wait_s = self._take(kind)
            if wait_s <= 0:
                return True
            self._clock.sleep(wait_s, stop=stop)
        return False

    def pause(self, seconds: float) -> None:
        """Let no request of this credential through for a while."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock.time() + seconds)

    def _take(self, kind: Kind) -> float:
        with self._lock:
            now = self._clock.time()
            if now < self._paused_until:
                return self._paused_until - now
            bucket = self._buckets[kind]
            item = RateItem(kind, int(now * 1000))
            if bucket.put(item):
                return 0.0
            return max(1, cast("int", bucket.waiting(item))) / 1000
