"""A mirror: a whole copy of a run's journal elsewhere, kept fresh while the run goes on."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from .. import edge
from ..errors import JournalError
from .journal_copies import check_mirror_owner, opened_copy, write_copy

if TYPE_CHECKING:
    from .journal import Journal

__all__ = ["MIRROR_VARIABLE", "Mirror", "default_mirror"]

MIRROR_VARIABLE = "KLIKIT_JOURNAL_MIRROR"
# A copy is begun so often; with the time that it takes it is there at least every 2 s.
_EVERY_S = 1.5
# How long a run waits for a far path that does not answer, at its begin and at its end.
_PATIENCE_S = 10.0
_POLL_S = 0.1
_LOG = logging.getLogger("klikit_frames")


def default_mirror() -> str | None:
    """Return the path that KLIKIT_JOURNAL_MIRROR names, if it does."""
    return os.environ.get(MIRROR_VARIABLE) or None


class Mirror:
    """Keeps a copy of a journal at a path, on a thread of its own; trouble is told once and stops nothing.

    Parameters
    ----------
    journal : Journal
        What is copied, as often as something was committed.
    path : Path
        Where to; only ever written and replaced as a whole.
    tag : str
        Tells the files of runs apart that mirror to one path.
    """

    def __init__(self, journal: Journal, path: Path, *, tag: str) -> None:
        self._journal = journal
        self._path = path
        self._tag = tag
        self._n_commits = -1
        self._trouble: str | None = None
        self._is_whole = False
        self._is_lost = False
        self._left: tuple[int, ...] | None = None
        self._has_begun = threading.Event()
        self._is_over = threading.Event()
        self._thread = edge.make_thread(self._serve, name="mirror")

    def start(self) -> None:
        """Return when the first copy is there, or cannot be made."""
        self._thread.start()
        until = edge.monotonic() + _PATIENCE_S
        # Ctrl-C is heard between two looks.
        while not self._has_begun.wait(_POLL_S) and edge.monotonic() < until:
            pass
        if not self._has_begun.is_set():
            self._tell(f"it has not answered for {_PATIENCE_S:.0f} s")

    def close(self) -> None:
        """Make the last copy, if something has changed, and end."""
        self._is_over.set()
        if not edge.has_threads():
            self._copy()
        elif self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)

    @property
    def note(self) -> str | None:
        """What a result says of it; None where all went well."""
        if self._trouble is None:
            return None
        rest = " Its last copy is whole." if self._is_whole else " The journal itself is."
        return f"The mirror {self._path} could not be written: {self._trouble}.{rest}"

    def _serve(self) -> None:
        while True:
            is_last = self._is_over.is_set()
            self._copy()
            self._has_begun.set()
            if is_last or not edge.has_threads():
                return
            self._is_over.wait(_EVERY_S)

    def _copy(self) -> None:
        if self._is_lost or (self._journal.n_commits == self._n_commits and self._is_whole):
            return
        self._is_whole = False
        try:
            self._check_owner()
            self._n_commits = write_copy(self._journal, self._path, tag=self._tag)
            self._left = _look_of(self._path)
            self._is_whole = True
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on
            self._tell(getattr(error, "strerror", None) or str(error).rstrip("."))

    def _check_owner(self) -> None:
        """Stop for good where another journal has been put at the path; read only if it looks changed."""
        if _look_of(self._path) == self._left:
            return
        try:
            with opened_copy(self._path) as there:
                check_mirror_owner(self._journal, there)
        except JournalError:
            self._is_lost = True
            raise

    def _tell(self, trouble: str) -> None:
        if self._trouble is None:
            self._trouble = trouble
            _LOG.warning(
                "The mirror %s cannot be written: %s. The run goes on; its journal is %s alone.",
                self._path,
                trouble,
                self._journal.path or "in memory",
            )


def _look_of(path: Path) -> tuple[int, ...] | None:
    """Return what a file looks like from outside, for telling whether somebody has replaced it."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
