"""What changes while a sandbox runs: one SQLite database. Of the sandbox, only this file uses sqlite3."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS flags (
    kind TEXT, entity_id INTEGER, is_enabled INTEGER NOT NULL, PRIMARY KEY (kind, entity_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS modifier_links (
    brand_id INTEGER, group_id INTEGER, option_id INTEGER, is_enabled INTEGER NOT NULL,
    PRIMARY KEY (brand_id, group_id, option_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS store_modifier_link_overrides (
    brand_id INTEGER, branch_id INTEGER, group_id INTEGER, option_id INTEGER, is_enabled INTEGER NOT NULL,
    PRIMARY KEY (brand_id, branch_id, group_id, option_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS visibilities (
    kind TEXT, entity_id INTEGER, brand_id INTEGER, branch_id INTEGER, map TEXT NOT NULL,
    PRIMARY KEY (kind, entity_id, brand_id, branch_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS store_section_hours (
    brand_id INTEGER, branch_id INTEGER, section_id INTEGER, sequence INTEGER, available_times TEXT,
    PRIMARY KEY (brand_id, branch_id, section_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS store_full_menus (
    brand_id INTEGER, branch_id INTEGER, snapshot TEXT NOT NULL, PRIMARY KEY (brand_id, branch_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scheduled_publishes (due REAL NOT NULL, brand_id INTEGER, branch_id INTEGER);
CREATE TABLE IF NOT EXISTS stock (item_id INTEGER PRIMARY KEY, is_available INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, status TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS credentials (
    partner_key TEXT PRIMARY KEY, secret_hash TEXT NOT NULL, old_hash TEXT, rotated_at REAL,
    scopes TEXT NOT NULL, is_revoked INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS idempotency_keys (
    partner_key TEXT, key TEXT, fingerprint BLOB NOT NULL, status INTEGER NOT NULL, answer BLOB NOT NULL,
    request_id TEXT NOT NULL, stored_at REAL NOT NULL, PRIMARY KEY (partner_key, key)
) WITHOUT ROWID;
"""
_OVERRIDES = """
CREATE TABLE IF NOT EXISTS store_{kind}_overrides (
    brand_id INTEGER, branch_id INTEGER, entity_id INTEGER, is_enabled INTEGER NOT NULL,
    PRIMARY KEY (brand_id, branch_id, entity_id)
) WITHOUT ROWID;
"""
_KINDS = ("section", "category", "item")


class Savepoint:
    """A part of a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def roll_back(self) -> None:
        """Undo what was written since it was opened."""
        self._connection.execute("ROLLBACK TO part")


class State:
    """One database connection that any thread may use, one at a time.

    Parameters
    ----------
    path : str
        A file, or ``":memory:"``.

    Raises
    ------
    OSError
        If the file cannot be opened, is no database, or is held by another sandbox.

    Attributes
    ----------
    n_openings : int
        How often this database was opened, this time included.
    """

    def __init__(self, path: str = ":memory:") -> None:
        self._lock = RLock()
        try:
            self._connection = sqlite3.connect(path, timeout=0, check_same_thread=False, isolation_level=None)
            self._prepare()
        except sqlite3.Error as error:
            why = "another sandbox holds it" if "locked" in str(error) else error
            raise OSError(f"the store file {path} cannot be used: {why}") from None

    def _prepare(self) -> None:
        try:
            # One sandbox holds a file at a time; a rehearsal need not outlive a power cut.
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA synchronous = OFF")
            tables = "".join(_OVERRIDES.format(kind=kind) for kind in _KINDS)
            self._connection.executescript(f"BEGIN EXCLUSIVE; {_SCHEMA} {tables} COMMIT;")
            ((before,),) = self.rows("PRAGMA user_version")
            self.n_openings = before + 1
            self.write(f"PRAGMA user_version = {self.n_openings}")
        except sqlite3.Error:
            self._connection.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what is written inside happen whole or not at all."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def savepoint(self) -> Iterator[Savepoint]:
        """Open a part of a transaction that can be rolled back alone."""
        with self._lock:
            self._connection.execute("SAVEPOINT part")
            try:
                yield Savepoint(self._connection)
            finally:
                self._connection.execute("RELEASE part")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock out other writers, so that several queries see one moment."""
        with self._lock:
            yield

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows that a query finds."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def write(self, sql: str, values: Sequence[object] = ()) -> None:
        """Carry out one statement."""
        with self._lock:
            self._connection.execute(sql, values)

    def write_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Carry out one statement for each row of values."""
        with self._lock:
            self._connection.executemany(sql, rows)

    def clear(self) -> None:
        """Empty every table."""
        for (table,) in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table'"):
            self.write(f"DELETE FROM {table}")  # noqa: S608 - the name is our own

    def close(self) -> None:
        """Close the database; it cannot be used any more."""
        with self._lock:
            self._connection.close()
