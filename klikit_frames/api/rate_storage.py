"""The requests sent lately and the cooldown after a 429, kept in memory or in shared files."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import platformdirs
from pyrate_limiter import AbstractBucket, InMemoryBucket, Rate, RateItem, SQLiteBucket

from .credentials import account_digest
from .rate_limit_headers import MAX_PAUSE_S

_FORGET_EVERY = 100
_ANY_RATE = Rate(1, 60_000)
_LOG = logging.getLogger(__name__)


class SlidingWindowLog:
    """An exact sliding log over a pyrate-limiter bucket; its caller holds a lock.

    Examples
    --------
    >>> from klikit_frames.api.rate_storage import SlidingWindowLog
    >>> log = SlidingWindowLog()
    >>> [log.put(now_ms, limit=2, window_ms=1000) for now_ms in (0, 400, 500)]
    [0, 0, 501]
    """

    def __init__(self, shared: SQLiteBucket | None = None) -> None:
        self._bucket: AbstractBucket = shared or InMemoryBucket([_ANY_RATE])
        self._connection = shared.conn if shared else None
        self._n_puts = 0
        if self._connection:
            # Losing the log to a power cut costs one 429 at most; waiting for the disk costs every request.
            self._connection.execute("PRAGMA synchronous=OFF")
            weakref.finalize(self, self._connection.close)

    @property
    def is_shared(self) -> bool:
        """Whether other processes see this log."""
        return self._connection is not None

    def put(self, now_ms: int, *, limit: int, window_ms: int) -> int:
        """Note a request and return 0, or note nothing and return the milliseconds to wait."""
        errors = self._connection.Error if self._connection else ()
        try:
            return self._put(now_ms, rate=Rate(limit, window_ms))
        except errors as error:
            _LOG.warning("The rate log cannot be shared between processes any longer: %s", error)
        self._bucket, self._connection = InMemoryBucket([_ANY_RATE]), None
        return self._put(now_ms, rate=Rate(limit, window_ms))

    def holds_since(self, since_ms: int) -> bool:
        """Return whether the latest request of all processes was noted at that time or later."""
        errors = self._connection.Error if self._connection else ()
        try:
            latest = cast("RateItem | None", self._bucket.peek(0))
        except errors:
            # It is locked just now, so it is in use: what it holds is not known to be old.
            return True
        return latest is not None and latest.timestamp >= since_ms

    def close(self) -> None:
        """Close the file, if there is one."""
        self._bucket.close()

    def _put(self, now_ms: int, *, rate: Rate) -> int:
        self._bucket.rates = [rate]
        self._n_puts += 1
        if self._n_puts % _FORGET_EVERY == 1:
            with self._transaction():
                self._bucket.leak(now_ms)
        with self._transaction():
            item = RateItem("request", now_ms)
            return 0 if self._bucket.put(item) else self._wait(item, rate=rate)

    def _wait(self, item: RateItem, *, rate: Rate) -> int:
        wait_ms = cast("int", self._bucket.waiting(item))
        if wait_ms > rate.interval + 1:
            # Entries of the future: the machine's clock was set back, and they would block for that long.
            self._bucket.flush()
            return 1
        return max(1, wait_ms)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Let no other process come between the counting and the noting."""
        if self._connection is None:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            self._connection.rollback()


def open_window_log(name: str, *, path: Path | None) -> SlidingWindowLog:
    """Return the log of that name in the file, or one in memory if there is no file or it is of no use."""
    if path is None:
        return SlidingWindowLog()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its side files the rights of this one.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return SlidingWindowLog(SQLiteBucket.init_from_file([_ANY_RATE], table=name, db_path=str(path)))
    except Exception as error:  # noqa: BLE001 - sqlite3's own cannot be named here, and memory is good enough
        _LOG.warning("The rate log %s cannot be used, other processes are not seen: %s", path, error)
        return SlidingWindowLog()


def log_path(host: str, *, partner_key: str) -> Path:
    """Return the file that all processes with this credential share; its name tells nothing of the key."""
    account = account_digest(host, partner_key=partner_key)
    return Path(platformdirs.user_state_dir("klikit_frames")) / "pacing" / f"{account}.sqlite3"


# What others wrote is looked up this often: reading a file before each of 1,000 requests a second would cost
# as much as sending them.
LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Cooldown:
    """A time in which nothing is sent; a machine's clock that is set back ends it."""

    begins: float = 0.0
    ends: float = 0.0

    def left(self, now: float) -> float:
        """Return the seconds that are left of it."""
        return self.ends - now if self.begins <= now < self.ends else 0.0


class SharedCooldown:
    """The rest of one credential: in memory, and in a file where other processes are to know of it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from klikit_frames.api.rate_storage import Cooldown, SharedCooldown
    >>> SharedCooldown(Path("rest.txt")).begin(Cooldown(100.0, 130.0))
    >>> SharedCooldown(Path("rest.txt")).left(110.0)
    20.0
    """

    def __init__(self, path: Path | None = None) -> None:
        self._own = self._seen = Cooldown()
        self._seen_at = 0.0
        self._path = path

    def left(self, now: float) -> float:
        """Return the seconds that are left of it, in whichever process it began."""
        if self._path and not 0.0 <= now - self._seen_at < LOOK_EVERY_S:
            self._seen, self._seen_at = _read(self._path), now
        return max(self._own.left(now), self._seen.left(now))

    def begin(self, rest: Cooldown) -> None:
        """Take a rest; a file that cannot be written costs the sharing, not the run."""
        self._own = rest
        if self._path:
            with suppress(OSError):
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _overwrite(self._path, f"{rest.begins:020.3f} {rest.ends:020.3f}".encode())


def _read(path: Path) -> Cooldown:
    try:
        begins, ends = map(float, path.read_text("utf-8").split())
    except (OSError, ValueError):
        # None yet, or another process is just writing it: the server tells soon enough.
        return Cooldown()
    return Cooldown(begins, min(ends, begins + MAX_PAUSE_S))


def _overwrite(path: Path, content: bytes) -> None:
    # Emptied first, the file would cost a flush each time, and others would find it empty.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(content)
        file.truncate()
