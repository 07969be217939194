"""Covers of parts that are too large for the caps, made of rectangles that keep them from the start."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

from .budget import STEP
from .candidates import close_columns, shared_columns
from .dual_prices import PRICING, price_cells
from .kernels import first_of_equal
from .rectangles import Rectangle, remove_overlap
from .set_cover import LocalSearch, choose_greedily

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .budget import SearchBudget
    from .groups import Indexes
    from .kernels import Bits
    from .limits import Limits

    Gains = NDArray[np.float32]

_CHECK_CLOCK_EVERY = 16
_MOST_INCIDENCES = 20_000_000
_PRICING_ROUNDS = 10
_WORTH_ADDING = 1.001
_SEED = 7
_MOST_COMMON = 1_000
_MOST_LEVELS = 8


class CappedSearch:
    """Covers of one table by blocks within the caps.

    Parameters
    ----------
    cells, asked : array of bool
        The table, and those of its cells that must be covered.
    weights : pair of arrays of int64
        How many entities each row, and how many stores each column, stands for.
    columns : array of bool
        Column sets of rectangles to take the blocks from; together they cover the table.
    limits : Limits
        The caps.
    piece : pair of int
        Side lengths within the caps that no row and no column alone is above.

    Attributes
    ----------
    is_cut : bool
        Whether the budget ended the search before it had covered the table.
    """

    def __init__(
        self,
        cells: Bits,
        asked: Bits,
        weights: tuple[Indexes, Indexes],
        columns: Bits,
        *,
        limits: Limits,
        piece: tuple[int, int],
    ) -> None:
        self._cells, self._asked = cells, asked
        self._weights, self._limits, self._piece = weights, limits, piece
        self.is_cut = False
        common = [common_lines(cells, weights[1], least=limits.stores, most=_MOST_COMMON)]
        of_rows = common_lines(cells.T, weights[0], least=limits.ids, most=_MOST_COMMON)
        common.append(shared_columns(cells, of_rows))
        pool = close_columns(cells, np.concatenate([columns, *common]))
        first, _ = first_of_equal(pool.columns)
        pool = pool.take(first[pool.rows[first].any(axis=1)])
        self._wholes = [
            Rectangle(np.flatnonzero(rows), np.flatnonzero(held)) for rows, held in zip(*pool, strict=True)
        ]

    def search(self, budget: SearchBudget, *, most: int) -> list[Rectangle] | None:
        """Return a cover of at most `most` blocks with little overlap, or None."""
        found = self._greedy(budget, most=4 * most)
        if found is None:
            return None
        if len(found) * int(self._asked.sum()) <= _MOST_INCIDENCES:
            found = self._improved(found, budget)
        return remove_overlap(found, ~self._asked) if len(found) <= most else None

    def _greedy(self, budget: SearchBudget, *, most: int) -> list[Rectangle] | None:
        """Take the block that adds the most cells, again and again."""
        left = np.multiply.outer(*self._weights).astype(np.float32) * self._asked
        heap = [(-float(left[whole.inside].sum()), number) for number, whole in enumerate(self._wholes)]
        heapq.heapify(heap)
        found: list[Rectangle] = []
        while heap and left.any():
            if len(found) >= most:
                return None
            if len(found) % _CHECK_CLOCK_EVERY == 0 and budget.is_over:
                self.is_cut = True
                return found + self._rest(left > 0)
            number = heapq.heappop(heap)[1]
            block, gain = self._best_inside(self._wholes[number], left)
            budget.charge(20.0 * self._wholes[number].n_cells + STEP)
            # What others can add only shrinks, so whoever still leads after a fresh look is the best.
            if gain > 0 and (not heap or gain >= -heap[0][0]):
                found.append(block)
                left[block.inside] = 0
            if gain > 0:
                heapq.heappush(heap, (-gain, number))
        return None if left.any() else found

    def _rest(self, left: Bits) -> list[Rectangle]:
        """Cover what is left line by line: rows or columns, whichever are fewer requests."""
        heights, widths = self._weights
        by_rows = [
            Rectangle(np.array([row]), some)
            for row in np.flatnonzero(left.any(axis=1))
            for some in _filled(np.flatnonzero(left[row]), widths, self._limits.room(int(heights[row])))
        ]
        limits = self._limits.transposed
        by_columns = [
            Rectangle(some, np.array([column]))
            for column in np.flatnonzero(left.any(axis=0))
            for some in _filled(np.flatnonzero(left[:, column]), heights, limits.room(int(widths[column])))
        ]
        return min(by_rows, by_columns, key=len)

    def _improved(self, found: list[Rectangle], budget: SearchBudget) -> list[Rectangle]:
        """Widen the choice by what the prices of the cells ask for, then swap."""
        places = np.nonzero(self._asked)
        pool, prices = list(found), None
        best = list(range(len(found)))
        for _ in range(_PRICING_ROUNDS):
            covers = self._covers(pool)
            if budget.is_over or covers.size > _MOST_INCIDENCES:
                break
            prices = price_cells(covers, best=len(best), prices=prices)
            budget.charge(PRICING * covers.size)
            worth = np.zeros(self._cells.shape, dtype=np.float32)
            worth[places] = prices
            pool += self._asked_for(worth, budget)
            best = min(best, choose_greedily(self._covers(pool)), key=len)
        local_search = LocalSearch(self._covers(pool), draw=np.random.default_rng(_SEED))
        chosen = local_search.improve(best, n_steps=3_000, target=1, budget=budget)
        return [pool[number] for number in chosen]

    def _asked_for(self, worth: Gains, budget: SearchBudget) -> list[Rectangle]:
        """Return the best block of each rectangle that is worth more than a request."""
        found = []
        for whole in self._wholes:
            if budget.is_over:
                break
            block, value = self._best_inside(whole, worth)
            budget.charge(20.0 * whole.n_cells + STEP)
            if value > _WORTH_ADDING:
                found.append(block)
        return found

    def _covers(self, pool: list[Rectangle]) -> Bits:
        covers = np.zeros((len(pool), *self._cells.shape), dtype=bool)
        for number, block in enumerate(pool):
            covers[number][block.inside] = True
        return covers[:, self._asked]

    def _best_inside(self, whole: Rectangle, gains: Gains) -> tuple[Rectangle, float]:
        """Return the block within the caps, inside a rectangle, that gains the most, and how much that is."""
        own = gains[whole.inside]
        heights, widths = self._weights[0][whole.rows], self._weights[1][whole.columns]
        best, most = (np.arange(0), np.arange(0)), 0.0
        for tall, wide in self._shapes(int(heights.sum()), int(widths.sum())):
            rows = _heaviest(own.sum(axis=1), heights, tall)
            by_rows = rows, _heaviest(own[rows].sum(axis=0), widths, wide)
            columns = _heaviest(own.sum(axis=0), widths, wide)
            by_columns = _heaviest(own[:, columns].sum(axis=1), heights, tall), columns
            for inside in (by_rows, by_columns):
                gain = float(own[inside[0][:, None], inside[1]].sum())
                if gain > most:
                    best, most = inside, gain
        return Rectangle(whole.rows[best[0]], whole.columns[best[1]]), most

    def _shapes(self, height: int, width: int) -> set[tuple[int, int]]:
        """Return the side lengths to try: as tall as can be, as wide as can be, and even."""
        limits = self._limits
        tall, wide = min(limits.ids, height), min(limits.stores, width)
        return {
            (tall, min(wide, limits.cells // tall)),
            (min(tall, limits.cells // wide), wide),
            limits.grid(height, width),
            self._piece,
        }


def _filled(numbers: Indexes, weights: Indexes, cap: int) -> list[Indexes]:
    """Cut numbers, in order, into runs whose weights the cap holds."""
    runs: list[list[int]] = []
    filled = cap
    for each in numbers.tolist():
        filled += int(weights[each])
        if filled > cap:
            runs.append([])
            filled = int(weights[each])
        runs[-1].append(each)
    return [np.array(run) for run in runs]


def common_lines(cells: Bits, widths: Indexes, *, least: int, most: int) -> Bits:
    """Return sets of columns that several rows share and that still fill a request.

    Level by level, as frequent sets are found: each set is met with each row, and the widest are kept. Where
    no row is as wide as the cap there are none, and none are needed.

    Parameters
    ----------
    cells : array of bool
        The table.
    widths : array of int64
        What each column counts for.
    least : int
        The width that fills a request.
    most : int
        How many sets each level keeps.
    """
    table, weights = cells.astype(np.float32), widths.astype(np.float32)
    sets = cells[table @ weights >= least]
    found = [sets]
    for _ in range(_MOST_LEVELS):
        held = sets.astype(np.float32) * weights
        shared = held @ table.T
        shared[shared >= held.sum(axis=1, keepdims=True) - 0.5] = 0
        places = np.flatnonzero(shared >= least)
        some = places[np.argsort(-shared.flat[places], kind="stable")[: 3 * most]]
        rows, others = np.divmod(some, len(cells))
        sets = sets[rows] & cells[others]
        sets = sets[first_of_equal(sets)[0]][:most] if len(sets) else sets
        if not len(sets):
            break
        found.append(sets)
    return np.concatenate(found)


def _heaviest(gains: Gains, weights: Indexes, cap: int) -> Indexes:
    """Return the numbers with the most gain per weight, as many as the cap holds, in order."""
    order = np.argsort(-gains / weights, kind="stable")
    order = order[gains[order] > 0]
    filled = np.cumsum(weights[order])
    return np.sort(order[filled <= cap])
