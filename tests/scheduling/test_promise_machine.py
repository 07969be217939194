"""Promises against a model: whatever happens in between, after a tick each cell holds what they say.

The model walks through the due times one by one, as a clerk would who is never late; only what others have
visibly changed is left alone. ``MAX_EXAMPLES=200 python -m pytest tests/scheduling/test_promise_machine.py``
tells more stories.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import klikit_frames as kf
from tests.api.scripts import FakeClock
from tests.scheduling.conftest import CELL

STORES = [(5297, 1293), (5297, 1294)]
MAX_EXAMPLES = int(os.environ.get("MAX_EXAMPLES", "6"))
HOURS = st.integers(0, 4)


@dataclass
class Held:
    """A promise as the model knows it; hours are counted from the start."""

    promise_id: str
    cell: int
    flag: bool
    start: float
    end: float
    status: str = "waiting"
    before: bool | None = None


class _PowerCut(BaseException):
    """The end of a process, in one that goes on."""


def _cut(*_: object, **__: object) -> None:
    raise _PowerCut


class PromiseMachine(RuleBasedStateMachine):
    """Schedules, ticks, power cuts, jumps of the clock, edits by others, publishes and cancels."""

    sandbox: kf.sandbox.Sandbox

    @initialize(menus=st.sampled_from(["stale", "live"]))
    def begin(self, menus: str) -> None:
        """Take a sandbox as new, four cells, and a journal."""
        self.sandbox.reset()
        self.sandbox.set(store_read=menus)
        state = self.sandbox.state()
        is_dish = state["entity_type"].eq("item") & state["scope"].eq("store")
        dishes = state[is_dish & pd.MultiIndex.from_frame(state[CELL[3:]]).isin(STORES)]
        shared = dishes.groupby("entity_id").filter(lambda rows: len(rows) == 2)
        self.cells = shared[shared["entity_id"].isin(shared["entity_id"].unique()[:2])][CELL].reset_index(
            drop=True
        )
        self.live = self._flags(published=False)
        self.promises: list[Held] = []
        self.now = 0.0
        self.folder = tempfile.TemporaryDirectory()
        self.journal = Path(self.folder.name) / "journal.sqlite3"
        self.client = self.sandbox.connect(clock=FakeClock(), writes_per_minute=1_000_000)
        self.zero = pd.Timestamp.now(tz="UTC").ceil("s") + pd.Timedelta("10min")

    def teardown(self) -> None:
        """Put everything away."""
        if hasattr(self, "client"):
            self.client.close()
            self.folder.cleanup()

    @rule(
        cells=st.sets(st.integers(0, 3), min_size=1),
        flag=st.booleans(),
        start=HOURS,
        length=st.integers(1, 3),
    )
    def schedule(self, cells: set[int], flag: bool, start: int, length: int) -> None:
        """Promise some cells; one that clashes is refused, and then nothing is noted."""
        begin, end = self.now + start + 0.5, self.now + start + length + 0.5
        times = {"starts_at": self._time(begin), "ends_at": self._time(end)}
        rows = self.cells.iloc[sorted(cells)].assign(is_enabled=flag, **times)
        standing = [promise for promise in self.promises if promise.status in {"waiting", "active"}]
        clashes = any(
            promise.cell in cells and promise.flag is not flag and promise.start < end and begin < promise.end
            for promise in standing
        )
        if clashes:
            with pytest.raises(kf.InvalidToggles):
                kf.schedule(rows, self.client, journal=self.journal)
            return
        known_ids = {promise.promise_id for promise in self.promises}
        noted = kf.schedule(rows, self.client, journal=self.journal)
        for cell, promise_id in zip(sorted(cells), noted["promise_id"], strict=True):
            if promise_id not in known_ids:
                self.promises.append(Held(promise_id, cell, flag, begin, end))

    @rule(hours=st.integers(1, 3))
    def let_time_pass(self, hours: int) -> None:
        """Move the clock on."""
        self.now += hours

    @rule(cell=st.integers(0, 3), flag=st.booleans())
    def edit_visibly(self, cell: int, flag: bool) -> None:
        """Let a manager switch a dish in klikit's own app, and publish its store."""
        row = self.cells.iloc[cell]
        store = (int(row["brand_id"]), int(row["branch_id"]))
        self.sandbox.edit("item", [int(row["entity_id"])], stores=[store], is_enabled=flag)
        self.sandbox.publish([store])
        self.live[cell] = flag

    @rule()
    def publish(self) -> None:
        """Publish all stores as this machine does."""
        kf.publish(STORES, self.client, journal=self.journal)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Cancel one that stands: its cell stays as it is."""
        standing = [promise for promise in self.promises if promise.status in {"waiting", "active"}]
        if standing:
            promise = data.draw(st.sampled_from(standing))
            kf.cancel_promises(promise.promise_id, journal=self.journal)
            promise.status = "cancelled"

    @rule(where=st.sampled_from(["", "ticks.run", "tick_runs.TickRun.take_in"]))
    def tick(self, where: str) -> None:
        """Tick, perhaps after one that was cut off; then the cells hold what the model says."""
        if where:
            try:
                with patch(f"klikit_frames.scheduling.{where}", _cut):
                    self._tick()
            except _PowerCut:
                pass
        self._tick()
        for cell in range(4):
            self._walk(cell)
        assert self._flags(published=False) == self.live
        statuses = kf.agenda(journal=self.journal, now=self._time(self.now)).set_index("promise_id")["status"]
        finished = {"kept": "done"}
        assert {name: finished.get(status, status) for name, status in statuses.items()} == {
            promise.promise_id: promise.status for promise in self.promises
        }

    @invariant()
    def keeps_nothing_between_ticks(self) -> None:
        """Between two ticks nothing is written but by others."""
        if hasattr(self, "cells"):
            assert self._flags(published=False) == self.live

    def _walk(self, cell: int) -> None:
        """Let the model's clerk keep what is due for one cell."""
        of_cell = [promise for promise in self.promises if promise.cell == cell]
        events = [(promise.start, 1, n) for n, promise in enumerate(of_cell) if promise.status == "waiting"]
        events += [(promise.end, 0, n) for n, promise in enumerate(of_cell) if promise.status == "active"]
        for _, _, n in sorted(event for event in events if event[0] <= self.now):
            promise = of_cell[n]
            holders = [other for other in of_cell if other.status == "active" and other is not promise]
            if promise.status == "waiting" and promise.end <= self.now:
                promise.status = "failed"
            elif promise.status == "waiting":
                promise.before = holders[0].before if holders else self.live[cell]
                promise.status, self.live[cell] = "active", promise.flag
            else:
                promise.status = "done"
                if not holders and promise.before is not None:
                    self.live[cell] = promise.before if self.live[cell] is promise.flag else self.live[cell]

    def _tick(self) -> None:
        kf.tick(self.client, journal=self.journal, now=self._time(self.now).to_pydatetime(), progress=False)

    def _time(self, hours: float) -> pd.Timestamp:
        return self.zero + pd.Timedelta(hours=hours)

    def _flags(self, *, published: bool) -> list[bool]:
        state = self.sandbox.state(published=published).set_index(CELL)["is_enabled"]
        return [bool(state.loc[key]) for key in self.cells.itertuples(index=False, name=None)]


def test_promises__hold_what_the_model_says(shared_sandbox: kf.sandbox.Sandbox) -> None:
    """For any story of schedules, cuts, edits and cancels the cells are as promised after each tick."""

    class Machine(PromiseMachine):
        sandbox = shared_sandbox

    quick = settings(
        max_examples=MAX_EXAMPLES,
        stateful_step_count=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Machine, settings=quick)
