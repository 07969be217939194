"""The journal's tables, and its rows from and to records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ..errors import JournalError
from ..frames.schemas import OUTCOMES
from .lifecycle import RequestState
from .records import Cell, Flag, Request, Run, Target, Verdict

Statement = tuple[str, Sequence[Any]]

_RUN = (
    "run_id",
    "plan_id",
    "plan_digest",
    "host",
    "user",
    "machine",
    "started_at",
    "ended_at",
    "n_rows",
    "n_requests",
    "status",
)
_REQUEST = (
    "path",
    "entity_type",
    "scope",
    "is_enabled",
    "ids",
    "stores",
    "cascade_to_modifier_groups",
    "cascade_brand_ids",
    "key",
    "body",
    "sha256",
)
_TRIES = ("attempts", "sent_at", "clock_offset_s")
_VERDICT = ("word", "code", "http_status", "message", "request_id", "settled_at")
_HISTORY = ("run_id", "plan_id", "plan_digest", "host", "user", "machine", "started_at", "ended_at")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Raised with every change to the tables below.
LAYOUT = 2
SCHEMA = (
    f"CREATE TABLE IF NOT EXISTS runs ({', '.join(_RUN)}, "
    f"{', '.join(f'{outcome} INTEGER NOT NULL DEFAULT 0' for outcome in OUTCOMES)}, plan_body BLOB NOT NULL, "
    "is_cancelled INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (run_id), UNIQUE (plan_id))",
    f"CREATE TABLE IF NOT EXISTS requests (run_id TEXT NOT NULL REFERENCES runs, {', '.join(_REQUEST)}, "
    "PRIMARY KEY (run_id, path), UNIQUE (key)) WITHOUT ROWID",
    # What changes is apart from the bodies, so that no commit writes a body again.
    f"CREATE TABLE IF NOT EXISTS fates (run_id TEXT NOT NULL REFERENCES runs, path, "
    f"{', '.join(_TRIES + _VERDICT)}, PRIMARY KEY (run_id, path)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS flags (run_id TEXT NOT NULL REFERENCES runs, kind TEXT NOT NULL, "
    "entity_type, entity_id INTEGER, brand_id INTEGER, branch_id INTEGER, is_enabled INTEGER)",
    "CREATE INDEX IF NOT EXISTS flags_of_run ON flags (run_id, kind)",
)
SELECT_RUN = f"SELECT {', '.join(_RUN)} FROM runs"  # noqa: S608 - names of our own
SELECT_REQUESTS = (
    f"SELECT {', '.join(_REQUEST + _TRIES + _VERDICT)} FROM requests JOIN fates USING (run_id, path) "  # noqa: S608
    "WHERE run_id = ?"
)
# What never left has no date: the next time it may leave is the first.
_SETTLE = (
    f"UPDATE fates SET {', '.join(f'{name} = ?' for name in ('attempts', 'sent_at', *_VERDICT))}, "  # noqa: S608
    "clock_offset_s = iif(? IS NULL, NULL, clock_offset_s) WHERE run_id = ? AND path = ?"
)
SELECT_FLAGS = (
    "SELECT entity_type, entity_id, brand_id, branch_id, is_enabled FROM flags WHERE run_id = ? AND kind = ? "
    "ORDER BY rowid"
)
_OPEN = ", ".join(f"'{state}'" for state in RequestState if state.is_open)
SELECT_OPEN_PATHS = f"SELECT path FROM fates WHERE run_id = ? AND (word IS NULL OR word IN ({_OPEN}))"  # noqa: S608
SELECT_HISTORY = (
    f"SELECT {', '.join(_HISTORY)}, n_rows, n_requests, {', '.join(OUTCOMES)}, status FROM runs "  # noqa: S608
    "ORDER BY rowid"
)
HISTORY_COLUMNS = (*_HISTORY, "n_rows", "n_requests", *OUTCOMES, "status")


def insert_run(run: Run, *, plan_body: bytes) -> Statement:
    """Return the statement that adds a run."""
    values = [_plain(getattr(run, name)) for name in _RUN]
    return _insert("runs", (*_RUN, "plan_body"), [*values, plan_body])


def insert_requests(run_id: str, requests: Iterable[Request]) -> list[Statement]:
    """Return the statements that add requests, or parts of them."""
    noted = list(requests)
    return [
        *(_insert("requests", ("run_id", *_REQUEST), _request_values(run_id, one)) for one in noted),
        *(
            _insert("fates", ("run_id", "path", *_TRIES, *_VERDICT), _fate_values(run_id, one))
            for one in noted
        ),
    ]


def insert_flag(run_id: str, flag: Flag, *, kind: str) -> Statement:
    """Return the statement that adds what a cell was seen to hold."""
    columns = ("run_id", "kind", *Cell._fields, "is_enabled")
    return _insert("flags", columns, [run_id, kind, *flag.cell, flag.is_enabled])


def update_attempt(run_id: str, request: Request) -> Statement:
    """Return the statement that notes one more try: its end is open again, its time that of the first."""
    return (
        "UPDATE fates SET attempts = ?, sent_at = coalesce(sent_at, ?), "
        "clock_offset_s = coalesce(clock_offset_s, ?), word = NULL WHERE run_id = ? AND path = ?",
        (request.attempts, _plain(request.sent_at), request.clock_offset_s, run_id, path_text(request.path)),
    )


def update_clock(run_id: str, path: tuple[int, ...], offset_s: float) -> Statement:
    """Return the statement that notes how far the server's clock was ahead when a request was sent."""
    return (
        "UPDATE fates SET clock_offset_s = coalesce(clock_offset_s, ?) WHERE run_id = ? AND path = ?",
        (offset_s, run_id, path_text(path)),
    )


def update_verdict(run_id: str, request: Request) -> Statement:
    """Return the statement that notes what became of a request."""
    sent_at = _plain(request.sent_at)
    values = (request.attempts, sent_at, *_verdict_values(request.verdict), sent_at)
    return _SETTLE, (*values, run_id, path_text(request.path))


def update_status(
    run_id: str, status: str, *, counts: dict[str, int], ended_at: datetime | None
) -> Statement:
    """Return the statement that notes how a run stands."""
    settings = ", ".join(f"{outcome} = ?" for outcome in OUTCOMES)
    values = [counts[outcome] for outcome in OUTCOMES]
    return (
        f"UPDATE runs SET status = ?, ended_at = ?, {settings} WHERE run_id = ?",  # noqa: S608 - names of our own
        (status, _plain(ended_at), *values, run_id),
    )


def restart(run_id: str) -> Statement:
    """Return the statement that says of a run that it goes on."""
    return "UPDATE runs SET status = 'running' WHERE run_id = ?", (run_id,)


def mark_cancelled(run_id: str, *, is_cancelled: bool) -> Statement:
    """Return the statement that asks whoever runs it to stop, or takes that back."""
    return "UPDATE runs SET is_cancelled = ? WHERE run_id = ?", (is_cancelled, run_id)


def to_run(row: tuple[Any, ...]) -> Run:
    """Return a run from its row."""
    values = dict(zip(_RUN, row, strict=True))
    values["started_at"] = _time(values["started_at"])
    values["ended_at"] = _time(values["ended_at"])
    return Run(**values)


def to_request(row: tuple[Any, ...]) -> Request:
    """Return a request from its row, once its body has been held against its hash."""
    values = dict(zip(_REQUEST + _TRIES + _VERDICT, row, strict=True))
    request = Request(
        path=tuple(int(part) for part in values["path"].split(".")),
        target=_target(values),
        key=values["key"],
        body=values["body"],
        attempts=values["attempts"],
        sent_at=_time(values["sent_at"]),
        clock_offset_s=values["clock_offset_s"],
        verdict=_verdict(values),
    )
    if request.sha256 != values["sha256"]:
        raise JournalError(
            f"The journal is damaged: the body of request {values['path']} does not match its hash."
        )
    return request


def to_flag(row: tuple[Any, ...]) -> Flag:
    """Return what a cell was seen to hold from its row."""
    *cell, is_enabled = row
    return Flag(Cell(*cell), None if is_enabled is None else bool(is_enabled))


def history(found: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """Return the frame of all runs from their rows."""
    frame = pd.DataFrame.from_records(list(found), columns=list(HISTORY_COLUMNS))
    for name in ("started_at", "ended_at"):
        frame[name] = times(frame[name])
    counted = ["n_rows", "n_requests", *OUTCOMES]
    return frame.astype(dict.fromkeys(counted, "int64"))


def times(microseconds: Iterable[int | None]) -> pd.Series:
    """Return times in UTC from microseconds since 1970."""
    # A column with a gap has become floats by now: NaN is no time to numpy.
    known = [None if pd.isna(one) else int(one) for one in microseconds]
    return pd.Series(np.array(known, dtype="datetime64[us]")).dt.tz_localize("UTC")


def path_text(path: tuple[int, ...]) -> str:
    """Return the place of a request as the journal spells it: ``3.0.1``."""
    return ".".join(map(str, path))


def request_no(path: str) -> int:
    """Return the number of the plan's request that a place belongs to."""
    return int(path.partition(".")[0])


def microseconds(moment: datetime | None) -> int | None:
    """Return microseconds since 1970."""
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)


def _insert(table: str, columns: Sequence[str], values: Sequence[Any]) -> Statement:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values  # noqa: S608 - names of our own


def _plain(value: Any) -> Any:
    return microseconds(value) if isinstance(value, datetime) else value


def _time(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def _target(values: dict[str, Any]) -> Target:
    return Target(
        entity_type=values["entity_type"],
        scope=values["scope"],
        is_enabled=bool(values["is_enabled"]),
        ids=tuple(json.loads(values["ids"])),
        stores=tuple((brand_id, branch_id) for brand_id, branch_id in json.loads(values["stores"])),
        cascade_to_modifier_groups=bool(values["cascade_to_modifier_groups"]),
        cascade_brand_ids=tuple(json.loads(values["cascade_brand_ids"])),
    )


def _verdict(values: dict[str, Any]) -> Verdict | None:
    if values["word"] is None:
        return None
    told = {name: values[name] for name in _VERDICT}
    told |= {"word": RequestState(told["word"]), "settled_at": _time(told["settled_at"])}
    return Verdict(**told)


def _request_values(run_id: str, request: Request) -> list[Any]:
    target = request.target
    return [
        run_id,
        path_text(request.path),
        target.entity_type,
        target.scope,
        target.is_enabled,
        json.dumps(target.ids),
        json.dumps(target.stores),
        target.cascade_to_modifier_groups,
        json.dumps(target.cascade_brand_ids),
        request.key,
        request.body,
        request.sha256,
    ]


def _fate_values(run_id: str, request: Request) -> list[Any]:
    tries = [request.attempts, _plain(request.sent_at), request.clock_offset_s]
    return [run_id, path_text(request.path), *tries, *_verdict_values(request.verdict)]


def _verdict_values(verdict: Verdict | None) -> list[Any]:
    return [None if verdict is None else _plain(getattr(verdict, name)) for name in _VERDICT]
