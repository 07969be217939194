"""One world: a business over some days, what befalls it, and an oracle after each step."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

import klikit_frames as kf
from tests.running.fault_scenarios import make_plan
from tests.running.outcome_oracle import CELL, OracleCounts, check_outcomes, to_key
from tests.running.proof_oracle import Truth, check_proofs, check_undone

from .accidents import ACCIDENTS, AccidentTransport, Lifeline, commits_of
from .model_api import STORES, ModelApi, Store, Switches
from .virtual_clock import VirtualClock

_MOST_LIVES = 4
_NOT_KNOWN = "its flag before the run is not known"


@dataclass(slots=True)
class WorldCounts:
    """What was played and judged."""

    n_worlds: int = 0
    n_runs: int = 0
    n_days: float = 0.0
    accidents: Counter[str] = field(default_factory=Counter)
    judged: OracleCounts = field(default_factory=OracleCounts)

    def add(self, other: WorldCounts) -> None:
        """Add what another process has played."""
        self.n_worlds += other.n_worlds
        self.n_runs += other.n_runs
        self.n_days += other.n_days
        self.accidents += other.accidents
        for name in OracleCounts.__dataclass_fields__:
            setattr(self.judged, name, getattr(self.judged, name) + getattr(other.judged, name))

    def __str__(self) -> str:
        kinds = ", ".join(f"{n:,} {name}" for name, n in sorted(self.accidents.items()))
        n_accidents = sum(self.accidents.values())
        return (
            f"{self.n_worlds:,} worlds, {self.n_days:,.0f} simulated days, {self.n_runs:,} runs, "
            f"{n_accidents:,} accidents ({kinds})\n{self.judged}"
        )


class SimulatedWorld:
    """A business in which everything is drawn from one seed.

    Parameters
    ----------
    seed : int
        Draws everything.
    folder : path
        Where its journal lies.
    n_episodes : int
        Runs from plan to proof; about a day each.
    """

    def __init__(self, seed: int, folder: Path, *, n_episodes: int = 4) -> None:
        self.seed = seed
        self.folder = folder
        self.trace: list[str] = []
        self.counts = WorldCounts(n_worlds=1)
        self._rng = random.Random(seed)
        self._clock = VirtualClock()
        self._api = ModelApi(self._clock, self._draw_switches())
        self._journal = folder / f"world_{seed}.sqlite3"
        self._account = f"pk_world_{seed}"
        self._n_episodes = n_episodes
        self._probability = self._rng.choice([0.0, 0.1, 0.3])
        self._kinds = self._rng.sample(ACCIDENTS, self._rng.choice([1, 3, len(ACCIDENTS)]))
        self._has_others = self._rng.random() < 0.5
        self._edited: set[tuple[str, int]] = set()

    def play(self) -> WorldCounts:
        """Play every episode and return what was judged."""
        began_s = self._clock.true_s
        for _ in range(self._n_episodes):
            self._play_episode()
            self._let_time_pass()
        self.counts.n_days = (self._clock.true_s - began_s) / 86_400
        return self.counts

    # One episode.

    def _play_episode(self) -> None:
        self._api.mark()
        before = self._api.state()
        plan = make_plan(before, rng=self._rng, n_rows=self._rng.choice([6, 14, 30]))
        self._note(f"plan of {plan.n_rows} rows in {plan.n_requests} requests")
        for _ in range(self._rng.randrange(_MOST_LIVES)):
            self._live_and_die(plan)
            self._let_happen()
        result = self._finish(plan)
        self._judge(result, plan, before=before)
        for _ in range(self._rng.randrange(3)):
            self._let_happen()
            self._verify(result)
        if self._rng.random() < 0.4:
            self._undo(result, plan, before=before)

    def _live_and_die(self, plan: kf.Plan) -> None:
        lifeline = Lifeline(self._rng.randrange(1, 60))
        self.counts.judged.kills += 1
        with commits_of(lifeline), self._connect(lifeline, has_accidents=True) as client:
            try:
                told = kf.run(plan, client, journal=self._journal, progress=False).status
            except kf.KlikitFramesError as error:
                told = type(error).__name__
        self._note(f"run: {told if not lifeline.is_cut else 'killed'}")

    def _finish(self, plan: kf.Plan) -> kf.Result:
        with self._connect(Lifeline()) as client:
            result = kf.run(plan, client, journal=self._journal, progress=False)
            if result.resume_hint is not None:
                result = kf.resume(result.run_id, client, journal=self._journal, progress=False)
        self.counts.n_runs += 1
        self._note(f"run to its end: {result.status} {dict(result.counts)}")
        return result

    def _judge(self, result: kf.Result, plan: kf.Plan, *, before: pd.DataFrame) -> None:
        judged = OracleCounts()
        check_outcomes(result, plan, self._api, before=before, counts=judged, edited=self._edited)
        # An API that does not know keys carries out twice what is asked twice, and nobody can help it.
        if not self._api.switches.honours_keys:
            judged.doubled, judged.cases = (
                0,
                [case for case in judged.cases if not case.startswith("doubled")],
            )
        self._add(judged)

    def _verify(self, result: kf.Result) -> None:
        with self._connect(Lifeline()) as client:
            proof = kf.verify(result, client, journal=self._journal, progress=False)
        self._note(f"verify: {proof['proof'].value_counts().sort_index().to_dict()}")
        judged = OracleCounts()
        check_proofs(proof, self._api, counts=judged, edited=self._edited)
        self._add(judged)

    def _undo(self, result: kf.Result, plan: kf.Plan, *, before: pd.DataFrame) -> None:
        truth = Truth(self._api)
        asked = {
            to_key(row[name] for name in CELL): bool(row["is_enabled"])
            for row in plan.toggles.to_dict("records")
        }
        with self._connect(Lifeline()) as client:
            undo = kf.undo(result.run_id, client, journal=self._journal, progress=False)
            kf.run(undo, client, journal=self._journal, progress=False)
        self.counts.n_runs += 1
        self._note(f"undo of {undo.n_rows} rows")
        # An unpublished business-wide write hides what a store had: undo says so, and leaves the cell.
        unknown = undo.kept[undo.kept["reason"] == _NOT_KNOWN]
        hidden = set(zip(unknown["entity_type"], unknown["entity_id"].astype(int), strict=True))
        judged = OracleCounts()
        check_undone(
            undo,
            self._api,
            before=before,
            truth=truth,
            counts=judged,
            edited=self._edited | hidden | self._written_wide(),
            asked=asked,
        )
        self._add(judged)

    def _written_wide(self) -> set[tuple[str, int]]:
        """Return entities whose stores may have had either flag: a queued publish looks like one done."""
        history = self._api.history()
        wide = history[(history["event"] == "write") & (history["scope"] == "business")]
        pairs = set(zip(wide["entity_type"], wide["entity_id"].astype(int), strict=True))
        return pairs if self._api.switches.publish_delay_s else set()

    # What befalls it.

    def _let_happen(self) -> None:
        acts = (self._publish, self._others_publish, self._others_edit, self._set_clock, self._let_time_pass)
        for act in self._rng.sample(acts, self._rng.randrange(3)):
            act()

    def _publish(self) -> None:
        stores = self._draw_stores()
        with self._connect(Lifeline(), has_accidents=True) as client:
            try:
                told = kf.publish(stores, client, journal=self._journal)["outcome"].tolist()
            except kf.KlikitFramesError as error:
                told = [type(error).__name__]
        self._note(f"publish {stores}: {told}")

    def _others_publish(self) -> None:
        stores = self._draw_stores()
        self._note(f"others publish {stores}")
        self._api.publish(stores)

    def _others_edit(self) -> None:
        if not self._has_others:
            return
        state = self._api.state()
        cell = state.iloc[self._rng.randrange(len(state))]
        store = None if cell["scope"] == "business" else (int(cell["brand_id"]), int(cell["branch_id"]))
        kind, one, flag = cell["entity_type"], int(cell["entity_id"]), self._rng.random() < 0.5
        self._note(f"others switch {kind} {one} in {store} to {flag}")
        self._api.edit(kind, one, store, is_enabled=flag)
        self._edited.add((kind, one))

    def _set_clock(self) -> None:
        self._clock.ahead_s = self._rng.choice([0.0, -86_400.0, -3_600.0, 3_600.0, 20 * 3_600.0, 86_400.0])
        self._note(f"the wall clock is set {self._clock.ahead_s:+,.0f} s off")
        self.counts.accidents["clock_set"] += 1

    def _let_time_pass(self) -> None:
        hours = self._rng.choice([0.02, 1, 9, 14, 25, 40])
        self._note(f"{hours} h pass")
        self._clock.advance(hours * 3_600)

    def _draw_stores(self) -> list[Store]:
        return self._rng.sample(STORES, self._rng.randrange(1, len(STORES) + 1))

    def _draw_switches(self) -> Switches:
        draw = self._rng
        return Switches(
            honours_keys=draw.random() < 0.8,
            replays_errors=draw.random() < 0.3,
            spells_upper=draw.random() < 0.3,
            has_date=draw.random() < 0.9,
            skew_s=draw.choice([0.0, 0.0, 0.0, 7_200.0, -7_200.0]),
            publish_delay_s=draw.choice([0.0, 0.0, 0.0, 60.0, 1e9]),
            publish_counts=draw.choice(["true", "true", "true", "short", "zero", "missing"]),
        )

    # How it is wired.

    def _connect(self, lifeline: Lifeline, *, has_accidents: bool = False) -> kf.Client:
        # Each process draws its own accidents: one that dies earlier leaves those of the next as they are.
        transport = AccidentTransport(
            self._api,
            lifeline=lifeline,
            rng=random.Random(self._rng.random()),
            probability=self._probability if has_accidents else 0.0,
            kinds=self._kinds,
            counts=self.counts.accidents,
        )
        options: dict[str, Any] = {
            "writes_per_minute": 10**6,
            "reads_per_minute": 10**6,
            "max_connections": 1,
        }
        return kf.connect(
            "http://127.0.0.1:9/v1/partner",
            partner_key=self._account,
            secret_key="sk_simulated",
            transport=transport,
            clock=self._clock,
            **options,
        )

    def _note(self, text: str) -> None:
        self.trace.append(text)

    def _add(self, judged: OracleCounts) -> None:
        for case in judged.cases:
            self._note(f"DEFECT {case}")
        for name in OracleCounts.__dataclass_fields__:
            setattr(self.counts.judged, name, getattr(self.counts.judged, name) + getattr(judged, name))
