"""Files by which processes hear of each other: a lock that ends with its holder, and a stop."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .. import edge
from ..errors import JournalError

if sys.platform == "win32":
    import msvcrt

    def _seize(descriptor: int, *, to_look: bool = False) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _seize(descriptor: int, *, to_look: bool = False) -> None:
        # flock belongs to the open file, so a second run in this very process is stopped as well.
        kind = fcntl.LOCK_SH if to_look else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)


# A process that only checks whether a run goes on holds its lock for an instant; so try again.
_PAUSE_S = 0.02
# The name of a lock must never lead to another file.
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def hold(path: Path | None, *, what: str, timeout_s: float = 0.1) -> Iterator[None]:
    """Hold the lock at `path` for a while; None needs none.

    The file stays, empty, when the lock is released: a file that is never removed cannot be confused with
    another of the same name. Whoever comes second waits for `timeout_s`.

    Raises
    ------
    JournalError
        Another process, or another run in this one, holds it; or the file cannot be made.
    """
    if path is None:
        yield
        return
    descriptor = _seize_within(path, what=what, attempts=math.ceil(timeout_s / _PAUSE_S))
    try:
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path | None) -> bool:
    """Tell whether somebody alive holds the lock. Creates nothing and removes nothing."""
    if path is None:
        return False
    try:
        descriptor = os.open(path, os.O_RDWR | _NO_FOLLOW)
    except PermissionError:
        # It is somebody else's, and whether that run is over is not for us to find out.
        return True
    except OSError:
        return False
    try:
        _seize(descriptor, to_look=True)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def remove(path: Path | None) -> None:
    """Remove the file of a lock that nobody holds; one that is held stays."""
    if path is None or not path.exists():
        return
    with suppress(OSError):
        descriptor = _seize_new(path)
        if descriptor is not None:
            path.unlink()
            os.close(descriptor)


class StopFile(threading.Event):
    """A stop that another process hears: it is set while an empty file lies beside its locks.

    Examples
    --------
    >>> import pathlib
    >>> from klikit_frames.running.locks import StopFile
    >>> stop = StopFile(pathlib.Path("stop-1"))
    >>> stop.set()
    >>> was_set = stop.is_set()
    >>> stop.clear()
    >>> was_set, stop.is_set()
    (True, False)
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def is_set(self) -> bool:
        """Tell whether to stop."""
        return edge.is_file(self._path)

    def set(self) -> None:
        """Ask for a stop, unless the folder is not there, or the disk takes no file."""
        if edge.is_folder(self._path.parent):
            with suppress(OSError):
                self._path.touch(mode=0o600)

    def clear(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _seize_within(path: Path, *, what: str, attempts: int) -> int:
    for attempt in range(attempts):
        edge.sleep(_PAUSE_S if attempt else 0.0)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = _seize_new(path)
        except OSError as error:
            raise JournalError(
                f"The lock {path} cannot be made ({error}). {path.parent} must be a folder that you may "
                "write to: move away what is in its place, or name another journal with journal=."
            ) from error
        if descriptor is not None:
            return descriptor
    raise JournalError(
        f"{what} is being run already, by another process or another cell. Wait for it or stop it; "
        f"kf.attach(run_id) shows how far it is. The lock clears by itself when its holder ends."
    )


def _seize_new(path: Path) -> int | None:
    """Return the open file of a lock that is now ours; None if somebody else has it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o600)
    except PermissionError:
        # Somebody else made it, and whether that run is over is not for us to find out.
        return None
    try:
        _seize(descriptor)
        # Pruning removes locks; a lock on a removed file guards nothing.
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None
