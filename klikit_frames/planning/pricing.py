"""Prices under which no request is worth more than 1: their sum is a lower bound, whatever they are.

A request that holds a cell with a price begins, in a fixed order of the rows, with one of them. For each row
in turn, branch and bound looks for the requests that begin with it and are worth more than 1; the prices of
the cells of each are lowered until it is worth 1. Prices only fall, so that what is settled stays so, and the
rows that no time is left for get no price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .budget import STEP

if TYPE_CHECKING:
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
            found = self._narrowed(branches.pop() if region is None else region, budget)
            n_nodes += 1
            region = None
            # Where the row itself was left out, no request that has it is left.
            if found is not None and found[0].rows[0] == row:
                region = self._branch(*found, branches, is_last=n_nodes > _MOST_NODES)

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
        found = CountedBlock(region.rows[rows], heights[rows], region.columns[columns], widths[columns])
        self.dear.append(found)
        self._scale(found.rows, found.columns, worth)
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
        order = np.argsort(-worths, axis=1)
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
