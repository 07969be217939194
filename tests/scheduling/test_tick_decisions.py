"""What a cell gets in a tick, and how its promises stand afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from klikit_frames.model import Cell, Outcome
from klikit_frames.running.journal_notes import Promise
from klikit_frames.running.lifecycle import PromiseStatus
from klikit_frames.scheduling.tick_decisions import (
    MISSED,
    CellLook,
    RowEnd,
    Step,
    decide,
    find_stale,
    settle_end,
    settle_holders,
    settle_start,
)

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
CELL = Cell("item", 5, 663, 1062)
ON, OFF = CellLook(live=True, shown=True), CellLook(live=False, shown=True)


def at(hour: float) -> datetime:
    """Return a time of the day."""
    return NOON + timedelta(hours=hour - 12)


def promise(name: str, start: float, end: float | None, *, is_enabled: bool = False, **more: Any) -> Promise:
    """Return a waiting promise."""
    made = Promise(
        promise_id=name,
        account="a",
        host="h",
        cell=CELL,
        is_enabled=is_enabled,
        starts_at=at(start),
        ends_at=None if end is None else at(end),
        noted_at=at(0),
        next_at=at(start),
    )
    return replace(made, **more)


def begun(promise: Promise, *, before: bool | None = True) -> Promise:
    """Return a promise that holds its cell."""
    return replace(
        promise, status=PromiseStatus.ACTIVE, before=before, next_at=promise.ends_at, start_run_id="run"
    )


def summarise(steps: list[Step]) -> list[tuple[str, str, str]]:
    """Return each step with how its promise stands."""
    return [(step.promise.promise_id, step.action, step.promise.status.value) for step in steps]


def test_decide__starts_what_is_due_and_notes_the_flag_from_before() -> None:
    """A start sends the promised flag, and keeps the live one to give back."""
    decision = decide([promise("a", 12, 14)], [], ON, now=at(12))
    assert decision.is_enabled is False
    assert [(step.promise.before, step.end) for step in decision.steps] == [(True, None)]


def test_decide__gives_back_the_flag_from_before() -> None:
    """An end sends the flag from before."""
    active = begun(promise("a", 12, 14))
    assert decide([active], [active], OFF, now=at(14)).is_enabled is True


@pytest.mark.parametrize(
    ("before", "look", "status"),
    [
        (True, CellLook(live=True, shown=True, was_changed=True), "kept"),
        (False, OFF, "done"),
        (None, OFF, "active"),
    ],
)
def test_decide__sends_nothing_where_there_is_nothing_to_give_back(
    before: bool | None, look: CellLook, status: str
) -> None:
    """What others changed is kept, an equal flag is done, and an unknown one stays on the agenda."""
    active = begun(promise("a", 12, 14), before=before)
    decision = decide([active], [active], look, now=at(14))
    assert (decision.is_enabled, summarise(decision.steps)) == (None, [("a", "end", status)])


def test_decide__lets_the_last_holder_give_back() -> None:
    """An overlapping promise inherits the flag from before, and the first end sends nothing."""
    first, second = begun(promise("a", 12, 14)), promise("b", 13, 15)
    started = decide([second], [first], OFF, now=at(13)).steps[0].promise
    assert started.before is True
    ended = decide([first], [first, begun(started)], OFF, now=at(14))
    assert (ended.is_enabled, summarise(ended.steps)) == (None, [("a", "end", "done")])
    assert decide([begun(started)], [begun(started)], OFF, now=at(15)).is_enabled is True


def test_decide__sends_one_flag_where_an_end_and_a_start_meet() -> None:
    """Off until two, then on: the start's flag is sent, and it gives back what the end would have."""
    first, second = begun(promise("a", 12, 14)), promise("b", 14, 16, is_enabled=True)
    decision = decide([second, first], [first], OFF, now=at(14))
    assert decision.is_enabled is True
    assert [(step.promise.promise_id, step.promise.before) for step in decision.steps] == [
        ("a", True),
        ("b", True),
    ]


def test_decide__fails_what_was_missed() -> None:
    """A start whose end has passed too sends nothing."""
    decision = decide([promise("a", 12, 14)], [], ON, now=at(15))
    assert (decision.is_enabled, summarise(decision.steps)) == (None, [("a", "start", "failed")])
    assert decision.steps[0].promise.note == MISSED


@pytest.mark.parametrize(
    ("outcome", "ends", "status"),
    [
        (Outcome.APPLIED, 14, "active"),
        (Outcome.UNCHANGED, 14, "active"),
        (Outcome.UNKNOWN, 14, "active"),
        (Outcome.REJECTED, 14, "failed"),
        (Outcome.FAILED, 14, "waiting"),
        (Outcome.NOT_SENT, 14, "waiting"),
        (Outcome.APPLIED, None, "done"),
        (Outcome.UNKNOWN, None, "waiting"),
    ],
)
def test_settle_start__follows_the_outcome(outcome: Outcome, ends: float | None, status: str) -> None:
    """What may be written is active, what is refused failed, and what was not sent is tried again."""
    starting = replace(promise("a", 12, ends), before=True, plan_id="p", action="start")
    settled = settle_start(starting, RowEnd(outcome), run_id="r", now=at(12))
    assert (settled.status, settled.plan_id) == (status, None)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_settle_end__stays_on_the_agenda_until_it_is_done(outcome: Outcome) -> None:
    """An end that is not proved is tried at the next tick."""
    active = begun(promise("a", 12, 14))
    settled = settle_end(active, RowEnd(outcome, is_enabled=True), run_id="r", now=at(14))
    is_done = outcome in {Outcome.APPLIED, Outcome.UNCHANGED}
    assert settled.status is (PromiseStatus.DONE if is_done else PromiseStatus.ACTIVE)
    assert settled.next_at == (None if is_done else at(14))


def test_settle_holders__ends_the_others_where_one_holds_for_good() -> None:
    """Off until two, then off for good: nothing is given back at two."""
    active, for_good = begun(promise("a", 12, 14)), promise("b", 13, None, start_run_id="r")
    (closed,) = settle_holders([for_good], [active], now=at(13))
    assert closed.status is PromiseStatus.DONE


def test_settle_holders__tells_the_others_of_the_last_write() -> None:
    """Who holds a cell that is written again judges by that write what others changed."""
    first, second = begun(promise("a", 12, 15)), promise("b", 13, 14, start_run_id="r2")
    (changed,) = settle_holders([second], [first], now=at(13))
    assert (changed.start_run_id, changed.status) == ("r2", PromiseStatus.ACTIVE)


def test_find_stale__spots_rows_that_are_not_wanted_any_more() -> None:
    """A start whose end has passed, or whose promise was cancelled, is not sent by going on."""
    starting = promise("a", 12, 14, action="start")
    assert not find_stale([starting], {CELL: False}, now=at(13))
    assert find_stale([starting], {CELL: False}, now=at(14))
    assert find_stale([], {CELL: False}, now=at(13))
