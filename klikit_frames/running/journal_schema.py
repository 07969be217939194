"""The journal's tables, the digests that seal their rows, and the queries that read them.

Every row that matters carries a digest of its values, made by triggers that a writing connection sets up
for itself. Counts in the table ``journal_state`` and in each run tell whether a row has vanished.
"""

from __future__ import annotations

import hashlib
from typing import Any

from ..frames.schemas import OUTCOMES
from .lifecycle import TRANSITIONS, EndReason, Event, PromiseStatus, RequestState

# Raised with every change to the tables below that a released version has seen.
SCHEMA_VERSION = 3
RUN_COLUMNS = (
    "run_id",
    "plan_id",
    "plan_digest",
    "host",
    "account",
    "user",
    "machine",
    "started_at",
    "ended_at",
    "last_machine",
    "copied_at",
    "n_rows",
    "n_requests",
    "status",
    "rules",
)
# Facts about a run that change on their own.
RUN_MARKS = (*OUTCOMES, "is_cancelled", "is_proved", "n_documents")
ATTEMPT_COLUMNS = ("attempts", "sent_at", "clock_offset_s")
RESULT_COLUMNS = ("status", "code", "http_status", "message", "request_id", "settled_at")
PUBLISH_COLUMNS = (
    "publish_id",
    "account",
    "host",
    "run_id",
    "stores",
    "provider_ids",
    "key",
    "attempts",
    "sent_at",
    "settled_at",
    "clock_offset_s",
    "status",
    "http_status",
    "code",
    "message",
    "request_id",
    "n_success",
    "n_failed",
)
PROMISE_COLUMNS = (
    "promise_id",
    "account",
    "host",
    "entity_type",
    "entity_id",
    "brand_id",
    "branch_id",
    "is_enabled",
    "cascade_to_modifier_groups",
    "cascade_brand_ids",
    "title",
    "starts_at",
    "ends_at",
    "starts_at_once",
    "publish",
    "noted_at",
    "status",
    "next_at",
    "before",
    "note",
    "action",
    "plan_id",
    "start_run_id",
    "end_run_id",
    "unpublished_run_id",
    "closed_at",
)
FINDING_KEY = ("account", "entity_type", "entity_id", "brand_id", "branch_id")
FINDING_COLUMNS = (*FINDING_KEY, "is_enabled", "since_at", "seen_at")
EVIDENCE_COLUMNS = ("account", "brand_id", "branch_id", "proved_at")
_HISTORY = ("run_id", "plan_id", "plan_digest", "host", "user", "machine", "started_at", "ended_at")
HISTORY_COLUMNS = (*_HISTORY, "n_rows", "n_requests", *OUTCOMES, "status")

# The rows whose values are sealed by a digest: the columns of each table, its key first.
SEALED = {
    "journal_state": (("id",), ("n_runs", "n_publishes", "n_promises")),
    "runs": (("run_no",), (*RUN_COLUMNS, *RUN_MARKS)),
    "documents": (("document_no",), ("run_no", "kind", "content")),
    "request_status": (("run_no", "path"), (*ATTEMPT_COLUMNS, *RESULT_COLUMNS)),
    "publishes": (("publish_no",), PUBLISH_COLUMNS),
    "promises": (("promise_no",), PROMISE_COLUMNS),
    "menu_evidence": (("account", "brand_id", "branch_id"), ("proved_at",)),
    "clocks": (("clock_no",), ("offset_s",)),
    "audit_findings": (FINDING_KEY, ("is_enabled", "since_at", "seen_at")),
}
TABLES = {
    # One row: how many rows the other tables must have, so that none can vanish without a trace.
    "journal_state": "CREATE TABLE journal_state (id INTEGER PRIMARY KEY, "
    "n_runs INTEGER NOT NULL, n_publishes INTEGER NOT NULL, n_promises INTEGER NOT NULL, digest BLOB)",
    # This journal's own name comes first, then those of the journals that it has taken in.
    "journal_ids": "CREATE TABLE journal_ids (journal_no INTEGER PRIMARY KEY, "
    "journal_id TEXT NOT NULL UNIQUE)",
    # A session that may write has a row here until it has closed the file.
    "sessions": "CREATE TABLE sessions (session_id TEXT PRIMARY KEY)",
    "runs": f"CREATE TABLE runs (run_no INTEGER PRIMARY KEY, {', '.join(RUN_COLUMNS)}, "
    f"{', '.join(f'{name} INTEGER NOT NULL DEFAULT 0' for name in RUN_MARKS)}, digest BLOB, "
    "UNIQUE (run_id), UNIQUE (plan_id))",
    # What never changes: the plan, its requests and later their parts, flags from before and proofs. JSON,
    # compressed by zlib.
    "documents": "CREATE TABLE documents (document_no INTEGER PRIMARY KEY, "
    "run_no INTEGER NOT NULL REFERENCES runs, kind TEXT NOT NULL, content BLOB NOT NULL, digest BLOB)",
    # What changes is apart from the bodies, so that no commit writes a body again.
    "request_status": "CREATE TABLE request_status (run_no INTEGER NOT NULL REFERENCES runs, "
    f"path TEXT NOT NULL, {', '.join(ATTEMPT_COLUMNS + RESULT_COLUMNS)}, digest BLOB, "
    "PRIMARY KEY (run_no, path)) WITHOUT ROWID",
    "publishes": f"CREATE TABLE publishes (publish_no INTEGER PRIMARY KEY, {', '.join(PUBLISH_COLUMNS)}, "
    "digest BLOB, UNIQUE (publish_id))",
    "promises": f"CREATE TABLE promises (promise_no INTEGER PRIMARY KEY, {', '.join(PROMISE_COLUMNS)}, "
    "digest BLOB, UNIQUE (promise_id))",
    "menu_evidence": f"CREATE TABLE menu_evidence ({', '.join(EVIDENCE_COLUMNS)}, digest BLOB, "
    "PRIMARY KEY (account, brand_id, branch_id)) WITHOUT ROWID",
    # How far ahead of this machine the clocks are that evidence goes by, in the order in which they were met.
    "clocks": "CREATE TABLE clocks (clock_no INTEGER PRIMARY KEY, offset_s REAL NOT NULL UNIQUE, "
    "digest BLOB)",
    # The cells that differ from a wanted table, since the first audit in a row that found it so. At the
    # business level the store is 0/0.
    "audit_findings": f"CREATE TABLE audit_findings ({', '.join(FINDING_COLUMNS)}, digest BLOB, "
    f"PRIMARY KEY ({', '.join(FINDING_KEY)})) WITHOUT ROWID",
    "documents_of_run": "CREATE INDEX documents_of_run ON documents (run_no, kind)",
}
SCHEMA = (
    *TABLES.values(),
    "INSERT INTO journal_state VALUES (1, 0, 0, 0, row_digest(1, 0, 0, 0))",
    "INSERT INTO journal_ids VALUES (1, draw_id())",
)


def _seal(table: str, event: str) -> str:
    """Return the trigger that gives a written row its digest."""
    key, columns = SEALED[table]
    here = " AND ".join(f"{name} = NEW.{name}" for name in key)
    values = ", ".join(f"NEW.{name}" for name in (*key, *columns))
    when = f"UPDATE OF {', '.join((*key, *columns))}" if event == "UPDATE" else event
    update = f"UPDATE {table} SET digest = row_digest({values}) WHERE {here}"  # noqa: S608 - names of our own
    return f"CREATE TEMP TRIGGER seal_{table}_{event} AFTER {when} ON main.{table} BEGIN {update}; END"


def _count(table: str, event: str, change: str) -> str:
    """Return the trigger that keeps the count of a table's rows."""
    update = f"UPDATE journal_state SET n_{table} = n_{table} {change}"  # noqa: S608 - names of our own
    return f"CREATE TEMP TRIGGER count_{table}_{event} AFTER {event} ON main.{table} BEGIN {update}; END"


_COUNTED = ("runs", "publishes", "promises")
# Made by every connection that writes. They are its own: other programs can still open the file and look.
TRIGGERS = (
    *(_seal(table, event) for table in SEALED for event in ("INSERT", "UPDATE")),
    *(_count(table, "INSERT", "+ 1") for table in _COUNTED),
    *(_count(table, "DELETE", "- 1") for table in _COUNTED),
    "CREATE TEMP TRIGGER count_documents AFTER INSERT ON main.documents "
    "BEGIN UPDATE runs SET n_documents = n_documents + 1 WHERE run_no = NEW.run_no; END",
)


def row_digest(*values: Any) -> bytes:
    """Return the digest of a row's values; SQLite calls it as a function of this name."""
    return hashlib.blake2b(repr(values).encode(), digest_size=8).digest()


def _select(table: str) -> str:
    key, columns = SEALED[table]
    return f"SELECT {', '.join((*key, *columns))}, digest FROM {table}"  # noqa: S608 - names of our own


def _is_damaged(table: str) -> str:
    """Return the condition that a row does not match its digest.

    Whoever asks for some rows of a table asks for these too, and refuses them: what a damaged row says of
    itself must not hide it.
    """
    key, columns = SEALED[table]
    return f"CASE digest WHEN row_digest({', '.join((*key, *columns))}) THEN FALSE ELSE TRUE END"


def _select_where(table: str, condition: str) -> str:
    return f"{_select(table)} NOT INDEXED WHERE ({condition}) OR {_is_damaged(table)}"


def _select_with_state(table: str) -> str:
    """Return the query for all rows of a table, with the counts beside each.

    It reads in the table's own order, past every index: a damaged index must not hide a run.
    """
    key, columns = SEALED[table]
    names = ", ".join(f"{table}.{name}" for name in (*key, *columns, "digest"))
    return (
        f"SELECT {', '.join(f'state.{name}' for name in STATE_COLUMNS)}, {names} "  # noqa: S608 - names of our own
        f"FROM journal_state AS state LEFT JOIN {table} NOT INDEXED ORDER BY {table}.{key[0]}"
    )


STATE_COLUMNS = ("id", "n_runs", "n_publishes", "n_promises", "digest")
SELECT_RUNS = _select_with_state("runs")
SELECT_RUN = f"{_select('runs')} WHERE run_no = ?"
# For a quick look-up: whatever is found is then read and checked as a whole row.
SELECT_RUN_IDS = (
    "SELECT state.n_runs, runs.run_no, runs.run_id, runs.plan_id "
    "FROM journal_state AS state LEFT JOIN runs NOT INDEXED ORDER BY runs.run_no"
)
SELECT_JOURNAL_IDS = "SELECT journal_id FROM journal_ids ORDER BY journal_no"
INSERT_JOURNAL_ID = "INSERT OR IGNORE INTO journal_ids (journal_id) VALUES (?)"
SELECT_PUBLISHES = _select_with_state("publishes")
SELECT_PROMISES = _select_with_state("promises")
# For a part of the promises, the counts first: that none has vanished is known without reading all of them.
SELECT_PROMISE_COUNTS = (
    f"SELECT {', '.join(STATE_COLUMNS)}, (SELECT count(*) FROM promises NOT INDEXED) FROM journal_state"  # noqa: S608
)
_STANDING = ", ".join(f"'{status}'" for status in PromiseStatus if status.is_open)
_HALF_DONE = "plan_id IS NOT NULL OR unpublished_run_id IS NOT NULL"


def _select_promises(condition: str) -> str:
    return f"{_select_where('promises', f'account = ? AND ({condition})')} ORDER BY promise_no"


SELECT_OPEN_PROMISES = _select_promises(f"status IN ({_STANDING})")
SELECT_ANY_PROMISE = f"{_select_promises(f'status IN ({_STANDING}) OR {_HALF_DONE}')} LIMIT 1"
SELECT_ACTIVE_PROMISES = _select_promises(f"status = '{PromiseStatus.ACTIVE}'")
SELECT_DUE_PROMISES = _select_promises(f"next_at <= ? OR {_HALF_DONE}")
SELECT_DOCUMENTS = f"{_select('documents')} WHERE run_no = ? ORDER BY document_no"
SELECT_STATUSES = f"{_select('request_status')} WHERE run_no = ?"
# What is not yet proved to show; the rest is in order whatever the clocks say.
SELECT_LATEST_NOTE = (
    "SELECT max(max(coalesce(sent_at, 0), coalesce(settled_at, 0))) FROM request_status "
    "WHERE run_no IN (SELECT run_no FROM runs WHERE NOT is_proved) "
    "AND max(coalesce(sent_at, 0), coalesce(settled_at, 0)) BETWEEN ? AND ?"
)
SELECT_OFFSET_RANGE = "SELECT min(clock_offset_s), max(clock_offset_s) FROM request_status"
SELECT_ALL_EVIDENCE = f"{_select('menu_evidence')} NOT INDEXED ORDER BY account"
SELECT_EVIDENCE = _select_where("menu_evidence", "account = ?")
SELECT_CLOCKS = f"{_select('clocks')} ORDER BY clock_no"
SELECT_ALL_FINDINGS = f"{_select('audit_findings')} NOT INDEXED ORDER BY account"
SELECT_FINDINGS = _select_where("audit_findings", "account = ?")
_OPEN = ", ".join(f"'{state}'" for state in RequestState if state.is_open)
SELECT_OPEN_STATUSES = (
    f"{SELECT_STATUSES} AND (status IS NULL OR status IN ({_OPEN}) OR {_is_damaged('request_status')})"
)
_COPIED_FROM = ", ".join(f"'{state}'" for state, event in TRANSITIONS if event is Event.COPY)
# In a copy of the journal only: of a run that goes on elsewhere it cannot know what became of the rest.
MARK_COPIED_RUNS = (
    "UPDATE runs SET copied_at = :copied_at WHERE copied_at IS NULL "  # noqa: S608 - names of our own
    f"AND (status <> '{EndReason.FINISHED}' OR unknown + not_sent + failed > 0)"
)
MARK_UNSEEN_REQUESTS = (
    f"UPDATE request_status SET status = '{RequestState.UNSEEN}', attempts = attempts + 1, "  # noqa: S608
    "sent_at = coalesce(sent_at, :copied_at), clock_offset_s = coalesce(clock_offset_s, (SELECT "
    "max(each.clock_offset_s) FROM request_status AS each WHERE each.run_no = request_status.run_no)), "
    "message = :message, code = NULL, http_status = NULL, request_id = NULL, settled_at = NULL "
    f"WHERE run_no IN (SELECT run_no FROM runs WHERE status = '{EndReason.RUNNING}') "
    f"AND ((status IS NULL AND attempts = 0) OR status IN ({_COPIED_FROM}))"
)
