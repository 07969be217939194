"""What a journal notes beside its runs: promises, one timed row each, and what audits found to differ.

A promise that a tick is at carries the id of the tick's plan, written before the plan is run. Whoever finds
it there later knows which run to ask what became of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ..model import Cell
from . import journal_codec as codec
from . import journal_schema as schema
from .lifecycle import PromiseStatus

if TYPE_CHECKING:
    from .journal_writer import JournalWriter

_TIMES = ("starts_at", "ends_at", "noted_at", "next_at", "closed_at")
_FLAGS = ("is_enabled", "cascade_to_modifier_groups", "starts_at_once", "publish")
_PROMISE_ROW = "the row of a promise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One timed row: a flag that a cell gets at `starts_at`, and gives back at `ends_at`.

    Attributes
    ----------
    promise_id, account, host : str
        Its name, whose it is, and where.
    ends_at : datetime or None
        None is for good.
    starts_at_once : bool
        Whether the row named no start.
    publish : bool
        Whether its store is published after its start and after its end.
    next_at : datetime or None
        When it is due next; None if nothing is left to be done.
    before : bool or None
        The flag that is given back; None while it is not known.
    action : str or None
        What the tick with `plan_id` does for it: ``start`` or ``end``.
    plan_id : str or None
        The plan of the tick that is at it, or that died at it.
    start_run_id, end_run_id : str or None
        The runs that carried its start, and the last attempt of its end.
    unpublished_run_id : str or None
        The run whose stores are still to be published for it.
    """

    promise_id: str
    account: str
    host: str
    cell: Cell
    is_enabled: bool
    starts_at: datetime
    ends_at: datetime | None
    noted_at: datetime
    next_at: datetime | None
    cascade_to_modifier_groups: bool = False
    cascade_brand_ids: tuple[int, ...] = ()
    title: str | None = None
    starts_at_once: bool = False
    publish: bool = False
    status: PromiseStatus = PromiseStatus.WAITING
    before: bool | None = None
    note: str | None = None
    action: str | None = None
    plan_id: str | None = None
    start_run_id: str | None = None
    end_run_id: str | None = None
    unpublished_run_id: str | None = None
    closed_at: datetime | None = None

    @property
    def row_key(self) -> tuple[object, ...]:
        """What it was asked for by: two rows with the same are one promise."""
        start = None if self.starts_at_once else self.starts_at
        cascade = (self.cascade_to_modifier_groups, self.cascade_brand_ids)
        return (self.account, self.cell, self.is_enabled, *cascade, start, self.ends_at)


def insert_promise(promise: Promise) -> codec.Statement:
    """Return the statement that adds a promise."""
    return codec.insert("promises", schema.PROMISE_COLUMNS, _values(promise))


def update_promise(promise: Promise) -> codec.Statement:
    """Return the statement that records how a promise stands."""
    settings = ", ".join(f"{name} = ?" for name in schema.PROMISE_COLUMNS)
    values = [*_values(promise), promise.promise_id]
    return f"UPDATE promises SET {settings} WHERE promise_id = ?", values  # noqa: S608 - names of our own


def delete_closed_promises(until: datetime) -> codec.Statement:
    """Return the statement that removes promises that ended before then."""
    return (
        "DELETE FROM promises WHERE closed_at < ? AND unpublished_run_id IS NULL",
        (codec.microseconds(until),),
    )


def to_all_promises(rows: Sequence[codec.Row]) -> list[Promise]:
    """Return all promises, each checked to be whole and none missing."""
    return [_promise(row) for row in codec.complete(rows, counted_in="n_promises")]


def to_promises(rows: Iterable[codec.Row], *, counts: Sequence[codec.Row]) -> list[Promise]:
    """Return some promises; check that each is undamaged, and that the table lacks none."""
    if not counts:
        raise codec.damaged("it has lost the counts of its rows")
    *state, n_found = counts[0]
    codec.check_seal(tuple(state), "the counts of its rows")
    n_recorded = state[schema.STATE_COLUMNS.index("n_promises")]
    if n_found != n_recorded:
        raise codec.damaged(f"it has {n_found:,} promises where {n_recorded:,} were recorded")
    promise_rows = [*rows]
    for row in promise_rows:
        codec.check_seal(row, _PROMISE_ROW)
    return [_promise(row) for row in promise_rows]


def _values(promise: Promise) -> list[Any]:
    values = {field.name: codec.plain(getattr(promise, field.name)) for field in fields(promise)}
    values |= promise.cell._asdict()
    values["cascade_brand_ids"] = json.dumps(promise.cascade_brand_ids, separators=(",", ":"))
    values["status"] = promise.status.value
    return [values[name] for name in schema.PROMISE_COLUMNS]


def _promise(row: codec.Row) -> Promise:
    values = dict(zip(schema.PROMISE_COLUMNS, row[1:-1], strict=True))
    with codec.expected_shape(_PROMISE_ROW):
        cell = Cell(*(values.pop(name) for name in Cell._fields))
        for name in _TIMES:
            values[name] = codec.to_time(values[name])
        for name in _FLAGS:
            values[name] = _flag(values[name])
        values["before"] = None if values["before"] is None else _flag(values["before"])
        values["cascade_brand_ids"] = tuple(
            codec.check_type(brand_id, int) for brand_id in json.loads(values["cascade_brand_ids"])
        )
        values["status"] = PromiseStatus(values["status"])
        codec.check_type(values["starts_at"], datetime)
        return Promise(cell=cell, **values)


def _flag(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError(f"{value!r:.80} is no flag")
    return bool(value)


class PromiseTable:
    """The promises of an open journal: read as a whole or by how they stand, and written in one commit."""

    def __init__(self, writer: JournalWriter) -> None:
        self._writer = writer

    def promises(self) -> list[Promise]:
        """Return all promises, of all accounts, in the order in which they were noted."""
        return to_all_promises(self._writer.read(schema.SELECT_PROMISES))

    def has_open_promises(self, account: str) -> bool:
        """Tell whether something is left to be done for a promise of an account; reads one at most."""
        return bool(self._promises(schema.SELECT_ANY_PROMISE, account))

    def open_promises(self, account: str) -> list[Promise]:
        """Return the promises of an account that are waiting or active."""
        return self._promises(schema.SELECT_OPEN_PROMISES, account)

    def active_promises(self, account: str) -> list[Promise]:
        """Return the promises of an account that have gone on or off, and have not come back."""
        return self._promises(schema.SELECT_ACTIVE_PROMISES, account)

    def due_promises(self, account: str, *, now: datetime) -> list[Promise]:
        """Return the promises of an account that are due, and those that a tick has left half done."""
        return self._promises(schema.SELECT_DUE_PROMISES, account, codec.microseconds(now))

    def add_promises(self, promises: Iterable[Promise]) -> None:
        """Record new promises, in one commit."""
        self._writer.write([insert_promise(promise) for promise in promises])

    def update_promises(self, promises: Iterable[Promise]) -> None:
        """Record how promises stand, in one commit."""
        self._writer.write([update_promise(promise) for promise in promises])

    def _promises(self, sql: str, *values: Any) -> list[Promise]:
        counts = self._writer.read(schema.SELECT_PROMISE_COUNTS)
        return to_promises(self._writer.read(sql, values), counts=counts)


# The store of a cell of the business level: part of a primary key is never NULL.
_NO_STORE = (0, 0)


class Finding(NamedTuple):
    """A cell that differs from the flag that is wanted.

    The first audit in a row found it so at `since_at`, the last at `seen_at`, which is noted once a day.
    """

    cell: Cell
    is_enabled: bool
    since_at: datetime
    seen_at: datetime


def note_audit(
    account: str, *, differing: Iterable[Finding], settled: Iterable[Cell]
) -> list[codec.Statement]:
    """Return the statements that record what an audit found to differ, and forget what is as wanted."""
    forgotten = [delete_finding(account, cell) for cell in settled]
    return [*forgotten, *(upsert_finding(account, finding) for finding in differing)]


def upsert_finding(account: str, finding: Finding) -> codec.Statement:
    """Return the statement that records what was found; the first moment counts while the same is wanted."""
    columns = schema.FINDING_COLUMNS
    moments = (codec.microseconds(finding.since_at), codec.microseconds(finding.seen_at))
    values = [*_finding_key(account, finding.cell), finding.is_enabled, *moments]
    return (
        f"INSERT INTO audit_findings ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "  # noqa: S608
        "ON CONFLICT DO UPDATE SET is_enabled = excluded.is_enabled, seen_at = excluded.seen_at, since_at = "
        "CASE is_enabled WHEN excluded.is_enabled THEN min(since_at, excluded.since_at) "
        "ELSE excluded.since_at END WHERE is_enabled <> excluded.is_enabled OR seen_at < excluded.seen_at",
        values,
    )


def delete_finding(account: str, cell: Cell) -> codec.Statement:
    """Return the statement that forgets a cell that is as wanted."""
    where = " AND ".join(f"{name} = ?" for name in schema.FINDING_KEY)
    return f"DELETE FROM audit_findings WHERE {where}", _finding_key(account, cell)  # noqa: S608 - names of our own


def take_in_findings(
    account: str, others: Iterable[Finding], *, current: Mapping[Cell, Finding]
) -> Iterator[codec.Statement]:
    """Yield the statements that add what another journal's audits found, where they are the newer ones."""
    for finding in others:
        if finding.cell not in current or current[finding.cell].seen_at < finding.seen_at:
            yield delete_finding(account, finding.cell)
            yield upsert_finding(account, finding)


def delete_old_findings(until: datetime) -> codec.Statement:
    """Return the statement that forgets what no audit has seen since then."""
    return "DELETE FROM audit_findings WHERE seen_at < ?", [codec.microseconds(until)]


def to_findings(rows: Iterable[codec.Row]) -> dict[Cell, Finding]:
    """Return what audits found of each cell, each row checked to be whole."""
    return {finding.cell: finding for finding in map(_finding, rows)}


def _finding_key(account: str, cell: Cell) -> list[object]:
    return [account, cell.entity_type, cell.entity_id, *(cell.store or _NO_STORE)]


def _finding(row: codec.Row) -> Finding:
    what = "what an audit found"
    codec.check_seal(row, what)
    with codec.expected_shape(what):
        _, entity_type, entity_id, brand_id, branch_id, is_enabled, *moments, _ = row
        store = (None, None) if (brand_id, branch_id) == _NO_STORE else (int(brand_id), int(branch_id))
        cell = Cell(str(entity_type), int(entity_id), *store)
        since_at, seen_at = map(codec.to_moment, moments)
        return Finding(cell, bool(is_enabled), since_at, seen_at)
