"""Worlds in which everything happens at once: kills, faults, clock jumps, forks, publishes, others."""

from __future__ import annotations

import contextlib
import inspect
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import klikit_frames as kf

from .fault_scenarios import (
    FAULTS,
    HARD_FAULTS,
    MOST_KILLS,
    STEPS,
    JumpingClock,
    KillingTransport,
    KillPoint,
    SkippingClock,
    connect,
    draw_kill_point,
    kill_at_commits,
    make_plan,
    run_in_child,
    run_until_killed,
)
from .outcome_oracle import CELL, ScenarioCounts, check_outcomes, to_key
from .proof_oracle import Truth, check_proofs, check_undone

Clock = TypeVar("Clock", bound=SkippingClock)
JUMPS_S = (-86_400, -3_600, 3_600, 3 * 3_600, 20 * 3_600, 86_400)
# How the API may publish: at once and truly, later, and with counts that do not add up.
PUBLISH_SWITCHES: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"publish_delay_s": 60},
    {"publish_delay_s": float("inf")},
    {"publish_counts": "short"},
    {"publish_counts": "zero"},
    {"publish_counts": "over"},
    {"publish_counts": "negative"},
    {"publish_counts": "missing"},
    {"date_header": "missing"},
    {"date_skew_s": 7_200},
    {"date_skew_s": -7_200},
)
# Publishes that say another thing than what they did.
PUBLISH_FAULTS: tuple[dict[str, Any], ...] = (
    {"name": "unwritten_200"},
    {"name": "error_503", "written": "half"},
    {"name": "error_504", "written": "all"},
    {"name": "reset_after"},
    {"name": "empty_200", "written": "none"},
)


class AccidentScenario:
    """One plan, run and proved and undone under accidents; every step is drawn from one seed.

    Parameters
    ----------
    sandbox : Sandbox
        Where; it is reset.
    journal : path
        A journal of its own.
    rng : random.Random
        Draws everything.
    counts : ScenarioCounts
        What was judged, and what was wrong.
    n_lives : int
        How many processes that may be killed work at the plan, before one that ends it.
    """

    def __init__(
        self,
        sandbox: kf.sandbox.Sandbox,
        journal: Path,
        *,
        rng: random.Random,
        counts: ScenarioCounts,
        n_lives: int = MOST_KILLS,
    ) -> None:
        self.sandbox = sandbox
        self.journal = journal
        self.rng = rng
        self.counts = counts
        self.n_lives = n_lives
        self.edited: set[tuple[str, int]] = set()
        sandbox.reset()
        self.before = sandbox.state()
        self.plan = make_plan(self.before, rng=rng, n_rows=rng.choice([14, 40]))
        self.asked = {
            to_key(row[name] for name in CELL): bool(row["is_enabled"])
            for row in self.plan.toggles.to_dict("records")
        }
        # Half of the scenarios have nobody else in them, so that every cell of theirs can be judged.
        self.has_others = rng.random() < 0.5
        self.tells_time = True
        self._clock: SkippingClock | None = None
        self._passed_s = 0.0
        self.steps: list[str] = []

    def play(self) -> None:
        """Run the plan under accidents, and judge outcomes, proofs and the undo."""
        self.counts.n_scenarios += 1
        self._break_api()
        step = self.rng.choice([*STEPS, "any moment"])
        for _ in range(self.n_lives):
            self._run_until_killed(step)
            self._let_happen()
        self.sandbox.clear_faults()
        result = self._finish()
        check_outcomes(
            result, self.plan, self.sandbox, before=self.before, counts=self.counts, edited=self.edited
        )
        for act in self.rng.sample([self._publish, self._others_publish, self._others_edit, self._wait], 2):
            self._verify(result)
            act()
        self._verify(result)
        self._undo(result)

    def _break_api(self) -> None:
        switches = self.rng.choice(PUBLISH_SWITCHES)
        faults = self.rng.sample([*FAULTS, *HARD_FAULTS], self.rng.choice([0, 1, 3]))
        self.sandbox.set(**switches)
        self.tells_time = switches.get("date_header") != "missing"
        for fault in faults:
            self.sandbox.inject(**fault, match="PATCH", probability=0.2, count=8)
        self.steps.append(f"{switches} {faults}")

    def _connect(self) -> kf.Client:
        return connect(self.sandbox, clock=self._set(SkippingClock()))

    def _set(self, clock: Clock) -> Clock:
        """Return the clock of a new process: what earlier ones waited has passed for all, the server too."""
        passed_s = 0.0 if self._clock is None else self._clock.skipped_s
        self.sandbox.move_clock(passed_s - self._passed_s)
        clock.sleep(passed_s)
        self._clock, self._passed_s = clock, passed_s
        return clock

    def _run_until_killed(self, step: str) -> None:
        kill_point = draw_kill_point(step, rng=self.rng)
        # Against a server that never tells the time, nobody can know that a clock was set.
        jump_s = self.rng.choice([0, 0, *JUMPS_S]) * self.tells_time
        self.steps.append(f"run, killed {kill_point.nth}. {step}, clock {jump_s:+d} s")
        clock = self._set(JumpingClock(jump_s=jump_s, nth=self.rng.randrange(1, 60)))
        self.counts.n_kills += run_until_killed(
            self.sandbox, self.plan, self.journal, kill_point=kill_point, clock=clock
        )

    def _let_happen(self) -> None:
        """Let up to two things happen between two lives of the process."""
        acts: list[Callable[[], None]] = [
            self._publish,
            self._publish_until_killed,
            self._others_publish,
            self._others_edit,
            self._others_edit,
            self._wait,
            self._verify_so_far,
        ]
        for act in self.rng.sample(acts, self.rng.choice([0, 1, 2])):
            act()

    def _finish(self) -> kf.Result:
        is_forked = self.rng.random() < 0.3
        self.steps.append(f"run to the end, forked {is_forked}")
        with self._connect() as client:
            bar = _ForkingBar(client) if is_forked else None
            result = kf.run(self.plan, client, journal=self.journal, progress=bar or False)
            # What an answer left open is asked again, and read.
            if result.resume_hint is not None:
                self.steps.append("resume")
                result = kf.resume(result.run_id, client, journal=self.journal, progress=False)
        return result

    def _verify(self, result: kf.Result) -> None:
        self.steps.append("verify")
        with self._connect() as client:
            verified = kf.verify(result, client, journal=self.journal, progress=False)
        check_proofs(verified, self.sandbox, counts=self.counts, edited=self.edited)

    def _verify_so_far(self) -> None:
        """Judge a run that was killed, as it stands."""
        if self.journal.exists() and len(kf.runs(journal=self.journal)):
            run_id = kf.runs(journal=self.journal)["run_id"].iloc[-1]
            self._verify(kf.attach(run_id, journal=self.journal).result())

    def _undo(self, result: kf.Result) -> None:
        self.steps.append("undo")
        truth = Truth(self.sandbox)
        with self._connect() as client:
            undo = kf.undo(result.run_id, client, journal=self.journal, progress=False)
            undone = kf.run(undo, client, journal=self.journal, progress=False)
        assert len(undone.frame) == undo.n_rows
        check_undone(
            undo,
            self.sandbox,
            before=self.before,
            truth=truth,
            counts=self.counts,
            edited=self.edited,
            asked=self.asked,
        )

    def _stores(self) -> list[tuple[int, int]]:
        stores = self.plan.toggles[["brand_id", "branch_id"]].dropna().drop_duplicates()
        pairs = [(int(brand), int(branch)) for brand, branch in stores.itertuples(index=False, name=None)]
        return self.rng.sample(pairs, self.rng.randrange(1, len(pairs) + 1)) if pairs else []

    def _publish(self) -> None:
        """Publish some stores of the plan, now and then into an API that lies."""
        fault = self.rng.choice([None, None, *PUBLISH_FAULTS])
        stores = self._stores()
        self.steps.append(f"publish {stores} {fault}")
        if fault is not None:
            self.sandbox.inject(**fault, match="/menus/publish", count=2)
        if stores:
            with self._connect() as client:
                kf.publish(stores, client, **_journalled(self.journal))

    def _publish_until_killed(self) -> None:
        stores = self._stores()
        kill_point = KillPoint(self.rng.choice(STEPS), self.rng.randrange(1, 4))
        self.steps.append(f"publish {stores}, killed {kill_point.nth}. {kill_point.step}")

        clock = self._set(SkippingClock())

        def work() -> None:
            kill_at_commits(kill_point)
            with connect(self.sandbox, transport=KillingTransport(kill_point), clock=clock) as client:
                kf.publish(stores, client, **_journalled(self.journal))

        if stores:
            self.counts.n_kills += run_in_child(work)

    def _others_publish(self) -> None:
        stores = self._stores()
        self.steps.append(f"others publish {stores}")
        self.sandbox.publish(stores)

    def _others_edit(self) -> None:
        if not self.has_others:
            return
        rows = self.plan.toggles if self.rng.random() < 0.7 else self.before
        cell = rows.iloc[self.rng.randrange(len(rows))]
        stores = None if cell["scope"] == "business" else [(cell["brand_id"], cell["branch_id"])]
        is_enabled = self.rng.random() < 0.5
        with contextlib.suppress(LookupError):
            self.sandbox.edit(cell["entity_type"], [cell["entity_id"]], stores=stores, is_enabled=is_enabled)
            self.edited.add((cell["entity_type"], int(cell["entity_id"])))
            self.steps.append(f"others edit {tuple(cell[CELL])} to {is_enabled}")

    def _wait(self) -> None:
        seconds = self.rng.choice([61, 61, 3_600, 10 * 3_600, 25 * 3_600])
        # Time passes for the server alone here; where it does not tell, that would be a clock that is set.
        seconds *= self.tells_time
        self.steps.append(f"{seconds} s pass")
        self._let_server_catch_up()
        self.sandbox.move_clock(seconds)

    def _let_server_catch_up(self) -> None:
        """Wait until what a killed process has sent is done: no server leaves that for a day."""
        for _ in range(2):
            # Each on a connection of its own, which is served after those that were there before.
            with connect(self.sandbox) as client:
                client.read("/brands")


class _ForkingBar:
    """Forks at its first step a child that uses the client too; the child must not disturb this process."""

    def __init__(self, client: kf.Client) -> None:
        self._client: kf.Client | None = client

    def update(self, n: int = 1, /) -> None:
        """Fork once."""
        client, self._client = self._client, None
        if client is not None:
            _read_in_fork(client)

    def close(self) -> None:
        """Nothing is open."""


def _read_in_fork(client: kf.Client) -> None:
    pid = os.fork()
    if pid == 0:
        # A lock that another thread held at the fork is never released here.
        signal.alarm(20)
        with contextlib.suppress(Exception):
            for _ in range(5):
                client.read("/brands")
        os._exit(0)
    os.waitpid(pid, 0)


def describe(scenario: AccidentScenario) -> str:
    """Return what happened in a scenario, step by step."""
    return "\n    ".join(scenario.steps)


def _journalled(journal: Path) -> dict[str, Any]:
    return {"journal": journal} if "journal" in inspect.signature(kf.publish).parameters else {}
