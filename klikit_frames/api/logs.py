"""The log of what was sent lately: in memory, or in a file that all processes of this machine share."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import platformdirs
from pyrate_limiter import AbstractBucket, InMemoryBucket, Rate, RateItem, SQLiteBucket

from .credentials import account_digest

_FORGET_EVERY = 100
_ANY_RATE = Rate(1, 60_000)
_LOG = logging.getLogger(__name__)


class SendLog:
    """An exact sliding log over a pyrate-limiter bucket; its caller holds a lock.

    Examples
    --------
    >>> from klikit_frames.api.logs import SendLog
    >>> log = SendLog()
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


def open_log(name: str, *, path: Path | None) -> SendLog:
    """Return the log of that name in the file, or one in memory if there is no file or it is of no use."""
    if path is None:
        return SendLog()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its side files the rights of this one.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return SendLog(SQLiteBucket.init_from_file([_ANY_RATE], table=name, db_path=str(path)))
    except Exception as error:  # noqa: BLE001 - sqlite3's own cannot be named here, and memory is good enough
        _LOG.warning("The rate log %s cannot be used, other processes are not seen: %s", path, error)
        return SendLog()


def log_path(host: str, *, partner_key: str) -> Path:
    """Return the file that all processes with this credential share; its name tells nothing of the key."""
    account = account_digest(host, partner_key=partner_key)
    return Path(platformdirs.user_state_dir("klikit_frames")) / "pacing" / f"{account}.sqlite3"
