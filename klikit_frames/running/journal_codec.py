"""How records become rows of the journal, and rows become records again.

A row that does not match its digest is damage, and so is anything that is not of the expected shape: both
raise `JournalError`, never a wrong record.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ..api.wire import decode_enable
from ..errors import JournalError, PlanError
from ..frames.schemas import OUTCOMES
from ..model import Cell, Store, Target, parse_scope
from . import journal_schema as schema
from .lifecycle import EndReason, RequestState
from .records import CellFlag, Publish, Request, RequestResult, Run

Statement = tuple[str, Sequence[Any]]
Row = tuple[Any, ...]
T = TypeVar("T")

_ID = re.compile(r"[0-9a-f]{32}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What never left has no date: the next time it may leave is the first.
_SETTLED = ("attempts", "sent_at", *schema.RESULT_COLUMNS)
_UPDATE_RESULT = (
    f"UPDATE request_status SET {', '.join(f'{name} = ?' for name in _SETTLED)}, "  # noqa: S608 - names of our own
    "clock_offset_s = iif(? IS NULL, NULL, coalesce(?, clock_offset_s)) WHERE run_no = ? AND path = ?"
)
# The run that the same commit has just added.
NEW_RUN = "(SELECT max(run_no) FROM runs)"


# Statements


def insert_run(
    run: Run, *, plan_body: bytes, requests: Iterable[Request], before: Iterable[CellFlag]
) -> list[Statement]:
    """Return the statements that add a run with its plan, its requests and the flags from before."""
    added = [*requests]
    flags = [*before]
    values = [plain(getattr(run, name)) for name in schema.RUN_COLUMNS]
    documents = [("plan", zlib.compress(plan_body)), ("requests", _pack(_request_values(added)))]
    documents += [("before", _pack(_flag_values(flags)))] if flags else []
    return [
        insert("runs", schema.RUN_COLUMNS, values),
        *(
            (f"INSERT INTO documents (run_no, kind, content) VALUES ({NEW_RUN}, ?, ?)", document)  # noqa: S608
            for document in documents
        ),
        *(_insert_status(request, run_no=None) for request in added),
    ]


def insert_requests(run_no: int, requests: Iterable[Request]) -> list[Statement]:
    """Return the statements that add the parts of a request."""
    added = [*requests]
    if not added:
        return []
    document = [run_no, "requests", _pack(_request_values(added))]
    return [
        insert("documents", ("run_no", "kind", "content"), document),
        *(_insert_status(request, run_no=run_no) for request in added),
    ]


def insert_flags(run_no: int, kind: str, flags: Iterable[CellFlag]) -> list[Statement]:
    """Return the statements that add what cells were seen to hold."""
    added = [*flags]
    if not added:
        return []
    content = _pack(_flag_values(added))
    return [insert("documents", ("run_no", "kind", "content"), [run_no, kind, content])]


def update_attempt(run_no: int, request: Request) -> Statement:
    """Return the statement that records one more attempt: its end is open again, its time the first one's."""
    return (
        "UPDATE request_status SET attempts = ?, sent_at = coalesce(sent_at, ?), "
        "clock_offset_s = coalesce(clock_offset_s, ?), status = NULL WHERE run_no = ? AND path = ?",
        (request.attempts, plain(request.sent_at), request.clock_offset_s, run_no, path_text(request.path)),
    )


def update_clock(run_no: int, path: tuple[int, ...], offset_s: float) -> Statement:
    """Return the statement that records how far the server's clock was ahead when a request was sent."""
    return (
        "UPDATE request_status SET clock_offset_s = coalesce(clock_offset_s, ?) "
        "WHERE run_no = ? AND path = ?",
        (offset_s, run_no, path_text(path)),
    )


def update_result(run_no: int, request: Request) -> Statement:
    """Return the statement that records what became of a request."""
    sent_at = plain(request.sent_at)
    values = (request.attempts, sent_at, *_result_values(request.result), sent_at, request.clock_offset_s)
    return _UPDATE_RESULT, (*values, run_no, path_text(request.path))


def update_run(run_no: int, **values: Any) -> Statement:
    """Return the statement that changes columns of a run."""
    settings = ", ".join(f"{name} = ?" for name in values)
    return (
        f"UPDATE runs SET {settings} WHERE run_no = ?",  # noqa: S608 - names of our own
        [*(plain(value) for value in values.values()), run_no],
    )


def delete_run(run_no: int) -> list[Statement]:
    """Return the statements that remove a run with all that belongs to it; what it published stays known."""
    return [
        (f"DELETE FROM {table} WHERE run_no = ?", (run_no,))  # noqa: S608 - names of our own
        for table in ("request_status", "documents", "runs")
    ]


def insert_publish(publish: Publish) -> Statement:
    """Return the statement that adds a publish."""
    return insert("publishes", schema.PUBLISH_COLUMNS, _publish_values(publish))


def update_publish(publish: Publish) -> Statement:
    """Return the statement that records how a publish stands."""
    settings = ", ".join(f"{name} = ?" for name in schema.PUBLISH_COLUMNS)
    values = [*_publish_values(publish), publish.publish_id]
    return f"UPDATE publishes SET {settings} WHERE publish_id = ?", values  # noqa: S608 - names of our own


def upsert_evidence(account: str, store: Store, proved_at: datetime) -> Statement:
    """Return the statement that records how new a store's menu is proved to be; it only moves forward."""
    sql, values = insert("menu_evidence", schema.EVIDENCE_COLUMNS, [account, *store, plain(proved_at)])
    return (
        f"{sql} ON CONFLICT DO UPDATE SET proved_at = excluded.proved_at "
        "WHERE excluded.proved_at > proved_at",
        values,
    )


def insert_clock(offset_s: float) -> Statement:
    """Return the statement that keeps a clock that evidence goes by."""
    sql, values = insert("clocks", ("offset_s",), [offset_s])
    return f"{sql} ON CONFLICT DO NOTHING", values


# Records


def to_clocks(rows: Sequence[Row]) -> list[float]:
    """Return how far ahead clocks are, each row checked to be whole."""
    for row in rows:
        check_seal(row, "the row of a clock")
    return [check_type(row[1], float) for row in rows]


def to_runs(rows: Sequence[Row]) -> list[tuple[int, dict[str, Any]]]:
    """Return the numbers and the values of all runs, each checked to be whole and none missing."""
    names = (*schema.RUN_COLUMNS, *schema.RUN_MARKS)
    runs = complete(rows, counted_in="n_runs")
    return [(row[0], dict(zip(names, row[1:-1], strict=True))) for row in runs]


def to_run_values(row: Row) -> dict[str, Any]:
    """Return the values of one run, checked to be whole."""
    check_seal(row, f"the row of {row[1]!r:.40}")
    return dict(zip((*schema.RUN_COLUMNS, *schema.RUN_MARKS), row[1:-1], strict=True))


def to_run(values: Mapping[str, Any]) -> Run:
    """Return a run from its values."""
    with expected_shape(f"the row of run {values['run_id']}"):
        check_id(values["run_id"])
        check_id(values["plan_id"])
        kept = {name: values[name] for name in schema.RUN_COLUMNS}
        kept["rules"] = _json_object(kept["rules"])
        for name in ("started_at", "ended_at", "copied_at"):
            kept[name] = to_time(kept[name])
        if kept["last_machine"] is not None:
            check_type(kept["last_machine"], str)
        for name in ("host", "account", "user", "machine", "plan_digest", "status"):
            check_type(kept[name], str)
        for name in ("n_rows", "n_requests"):
            check_type(kept[name], int)
        EndReason(kept["status"])
        return Run(**kept)


class RunDocuments:
    """The documents of one run, after checking that each is whole and none is missing."""

    def __init__(self, rows: Iterable[Row], *, n_documents: int) -> None:
        self._contents: dict[str, list[bytes]] = {}
        documents = [*rows]
        for row in documents:
            check_seal(row, "a document of a run")
            self._contents.setdefault(row[2], []).append(row[3])
        if len(documents) != n_documents:
            raise damaged(f"a run has {len(documents):,} documents where {n_documents:,} were recorded")

    def plan_body(self) -> bytes:
        """Return the plan as it was dumped."""
        with expected_shape("the plan of a run"):
            (content,) = self._contents.get("plan", [])
            return zlib.decompress(content)

    def flags(self, kind: str) -> list[CellFlag]:
        """Return what cells were seen to hold, in the order in which it was recorded."""
        with expected_shape("the flags of a run"):
            columns = [json.loads(zlib.decompress(content)) for content in self._contents.get(kind, [])]
            return [_flag(row) for rows in columns for row in zip(*rows, strict=True)]

    def requests(self, statuses: Iterable[Row]) -> list[Request]:
        """Return the requests of a run with all their parts, in sending order."""
        by_path, names = {}, schema.ATTEMPT_COLUMNS + schema.RESULT_COLUMNS
        for row in statuses:
            check_seal(row, f"the status of request {row[1]}")
            by_path[row[1]] = dict(zip(names, row[2:-1], strict=True))
        with expected_shape("a request of a run"):
            packed = self._contents.get("requests", [])
            drafts = [draft for content in packed for draft in json.loads(zlib.decompress(content))]
            requests = [to_request(draft, by_path[draft[0]]) for draft in drafts]
        _check_complete(requests, n_statuses=len(by_path))
        return sorted(requests, key=lambda request: request.path)


def to_request(draft: Sequence[Any], values: Mapping[str, Any]) -> Request:
    """Return a request from its path, entity type, key and body, and from the values of its status."""
    path, entity_type, key, body = (check_type(text, str) for text in draft)
    check_type(values["attempts"], int)
    return Request(
        path=tuple(int(part) for part in path.split(".")),
        target=_target(entity_type, decode_enable(body.encode())),
        key=key,
        body=body.encode(),
        attempts=values["attempts"],
        sent_at=to_time(values["sent_at"]),
        clock_offset_s=values["clock_offset_s"],
        result=_result(values),
    )


def _target(entity_type: str, values: dict[str, Any]) -> Target:
    scope = parse_scope(values.pop("scope"), values.pop("stores"))
    return Target(entity_type, scope=scope, **values)


def to_publishes(rows: Sequence[Row]) -> list[Publish]:
    """Return all publishes, oldest first, each checked to be whole and none missing."""
    return [_publish(row) for row in complete(rows, counted_in="n_publishes")]


def to_evidence(rows: Iterable[Row]) -> dict[Store, datetime]:
    """Return how new the menus of stores are proved to be."""
    evidence: dict[Store, datetime] = {}
    for row in rows:
        check_seal(row, "what is proved of a store's menu")
        with expected_shape("what is proved of a store's menu"):
            _, brand_id, branch_id, proved_at, _ = row
            evidence[check_type(brand_id, int), check_type(branch_id, int)] = to_moment(proved_at)
    return evidence


def to_history(runs: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the frame of all runs from their values."""
    records = [tuple(values[name] for name in schema.HISTORY_COLUMNS) for values in runs]
    frame = pd.DataFrame.from_records(records, columns=list(schema.HISTORY_COLUMNS))
    with expected_shape("a row of a run"):
        for name in ("started_at", "ended_at"):
            frame[name] = times(frame[name])
        return frame.astype(dict.fromkeys(["n_rows", "n_requests", *OUTCOMES], "int64"))


# Values


def damaged(what: str) -> JournalError:
    """Return the error of a journal that cannot be trusted."""
    return JournalError(
        f"The journal is damaged: {what}. Nothing is sent by it. Restore a copy of the file, or name another "
        "one with journal= for a plan that has not begun."
    )


@contextmanager
def expected_shape(what: str) -> Iterator[None]:
    """Raise `JournalError` where a value in a journal is not of the shape that this version writes."""
    try:
        yield
    except JournalError:
        raise
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        PlanError,
        RecursionError,
        TypeError,
        ValueError,
        zlib.error,
    ) as error:
        raise damaged(f"{what} cannot be read ({type(error).__name__})") from error


def check_id(text: object) -> str:
    """Return the id of a run or of a plan, after checking that it is one.

    Raises
    ------
    JournalError
        It is not 32 hex digits; it must never become the name of a file.
    """
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise damaged(f"{text!r:.80} is not an id of 32 hex digits")
    return text


def times(microseconds: Iterable[int | None]) -> pd.Series:
    """Return times in UTC from microseconds since 1970."""
    # A column with a gap has become floats, and numpy takes no NaN for a time.
    values = [None if pd.isna(value) else int(value) for value in microseconds]
    return pd.Series(np.array(values, dtype="datetime64[us]")).dt.tz_localize("UTC")


def path_text(path: tuple[int, ...]) -> str:
    """Return the place of a request as the journal spells it: ``3.0.1``."""
    return ".".join(map(str, path))


def request_nos(rows: Iterable[Row]) -> set[int]:
    """Return the numbers of the plan's requests that have a row among these statuses."""
    numbers = set()
    for row in rows:
        check_seal(row, f"the status of request {row[1]}")
        with expected_shape("the place of a request"):
            numbers.add(int(row[1].partition(".")[0]))
    return numbers


def microseconds(moment: datetime | None) -> int | None:
    """Return microseconds since 1970."""
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)


def insert(table: str, columns: Sequence[str], values: Sequence[Any]) -> Statement:
    """Return the statement that adds a row."""
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values  # noqa: S608 - names of our own


def _insert_status(request: Request, *, run_no: int | None) -> Statement:
    columns = ("path", *schema.ATTEMPT_COLUMNS, *schema.RESULT_COLUMNS)
    attempt = [request.attempts, plain(request.sent_at), request.clock_offset_s]
    values = [path_text(request.path), *attempt, *_result_values(request.result)]
    marks = ", ".join("?" * len(columns))
    run = NEW_RUN if run_no is None else "?"
    sql = f"INSERT INTO request_status (run_no, {', '.join(columns)}) VALUES ({run}, {marks})"  # noqa: S608
    return sql, values if run_no is None else [run_no, *values]


def _pack(content: Any) -> bytes:
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode())


def check_seal(row: Row, what: str) -> None:
    """Refuse a row whose values do not match the digest at its end."""
    *values, digest = row
    if digest != schema.row_digest(*values):
        raise damaged(f"{what} does not match its digest")


def complete(rows: Sequence[Row], *, counted_in: str) -> list[Row]:
    """Return the rows of a table without the counts beside them, after checking that they are all there."""
    n_state = len(schema.STATE_COLUMNS)
    if not rows:
        raise damaged("it has lost the counts of its rows")
    check_seal(rows[0][:n_state], "the counts of its rows")
    n_recorded = rows[0][schema.STATE_COLUMNS.index(counted_in)]
    recorded = [row[n_state:] for row in rows if row[n_state] is not None]
    if len(recorded) != n_recorded:
        raise damaged(f"it has {len(recorded):,} rows where {n_recorded:,} were recorded")
    for row in recorded:
        check_seal(row, f"the row of {row[1]!r:.40}")
    return recorded


def check_type(value: Any, kind: type[T]) -> T:
    """Return a value, after checking that it is of a type."""
    if not isinstance(value, kind):
        raise TypeError(f"{value!r:.80} is not {kind.__name__}")
    return value


def _check_complete(requests: Sequence[Request], *, n_statuses: int) -> None:
    if len(requests) != n_statuses or len({request.path for request in requests}) != n_statuses:
        raise damaged("the requests of a run and what is recorded of them do not match")
    if len({request.key for request in requests}) != len(requests):
        raise damaged("two requests of a run have one key")
    paths = {request.path for request in requests}
    if any(len(path) > 1 and path[:-1] not in paths for path in paths):
        raise damaged("a part of a request has lost the request that it belongs to")
    split = {
        request.path for request in requests if request.result and request.result.status is RequestState.SPLIT
    }
    if split - {path[:-1] for path in paths}:
        raise damaged("the parts of a request that was split are missing")


def plain(value: Any) -> Any:
    """Return a value as SQLite stores it: times as microseconds, mappings as JSON."""
    if isinstance(value, datetime):
        return microseconds(value)
    if isinstance(value, Mapping):
        return json.dumps(value, separators=(",", ":"), sort_keys=True)
    return value


def to_time(value: int | None) -> datetime | None:
    """Return the time of microseconds since 1970; None of None."""
    return None if value is None else to_moment(value)


def to_moment(value: Any) -> datetime:
    """Return the time of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=check_type(value, int))


def _json_object(text: Any) -> dict[str, Any]:
    return check_type(json.loads(check_type(text, str)), dict)


def _request_values(requests: Iterable[Request]) -> list[list[str]]:
    return [
        [path_text(request.path), request.target.entity_type, request.key, request.body.decode()]
        for request in requests
    ]


def _result(values: Mapping[str, Any]) -> RequestResult | None:
    if values["status"] is None:
        return None
    kept = {name: values[name] for name in schema.RESULT_COLUMNS}
    kept |= {"status": RequestState(kept["status"]), "settled_at": to_time(kept["settled_at"])}
    return RequestResult(**kept)


def _result_values(result: RequestResult | None) -> list[Any]:
    return [None if result is None else plain(getattr(result, name)) for name in schema.RESULT_COLUMNS]


def _flag_values(flags: Sequence[CellFlag]) -> list[list[Any]]:
    """Return the columns of flags: next to each other, equal values take next to no room."""
    return [*map(list, zip(*((*flag.cell, flag.is_enabled) for flag in flags), strict=True))]


def _flag(row: Row) -> CellFlag:
    entity_type, entity_id, brand_id, branch_id, is_enabled = row
    check_type(entity_type, str)
    for number in (entity_id, *(part for part in (brand_id, branch_id) if part is not None)):
        check_type(number, int)
    if is_enabled is not None:
        check_type(is_enabled, bool)
    return CellFlag(Cell(entity_type, entity_id, brand_id, branch_id), is_enabled)


def _publish_values(publish: Publish) -> list[Any]:
    values = {name: plain(getattr(publish, name)) for name in schema.PUBLISH_COLUMNS}
    for name in ("stores", "provider_ids"):
        values[name] = None if values[name] is None else json.dumps(values[name], separators=(",", ":"))
    return [values[name] for name in schema.PUBLISH_COLUMNS]


def _publish(row: Row) -> Publish:
    values = dict(zip(schema.PUBLISH_COLUMNS, row[1:-1], strict=True))
    with expected_shape("the row of a publish"):
        values["stores"] = tuple(_store(store) for store in json.loads(values["stores"]))
        if values["provider_ids"] is not None:
            values["provider_ids"] = tuple(
                check_type(provider_id, int) for provider_id in json.loads(values["provider_ids"])
            )
        for name in ("sent_at", "settled_at"):
            values[name] = to_time(values[name])
        return Publish(**values)


def _store(pair: Any) -> Store:
    brand_id, branch_id = pair
    return check_type(brand_id, int), check_type(branch_id, int)
