"""One process at a time on one run: a lock that the operating system takes back when its holder dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import JournalError

if sys.platform == "win32":
    import msvcrt

    def _seize(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _seize(descriptor: int) -> None:
        # flock belongs to the open file, so a second run in this very process is stopped as well.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


# Somebody who only looks whether a lock is held has it for an instant; that is no reason to give up.
_TRIES = 5
_PAUSE_S = 0.02


@contextmanager
def hold(path: Path | None, *, what: str) -> Iterator[None]:
    """Hold the lock at `path` for a while; None needs none.

    Raises
    ------
    JournalError
        Another process, or another run in this one, holds it.
    """
    if path is None:
        yield
        return
    descriptor = _seize_with_patience(path, what=what)
    try:
        yield
    finally:
        _release(path, descriptor)


def is_held(path: Path | None) -> bool:
    """Tell whether somebody alive holds the lock."""
    if path is None or not path.exists():
        return False
    descriptor = _try(path)
    if descriptor is None:
        return True
    _release(path, descriptor)
    return False


def _seize_with_patience(path: Path, *, what: str) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for _ in range(_TRIES):
        descriptor = _try(path)
        if descriptor is not None:
            return descriptor
        time.sleep(_PAUSE_S)
    raise JournalError(
        f"{what} is being run already, by another process or another cell. Wait for it or stop it; "
        f"kf.attach(run_id) shows how far it is. The lock {path} clears by itself when its holder ends."
    )


def _try(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError:
        # Somebody else made it, and whether that run is over is not for us to find out.
        return None
    try:
        _seize(descriptor)
        # The last holder removes the file; a lock on a removed file guards nothing.
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _release(path: Path, descriptor: int) -> None:
    with suppress(OSError):
        path.unlink()
    os.close(descriptor)
