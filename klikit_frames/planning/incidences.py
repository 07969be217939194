"""Which rectangle of a pool has which cell: as a table, or as lists where the table would be mostly empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .groups import Indexes
    from .kernels import Bits

    Prices = NDArray[np.float64]

_DENSE = 0.05


class Incidence(Protocol):
    """Rectangles and the cells that must be covered, by their numbers."""

    n_rectangles: int
    n_cells: int
    n_incidences: int

    def cells_of(self, rectangle: int) -> Indexes:
        """Return the cells of a rectangle."""

    def holders_of(self, cell: int) -> Indexes:
        """Return the rectangles that have a cell."""

    def sum_cells(self, prices: Prices) -> Prices:
        """Return for each rectangle what its cells are worth."""

    def sum_some(self, cells: Indexes, prices: Prices) -> Prices:
        """Return for each rectangle what those of the given cells that it has are worth."""

    def count_rectangles(self, chosen: Bits) -> Prices:
        """Return for each cell how many of the chosen rectangles have it."""


def incidence_of(covers: Bits) -> Incidence:
    """Return a table of rectangles (first axis) and cells (second axis) in the form that is quicker."""
    if covers.mean() > _DENSE:
        return _Table(covers)
    return incidence_of_lists([np.flatnonzero(line) for line in covers], n_cells=covers.shape[1])


def incidence_of_lists(cells: list[Indexes], *, n_cells: int) -> Incidence:
    """Return the same for lists of cells, one per rectangle."""
    return _Lists(cells, n_cells=n_cells)


class _Table:
    """A table: quicker where a rectangle has many of the cells."""

    def __init__(self, covers: Bits) -> None:
        self.n_rectangles, self.n_cells = covers.shape
        self.n_incidences = covers.size
        self._cells = [np.flatnonzero(line) for line in covers]
        self._by_cell = np.ascontiguousarray(covers.T).astype(np.float32)

    def cells_of(self, rectangle: int) -> Indexes:
        return self._cells[rectangle]

    def holders_of(self, cell: int) -> Indexes:
        return np.flatnonzero(self._by_cell[cell])

    def sum_cells(self, prices: Prices) -> Prices:
        return (prices.astype(np.float32) @ self._by_cell).astype(np.float64)

    def sum_some(self, cells: Indexes, prices: Prices) -> Prices:
        return (prices.astype(np.float32) @ self._by_cell[cells]).astype(np.float64)

    def count_rectangles(self, chosen: Bits) -> Prices:
        return (self._by_cell @ chosen.astype(np.float32)).astype(np.float64)


class _Lists:
    """Lists of cells: quicker where a rectangle has few of the cells."""

    def __init__(self, cells: list[Indexes], *, n_cells: int) -> None:
        self.n_rectangles, self.n_cells = len(cells), n_cells
        self._cells = np.concatenate([np.empty(0, dtype=np.int64), *cells])
        sizes = np.array([len(each) for each in cells], dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._rectangles = np.repeat(np.arange(len(cells)), sizes)
        order = np.argsort(self._cells, kind="stable")
        self._holders = self._rectangles[order]
        self._edges = np.searchsorted(self._cells[order], np.arange(n_cells + 1))
        self.n_incidences = len(self._cells)

    def cells_of(self, rectangle: int) -> Indexes:
        return self._cells[self._starts[rectangle] : self._starts[rectangle + 1]]

    def holders_of(self, cell: int) -> Indexes:
        return self._holders[self._edges[cell] : self._edges[cell + 1]]

    def sum_cells(self, prices: Prices) -> Prices:
        return self._counted(self._rectangles, prices[self._cells], self.n_rectangles)

    def sum_some(self, cells: Indexes, prices: Prices) -> Prices:
        sizes = self._edges[cells + 1] - self._edges[cells]
        ends = np.cumsum(sizes)
        places = np.arange(sizes.sum()) + np.repeat(self._edges[cells] - ends + sizes, sizes)
        return self._counted(self._holders[places], np.repeat(prices, sizes), self.n_rectangles)

    def count_rectangles(self, chosen: Bits) -> Prices:
        return self._counted(self._cells, chosen[self._rectangles].astype(np.float64), self.n_cells)

    @staticmethod
    def _counted(numbers: Indexes, weights: Prices, length: int) -> Prices:
        return np.bincount(numbers, weights=weights, minlength=length).astype(np.float64)
