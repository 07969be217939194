"""What changes while a sandbox runs: a SQLite database, and its on/off flags. Only here is sqlite3 used."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from threading import RLock
from typing import Any

from .demo_data import KINDS, Catalogue

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


Store = tuple[int, int]
Link = tuple[int, int]


_REPLACE = {
    "section": "INSERT OR REPLACE INTO store_section_overrides VALUES (?, ?, ?, ?)",
    "category": "INSERT OR REPLACE INTO store_category_overrides VALUES (?, ?, ?, ?)",
    "item": "INSERT OR REPLACE INTO store_item_overrides VALUES (?, ?, ?, ?)",
}
_SELECT = {
    "section": "SELECT entity_id, is_enabled FROM store_section_overrides"
    " WHERE brand_id = ? AND branch_id = ?",
    "category": "SELECT entity_id, is_enabled FROM store_category_overrides"
    " WHERE brand_id = ? AND branch_id = ?",
    "item": "SELECT entity_id, is_enabled FROM store_item_overrides WHERE brand_id = ? AND branch_id = ?",
}


@dataclass(frozen=True)
class StoreFlags:
    """What is off in one store, and which of its flags are rows of its own."""

    off: dict[str, set[int]]
    own: dict[str, set[int]]
    links_off: set[Link]


def seed_flags(state: State, catalogue: Catalogue) -> None:
    """Write the flags of the first day."""
    off = set(catalogue.first_off())
    state.write_many(
        "INSERT INTO flags VALUES (?, ?, ?)",
        ((kind, id_, (kind, id_) not in off) for kind in KINDS for id_ in catalogue.ids[kind]),
    )
    state.write_many("INSERT INTO modifier_links VALUES (?, ?, ?, 1)", _every_link(catalogue))
    for kind, entity_id, brand_id, branch_id in catalogue.first_overrides():
        write_store_flags(
            state, kind, ids=[entity_id], stores=[(brand_id, branch_id)], is_enabled=(kind, entity_id) in off
        )


def _every_link(catalogue: Catalogue) -> Iterator[tuple[int, int, int]]:
    for brand_id, group_ids in catalogue.brand_groups.items():
        for group_id in group_ids:
            yield from ((brand_id, group_id, option) for option in catalogue.groups[group_id].option_ids)


def write_business_flags(state: State, kind: str, *, ids: Iterable[int], is_enabled: bool) -> None:
    """Flip business rows; store overrides stay as they are."""
    state.write_many(
        "UPDATE flags SET is_enabled = ? WHERE kind = ? AND entity_id = ?",
        ((is_enabled, kind, i) for i in ids),
    )


def write_store_flags(
    state: State, kind: str, *, ids: Sequence[int], stores: Iterable[Store], is_enabled: bool
) -> None:
    """Write or replace an override row for every id in every store."""
    state.write_many(
        _REPLACE[kind],
        ((brand, branch, entity, is_enabled) for (brand, branch), entity in product(stores, ids)),
    )


def write_links(state: State, *, brand_ids: Iterable[int], links: Sequence[Link], is_enabled: bool) -> None:
    """Flip modifier links of whole brands."""
    state.write_many(
        "UPDATE modifier_links SET is_enabled = ? WHERE brand_id = ? AND group_id = ? AND option_id = ?",
        ((is_enabled, brand, group, option) for brand, (group, option) in product(brand_ids, links)),
    )


def write_store_links(
    state: State, *, stores: Iterable[Store], links: Sequence[Link], is_enabled: bool
) -> None:
    """Write or replace the override of every modifier link in every store."""
    state.write_many(
        "INSERT OR REPLACE INTO store_modifier_link_overrides VALUES (?, ?, ?, ?, ?)",
        ((*store, group, option, is_enabled) for store, (group, option) in product(stores, links)),
    )


def business_off(state: State) -> dict[str, set[int]]:
    """Return the ids that are off at business level, by kind."""
    off: dict[str, set[int]] = {kind: set() for kind in KINDS}
    for kind, entity_id in state.rows("SELECT kind, entity_id FROM flags WHERE NOT is_enabled"):
        off[kind].add(entity_id)
    return off


def links_off(state: State) -> dict[int, set[Link]]:
    """Return the modifier links that are off at business level, by brand."""
    off: dict[int, set[Link]] = {}
    for brand, group, option in state.rows(
        "SELECT brand_id, group_id, option_id FROM modifier_links WHERE NOT is_enabled"
    ):
        off.setdefault(brand, set()).add((group, option))
    return off


def store_flags(state: State, store: Store, *, inherited: dict[str, set[int]] | None = None) -> StoreFlags:
    """Return the live flags of one store: its own rows where it has them, else the business's."""
    off = {kind: set(ids) for kind, ids in (inherited or business_off(state)).items()}
    own_ids: dict[str, set[int]] = {kind: set() for kind in KINDS}
    for kind in KINDS:
        for entity_id, is_enabled in state.rows(_SELECT[kind], store):
            own_ids[kind].add(entity_id)
            (off[kind].discard if is_enabled else off[kind].add)(entity_id)
    return StoreFlags(off, own_ids, _store_links_off(state, store))


def _store_links_off(state: State, store: Store) -> set[Link]:
    off = {
        (group, option)
        for group, option in state.rows(
            "SELECT group_id, option_id FROM modifier_links WHERE NOT is_enabled AND brand_id = ?", store[:1]
        )
    }
    for group, option, is_enabled in state.rows(
        "SELECT group_id, option_id, is_enabled FROM store_modifier_link_overrides"
        " WHERE brand_id = ? AND branch_id = ?",
        store,
    ):
        (off.discard if is_enabled else off.add)((group, option))
    return off
