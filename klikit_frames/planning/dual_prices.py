"""What each needed cell is worth: a rectangle worth more than 1 could shorten a cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .incidences import Incidence, Prices

_PATIENCE = 8

# Operations that one pricing takes for each pair of a rectangle and a cell.
PRICING = 80.0


def price_cells(incidence: Incidence, *, best: int, prices: Prices | None, n_steps: int = 60) -> Prices:
    """Return prices of the cells under which a rectangle of the pool is seldom worth more than 1.

    They come near to the dual values of the fractional cover: subgradient steps on its Lagrangian, from
    `prices` if given.

    Parameters
    ----------
    incidence : Incidence
        Which rectangle of the pool has which cell.
    best : int
        Size of the best cover known.
    prices : array of float64, optional
        Where to begin.
    n_steps : int
        How many steps to take.
    """
    current = _first_prices(incidence) if prices is None else prices
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


def _first_prices(incidence: Incidence) -> Prices:
    """Spread 1 over the cells of each rectangle; a cell takes the least that it is offered."""
    prices = np.ones(incidence.n_cells)
    for number in range(incidence.n_rectangles):
        cells = incidence.cells_of(number)
        prices[cells] = np.minimum(prices[cells], 1 / max(len(cells), 1))
    return prices
