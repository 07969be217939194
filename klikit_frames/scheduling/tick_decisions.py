"""What a tick does: which promises are due, what each cell gets, and how they stand afterwards. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from ..model import Cell, Outcome, cell_of
from ..running.journal_notes import Promise
from ..running.lifecycle import PromiseStatus

if TYPE_CHECKING:
    from ..running.results import Result

START, END = "start", "end"
_DONE = (Outcome.APPLIED, Outcome.UNCHANGED)

MISSED = "missed: its end had passed before any tick could start it; nothing was sent"
UNKNOWN_BEFORE = (
    "its flag from before is not known, so nothing was given back: switch it yourself, then cancel it"
)
_HANDED_OVER = "another promise still holds the cell and gives the flag back"
_FOR_GOOD = "another promise holds the cell for good"
_SAME_AS_BEFORE = "it had this flag before, so nothing was sent"


class CellLook(NamedTuple):
    """What is seen of a cell: its live flag, what its menu shows, whether others are seen to have changed it.

    `is_read` is whether its menu could be read.
    """

    live: bool | None = None
    shown: bool | None = None
    was_changed: bool = False
    is_read: bool = True


class RowEnd(NamedTuple):
    """What became of the row that carried a cell."""

    outcome: Outcome
    code: str | None = None
    request_id: str | None = None
    message: str | None = None
    is_enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One due promise: how it stands now, and what its row of the tick's frame says.

    `end` is None while the step depends on a row that is to be sent.
    """

    promise: Promise
    action: str
    end: RowEnd | None = None


@dataclass(frozen=True, slots=True)
class CellDecision:
    """What one cell gets in a tick: one flag at the most, and the steps of its promises."""

    cell: Cell
    steps: list[Step]
    is_enabled: bool | None = None
    cascades: tuple[Promise, ...] = ()


def action_of(promise: Promise) -> str:
    """Return what is due for a promise."""
    return START if promise.status is PromiseStatus.WAITING else END


def decide(
    due: Iterable[Promise], active: Iterable[Promise], look: CellLook, *, now: datetime
) -> CellDecision:
    """Return what a cell gets.

    What is due is gone through in the order of due times; only the last flag is sent.

    Parameters
    ----------
    due : iterable of Promise
        Those of one cell that are due, at least one.
    active : iterable of Promise
        Those of the cell that hold it, due or not.
    look : CellLook
        What is seen of the cell.
    now : datetime
        The present.
    """
    walk, ordered = _Walk(active, look, now), sorted(due, key=_due_order)
    for promise in ordered:
        if action_of(promise) == START:
            walk.start(promise)
        else:
            walk.finish(promise)
    return walk.decision(ordered[0].cell)


class _Walk:
    """The events of one cell, one after the other."""

    def __init__(self, active: Iterable[Promise], look: CellLook, now: datetime) -> None:
        self._holders = {promise.promise_id: promise for promise in active}
        self._look = look
        self._now = now
        self._flag = look.live
        self._steps: dict[str, Step] = {}
        self._started: list[Promise] = []
        self._gives_back = False

    def start(self, promise: Promise) -> None:
        """Let a promise hold the cell; the flag from before is that of the promise that holds it already."""
        if promise.ends_at is not None and promise.ends_at <= self._now:
            failed = close(promise, PromiseStatus.FAILED, note=MISSED, now=self._now)
            self._settle(failed, START, RowEnd(Outcome.NOT_SENT))
            return
        holder = next(iter(self._holders.values()), None)
        begun = replace(promise, before=self._flag if holder is None else holder.before)
        self._holders[promise.promise_id] = begun
        self._flag = promise.is_enabled
        self._started.append(begun)
        self._steps[promise.promise_id] = Step(begun, START)

    def finish(self, promise: Promise) -> None:
        """Let a promise go, and give back the flag from before if nobody else holds the cell."""
        promise = self._holders.pop(promise.promise_id, promise)
        if self._holders:
            self._settle(self._done(promise, _HANDED_OVER), END, _NOTHING)
        elif self._look.was_changed and not self._started:
            shown = "on" if self._look.shown else "off"
            note = f"kept: the menu shows {shown}, changed since it was switched"
            self._settle(close(promise, PromiseStatus.KEPT, note=note, now=self._now), END, _NOTHING)
            self._flag = self._look.live
        elif promise.before is None:
            self._settle(replace(promise, note=UNKNOWN_BEFORE), END, RowEnd(Outcome.NOT_SENT))
            self._flag = None
        elif promise.before is promise.is_enabled:
            self._settle(self._done(promise, _SAME_AS_BEFORE), END, _NOTHING)
        else:
            self._flag = promise.before
            self._gives_back = True
            self._steps[promise.promise_id] = Step(promise, END)

    def decision(self, cell: Cell) -> CellDecision:
        """Return what the tick does with the cell."""
        is_sent = self._gives_back or bool(self._started)
        cascades = tuple(promise for promise in self._started if promise.cascade_to_modifier_groups)
        return CellDecision(cell, [*self._steps.values()], self._flag if is_sent else None, cascades)

    def _settle(self, promise: Promise, action: str, end: RowEnd) -> None:
        self._steps[promise.promise_id] = Step(promise, action, end)

    def _done(self, promise: Promise, note: str) -> Promise:
        return close(promise, PromiseStatus.DONE, note=note, now=self._now)


_NOTHING = RowEnd(Outcome.UNCHANGED, code="already_set")


def guests_note(cell: Cell, *, publish: bool) -> str | None:
    """Return a promise's note on when guests see it; None where its store is published."""
    if cell.store is None:
        return "guests of a store see it once its menu is synced or published"
    return None if publish else "guests see it at the next publish"


def settle_start(
    promise: Promise, end: RowEnd, *, run_id: str, now: datetime, may_be_resumed: bool = False
) -> Promise:
    """Return a promise after the row of its start has ended.

    While a person may resume the run and so send the row after all, a promise that has not begun stays with
    the run: the next tick asks what became of it, and does not take the flag that it wrote for an older one.
    """
    at_run, promise = promise, _left(promise)
    if end.outcome is Outcome.REJECTED:
        return close(promise, PromiseStatus.FAILED, note=_said(end), now=now)
    if end.outcome in _DONE and promise.ends_at is None:
        done = replace(promise, start_run_id=run_id)
        note = guests_note(promise.cell, publish=promise.publish)
        return close(done, PromiseStatus.DONE, note=note, now=now)
    is_begun = end.outcome in _DONE or (end.outcome is Outcome.UNKNOWN and promise.ends_at is not None)
    if not is_begun:
        return replace(at_run if may_be_resumed else promise, note=_said(end))
    return replace(
        promise,
        status=PromiseStatus.ACTIVE,
        next_at=promise.ends_at,
        start_run_id=run_id,
        note=guests_note(promise.cell, publish=promise.publish) if end.outcome in _DONE else _said(end),
    )


def settle_end(promise: Promise, end: RowEnd, *, run_id: str, now: datetime) -> Promise:
    """Return a promise after the row that gives its flag back, or a next promise's, has ended."""
    promise = replace(_left(promise), end_run_id=run_id)
    is_followed = end.is_enabled is not promise.before
    if end.outcome in _DONE or (is_followed and end.outcome is Outcome.UNKNOWN):
        note = guests_note(promise.cell, publish=promise.publish)
        return close(promise, PromiseStatus.DONE, note=note, now=now)
    return replace(promise, note=_said(end))


def settle_holders(started: Iterable[Promise], active: Iterable[Promise], *, now: datetime) -> list[Promise]:
    """Return the other holders of the cells of promises that have begun, as they stand now.

    Where one holds its cell for good, the others give nothing back; else what was written last is its write.
    """
    begun: dict[Cell, Promise] = {promise.cell: promise for promise in started if promise.start_run_id}
    begun_ids = {promise.promise_id for promise in begun.values()}
    changed = []
    for holder in active:
        newest = begun.get(holder.cell)
        if newest is None or holder.promise_id in begun_ids:
            continue
        if newest.ends_at is None:
            changed.append(close(holder, PromiseStatus.DONE, note=_FOR_GOOD, now=now))
        elif holder.start_run_id != newest.start_run_id:
            changed.append(replace(holder, start_run_id=newest.start_run_id))
    return changed


def close(promise: Promise, status: PromiseStatus, *, note: str | None, now: datetime) -> Promise:
    """Return a promise for which nothing is left to be done."""
    return replace(_left(promise), status=status, note=note, next_at=None, closed_at=now)


def find_stale(under_way: Iterable[Promise], rows: Mapping[Cell, bool], *, now: datetime) -> bool:
    """Tell whether the rows of a tick that died are no longer all wanted.

    Parameters
    ----------
    under_way : iterable of Promise
        Those that the tick was at and that still stand.
    rows : mapping
        The flag that its plan writes, by cell.
    now : datetime
        The present.
    """
    wanted = set()
    for promise in under_way:
        if promise.action == START and promise.ends_at is not None and promise.ends_at <= now:
            return True
        wanted.add(promise.cell)
    return not rows.keys() <= wanted


def _left(promise: Promise) -> Promise:
    return replace(promise, plan_id=None, action=None)


def _said(end: RowEnd) -> str:
    text = ": ".join(part for part in (end.code, end.message) if part)
    return f"{end.outcome.value.replace('_', ' ')}: {text}" if text else end.outcome.value.replace("_", " ")


def _due_order(promise: Promise) -> tuple[datetime, bool]:
    """Order by due time; at one time what ends does so before what begins."""
    return promise.next_at or promise.starts_at, action_of(promise) == START


def row_ends(result: Result) -> dict[Cell, RowEnd]:
    """Return how the row of each cell of a run ended."""
    columns = [*Cell._fields, "outcome", "code", "request_id", "message", "is_enabled"]
    ends = {}
    for row in result.frame[columns].itertuples(index=False, name=None):
        *cell, outcome, code, request_id, message, is_enabled = row
        ends[cell_of(*cell)] = RowEnd(
            Outcome(outcome),
            code=_text(code),
            request_id=_text(request_id),
            message=_text(message),
            is_enabled=bool(is_enabled),
        )
    return ends


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
