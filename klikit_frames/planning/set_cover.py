"""Fewest rectangles of a pool that cover what is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .budget import STEP

if TYPE_CHECKING:
    from .budget import SearchBudget
    from .groups import Indexes
    from .incidences import Incidence, Prices

_CHECK_CLOCK_EVERY = 64


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
    cells = {each: incidence.cells_of(each) for each in chosen}
    times = np.bincount(np.concatenate([*cells.values()]), minlength=incidence.n_cells)
    kept = list(chosen)
    for each in sorted(chosen, key=lambda one: len(cells[one])):
        if (times[cells[each]] > 1).all():
            times[cells[each]] -= 1
            kept.remove(each)
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
            budget.charge(20.0 * self._incidence.n_rectangles + STEP)
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
        own = self._scores[number]
        cells = self._incidence.cells_of(number)
        self._times[cells] -= 1
        bare, single = self._bare_and_single(cells)
        self._scores += np.where(self._is_in, single, bare)
        self._scores[number] = own
        self._moved[number] = step

    def _add(self, number: int, step: int) -> None:
        own = self._scores[number]
        cells = self._incidence.cells_of(number)
        bare, single = self._bare_and_single(cells)
        self._scores -= np.where(self._is_in, single, bare)
        self._times[cells] += 1
        self._is_in[number] = True
        self._scores[number] = own
        self._moved[number] = step

    def _bare_and_single(self, cells: Indexes) -> tuple[Prices, Prices]:
        """Return for each rectangle the weight of those of `cells` that none, and that one, has chosen."""
        times = self._times[cells]
        bare, single = cells[times == 0], cells[times == 1]
        sums = self._incidence.sum_some
        return sums(bare, self.weights[bare]), sums(single, self.weights[single])
