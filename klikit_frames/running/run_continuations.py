"""Two copies of one run: whether one of them provably goes on from the other, and taking that one in."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import JournalError
from . import journal_codec as codec
from . import journal_schema as schema
from . import locks
from .lifecycle import EndReason, RequestState, can_become

if TYPE_CHECKING:
    from .journal import Journal
    from .journal_copies import RunRows
    from .records import Request

_LOG = logging.getLogger("klikit_frames")
_OPEN_COUNTS = ("failed", "unknown", "not_sent")


def take_in_continuations(journal: Journal, source: Journal) -> None:
    """Let runs that are in both journals go on where `source` is further, each in one commit.

    It wins only if it is provably the same run gone on: of the same plan, with the same keys and bodies, with
    all flags from before, and with everything settled that is settled here, in the same way. Else the run
    stays as it is here, and the log says why.
    """
    here, there = journal.runs(), source.runs()
    is_open = (here["status"] != EndReason.FINISHED) | (here[[*_OPEN_COUNTS]].sum(axis=1) > 0)
    for run_id in here.loc[is_open & here["run_id"].isin(there["run_id"]), "run_id"]:
        if why := _take_in(journal, source, run_id):
            _LOG.warning("Run %s stays as it is in %s: %s", run_id[:8], journal.path or "memory", why)


def _take_in(journal: Journal, source: Journal, run_id: str) -> str | None:
    """Take in a run if it is further there; returns why it is not, where that must be known."""
    lock = journal.lock_path(journal.run(run_id).plan_id)
    try:
        with locks.hold(lock, what=f"Run {run_id}"):
            if includes(journal, source, run_id=run_id):
                return None
            if not includes(source, journal, run_id=run_id):
                return "the other copy is no continuation of it, for each knows what the other does not."
            journal.take_in(replace_run(journal.run_no(run_id), source.run_rows(run_id)))
            return None
    except JournalError as error:
        return str(error)


def includes(further: Journal, earlier: Journal, *, run_id: str) -> bool:
    """Tell whether one journal knows all of a run that the other one knows, and contradicts none of it."""
    if further.plan_body(run_id) != earlier.plan_body(run_id):
        return False
    before = earlier.flags(run_id, "before")
    if further.flags(run_id, "before")[: len(before)] != before:
        return False
    requests = {request.path: request for request in further.requests(run_id)}
    return all(
        request.path in requests and _goes_on(requests[request.path], request)
        for request in earlier.requests(run_id)
    )


def _goes_on(further: Request, earlier: Request) -> bool:
    if (further.key, further.body) != (earlier.key, earlier.body):
        return False
    if further.state is earlier.state:
        return True
    # What may have arrived is not unsent because another copy has not seen it leave; a copy's own mark is.
    is_forgotten = earlier.state.may_have_arrived and further.state.is_untouched
    if is_forgotten and earlier.state is not RequestState.UNSEEN:
        return False
    return can_become(earlier.state, further.state)


def replace_run(run_no: int, rows: RunRows) -> list[codec.Statement]:
    """Return the statements that make a run what another journal has, in its place in the history."""
    run, documents, statuses = rows
    kept = {name: value for name, value in run.items() if name in {*schema.RUN_COLUMNS, *_KEPT_MARKS}}
    return [
        *codec.delete_run(run_no)[:-1],
        codec.update_run(run_no, **kept, n_documents=0),
        *insert_run_parts(str(run_no), documents, statuses),
    ]


_KEPT_MARKS = tuple(name for name in schema.RUN_MARKS if name not in {"n_documents", "is_cancelled"})


def insert_run_rows(rows: RunRows) -> list[codec.Statement]:
    """Return the statements that add a run as another journal has it."""
    run, documents, statuses = rows
    kept = {name: value for name, value in run.items() if name not in {"n_documents", "is_cancelled"}}
    added = codec.insert("runs", tuple(kept), list(kept.values()))
    return [added, *insert_run_parts(codec.NEW_RUN, documents, statuses)]


def insert_run_parts(
    run_no: str, documents: Sequence[codec.Row], statuses: Sequence[codec.Row]
) -> list[codec.Statement]:
    """Return the statements that add the documents and requests of a run; `run_no` is an expression."""
    parts: list[codec.Statement] = []
    for columns, table, values in (
        (("kind", "content"), "documents", documents),
        (("path", *schema.ATTEMPT_COLUMNS, *schema.RESULT_COLUMNS), "request_status", statuses),
    ):
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} (run_no, {', '.join(columns)}) VALUES ({run_no}, {marks})"  # noqa: S608
        parts += [(sql, row) for row in values]
    return parts
