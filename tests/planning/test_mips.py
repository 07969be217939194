"""The optional solver."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from klikit_frames.planning.choices import choose_greedily
from klikit_frames.planning.efforts import Effort
from klikit_frames.planning.mips import choose_exactly
from klikit_frames.planning.proofs import prove_smallest

pytest.importorskip("highspy")


def covers_of(seed: int) -> np.ndarray:
    """Return a random choice that greedy gets wrong."""
    covers = np.random.default_rng(seed).random((40, 30)) < 0.15
    covers[np.arange(30), np.arange(30)] = True
    return covers


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_choose_exactly__agrees_with_branching(seed: int) -> None:
    """The solver and our own branching come to the same number, the solver's bound included."""
    covers = covers_of(seed)
    start = choose_greedily(covers)
    solved = choose_exactly(covers, best=start, effort=Effort(20, progress=False))
    chosen, is_proven = prove_smallest(covers, start, n_nodes=100_000, effort=Effort(20, progress=False))
    assert covers[solved.chosen].any(axis=0).all()
    assert is_proven
    assert len(solved.chosen) == len(chosen) == solved.bound


def test_choose_exactly__silent(capfd: pytest.CaptureFixture[str]) -> None:
    """The solver prints nothing."""
    choose_exactly(covers_of(1), best=list(range(40)), effort=Effort(5, progress=False))
    assert capfd.readouterr() == ("", "")


def test_plan__no_solver_import() -> None:
    """A plan that needs no solver does not load it."""
    code = (
        "import sys, klikit_frames as kf\n"
        "kf.plan(kf.cross_toggles('item', [1, 2], [(1, 1)], is_enabled=False))\n"
        "print('highspy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
