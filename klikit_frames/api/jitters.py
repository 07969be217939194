"""How unequally long requests were under way lately, kept by time and not by number."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from .ratelimits import WINDOW_S

MIN_JITTER_S = 0.25
# Three seconds on top of sixty still use 95 % of the cap.
MAX_JITTER_S = 3.0
_BUCKET_S = 3.0
# As long as a request that was noted may still count in the widest window.
_KEPT_S = WINDOW_S + MAX_JITTER_S + _BUCKET_S


@dataclass(slots=True)
class _Bucket:
    begins: float
    least_s: float
    most_s: float


@dataclass(slots=True)
class Jitter:
    """The spread of the durations of the last minute, at a cost that does not grow with their number.

    Examples
    --------
    >>> from klikit_frames.api.jitters import Jitter
    >>> jitter = Jitter()
    >>> for duration_s in (0.5, 1.5):
    ...     jitter.note(duration_s, now=100.0)
    >>> jitter.measure(now=160.0), jitter.measure(now=170.0)
    (1.25, 0.25)
    """

    _buckets: deque[_Bucket] = field(default_factory=deque, init=False)

    def note(self, duration_s: float, *, now: float) -> None:
        """Note how long one request took."""
        last = self._buckets[-1] if self._buckets else None
        if last is None or not 0 <= now - last.begins < _BUCKET_S:
            self._buckets.append(_Bucket(now, duration_s, duration_s))
            return
        last.least_s = min(last.least_s, duration_s)
        last.most_s = max(last.most_s, duration_s)

    def fear(self, *, now: float) -> None:
        """Assume the worst of requests that others sent lately, for nobody knows how long theirs took."""
        self._buckets.append(_Bucket(now, 0.0, MAX_JITTER_S))

    def measure(self, now: float) -> float:
        """Return by how many seconds requests may be delayed unequally."""
        self._forget(now)
        if not self._buckets:
            return MIN_JITTER_S
        spread_s = max(one.most_s for one in self._buckets) - min(one.least_s for one in self._buckets)
        return min(MAX_JITTER_S, MIN_JITTER_S + spread_s)

    def _forget(self, now: float) -> None:
        # A bucket of the future is of a clock that was set back since.
        while self._buckets and not 0 <= now - self._buckets[0].begins <= _KEPT_S:
            self._buckets.popleft()
