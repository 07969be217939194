"""The journal: what a run is about to do and what came of it, on disk before anybody is told.

One SQLite file holds many runs. A request's key, its exact bytes and their hash are committed before the
socket is touched; an outcome is committed before it is shown. It holds no secret. Of a run it tells, by
``run_id``: :meth:`Journal.run` (with plan digest and host), :meth:`Journal.plan_body` (bytes for
``planning.plan.parse_plan``), :meth:`Journal.requests`, :meth:`Journal.flags` (``"before"``:
before-images, ``"proof"``: what reading back has shown).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ..errors import JournalError
from . import rows
from .entries import Journal
from .folders import MEMORY, JournalPath, journal_path, make_private
from .rows import Statement

__all__ = ["Disk", "Journal", "JournalPath", "journal_path", "open_journal", "read_journal"]

_APPLICATION_ID = 0x6B6C6B66
# How long to wait for another process to finish its commit.
_PATIENCE_S = 10.0
# How often who waits for a commit looks whether there is still somebody to do it.
_LOOK_AGAIN_S = 1.0
# EXTRA with a rollback journal survives a power cut at any instant, also in a folder on a network.
_PRAGMAS = ("journal_mode=DELETE", "synchronous=EXTRA", "foreign_keys=ON", "secure_delete=OFF")


class Disk:
    """An open SQLite file, safe to use from several threads.

    One thread of its own writes for all: what comes while it is at a commit shares the next one. So neither
    Ctrl-C nor the end of a worker can break into a commit.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self._path = path
        self._connection = connection
        self._lock = threading.Lock()
        self._waiting: deque[Ticket] = deque()
        self._bell: SimpleQueue[str] = SimpleQueue()
        self._trouble: str | None = None
        self._writer = threading.Thread(target=self._serve, name="journal", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Commit what waits and close the file."""
        self._bell.put("close")
        self._writer.join()
        with self._lock:
            self._trouble = self._trouble or "The journal was closed."
            self._connection.close()

    def write(self, statements: Iterable[Statement]) -> None:
        """Commit these statements, all or none, and return when they are on disk.

        What was `queue`d before is committed with them.

        Raises
        ------
        JournalError
            They could not be written; after that nothing can be, until the journal is opened anew.
        """
        ticket = self.queue(statements)
        self._bell.put("commit")
        while self._writer.is_alive() and not ticket.ended.wait(_LOOK_AGAIN_S):
            pass
        if not ticket.is_committed:
            raise JournalError(self._trouble or "The journal was closed.")

    def queue(self, statements: Iterable[Statement], *, then: Callable[[], object] | None = None) -> Ticket:
        """Put statements in line for whichever commit comes next; `then` is called when they are on disk."""
        ticket = Ticket(list(statements), then)
        self._waiting.append(ticket)
        return ticket

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of one query."""
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise JournalError(self._told(error)) from error

    def _serve(self) -> None:
        order = "commit"
        while order != "close":
            order = self._bell.get()
            # Whoever rang meanwhile is in line already: one commit is for all of them.
            while order != "close" and not self._bell.empty():
                order = self._bell.get()
            self._commit_waiting()

    def _commit_waiting(self) -> None:
        # What is added meanwhile stays in line: nobody is told of a commit that he was not part of.
        tickets = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            with self._lock:
                self._commit([statement for ticket in tickets for statement in ticket.statements])
        except Exception as error:  # noqa: BLE001 - raised again on the threads that wait for it
            self._trouble = self._told(error)
        for ticket in tickets:
            ticket.end(is_committed=self._trouble is None)

    def _commit(self, statements: Sequence[Statement]) -> None:
        if self._trouble is not None or not statements:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for sql, group in groupby(statements, key=itemgetter(0)):
                self._connection.executemany(sql, [values for _, values in group])
            self._connection.execute("COMMIT")
        except BaseException:
            _roll_back(self._connection)
            raise

    def _told(self, error: Exception) -> str:
        return _message(error, self._path)


class Ticket:
    """Statements on their way to the disk."""

    def __init__(self, statements: list[Statement], then: Callable[[], object] | None) -> None:
        self.statements = statements
        self.ended = threading.Event()
        self.is_committed = False
        self._then = then

    def end(self, *, is_committed: bool) -> None:
        """Note what became of them, and wake whoever waits."""
        self.is_committed = is_committed
        self.ended.set()
        if is_committed and self._then is not None:
            self._then()


def open_journal(journal: JournalPath = None) -> Journal:
    """Open a journal for writing, made with its folder if it is not there.

    Parameters
    ----------
    journal : path, optional
        The file; None is ``journal.sqlite3`` in the person's own state folder, ``":memory:"`` is no file.

    Raises
    ------
    JournalError
        It cannot be made, written or trusted: full, read-only, locked, damaged, or not a journal.

    Examples
    --------
    >>> from klikit_frames.running.journal import open_journal
    >>> with open_journal("monday.sqlite3") as journal:
    ...     len(journal.runs())
    0
    """
    path = journal_path(journal)
    try:
        if path is not None:
            make_private(path, is_own_folder=journal is None)
        return Journal(Disk(_prepared(_connect(path), path), path), path, name=_name(journal))
    except (sqlite3.Error, OSError) as error:
        raise JournalError(_message(error, path)) from error


def read_journal(journal: JournalPath = None) -> Journal:
    """Open a journal to look into it; a file that is not there is read as an empty one, and not made.

    Raises
    ------
    JournalError
        It cannot be read, or is not a journal.
    """
    path = journal_path(journal)
    if path is None or not path.exists():
        return open_journal(MEMORY)
    with ExitStack() as stack:
        try:
            connection = _connect(path)
            stack.callback(connection.close)
            n_tables = _check_owner(connection, path)
        except sqlite3.Error as error:
            raise JournalError(_message(error, path)) from error
        if n_tables:
            stack.pop_all()
            return Journal(Disk(connection, path), path, name=_name(journal))
    return open_journal(MEMORY)


def _name(journal: JournalPath) -> str | None:
    return None if journal is None else os.fspath(journal)


def _connect(path: Path | None) -> sqlite3.Connection:
    return sqlite3.connect(path or MEMORY, isolation_level=None, check_same_thread=False, timeout=_PATIENCE_S)


def _prepared(connection: sqlite3.Connection, path: Path | None) -> sqlite3.Connection:
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        _check_owner(connection, path)
        _check_soundness(connection)
        connection.execute("BEGIN IMMEDIATE")
        for statement in rows.SCHEMA:
            connection.execute(statement)
        # This reaches the disk even where all tables exist, so a disk that takes no writes shows here.
        connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={rows.LAYOUT}")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_owner(connection: sqlite3.Connection, path: Path | None) -> int:
    """Refuse a file of another program or version, and return how many tables there are."""
    ((owner,),) = connection.execute("PRAGMA application_id").fetchall()
    ((n_tables,),) = connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    if n_tables and owner != _APPLICATION_ID:
        raise sqlite3.DatabaseError("file is not a journal of klikit_frames")
    ((layout,),) = connection.execute("PRAGMA user_version").fetchall()
    if n_tables and layout != rows.LAYOUT:
        raise JournalError(
            f"The journal {path} was written by another version of klikit_frames, so nothing was sent. "
            "That version can read it and go on with its runs; to use this one, name another file with "
            "journal= or move this one away."
        )
    return int(n_tables)


def _check_soundness(connection: sqlite3.Connection) -> None:
    ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        raise sqlite3.DatabaseError(found)


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def _message(error: Exception, path: Path | None) -> str:
    return (
        f"The journal {path or MEMORY} cannot be used: {error}. Nothing is sent without it. "
        "Make room, or name another file with journal= for a plan that has not begun."
    )
