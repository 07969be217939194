"""Prices of cells under which no request is worth more than 1: their sum is a lower bound, whatever they are.

`Pricing` lowers prices until that is so. A request that holds a cell with a price begins, in a fixed order of
the rows, with one of them. For each row in turn, branch and bound looks for the requests that begin with it
and are worth more than 1; the prices of the cells of each are lowered until it is worth 1. Prices only fall,
so that what is settled stays so, and the rows that no time is left for get no price.

`DualPrices` finds prices near to the dual values of the fractional cover within the caps, by column
generation: the highest under which no block of a pool is worth more than 1, found by multiplicative steps, in
which cells that dear blocks hold too often become cheaper, the others dearer. The method is that of the
packing algorithms of Plotkin, Shmoys and Tardos (1995). Pricing then finds blocks that are worth more than 1,
which join the pool, and what it leaves is a lower bound at any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .budget import STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from .budget import SearchBudget
    from .groups import Indexes
    from .limits import Limits
    from .reductions import Bits

    Worths = NDArray[np.float64]

_MOST_NODES = 300
_TURNS = 6
# A request is lowered to a trifle below 1, so that rounding does not bring it back.
_JUST_BELOW = 1 - 1e-6


class CountedBlock(NamedTuple):
    """A block of classes of equal lines: how many entities of each row it has, and stores of each column."""

    rows: Indexes
    heights: Indexes
    columns: Indexes
    widths: Indexes


class Heights(NamedTuple):
    """From how many entities to how many a request has."""

    least: int
    most: int


class Region(NamedTuple):
    """Where the requests of one branch lie; the first row is in all of them."""

    rows: Indexes
    columns: Indexes
    heights: Heights


class _View(NamedTuple):
    """A region, looked at: its table, what its lines weigh, and what they and their requests are worth."""

    is_cell: Bits
    prices: Worths
    heights: Indexes
    widths: Indexes
    of_rows: Worths
    of_columns: Worths
    most: float


class Pricing:
    """Branch and bound for requests within the caps that are worth more than 1.

    Parameters
    ----------
    cells : array of bool
        The table, of classes of equal entities and of equal stores.
    weights : pair of arrays of int64
        How many entities each row, and how many stores each column, stands for.
    limits : Limits
        The caps.

    Attributes
    ----------
    dear : list of CountedBlock
        The requests of the last call that were worth more than 1.
    """

    def __init__(self, cells: Bits, weights: tuple[Indexes, Indexes], limits: Limits) -> None:
        self._cells, self._weights, self._limits = cells, weights, limits
        self._order = np.argsort(cells @ weights[1], kind="stable")
        self._prices: Worths = np.zeros(cells.shape)
        self.dear: list[CountedBlock] = []

    def lower(self, prices: Worths, budget: SearchBudget) -> Worths:
        """Return prices, none above those given, under which no request within the caps is worth over 1."""
        self._prices, self.dear = np.where(self._cells, prices, 0), []
        is_left: Bits = np.any(self._prices > 0, axis=1)
        for row in self._order[is_left[self._order]].tolist():
            if budget.is_over:
                self._prices[is_left] = 0
                break
            self._settle_row(row, is_left, budget)
            is_left[row] = False
        return self._prices

    def _settle_row(self, row: int, is_left: Bits, budget: SearchBudget) -> None:
        """Settle all requests that have this row and else only rows that are left."""
        columns = np.flatnonzero(self._cells[row])
        others = is_left & (self._prices[:, columns] > 0).any(axis=1)
        others[row] = False
        tallest = min(self._limits.ids, int(self._weights[0].sum()))
        rows = np.concatenate([[row], np.flatnonzero(others)])
        branches, n_nodes = [Region(rows, columns, Heights(1, tallest))], 0
        region: Region | None = None
        while branches or region is not None:
            narrowed = self._narrowed(branches.pop() if region is None else region, budget)
            n_nodes += 1
            region = None
            # Where the row itself was left out, no request that has it is left.
            if narrowed is not None and narrowed[0].rows[0] == row:
                region = self._branch(*narrowed, branches, is_last=n_nodes > _MOST_NODES)

    def _branch(self, region: Region, view: _View, branches: list[Region], *, is_last: bool) -> Region | None:
        """Return where to look next, and note down the other branch; None where the region is settled."""
        holes = ~view.is_cell
        if is_last:
            self._scale(region.rows, region.columns, view.most)
        elif holes.any():
            return self._split_at_hole(region, view, holes, branches)
        elif self._lower_best(region, view):
            return region
        elif region.heights.least < region.heights.most and self._shape(region.heights)[2]:
            middle = int(np.sqrt(region.heights.least * region.heights.most))
            branches.append(region._replace(heights=Heights(region.heights.least, middle)))
            return region._replace(heights=Heights(middle + 1, region.heights.most))
        else:
            self._scale(region.rows, region.columns, view.most)
        return None

    def _split_at_hole(self, region: Region, view: _View, holes: Bits, branches: list[Region]) -> Region:
        """Branch on the line whose presence, and whose absence, costs most: it is out, or its holes are."""
        tall, wide, _ = self._shape(region.heights)
        of_rows = view.of_rows * np.minimum(view.heights, tall)
        of_columns = view.of_columns * np.minimum(view.widths, wide)
        by_row = np.minimum(of_rows, holes @ of_columns)
        by_column = np.minimum(of_columns, of_rows @ holes)
        row, column = int(by_row.argmax()), int(by_column.argmax())
        if by_row[row] >= by_column[column]:
            if row:
                branches.append(region._replace(rows=np.delete(region.rows, row)))
            return region._replace(columns=region.columns[~holes[row]])
        branches.append(region._replace(columns=np.delete(region.columns, column)))
        return region._replace(rows=region.rows[~holes[:, column]])

    def _lower_best(self, region: Region, view: _View) -> bool:
        """Lower the best request found in a region without holes; say whether it was worth more than 1."""
        tall, wide, has_cells_cap = self._shape(region.heights)
        if has_cells_cap:
            wide = min(wide, self._limits.cells // tall)
        heights, widths, worth = best_counts(view.prices, (view.heights, view.widths), tall, wide)
        if worth <= 1:
            return False
        rows, columns = heights > 0, widths > 0
        block = CountedBlock(region.rows[rows], heights[rows], region.columns[columns], widths[columns])
        self.dear.append(block)
        self._scale(block.rows, block.columns, worth)
        return True

    def _scale(self, rows: Indexes, columns: Indexes, worth: float) -> None:
        self._prices[rows[:, None], columns] *= _JUST_BELOW / worth

    def _shape(self, heights: Heights) -> tuple[int, int, bool]:
        """Return the most entities and stores of a request, and whether the cap on cells binds it too."""
        wide = self._limits.room(heights.least)
        return heights.most, wide, heights.most * wide > self._limits.cells

    def _narrowed(self, region: Region, budget: SearchBudget) -> tuple[Region, _View] | None:
        """Leave out lines that are in no request worth more than 1; None where none is left."""
        rows, columns, heights = region
        tall, wide, has_cells_cap = self._shape(heights)
        while len(rows) and len(columns):
            inside = np.ix_(rows, columns)
            is_cell, prices = self._cells[inside], self._prices[inside]
            own_heights, own_widths = self._weights[0][rows], self._weights[1][columns]
            budget.charge(70.0 * is_cell.size + STEP)
            of_columns = best_sums(prices.T, own_heights, tall)
            with_row = best_sums(is_cell * of_columns, own_widths, wide)
            keeps = (with_row > 1) & prices.any(axis=1)
            if not keeps.all():
                rows = rows[keeps]
                continue
            of_rows = best_sums(prices, own_widths, wide)
            with_column = best_sums(is_cell.T * of_rows, own_heights, tall)
            keeps = (with_column > 1) & prices.any(axis=0)
            if not keeps.all():
                columns = columns[keeps]
                continue
            most = float(min(with_row[0], with_column.max()))
            if has_cells_cap:
                sizes = np.multiply.outer(own_heights, own_widths).ravel()
                most = min(most, float(best_sums(prices.reshape(1, -1), sizes, self._limits.cells)[0]))
            if most <= 1:
                break
            view = _View(is_cell, prices, own_heights, own_widths, of_rows, of_columns, most)
            return Region(rows, columns, heights), view
        return None


def best_sums(worths: Worths, weights: Indexes, cap: int) -> Worths:
    """Return for each line the most that columns of it are worth which weigh no more than the cap.

    Parameters
    ----------
    worths : array of float64
        What each unit of weight of each column is worth to each line.
    weights : array of int64
        Of each column; some of it may be taken.
    cap : int
        How much may be taken.
    """
    sums: Worths
    if weights.sum() <= cap:
        sums = worths @ weights
    elif (weights == 1).all():
        n_left_out = worths.shape[1] - cap
        sums = np.partition(worths, n_left_out, axis=1)[:, n_left_out:].sum(axis=1)
    else:
        # Equal worths give the same sum in any order.
        order = np.argsort(-worths, axis=1, kind="quicksort")
        ordered = weights[order]
        taken = np.clip(cap - (np.cumsum(ordered, axis=1) - ordered), 0, ordered)
        sums = (np.take_along_axis(worths, order, axis=1) * taken).sum(axis=1)
    return sums


def best_counts(
    worths: Worths, weights: tuple[Indexes, Indexes], tall: int, wide: int
) -> tuple[Indexes, Indexes, float]:
    """Return how much to take of each row and column of a full table, by turns, and what that is worth."""
    best, most = (np.zeros_like(weights[0]), np.zeros_like(weights[1])), 0.0
    by_rows = _heaviest(best_sums(worths, weights[1], wide), weights[0], tall)
    columns_first = _heaviest(best_sums(worths.T, weights[0], tall), weights[1], wide)
    for first in (by_rows, _heaviest(worths @ columns_first, weights[0], tall)):
        heights, worth = first, -1.0
        for _ in range(_TURNS):
            widths = _heaviest(heights @ worths, weights[1], wide)
            heights = _heaviest(worths @ widths, weights[0], tall)
            value = float(heights @ worths @ widths)
            if value <= worth + 1e-9:
                break
            worth = value
        if worth > most:
            best, most = (heights, widths), worth
    return best[0], best[1], most


def _heaviest(worths: Worths, weights: Indexes, cap: int) -> Indexes:
    """Return how much of each weight to take for the most worth; of what is worth nothing none."""
    order = np.argsort(-worths, kind="stable")
    sorted_weights = weights[order]
    taken = np.zeros_like(weights)
    taken[order] = np.clip(cap - (np.cumsum(sorted_weights) - sorted_weights), 0, sorted_weights)
    taken[worths <= 0] = 0
    return taken


_FIRST_STEPS, _NEXT_STEPS = 150, 100
_CHECK_CLOCK_EVERY = 16
_LEAST_PRICE = 1e-9
_STEEPEST = 30.0
# Rounding cannot add up to this share of the sum.
_ROUNDING = 1e-7
_MOST_INCIDENCES = 6_000_000
_QUICK_ROUNDS = 4
_MOST_ROUNDS = 40
# A quick round that widened the pool by less is the last.
_MUCH_WIDER = 1.02
# The pool's own bound and the proven one this near are as good as the same.
_NEAR = 0.002
# The steps may stop so far below what the pool allows.
_LEEWAY = 0.03
_OPERATIONS = 30.0
_SHARE_OF_PROVEN = 0.5


class DualPrices:
    """Prices of a table's cells, and the bound that they prove.

    Parameters
    ----------
    cells, asked : array of bool
        The table, of classes of equal lines, and those of its cells that must be covered.
    weights : pair of arrays of int64
        How many entities each row, and how many stores each column, stands for.
    limits : Limits
        The caps.

    Attributes
    ----------
    blocks : list of CountedBlock
        The pool.
    proven : array of float64, shape (rows, columns)
        Prices of each single cell of the best bound; no request is worth more than 1.
    """

    def __init__(self, cells: Bits, asked: Bits, weights: tuple[Indexes, Indexes], limits: Limits) -> None:
        self._asked, self._weights, self._limits = asked, weights, limits
        self._pricing = Pricing(cells, weights, limits)
        self._numbers = np.full(cells.shape, -1, dtype=np.int64)
        self._numbers[asked] = np.arange(int(asked.sum()))
        self._sizes = np.multiply.outer(*weights)[asked].astype(np.float64)
        self._pool = _BlockPool(self._numbers)
        self._prices: Worths = np.full(len(self._sizes), np.inf)
        self.proven: Worths = np.zeros(cells.shape)

    @property
    def blocks(self) -> list[CountedBlock]:
        """The blocks met so far."""
        return self._pool.blocks

    @property
    def bound(self) -> int:
        """No cover within the caps has fewer requests."""
        return int(np.ceil(self._sum(self.proven[self._asked]) * (1 - _ROUNDING)))

    @property
    def worths(self) -> Worths:
        """What each block of the pool is worth under the present prices."""
        return self._pool.sum_cells(self._prices)

    @property
    def table(self) -> Worths:
        """The present prices, of single cells, as a table."""
        prices = np.zeros(self._asked.shape)
        prices[self._asked] = self._prices
        return prices

    def improve(
        self,
        blocks: Iterable[CountedBlock],
        budget: SearchBudget,
        *,
        enough: int,
        suggest: Callable[[Worths, SearchBudget], list[CountedBlock]],
    ) -> None:
        """Raise the bound as long as that goes on, starting from a cover and other blocks.

        Parameters
        ----------
        blocks : iterable of CountedBlock
            Together they hold every cell that must be covered.
        budget : SearchBudget
            When to stop.
        enough : int
            A bound that is as good as can be.
        suggest : callable
            Returns blocks that are dear under prices, quickly; it need not find all.
        """
        self._pool.add(blocks)
        budget.charge(STEP / 3 * len(self.blocks))
        self._prices = self._pool.share_out()
        self._raise(_FIRST_STEPS, budget)
        for _ in range(_QUICK_ROUNDS):
            n_before = len(self.blocks)
            self._pool.add(suggest(self.table, budget))
            if budget.is_over or len(self.blocks) < _MUCH_WIDER * n_before:
                break
            self._raise(_NEXT_STEPS, budget)
        share = 0.0
        for _ in range(_MOST_ROUNDS):
            if budget.is_over or self._pool.n_incidences > _MOST_INCIDENCES:
                return
            hoped = self._sum(self._prices)
            lowered = self._pricing.lower(share * self.proven + (1 - share) * self.table, budget)
            if self._sum(lowered[self._asked]) > self._sum(self.proven[self._asked]):
                self.proven = lowered.copy()
            reached = self._sum(self.proven[self._asked])
            dear = self._pricing.dear
            # More than the pool hopes for cannot be proven, and a bound is a whole number.
            best = min(enough, int(np.ceil(hoped * (1 + _LEEWAY))))
            if self.bound >= best or reached >= (1 - _NEAR) * hoped or not (dear or share):
                return
            # Between the proven prices and those of the pool alone: the latter swing from round to round.
            share = _SHARE_OF_PROVEN if dear else 0.0
            self._pool.add(dear)
            budget.charge(STEP / 3 * len(dear))
            self._raise(_NEXT_STEPS, budget)

    def _sum(self, prices: Worths) -> float:
        return float(prices @ self._sizes)

    def _raise(self, n_steps: int, budget: SearchBudget) -> None:
        """Take multiplicative steps, ever smaller and ever stricter, then make no block worth more than 1."""
        is_first = n_steps == _FIRST_STEPS
        prices = self._pool.evened(self._evened_twice(self._prices)) if is_first else self._prices
        strictness = np.geomspace(8 if is_first else 40, 150, n_steps)
        strides = np.geomspace(0.5 if is_first else 0.15, 0.03, n_steps)
        for step, (strict, stride) in enumerate(zip(strictness.tolist(), strides.tolist(), strict=True)):
            if step % _CHECK_CLOCK_EVERY == 0 and budget.is_over:
                break
            worths = self._pool.sum_cells(prices)
            pulls = np.exp(np.minimum(strict * (worths - 1), _STEEPEST))
            slopes = np.clip(1 - self._pool.count_blocks(pulls) / self._sizes, -1, 1)
            prices = np.maximum(prices * np.exp(stride * slopes), _LEAST_PRICE)
            budget.charge(_OPERATIONS * self._pool.n_incidences + STEP / 3)
        self._prices = self._evened_twice(prices)

    def _evened_twice(self, prices: Worths) -> Worths:
        return self._pool.evened(self._pool.evened(prices))


class _BlockPool:
    """Blocks as lists of cells, with how many single cells of each class of them a block has."""

    def __init__(self, numbers: Indexes) -> None:
        self._cell_numbers = numbers
        self.blocks: list[CountedBlock] = []
        self._seen: set[bytes] = set()
        nothing = np.empty(0, dtype=np.int64)
        self._cells, self._counts, self._lengths = nothing, nothing.astype(np.float64), nothing
        self.n_incidences = 0

    def add(self, blocks: Iterable[CountedBlock]) -> None:
        """Add those that are new and hold any cell that must be covered."""
        cells, counts, lengths = [self._cells], [self._counts], [self._lengths]
        for block in blocks:
            key = b"|".join(part.tobytes() for part in block)
            cell_numbers = self._cell_numbers[block.rows[:, None], block.columns].ravel()
            is_cell = cell_numbers >= 0
            if key in self._seen or not is_cell.any():
                continue
            self._seen.add(key)
            self.blocks.append(block)
            cells.append(cell_numbers[is_cell])
            counts.append(np.multiply.outer(block.heights, block.widths).ravel()[is_cell].astype(np.float64))
            lengths.append(is_cell.sum(keepdims=True))
        self._cells, self._lengths = np.concatenate(cells), np.concatenate(lengths)
        self._counts = np.concatenate(counts)
        self._starts: Indexes = np.cumsum(self._lengths) - self._lengths
        self._owners = np.repeat(np.arange(len(self._lengths)), self._lengths)
        self.n_incidences = len(self._cells)

    def share_out(self) -> Worths:
        """Spread 1 over the cells of each block; a cell takes the least that it is offered."""
        shares = 1 / np.add.reduceat(self._counts, self._starts)
        return self._extreme(np.minimum, shares, np.inf)

    def evened(self, prices: Worths) -> Worths:
        """Divide each price by what the dearest block that has the cell is worth."""
        return prices / np.maximum(self._extreme(np.maximum, self.sum_cells(prices), 0.0), 1e-12)

    def sum_cells(self, prices: Worths) -> Worths:
        """Return for each block what its cells are worth."""
        sums: Worths = np.add.reduceat(prices[self._cells] * self._counts, self._starts)
        return sums

    def count_blocks(self, pulls: Worths) -> Worths:
        """Return for each class of cells how often the blocks, as often as given, have its single cells."""
        n_cells = int(self._cell_numbers.max()) + 1
        weights = pulls[self._owners] * self._counts
        return np.bincount(self._cells, weights=weights, minlength=n_cells).astype(np.float64)

    def _extreme(self, choose: np.ufunc, values: Worths, start: float) -> Worths:
        results = np.full(int(self._cell_numbers.max()) + 1, start)
        choose.at(results, self._cells, values[self._owners])
        return results
