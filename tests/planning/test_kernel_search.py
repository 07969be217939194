"""The search: what it finds, when it stops, and that it can be stopped."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.planning import budget
from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.kernel_search import KernelSearch
from klikit_frames.planning.plan_checks import check_plan
from klikit_frames.planning.reductions import find_kernel
from tests.fixtures import not_none
from tests.planning.tables import chain, planted, roles, toggles_of, with_holes

NO_CAPS = kf.Limits(None, None, None)


class Bar:
    """A bar that notes its updates."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.is_closed = False

    def update(self, n: int = 1) -> None:
        """Note progress."""
        self.seen.append(n)

    def close(self) -> None:
        """Note the end."""
        self.is_closed = True


def settled(cells: np.ndarray, time_budget_s: float = 20) -> KernelSearch:
    """Return a search of the table's kernel, done."""
    budget = SearchBudget(time_budget_s, progress=False)
    search = KernelSearch(not_none(find_kernel(cells, budget)), budget)
    search.quick_cover(budget)
    search.improve(budget)
    return search


@pytest.mark.parametrize(
    ("cells", "fewest"),
    [(roles(100, 184, 50, seed=1), 50), (planted(300, 200, 40, share=0.05, seed=1), 40)],
)
def test_search__without_solver(cells: np.ndarray, fewest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known numbers are found, and proven, without the optional solver."""
    monkeypatch.setattr("klikit_frames.planning.kernel_search.has_solver", lambda: False)
    search = settled(cells)
    assert (len(search.columns), search.bound) == (fewest, fewest)


def test_search__near_full() -> None:
    """A full table without 30 cells takes the number that Sperner's bound allows, not one per hole."""
    search = settled(with_holes(100, 200, 30, seed=1))
    assert len(search.columns) <= search.bound + 1
    assert search.bound == 7


def test_search__all_rectangles_known() -> None:
    """Where all maximal rectangles can be listed, the answer is proven also above the fooling set."""
    ring = np.eye(7, dtype=bool) | np.roll(np.eye(7, dtype=bool), 1, axis=1)
    search = settled(~ring)
    assert search.is_settled


def test_search__repeatable() -> None:
    """Two kernel_search that end within their budget come to the same requests."""
    toggles = toggles_of(chain(80, 100, edits=0.002, seed=2, n_cities=5))
    first, second = (kf.plan(toggles, limits=NO_CAPS, time_budget_s=60) for _ in range(2))
    pd.testing.assert_frame_equal(first.requests, second.requests)
    assert first.digest == second.digest


class WorkClock:
    """A clock that goes a tenth of a second whenever it is looked at."""

    def __init__(self) -> None:
        self.n_looks = 0

    def monotonic(self) -> float:
        """Return the time."""
        self.n_looks += 1
        return self.n_looks / 10

    process_time = monotonic

    def check_interruption(self) -> None:
        """Nobody interrupts."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> WorkClock:
    """The clock of all budgets."""
    clock = WorkClock()
    monkeypatch.setattr(budget, "edge", clock)
    return clock


def test_search__keeps_budget(clock: WorkClock) -> None:
    """A search that could go on for long ends with its budget: it hardly asks for more time after that."""
    plan = kf.plan(toggles_of(np.random.default_rng(1).random((120, 150)) < 0.6), time_budget_s=3.0)
    assert clock.n_looks < 150
    check_plan(plan)


def test_search__progress(clock: WorkClock) -> None:
    """A search of more than a second tells the caller's bar how much of the budget is used, and closes it."""
    bar = Bar()
    kf.plan(toggles_of(chain(120, 160, edits=0.01, seed=2)), time_budget_s=2.5, progress=bar)
    assert bar.is_closed
    assert 0 < sum(bar.seen) <= 100


def test_search__no_progress() -> None:
    """A search that is done at once shows no bar."""
    bar = Bar()
    kf.plan(toggles_of(np.ones((3, 3), dtype=bool)), progress=bar)
    assert bar.seen == []


STAGES = ["quick_cover", "improve", "_price"]


def interrupt(*_: object, **__: object) -> None:
    """Stand for Ctrl-C."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("stage", STAGES)
def test_search__interrupted(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at any stage raises, so that a run in the same cell sends nothing."""
    monkeypatch.setattr(KernelSearch, stage, interrupt)
    with pytest.raises(KeyboardInterrupt):
        kf.plan(toggles_of(chain(80, 100, edits=0.002, seed=2, n_cities=5)))


@pytest.mark.parametrize("stage", STAGES)
def test_search__interrupted_for_the_best(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On request Ctrl-C gives the best plan so far: exact, and no worse than the usual ways."""
    monkeypatch.setattr(KernelSearch, stage, interrupt)
    plan = kf.plan(toggles_of(chain(80, 100, edits=0.002, seed=2, n_cities=5)), on_interrupt="best")
    check_plan(plan)
    assert plan.n_requests <= min(plan.baselines.values())


def test_search__interrupted_before_a_run(client: kf.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan and a run in one line, interrupted while planning: no request leaves, no run is noted."""
    monkeypatch.setattr(KernelSearch, "quick_cover", interrupt)
    toggles = toggles_of(chain(80, 100, edits=0.002, seed=2, n_cities=5))
    with pytest.raises(KeyboardInterrupt):
        kf.run(kf.plan(toggles), client, progress=False)
    assert kf.runs().empty


def test_plan__bad_on_interrupt() -> None:
    """Anything else that Ctrl-C should do is refused."""
    with pytest.raises(kf.PlanError, match="on_interrupt='stop'"):
        kf.plan(toggles_of(np.ones((1, 1), dtype=bool)), on_interrupt="stop")
