"""A process killed at any step of a run, then resumed: nothing lost, nothing doubled, nothing mislabelled."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import klikit_frames as kf

from .fault_scenarios import STEPS, run_fault_scenario
from .outcome_oracle import ScenarioCounts

# A scenario is killed up to three times. Thousands of kills: python -m tests.benchmarks.chaos.
N_SCENARIOS = 3


@pytest.mark.parametrize("step", [*STEPS, "any moment"])
def test_kills__at_every_step(
    step: str, sandbox: kf.sandbox.Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that is killed again and again at one step, then resumed, ends as if nothing had happened."""
    counts, rng = ScenarioCounts(), random.Random(step)
    for n_scenario in range(N_SCENARIOS):
        run_fault_scenario(sandbox, tmp_path / f"{n_scenario}.sqlite3", step=step, rng=rng, counts=counts)
    with capsys.disabled():
        print(f"\n{step}: {counts}")
    assert (counts.n_defects, counts.cases) == (0, [])
    assert counts.n_kills >= (N_SCENARIOS if step == "any moment" else 2 * N_SCENARIOS)
