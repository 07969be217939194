"""What the guards of a run must have held: no flood, no write after a stop, none before its canary."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import pandas as pd

import klikit_frames as kf
from klikit_frames.auditing.undo import Undo

from .model_api import Cell, ModelApi
from .oracle import DefectError, cell_of, rows_of
from .world_parts import RunRecord

# Twenty are refused one by one, and the first requests are halved on the way.
MOST_REFUSED = 60
_UNNOTED = "before the run is not known"
_BAD = ("rejected", "failed", "unknown")


def count_keys(api: ModelApi, asked: Mapping[Cell, Set[bool]]) -> int:
    """Return how many requests have been sent for one table."""
    return sum(each is asked for each in api.asked_by_key.values())


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
    changed = {cell for cell in alone if any(one.was is not one.is_enabled for one in api.writes[cell])}
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
    asked = {cell for each in api.asked_by_key.values() if each is not record.asked for cell in each}
    frame = record.result.frame
    applied = map(cell_of, rows_of(frame[frame["outcome"] == "applied"]))
    return {cell for cell in applied if not asked & {cell, (cell[0], cell[1], "business", None, None)}}
