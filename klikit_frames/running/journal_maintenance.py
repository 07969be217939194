"""A journal kept in order: exported, imported, mirrored elsewhere during a run, and rid of old runs."""

from __future__ import annotations

import logging
import os
import re
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from .. import edge
from ..errors import ConfigError, JournalError
from ..wording import visible_text
from . import locks
from .journal import Journal, JournalPath, open_journal, read_journal
from .journal_copies import (
    check_free,
    check_mirror_owner,
    far_path,
    opened_copy,
    take_in_all,
    write_copy,
    write_run_copy,
)
from .journal_files import own_journal_path
from .journal_notes import delete_closed_promises, delete_old_findings

MIRROR_VARIABLE = "KLIKIT_JOURNAL_MIRROR"
# A copy is begun so often; with the time that it takes it is there at least every 2 s.
_COPY_EVERY_S = 1.5
# How long a run waits for a far path that does not answer, at its begin and at its end.
_ANSWER_TIMEOUT_S = 10.0
_POLL_S = 0.1
_AGE = re.compile(r"([0-9]{1,5})\s*([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_MOST_AGE = timedelta(days=36_500)
_UNFINISHED = ["not_sent", "unknown"]
_LOG = logging.getLogger("klikit_frames")


def export_journal(
    path: str | os.PathLike[str], *, journal: JournalPath = None, run_id: str | None = None
) -> Path:
    """Write a copy of a journal, or of one run of it, to a file elsewhere, and return its path.

    Reads the journal and writes the file, which is put in place in one step: SQLite never opens it there, so
    a mounted drive will do. A run that goes on meanwhile is in the copy as of one moment. No secret is in it.

    Parameters
    ----------
    path : path
        The file to write, in a folder that is there. A copy with the same runs is replaced.
    journal : path, optional
        The journal's file, as given to :func:`run`.
    run_id : str, optional
        Only this run, as :func:`resume` names it.

    Raises
    ------
    ConfigError
        `path` names no file, the journal itself, or a journal that this process has open.
    JournalError
        There is no journal, it cannot be read, the file cannot be written, or what is there would be lost:
        another program's file, or runs that this journal does not know.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     section = kf.read_state(client).head(1)
    ...     plan = kf.plan(kf.business_toggles("section", section["entity_id"], is_enabled=False))
    ...     result = kf.run(plan, client, journal="monday.sqlite3")
    >>> kf.export_journal("away.sqlite3", journal="monday.sqlite3").name
    'away.sqlite3'
    >>> kf.import_journal("away.sqlite3", journal="elsewhere.sqlite3") == [result.run_id]
    True
    """
    with read_journal(journal) as opened:
        far = far_path(path, journal=opened, name="path")
        check_free(far, name="path")
        if opened.path is None:
            raise JournalError(
                f"There is no journal {opened.name or own_journal_path()}: nothing was exported."
            )
        try:
            _check_target(far, known_ids=set(opened.runs()["run_id"]))
            if run_id is None:
                write_copy(opened, far, tag=edge.draw_uuid().hex)
            else:
                write_run_copy(opened, far, run_id=opened.find_run_id(run_id))
        except JournalError:
            raise
        except OSError as error:
            raise JournalError(
                f"The journal cannot be written to {far}: {error.strerror or error}. "
                "The folder must be there, with room, and you must be allowed to write to it."
            ) from error
    return far


def import_journal(path: str | os.PathLike[str], *, journal: JournalPath = None) -> list[str]:
    """Take the runs of another journal into this one, and return the ids of all that it holds, oldest first.

    Reads the file, which SQLite opens only as a local copy, and writes the journal: all new runs come in one
    commit, or none. Runs keep their keys, so :func:`resume` goes on with them. A run that is there stays as
    it is, unless the other copy is provably the same run gone on; where each knows what the other does not,
    the log says so. Promises come as ``cancelled``: they are kept where they were made.

    Parameters
    ----------
    path : path
        A file of :func:`export_journal`, a mirror, or any journal.
    journal : path, optional
        The journal to add to, as given to :func:`run`; it is made if it is not there.

    Raises
    ------
    ConfigError
        `path` names no file, or the journal itself.
    JournalError
        The file cannot be read, is no journal, is damaged, or was written by a newer version.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     section = kf.read_state(client).head(1)
    ...     plan = kf.plan(kf.business_toggles("section", section["entity_id"], is_enabled=False))
    ...     result = kf.run(plan, client, journal="monday.sqlite3", mirror="mirror.sqlite3")
    >>> run_ids = kf.import_journal("mirror.sqlite3", journal="elsewhere.sqlite3")
    >>> kf.attach(run_ids[0], journal="elsewhere.sqlite3").result().counts["applied"]
    1
    """
    with read_journal(journal) as opened:
        far = far_path(path, journal=opened, name="path")
    try:
        # The journal is made only once the other has proved to be one.
        with opened_copy(far) as source, open_journal(journal) as opened:
            return take_in_all(opened, source)
    except JournalError:
        raise
    except OSError as error:
        raise JournalError(
            f"The journal {far} cannot be read: {error.strerror or error}. Name an exported journal, or a "
            "mirror."
        ) from error


def _check_target(far: Path, *, known_ids: set[str]) -> None:
    """Refuse to replace what is no copy of this journal."""
    if not far.exists():
        return
    with opened_copy(far) as there:
        others = [run_id for run_id in there.runs()["run_id"] if run_id not in known_ids]
    if others:
        raise JournalError(
            f"{far} has {len(others):,} runs that this journal does not know, so it is not replaced: import "
            "it first, or name another file."
        )


def default_mirror() -> str | None:
    """Return the path that KLIKIT_JOURNAL_MIRROR names, if it does."""
    return os.environ.get(MIRROR_VARIABLE) or None


class Mirror:
    """Keeps a copy of a journal at a path, on a thread of its own; an error is logged once and stops nothing.

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
        until = edge.monotonic() + _ANSWER_TIMEOUT_S
        # Ctrl-C is heard between two looks.
        while not self._has_begun.wait(_POLL_S) and edge.monotonic() < until:
            pass
        if not self._has_begun.is_set():
            self._tell(f"it has not answered for {_ANSWER_TIMEOUT_S:.0f} s")

    def close(self) -> None:
        """Make the last copy, if something has changed, and end."""
        self._is_over.set()
        if not edge.has_threads():
            self._copy()
        elif self._thread.ident is not None:
            self._thread.join(_ANSWER_TIMEOUT_S)

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
            self._is_over.wait(_COPY_EVERY_S)

    def _copy(self) -> None:
        if self._is_lost or (self._journal.n_commits == self._n_commits and self._is_whole):
            return
        self._is_whole = False
        try:
            self._check_owner()
            self._n_commits = write_copy(self._journal, self._path, tag=self._tag)
            self._left = _file_signature(self._path)
            self._is_whole = True
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on
            self._tell(getattr(error, "strerror", None) or str(error).rstrip("."))

    def _check_owner(self) -> None:
        """Stop for good where another journal has been put at the path; read only if it looks changed."""
        if _file_signature(self._path) == self._left:
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
            said = (
                f"The mirror {self._path} cannot be written: {trouble}. The run goes on; its journal is "
                f"{self._journal.path or 'in memory'} alone."
            )
            _LOG.warning("%s", visible_text(said))


def _file_signature(path: Path) -> tuple[int, ...] | None:
    """Return what tells one file at a path from another that has replaced it; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def prune_runs(older_than: str | timedelta, *, journal: JournalPath = None) -> pd.DataFrame:
    """Remove old runs from a journal and return what was removed; the file shrinks.

    Reads and writes the journal, nothing else. A run stays, whatever its age, while it goes on, while rows of
    it are ``not_sent`` or ``unknown``, and while a flag that it wrote is not proved to be visible in its
    store's menu: until then the journal is what tells the live flag. The run that started a promise stays
    until that promise has ended. Promises that ended so long ago are removed as well, and differences that
    no audit has seen for so long.

    Parameters
    ----------
    older_than : str or timedelta
        The age from which on a run is old, by its end: ``"90d"``, ``"12h"``, ``"8w"``, or a timedelta.
    journal : path, optional
        The journal's file, as given to :func:`run`.

    Returns
    -------
    DataFrame
        The runs that were removed, as :func:`runs` lists them.

    Raises
    ------
    ConfigError
        `older_than` is no length of time, or below zero.
    JournalError
        The journal cannot be read or written.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     section = kf.read_state(client).head(1)
    ...     plan = kf.plan(kf.business_toggles("section", section["entity_id"], is_enabled=False))
    ...     result = kf.run(plan, client, journal="monday.sqlite3")
    >>> len(kf.prune_runs("90d", journal="monday.sqlite3"))
    0
    """
    until = edge.now() - _age(older_than)
    with read_journal(journal) as opened:
        old = _old_runs(opened, until)
        has_more = _has_old_notes(opened, until)
    if not len(old) and not has_more:
        return old
    with open_journal(journal) as opened:
        old = _old_runs(opened, until)
        opened.take_in([delete_closed_promises(until), delete_old_findings(until)])
        opened.prune(old["run_id"])
        return old


def _age(older_than: str | timedelta) -> timedelta:
    age = older_than
    if isinstance(age, str) and (match := _AGE.fullmatch(age.strip().lower())):
        age = int(match[1]) * _UNITS[match[2]]
    if not isinstance(age, timedelta) or not timedelta(0) <= age <= _MOST_AGE:
        raise ConfigError(
            f'older_than={older_than!r} is not a length of time: give days such as "90d", or a timedelta.'
        )
    return age


def _old_runs(journal: Journal, until: datetime) -> pd.DataFrame:
    """Return the finished runs that ended before then and whose flags are proved visible."""
    history = journal.runs()
    is_free = pd.Series(
        [not locks.is_locked(journal.lock_path(plan_id)) for plan_id in history["plan_id"]],
        index=history.index,
        dtype=bool,
    )
    is_settled = history[_UNFINISHED].eq(0).all(axis=1) & history["run_id"].isin(journal.proved_run_ids())
    spared = _promised_runs(journal)
    is_free &= ~history["run_id"].isin(spared) & ~history["plan_id"].isin(spared)
    is_old = history["ended_at"] < pd.Timestamp(until)
    old: pd.DataFrame = history[is_old & is_settled & is_free].reset_index(drop=True)
    return old


def _has_old_notes(journal: Journal, until: datetime) -> bool:
    """Tell whether something else than a run is old: a promise that has ended, or a finding of an audit."""
    is_any_closed = any(promise.closed_at and promise.closed_at < until for promise in journal.promises())
    findings = (finding for by_cell in journal.all_audit_findings().values() for finding in by_cell.values())
    return is_any_closed or any(finding.seen_at < until for finding in findings)


def _promised_runs(journal: Journal) -> set[str | None]:
    """Return the runs and plans that promises still stand on."""
    standing = [
        promise for promise in journal.promises() if promise.status.is_open or promise.unpublished_run_id
    ]
    names = ("plan_id", "start_run_id", "end_run_id", "unpublished_run_id")
    return {getattr(promise, name) for promise in standing for name in names} - {None}
