"""The checkers of certificates tell right from wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import klikit_frames as kf
from tests.benchmarks.plan_certificates import check_bound, check_prices_under_caps, plan_with_proofs
from tests.benchmarks.published import certificate_of, read_matrix
from tests.planning.capped_certificates import (
    UNIT,
    bound_by_blocks_apart,
    bound_by_counting,
    bound_by_prices_under_caps,
)
from tests.planning.certificates import are_sound_prices, bound_by_prices, is_cover, is_fooling_set
from tests.planning.tables import chain, toggles_of, with_holes

CELLS = {(0, 0), (0, 1), (1, 1)}


def test_is_cover__exact() -> None:
    """A cover holds every cell and no other."""
    assert is_cover(CELLS, [([0], [0, 1]), ([0, 1], [1])])
    assert not is_cover(CELLS, [([0], [0, 1])])
    assert not is_cover(CELLS, [([0, 1], [0, 1])])


def test_is_fooling_set__apart() -> None:
    """Cells that fit into one rectangle, or are none of the table, prove nothing."""
    assert is_fooling_set(CELLS, [(0, 0), (1, 1)])
    assert not is_fooling_set(CELLS, [(0, 0), (0, 1)])
    assert not is_fooling_set(CELLS, [(1, 0)])


def test_are_sound_prices__caps() -> None:
    """Prices are sound if no request within the caps is worth more than 1; those of no cell prove nothing."""
    dear, cheap = dict.fromkeys(CELLS, 1.0), dict.fromkeys(CELLS, 0.5)
    assert are_sound_prices(CELLS, dear, (1, 1, 1))
    assert not are_sound_prices(CELLS, dear, (2, 1, 9))
    assert are_sound_prices(CELLS, cheap, (2, 2, 2))
    assert not are_sound_prices(CELLS, {**cheap, (1, 0): 0.0}, (2, 2, 2))


# A ring of six cells, each of which fits with the next: two fit into one rectangle, so that it takes three.
RING = {(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 0)}
RING_PRICES = dict.fromkeys(RING, 1)


def test_bound_by_prices__ring() -> None:
    """On a ring of ten cells equal prices of all prove as much as every second cell does."""
    places = {(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 4), (4, 4), (4, 0)}
    corners = sorted({(row, column) for row, column in places if row == column})
    assert is_fooling_set(places, corners)
    assert bound_by_prices(places, dict.fromkeys(places, 1)) == len(corners) == 5


def test_bound_by_prices__refuses() -> None:
    """A price of a cell that need not be covered, or of none, proves nothing; one raised proves less."""
    assert bound_by_prices(RING, RING_PRICES) == 3
    assert bound_by_prices(RING, {**RING_PRICES, (1, 0): 1}) == 0
    assert bound_by_prices(RING, {**RING_PRICES, (0, 0): 0}) == 0
    assert bound_by_prices(RING, RING_PRICES, required=RING - {(0, 0)}) == 0
    assert bound_by_prices(RING, {**RING_PRICES, (0, 0): 5}) == 2
    assert bound_by_prices(CELLS, dict.fromkeys(CELLS, 1)) == 2
    assert bound_by_prices(CELLS | {(1, 0)}, dict.fromkeys(CELLS, 1)) == 1


@pytest.mark.parametrize("seed", range(30))
def test_bound_by_prices_under_caps__all_requests(seed: int) -> None:
    """It takes no prices under which a request may be worth more, and nearly all of the others."""
    draw = np.random.default_rng(seed)
    cells = draw.random((3, 4)) < 0.8
    sizes = draw.integers(1, 3, 3), draw.integers(1, 3, 4)
    caps = int(draw.integers(1, 4)), int(draw.integers(1, 4)), int(draw.integers(1, 7))
    prices = (np.where(cells, draw.random((3, 4)), 0) * draw.choice([0.2, 0.5, 1]) * UNIT).astype(np.int64)
    whole = prices.repeat(sizes[0], axis=0).repeat(sizes[1], axis=1)
    whole_cells = cells.repeat(sizes[0], axis=0).repeat(sizes[1], axis=1)
    of_cells = {(row, column): whole[row, column] / UNIT for row, column in np.argwhere(whole_cells).tolist()}
    is_sound = are_sound_prices(set(of_cells), of_cells, caps)
    bound = bound_by_prices_under_caps(cells, prices, sizes, caps)
    assert bound == (-(-int(whole.sum()) // UNIT) if bound else 0)
    assert is_sound or not bound


def test_bound_by_prices_under_caps__refuses() -> None:
    """A price raised, of a cell outside, or below nothing is refused."""
    cells, sizes = np.ones((2, 2), dtype=bool), (np.array([2, 2]), np.array([3, 1]))
    prices = np.full((2, 2), UNIT // 4)
    assert bound_by_prices_under_caps(cells, prices, sizes, (2, 2, 9)) == 4
    assert bound_by_prices_under_caps(cells, prices + np.array([[1, 0], [0, 0]]), sizes, (2, 2, 9)) == 0
    assert bound_by_prices_under_caps(cells, prices - np.array([[UNIT, 0], [0, 0]]), sizes, (2, 2, 9)) == 0
    cells[0, 0] = False
    assert bound_by_prices_under_caps(cells, prices, sizes, (2, 2, 9)) == 0


@pytest.mark.parametrize(
    ("cells", "limits", "certificate"),
    [
        (chain(20, 30, edits=0.01, seed=1, n_cities=3), kf.Limits(None, None), "cover and fooling set"),
        (np.random.default_rng(20000).random((20, 20)) < 0.3, kf.Limits(None, None), "cover and prices"),
        (np.random.default_rng(2).random((14, 14)) < 0.7, kf.Limits(5, 3), "bound by counting"),
        (np.ones((6, 9), dtype=bool), kf.Limits(4, 4), "cover and counting"),
    ],
    ids=["fooling", "prices", "counting", "full"],
)
def test_certificate__of_plan(cells: np.ndarray, limits: kf.Limits, certificate: str) -> None:
    """What a plan says of its bound is proven by cells apart, by prices, or by counting."""
    cells = cells[cells.any(axis=1)][:, cells.any(axis=0)]
    plan, parts = plan_with_proofs(toggles_of(cells), cells, limits=limits, budget_s=5)
    assert certificate_of(plan, cells, parts, limits) == certificate
    assert check_bound(cells, parts, limits).bound == plan.lower_bound


def test_check_prices_under_caps__of_plan() -> None:
    """The prices that a plan under caps goes by prove its bound; raised, or for other caps, they do not."""
    cells, limits, caps = with_holes(12, 12, 8, seed=1), kf.Limits(4, 4), (4, 4, 16)
    plan, parts = plan_with_proofs(toggles_of(cells), cells, limits=limits, budget_s=5)
    (prices,) = [table for part in parts for table in part.priced if table.prices.dtype != np.int64]
    assert check_prices_under_caps(cells, prices, caps).bound == plan.lower_bound
    assert check_prices_under_caps(cells, prices, (5, 4, 20)).bound == 0
    raised = prices._replace(prices=prices.prices * 1.01)
    assert check_prices_under_caps(cells, raised, caps).bound == 0
    moved = prices._replace(entities=prices.entities[::-1])
    assert check_prices_under_caps(cells, moved, caps).bound == 0


def test_bound_by_blocks_apart__refuses() -> None:
    """Blocks that are not full, or of which a request may have cells of two, prove nothing."""
    cells = np.kron(np.eye(2, dtype=bool), np.ones((2, 3), dtype=bool))
    halves = [(np.array([0, 1]), np.array([0, 1, 2])), (np.array([2, 3]), np.array([3, 4, 5]))]
    assert bound_by_blocks_apart(cells, halves, (2, 2, 9)) == 4
    assert bound_by_blocks_apart(cells, [(np.array([0]), np.array([0, 3]))], (2, 2, 9)) == 0
    assert bound_by_blocks_apart(cells, [(np.array([row]), np.array([0])) for row in (0, 1)], (2, 2, 9)) == 0
    assert bound_by_counting(cells, (1, 3, 9)) == 4


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pairs.csv", "user,permission\nu0,p1\nu0,p2\nu1,p2\n"),
        ("users.rmp", "# made by hand\nu0\tp1\tp2\n\n# another\nu1\tp2\n"),
    ],
)
def test_read_matrix__formats(name: str, text: str, tmp_path: Path) -> None:
    """Both public formats are read: pairs with a header, and one user a line with comments."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with gzip.open(tmp_path / f"{name}.gz", "wt", encoding="utf-8") as file:
        file.write(text)
    for path in (tmp_path / name, tmp_path / f"{name}.gz"):
        assert read_matrix(path).tolist() == [[True, False], [True, True]]
