"""Fewest rectangles of a pool that cover what is needed.

Everything here sees a pool as a table `covers`: which rectangle (first axis) has which cell (second axis).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .budget import STEP

if TYPE_CHECKING:
    from .budget import SearchBudget
    from .candidates import Weights
    from .kernels import Bits

_CHECK_CLOCK_EVERY = 64


def choose_greedily(covers: Bits) -> list[int]:
    """Return a cover: always the rectangle with the most cells not covered yet, less those made idle."""
    gains = covers.sum(axis=1)
    left, chosen = np.ones(covers.shape[1], dtype=bool), []
    while left.any():
        best = int(gains.argmax())
        new = covers[best] & left
        gains = gains - covers[:, new].sum(axis=1)
        left &= ~new
        chosen.append(best)
    return drop_redundant(covers, chosen)


def drop_redundant(covers: Bits, chosen: list[int]) -> list[int]:
    """Return a cover without rectangles all of whose cells others have, the smallest dropped first."""
    times = covers[chosen].sum(axis=0)
    kept = list(chosen)
    for each in sorted(chosen, key=lambda one: int(covers[one].sum())):
        if (times[covers[each]] > 1).all():
            times -= covers[each]
            kept.remove(each)
    return kept


class LocalSearch:
    """Local search for a smaller cover: give one up, then mend by swaps that learn which cells are hard.

    A cell that stays uncovered gains weight, so that the rectangles that have it become more attractive;
    the weights also tell the search for candidates where the difficulty is. The method follows Gao et al.,
    "An efficient local search heuristic with row weighting for the unicost set covering problem" (2015).

    Parameters
    ----------
    covers : array of bool
        Which rectangle has which cell.
    draw : Generator
        Breaks ties.
    """

    def __init__(self, covers: Bits, *, draw: np.random.Generator) -> None:
        self._cells = [np.flatnonzero(line) for line in covers]
        self._holders = np.ascontiguousarray(covers.T)
        self._table = self._holders.astype(np.float32)
        self._draw = draw
        self.weights: Weights = np.ones(covers.shape[1], dtype=np.float32)

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
            budget.charge(20.0 * self._table.shape[1] + STEP)
        return best

    def _start(self, chosen: list[int]) -> None:
        self._is_in = np.zeros(len(self._cells), dtype=bool)
        self._is_in[chosen] = True
        self._times = self._holders[:, chosen].sum(axis=1)
        # What leaving costs, for those in; what entering brings, for the others.
        self._scores = (self.weights * (self._times == 1)) @ self._table
        self._scores[~self._is_in] = 0
        self._moved = np.zeros(len(self._cells), dtype=np.int64)

    def _dearest(self, *, but: int) -> int:
        """Return the rectangle that costs least to give up; of equals the one that moved longest ago."""
        inside = np.flatnonzero(self._is_in)
        inside = inside[inside != but] if len(inside) > 1 else inside
        return self._oldest(inside[self._scores[inside] <= self._scores[inside].min() + 1e-4])

    def _oldest(self, numbers: np.ndarray) -> int:
        return int(numbers[self._moved[numbers].argmin()])

    def _add_for_some_hole(self, step: int) -> int:
        holes = np.flatnonzero(self._times == 0)
        holders = np.flatnonzero(self._holders[holes[self._draw.integers(len(holes))]])
        fresh = holders[self._moved[holders] != step]
        holders = fresh if len(fresh) else holders
        chosen = self._oldest(holders[self._scores[holders] >= self._scores[holders].max() - 1e-4])
        self._add(chosen, step)
        self._weigh(np.flatnonzero(self._times == 0))
        return chosen

    def _weigh(self, holes: np.ndarray) -> None:
        self.weights[holes] += 1
        self._scores += np.where(self._is_in, 0, self._table[holes].sum(axis=0))

    def _remove(self, number: int, step: int) -> None:
        self._is_in[number] = False
        own = self._scores[number]
        cells = self._cells[number]
        self._times[cells] -= 1
        bare, single = self._bare_and_single(cells)
        self._scores += np.where(self._is_in, single, bare)
        self._scores[number] = own
        self._moved[number] = step

    def _add(self, number: int, step: int) -> None:
        own = self._scores[number]
        cells = self._cells[number]
        bare, single = self._bare_and_single(cells)
        self._scores -= np.where(self._is_in, single, bare)
        self._times[cells] += 1
        self._is_in[number] = True
        self._scores[number] = own
        self._moved[number] = step

    def _bare_and_single(self, cells: np.ndarray) -> tuple[Weights, Weights]:
        """Return for each rectangle the weight of those of `cells` that none, and that one, has chosen."""
        times = self._times[cells]
        bare, single = cells[times == 0], cells[times == 1]
        return self.weights[bare] @ self._table[bare], self.weights[single] @ self._table[single]
