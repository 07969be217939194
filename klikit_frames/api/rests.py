"""The rest that a credential takes after a 429, known to all processes of this machine."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .ratelimits import MAX_PAUSE_S

# What others wrote is looked up this often: reading a file before each of 1,000 requests a second would cost
# as much as sending them.
LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Rest:
    """A time in which nothing is sent; a machine's clock that is set back ends it."""

    begins: float = 0.0
    ends: float = 0.0

    def left(self, now: float) -> float:
        """Return the seconds that are left of it."""
        return self.ends - now if self.begins <= now < self.ends else 0.0


class SharedRest:
    """The rest of one credential: in memory, and in a file where other processes are to know of it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from klikit_frames.api.rests import Rest, SharedRest
    >>> SharedRest(Path("rest.txt")).begin(Rest(100.0, 130.0))
    >>> SharedRest(Path("rest.txt")).left(110.0)
    20.0
    """

    def __init__(self, path: Path | None = None) -> None:
        self._own = self._seen = Rest()
        self._seen_at = 0.0
        self._path = path

    def left(self, now: float) -> float:
        """Return the seconds that are left of it, in whichever process it began."""
        if self._path and not 0.0 <= now - self._seen_at < LOOK_EVERY_S:
            self._seen, self._seen_at = _read(self._path), now
        return max(self._own.left(now), self._seen.left(now))

    def begin(self, rest: Rest) -> None:
        """Take a rest; a file that cannot be written costs the sharing, not the run."""
        self._own = rest
        if self._path:
            with suppress(OSError):
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _overwrite(self._path, f"{rest.begins:020.3f} {rest.ends:020.3f}".encode())


def _read(path: Path) -> Rest:
    try:
        begins, ends = map(float, path.read_text("utf-8").split())
    except (OSError, ValueError):
        # None yet, or another process is just writing it: the server tells soon enough.
        return Rest()
    return Rest(begins, min(ends, begins + MAX_PAUSE_S))


def _overwrite(path: Path, content: bytes) -> None:
    # Emptied first, the file would cost a flush each time, and others would find it empty.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(content)
        file.truncate()
