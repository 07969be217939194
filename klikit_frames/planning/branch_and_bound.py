"""The smallest cover of a small table, with proof, and without any solver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .budget import STEP
from .candidates import CandidatePool, join_pools

if TYPE_CHECKING:
    from .budget import SearchBudget
    from .kernels import Bits, Kernel

_CHECK_CLOCK_EVERY = 64


def all_rectangles(kernel: Kernel, *, most: int) -> CandidatePool | None:
    """Return every maximal rectangle of the kernel, or None if there are more than `most`.

    Their column sets are the intersections of rows.
    """
    weights = [1 << position for position in range(kernel.cells.shape[1])]
    found: set[int] = set()
    for row in kernel.cells:
        line = sum(weight for weight, is_one in zip(weights, row, strict=True) if is_one)
        found |= {line, *(line & each for each in found)}
        if len(found) > most:
            return None
    found.discard(0)
    columns = np.array([[each & weight != 0 for weight in weights] for each in sorted(found)])
    return join_pools(kernel.cells, [columns])


def prove_smallest(
    covers: Bits, best: list[int], *, n_nodes: int, budget: SearchBudget
) -> tuple[list[int], bool]:
    """Return the smallest cover from a pool, and whether that is proven.

    Depth first: the cell with the fewest rectangles must be covered by one of them. Cells that no rectangle
    shares bound what is still to come.

    Parameters
    ----------
    covers : array of bool
        Which rectangle (first axis) has which cell (second axis).
    best : list of int
        A cover to beat.
    n_nodes : int
        Branches to look at before giving up.
    budget : SearchBudget
        Gives up when it is over.
    """
    search = _Branching(covers, best, n_nodes=n_nodes, budget=budget)
    search.descend([], (1 << covers.shape[1]) - 1)
    return search.best, search.n_nodes >= 0


class _Branching:
    """Cells as bits of whole numbers: on small pools faster than arrays."""

    def __init__(self, covers: Bits, best: list[int], *, n_nodes: int, budget: SearchBudget) -> None:
        self._sets = [sum(1 << int(each) for each in np.flatnonzero(line)) for line in covers]
        self._holders = [np.flatnonzero(line).tolist() for line in covers.T]
        # Cells that share a rectangle with the cell, itself included.
        self._near = [self._union(holders) for holders in self._holders]
        self._hardest = sorted(range(covers.shape[1]), key=lambda cell: len(self._holders[cell]))
        self.best, self.n_nodes, self._effort = best, n_nodes, budget

    def _union(self, numbers: list[int]) -> int:
        joined = 0
        for each in numbers:
            joined |= self._sets[each]
        return joined

    def descend(self, chosen: list[int], left: int) -> None:
        self.n_nodes -= 1
        if self.n_nodes % _CHECK_CLOCK_EVERY == 0 and self._effort.is_over:
            self.n_nodes = -1
        if self.n_nodes < 0:
            return
        if not left:
            self.best = list(chosen)
            return
        apart = self._apart(left)
        self._effort.charge(STEP)
        if len(chosen) + len(apart) >= len(self.best):
            return
        for each in sorted(self._holders[apart[0]], key=lambda one: -(self._sets[one] & left).bit_count()):
            if len(chosen) + 1 < len(self.best):
                self.descend([*chosen, each], left & ~self._sets[each])

    def _apart(self, left: int) -> list[int]:
        """Return cells of `left` no two of which share a rectangle, the hardest first."""
        found = []
        for cell in self._hardest:
            if left >> cell & 1:
                found.append(cell)
                left &= ~self._near[cell]
        return found
