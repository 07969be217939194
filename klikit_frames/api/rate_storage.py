"""The requests sent lately and the cooldown after a 429, kept in memory or in shared files."""

from __future__ import annotations

import logging
import os
import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import platformdirs
from pyrate_limiter import AbstractBucket, InMemoryBucket, Rate, RateItem, SQLiteBucket

from .. import edge

MAX_PAUSE_S = 300.0
_FORGET_EVERY = 100
_ANY_RATE = Rate(1, 60_000)
# After a window without a request the file is opened again: it may have been removed meanwhile.
_IDLE_MS = 60_000
_FUTURE_MS = 1_000
_REMOVE_AFTER_S = 86_400.0
# Sandboxes come and go, and their ports and keys are drawn: each leaves a file that nobody will look for.
_REMOVE_LOOPBACK_AFTER_S = 600.0
# How long to wait for another process to finish its commit, on a machine with a busy disk.
BUSY_TIMEOUT_MS = 10_000
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

    def __init__(
        self,
        open_shared: Callable[[], SQLiteBucket] | None = None,
        *,
        now_ms: int = 0,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    ) -> None:
        self._open_shared = open_shared
        self._busy_timeout_ms = busy_timeout_ms
        self._n_puts = 0
        self._last_put_ms = now_ms
        self._bucket, self._connection = self._open()

    def __len__(self) -> int:
        """Return how many requests it holds, those of other processes too."""
        return cast("int", self._bucket.count())

    @property
    def is_shared(self) -> bool:
        """Whether other processes see this log."""
        return self._connection is not None

    def put(self, now_ms: int, *, limit: int, window_ms: int) -> int:
        """Note a request and return 0, or note nothing and return the milliseconds to wait."""
        rate = Rate(limit, window_ms)
        if self._connection is None:
            return self._put(now_ms, rate=rate)
        try:
            if self._last_put_ms and now_ms - self._last_put_ms > _IDLE_MS:
                self._reopen()
            self._last_put_ms = now_ms
            return self._put_shared(now_ms, rate=rate)
        except (sqlite3.Error, OSError) as error:
            _LOG.warning("The rate log cannot be shared between processes any longer: %s", error)
        self._bucket.close()
        self._bucket, self._connection = InMemoryBucket([_ANY_RATE]), None
        return self._put(now_ms, rate=rate)

    def holds_since(self, since_ms: int) -> bool:
        """Return whether the latest request of all processes was noted at that time or later."""
        try:
            latest = cast("RateItem | None", self._bucket.peek(0))
        except sqlite3.Error:
            # It is locked just now, so it is in use: what it holds is not known to be old.
            return True
        return latest is not None and latest.timestamp >= since_ms

    def close(self) -> None:
        """Close the file, if there is one."""
        self._bucket.close()

    def forget_after(self, now_ms: int) -> None:
        """Forget everything if it holds requests of the future: they left before the machine started."""
        if self.holds_since(now_ms + _FUTURE_MS):
            self._bucket.flush()

    def _open(self) -> tuple[AbstractBucket, sqlite3.Connection | None]:
        if self._open_shared is None:
            return InMemoryBucket([_ANY_RATE]), None
        shared = self._open_shared()
        # Losing the log to a power cut costs one 429 at most; waiting for the disk costs every request.
        shared.conn.execute("PRAGMA synchronous=OFF")
        shared.conn.execute(f"PRAGMA busy_timeout={self._busy_timeout_ms}")
        weakref.finalize(shared, _close_in, os.getpid(), shared.conn.close)
        return shared, shared.conn

    def _reopen(self) -> None:
        self._bucket.close()
        self._bucket, self._connection = self._open()

    def _put_shared(self, now_ms: int, *, rate: Rate) -> int:
        """Note a request; a file that another process removed or made again meanwhile is opened again."""
        try:
            return self._put(now_ms, rate=rate)
        except sqlite3.Error:
            self._reopen()
        return self._put(now_ms, rate=rate)

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


def open_window_log(
    name: str, *, path: Path | None, now_ms: int = 0, busy_timeout_ms: int = BUSY_TIMEOUT_MS
) -> SlidingWindowLog:
    """Return the log of that name in the file, or one in memory if there is no file or it is of no use.

    Parameters
    ----------
    name : str
        ``reads`` or ``writes``.
    path : Path or None
        The file.
    now_ms : int
        The present on the clock of the machine's start.
    busy_timeout_ms : int
        How long to wait for another process to finish its commit.
    """
    if path is None:
        return SlidingWindowLog()

    def open_shared() -> SQLiteBucket:
        # SQLite gives its side files the rights of this one.
        edge.touch_private(path)
        return SQLiteBucket.init_from_file([_ANY_RATE], table=name, db_path=str(path))

    def open_log() -> SlidingWindowLog:
        log = SlidingWindowLog(open_shared, now_ms=now_ms, busy_timeout_ms=busy_timeout_ms)
        if now_ms:
            log.forget_after(now_ms)
        return log

    try:
        try:
            return open_log()
        except sqlite3.DatabaseError as error:
            # Locked or away: the second try may fare better. Damaged: of what it held only the last minute
            # would have counted.
            if not isinstance(error, sqlite3.OperationalError):
                _remove(path)
            return open_log()
    except Exception as error:  # noqa: BLE001 - whatever it is, memory is good enough
        _LOG.warning("The rate log %s cannot be used, other processes are not seen: %s", path, error)
        return SlidingWindowLog()


def _remove(path: Path) -> None:
    # A side file that is left would be rolled back into the next file of this name.
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)


def _close_in(process_id: int, close: Callable[[], None]) -> None:
    # A forked child must not touch its parent's database.
    if os.getpid() == process_id:
        close()


def find_log_path(account: str, *, is_loopback: bool = False) -> Path:
    """Return the file that all processes of one account share; its name tells nothing of the key."""
    folder = Path(platformdirs.user_state_dir("klikit_frames")) / "pacing"
    return (folder / "loopback" if is_loopback else folder) / f"{account}.sqlite3"


def remove_old_files(folder: Path, *, is_loopback: bool = False, keep: Path | None = None) -> None:
    """Remove rate files that nobody has used for a day, or 10 minutes on loopback; only a minute counts.

    What lies at `keep` is about to be used, and stays whatever a clock says that was set meanwhile.

    A client that rested for so long opens its file again before it sends.
    """
    oldest = edge.disk_time() - (_REMOVE_LOOPBACK_AFTER_S if is_loopback else _REMOVE_AFTER_S)
    for file in (*folder.glob("*.sqlite3"), *folder.glob("*.rest")):
        with suppress(OSError):
            if file.stem != (keep and keep.stem) and file.stat().st_mtime < oldest:
                _remove(file)


# What others wrote is looked up this often: reading a file before each of 1,000 requests a second would cost
# as much as sending them.
LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Cooldown:
    """A time in which nothing is sent; one of before the machine's start is over."""

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
