"""What each needed cell is worth: a rectangle worth more than 1 could shorten a cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .kernels import Bits

    Prices = NDArray[np.float64]

_PATIENCE = 8
_DENSE = 0.05

# Operations that one pricing takes for each pair of a rectangle and a cell.
PRICING = 80.0


def price_cells(covers: Bits, *, best: int, prices: Prices | None, n_steps: int = 60) -> Prices:
    """Return prices of the cells under which a rectangle of the pool is seldom worth more than 1.

    They come near to the dual values of the fractional cover: subgradient steps on its Lagrangian, from
    `prices` if given.

    Parameters
    ----------
    covers : array of bool
        Which rectangle (first axis) has which cell (second axis).
    best : int
        Size of the best cover known.
    prices : array of float64, optional
        Where to quick_cover.
    n_steps : int
        How many steps to take.
    """
    incidence = _Dense(covers) if covers.mean() > _DENSE else _Sparse(covers)
    current = _first_prices(covers) if prices is None else prices
    kept, height, stride, n_idle = current, -np.inf, 1.0, 0
    for _ in range(n_steps):
        worth = incidence.sum_cells(current)
        value = float(current.sum() + np.minimum(1 - worth, 0).sum())
        n_idle = 0 if value > height + 1e-4 else n_idle + 1
        if n_idle == 0:
            kept, height = current, value
        slope = 1 - incidence.count_rectangles(worth > 1)
        slope[(current <= 0) & (slope < 0)] = 0
        length = float(slope @ slope)
        if length < 1e-6:
            break
        if n_idle >= _PATIENCE:
            current, stride, n_idle = kept, stride * 0.6, 0
            continue
        current = np.maximum(current + stride * (best - value) / length * slope, 0)
    return kept


class _Dense:
    """Rectangles and their cells as a table: quicker where a rectangle has many of the cells."""

    def __init__(self, covers: Bits) -> None:
        self._table = covers.astype(np.float32)

    def sum_cells(self, prices: Prices) -> Prices:
        return (self._table @ prices.astype(np.float32)).astype(np.float64)

    def count_rectangles(self, chosen: Bits) -> Prices:
        return (chosen.astype(np.float32) @ self._table).astype(np.float64)


class _Sparse:
    """Rectangles and their cells as pairs of numbers: quicker where a rectangle has few of the cells."""

    def __init__(self, covers: Bits) -> None:
        self._rectangles, self._cells = np.nonzero(covers)
        self._shape = covers.shape

    def sum_cells(self, prices: Prices) -> Prices:
        sums = np.bincount(self._rectangles, weights=prices[self._cells], minlength=self._shape[0])
        return sums.astype(np.float64)

    def count_rectangles(self, chosen: Bits) -> Prices:
        counts = np.bincount(self._cells, weights=chosen[self._rectangles], minlength=self._shape[1])
        return counts.astype(np.float64)


def _first_prices(covers: Bits) -> Prices:
    """Spread 1 over the cells of each rectangle; a cell takes the least that it is offered."""
    sizes = np.maximum(covers.sum(axis=1, keepdims=True), 1)
    shares: Prices = np.where(covers, 1 / sizes, 1).min(axis=0)
    return shares
