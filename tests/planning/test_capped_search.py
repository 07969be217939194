"""Covers made with the caps in mind."""

from __future__ import annotations

import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import klikit_frames as kf
from klikit_frames import edge
from klikit_frames.planning import budget
from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.capped_search import CappedSearch
from klikit_frames.planning.groups import Rectangle
from klikit_frames.planning.plan_checks import check_plan
from tests.planning.tables import chain, toggles_of, with_holes

tables = arrays(bool, (7, 8)).filter(np.any)


def rows_of(cells: np.ndarray) -> list[Rectangle]:
    """Return the cover of a table by its rows."""
    rows = np.flatnonzero(cells.any(axis=1))
    return [Rectangle(rows[[no]], np.flatnonzero(cells[row])) for no, row in enumerate(rows)]


@pytest.fixture
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stands still, so that counted work alone ends a search."""
    clock = types.SimpleNamespace(
        monotonic=lambda: 0.0, process_time=lambda: 0.0, check_interruption=edge.check_interruption
    )
    monkeypatch.setattr(budget, "edge", clock)


@settings(max_examples=6, deadline=None)
@given(tables, st.integers(1, 5), st.integers(1, 5), st.none() | st.integers(5, 12))
def test_capped_search__any_table(
    cells: np.ndarray, max_ids: int, max_stores: int, max_cells: int | None
) -> None:
    """Its blocks cover exactly the table, and each is within the caps."""
    limits = kf.Limits(max_ids, max_stores, max_cells)
    ones = np.ones(7, dtype=np.int64), np.ones(8, dtype=np.int64)
    search = CappedSearch(
        cells,
        cells,
        ones,
        cells[cells.any(axis=1)],
        limits=limits,
        piece=limits.grid(7, 8),
        budget=SearchBudget(20, progress=False),
    )
    covered = np.zeros_like(cells)
    for block in search.search(rows_of(cells), SearchBudget(20, progress=False), least=1):
        covered[block.inside] = True
        assert limits.cost(len(block.rows), len(block.columns)) == 1
    np.testing.assert_array_equal(covered, cells)


@pytest.mark.usefixtures("no_clock")
def test_plan__holes_under_caps() -> None:
    """Blocks go around the holes: less than twice the requests that the area alone asks for."""
    plan = kf.plan(toggles_of(with_holes(60, 80, 6, seed=1)), limits=kf.Limits(20, 20))
    check_plan(plan)
    assert plan.n_requests < 2 * plan.lower_bound


@pytest.mark.usefixtures("no_clock")
def test_plan__chain_under_caps() -> None:
    """Under caps a chain takes well below what cutting equal sets takes."""
    plan = kf.plan(toggles_of(chain(60, 80, edits=0.003, seed=1, n_cities=4)), limits=kf.Limits(20, 10))
    check_plan(plan)
    assert plan.n_requests < 0.7 * plan.baselines["equal_sets"]


def test_plan__idle_pieces() -> None:
    """Of a rectangle that is cut, pieces whose cells others have are not sent."""
    cells = np.zeros((9, 8), dtype=bool)
    cells[:4, :4] = cells[2:4] = cells[4:, 4:] = True
    plan = kf.plan(toggles_of(cells), limits=kf.Limits(4, 4))
    check_plan(plan)
    assert (plan.n_requests, plan.requests["n_rows"].sum()) == (3, cells.sum())


@pytest.mark.parametrize(
    ("lines", "limits"),
    [
        ("1111111 1111111 1111111 0111111 1111101 1111111", kf.Limits(None, None, 4)),
        (
            "1001101 1101111 1010111 1101101 0111110 1101111 1011111 0011110 1111011",
            kf.Limits(6, None, 4),
        ),
        (
            "111000111 111101111 101001111 100011001 011101111 111111110 011000010 111111111 101010111",
            kf.Limits(None, 2, 8),
        ),
        (
            "111111111 111111011 111011111 111111111 111110111 111111111 111111111 111111111",
            kf.Limits(4, 4, 10),
        ),
    ],
)
def test_plan__equal_stores_beside_a_cap_on_cells(lines: str, limits: kf.Limits) -> None:
    """Stores that sell the same are not put together with more ids than the cap on cells leaves room for."""
    cells = np.array([[mark == "1" for mark in line] for line in lines.split()])
    check_plan(kf.plan(toggles_of(cells), limits=limits))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.none() | st.integers(3, 9), st.none() | st.integers(3, 9), st.integers(1, 30))
def test_plan__equal_lines_under_caps(seed: int, max_ids: int, max_stores: int, max_cells: int) -> None:
    """Of lines that are equal, more than fill a request, no cut makes one above a cap."""
    draw = np.random.default_rng(seed)
    cells = (draw.random((5, 5)) < 0.6).repeat(draw.integers(1, 9, 5), axis=0)
    cells = cells.repeat(draw.integers(1, 9, 5), axis=1)
    plan = kf.plan(toggles_of(cells), limits=kf.Limits(max_ids, max_stores, max_cells), time_budget_s=0.5)
    check_plan(plan)
    assert plan.lower_bound <= plan.n_requests <= min(plan.baselines.values())


@pytest.mark.parametrize("max_cells", [None, 6, 9])
def test_capped_search__out_of_time(max_cells: int | None) -> None:
    """Where the budget ends it, the cover that it began with is cut: exactly the table, within caps."""
    limits, cells = kf.Limits(3, 4, max_cells), chain(7, 8, edits=0.1, seed=1, n_cities=3)
    ones = np.ones(8, dtype=np.int64), np.ones(7, dtype=np.int64)
    search = CappedSearch(
        cells,
        cells,
        ones,
        cells,
        limits=limits,
        piece=limits.grid(8, 7),
        budget=SearchBudget(0, progress=False),
    )
    covered = np.zeros_like(cells)
    for block in search.search(rows_of(cells), SearchBudget(0, progress=False), least=1):
        covered[block.inside] = True
        assert limits.cost(len(block.rows), len(block.columns)) == 1
    np.testing.assert_array_equal(covered, cells)
    assert search.is_cut


@pytest.mark.usefixtures("no_clock")
def test_plan__shared_by_pairs_under_caps() -> None:
    """Many stores, each with some of a few lists of dishes: well below one request per dish and full list."""
    draw = np.random.default_rng(1)
    lists = draw.random((12, 24)) < 0.25
    cells = np.array([lists[draw.choice(12, 3, replace=False)].any(axis=0) for _ in range(50)]).T
    plan = kf.plan(toggles_of(cells[cells.any(axis=1)]), limits=kf.Limits(500, 10))
    check_plan(plan)
    assert plan.n_requests < 0.7 * plan.baselines["equal_sets"]
