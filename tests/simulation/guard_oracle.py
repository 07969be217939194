"""What the guards of a run must have held: no flood, no write after a stop, none before its canary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

import pandas as pd

import klikit_frames as kf
from klikit_frames.api.rate_limits import MAX_SHARED_PER_MINUTE
from klikit_frames.api.request_executor import MAX_ATTEMPTS
from klikit_frames.auditing.undo import Undo
from klikit_frames.running.journal import read_journal

from .model_api import Cell, ModelApi
from .oracle import DefectError, cell_of, rows_of
from .seasons import NO_CAP
from .world_parts import RunRecord

# Twenty are refused one by one, and the first requests are halved on the way.
MOST_REFUSED = 60
_UNNOTED = "before the run is not known"
_BAD = ("rejected", "failed", "unknown")
_RATE_LIMITED = 429
# What is refused as a whole is sent in parts.
_CUT = {404, 413}


def count_keys(api: ModelApi, asked: Mapping[Cell, Set[bool]]) -> int:
    """Return how many requests have been sent for one table."""
    return sum(table is asked for table in api.asked_by_key.values())


def check_flood(api: ModelApi, asked: Mapping[Cell, Set[bool]], *, n_before: int) -> None:
    """A table of which nothing is of this business is given up after the first rows."""
    n = count_keys(api, asked) - n_before
    if n > MOST_REFUSED and not any(cell in api.writes for cell in asked):
        raise DefectError("flood", f"{n} requests, and none was accepted")


def check_guards(
    result: kf.Result, rules: Mapping[str, Any], *, known_keys: Set[str], is_clock_set: bool
) -> None:
    """A run that stops on so many errors, or has a canary, sends nothing after those and before this.

    The times of what was sent earlier, under `known_keys`, or by a clock that was set meanwhile say nothing.
    """
    frame = result.frame
    most = 0 if rules.get("on_error") == "stop" else rules.get("max_failures")
    if most is not None and not is_clock_set:
        now = frame[frame["sent_at"].notna() & ~frame["idempotency_key"].isin(known_keys)]
        settled = now.loc[now["outcome"].isin(_BAD), "settled_at"].dropna().sort_values()
        if len(settled) > most and (now["sent_at"] > settled.iloc[most]).any():
            raise DefectError("guard", f"it went on after {settled.iloc[most]}, where it was to stop")
    if rules.get("first"):
        is_first = frame["request_no"] == 1
        if (
            not frame.loc[is_first, "outcome"].eq("applied").all()
            and frame.loc[~is_first, "sent_at"].notna().any()
        ):
            raise DefectError("guard", "its first request has not passed, and others were sent")


def check_noted(undo: Undo | str, record: RunRecord, api: ModelApi) -> None:
    """A run that is to know the flags from before does know them, or sends nothing."""
    if record.rules.get("before") == "none" or api.switches.publish_delay_s:
        return
    is_refused = isinstance(undo, str) and undo == "PlanError"
    kept = [] if isinstance(undo, str) else rows_of(undo.kept)
    unnoted = {cell_of(row) for row in kept if _UNNOTED in row["reason"]}
    alone = _find_alone(record, api)
    # Where nothing at all can be restored: all that it changed.
    changed = {cell for cell in alone if any(write.was is not write.is_enabled for write in api.writes[cell])}
    if lost := changed if is_refused else alone & unnoted:
        raise DefectError("unnoted", f"nothing is known of {min(lost, key=str)} before the run")


def check_all_proved(proof: pd.DataFrame, record: RunRecord, api: ModelApi) -> None:
    """Once all stores are published, and that is long enough ago, nothing that was written waits for it."""
    if api.switches.publish_counts != "true" or not api.switches.has_date:
        return
    alone = _find_alone(record, api)
    for row in rows_of(proof[proof["proof"] == "not_visible_yet"]):
        cell, last = cell_of(row), api.last_write(cell_of(row))
        # Where publishes are only queued, a menu may still be older than the write: then it does wait.
        is_shown = last is not None and api.is_copied_since(cell, last.no)
        if cell in alone and is_shown and api.shown(cell) is not bool(row["is_enabled"]):
            raise DefectError("never_proved", cell)


def _find_alone(record: RunRecord, api: ModelApi) -> set[Cell]:
    """Return the cells that a run wrote and that no other table has asked for, nor for all stores at once."""
    if record.result is None:
        return set()
    # What a copy of a journal has not seen may have been written elsewhere: the live flag is not known then.
    tables = [*api.asked_by_key.values(), *api.copied_tables]
    asked = {cell for table in tables if table is not record.asked for cell in table}
    frame = record.result.frame
    applied = map(cell_of, rows_of(frame[frame["outcome"] == "applied"]))
    return {cell for cell in applied if not asked & {cell, (cell[0], cell[1], "business", None, None)}}


def check_deadline(api: ModelApi, *, client_no: int, since: int, until_s: float) -> None:
    """Nothing is written once the time of a run is up; what had left before may still arrive."""
    for call in api.calls[since:]:
        if call.client_no == client_no and call.method == "PATCH" and call.at_s > until_s + 1e-3:
            raise DefectError("deadline", f"a write {call.at_s - until_s:.2f} s after the deadline")


def check_shared_cap(api: ModelApi, caps: Mapping[int, int], *, client_no: int, since: int) -> None:
    """No minute has more writes of all processes together than the last of them was given.

    Processes that have no cap, as here, share nothing; nor does a time from before a clock was set count.
    """
    if (cap := caps[client_no]) > MAX_SHARED_PER_MINUTE:
        return
    shared = [
        call.at_s
        for call in api.calls
        if call.method == "PATCH"
        and call.at_s > api.clock.set_at_s
        and caps.get(call.client_no, NO_CAP) <= MAX_SHARED_PER_MINUTE
    ]
    times = [
        call.at_s for call in api.calls[since:] if call.method == "PATCH" and call.client_no == client_no
    ]
    for at_s in times:
        if (n := sum(at_s - 60 + 1e-3 < sent_s <= at_s for sent_s in shared)) > cap:
            raise DefectError("over_the_cap", f"{n} writes of several processes in a minute")


def check_requests(record: RunRecord, api: ModelApi, *, client_no: int, since: int) -> None:
    """A run sends its plan and, of what is refused as a whole, halves of halves, each in so many tries."""
    keys = {key for key, asked in api.asked_by_key.items() if asked is record.asked}
    calls = [call for call in api.calls if call.key in keys]
    is_cut = isinstance(record.plan, Undo) or any(call.status in _CUT for call in calls)
    n_cells = sum(target.n_cells for target in record.plan.targets)
    most = 2 * n_cells - record.plan.n_requests if is_cut else record.plan.n_requests
    if len(keys) > most:
        raise DefectError("too_many", f"{len(keys)} requests, where {most} are enough")
    now = [call for call in api.calls[since:] if call.client_no == client_no and call.key in keys]
    tries = Counter(call.key for call in now if call.status != _RATE_LIMITED)
    if tries and (most_tries := max(tries.values())) > MAX_ATTEMPTS:
        raise DefectError("too_many", f"{most_tries} tries of one request")


def check_noted_sends(record: RunRecord, api: ModelApi, *, journal: Path) -> None:
    """Whatever became of a process, its journal calls nothing unsent that the API has carried out.

    A copy of a journal does not know what the machine that it came from has sent since.
    """
    if any(record.asked is table for table in api.copied_tables):
        return
    written = {write.key for write in api.history if write.key}
    with read_journal(journal) as book:
        runs = book.runs()
        for run_id in runs.loc[runs["plan_id"] == record.plan.plan_id, "run_id"]:
            for request in book.requests(run_id):
                if request.state.is_untouched and request.key in written:
                    raise DefectError(
                        "unnoted_send", f"{request.state}, and it is carried out: {request.target}"
                    )


def check_approved(record: RunRecord, api: ModelApi, *, is_approved: bool) -> None:
    """Nothing leaves of a plan that is to be approved and was not, as it is, by somebody else."""
    if not is_approved and (n := count_keys(api, record.asked)):
        raise DefectError("unapproved", f"{n} requests left")


def find_shown(record: RunRecord, api: ModelApi) -> set[Cell]:
    """Return the cells that a run alone has written, all at once, and that the menus show so."""
    assert record.result is not None
    alone = _find_alone(record, api)
    return {
        cell
        for cell, flag in record.table
        if cell in alone
        and len(api.writes[cell]) == 1
        and api.writes[cell][0].was is not flag
        and api.shown(cell) is flag
    }


def check_spared(
    undo: RunRecord, changed: Iterable[Cell], api: ModelApi, *, since: int, since_call: int
) -> None:
    """An undo that could read all menus has written nothing that these show to be changed by others."""
    if any(call.accident for call in api.calls[since_call:] if call.method == "GET"):
        return
    for write in api.history[since:]:
        if write.cell in changed and api.asked_by_key.get(write.key or "") is undo.asked:
            raise DefectError("overwritten", f"{write.cell} was changed by others, and all menus show it")
