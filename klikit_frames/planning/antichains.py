"""Covers of almost full tables, found from the sets of rectangles that each row is in.

If row r is in the rectangles A(r), a column can at most be in those that none of the rows missing from it is
in. So the sets A(r) decide everything, and for k rectangles the search is for good sets of numbers below k.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from .budget import STEP

if TYPE_CHECKING:
    from .budget import SearchBudget
    from .groups import Indexes
    from .kernels import Bits, Kernel

_MOST_RECTANGLES = 16
_LEAST_DENSITY = 0.75


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
