"""Lives of plans, drawn at random: runs, faults, kills, other people's edits and jumps in time."""

from __future__ import annotations

import contextlib
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

import klikit_frames as kf
from klikit_frames.api.wire import ENABLE_PATHS, encode_enable

from .fault_scenarios import FAULTS, STEPS, KillPoint, connect, make_plan, run_until_killed
from .outcome_oracle import SOMEONE, ScenarioCounts, check_outcomes

KEY_LIFE = pd.Timedelta(hours=24)


class RunStateMachine(RuleBasedStateMachine):
    """One plan against one sandbox, and what a model of the world expects of it."""

    sandbox: kf.sandbox.Sandbox
    counts: ScenarioCounts

    @initialize(seed=st.integers(0, 10**6))
    def begin(self, seed: int) -> None:
        """Draw a plan over a sandbox as new."""
        self.sandbox.reset()
        self.folder = tempfile.TemporaryDirectory()
        self.journal = Path(self.folder.name) / "journal.sqlite3"
        self.before = self.sandbox.state()
        self.plan = make_plan(self.before, rng=random.Random(seed), n_rows=14)
        self.edited: set[tuple[str, int]] = set()
        self.settled: dict[int, tuple[Any, ...]] = {}
        self.jumped_h = 0
        self.counts.n_scenarios += 1

    @rule(fault=st.sampled_from(FAULTS), count=st.integers(1, 6))
    def break_something(self, fault: dict[str, Any], count: int) -> None:
        """Call up a fault that strikes a few times."""
        self.sandbox.inject(**fault, count=count, match="PATCH")

    @rule(step=st.sampled_from(STEPS), nth=st.integers(1, 9))
    def run_until_killed(self, step: str, nth: int) -> None:
        """Run or go on in a process that dies at some step, if it comes to it."""
        self.counts.n_kills += run_until_killed(
            self.sandbox, self.plan, self.journal, kill_point=KillPoint(step, nth)
        )

    @rule()
    def go_on(self) -> None:
        """Run or go on until the end; what was settled before stays as it was."""
        with connect(self.sandbox) as client:
            result = kf.run(self.plan, client, journal=self.journal, progress=False)
        self._remember(result)

    @precondition(lambda self: self.journal.exists() and len(kf.runs(journal=self.journal)) > 0)
    @rule()
    def look_on(self) -> None:
        """Attach to the run; its result is what the journal has."""
        run_id = kf.runs(journal=self.journal)["run_id"].iloc[-1]
        self._remember(kf.attach(run_id, journal=self.journal).result())

    @rule(place=st.integers(0, 10**6), flag=st.booleans())
    def somebody_edits(self, place: int, flag: bool) -> None:
        """Let another client switch something, of the plan or not."""
        cell = self.before.iloc[place % len(self.before)]
        stores = None if cell["scope"] == "business" else [(cell["brand_id"], cell["branch_id"])]
        body = encode_enable([cell["entity_id"]], stores, is_enabled=flag)
        self.sandbox.clear_faults()
        with connect(self.sandbox) as client:
            client.write("PATCH", ENABLE_PATHS[cell["entity_type"]], body, key=f"{SOMEONE}-{place}-{flag}")
        self.edited.add((cell["entity_type"], cell["entity_id"]))

    @rule(hours=st.sampled_from([1, 10, 25]))
    def time_passes(self, hours: int) -> None:
        """Move the server's clock."""
        self.sandbox.move_clock(hours * 3600)
        self.jumped_h += hours

    def teardown(self) -> None:
        """Go on once more without faults, and judge every row."""
        if not hasattr(self, "plan"):
            return
        self.sandbox.clear_faults()
        with connect(self.sandbox) as client:
            result = kf.run(self.plan, client, journal=self.journal, progress=False)
        self._remember(result)
        self._judge(result)
        self.folder.cleanup()

    def _remember(self, result: kf.Result) -> None:
        """Compare what was settled before with the result of now."""
        columns = ["outcome", "code", "request_id", "idempotency_key", "settled_at"]
        rows = result.frame[columns].itertuples(index=False, name=None)
        for place, row in enumerate(rows):
            if row[0] in {"applied", "rejected", "failed"}:
                assert self.settled.setdefault(place, row) == row

    def _judge(self, result: kf.Result) -> None:
        requests = self.sandbox.requests
        writes = requests[(requests["method"] == "PATCH") & requests["body"].map(_is_whole)]
        ours = writes[~writes["key"].str.startswith(SOMEONE, na=False)]
        for _, sent in ours.groupby("key"):
            assert sent["body"].nunique() == 1
            assert sent["time"].max() - sent["time"].min() < KEY_LIFE
        assert result.counts["not_sent"] == 0
        # What the API repeats under a key for a day leaves rows of stores open, and so does an old key.
        left_open = result.frame[result.frame["outcome"] == "unknown"]
        assert left_open["message"].str.contains("a stored failure").all() or self.jumped_h >= 23
        counts = ScenarioCounts()
        check_outcomes(result, self.plan, self.sandbox, before=self.before, counts=counts, edited=self.edited)
        self.counts.n_rows += counts.n_rows
        self.counts.n_unknown += counts.n_unknown
        assert (counts.n_defects, counts.cases) == (0, [])


def _is_whole(body: str) -> bool:
    """Tell whether a request was not torn on its way."""
    with contextlib.suppress(ValueError):
        json.loads(body)
        return True
    return False


def test_life__at_random(sandbox: kf.sandbox.Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever happens in whatever order, every row ends settled or unknown, and every outcome is true."""
    RunStateMachine.sandbox = sandbox
    RunStateMachine.counts = ScenarioCounts()
    # Every step is a process or a server's answer: shrinking would take minutes.
    life = settings(
        max_examples=5,
        stateful_step_count=7,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(RunStateMachine, settings=life)
    with capsys.disabled():
        print(f"\nlives: {RunStateMachine.counts}")
