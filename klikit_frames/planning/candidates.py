"""Rectangles that are worth choosing from: maximal ones, and one grown from each cell of a fooling set.

Where a fooling set is as large as the smallest cover, each of its cells is in exactly one rectangle of that
cover, and a cell that fits with only one of them must be in that one's rectangle. The cells that may still be
in a rectangle form a small table, nearly full where the rectangle is. Lines with holes are taken out of it,
those with the largest share of holes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .budget import STEP
from .reductions import first_of_equal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .budget import SearchBudget
    from .groups import Indexes
    from .reductions import Bits, Kernel

    Weights = NDArray[np.float32]


class CandidatePool(NamedTuple):
    """Maximal rectangles of one kernel.

    Attributes
    ----------
    rows, columns : array of bool
        One line per rectangle: the rows, and the columns, that it has.
    """

    rows: Bits
    columns: Bits

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: Indexes) -> CandidatePool:
        """Return some of the rectangles."""
        return CandidatePool(self.rows[chosen], self.columns[chosen])

    def covers(self, kernel: Kernel) -> Bits:
        """Return for each rectangle (first axis) which needed cells (second axis) it has."""
        rows, columns = np.nonzero(kernel.needed)
        return self.rows[:, rows] & self.columns[:, columns]


def close_columns(cells: Bits, columns: Bits) -> CandidatePool:
    """Return the maximal rectangles that have all rows that hold the given columns."""
    rows = shared_columns(cells.T, columns)
    return CandidatePool(rows, shared_columns(cells, rows))


def widen_columns(kernel: Kernel, columns: Bits) -> Bits:
    """Return sets of columns of a kernel as sets of columns of the table that it was taken from."""
    for parent in reversed(kernel.parents):
        within = np.zeros((len(columns), len(parent.columns)), dtype=bool)
        within[:, np.searchsorted(parent.columns, kernel.columns)] = columns
        kernel, columns = parent, close_columns(parent.cells, within).columns
    return columns


def shared_columns(cells: Bits | Weights, rows: Bits) -> Bits:
    """Return for each set of rows the columns that all of them hold; `cells` are ones and zeros."""
    chosen = rows.astype(np.float32)
    shared: Bits = chosen @ cells.astype(np.float32, copy=False) > chosen.sum(axis=1, keepdims=True) - 0.5
    return shared


def join_pools(cells: Bits, columns: list[Bits]) -> CandidatePool:
    """Return the different maximal rectangles among the closures of the given sets of columns."""
    pool = close_columns(cells, np.concatenate(columns))
    first, _ = first_of_equal(pool.columns)
    return pool.take(first[pool.rows[first].any(axis=1)])


def row_and_column_closures(kernel: Kernel) -> list[Bits]:
    """Return the columns of every row, and those that the rows of every column share."""
    return [kernel.cells, shared_columns(kernel.cells, kernel.cells.T)]


def pair_intersections(kernel: Kernel, *, most: int) -> list[Bits]:
    """Return the columns that every two rows share, if these are at most `most`."""
    left, right = np.triu_indices(len(kernel.cells), k=1)
    if len(left) > most:
        return []
    shared = kernel.cells[left] & kernel.cells[right]
    return [shared[shared.any(axis=1)]]


def grow(
    kernel: Kernel, weights: Weights, *, rows: Indexes, draw: np.random.Generator | None = None
) -> tuple[Bits, Weights]:
    """Grow one rectangle from each of `rows`, a row at a time, to the most weight.

    Parameters
    ----------
    kernel : Kernel
        Where.
    weights : array of float32
        What each cell is worth.
    rows : array of int
        The first row of each rectangle.
    draw : Generator, optional
        Shakes the choice of the next row.

    Returns
    -------
    columns : array of bool
        The columns of each rectangle.
    values : array of float32
        The weight of each.
    """
    cells = kernel.cells.astype(np.float32)
    best, values = kernel.cells[rows], np.full(len(rows), -1, dtype=np.float32)
    growing, columns = np.arange(len(rows)), cells[rows]
    while len(growing):
        has_row = columns @ cells.T > columns.sum(axis=1, keepdims=True) - 0.5
        worth = columns * (has_row.astype(np.float32) @ weights)
        value = worth.sum(axis=1)
        is_better = value > values[growing] + 1e-6
        best[growing[is_better]] = columns[is_better] > 0
        values[growing[is_better]] = value[is_better]
        with_row = worth @ cells.T + columns @ weights.T
        with_row[has_row] = 0
        if draw is not None:
            with_row *= draw.uniform(0.8, 1, with_row.shape).astype(np.float32)
        next_row = with_row.argmax(axis=1)
        goes_on = is_better & (with_row.max(axis=1) > 0)
        growing, columns = growing[goes_on], columns[goes_on] * cells[next_row[goes_on]]
    return best, values


def grow_both_ways(
    kernel: Kernel, weights: Weights, *, n_seeds: int, draw: np.random.Generator, is_shaken: bool = False
) -> tuple[Bits, Weights]:
    """Grow rectangles from rows and from columns that have weight; return their columns and values."""
    shaken = draw if is_shaken else None
    rows = _sample(weights.sum(axis=1) > 0, n_seeds, draw)
    columns = _sample(weights.sum(axis=0) > 0, n_seeds, draw)
    by_rows, values = grow(kernel, weights, rows=rows, draw=shaken)
    sets, others = grow(kernel.transposed, np.ascontiguousarray(weights.T), rows=columns, draw=shaken)
    return np.concatenate([by_rows, shared_columns(kernel.cells, sets)]), np.concatenate([values, others])


def _sample(is_chosen: Bits, most: int, draw: np.random.Generator) -> Indexes:
    """Return the numbers of the chosen lines; of too many, some that are drawn."""
    numbers = np.flatnonzero(is_chosen)
    return numbers if len(numbers) <= most else draw.permutation(numbers)[:most]


def greedy_cover(
    kernel: Kernel,
    weights: Weights,
    *,
    n_seeds: int,
    draw: np.random.Generator,
    is_shaken: bool,
    most: int,
    budget: SearchBudget,
) -> tuple[list[Bits] | None, Bits]:
    """Cover the cells that have weight by taking the heaviest rectangle again and again.

    Returns
    -------
    chosen : list of array of bool, or None
        The columns of the rectangles taken; None if it would be more than `most`, or the budget is over.
    seen : array of bool
        The columns of all rectangles that were looked at.
    """
    left = weights.copy()
    chosen: list[Bits] = []
    seen: list[Bits] = []
    while left.any() and len(chosen) < most and not budget.is_over:
        columns, values = grow_both_ways(kernel, left, n_seeds=n_seeds, draw=draw, is_shaken=is_shaken)
        best = columns[values.argmax()]
        left[np.ix_(shared_columns(kernel.cells.T, best[None])[0], best)] = 0
        chosen.append(best)
        seen.append(columns)
        budget.charge(5.0 * left.size * len(columns) + STEP)
    return None if left.any() else chosen, np.concatenate([kernel.cells[:0], *seen])


_MOST_ROUNDS = 6
# Products of matrices that the growth takes at most, each for every rectangle and place.
GROWTH_PRODUCTS = 4 * _MOST_ROUNDS


def grow_from_cells(kernel: Kernel, places: tuple[Indexes, Indexes]) -> Bits:
    """Return the columns of one rectangle of the kernel for each of the cells.

    Parameters
    ----------
    kernel : Kernel
        Where.
    places : pair of arrays of int64
        Rows and columns of cells no two of which fit into one rectangle.
    """
    high, wide = kernel.cells[:, places[1]].T, kernel.cells[places[0]]
    for _ in range(_MOST_ROUNDS):
        narrower = _narrowed(kernel, places, high, wide)
        if np.array_equal(narrower[0], high) and np.array_equal(narrower[1], wide):
            break
        high, wide = narrower
    grown = np.zeros_like(wide)
    for number, lines in enumerate(zip(high, wide, strict=True)):
        rows, columns = map(np.flatnonzero, lines)
        grown[number, columns[_shrink(~kernel.cells[np.ix_(rows, columns)])]] = True
    return grown


def _narrowed(kernel: Kernel, places: tuple[Indexes, Indexes], high: Bits, wide: Bits) -> tuple[Bits, Bits]:
    """Return for each rectangle the rows, and the columns, that it can have beside those that it must have.

    Parameters
    ----------
    high, wide : array of bool
        The same as known so far: for each rectangle (first axis) its possible rows, and columns.
    """
    table = kernel.cells.astype(np.float32)
    as_rows, as_columns = high.T.astype(np.float32), wide.astype(np.float32)
    is_owned = kernel.needed & (np.abs(as_rows @ as_columns - 1) < 0.5)
    numbers = np.arange(len(high), dtype=np.float32)
    rows, columns = np.nonzero(is_owned)
    owners = np.rint(((as_rows * numbers) @ as_columns)[rows, columns]).astype(np.int64)
    has_row, has_column = np.zeros_like(high), np.zeros_like(wide)
    has_row[owners, rows] = has_column[owners, columns] = True
    has_row[np.arange(len(high)), places[0]] = has_column[np.arange(len(high)), places[1]] = True
    narrow_high, narrow_wide = shared_columns(table.T, has_column), shared_columns(table, has_row)
    # Cells that contradict each other show that the cover is larger than the set; then nothing is concluded.
    is_sound = (narrow_high & has_row).sum(axis=1) == has_row.sum(axis=1)
    return (
        np.where(is_sound[:, None], narrow_high & high, high),
        np.where(is_sound[:, None], narrow_wide & wide, wide),
    )


def _shrink(holes: Bits) -> Bits:
    """Tell which columns are left when lines with holes are taken out, those with the largest share first."""
    in_rows, in_columns = (holes.sum(axis=axis).astype(np.float64) for axis in (1, 0))
    n_rows, n_columns = holes.shape
    while n_rows and n_columns:
        row, column = int(in_rows.argmax()), int(in_columns.argmax())
        if in_rows[row] <= 0:
            break
        if in_rows[row] / n_columns >= in_columns[column] / n_rows:
            in_columns -= holes[row]
            in_rows[row], n_rows = -np.inf, n_rows - 1
        else:
            in_rows -= holes[:, column]
            in_columns[column], n_columns = -np.inf, n_columns - 1
    left: Bits = in_columns == 0
    return left
