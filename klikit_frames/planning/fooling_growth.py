"""One rectangle grown from each cell of a fooling set.

Where a fooling set is as large as the smallest cover, each of its cells is in exactly one rectangle of that
cover, and a cell that fits with one of them only must be in that one's rectangle. What then still can be in
a rectangle is a small table, nearly full where the rectangle is: lines with holes are taken out of it, those
with the largest share of holes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .candidates import Weights
    from .groups import Indexes
    from .kernels import Bits, Kernel

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
    found = np.zeros_like(wide)
    for number, lines in enumerate(zip(high, wide, strict=True)):
        rows, columns = map(np.flatnonzero, lines)
        found[number, columns[_shrink(~kernel.cells[np.ix_(rows, columns)])]] = True
    return found


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
    narrow_high, narrow_wide = _lines_with(table.T, has_column), _lines_with(table, has_row)
    # Cells that contradict each other show that the cover is larger than the set; then nothing is concluded.
    is_sound = (narrow_high & has_row).sum(axis=1) == has_row.sum(axis=1)
    return (
        np.where(is_sound[:, None], narrow_high & high, high),
        np.where(is_sound[:, None], narrow_wide & wide, wide),
    )


def _lines_with(table: Weights, members: Bits) -> Bits:
    """Return for each set of rows of a table the columns that all of them hold."""
    chosen = members.astype(np.float32)
    held: Bits = chosen @ table > chosen.sum(axis=1, keepdims=True) - 0.5
    return held


def _shrink(holes: Bits) -> Bits:
    """Say which columns are left when lines with holes are taken out, those with the largest share first."""
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
