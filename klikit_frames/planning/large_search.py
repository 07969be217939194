"""Covers of tables too large to compare all lines: one rectangle grown from each cell of a fooling set.

Such a set is found by counting along the lines of each cell alone, and a rectangle can only lie where the row
and the column of its cell meet other cells. So the work grows with the cells and their lines, not with the
square of the table's sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .budget import STEP
from .groups import Rectangle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .budget import SearchBudget
    from .groups import Indexes
    from .reductions import Bits

    Counts = NDArray[np.int64]

# Pairs of cells in one column that the counting may look at; above, it looks at the lightest lines only.
MOST_PAIRS = 150_000_000
_CHECK_CLOCK_EVERY = 32
_CHOICES_PER_RECTANGLE = 40
# Of many lines, those with at least this share of the holes of the worst one are taken out with it.
_AS_BAD = 0.85
_FEW_LINES = 250


class LargeSearch:
    """A cover of one table, and the best bound.

    Parameters
    ----------
    cells, asked : array of bool
        The table, and those of its cells that must be covered.

    Attributes
    ----------
    blocks : list of Rectangle
        The cover; empty before `search` has found one.
    apart : pair of arrays of int64
        Rows and columns of asked cells no two of which fit into one rectangle.
    is_cut : bool
        Whether the budget ended the search before it was done.
    """

    def __init__(self, cells: Bits, asked: Bits, *, most_pairs: float = MOST_PAIRS) -> None:
        self._cells, self._asked, self._most_pairs = cells, asked, most_pairs
        self._weights = cells.sum(axis=1, dtype=np.int64), cells.sum(axis=0, dtype=np.int64)
        self.blocks: list[Rectangle] = []
        self.is_cut = False
        self.apart = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)

    @property
    def bound(self) -> int:
        """No cover has fewer rectangles."""
        return max(1, len(self.apart[0]))

    @property
    def is_settled(self) -> bool:
        """Whether the cover is proven to be the smallest."""
        return 0 < len(self.blocks) <= self.bound

    def search(self, budget: SearchBudget, *, most: int) -> None:
        """Find a cover of fewer than `most` rectangles, and a bound."""
        self.apart = self._apart_by_crowd(budget)
        # What the bound leaves open may be saved; so much the search is worth.
        budget.saved = max(budget.saved, most - self.bound)
        blocks, left = [], self._asked.copy()
        for number, (row, column) in enumerate(zip(*map(np.ndarray.tolist, self.apart), strict=True)):
            if number % _CHECK_CLOCK_EVERY == 0 and budget.is_over:
                break
            block = self._shrunk(row, column, budget)
            left[block.inside] = False
            blocks.append(block)
        self._cover_rest(blocks, left, budget, most=most)
        if not left.any():
            self.blocks = self._without_idle(blocks)
            self._widen_apart(budget)

    def _cover_rest(self, blocks: list[Rectangle], left: Bits, budget: SearchBudget, *, most: int) -> None:
        """Cover what is left from its lightest cells, in place; past the budget by whole rows."""
        rows, columns = np.nonzero(left)
        order = np.argsort(self._weights[0][rows] * self._weights[1][columns], kind="stable")
        for number, place in enumerate(order.tolist()):
            row, column = int(rows[place]), int(columns[place])
            if not left[row, column]:
                continue
            self.is_cut = self.is_cut or (number % _CHECK_CLOCK_EVERY == 0 and budget.is_over)
            if self.is_cut or len(blocks) >= most:
                block = Rectangle(np.array([row]), np.flatnonzero(self._cells[row]))
            else:
                block = max(
                    self._shrunk(row, column, budget),
                    self._grown(row, column, left, budget),
                    key=lambda block: int(left[block.inside].sum()),
                )
            left[block.inside] = False
            blocks.append(block)

    def _surroundings(self, row: int, column: int) -> tuple[Indexes, Indexes, Bits]:
        rows, columns = np.flatnonzero(self._cells[:, column]), np.flatnonzero(self._cells[row])
        return rows, columns, self._cells[np.ix_(rows, columns)]

    def _shrunk(self, row: int, column: int, budget: SearchBudget) -> Rectangle:
        """Return the rectangle that is left around a cell when the lines with most holes are taken out."""
        rows, columns, inside = self._surroundings(row, column)
        budget.charge(10.0 * inside.size + STEP)
        kept = _full_columns(~inside)
        high = inside[:, kept].all(axis=1)
        return Rectangle(rows[high], columns[inside[high].all(axis=0)])

    def _grown(self, row: int, column: int, left: Bits, budget: SearchBudget) -> Rectangle:
        """Return the rectangle that a cell's row grows to, always with the row that adds most to cover."""
        rows, columns, inside = self._surroundings(row, column)
        open_cells = left[np.ix_(rows, columns)].astype(np.float32)
        table = inside.astype(np.float32)
        has_column, best, most = np.ones(len(columns), dtype=bool), np.ones(len(columns), dtype=bool), -1.0
        while True:
            has_row = table @ has_column > has_column.sum() - 0.5
            worth = has_column * (has_row @ open_cells)
            value = float(worth.sum())
            budget.charge(10.0 * inside.size + STEP)
            if value <= most:
                break
            best, most = has_column, value
            with_row = table @ worth + open_cells @ has_column
            with_row[has_row] = 0
            if not with_row.any():
                break
            has_column = has_column & inside[int(with_row.argmax())]
        high = inside[:, best].all(axis=1)
        return Rectangle(rows[high], columns[inside[high].all(axis=0)])

    def _without_idle(self, blocks: list[Rectangle]) -> list[Rectangle]:
        """Return the cover without rectangles all of whose asked cells others have."""
        times = np.zeros(self._cells.shape, dtype=np.int16)
        for block in blocks:
            times[block.inside] += 1
        times[~self._asked] = 2
        kept = list(range(len(blocks)))
        for number in sorted(kept, key=lambda number: blocks[number].n_cells):
            counts = times[blocks[number].inside]
            if (counts > 1).all():
                times[blocks[number].inside] = np.where(
                    self._asked[blocks[number].inside], counts - 1, counts
                )
                kept.remove(number)
        self._times = times
        return [blocks[number] for number in kept]

    def _widen_apart(self, budget: SearchBudget) -> None:
        """Look for more cells apart among those that one rectangle alone has."""
        if self.is_settled or budget.is_over:
            return
        choices = []
        for block in self.blocks:
            rows, columns = np.nonzero((self._times[block.inside] == 1) & self._asked[block.inside])
            rows, columns = block.rows[rows], block.columns[columns]
            weight = self._weights[0][rows] * self._weights[1][columns]
            some = np.argsort(weight, kind="stable")[:_CHOICES_PER_RECTANGLE]
            choices.append(np.column_stack([rows[some], columns[some], weight[some]]))
        listed = np.concatenate(choices)
        listed = listed[np.argsort(listed[:, 2], kind="stable")]
        chosen = self._apart(listed[:, 0], listed[:, 1], budget)
        if len(chosen) > len(self.apart[0]):
            self.apart = listed[chosen, 0], listed[chosen, 1]

    def _apart_by_crowd(self, budget: SearchBudget) -> tuple[Indexes, Indexes]:
        """Return cells apart, taken by how few cells each fits with."""
        rows, columns = self._light_lines()
        inside = np.ix_(rows, columns)
        crowd = _crowds(self._cells[inside], budget)
        own_rows, own_columns = np.nonzero(self._cells[inside])
        is_asked = self._asked[inside][own_rows, own_columns]
        order = np.argsort(crowd[is_asked], kind="stable")
        listed = rows[own_rows[is_asked][order]], columns[own_columns[is_asked][order]]
        chosen = self._apart(*listed, budget)
        return listed[0][chosen], listed[1][chosen]

    def _light_lines(self) -> tuple[Indexes, Indexes]:
        """Return the rows and columns to count in: all, or those with the fewest cells."""
        shares = np.ones(2)
        pairs = float((self._weights[1] ** 2).sum())
        if pairs > self._most_pairs:
            # Pairs grow with the square of the rows taken, and with the columns.
            shares[:] = (self._most_pairs / pairs) ** (1 / 3)
        light = []
        for weights, share in zip(self._weights, shares, strict=True):
            order = np.argsort(weights, kind="stable")
            order = order[weights[order] > 0]
            light.append(np.sort(order[: max(1, int(np.ceil(share * len(order))))]))
        return light[0], light[1]

    def _apart(self, rows: Indexes, columns: Indexes, budget: SearchBudget) -> list[int]:
        """Return which of the cells are apart, each taken in turn if it fits with none taken before."""
        chosen: list[int] = []
        blocked = np.zeros(self._cells.shape, dtype=bool)
        for number, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
            if blocked[row, column]:
                continue
            if len(chosen) % _CHECK_CLOCK_EVERY == 0 and budget.is_over:
                break
            chosen.append(number)
            high, wide = np.flatnonzero(self._cells[:, column]), np.flatnonzero(self._cells[row])
            blocked[high[:, None], wide] = True
            budget.charge(10.0 * len(high) * len(wide) + STEP)
        return chosen


def _crowds(cells: Bits, budget: SearchBudget) -> Counts:
    """Return for each cell, row by row, how many cells it fits into one rectangle with."""
    columns, rows = np.nonzero(cells.T)
    edges = np.searchsorted(columns, np.arange(cells.shape[1] + 1))
    heights = np.diff(edges)
    counts = [np.empty(0, dtype=np.int64)]
    for line in cells:
        line_rows = np.flatnonzero(line)
        if not len(line_rows):
            continue
        sizes = heights[line_rows]
        ends = np.cumsum(sizes)
        others = rows[np.arange(ends[-1]) + np.repeat(edges[line_rows] - ends + sizes, sizes)]
        shared = np.bincount(others, minlength=len(cells))
        counts.append(np.add.reduceat(shared[others], ends - sizes))
        budget.charge(10.0 * len(others) + STEP / 4)
    return np.concatenate(counts)


def _full_columns(holes: Bits) -> Bits:
    """Say which columns are left when lines with holes are taken out, those with the largest share first."""
    columns = np.arange(holes.shape[1])
    left = np.zeros(len(columns), dtype=bool)
    while True:
        in_rows, in_columns = holes.mean(axis=1), holes.mean(axis=0)
        worst = max(in_rows.max(), in_columns.max())
        if worst <= 0:
            break
        bad_rows, bad_columns = (_worst(shares, worst) for shares in (in_rows, in_columns))
        if bad_rows.any() and bad_columns.any():
            # One side at a time: a hole is to cost one line, not two.
            is_by_rows = in_rows.max() >= in_columns.max()
            bad_rows, bad_columns = bad_rows & is_by_rows, bad_columns & (not is_by_rows)
        columns = columns[~bad_columns]
        holes = holes[np.ix_(~bad_rows, ~bad_columns)]
    left[columns] = True
    return left


def _worst(shares: NDArray[np.float64], worst: float) -> Bits:
    is_few = len(shares) <= _FEW_LINES
    bad: Bits = shares >= (worst if is_few else _AS_BAD * worst)
    return bad & (shares > 0)
