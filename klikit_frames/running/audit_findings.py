"""What audits found to differ from a wanted table, and since when: the rows of it in the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from ..model import Cell
from . import journal_codec as codec
from . import journal_schema as schema

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


def note_audit(account: str, *, found: Iterable[Finding], settled: Iterable[Cell]) -> list[codec.Statement]:
    """Return the statements that record what an audit found to differ, and forget what is as wanted."""
    forgotten = [delete_finding(account, cell) for cell in settled]
    return [*forgotten, *(upsert_finding(account, finding) for finding in found)]


def upsert_finding(account: str, finding: Finding) -> codec.Statement:
    """Return the statement that records what was found; the first moment counts while the same is wanted."""
    columns = schema.FINDING_COLUMNS
    moments = (codec.microseconds(finding.since_at), codec.microseconds(finding.seen_at))
    values = [*_key(account, finding.cell), finding.is_enabled, *moments]
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
    return f"DELETE FROM audit_findings WHERE {where}", _key(account, cell)  # noqa: S608 - names of our own


def take_in_findings(
    account: str, found: Iterable[Finding], *, known: Mapping[Cell, Finding]
) -> Iterator[codec.Statement]:
    """Yield the statements that add what another journal's audits found, where they are the newer ones."""
    for finding in found:
        if finding.cell not in known or known[finding.cell].seen_at < finding.seen_at:
            yield delete_finding(account, finding.cell)
            yield upsert_finding(account, finding)


def delete_old_findings(until: datetime) -> codec.Statement:
    """Return the statement that forgets what no audit has seen since then."""
    return "DELETE FROM audit_findings WHERE seen_at < ?", [codec.microseconds(until)]


def to_findings(rows: Iterable[codec.Row]) -> list[Finding]:
    """Return what audits found, each row checked to be whole."""
    return [_finding(row) for row in rows]


def _key(account: str, cell: Cell) -> list[object]:
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
