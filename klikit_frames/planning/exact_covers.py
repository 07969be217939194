"""The smallest cover of a small table, with proof, and without any solver.

Branch and bound for most tables, antichains for almost full ones: if row r is in the rectangles A(r), a
column can at most be in those that none of the rows missing from it is in. So the sets A(r) decide
everything, and for k rectangles the search is for good sets of numbers below k.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from .budget import STEP
from .candidates import CandidatePool, join_pools

if TYPE_CHECKING:
    from .budget import SearchBudget
    from .groups import Indexes
    from .reductions import Bits, Kernel

_CHECK_CLOCK_EVERY = 64

_MOST_RECTANGLES = 16
_LEAST_DENSITY = 0.75


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
        self.best, self.n_nodes, self._budget = best, n_nodes, budget

    def _union(self, numbers: list[int]) -> int:
        joined = 0
        for each in numbers:
            joined |= self._sets[each]
        return joined

    def descend(self, chosen: list[int], left: int) -> None:
        self.n_nodes -= 1
        if self.n_nodes % _CHECK_CLOCK_EVERY == 0 and self._budget.is_over:
            self.n_nodes = -1
        if self.n_nodes < 0:
            return
        if not left:
            self.best = list(chosen)
            return
        apart = self._apart(left)
        self._budget.charge(STEP)
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


def suits_antichains(kernel: Kernel) -> bool:
    """Whether the table is full enough, and large enough, for this search."""
    return min(kernel.cells.shape) > 3 and float(kernel.cells.mean()) >= _LEAST_DENSITY


def cover_by_antichains(
    kernel: Kernel, *, least: int, best: int, draw: np.random.Generator, budget: SearchBudget
) -> Bits | None:
    """Return the columns of a cover of fewer than `best` rectangles, as few as can be found, or None."""
    found = None
    for count in range(min(best - 1, _MOST_RECTANGLES), least - 1, -1):
        sets = _search_sets(kernel, count, draw=draw, budget=budget)
        if sets is None:
            break
        members = (sets[:, None] >> np.arange(count)) & 1 == 1
        # A column is in a rectangle when it holds all of that rectangle's rows.
        found = ~(members.T.astype(np.float32) @ (~kernel.cells).astype(np.float32) > 0.5)
    return found


def _search_sets(
    kernel: Kernel, count: int, *, draw: np.random.Generator, budget: SearchBudget, n_steps: int = 6_000
) -> Indexes | None:
    """Give every row a set, and change the sets of rows around an uncovered cell while that mends more."""
    choices = np.array([sum(1 << each for each in some) for some in combinations(range(count), count // 2)])
    holes = [np.flatnonzero(~line) for line in kernel.cells.T]
    sets = _first_sets(choices, len(kernel.cells), draw)
    bare = _bare(kernel, sets, holes)
    for step in range(n_steps):
        if not len(bare):
            return sets
        if step % 64 == 0 and budget.is_over:
            return None
        budget.charge(10.0 * kernel.cells.size + STEP)
        row = _row_to_change(bare, holes, draw)
        changed = sets.copy()
        changed[row] = draw.choice(choices)
        found = _bare(kernel, changed, holes)
        if len(found) <= len(bare):
            sets, bare = changed, found
    return None


def _first_sets(choices: Indexes, n_rows: int, draw: np.random.Generator) -> Indexes:
    repeats = -(-n_rows // len(choices))
    return np.concatenate([draw.permutation(choices) for _ in range(repeats)])[:n_rows]


def _row_to_change(bare: Indexes, holes: list[Indexes], draw: np.random.Generator) -> int:
    row, column = bare[draw.integers(len(bare))]
    return int(draw.choice([row, *holes[column]]))


def _bare(kernel: Kernel, sets: Indexes, holes: list[Indexes]) -> Indexes:
    """Return the needed cells that no rectangle covers, as pairs of row and column."""
    taken = np.array([np.bitwise_or.reduce(sets[each]) for each in holes])
    return np.argwhere(kernel.needed & ((sets[:, None] & ~taken) == 0))
