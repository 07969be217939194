"""Covers made with the caps in mind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import klikit_frames as kf
from klikit_frames.planning.budget import SearchBudget
from klikit_frames.planning.capped_search import CappedSearch, common_lines
from klikit_frames.planning.plan_checks import check_plan
from tests.planning.tables import chain, toggles_of, with_holes

tables = arrays(bool, (7, 8)).filter(np.any)


@settings(max_examples=12, deadline=None)
@given(tables, st.integers(1, 5), st.integers(1, 5), st.none() | st.integers(5, 12))
def test_capped_search__any_table(
    cells: np.ndarray, max_ids: int, max_stores: int, max_cells: int | None
) -> None:
    """Its blocks cover exactly the table, and each is within the caps."""
    limits = kf.Limits(max_ids, max_stores, max_cells)
    ones = np.ones(7, dtype=np.int64), np.ones(8, dtype=np.int64)
    search = CappedSearch(
        cells, cells, ones, cells[cells.any(axis=1)], limits=limits, piece=limits.grid(7, 8)
    )
    found = search.search(SearchBudget(20, progress=False), most=56)
    covered = np.zeros_like(cells)
    for block in found:
        covered[block.inside] = True
        assert limits.cost(len(block.rows), len(block.columns)) == 1
    np.testing.assert_array_equal(covered, cells)


def test_plan__holes_under_caps() -> None:
    """Blocks go around the holes: less than twice the requests that the area alone asks for."""
    plan = kf.plan(toggles_of(with_holes(60, 80, 6, seed=1)), limits=kf.Limits(20, 20))
    check_plan(plan)
    assert plan.n_requests < 2 * plan.lower_bound


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


@pytest.mark.parametrize("max_cells", [None, 6, 9])
def test_capped_search__out_of_time(max_cells: int | None) -> None:
    """Where the budget ends it, the rest is covered line by line: exactly the table, within caps."""
    limits, cells = kf.Limits(3, 4, max_cells), chain(7, 8, edits=0.1, seed=1, n_cities=3)
    ones = np.ones(8, dtype=np.int64), np.ones(7, dtype=np.int64)
    search = CappedSearch(cells, cells, ones, cells, limits=limits, piece=limits.grid(8, 7))
    covered = np.zeros_like(cells)
    for block in search.search(SearchBudget(0, progress=False), most=56):
        covered[block.inside] = True
        assert limits.cost(len(block.rows), len(block.columns)) == 1
    np.testing.assert_array_equal(covered, cells)


def test_common_lines__shared_by_pairs() -> None:
    """Of two dishes that many stores share there is a set, though no row and no column alone has it."""
    cells = np.ones((3, 30), dtype=bool)
    cells[0, :8] = cells[1, 8:16] = cells[2, 16:24] = False
    ones = np.ones(30, dtype=np.int64)
    found = common_lines(cells, ones, least=10, most=100)
    assert (cells[0] & cells[1]).tolist() in found.tolist()
    assert len(common_lines(cells, ones, least=40, most=100)) == 0


def test_plan__shared_by_pairs_under_caps() -> None:
    """Many stores, each with some of a few lists of dishes: well below one request per dish and full list."""
    draw = np.random.default_rng(1)
    lists = draw.random((12, 24)) < 0.25
    cells = np.array([lists[draw.choice(12, 3, replace=False)].any(axis=0) for _ in range(300)]).T
    plan = kf.plan(toggles_of(cells[cells.any(axis=1)]), limits=kf.Limits(500, 10))
    check_plan(plan)
    assert plan.n_requests < 0.6 * plan.baselines["equal_sets"]
