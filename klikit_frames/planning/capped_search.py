"""Covers of parts that are too large for the caps, made of rectangles that keep them from the start."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

from .budget import STEP
from .candidates import close_columns
from .dual_prices import PRICING, price_cells
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
        pool = close_columns(cells, columns)
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
            if len(found) >= most or (len(found) % _CHECK_CLOCK_EVERY == 0 and budget.is_over):
                return None
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


def _heaviest(gains: Gains, weights: Indexes, cap: int) -> Indexes:
    """Return the numbers with the most gain per weight, as many as the cap holds, in order."""
    order = np.argsort(-gains / weights, kind="stable")
    order = order[gains[order] > 0]
    filled = np.cumsum(weights[order])
    return np.sort(order[filled <= cap])
