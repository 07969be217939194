"""Journals of version 0.1.0, made into journals of this one: in one transaction, with a copy kept beside."""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

from ..errors import JournalError, KlikitFramesError
from ..frames.schemas import OUTCOMES
from ..model import Cell
from ..planning.plan import parse_plan
from . import journal_codec as codec
from . import journal_schema as schema
from . import locks
from .attribution import attribute, count_outcomes
from .lifecycle import EndReason, RequestState
from .records import CellFlag, Request

# The schema version of release 0.1.0.
OLD_VERSION = 2
_OLD_TABLES = ("flags", "fates", "requests", "runs")
_OLD_NAMES = {*_OLD_TABLES, "flags_of_run"}
_NEW_RUN = {"account": "", "rules": "{}", "last_machine": None, "copied_at": None}
_OLD_RUN = (*(name for name in schema.RUN_COLUMNS if name not in _NEW_RUN),)
_MARKS = (*OUTCOMES, "is_cancelled", "plan_body")
_OLD_STATUS = (*schema.ATTEMPT_COLUMNS, "word", *schema.RESULT_COLUMNS[1:], "is_replayed")

# 0.1.0 said failed also of what may have been written; that is unknown today.
_NEW_STATES = frozenset({RequestState.UNKNOWN, RequestState.STORED_FAILURE, RequestState.DENIED})


def keep_copy(connection: sqlite3.Connection, path: Path) -> Path:
    """Copy a journal of 0.1.0 as it is, beside it, and return where; a copy that is there already serves.

    Raises
    ------
    JournalError
        A run of it goes on at this moment.
    """
    _check_idle(connection, path)
    part = path.with_name(f"{path.name}.0.1.0-backup.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copy:
        source.backup(copy)
    for n in count(1):
        kept = path.with_name(f"{path.name}.0.1.0-backup{f'-{n}' if n > 1 else ''}")
        if not kept.exists():
            part.replace(kept)
            return kept
        if filecmp.cmp(part, kept, shallow=False):
            part.unlink()
            return kept
    raise AssertionError


def migrate(connection: sqlite3.Connection) -> None:
    """Make the tables of 0.1.0 into those of this version, within the transaction that is open.

    Raises
    ------
    JournalError
        They are not what 0.1.0 wrote.
    """
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL")}
    if names != _OLD_NAMES:
        raise codec.damaged("its tables are not those of the version that it names")
    connection.execute("DROP INDEX flags_of_run")
    for table in _OLD_TABLES:
        connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    for statement in (*schema.SCHEMA, *schema.TRIGGERS):
        connection.execute(statement)
    select_runs = f"SELECT {', '.join((*_OLD_RUN, *_MARKS))} FROM old_runs ORDER BY rowid"  # noqa: S608
    for values in _rows(connection, select_runs):
        with codec.expected_shape(f"run {values[0]!r:.40} of the older version"):
            for sql, parameters in _run_statements(connection, values):
                connection.execute(sql, parameters)
    for table in _OLD_TABLES:
        connection.execute(f"DROP TABLE old_{table}")
    connection.execute(f"PRAGMA user_version={schema.SCHEMA_VERSION}")


def _check_idle(connection: sqlite3.Connection, path: Path) -> None:
    for (plan_id,) in _rows(connection, "SELECT plan_id FROM runs WHERE status = 'running'"):
        lock = path.with_name(f"{path.name}.locks") / codec.check_id(plan_id)
        if locks.is_locked(lock):
            raise JournalError(
                f"A run of the older version goes on in the journal {path}. Wait until it has ended: the "
                "journal is then brought to this version, with a copy kept beside it."
            )


def _rows(connection: sqlite3.Connection, sql: str, values: Iterable[Any] = ()) -> Iterator[codec.Row]:
    return iter(connection.execute(sql, tuple(values)).fetchall())


def _run_statements(connection: sqlite3.Connection, row: codec.Row) -> Iterator[codec.Statement]:
    """Yield the statements that record one run of 0.1.0 as this version would have."""
    values = dict(zip((*_OLD_RUN, *_MARKS), row, strict=True))
    run = codec.to_run(values | _NEW_RUN)
    plan_body = zlib.decompress(values["plan_body"])
    requests = list(_requests(connection, run.run_id))
    before, proofs = (_flags(connection, run.run_id, kind) for kind in ("before", "proof"))
    yield from codec.insert_run(run, plan_body=plan_body, requests=requests, before=before)
    ((run_no,),) = connection.execute("SELECT max(run_no) FROM runs").fetchall()
    yield from codec.insert_flags(run_no, "proof", proofs)
    counts = {name: values[name] for name in OUTCOMES}
    if any(request.state in _NEW_STATES for request in requests):
        counts = _counts(plan_body, requests, proofs) or counts
    # Of what was published since nobody knows: as in 0.1.0, menus count as they show.
    is_proved = run.status == EndReason.FINISHED and not any(request.state.is_open for request in requests)
    marks = {"is_cancelled": values["is_cancelled"], "is_proved": is_proved}
    yield codec.update_run(run_no, **counts, **marks)


def _requests(connection: sqlite3.Connection, run_id: str) -> Iterator[Request]:
    columns = ("path", "entity_type", "key", "body", "sha256", *_OLD_STATUS)
    sql = (
        f"SELECT {', '.join(columns)} FROM old_requests LEFT JOIN old_fates USING (run_id, path) "  # noqa: S608
        "WHERE run_id = ?"
    )
    for row in _rows(connection, sql, [run_id]):
        values = dict(zip(columns, row, strict=True))
        if hashlib.sha256(values["body"]).hexdigest() != values["sha256"] or values["attempts"] is None:
            raise codec.damaged(f"request {values['path']} of run {run_id} does not match its hash")
        values["status"] = _state(values)
        draft = [values["path"], values["entity_type"], values["key"], values["body"].decode()]
        yield codec.to_request(draft, values)


def _state(values: dict[str, Any]) -> str | None:
    word, http_status = values["word"], values["http_status"]
    if word != RequestState.FAILED or http_status is None:
        return None if word is None else str(word)
    if values["is_replayed"]:
        return RequestState.STORED_FAILURE
    if http_status in {401, 403}:
        return RequestState.DENIED
    return RequestState.UNKNOWN if http_status >= 500 else RequestState.FAILED


def _flags(connection: sqlite3.Connection, run_id: str, kind: str) -> list[CellFlag]:
    sql = (
        "SELECT entity_type, entity_id, brand_id, branch_id, is_enabled FROM old_flags "
        "WHERE run_id = ? AND kind = ? ORDER BY rowid"
    )
    return [
        CellFlag(Cell(*cell), None if is_enabled is None else bool(is_enabled))
        for *cell, is_enabled in _rows(connection, sql, [run_id, kind])
    ]


def _counts(plan_body: bytes, requests: list[Request], proofs: list[CellFlag]) -> dict[str, int] | None:
    """Return how many rows are in each outcome today; None where the plan cannot be read."""
    try:
        plan = parse_plan(plan_body)
    except (KlikitFramesError, json.JSONDecodeError):
        return None
    return count_outcomes(attribute(plan, requests, proofs=dict(proofs))["outcome"])
