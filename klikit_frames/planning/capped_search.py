"""Covers of parts that are too large for the caps, made of rectangles that keep them from the start."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

from .budget import STEP
from .capped_blocks import CappedBlocks
from .milp import has_solver, solve_set_cover
from .rectangles import Rectangle, remove_overlap
from .set_cover import PRICING, LocalSearch, choose_greedily, incidence_of_lists, price_cells

if TYPE_CHECKING:
    from .budget import SearchBudget
    from .groups import Indexes
    from .limits import Limits
    from .reductions import Bits
    from .set_cover import Incidence, Prices

_MOST_INCIDENCES = 20_000_000
_MOST_SWAPS = 2_000
_SWAPS_PER_BLOCK = 20
_MOST_IDLE = 3
# A turn that found no better cover was not idle if it made the choice so much wider.
_MUCH_WIDER = 1.05
_AS_GOOD = 0.9
_SEED = 7


class CappedSearch:
    """Covers of one table by blocks within the caps.

    Parameters
    ----------
    cells, asked : array of bool
        The table, and those of its cells that must be covered.
    weights, columns, limits, piece
        As for `CappedBlocks`, which says what the blocks are taken from.

    Attributes
    ----------
    is_cut : bool
        Whether the budget ended the search within its first turn.
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
        self._asked, self._weights, self._limits, self._piece = asked, weights, limits, piece
        self._blocks = CappedBlocks(cells, weights, columns, limits=limits, piece=piece)
        self._numbers = np.full(cells.shape, -1, dtype=np.int64)
        self._numbers[asked] = np.arange(int(asked.sum()))
        self._draw = np.random.default_rng(_SEED)
        self.is_cut = True

    def search(self, cover: list[Rectangle], budget: SearchBudget, *, least: int) -> list[Rectangle]:
        """Return a cover by blocks with little overlap.

        Parameters
        ----------
        cover : list of Rectangle
            A cover that need not keep the caps, to begin with.
        budget : SearchBudget
            How long it may take.
        least : int
            No cover has fewer blocks.
        """
        cut = [piece for each in cover for piece in self._cut(each)]
        greedy, is_cover = self._greedy(budget.split(4), most=len(cut))
        best = list(range(len(cut)))
        if is_cover:
            budget.saved = max(budget.saved, len(cut) - len(greedy))
            best = list(range(len(cut), len(cut) + len(greedy)))
        return remove_overlap(self._improved(cut + greedy, best, budget, least=least), ~self._asked)

    def _cut(self, whole: Rectangle) -> list[Rectangle]:
        """Return pieces of a rectangle, made of whole rows and columns of the table."""
        heights, widths = self._weights[0][whole.rows], self._weights[1][whole.columns]
        # A band leaves room for the widest column; as no piece of a class is above the caps, every row fits.
        tallest = min(self._limits.ids, self._limits.cells // int(widths.max()))
        grid = self._limits.grid(int(heights.sum()), int(widths.sum()))[0]
        talls = {min(tallest, max(each, int(heights.max()))) for each in (grid, tallest, self._piece[0])}
        return min((self._cut_at(whole, tall) for tall in sorted(talls)), key=len)

    def _cut_at(self, whole: Rectangle, tall: int) -> list[Rectangle]:
        """Return such pieces in bands of at most a height."""
        heights, widths = self._weights
        return [
            Rectangle(band, strip)
            for band in _packed(whole.rows, heights, tall)
            for strip in _packed(whole.columns, widths, self._limits.room(int(heights[band].sum())))
        ]

    def _greedy(self, budget: SearchBudget, *, most: int) -> tuple[list[Rectangle], bool]:
        """Take the block that adds the most cells, again and again; say whether they cover the table."""
        left = np.multiply.outer(*self._weights).astype(np.float32) * self._asked
        wholes = self._blocks.wholes
        heap = [(-float(left[whole.inside].sum()), number) for number, whole in enumerate(wholes)]
        heapq.heapify(heap)
        found: list[Rectangle] = []
        while heap and len(found) < most and not budget.is_over:
            number = heapq.heappop(heap)[1]
            block, gain = self._blocks.best_inside(number, left)
            budget.charge(20.0 * wholes[number].n_cells + STEP)
            # What others can add only shrinks, so whoever still leads after a fresh look is the best; taking
            # one that nearly leads saves many looks.
            if gain > 0 and (not heap or gain >= -_AS_GOOD * heap[0][0]):
                found.append(block)
                left[block.inside] = 0
            if gain > 0:
                heapq.heappush(heap, (-gain, number))
        return found, not left.any()

    def _improved(
        self, pool: list[Rectangle], best: list[int], budget: SearchBudget, *, least: int
    ) -> list[Rectangle]:
        """Widen the choice by what the prices of the cells ask for, and swap, in turns.

        Parameters
        ----------
        pool : list of Rectangle
            Blocks to choose from.
        best : list of int
            Those of them that are the best cover so far.
        """
        prices, weights, n_idle = None, np.ones(int(self._asked.sum())), 0
        while len(best) > least and n_idle < _MOST_IDLE and not budget.is_over:
            n_before, n_pool = len(best), len(pool)
            prices = self._widen(pool, prices, best=n_before, budget=budget)
            incidence = self._incidence(pool)
            best = min(best, choose_greedily(incidence), key=len)
            # Which cells are hard is worth knowing in the next turn too.
            swaps = LocalSearch(incidence, draw=self._draw, weights=weights)
            n_steps = min(_MOST_SWAPS, _SWAPS_PER_BLOCK * len(best))
            best = swaps.improve(best, n_steps=n_steps, target=least, budget=budget)
            budget.saved += n_before - len(best)
            n_idle = 0 if len(best) < n_before or len(pool) > _MUCH_WIDER * n_pool else n_idle + 1
            self.is_cut = self.is_cut and budget.is_over
        self.is_cut = self.is_cut and len(best) > least
        if has_solver() and len(best) > least and not budget.is_over:
            best = solve_set_cover(self._incidence(pool), best=best, budget=budget).chosen
        return [pool[number] for number in best]

    def _widen(
        self, pool: list[Rectangle], prices: Prices | None, *, best: int, budget: SearchBudget
    ) -> Prices:
        """Add to the pool, in place, the blocks that its prices ask for; return the prices."""
        incidence = self._incidence(pool)
        prices = price_cells(incidence, best=best, prices=prices)
        budget.charge(PRICING * incidence.n_incidences)
        worth = np.zeros(self._asked.shape, dtype=np.float32)
        worth[self._asked] = prices
        if incidence.n_incidences <= _MOST_INCIDENCES:
            pool += self._blocks.worth_adding(worth, budget)
        return prices

    def _incidence(self, pool: list[Rectangle]) -> Incidence:
        lists = [self._numbers[block.inside].ravel() for block in pool]
        return incidence_of_lists([each[each >= 0] for each in lists], n_cells=int(self._asked.sum()))


def _packed(numbers: Indexes, weights: Indexes, cap: int) -> list[Indexes]:
    """Put numbers into as few sets as first-fit, heaviest first, makes of them; the cap holds each."""
    own = weights[numbers]
    room, place = np.full(len(numbers), cap), np.empty(len(numbers), dtype=np.int64)
    for each in np.argsort(-own, kind="stable").tolist():
        place[each] = (room >= own[each]).argmax()
        room[place[each]] -= own[each]
    return [numbers[place == each] for each in range(int(place.max()) + 1)]
