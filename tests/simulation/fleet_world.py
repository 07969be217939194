"""One analyst, two businesses: plans for both, sent at once, each with its own key and journal."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from unittest.mock import patch

import pandas as pd

import klikit_frames as kf
from klikit_frames.fleet import business_tasks

from . import oracle
from .accidents import Lifeline, commits_of
from .model_api import ModelApi
from .promise_world import PromiseWorld
from .world_parts import RunRecord, draw_switches, nonzero, to_toggles

P = ParamSpec("P")
T = TypeVar("T")

OTHER = "other_business"


class InlineExecutor(Executor):
    """Does each task where it is handed in."""

    def submit(self, work: Callable[P, T], /, *given: P.args, **options: P.kwargs) -> Future[T]:
        """Return a future that is done."""
        future: Future[T] = Future()
        future.set_result(work(*given, **options))
        return future


class FleetWorld(PromiseWorld):
    """A world with another business beside the first; the ids are the same, and nothing else is shared."""

    def __init__(self, seed: int, folder: Path, **options: Any) -> None:
        super().__init__(seed, folder, **options)
        self._other_api = ModelApi(self._clock, draw_switches(random.Random(f"{seed}:{OTHER}")))

    def _fleet(self) -> None:
        """Plan for both businesses and send it, and once more where something was left."""
        apis = {self._journal.stem: self._api, OTHER: self._other_api}
        tables = {business: to_toggles(self._draw_wanted(6)) for business in apis}
        together = pd.concat(
            [table.assign(business=name) for name, table in tables.items()], ignore_index=True
        )
        limits = kf.Limits(max_ids=self._rng.choice([1, 500]), max_stores=self._rng.choice([1, 500]))
        plans = kf.fleet.plan(together, limits=limits, progress=False)
        records = {business: RunRecord(plan) for business, plan in plans.items()}
        self._runs.append(records[self._journal.stem])
        for said in ("run a fleet", "run it again"):
            self._run_fleet(records, apis, said)
            if all(
                record.result is not None and record.result.resume_hint is None for record in records.values()
            ):
                return

    def _run_fleet(self, records: Mapping[str, RunRecord], apis: Mapping[str, ModelApi], said: str) -> None:
        since = {business: len(api.history) for business, api in apis.items()}
        self._asked = records[self._journal.stem].asked
        lifeline = self._draw_life()

        def connect(business: str, caps: Mapping[str, int]) -> kf.Client:
            return self._connect(
                lifeline,
                has_accidents=True,
                cap=caps["writes_per_minute"],
                api=apis[business],
                name="simulated" if business != OTHER else OTHER,
            )

        plans = {business: record.plan for business, record in records.items()}
        with commits_of(lifeline), patch.object(business_tasks, "connect_business", connect):
            fleet_result = kf.fleet.run(
                plans, journal_folder=self.folder, executor=InlineExecutor(), progress=False
            )
        self.counts.n_runs += len(plans)
        self._note(f"{said}: {'killed' if lifeline.is_cut else nonzero(fleet_result.counts)}")
        for business, record in records.items():
            self._judge_business(record, apis[business], fleet_result.results[business], lifeline)
            oracle.check_writes(apis[business], since=since[business], asked=record.asked)

    def _judge_business(
        self, record: RunRecord, api: ModelApi, result: kf.Result, lifeline: Lifeline
    ) -> None:
        if lifeline.is_cut:
            return
        self.counts.n_rows += oracle.check_rows(result, record.table, api)
        self.counts.outcomes.update(nonzero(result.counts))
        if result.run_id:
            record.result = result
