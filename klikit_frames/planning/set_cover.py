"""The fewest rectangles of a pool that cover what is needed: who has which cell, prices, local search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from .budget import STEP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .budget import SearchBudget
    from .groups import Indexes
    from .reductions import Bits

    Prices = NDArray[np.float64]

_DENSE = 0.05
# So many cells are quicker looked at one by one.
_FEW = 12

_CHECK_CLOCK_EVERY = 64
_MOST_IDLE_STEPS = 8
_PRICING_STEPS = 60
# Operations that a sum over all takes for each pair of a rectangle and a cell, in a table and in lists.
_IN_TABLE, _IN_LISTS = 1.2, 20.0


class Incidence(Protocol):
    """Rectangles and the cells that must be covered, by their numbers."""

    n_rectangles: int
    n_cells: int
    n_incidences: int
    sum_operations: float

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
        self.sum_operations = _IN_TABLE * covers.size
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
        sizes = np.array([len(numbers) for numbers in cells], dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._rectangles = np.repeat(np.arange(len(cells)), sizes)
        order = np.argsort(self._cells, kind="stable")
        self._holders = self._rectangles[order]
        self._edges = np.searchsorted(self._cells[order], np.arange(n_cells + 1))
        self.n_incidences = len(self._cells)
        self.sum_operations = _IN_LISTS * self.n_incidences

    def cells_of(self, rectangle: int) -> Indexes:
        return self._cells[self._starts[rectangle] : self._starts[rectangle + 1]]

    def holders_of(self, cell: int) -> Indexes:
        return self._holders[self._edges[cell] : self._edges[cell + 1]]

    def sum_cells(self, prices: Prices) -> Prices:
        return self._counted(self._rectangles, prices[self._cells], self.n_rectangles)

    def sum_some(self, cells: Indexes, prices: Prices) -> Prices:
        if len(cells) <= _FEW:
            sums = np.zeros(self.n_rectangles)
            for cell, price in zip(cells.tolist(), prices.tolist(), strict=True):
                sums[self.holders_of(cell)] += price
            return sums
        sizes = self._edges[cells + 1] - self._edges[cells]
        ends = np.cumsum(sizes)
        places = np.arange(sizes.sum()) + np.repeat(self._edges[cells] - ends + sizes, sizes)
        return self._counted(self._holders[places], np.repeat(prices, sizes), self.n_rectangles)

    def count_rectangles(self, chosen: Bits) -> Prices:
        return self._counted(self._cells, chosen[self._rectangles].astype(np.float64), self.n_cells)

    @staticmethod
    def _counted(numbers: Indexes, weights: Prices, length: int) -> Prices:
        return np.bincount(numbers, weights=weights, minlength=length).astype(np.float64)


def choose_greedily(incidence: Incidence) -> list[int]:
    """Return a cover: always the rectangle with the most cells not covered yet, less those made idle."""
    left, chosen = np.ones(incidence.n_cells, dtype=bool), []
    gains = incidence.sum_cells(left.astype(np.float64))
    while left.any():
        best = int(gains.argmax())
        cells = incidence.cells_of(best)
        new = cells[left[cells]]
        gains -= incidence.sum_some(new, np.ones(len(new)))
        left[new] = False
        chosen.append(best)
    return drop_redundant(incidence, chosen)


def drop_redundant(incidence: Incidence, chosen: list[int]) -> list[int]:
    """Return a cover without rectangles all of whose cells others have, the smallest dropped first."""
    cells = {number: incidence.cells_of(number) for number in chosen}
    times = np.bincount(np.concatenate([*cells.values()]), minlength=incidence.n_cells)
    kept = list(chosen)
    for number in sorted(chosen, key=lambda number: len(cells[number])):
        if (times[cells[number]] > 1).all():
            times[cells[number]] -= 1
            kept.remove(number)
    return kept


class LocalSearch:
    """Local search for a smaller cover: drop one, then repair by swaps that weight the cells hard to cover.

    A cell that stays uncovered gains weight, so that the rectangles that have it become more attractive;
    the weights also tell the search for candidates where the difficulty is. The method follows Gao et al.,
    "An efficient local search heuristic with row weighting for the unicost set covering problem" (2015).

    Parameters
    ----------
    incidence : Incidence
        Which rectangle of the pool has which cell.
    draw : Generator
        Breaks ties.
    weights : array of float64, optional
        How hard each cell is known to be; what the search learns is added to it.
    """

    def __init__(
        self, incidence: Incidence, *, draw: np.random.Generator, weights: Prices | None = None
    ) -> None:
        self._incidence, self._draw = incidence, draw
        self.weights: Prices = np.ones(incidence.n_cells) if weights is None else weights

    def improve(self, chosen: list[int], *, n_steps: int, target: int, budget: SearchBudget) -> list[int]:
        """Return the smallest cover met within `n_steps`, at once when it has `target` rectangles."""
        self._start(chosen)
        best, last_added = list(chosen), -1
        for step in range(n_steps):
            if step % _CHECK_CLOCK_EVERY == 0 and budget.is_over:
                break
            while self._times.all():
                best = np.flatnonzero(self._is_in).tolist()
                if len(best) <= target:
                    return best
                self._remove(self._dearest(but=-1), step)
            self._remove(self._dearest(but=last_added), step)
            last_added = self._add_for_some_hole(step)
            budget.charge(25.0 * self._incidence.n_rectangles + 1.3 * STEP)
        return best

    def _start(self, chosen: list[int]) -> None:
        self._is_in = np.zeros(self._incidence.n_rectangles, dtype=bool)
        self._is_in[chosen] = True
        self._times = np.rint(self._incidence.count_rectangles(self._is_in)).astype(np.int64)
        # What leaving costs, for those in; what entering brings, for the others.
        self._scores = self._incidence.sum_cells(self.weights * (self._times == 1))
        self._scores[~self._is_in] = 0
        self._moved = np.zeros(self._incidence.n_rectangles, dtype=np.int64)

    def _dearest(self, *, but: int) -> int:
        """Return the rectangle that costs least to drop; of equals the one that moved longest ago."""
        inside = np.flatnonzero(self._is_in)
        inside = inside[inside != but] if len(inside) > 1 else inside
        return self._oldest(inside[self._scores[inside] <= self._scores[inside].min() + 1e-4])

    def _oldest(self, numbers: Indexes) -> int:
        return int(numbers[self._moved[numbers].argmin()])

    def _add_for_some_hole(self, step: int) -> int:
        holes = np.flatnonzero(self._times == 0)
        holders = self._incidence.holders_of(int(holes[self._draw.integers(len(holes))]))
        fresh = holders[self._moved[holders] != step]
        holders = fresh if len(fresh) else holders
        chosen = self._oldest(holders[self._scores[holders] >= self._scores[holders].max() - 1e-4])
        self._add(chosen, step)
        self._weigh(np.flatnonzero(self._times == 0))
        return chosen

    def _weigh(self, holes: Indexes) -> None:
        self.weights[holes] += 1
        self._scores += np.where(self._is_in, 0, self._incidence.sum_some(holes, np.ones(len(holes))))

    def _remove(self, number: int, step: int) -> None:
        self._is_in[number] = False
        score = self._scores[number]
        cells = self._incidence.cells_of(number)
        self._times[cells] -= 1
        bare, single = self._bare_and_single(cells)
        self._scores += np.where(self._is_in, single, bare)
        self._scores[number] = score
        self._moved[number] = step

    def _add(self, number: int, step: int) -> None:
        score = self._scores[number]
        cells = self._incidence.cells_of(number)
        bare, single = self._bare_and_single(cells)
        self._scores -= np.where(self._is_in, single, bare)
        self._times[cells] += 1
        self._is_in[number] = True
        self._scores[number] = score
        self._moved[number] = step

    def _bare_and_single(self, cells: Indexes) -> tuple[Prices, Prices]:
        """Return for each rectangle the weight of those of `cells` that none, and that one, has chosen."""
        times = self._times[cells]
        bare, single = cells[times == 0], cells[times == 1]
        sums = self._incidence.sum_some
        return sums(bare, self.weights[bare]), sums(single, self.weights[single])


def price_cells(
    incidence: Incidence,
    *,
    best: int,
    prices: Prices | None,
    budget: SearchBudget,
    n_steps: int = _PRICING_STEPS,
) -> Prices:
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
    budget : SearchBudget
        Where the work is counted.
    n_steps : int
        How many steps to take.
    """
    current = _first_prices(incidence) if prices is None else prices
    budget.charge(2 * n_steps * incidence.sum_operations)
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
        if n_idle >= _MOST_IDLE_STEPS:
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
