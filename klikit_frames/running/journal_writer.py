"""The one thread that writes a journal: what is waiting while it commits shares the next commit."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from .. import edge
from ..errors import JournalError
from .journal_codec import Statement
from .journal_files import error_text, give_back_room, roll_back

# How often who waits for a commit looks whether there is still somebody to do it.
_POLL_S = 1.0
_READ_ERRORS = (sqlite3.Error, MemoryError, OverflowError)


class JournalWriter:
    """An open SQLite file, safe to use from several threads.

    One thread of its own writes for all. So neither Ctrl-C nor the end of a worker can break into a commit.
    `session_id` is its row in the table of open sessions; None only reads.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path | None, *, session_id: str | None = None
    ) -> None:
        self._process_id = os.getpid()
        self._path = path
        self._session_id = session_id
        self._connection = connection
        self._lock = threading.Lock()
        self._waiting: deque[PendingWrite] = deque()
        self._commands: SimpleQueue[str] = SimpleQueue()
        self._trouble: str | None = None
        self._n_commits = 0
        self._serves = edge.has_threads()
        self._thread = edge.make_thread(self._serve, name="journal")
        if self._serves:
            self._thread.start()

    def close(self) -> None:
        """Commit what waits and close the file; a forked child leaves its parent's file alone."""
        if self._process_id != os.getpid():
            return
        self._ask("close")
        self._thread.join()
        with self._lock:
            self._end_session()
            self._trouble = self._trouble or "The journal was closed."
            self._connection.close()

    def write(self, statements: Iterable[Statement]) -> None:
        """Commit these statements, all or none, and return when they are on disk.

        What was `queue`d before is committed with them.

        Raises
        ------
        JournalError
            They could not be written; after that nothing can be, until the journal is opened again.
        """
        pending = self.queue(statements)
        self._ask("commit")
        while self._thread.is_alive() and not pending.ended.wait(_POLL_S):
            pass
        if not pending.is_committed:
            raise JournalError(self._trouble or "The journal was closed.")

    def queue(
        self, statements: Iterable[Statement], *, then: Callable[[], object] | None = None
    ) -> PendingWrite:
        """Put statements in line for whichever commit comes next; `then` is called when they are on disk."""
        self._check_process()
        pending = PendingWrite(list(statements), then)
        self._waiting.append(pending)
        return pending

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of one query."""
        self._check_process()
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except _READ_ERRORS as error:
                raise JournalError(error_text(error, self._path)) from error

    @property
    def n_commits(self) -> int:
        """How many commits there were; what is the same has not changed."""
        return self._n_commits

    def backup(self, target: sqlite3.Connection) -> int:
        """Copy the whole file as of one moment, and return the number of commits that are in it."""
        self._check_process()
        with self._lock:
            try:
                self._connection.backup(target)
            except _READ_ERRORS as error:
                raise JournalError(error_text(error, self._path)) from error
            return self._n_commits

    def vacuum(self) -> None:
        """Let the file shrink to what it holds."""
        with self._lock:
            give_back_room(self._connection)

    def commit(self, statements: Sequence[Statement]) -> None:
        """Write these statements in one transaction; called by the writing thread alone."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._assert_session()
            for sql, group in groupby(statements, key=itemgetter(0)):
                self._connection.executemany(sql, [values for _, values in group])
            self._connection.execute("COMMIT")
            self._n_commits += 1
        except BaseException:
            roll_back(self._connection)
            raise

    def _check_process(self) -> None:
        """Refuse a forked child: the thread that writes and the locks of the file stayed with its parent."""
        if self._process_id != os.getpid():
            raise JournalError("This journal was opened in another process: open it again in each worker.")

    def _ask(self, command: str) -> None:
        """Let the writer thread do its work; without threads, the caller does it."""
        if self._serves:
            self._commands.put(command)
        else:
            self._commit_waiting()

    def _serve(self) -> None:
        command = "commit"
        while command != "close":
            command = self._commands.get()
            # Whoever asked meanwhile is in line already: one commit is for all of them.
            while command != "close" and not self._commands.empty():
                command = self._commands.get()
            self._commit_waiting()

    def _commit_waiting(self) -> None:
        # What is added meanwhile stays in line: nobody hears of a commit that he was not part of.
        pending = [self._waiting.popleft() for _ in range(len(self._waiting))]
        statements = [statement for write in pending for statement in write.statements]
        try:
            with self._lock:
                if statements and self._trouble is None:
                    self.commit(statements)
        except Exception as error:  # noqa: BLE001 - raised again on the threads that wait for it
            self._trouble = error_text(error, self._path)
        for write in pending:
            write.end(is_committed=self._trouble is None)

    def _assert_session(self) -> None:
        """Say that the file is open: another process that found it sound may have taken that back."""
        if self._session_id is not None:
            self._connection.execute("INSERT OR IGNORE INTO sessions VALUES (?)", (self._session_id,))

    def _end_session(self) -> None:
        """Say that the file was closed in good order; a session that failed leaves that unsaid."""
        if self._session_id is None or self._trouble is not None:
            return
        with suppress(sqlite3.Error):
            self._connection.execute("DELETE FROM sessions WHERE session_id = ?", (self._session_id,))


class PendingWrite:
    """Statements on their way to the disk."""

    def __init__(self, statements: list[Statement], then: Callable[[], object] | None) -> None:
        self.statements = statements
        self.ended = threading.Event()
        self.is_committed = False
        self._then = then

    def end(self, *, is_committed: bool) -> None:
        """Set the result of each write, and wake its waiter."""
        self.is_committed = is_committed
        self.ended.set()
        if is_committed and self._then is not None:
            self._then()
