"""Journals that travel: written to a file elsewhere, and taken in from one."""

from __future__ import annotations

import os
from pathlib import Path

from .. import edge
from ..errors import JournalError
from .journal import JournalPath, open_journal, read_journal
from .journal_copies import check_free, far_path, opened_copy, take_in_all, write_copy, write_run_copy
from .journal_files import own_journal_path


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
            _check_target(far, known=set(opened.runs()["run_id"]))
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


def _check_target(far: Path, *, known: set[str]) -> None:
    """Refuse to replace what is no copy of this journal."""
    if not far.exists():
        return
    with opened_copy(far) as there:
        others = [run_id for run_id in there.runs()["run_id"] if run_id not in known]
    if others:
        raise JournalError(
            f"{far} has {len(others):,} runs that this journal does not know, so it is not replaced: import "
            "it first, or name another file."
        )
