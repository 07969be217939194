"""Smallest covers of small tables: by branch and bound, and by the optional solver."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.exact_covers import prove_smallest, solve_set_cover
from klikit_frames.planning.set_cover import choose_greedily, incidence_of

pytest.importorskip("highspy")


def covers_of(seed: int) -> np.ndarray:
    """Return a random choice that greedy gets wrong."""
    covers = np.random.default_rng(seed).random((40, 30)) < 0.15
    covers[np.arange(30), np.arange(30)] = True
    return covers


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_choose_exactly__agrees_with_branching(seed: int) -> None:
    """The solver and our own branching come to the same number."""
    covers = covers_of(seed)
    start = choose_greedily(incidence_of(covers))
    solved = solve_set_cover(incidence_of(covers), best=start, budget=SearchBudget(20, progress=False))
    chosen, is_proven = prove_smallest(
        covers, start, n_nodes=100_000, budget=SearchBudget(20, progress=False)
    )
    assert covers[solved].any(axis=0).all()
    assert is_proven
    assert len(solved) == len(chosen)


def test_choose_exactly__silent(capfd: pytest.CaptureFixture[str]) -> None:
    """The solver prints nothing."""
    solve_set_cover(incidence_of(covers_of(1)), best=list(range(40)), budget=SearchBudget(5, progress=False))
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
