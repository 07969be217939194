"""A process killed at any step of a run, then resumed: nothing lost, nothing doubled, nothing mislabelled."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import klikit_frames as kf

from .worlds import STEPS, Counts, Doom, connect, judge, live_and_die, make_plan

# Each step has so many worlds; a world is killed up to three times.
N_WORLDS = 12
MOST_KILLS = 3


@pytest.mark.parametrize("step", STEPS)
def test_kills__at_every_step(
    step: str, sandbox: kf.sandbox.Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that is killed again and again at one step, then resumed, ends as if nothing had happened."""
    counts = Counts()
    rng = random.Random(step)
    before = sandbox.state()
    for n_world in range(N_WORLDS):
        sandbox.reset()
        journal = tmp_path / f"{n_world}.sqlite3"
        plan = make_plan(before, rng=rng)
        counts.worlds += 1
        for _ in range(MOST_KILLS):
            counts.kills += live_and_die(sandbox, plan, journal, doom=Doom(step, nth=rng.randrange(1, 12)))
        with connect(sandbox) as client:
            result = kf.run(plan, client, journal=journal, progress=False)
        assert result.resume_hint is None
        judge(result, plan, sandbox, before=before, counts=counts)
    with capsys.disabled():
        print(f"\n{step}: {counts}")
    assert (counts.lost, counts.doubled, counts.mislabelled) == (0, 0, 0)
    assert counts.kills >= 2 * N_WORLDS
