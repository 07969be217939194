"""Keeping below the API's rate caps, whichever window the server counts in.

The API's documentation gives no numbers; an older page has 600 reads and 300 writes a minute for each
credential. At most that many requests leave in any minute *plus the jitter of the path*: a request that
is delayed on its way arrives closer to the later ones, and only the wider window keeps the server's own
window below the cap too.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

from .. import edge
from ..edge import SteadyClock, SystemClock
from ..wording import visible_text
from .rate_storage import MAX_PAUSE_S, Cooldown, SharedCooldown, SlidingWindowLog, open_window_log

WINDOW_S = 60.0
# The server's Date and its reset are whole seconds, so that a minute may look like 61.
MAX_RESET_S = WINDOW_S + 2.0
MIN_PAUSE_S = 0.05
DEFAULT_PAUSE_S = 1.0
Kind = Literal["read", "write"]
# Beyond this cap a file costs each request more than sharing could save it.
MAX_SHARED_PER_MINUTE = 6000
_BACK_OFF = 0.8
_LEAST_SHARE = 0.1
_RECOVERY_PER_WINDOW = 0.1
_LOG = logging.getLogger(__name__)
MIN_JITTER_S = 0.25
# Three seconds on top of sixty still use 95 % of the cap.
MAX_JITTER_S = 3.0
_BUCKET_S = 3.0
# How late the first of two events is heard, at most.
_POLL_S = 0.1
# As long as a request that was noted may still count in the widest window.
_KEPT_S = WINDOW_S + MAX_JITTER_S + _BUCKET_S


@dataclass(frozen=True, slots=True)
class RateLimitHeaders:
    """The rate headers of one answer; None where a header is absent or makes no sense.

    Attributes
    ----------
    limit : int or None
        Requests that the server takes in a minute (``X-RateLimit-Limit``).
    remaining : int or None
        Requests left in its present window (``X-RateLimit-Remaining``).
    reset_s : float or None
        Seconds until that window ends (``X-RateLimit-Reset``, unix seconds).
    retry_after_s : float or None
        Seconds to wait after a 429 (``Retry-After``), as the server said them, however absurd.
    retry_after : str or None
        The same header word for word.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None
    retry_after_s: float | None = None
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """How long a credential rests after a 429; `note` says what was odd about the server's word for it."""

    seconds: float
    note: str | None = None


def read_limits(headers: Mapping[str, str], *, now: datetime) -> RateLimitHeaders:
    """Return the rate headers of an answer as numbers.

    Touches neither network nor disk.

    Parameters
    ----------
    headers : mapping of str to str
        The answer's headers, looked up in this spelling.
    now : datetime
        The server's time if the answer has it, for a laptop's clock may be off.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from klikit_frames.api.rate_limits import read_limits
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> read_limits({"Retry-After": "Thu, 01 Jan 2026 00:00:30 GMT"}, now=now).retry_after_s
    30.0
    """
    reset = _parse_number(headers.get("X-RateLimit-Reset"))
    retry_after = headers.get("Retry-After")
    return RateLimitHeaders(
        limit=_parse_count(headers.get("X-RateLimit-Limit"), least=1),
        remaining=_parse_count(headers.get("X-RateLimit-Remaining"), least=0),
        reset_s=None if reset is None else reset - now.timestamp(),
        retry_after_s=_parse_retry_after(retry_after, now=now),
        retry_after=None if retry_after is None else retry_after[:100],
    )


def choose_pause(limits: RateLimitHeaders, *, n_in_a_row: int) -> Pause:
    """Return how long to rest after a 429: what the server asks for, within reason.

    Parameters
    ----------
    limits : RateLimitHeaders
        The headers of the 429.
    n_in_a_row : int
        How many rests came one after the other, this one included; without a usable header each is twice
        as long as the last, from 1 s to a minute.

    Examples
    --------
    >>> from klikit_frames.api.rate_limits import RateLimitHeaders, choose_pause
    >>> choose_pause(RateLimitHeaders(retry_after_s=7.0, retry_after="7"), n_in_a_row=1)
    Pause(seconds=7.0, note=None)
    >>> choose_pause(RateLimitHeaders(retry_after_s=1e9, retry_after="1000000000"), n_in_a_row=1).note
    "the server asked for a pause of '1000000000', 300 s are kept"
    """
    asked = limits.retry_after_s
    if asked is not None and 0 <= asked <= MAX_PAUSE_S:
        return Pause(max(MIN_PAUSE_S, asked))
    if asked is not None and asked > MAX_PAUSE_S:
        kept = MAX_PAUSE_S
    elif limits.reset_s is not None and 0 < limits.reset_s <= MAX_RESET_S:
        kept = limits.reset_s
    else:
        kept = min(WINDOW_S, DEFAULT_PAUSE_S * 2.0 ** min(n_in_a_row - 1, 10))
    if limits.retry_after is None:
        return Pause(kept)
    return Pause(kept, f"the server asked for a pause of {limits.retry_after!r}, {kept:g} s are kept")


def _parse_number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _parse_count(text: str | None, *, least: int) -> int | None:
    number = _parse_number(text)
    return None if number is None or number < least else int(number)


def _parse_retry_after(text: str | None, *, now: datetime) -> float | None:
    number = _parse_number(text)
    if number is not None or text is None:
        return number
    try:
        at = parsedate_to_datetime(text)
        # A date without a zone means UTC, as in all of HTTP.
        return (at if at.tzinfo else at.replace(tzinfo=now.tzinfo)).timestamp() - now.timestamp()
    except (ValueError, OverflowError):
        return None


@dataclass(slots=True)
class _Bucket:
    begins: float
    least_s: float
    most_s: float


@dataclass(slots=True)
class LatencySpread:
    """The spread of the durations of the last minute, at a cost that does not grow with their number.

    Examples
    --------
    >>> from klikit_frames.api.rate_limits import LatencySpread
    >>> jitter = LatencySpread()
    >>> for duration_s in (0.5, 1.5):
    ...     jitter.note(duration_s, now=100.0)
    >>> jitter.measure(now=160.0), jitter.measure(now=170.0)
    (1.25, 0.25)
    """

    buckets: deque[_Bucket] = field(default_factory=deque, init=False)

    def note(self, duration_s: float, *, now: float) -> None:
        """Note how long one request took."""
        last = self.buckets[-1] if self.buckets else None
        if last is None or not 0 <= now - last.begins < _BUCKET_S:
            self.buckets.append(_Bucket(now, duration_s, duration_s))
            return
        last.least_s = min(last.least_s, duration_s)
        last.most_s = max(last.most_s, duration_s)

    def assume_worst(self, *, now: float) -> None:
        """Assume the worst of requests that others sent lately, for nobody knows how long theirs took."""
        self.buckets.append(_Bucket(now, 0.0, MAX_JITTER_S))

    def measure(self, now: float) -> float:
        """Return by how many seconds requests may be delayed unequally."""
        self._forget(now)
        if not self.buckets:
            return MIN_JITTER_S
        spread_s = max(bucket.most_s for bucket in self.buckets) - min(
            bucket.least_s for bucket in self.buckets
        )
        return min(MAX_JITTER_S, MIN_JITTER_S + spread_s)

    def _forget(self, now: float) -> None:
        # A bucket of the future is of a clock that was set back since.
        while self.buckets and not 0 <= now - self.buckets[0].begins <= _KEPT_S:
            self.buckets.popleft()


@dataclass(slots=True)
class Quota:
    """The cap on one kind of request: as configured, and as learned from the server."""

    log: SlidingWindowLog
    configured: int
    learned: float = field(init=False)
    jitter: LatencySpread = field(default_factory=LatencySpread, init=False)
    changed_at: float = field(default=0.0, init=False)
    hold: Cooldown = field(default_factory=Cooldown, init=False)
    # Caps that runs under way brought with them.
    limits: list[int] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.learned = float(self.configured)

    @property
    def per_minute(self) -> int:
        """The cap that is kept now."""
        return max(1, int(min([self.learned, *self.limits])))

    def take(self, now: float) -> float:
        """Take a slot and return 0, or return the seconds until one may be free."""
        if held_s := self.hold.left(now):
            return held_s
        window_s = WINDOW_S + self.jitter.measure(now)
        return self.log.put(int(now * 1000), limit=self.per_minute, window_ms=int(window_s * 1000)) / 1000

    def update_from_headers(self, limits: RateLimitHeaders, *, now: float) -> None:
        """Keep the cap that the server names if it is the lower one; wait if its window is used up."""
        if limits.limit is not None:
            self.learned, self.changed_at = float(min(self.configured, limits.limit)), now
        elif self.learned < self.configured and now - self.changed_at >= WINDOW_S:
            self.learned += self.configured * _RECOVERY_PER_WINDOW
            self.learned, self.changed_at = min(self.learned, float(self.configured)), now
        if limits.remaining == 0 and limits.reset_s is not None and 0 < limits.reset_s <= MAX_RESET_S:
            self.hold = Cooldown(now, now + limits.reset_s)

    def back_off(self, *, now: float) -> None:
        """Lower the cap after a 429 that names none."""
        self.learned = max(self.learned * _BACK_OFF, self.configured * _LEAST_SHARE)
        self.changed_at = now


class _EitherEvent(threading.Event):
    """Is set once one of two is."""

    def __init__(self, first: threading.Event, second: threading.Event) -> None:
        super().__init__()
        self._events = first, second

    def is_set(self) -> bool:
        return any(event.is_set() for event in self._events)

    def set(self) -> None:
        # Whoever waits may stop what it waits for.
        self._events[0].set()

    def wait(self, timeout: float | None = None) -> bool:
        first, second = self._events
        until = edge.monotonic() + (threading.TIMEOUT_MAX if timeout is None else timeout)
        while not second.is_set() and (left_s := until - edge.monotonic()) > 0:
            if first.wait(min(left_s, _POLL_S)):
                return True
        return self.is_set()


class RateLimiter:
    """Admits the requests of one credential, one quota for reads and one for writes; safe for threads.

    Parameters
    ----------
    reads_per_minute, writes_per_minute : int
        The caps to keep; the server may teach lower ones, never higher.
    clock : SteadyClock or SystemClock
        Tells the time and waits; only its ``monotonic()`` counts, which all processes of a machine share and
        nobody sets.
    path : Path or None
        File that other processes on this machine share, a pause after a 429 in another beside it; None keeps
        both in memory.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect(writes_per_minute=120) as client:
    ...     client.pacing
    <RateLimiter: 600 reads and 120 writes a minute>
    """

    def __init__(
        self,
        *,
        reads_per_minute: int,
        writes_per_minute: int,
        clock: SteadyClock | SystemClock,
        path: Path | None = None,
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pause = SharedCooldown(path and path.with_suffix(".rest"))
        self._closing = threading.Event()
        self._waits_until: dict[object, float] = {}
        self._n_pauses_in_a_row = 0
        self._quotas: dict[Kind, Quota] = {
            "read": _open_quota("reads", reads_per_minute, path=path, now=clock.monotonic()),
            "write": _open_quota("writes", writes_per_minute, path=path, now=clock.monotonic()),
        }

    @property
    def reads_per_minute(self) -> int:
        """The cap on reads that is kept now."""
        return self._quotas["read"].per_minute

    @property
    def writes_per_minute(self) -> int:
        """The cap on writes that is kept now."""
        return self._quotas["write"].per_minute

    @property
    def configured_writes_per_minute(self) -> int:
        """The cap on writes that the client was given, whatever the server has taught since."""
        return self._quotas["write"].configured

    @property
    def paused_s(self) -> float:
        """Seconds for which the credential still rests after a 429."""
        return self._pause.left(self._clock.monotonic())

    @property
    def wait_s(self) -> float:
        """Seconds until the first request that waits for a cap or a pause may leave; 0 if none waits.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        ...     client.pacing.wait_s
        0.0
        """
        now = self._clock.monotonic()
        return max(0.0, min(self._waits_until.copy().values(), default=now) - now)

    def seconds_for(self, *, n_reads: int = 0, n_writes: int = 0) -> float:
        """Return how long so many requests take at the caps that are kept now; touches nothing.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect(writes_per_minute=60) as client:
        ...     client.pacing.seconds_for(n_reads=600, n_writes=30)
        90.0
        """
        return WINDOW_S * (n_reads / self.reads_per_minute + n_writes / self.writes_per_minute)

    def seconds_left(self, *, n_writes: int) -> float:
        """Return how long so many writes still take, as it looks now; touches nothing.

        While one waits its window is full, and each full window of the rest takes a minute more.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect(writes_per_minute=60) as client:
        ...     client.pacing.seconds_left(n_writes=90)
        90.0
        """
        if n_writes and (wait_s := self.wait_s):
            return wait_s + WINDOW_S * ((n_writes - 1) // self.writes_per_minute)
        return self.seconds_for(n_writes=n_writes)

    def acquire(self, kind: Kind, *, stop: threading.Event | None = None) -> bool:
        """Wait for the request's turn; False if `stop` was set, or all was closed, before it came."""
        token, ends = object(), self.end_of_waits(stop)
        try:
            while not ends.is_set():
                with self._lock:
                    now = self._clock.monotonic()
                    wait_s = self._pause.left(now) or self._quotas[kind].take(now)
                if wait_s <= 0:
                    return True
                self._waits_until[token] = now + wait_s
                self._clock.sleep(wait_s, stop=ends)
            return False
        finally:
            self._waits_until.pop(token, None)

    def wait(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Let so many seconds pass; not after `stop` is set, or the client is closed."""
        self._clock.sleep(seconds, stop=self.end_of_waits(stop))

    def end_of_waits(self, stop: threading.Event | None) -> threading.Event:
        """Return the event that ends a wait: `stop`, or that all is closed."""
        return self._closing if stop is None else _EitherEvent(stop, self._closing)

    def note(self, kind: Kind, *, duration_s: float, limits: RateLimitHeaders, is_rate_limited: bool) -> None:
        """Learn from an answer: its time since the admission, what its headers say, whether it was a 429."""
        with self._lock:
            quota, now = self._quotas[kind], self._clock.monotonic()
            quota.jitter.note(duration_s, now=now)
            quota.update_from_headers(limits, now=now)
            if is_rate_limited:
                self._rest(quota, limits=limits, now=now)
            # Asked last: whether a rest is on may take a look at the disk, and nearly always there was none.
            elif self._n_pauses_in_a_row and not self._pause.left(now):
                self._n_pauses_in_a_row = 0

    @contextmanager
    def limit_writes(self, per_minute: int) -> Iterator[None]:
        """Keep a lower cap on writes for a while; a higher one changes nothing."""
        limits = self._quotas["write"].limits
        with self._lock:
            limits.append(per_minute)
        try:
            yield
        finally:
            with self._lock:
                limits.remove(per_minute)

    def close(self) -> None:
        """End what waits, and close the shared file, if there is one."""
        self._closing.set()
        with self._lock:
            for quota in self._quotas.values():
                quota.log.close()

    def __repr__(self) -> str:
        return f"<RateLimiter: {self.reads_per_minute} reads and {self.writes_per_minute} writes a minute>"

    def _rest(self, quota: Quota, *, limits: RateLimitHeaders, now: float) -> None:
        # The requests that were under way together get their 429 together: that is one pause.
        if not self._pause.left(now):
            self._n_pauses_in_a_row += 1
            if limits.limit is None:
                quota.back_off(now=now)
        pause = choose_pause(limits, n_in_a_row=max(1, self._n_pauses_in_a_row))
        if pause.note:
            _LOG.warning("Rate limit: %s", visible_text(pause.note))
        self._pause.begin(Cooldown(now, now + max(pause.seconds, self._pause.left(now))))


def _open_quota(name: str, per_minute: int, *, path: Path | None, now: float) -> Quota:
    is_shared = per_minute <= MAX_SHARED_PER_MINUTE
    file = path if is_shared else None
    log = open_window_log(name, path=file, now_ms=int(now * 1000))
    quota = Quota(log=log, configured=per_minute)
    if quota.log.holds_since(int((now - WINDOW_S - MAX_JITTER_S) * 1000)):
        quota.jitter.assume_worst(now=now)
    return quota
