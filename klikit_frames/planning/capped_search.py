"""Covers of parts that are too large for the caps, made of rectangles that keep them from the start.

They are made of blocks: the best within the caps that lies inside a rectangle, by what its cells are worth.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

from .budget import STEP
from .candidates import close_columns, shared_columns
from .milp import has_solver, solve_set_cover
from .rectangles import Rectangle, remove_overlap
from .reductions import first_of_equal
from .set_cover import PRICING, LocalSearch, choose_greedily, incidence_of_lists, price_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .budget import SearchBudget
    from .groups import Indexes
    from .limits import Limits
    from .reductions import Bits

    Gains = NDArray[np.float32]
    from .set_cover import Incidence, Prices

_WORTH_ADDING = 1.001
_MOST_ADDED = 1_500
_BATCH = 512
_MOST_COMMON = 1_000
_MOST_LEVELS = 8


class CappedBlocks:
    """Maximal rectangles of one table, and the blocks within the caps that lie inside them.

    Parameters
    ----------
    cells : array of bool
        The table.
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
    wholes : list of Rectangle
        The maximal rectangles.
    """

    def __init__(
        self,
        cells: Bits,
        weights: tuple[Indexes, Indexes],
        columns: Bits,
        *,
        limits: Limits,
        piece: tuple[int, int],
    ) -> None:
        self._weights, self._limits, self._piece = weights, limits, piece
        common = [common_lines(cells, weights[1], least=limits.stores, most=_MOST_COMMON)]
        of_rows = common_lines(cells.T, weights[0], least=limits.ids, most=_MOST_COMMON)
        common.append(shared_columns(cells, of_rows))
        pool = close_columns(cells, np.concatenate([columns, *common]))
        first, _ = first_of_equal(pool.columns)
        self._pool = pool.take(first[pool.rows[first].any(axis=1)])
        self.wholes = [
            Rectangle(np.flatnonzero(rows), np.flatnonzero(held))
            for rows, held in zip(*self._pool, strict=True)
        ]

    def worth_adding(self, worth: Gains, budget: SearchBudget) -> list[Rectangle]:
        """Return the best block of each rectangle that has one worth more than a request."""
        hopes = self._hopes(worth)
        budget.charge(worth.size * len(hopes) / 4)
        order = np.argsort(-hopes, kind="stable")
        found: list[Rectangle] = []
        for number in order[hopes[order] > _WORTH_ADDING].tolist():
            if budget.is_over or len(found) >= _MOST_ADDED:
                break
            block, value = self.best_inside(number, worth)
            budget.charge(20.0 * self.wholes[number].n_cells + STEP)
            if value > _WORTH_ADDING:
                found.append(block)
        return found

    def _hopes(self, worth: Gains) -> Gains:
        """Return for each rectangle what no block inside is worth more than: its best columns, all rows."""
        found = [np.empty(0, dtype=np.float32)]
        n_left_out = max(0, worth.shape[1] - self._limits.stores)
        for start in range(0, len(self._pool), _BATCH):
            some = slice(start, start + _BATCH)
            sums = (self._pool.rows[some].astype(np.float32) @ worth) * self._pool.columns[some]
            if n_left_out:
                sums.partition(n_left_out, axis=1)
            found.append(sums[:, n_left_out:].sum(axis=1))
        return np.concatenate(found)

    def best_inside(self, number: int, gains: Gains) -> tuple[Rectangle, float]:
        """Return the block within the caps, inside a rectangle, that gains the most, and how much that is."""
        whole = self.wholes[number]
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
        if limits.cells >= tall * wide:
            return {(tall, wide)}
        return {
            (tall, min(wide, limits.cells // tall)),
            (min(tall, limits.cells // wide), wide),
            limits.grid(height, width),
            self._piece,
        }


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
