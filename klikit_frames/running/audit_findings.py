"""What audits found to differ from a wanted table, and since when: the rows of it in the journal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from ..model import Cell
from . import journal_codec as codec
from . import journal_schema as schema

# The store of a cell of the business level: part of a primary key is never NULL.
_NO_STORE = (0, 0)


class Finding(NamedTuple):
    """A cell that differs from the flag that is wanted, and when the first audit in a row found it so."""

    cell: Cell
    is_enabled: bool
    since_at: datetime


def note_audit(account: str, *, found: Iterable[Finding], settled: Iterable[Cell]) -> list[codec.Statement]:
    """Return the statements that record what an audit found to differ, and forget what is as wanted."""
    forgotten = [delete_finding(account, cell) for cell in settled]
    return [*forgotten, *(upsert_finding(account, one) for one in found)]


def upsert_finding(account: str, finding: Finding) -> codec.Statement:
    """Return the statement that records what was found; the first moment counts while the same is wanted."""
    columns = schema.FINDING_COLUMNS
    values = [*_key(account, finding.cell), finding.is_enabled, codec.microseconds(finding.since_at)]
    return (
        f"INSERT INTO audit_findings ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "  # noqa: S608
        "ON CONFLICT DO UPDATE SET is_enabled = excluded.is_enabled, since_at = excluded.since_at "
        "WHERE is_enabled <> excluded.is_enabled",
        values,
    )


def delete_finding(account: str, cell: Cell) -> codec.Statement:
    """Return the statement that forgets a cell that is as wanted."""
    where = " AND ".join(f"{name} = ?" for name in schema.FINDING_KEY)
    return f"DELETE FROM audit_findings WHERE {where}", _key(account, cell)  # noqa: S608 - names of our own


def to_findings(rows: Iterable[codec.Row]) -> list[Finding]:
    """Return what audits found, each row checked to be whole."""
    return [_finding(row) for row in rows]


def _key(account: str, cell: Cell) -> list[object]:
    return [account, cell.entity_type, cell.entity_id, *(cell.store or _NO_STORE)]


def _finding(row: codec.Row) -> Finding:
    what = "what an audit found"
    codec.check_seal(row, what)
    with codec.expected_shape(what):
        _, entity_type, entity_id, brand_id, branch_id, is_enabled, since_at, _ = row
        store = (None, None) if (brand_id, branch_id) == _NO_STORE else (int(brand_id), int(branch_id))
        return Finding(
            Cell(str(entity_type), int(entity_id), *store), bool(is_enabled), codec.to_moment(since_at)
        )
