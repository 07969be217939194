"""A process killed at any step of a run, then resumed: nothing lost, nothing doubled, nothing mislabelled."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import klikit_frames as kf

from .fault_scenarios import STEPS, run_fault_scenario
from .outcome_oracle import OracleCounts

# A world is killed up to three times. Thousands of kills: python -m tests.benchmarks.chaos.
N_WORLDS = 3


@pytest.mark.parametrize("step", [*STEPS, "any moment"])
def test_kills__at_every_step(
    step: str, sandbox: kf.sandbox.Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that is killed again and again at one step, then resumed, ends as if nothing had happened."""
    counts, rng = OracleCounts(), random.Random(step)
    for n_world in range(N_WORLDS):
        run_fault_scenario(sandbox, tmp_path / f"{n_world}.sqlite3", step=step, rng=rng, counts=counts)
    with capsys.disabled():
        print(f"\n{step}: {counts}")
    assert (counts.lost, counts.cases) == (0, [])
    assert counts.kills >= (N_WORLDS if step == "any moment" else 2 * N_WORLDS)
