"""The journal: what a run is about to do and what came of it, on disk before anybody is told.

One SQLite file holds many runs. A request's key, its exact bytes and their hash are committed before the
socket is touched; an outcome is committed before it is shown. It holds no secret. Of a run it tells, by
``run_id``: :meth:`Journal.run` (with plan digest and host), :meth:`Journal.plan_body` (bytes for
``planning.plans.parse_plan``), :meth:`Journal.requests`, :meth:`Journal.flags` (``"before"``:
before-images, ``"proof"``: what reading back has shown).
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pandas as pd

from ..errors import JournalError
from . import rows
from .folders import MEMORY, make_private
from .folders import JournalPath as JournalPath
from .folders import journal_path as journal_path
from .records import Flag, Request, Run

Statement = tuple[str, Sequence[Any]]

_APPLICATION_ID = 0x6B6C6B66
# How long to wait for another process to finish its commit.
_PATIENCE_S = 5.0
# EXTRA with a rollback journal survives a power cut at any instant, also in a folder on a network.
_PRAGMAS = ("journal_mode=DELETE", "synchronous=EXTRA", "foreign_keys=ON", "secure_delete=OFF")


class Journal:
    """An open journal; a context manager, safe to use from several threads.

    Threads that commit at the same moment share one commit: whoever comes first writes for all that wait.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.Lock()
        self._waiting: list[_Ticket] = []
        self._trouble: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with self._lock:
            self._trouble = "The journal was closed."
            self._connection.close()

    def lock_path(self, plan_id: str) -> Path | None:
        """Where the lock of one plan's run is; None in memory."""
        return None if self.path is None else self.path.with_name(f"{self.path.name}.locks") / plan_id

    def write(self, statements: Iterable[Statement]) -> None:
        """Commit these statements, all or none, and return when they are on disk.

        Raises
        ------
        JournalError
            They could not be written; after that nothing can be, until the journal is opened anew.
        """
        ticket = _Ticket(list(statements))
        self._waiting.append(ticket)
        with self._lock:
            if not ticket.is_done:
                self._commit_waiting()
        if self._trouble is not None and not ticket.is_committed:
            raise JournalError(self._trouble)

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of one query."""
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise JournalError(self._told(error)) from error

    def begin(
        self, run: Run, *, plan_body: bytes, requests: Iterable[Request], before: Iterable[Flag]
    ) -> None:
        """Note a new run, its plan, all of its requests and its before-images, in one commit."""
        begun = rows.insert_run(run, plan_body=zlib.compress(plan_body))
        noted = [rows.insert_request(run.run_id, request) for request in requests]
        self.write([begun, *noted, *(rows.insert_flag(run.run_id, flag, kind="before") for flag in before)])

    def note_attempt(self, run_id: str, request: Request) -> None:
        """Note that a request is about to leave."""
        self.write([rows.update_attempt(run_id, request)])

    def note_verdict(self, run_id: str, request: Request, *, children: Iterable[Request] = ()) -> None:
        """Note what became of a request, and the parts that carry it on."""
        self.write(
            [
                rows.update_verdict(run_id, request),
                *(rows.insert_request(run_id, child) for child in children),
            ]
        )

    def note_flags(self, run_id: str, kind: str, flags: Iterable[Flag]) -> None:
        """Note what cells were seen to hold, as ``"before"`` or as ``"proof"``."""
        self.write([rows.insert_flag(run_id, flag, kind=kind) for flag in flags])

    def note_clock(self, run_id: str, offset_s: float) -> None:
        """Note how far the server's clock is ahead of ours."""
        self.write([("UPDATE runs SET clock_offset_s = ? WHERE run_id = ?", (offset_s, run_id))])

    def note_start(self, run_id: str) -> None:
        """Note that a run goes on, whatever was noted before about its end."""
        self.write([("UPDATE runs SET status = 'running', is_cancelled = 0 WHERE run_id = ?", (run_id,))])

    def note_cancel(self, run_id: str) -> None:
        """Ask whoever runs it to stop."""
        self.write([("UPDATE runs SET is_cancelled = 1 WHERE run_id = ?", (run_id,))])

    def is_cancelled(self, run_id: str) -> bool:
        """Tell whether somebody has asked the run to stop."""
        return self.read("SELECT is_cancelled FROM runs WHERE run_id = ?", (run_id,)) == [(1,)]

    def note_status(
        self, run_id: str, status: str, *, counts: dict[str, int], ended_at: datetime | None
    ) -> None:
        """Note how a run stands."""
        self.write([rows.update_status(run_id, status, counts=counts, ended_at=ended_at)])

    def run(self, run_id: str) -> Run:
        """Return one run.

        Raises
        ------
        JournalError
            The journal does not know it.
        """
        found = self.read(f"{rows.SELECT_RUN} WHERE run_id = ?", (run_id,))
        if not found:
            raise JournalError(
                f"The journal {self.path or MEMORY} knows no run {run_id}; kf.runs() lists those it knows."
            )
        return rows.to_run(found[0])

    def run_of_plan(self, plan_id: str) -> Run | None:
        """Return the run of a plan, if there was one."""
        found = self.read(f"{rows.SELECT_RUN} WHERE plan_id = ?", (plan_id,))
        return rows.to_run(found[0]) if found else None

    def plan_body(self, run_id: str) -> bytes:
        """Return the plan of a run, as it was dumped."""
        ((body,),) = self.read("SELECT plan_body FROM runs WHERE run_id = ?", (run_id,))
        return zlib.decompress(body)

    def requests(self, run_id: str) -> list[Request]:
        """Return the requests of a run with all their parts, in sending order.

        Raises
        ------
        JournalError
            A body does not match its hash: the file is damaged.
        """
        found = self.read(f"{rows.SELECT_REQUESTS} WHERE run_id = ?", (run_id,))
        return sorted((rows.to_request(row) for row in found), key=lambda request: request.path)

    def open_request_nos(self, run_id: str) -> set[int]:
        """Return the numbers of the plan's requests of which something is still open."""
        found = self.read(rows.SELECT_OPEN_PATHS, (run_id,))
        return {rows.request_no(path) for (path,) in found}

    def flags(self, run_id: str, kind: str) -> list[Flag]:
        """Return what cells were seen to hold, as ``"before"`` or as ``"proof"``."""
        return [rows.to_flag(row) for row in self.read(rows.SELECT_FLAGS, (run_id, kind))]

    def runs(self) -> pd.DataFrame:
        """Return the history, one row per run, newest last."""
        return rows.history(self.read(rows.SELECT_HISTORY))

    def _commit_waiting(self) -> None:
        """Write for everybody that waits; the lock is held."""
        tickets, self._waiting = self._waiting, []
        try:
            self._commit([statement for ticket in tickets for statement in ticket.statements])
        except sqlite3.Error as error:
            self._trouble = self._told(error)
        for ticket in tickets:
            ticket.is_done = True
            ticket.is_committed = self._trouble is None

    def _commit(self, statements: Iterable[Statement]) -> None:
        if self._trouble is not None:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for sql, values in statements:
                self._connection.execute(sql, values)
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            _roll_back(self._connection)
            raise

    def _told(self, error: sqlite3.Error) -> str:
        return _message(error, self.path)


class _Ticket:
    """Statements on their way to the disk."""

    def __init__(self, statements: list[Statement]) -> None:
        self.statements = statements
        self.is_done = False
        self.is_committed = False


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
        return Journal(_prepared(_connect(path)), path)
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
    connection = _connect(path)
    try:
        _check_owner(connection)
    except sqlite3.Error as error:
        connection.close()
        raise JournalError(_message(error, path)) from error
    return Journal(connection, path)


def _connect(path: Path | None) -> sqlite3.Connection:
    return sqlite3.connect(path or MEMORY, isolation_level=None, check_same_thread=False, timeout=_PATIENCE_S)


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        _check_owner(connection)
        _check_soundness(connection)
        connection.execute("BEGIN IMMEDIATE")
        for statement in rows.SCHEMA:
            connection.execute(statement)
        # This reaches the disk even where all tables exist, so a disk that takes no writes shows here.
        connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_owner(connection: sqlite3.Connection) -> None:
    ((owner,),) = connection.execute("PRAGMA application_id").fetchall()
    ((n_tables,),) = connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    if n_tables and owner != _APPLICATION_ID:
        raise sqlite3.DatabaseError("file is not a journal of klikit_frames")


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
        "Make room or name another file with journal=; a run that had begun goes on with kf.resume(run_id)."
    )
