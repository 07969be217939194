"""Promises: what is scheduled, the ticks that keep it, and whether every flag came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from datetime import timedelta

import pandas as pd

import klikit_frames as kf

from . import oracle
from .accidents import Lifeline, commits_of
from .model_api import Cell
from .wired_world import WiredWorld
from .world_parts import attempt, to_toggles


class PromiseWorld(WiredWorld):
    """A world in which flags are promised for some hours."""

    def _schedule(self) -> None:
        wanted = self._draw_wanted(n=3)
        if self._rng.random() < 0.7:
            # What nobody has written yet, so that its flag surely has to come back.
            free = [cell for cell in self._api.cells() if not {*oracle.stores_of(cell)} & {*self._api.writes}]
            free = [cell for cell in free if self._is_known(cell)]
            wanted = {cell: not self._api.live(cell) for cell in self._rng.sample(free, min(3, len(free)))}
        now = pd.Timestamp(self._edge.now())
        times = [sorted(self._rng.sample(range(1, 30), 2)) for _ in wanted]
        table = to_toggles(wanted).assign(
            starts_at=[now + timedelta(hours=start) for start, _ in times],
            ends_at=[now + timedelta(hours=end) for _, end in times],
        )
        with self._connect() as client:
            outcome = attempt(lambda: kf.schedule(table, client, journal=self._journal))
        if isinstance(outcome, pd.DataFrame):
            self._promises |= {
                row["promise_id"]: (oracle.cell_of(row), bool(row["is_enabled"]))
                for row in oracle.rows_of(outcome)
            }
            self._promised |= {promise_id: cell for promise_id, (cell, _) in self._promises.items()}
            outcome = outcome["status"].value_counts().to_dict()
        self._note(f"schedule: {outcome}")

    def _tick(self) -> None:
        since, lifeline = len(self._api.history), self._draw_life()
        with (
            commits_of(lifeline),
            self._connect(lifeline, has_accidents=True, weather=self._draw_weather()) as client,
        ):
            self._tick_once(client, lifeline, since=since)

    def _tick_once(self, client: kf.Client, lifeline: Lifeline, *, since: int) -> None:
        promised: dict[Cell, Set[bool]] = {cell: {True, False} for cell, _ in self._promises.values()}
        self._asked = promised
        outcome = attempt(lambda: kf.tick(client, journal=self._journal, progress=False))
        if isinstance(outcome, pd.DataFrame):
            self.counts.n_runs += bool(len(outcome))
            outcome = outcome.groupby(["action", "status"]).size().sort_index().to_dict()
        self._note(f"tick: {'killed' if lifeline.is_cut else outcome}")
        oracle.check_writes(self._api, since=since, asked=promised)
        tables = self._api.asked_by_key
        self._ticked |= {
            write.no for write in self._api.history[since:] if tables.get(write.key or "") is promised
        }

    def _change_agenda(self) -> None:
        agenda = kf.agenda(journal=self._journal)
        open_ids = agenda.loc[agenda["status"].isin(["waiting", "active"]), "promise_id"].tolist()
        if not open_ids:
            return
        promise_id = self._rng.choice(open_ids)
        until = self._edge.now() + timedelta(hours=self._rng.choice([1, 20]))
        if self._rng.random() < 0.5:
            outcome = attempt(lambda: kf.cancel_promises([promise_id], journal=self._journal))
            self._promises.pop(promise_id, None)
        else:
            outcome = attempt(lambda: kf.extend_promises([promise_id], ends_at=until, journal=self._journal))
        if isinstance(outcome, pd.DataFrame):
            outcome = outcome["status"].tolist()
        self._note(f"change the agenda: {outcome}")

    def _end_promises(self) -> None:
        for hours in (12, 72, 1):
            self._clock.advance(hours * 3_600)
            since = len(self._api.history)
            with self._connect() as client:
                self._tick_once(client, Lifeline(), since=since)
        agenda = kf.agenda(journal=self._journal)
        # All that there ever were: what one wrote before it was cancelled is no write of the next.
        places = Counter(place for cell in self._promised.values() for place in oracle.stores_of(cell))
        for row in oracle.rows_of(agenda[agenda["promise_id"].isin([*self._promises])]):
            self.counts.n_promises += 1
            cell, _ = self._promises[row["promise_id"]]
            writes = [write for place in oracle.stores_of(cell) for write in self._api.writes.get(place, [])]
            is_alone = all(places[place] == 1 for place in oracle.stores_of(cell))
            is_alone &= all(write.no in self._ticked for write in writes)
            is_alone &= not oracle.is_hidden(cell, self._api) and cell[:2] not in self._edited
            oracle.check_promise(row, writes if is_alone else [], self._api)
