"""Rectangles of cells: cut to what one request may carry, and covers with less overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from .groups import Indexes
    from .limits import Limits
    from .reductions import Bits

    Counts = NDArray[np.int32]


class Rectangle(NamedTuple):
    """Rows times columns of one table, by their numbers."""

    rows: Indexes
    columns: Indexes

    @property
    def inside(self) -> tuple[Indexes, Indexes]:
        """An index for the rectangle's cells."""
        return self.rows[:, None], self.columns

    @property
    def n_cells(self) -> int:
        """How many cells the rectangle has."""
        return len(self.rows) * len(self.columns)


def remove_overlap(rectangles: list[Rectangle], spare: Bits) -> list[Rectangle]:
    """Return the cover without the rows and columns of rectangles that other rectangles have.

    The rectangle with the most overlap gives first; a rectangle left with nothing is dropped.

    Parameters
    ----------
    rectangles : list of Rectangle
        A cover.
    spare : array of bool
        The table's cells that need not be covered.
    """
    times = spare.astype(np.int32)
    for rectangle in rectangles:
        times[rectangle.inside] += 1
    surplus = [int((times[rectangle.inside] > 1).sum()) for rectangle in rectangles]
    trimmed = list(rectangles)
    for number in sorted(range(len(rectangles)), key=lambda each: -surplus[each]):
        if surplus[number]:
            trimmed[number] = _trimmed(rectangles[number], times)
    return [rectangle for rectangle in trimmed if len(rectangle.rows) and len(rectangle.columns)]


def _trimmed(rectangle: Rectangle, times: Counts) -> Rectangle:
    """Take rows first or columns first, whichever leaves less, and note it in `times`."""
    is_spare = times[rectangle.inside] > 1
    by_rows = _spared(is_spare)
    by_columns = _spared(is_spare.T)[::-1]
    rows, columns = min(by_rows, by_columns, key=lambda kept: int(kept[0].sum()) * int(kept[1].sum()))
    left = Rectangle(rectangle.rows[rows], rectangle.columns[columns])
    times[rectangle.inside] -= 1
    times[left.inside] += 1
    return left


def _spared(is_spare: Bits) -> tuple[Bits, Bits]:
    """Drop the rows that are spare as a whole, then the columns that are spare in the rows left."""
    rows: Bits = ~np.all(is_spare, axis=1)
    columns: Bits = ~np.all(is_spare[rows], axis=0)
    return rows, columns


def cut_rectangles(rectangles: Iterable[Rectangle], *, limits: Limits) -> list[Rectangle]:
    """Return the rectangles, those above a cap in as few pieces as a grid allows."""
    return [piece for each in rectangles for piece in _pieces(each, limits)]


def _pieces(whole: Rectangle, limits: Limits) -> list[Rectangle]:
    height, width = limits.grid(len(whole.rows), len(whole.columns))
    return [
        Rectangle(entities, stores)
        for entities in _runs(whole.rows, height)
        for stores in _runs(whole.columns, width)
    ]


def _runs(numbers: Indexes, length: int) -> list[Indexes]:
    return [numbers[start : start + length] for start in range(0, len(numbers), length)]
