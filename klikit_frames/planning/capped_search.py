"""Covers of parts that are too large for the caps, made of rectangles that keep them from the start.

First whole classes of equal lines are put together, as they are or cut at the caps. Then prices of the cells
are found, which prove a bound and lead a second choice to what is hard to cover; there a request takes as
much of a class as there is room for, and the class is cut.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .budget import STEP
from .capped_blocks import CappedBlocks, Pieces
from .exact_covers import has_solver, solve_set_cover
from .groups import Rectangle, remove_overlap
from .neighbourhood_search import NeighbourhoodSearch
from .pricing import CountedBlock, DualPrices, best_counts
from .set_cover import LocalSearch, choose_greedily, drop_redundant, incidence_of_lists

if TYPE_CHECKING:
    from .budget import SearchBudget
    from .capped_blocks import Gains
    from .groups import Indexes
    from .limits import Limits
    from .pricing import Worths
    from .reductions import Bits
    from .set_cover import Incidence

_MOST_SOLVED = 400_000
_MOST_SWAPS = 2_000
_SWAPS_PER_BLOCK = 20
_MOST_IDLE = 3
_AS_GOOD = 0.9
# Blocks worth this much of a request under the prices are worth choosing from.
_TIGHT, _FAIRLY_TIGHT = 0.95, 0.9
_MOST_TIGHT = 6_000
_SEED = 7
# A cell without a price must be covered all the same.
_LEAST_GAIN = 1e-7


class _Choice(NamedTuple):
    """Blocks to choose from, as sets of pieces, and which of them are the best cover so far."""

    rows: Bits
    columns: Bits
    best: list[int]


class CappedSearch:
    """Covers of one table by blocks within the caps.

    Parameters
    ----------
    cells, asked : array of bool
        The table of classes of equal lines, and those of its cells that must be covered.
    weights, columns, limits, piece, budget
        As for `CappedBlocks`, which says what the blocks are taken from.

    Attributes
    ----------
    rows, columns : Pieces
        The pieces of the table's lines, which the cover is made of.
    bound : int
        No cover within the caps has fewer blocks.
    prices : array of float64, or None
        What a single cell of each pair of classes is worth, where prices were looked for.
    is_cut : bool
        Whether the budget ended the search before it had looked at all.
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
        budget: SearchBudget,
    ) -> None:
        self._cells, self._asked, self._limits, self._piece = cells, asked, limits, piece
        self._class_weights = weights
        self.rows, self.columns = (
            Pieces(side_weights, cap) for side_weights, cap in zip(weights, piece, strict=True)
        )
        self._blocks = CappedBlocks(
            self._of_pieces(cells),
            (self.rows.sizes, self.columns.sizes),
            columns[:, self.columns.class_of],
            limits=limits,
            piece=piece,
            budget=budget,
        )
        self._draw = np.random.default_rng(_SEED)
        self.is_cut, self.bound = True, 1
        self.prices: Worths | None = None

    def search(self, cover: list[Rectangle], budget: SearchBudget, *, least: int) -> list[Rectangle]:
        """Return a cover by blocks of pieces with little overlap.

        Parameters
        ----------
        cover : list of Rectangle
            A cover of the table of classes that need not keep the caps, to begin with.
        budget : SearchBudget
            How long it may take.
        least : int
            No cover has fewer blocks.
        """
        self.bound = least
        cut = [piece for block in cover for piece in self._cut(self._in_pieces(block))]
        greedy = self._greedy(budget.reserve(2), cut)
        best = min(cut, greedy, key=len)
        budget.saved = max(budget.saved, len(cut) - len(best))
        if len(best) > least and not budget.is_over:
            best = self._improved(cut + greedy, best, budget)
        else:
            self.is_cut = len(best) > least
        return remove_overlap(best, ~self._of_pieces(self._asked))

    def _of_pieces(self, table: Bits) -> Bits:
        """Return a table of classes as one of pieces."""
        return table[np.ix_(self.rows.class_of, self.columns.class_of)]

    def _in_pieces(self, whole: Rectangle) -> Rectangle:
        rows, columns = (
            np.flatnonzero(np.isin(pieces.class_of, classes))
            for pieces, classes in zip((self.rows, self.columns), whole, strict=True)
        )
        return Rectangle(rows, columns)

    def _cut(self, whole: Rectangle) -> list[Rectangle]:
        """Return blocks that a rectangle is cut into, made of whole pieces."""
        heights, widths = self.rows.sizes[whole.rows], self.columns.sizes[whole.columns]
        # A band leaves room for the widest column; as no piece of a class is above the caps, every row fits.
        tallest = min(self._limits.ids, self._limits.cells // int(widths.max()))
        grid = self._limits.grid(int(heights.sum()), int(widths.sum()))[0]
        talls = {min(tallest, max(height, int(heights.max()))) for height in (grid, tallest, self._piece[0])}
        return min((self._cut_at(whole, tall) for tall in sorted(talls)), key=len)

    def _cut_at(self, whole: Rectangle, tall: int) -> list[Rectangle]:
        """Return such blocks in bands of at most a height."""
        heights, widths = self.rows.sizes, self.columns.sizes
        return [
            Rectangle(band, strip)
            for band in _packed(whole.rows, heights, tall)
            for strip in _packed(whole.columns, widths, self._limits.room(int(heights[band].sum())))
        ]

    def _greedy(self, budget: SearchBudget, cut: list[Rectangle]) -> list[Rectangle]:
        """Take the block that adds the most cells, again and again; out of time, blocks of a known cover."""
        sizes = np.multiply.outer(self.rows.sizes, self.columns.sizes)
        left = sizes.astype(np.float32) * self._of_pieces(self._asked)
        wholes = self._blocks.wholes
        heap: list[tuple[float, int]] = [
            (-most, number) for number, most in enumerate(self._most_cells(wholes))
        ]
        heapq.heapify(heap)
        budget.charge(STEP / 20 * len(wholes))
        blocks: list[Rectangle] = []
        while heap and len(blocks) < len(cut) and not budget.is_over:
            number = heapq.heappop(heap)[1]
            block, gain = self._blocks.best_inside(number, left)
            budget.charge(20.0 * wholes[number].n_cells + STEP)
            # What others can add only shrinks, so whoever still leads after a fresh look is the best; taking
            # one that nearly leads saves many looks.
            if gain > 0 and (not heap or gain >= -_AS_GOOD * heap[0][0]):
                blocks.append(block)
                left[block.inside] = 0
            if gain > 0:
                heapq.heappush(heap, (-gain, number))
        for block in sorted(cut, key=lambda block: -float(left[block.inside].sum())) if left.any() else []:
            if left[block.inside].any():
                blocks.append(block)
                left[block.inside] = 0
        return blocks

    def _most_cells(self, wholes: list[Rectangle]) -> list[int]:
        """Return for each rectangle what no request inside has more cells than."""
        limits = self._limits
        totals = (
            (self.rows.sizes[whole.rows].sum(), self.columns.sizes[whole.columns].sum()) for whole in wholes
        )
        return [
            min(limits.cells, min(limits.ids, int(tall)) * min(limits.stores, int(wide)))
            for tall, wide in totals
        ]

    def _improved(
        self, pool: list[Rectangle], best: list[Rectangle], budget: SearchBudget
    ) -> list[Rectangle]:
        """Return a better cover, and raise the bound, as long as the budget allows."""
        prices = DualPrices(self._cells, self._asked, self._class_weights, self._limits)
        lines = [
            self._in_pieces(Rectangle(np.array([row]), np.flatnonzero(line)))
            for row, line in enumerate(self._cells)
        ]
        lines += [
            self._in_pieces(Rectangle(np.flatnonzero(line), np.array([column])))
            for column, line in enumerate(self._cells.T)
        ]
        simple = [piece for block in lines if block.n_cells for piece in self._cut(block)]
        blocks = map(self._counted, pool + simple)
        prices.improve(blocks, budget.reserve(2), enough=len(best), suggest=self._dear_blocks)
        self.bound, self.prices = max(self.bound, prices.bound), prices.proven
        if len(best) <= self.bound or budget.is_over:
            self.is_cut = len(best) > self.bound
            return best
        near = self._blocks.worth_adding(self._spread(prices.table), budget.reserve(8), least=_FAIRLY_TIGHT)
        choice = self._refined(pool + near, best, prices, budget.reserve(6))
        chosen = self._chosen(choice, budget.reserve(6))
        return self._repaired(chosen, prices.table, budget)

    def _counted(self, block: Rectangle) -> CountedBlock:
        return CountedBlock(*self.rows.counted(block.rows), *self.columns.counted(block.columns))

    def _dear_blocks(self, prices: Worths, budget: SearchBudget) -> list[CountedBlock]:
        return [self._counted(block) for block in self._blocks.worth_adding(self._spread(prices), budget)]

    def _spread(self, prices: Worths) -> Gains:
        """Return what the pieces' cells are worth, given the prices of single cells."""
        sizes = np.multiply.outer(self.rows.sizes, self.columns.sizes)
        worths = prices[np.ix_(self.rows.class_of, self.columns.class_of)] * sizes
        spread: Gains = worths.astype(np.float32)
        return spread

    def _refined(
        self, pool: list[Rectangle], best: list[Rectangle], prices: DualPrices, budget: SearchBudget
    ) -> _Choice:
        """Cut classes where a cover led by the prices cuts them, and put all blocks into the pieces."""
        blocks = [*best, *pool]
        n_before = len(self.rows), len(self.columns)
        worths = prices.worths
        order = np.argsort(-worths, kind="stable")
        order = order[worths[order] > _FAIRLY_TIGHT][:_MOST_TIGHT]
        near = [*map(self._counted, best), *(prices.blocks[number] for number in order.tolist())]
        greedy = _SplittingGreedy(self, prices.table, near)
        greedy.run(budget.reserve(2), most=2 * len(best))
        since = [
            np.array([*[before] * len(blocks), *later], dtype=np.int64)
            for before, later in zip(n_before, greedy.since, strict=True)
        ]
        blocks += greedy.found
        tight = order[worths[order] > _TIGHT].tolist()
        fitted = [self._fitted(prices.blocks[number]) for number in tight if not budget.is_over]
        fitted = [block for block in fitted if block.n_cells]
        rows = _joined(
            self.rows, [block.rows for block in blocks], since[0], [block.rows for block in fitted]
        )
        columns = _joined(
            self.columns, [block.columns for block in blocks], since[1], [block.columns for block in fitted]
        )
        cover = list(range(len(best)))
        if greedy.is_cover and len(greedy.found) < len(best):
            cover = list(range(len(blocks) - len(greedy.found), len(blocks)))
        return _Choice(rows, columns, cover)

    def _fitted(self, block: CountedBlock) -> Rectangle:
        rows = self.rows.fitting(block.rows, block.heights)
        return Rectangle(rows, self.columns.fitting(block.columns, block.widths))

    def _chosen(self, choice: _Choice, budget: SearchBudget) -> list[Rectangle]:
        """Return the best cover that local search, or the solver, makes of the blocks."""
        blocks = [
            Rectangle(np.flatnonzero(rows), np.flatnonzero(columns))
            for rows, columns in zip(choice.rows, choice.columns, strict=True)
        ]
        incidence = self._incidence(blocks)
        best = drop_redundant(incidence, choice.best)
        best = min(best, choose_greedily(incidence), key=len)
        weights, n_idle = np.ones(incidence.n_cells), 0
        while len(best) > self.bound and n_idle < _MOST_IDLE and not budget.is_over:
            n_before = len(best)
            # Which cells are hard is worth knowing in the next turn too.
            swaps = LocalSearch(incidence, draw=self._draw, weights=weights)
            n_steps = min(_MOST_SWAPS, _SWAPS_PER_BLOCK * len(best))
            best = swaps.improve(best, n_steps=n_steps, target=self.bound, budget=budget)
            budget.saved += n_before - len(best)
            n_idle = 0 if len(best) < n_before else n_idle + 1
        is_small = incidence.n_incidences <= _MOST_SOLVED
        if has_solver() and is_small and len(best) > self.bound and not budget.is_over:
            best = solve_set_cover(incidence, best=best, budget=budget)
        return [blocks[number] for number in best]

    def _repaired(self, blocks: list[Rectangle], prices: Worths, budget: SearchBudget) -> list[Rectangle]:
        """Return a cover made smaller by blocks of any pieces, in what is left of the budget."""
        sizes = self.rows.sizes, self.columns.sizes
        repair = NeighbourhoodSearch(
            self._of_pieces(self._cells),
            self._of_pieces(self._asked),
            sizes,
            self.gains(prices) * np.multiply.outer(*sizes),
            blocks,
            limits=self._limits,
            shapes=self.shapes(),
            draw=self._draw,
        )
        repair.improve(target=self.bound, budget=budget)
        self.is_cut = not repair.is_done
        return repair.blocks

    def _incidence(self, blocks: list[Rectangle]) -> Incidence:
        asked = self._of_pieces(self._asked)
        numbers = np.full(asked.shape, -1, dtype=np.int64)
        numbers[asked] = np.arange(int(asked.sum()))
        lists = [numbers[block.inside].ravel() for block in blocks]
        return incidence_of_lists([numbers[numbers >= 0] for numbers in lists], n_cells=int(asked.sum()))

    def greedy_wholes(self, blocks: list[CountedBlock]) -> list[tuple[Bits, Bits]]:
        """Return the maximal rectangles of classes around some blocks, as sets of rows and columns."""
        distinct: dict[bytes, tuple[Bits, Bits]] = {}
        for block in blocks:
            by_columns = np.all(self._cells[:, block.columns], axis=1)
            by_rows = np.all(self._cells[block.rows], axis=0)
            for rows, columns in (
                (by_columns, np.all(self._cells[by_columns], axis=0)),
                (np.all(self._cells[:, by_rows], axis=1), by_rows),
            ):
                distinct.setdefault(rows.tobytes(), (rows, columns))
        return list(distinct.values())

    def gains(self, prices: Worths) -> Worths:
        """Return what a single cell of each pair of pieces is worth, at least a trifle if it is asked for."""
        gains = np.where(self._asked, np.maximum(prices, _LEAST_GAIN), 0.0)
        return gains[np.ix_(self.rows.class_of, self.columns.class_of)]

    def shapes(self) -> list[tuple[int, int]]:
        """Return the side lengths of requests to try."""
        limits = self._limits
        if limits.cells >= limits.ids * limits.stores:
            return [(limits.ids, limits.stores)]
        talls = {self._piece[0], *(limits.cells // wide for wide in (limits.stores, self._piece[1]))}
        talls |= {limits.ids, int(np.sqrt(limits.cells))}
        return sorted((tall, limits.room(tall)) for tall in talls if 1 <= tall <= limits.ids)


class _SplittingGreedy:
    """A cover by the dearest blocks, which cut the pieces of their classes where the cap falls.

    Parameters
    ----------
    search : CappedSearch
        Whose pieces are cut.
    prices : array of float64
        What each single cell is worth.
    blocks : list of CountedBlock
        Those of the most worth.

    Attributes
    ----------
    found : list of Rectangle
        Blocks of pieces, as they were when each was found.
    since : pair of list of int
        How many row pieces, and column pieces, there were then.
    """

    def __init__(self, search: CappedSearch, prices: Worths, blocks: list[CountedBlock]) -> None:
        self._sides = search.rows, search.columns
        self._wholes, self._shapes = search.greedy_wholes(blocks), search.shapes()
        self._left = search.gains(prices)
        self.found: list[Rectangle] = []
        self.since: tuple[list[int], list[int]] = ([], [])

    @property
    def is_cover(self) -> bool:
        """Whether nothing is left to cover."""
        return not self._left.any()

    def run(self, budget: SearchBudget, *, most: int) -> None:
        """Take the block of the most worth again and again."""
        heap = [(-self._best(number, budget)[0], number) for number in range(len(self._wholes))]
        heapq.heapify(heap)
        while heap and len(self.found) < most and not budget.is_over:
            number = heapq.heappop(heap)[1]
            worth, block, counts = self._best(number, budget)
            if worth > 0 and (not heap or worth >= -_AS_GOOD * heap[0][0]):
                self._take(block, counts)
            if worth > 0:
                heapq.heappush(heap, (-worth, number))

    def _best(self, number: int, budget: SearchBudget) -> tuple[float, Rectangle, tuple[Indexes, Indexes]]:
        rows, columns = (
            np.flatnonzero(classes[side.class_of])
            for classes, side in zip(self._wholes[number], self._sides, strict=True)
        )
        left = self._left[rows[:, None], columns]
        rows, columns = rows[left.any(axis=1)], columns[left.any(axis=0)]
        left = self._left[rows[:, None], columns]
        budget.charge(200.0 * left.size + 2 * STEP)
        sizes = self._sides[0].sizes[rows], self._sides[1].sizes[columns]
        choices = (best_counts(left, sizes, tall, wide) for tall, wide in self._shapes)
        heights, widths, worth = max(choices, key=lambda choice: choice[2])
        is_in = heights > 0, widths > 0
        block = Rectangle(rows[is_in[0]], columns[is_in[1]])
        return worth, block, (heights[is_in[0]], widths[is_in[1]])

    def _take(self, block: Rectangle, counts: tuple[Indexes, Indexes]) -> None:
        for axis, (side, pieces, taken) in enumerate(zip(self._sides, block, counts, strict=True)):
            for piece, count in zip(pieces.tolist(), taken.tolist(), strict=True):
                if count < side.sizes[piece]:
                    side.cut(piece, count)
                    line = self._left.take([piece], axis=axis)
                    self._left = np.concatenate([self._left, line], axis=axis)
            self.since[axis].append(len(side))
        self._left[block.inside] = 0
        self.found.append(block)


def _joined(side: Pieces, known: list[Indexes], since: Indexes, fitted: list[Indexes]) -> Bits:
    """Return which pieces the blocks have: those known before some pieces were cut, and fitted ones."""
    has_piece = np.zeros((len(known), len(side)), dtype=bool)
    for number, pieces in enumerate(known):
        has_piece[number, pieces] = True
    wide = np.zeros((len(fitted), len(side)), dtype=bool)
    for number, pieces in enumerate(fitted):
        wide[number, pieces] = True
    return np.concatenate([side.inherited(has_piece, since), wide])


def _packed(numbers: Indexes, weights: Indexes, cap: int) -> list[Indexes]:
    """Put numbers into as few sets as first-fit, heaviest first, makes of them; the cap holds each."""
    sizes = weights[numbers]
    room, place = np.full(len(numbers), cap), np.empty(len(numbers), dtype=np.int64)
    for number in np.argsort(-sizes, kind="stable").tolist():
        place[number] = (room >= sizes[number]).argmax()
        room[place[number]] -= sizes[number]
    return [numbers[place == number] for number in range(int(place.max()) + 1)]
