"""One tick: runs of ticks that died are gone on with, then what is due is decided, noted and sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from ..errors import JournalError
from ..frames.cell_keys import live_flags
from ..menus.readings import is_of_no_store
from ..model import Cell, Outcome, cell_of
from ..planning.plan import Plan, parse_plan
from ..planning.planner import plan
from ..progress import Progress
from ..running import locks
from ..running.before_images import was_changed
from ..running.journal import Journal, JournalPath, open_journal, read_journal
from ..running.journal_notes import Promise
from ..running.lifecycle import EndReason, PromiseStatus
from ..running.live_state import Observation, observe
from ..running.publishes import publish_rest
from ..running.results import Result, recorded_result
from .agendas import hold_agenda
from .tick_decisions import (
    START,
    CellDecision,
    CellLook,
    RowEnd,
    Step,
    action_of,
    decide,
    find_stale,
    row_ends,
    settle_end,
    settle_holders,
    settle_start,
)

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.notifications import OnFinish

Send = Callable[..., Result]
_CELL = [*Cell._fields]
TOGGLE = ["entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled"]
ELSEWHERE = "Another tick, or a person, is at promises of this business just now; they are left to it."
_CASCADE = ["cascade_to_modifier_groups", "cascade_brand_ids"]
_UNREAD = "the menu of its store could not be read; nothing was sent"


@dataclass(slots=True)
class KeptPromises:
    """What a tick has done so far: the last step of each promise, the runs, and what is to be said."""

    steps: dict[str, Step] = field(default_factory=dict)
    run_ids: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    is_interrupted: bool = False

    def add(self, steps: Iterable[Step]) -> None:
        """Take in steps; of a promise the last one counts."""
        self.steps |= {step.promise.promise_id: step for step in steps}


@dataclass(slots=True)
class TickRun:
    """One tick, under the lock of its business."""

    client: Client
    journal: JournalPath
    now: datetime
    progress: Progress
    on_finish: OnFinish
    send: Send
    kept: KeptPromises

    def keep(self) -> None:
        """Go on with what ticks that died left over, then do what is due."""
        with read_journal(self.journal) as journal:
            due = journal.due_promises(self.client.account, now=self.now)
        if due:
            self.settle_left_over([promise for promise in due if promise.plan_id])
            self.keep_due()
            self.publish_rest()

    def settle_left_over(self, left: list[Promise]) -> None:
        """Go on with the runs of ticks that died, and note what became of them."""
        by_plan: dict[str, list[Promise]] = {}
        for promise in left:
            by_plan.setdefault(str(promise.plan_id), []).append(promise)
        for plan_id, promises in by_plan.items():
            self._settle_plan(plan_id, promises)

    def keep_due(self) -> None:
        """Decide what every cell gets, note it, and send it."""
        with read_journal(self.journal) as journal:
            due = self._due(journal)
            active = journal.active_promises(self.client.account)
            since = _first_run(journal, self.client, due)
        if not due or self.kept.is_interrupted:
            return
        looks = self._look(due, active, since=since)
        # Promises may have been cancelled or extended while the menus were read.
        with hold_agenda(self.journal) as journal:
            due = [promise for promise in self._due(journal) if promise.cell in looks]
            active = journal.active_promises(self.client.account)
            plans = self._note(_decide_all(due, active, looks, now=self.now), looks.state, journal)
        for made, publish in plans:
            self._send(made, publish=publish)

    def publish_rest(self) -> None:
        """Publish what earlier ticks have written and did not get published."""
        with read_journal(self.journal) as journal:
            due = journal.due_promises(self.client.account, now=self.now)
        owed = {promise.unpublished_run_id for promise in due} - {None, *self.kept.run_ids}
        for run_id in sorted(map(str, owed)):
            if self.kept.is_interrupted:
                return
            with open_journal(self.journal) as journal:
                try:
                    is_done = publish_rest(self.client, journal, journal.run(run_id))
                except KeyboardInterrupt:
                    # What the tick has sent is still returned; the next tick publishes again.
                    self.kept.is_interrupted, is_done = True, False
            if is_done:
                self._forget_owed(run_id)

    def _forget_owed(self, run_id: str) -> None:
        with hold_agenda(self.journal) as journal:
            due = journal.due_promises(self.client.account, now=self.now)
            done = [promise for promise in due if promise.unpublished_run_id == run_id]
            journal.update_promises(replace(promise, unpublished_run_id=None) for promise in done)

    def _due(self, journal: Journal) -> list[Promise]:
        """Return what is due and what no tick is at."""
        due = journal.due_promises(self.client.account, now=self.now)
        return [
            promise
            for promise in due
            if promise.status.is_open
            and promise.next_at
            and promise.next_at <= self.now
            and not promise.plan_id
        ]

    def _look(self, due: list[Promise], active: list[Promise], *, since: str | None) -> _Looks:
        """Read the menus of what is due."""
        cells = {promise.cell for promise in due}
        seen = observe(
            self.client,
            stores=sorted({cell.store for cell in cells if cell.store is not None}),
            with_business=any(cell.store is None for cell in cells),
            journal=self.journal,
            since=since,
            progress=False,
        )
        if "journal_error" in seen.state.attrs:
            raise JournalError(seen.state.attrs["journal_error"])
        runs = {promise.cell: set[str]() for promise in due}
        for promise in active:
            if promise.cell in runs and promise.start_run_id:
                runs[promise.cell].add(promise.start_run_id)
        return _Looks(seen, runs)

    def _note(
        self, decisions: list[CellDecision], state: pd.DataFrame, journal: Journal
    ) -> list[tuple[Plan, bool]]:
        """Note what is done for each promise, in one commit, and return the plans to send."""
        self.kept.add(step for decision in decisions for step in decision.steps)
        marked = [step.promise for decision in decisions for step in decision.steps if step.end is not None]
        plans = []
        for publish in (False, True):
            sent = [
                decision
                for decision in decisions
                if decision.is_enabled is not None and _publishes(decision) is publish
            ]
            if not sent:
                continue
            made = plan(_rows(sent), state=state, progress=self.progress)
            plans.append((made, publish))
            steps = [step for decision in sent for step in decision.steps if step.end is None]
            marked += [replace(step.promise, plan_id=made.plan_id, action=step.action) for step in steps]
        journal.update_promises(marked)
        return plans

    def _send(self, made: Plan, *, publish: bool) -> None:
        if self.kept.is_interrupted:
            return
        result = self.send(
            made,
            self.client,
            journal=self.journal,
            progress=self.progress,
            confirm=made.confirm_code(self.client),
            before="plan",
            publish=publish,
            on_finish=self.on_finish,
        )
        self._take_in_sent(made.plan_id, result)

    def _settle_plan(self, plan_id: str, promises: list[Promise]) -> None:
        """Go on with a run that a tick died at; one that ended, or that nobody wants now, is taken as is."""
        with read_journal(self.journal) as journal:
            begun = journal.run_of_plan(plan_id)
            if locks.is_locked(journal.lock_path(plan_id)):
                self.kept.notes.append(ELSEWHERE)
                return
            made = parse_plan(journal.plan_body(begun.run_id)) if begun else None
            has_ended = begun is not None and begun.status != EndReason.RUNNING
            is_stale = made is not None and find_stale(promises, _sent_rows(made), now=self.now)
            result = recorded_result(journal, begun.run_id) if begun and (has_ended or is_stale) else None
        if begun is None or made is None:
            with hold_agenda(self.journal) as journal:
                journal.update_promises(replace(promise, plan_id=None, action=None) for promise in promises)
            return
        if result is not None:
            self.take_in(plan_id, result)
            return
        self._take_in_sent(
            plan_id, self.send(made, self.client, journal=self.journal, progress=self.progress)
        )

    def _take_in_sent(self, plan_id: str, result: Result) -> None:
        """Record how the promises of this tick's run stand; a resume may still send what it left."""
        self.kept.run_ids.append(result.run_id)
        self.kept.is_interrupted |= result.is_interrupted
        self.take_in(plan_id, result, may_be_resumed=True)

    def take_in(self, plan_id: str, result: Result, *, may_be_resumed: bool = False) -> None:
        """Note how the promises of a run stand now."""
        ends = row_ends(result)
        owed = result.run_id if result.n_unpublished else None
        with hold_agenda(self.journal) as journal:
            due = journal.due_promises(self.client.account, now=self.now)
            under_way = [promise for promise in due if promise.plan_id == plan_id]
            steps = [
                self._step(promise, ends[promise.cell], run_id=result.run_id, may_be_resumed=may_be_resumed)
                for promise in under_way
            ]
            if owed:
                steps = [
                    replace(step, promise=replace(step.promise, unpublished_run_id=owed)) for step in steps
                ]
            settled = [step.promise for step in steps]
            started = [step.promise for step in steps if step.action == START]
            others = settle_holders(started, journal.active_promises(self.client.account), now=self.now)
            settled_ids = {promise.promise_id for promise in settled}
            journal.update_promises(
                [*settled, *(promise for promise in others if promise.promise_id not in settled_ids)]
            )
        self.kept.add(steps)

    def _step(self, promise: Promise, end: RowEnd, *, run_id: str, may_be_resumed: bool) -> Step:
        action = promise.action or action_of(promise)
        if action == START:
            settled = settle_start(promise, end, run_id=run_id, now=self.now, may_be_resumed=may_be_resumed)
        else:
            settled = settle_end(promise, end, run_id=run_id, now=self.now)
        return Step(settled, action, end)


class _Looks:
    """What is seen of the cells that are due."""

    def __init__(self, seen: Observation, run_ids: Mapping[Cell, set[str]]) -> None:
        state = seen.state
        self.state = state
        self._history = seen.history
        self._run_ids = run_ids
        rows = zip(*(state[name].tolist() for name in _CELL), strict=True)
        flags = zip(live_flags(state).tolist(), state["is_enabled"].astype("boolean").tolist(), strict=True)
        self._flags = {
            cell: pair for row, pair in zip(rows, flags, strict=True) if (cell := cell_of(*row)) in run_ids
        }
        lost = [failure for failure in state.attrs["failures"] if not is_of_no_store(failure)]
        self._lost = {
            (failure.brand_id, failure.branch_id) if failure.brand_id is not None else None
            for failure in lost
        }

    def __contains__(self, cell: object) -> bool:
        return cell in self._run_ids

    def look(self, cell: Cell) -> CellLook:
        """Return what is seen of one cell."""
        live, shown = (_flag(flag) for flag in self._flags.get(cell, (None, None)))
        changed = was_changed(self._history, cell, shown=shown, run_ids=self._run_ids[cell])
        return CellLook(live, shown, was_changed=changed, is_read=cell.store not in self._lost)


def _decide_all(
    due: list[Promise], active: list[Promise], looks: _Looks, *, now: datetime
) -> list[CellDecision]:
    by_cell: dict[Cell, list[Promise]] = {}
    for promise in due:
        by_cell.setdefault(promise.cell, []).append(promise)
    holders: dict[Cell, list[Promise]] = {}
    for promise in active:
        holders.setdefault(promise.cell, []).append(promise)
    decisions = []
    for cell, promises in by_cell.items():
        look = looks.look(cell)
        if look.is_read:
            decisions.append(decide(promises, holders.get(cell, []), look, now=now))
        else:
            end = RowEnd(Outcome.NOT_SENT, message=_UNREAD)
            steps = [Step(replace(promise, note=_UNREAD), action_of(promise), end) for promise in promises]
            decisions.append(CellDecision(cell, steps))
    return decisions


def _publishes(decision: CellDecision) -> bool:
    return any(step.promise.publish for step in decision.steps if step.end is None)


def _rows(decisions: list[CellDecision]) -> pd.DataFrame:
    """Return the toggles of the cells that get a flag."""
    rows = []
    for decision in decisions:
        scope = "business" if decision.cell.store is None else "store"
        is_wide = any(not promise.cascade_brand_ids for promise in decision.cascades)
        brands = {brand for promise in decision.cascades for brand in promise.cascade_brand_ids}
        brand_ids = () if is_wide else sorted(brands)
        cell = (
            decision.cell.entity_type,
            decision.cell.entity_id,
            scope,
            decision.cell.brand_id,
            decision.cell.branch_id,
        )
        rows.append((*cell, decision.is_enabled, bool(decision.cascades), tuple(brand_ids)))
    frame = pd.DataFrame(rows, columns=[*TOGGLE, *_CASCADE])
    return frame.astype({"brand_id": "Int64", "branch_id": "Int64"})


def _sent_rows(made: Plan) -> dict[Cell, bool]:
    """Return the flags that a plan sends, by cell."""
    rows = made.rows
    sent = rows[rows["request_no"].notna()]
    cells = (cell_of(*row) for row in sent[_CELL].itertuples(index=False, name=None))
    return dict(zip(cells, sent["is_enabled"].tolist(), strict=True))


def _first_run(journal: Journal, client: Client, due: Iterable[Promise]) -> str | None:
    """Return the earliest of the runs that carried what is due."""
    run_ids = {promise.start_run_id for promise in due if promise.status is PromiseStatus.ACTIVE} - {None}
    if not run_ids:
        return None
    ordered = (run.run_id for run in journal.runs_of(client.account, host=client.host))
    return next((run_id for run_id in ordered if run_id in run_ids), None)


def _flag(value: object) -> bool | None:
    return bool(value) if value is True or value is False else None
