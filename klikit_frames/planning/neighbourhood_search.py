"""Large neighbourhood search for covers within the caps: take out a few blocks, and cover their cells again.

Blocks beside those that were taken out first get what they have room for. The rest is covered by new blocks,
always with the one whose open cells are worth most under dual prices. A repair that takes no more blocks than
were taken out stays, so that the search moves on where nothing improves. The method follows Shaw, "Using
constraint programming and local search methods to solve vehicle routing problems" (1998).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .budget import STEP
from .groups import Rectangle
from .pricing import best_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .budget import SearchBudget
    from .groups import Indexes
    from .limits import Limits
    from .reductions import Bits

    Worths = NDArray[np.float64]
    Members = NDArray[np.float32]

_FEWEST_OUT, _MOST_OUT = 2, 8
_STEPS_PER_SWEEP = 50
_IDLE_STEPS, _IDLE_STEPS_PER_BLOCK = 10, 3
_AS_GOOD = 0.9
# No block is worth much more than 1 under the prices, which are near to those of the bound.
_LEEWAY = 1.0
# Times of a cell that need not be covered.
_SPARE = 1_000
# A block that is worth all of a request is taken out sometimes, too.
_LEAST_SLACK = 0.02


class _Open(NamedTuple):
    """Lines with cells that no block has, and what those cells are worth; the others are worth nothing."""

    rows: Indexes
    columns: Indexes
    worths: Worths


class NeighbourhoodSearch:
    """A cover by blocks within the caps, which is made smaller in steps.

    Parameters
    ----------
    cells, asked : array of bool
        The table, and those of its cells that must be covered.
    sizes : pair of arrays of int64
        How many entities each row, and how many stores each column, stands for.
    worths : array of float64
        What each cell is worth of a request's 1, above 0 wherever it must be covered.
    blocks : list of Rectangle
        The cover to begin with.
    limits : Limits
        The caps.
    shapes : list of pair of int
        Side lengths within the caps that new blocks are made with.
    draw : Generator
        Chooses what is taken out.

    Attributes
    ----------
    is_done : bool
        Whether the last search ended for want of improvement, not of budget.
    """

    def __init__(
        self,
        cells: Bits,
        asked: Bits,
        sizes: tuple[Indexes, Indexes],
        worths: Worths,
        blocks: list[Rectangle],
        *,
        limits: Limits,
        shapes: list[tuple[int, int]],
        draw: np.random.Generator,
    ) -> None:
        self._cells, self._holes = cells, (~cells).astype(np.float32)
        self._sizes, self._worths, self._draw = sizes, worths, draw
        self._limits, self._shapes = limits, shapes
        self._times = np.where(asked, 0, _SPARE).astype(np.int16)
        self._blocks = list(blocks)
        self._members: list[Members] = [
            np.zeros((len(blocks), length), dtype=np.float32) for length in cells.shape
        ]
        self._counts = [np.zeros(len(blocks), dtype=np.int64) for _ in range(2)]
        self._totals = [np.zeros(len(blocks), dtype=np.int64) for _ in range(2)]
        for number, block in enumerate(blocks):
            self._times[block.inside] += 1
            self._note(number, block)
        self._slacks = np.zeros(len(blocks))
        self.is_done = False

    @property
    def blocks(self) -> list[Rectangle]:
        """The cover."""
        return self._blocks

    def improve(self, *, target: int, budget: SearchBudget) -> None:
        """Search until the cover has `target` blocks, the budget is over, or nothing improves for long."""
        self._sweep(budget)
        n_idle, n_steps = 0, 0
        while len(self._blocks) > target and not budget.is_over:
            n_before = len(self._blocks)
            self._step(budget)
            n_steps += 1
            if n_steps % _STEPS_PER_SWEEP == 0:
                self._sweep(budget)
            n_idle = 0 if len(self._blocks) < n_before else n_idle + 1
            budget.saved += n_before - len(self._blocks)
            if n_idle > _IDLE_STEPS + _IDLE_STEPS_PER_BLOCK * n_before:
                self.is_done = True
                break
        self.is_done = self.is_done or len(self._blocks) <= target

    def _sweep(self, budget: SearchBudget) -> None:
        """Take lines out that other blocks have, and blocks without any left; note what each is worth."""
        emptied = []
        for number in self._draw.permutation(len(self._blocks)).tolist():
            block = self._blocks[number]
            is_needed = self._times[block.inside] == 1
            rows, columns = is_needed.any(axis=1), is_needed.any(axis=0)
            budget.charge(2.0 * is_needed.size + STEP / 8)
            if rows.all() and columns.all():
                continue
            if rows.any():
                self._replace(number, Rectangle(block.rows[rows], block.columns[columns]))
            else:
                self._times[block.inside] -= 1
                emptied.append(number)
        self._drop(emptied)
        worths = (self._worths[block.inside][self._times[block.inside] == 1].sum() for block in self._blocks)
        self._slacks = np.maximum(1 - np.fromiter(worths, dtype=np.float64), 0) + _LEAST_SLACK

    def _step(self, budget: SearchBudget) -> None:
        """Take out blocks, cover their cells again, and let that stand if it takes no more blocks."""
        chosen = self._neighbours(budget)
        removed = [self._blocks[number] for number in chosen]
        for block in removed:
            self._times[block.inside] -= 1
        left = self._left_by(removed)
        extended: list[tuple[int, Rectangle]] = []
        for axis in (1, 0):
            self._extend_others(axis, left, chosen, extended, budget)
        added = self._covered(left, len(chosen), budget)
        if added is None:
            for number, block in reversed(extended):
                self._replace(number, block)
        for block in removed if added is None else added:
            self._times[block.inside] += 1
        if added is not None:
            for number, block in zip(chosen, added, strict=False):
                self._note(number, block)
            self._drop(chosen[len(added) :])

    def _neighbours(self, budget: SearchBudget) -> list[int]:
        """Return blocks that share lines with one of them, rather those worth less than a request."""
        n_blocks = len(self._blocks)
        # Few more often than many: small changes are quick to look at.
        count = min(n_blocks, int(self._draw.integers(_FEWEST_OUT, _MOST_OUT + 1, size=2).min()))
        first = int((self._slacks * self._draw.random(n_blocks)).argmax())
        score = np.zeros(n_blocks)
        for members, counts, lines in zip(self._members, self._counts, self._blocks[first], strict=True):
            score += members[:, lines].sum(axis=1) / np.minimum(counts, len(lines))
            budget.charge(20.0 * n_blocks * len(lines) + STEP / 8)
        score *= self._draw.uniform(0.3, 1, n_blocks) * (0.5 + self._slacks)
        score[first] = np.inf
        chosen: list[int] = np.argsort(-score, kind="stable")[:count].tolist()
        return chosen

    def _left_by(self, removed: list[Rectangle]) -> _Open:
        rows, columns = (np.unique(np.concatenate([block[axis] for block in removed])) for axis in (0, 1))
        inside = np.ix_(rows, columns)
        is_open = self._times[inside] == 0
        in_rows, in_columns = is_open.any(axis=1), is_open.any(axis=0)
        worths = np.where(is_open, self._worths[inside], 0.0)[np.ix_(in_rows, in_columns)]
        return _Open(rows[in_rows], columns[in_columns], worths)

    def _extend_others(
        self,
        axis: int,
        left: _Open,
        chosen: list[int],
        extended: list[tuple[int, Rectangle]],
        budget: SearchBudget,
    ) -> None:
        """Give other blocks the lines of one side that they have room for, in place."""
        lines, across = left[axis], left[1 - axis]
        worths = left.worths if axis else left.worths.T
        if not len(lines):
            return
        members, sizes = self._members[1 - axis], self._sizes[axis][lines]
        near: Bits = np.any(members[:, across] > 0, axis=1)
        near[chosen] = False
        others = np.flatnonzero(near)
        rooms = self._rooms(axis, others)
        others, rooms = others[rooms >= sizes.min()], rooms[rooms >= sizes.min()]
        holes = self._holes[:, lines] if axis else self._holes[lines].T
        fits: Bits = members[others] @ holes < 0.5
        is_near = members[others][:, across]
        budget.charge(2.0 * len(others) * holes.size + 4.0 * members.shape[0] * len(across) + STEP)
        gains = (is_near @ worths) * fits
        budget.charge(2.0 * gains.size * len(across) + 30.0 * gains.size)
        # Gains only shrink, so whoever still leads after a fresh look gains most.
        most = _filled(gains, sizes, rooms)
        while len(most) and most.max() > 0:
            best = int(most.argmax())
            fresh = (is_near[best] @ worths) * fits[best]
            taken = _heaviest(fresh, sizes, int(rooms[best]))
            gain = float(fresh[taken].sum())
            budget.charge(2.0 * is_near.shape[1] * len(lines) + STEP / 5)
            if gain < _AS_GOOD * most[best] or not len(taken):
                most[best] = gain
                continue
            number = int(others[best])
            sides = list(self._blocks[number])
            extended.append((number, self._blocks[number]))
            sides[axis] = np.union1d(sides[axis], lines[taken])
            self._replace(number, Rectangle(*sides))
            worths[np.ix_(is_near[best] > 0, taken)] = 0
            rooms[best] -= sizes[taken].sum()
            fits[best, taken] = False
            most[best] = min(fresh.sum() - gain, most[best])

    def _rooms(self, axis: int, numbers: Indexes) -> Indexes:
        """Return how many more lines of one side each of some blocks has room for."""
        along, across = self._totals[axis][numbers], self._totals[1 - axis][numbers]
        cap = self._limits.stores if axis else self._limits.ids
        rooms: Indexes = np.minimum(cap, self._limits.cells // np.maximum(across, 1)) - along
        return rooms

    def _covered(self, left: _Open, most: int, budget: SearchBudget) -> list[Rectangle] | None:
        """Return at most so many new blocks for what is left, or None if it takes more; uses `left` up."""
        heights, widths = self._sizes[0][left.rows], self._sizes[1][left.columns]
        is_cell, added = self._cells[np.ix_(left.rows, left.columns)], list[Rectangle]()
        while left.worths.any():
            if len(added) >= most or len(added) + left.worths.sum() > most + _LEEWAY:
                return None
            rows, columns = np.flatnonzero(left.worths.any(axis=1)), np.flatnonzero(left.worths.any(axis=0))
            inside = np.ix_(rows, columns)
            sizes = heights[rows], widths[columns]
            block = self._best_block(left.worths[inside], is_cell[inside], sizes, budget)
            if not block.n_cells:
                return None
            added.append(Rectangle(left.rows[rows[block.rows]], left.columns[columns[block.columns]]))
            left.worths[np.ix_(rows[block.rows], columns[block.columns])] = 0
        return added

    def _best_block(
        self, worths: Worths, is_cell: Bits, sizes: tuple[Indexes, Indexes], budget: SearchBudget
    ) -> Rectangle:
        """Return the better of a block grown from one row and of one grown from one column."""
        budget.charge(60.0 * worths.size + 3 * STEP)
        row = int((worths.sum(axis=1) * self._draw.random(len(worths))).argmax())
        by_row, most = _grown(worths, is_cell, sizes, self._shapes, row)
        column = int((worths.sum(axis=0) * self._draw.random(worths.shape[1])).argmax())
        turned = [(wide, tall) for tall, wide in self._shapes]
        by_column, more = _grown(worths.T, is_cell.T, sizes[::-1], turned, column)
        return by_row if most >= more else Rectangle(by_column.columns, by_column.rows)

    def _note(self, number: int, block: Rectangle) -> None:
        """Have a block in the place of another, whose cells were counted before."""
        self._blocks[number] = block
        for axis in (0, 1):
            self._members[axis][number] = 0
            self._members[axis][number, block[axis]] = 1
            self._counts[axis][number] = len(block[axis])
            self._totals[axis][number] = self._sizes[axis][block[axis]].sum()

    def _replace(self, number: int, block: Rectangle) -> None:
        self._times[self._blocks[number].inside] -= 1
        self._times[block.inside] += 1
        self._note(number, block)

    def _drop(self, numbers: list[int]) -> None:
        if not numbers:
            return
        kept = np.delete(np.arange(len(self._blocks)), numbers)
        self._blocks = [self._blocks[number] for number in kept.tolist()]
        self._members = [members[kept] for members in self._members]
        self._counts = [counts[kept] for counts in self._counts]
        self._totals = [totals[kept] for totals in self._totals]
        self._slacks = self._slacks[kept]


def _grown(
    worths: Worths, is_cell: Bits, sizes: tuple[Indexes, Indexes], shapes: list[tuple[int, int]], row: int
) -> tuple[Rectangle, float]:
    """Return the best block met on the way from one row's columns to ever fewer, and what it is worth.

    All rows that hold the columns left are in; the next is always the one with which the columns left are
    worth most.
    """
    best, most = Rectangle(np.arange(0), np.arange(0)), 0.0
    per_store, has_column = worths / sizes[1], is_cell[row]
    while True:
        columns = np.flatnonzero(has_column)
        is_full = np.all(is_cell[:, columns], axis=1)
        full = np.flatnonzero(is_full)
        full_worths = worths[np.ix_(full, columns)]
        blocks = [_best_inside(full_worths, (sizes[0][full], sizes[1][columns]), *shape) for shape in shapes]
        (rows, taken), worth, room = max(blocks, key=lambda choice: choice[1])
        if worth <= most:
            break
        best, most = Rectangle(full[rows], columns[taken]), worth
        others = np.flatnonzero(~is_full)
        narrower = is_cell[others] & has_column
        values = best_sums((per_store[full[rows]].sum(axis=0) + per_store[others]) * narrower, sizes[1], room)
        if not values.any():
            break
        has_column = narrower[int(values.argmax())]
    return best, most


def _best_inside(
    worths: Worths, sizes: tuple[Indexes, Indexes], tall: int, wide: int
) -> tuple[tuple[Indexes, Indexes], float, int]:
    """Return rows and then columns of a full table, what these are worth, and the cap on the columns."""
    rows = _heaviest(worths.sum(axis=1), sizes[0], tall)
    sums = worths[rows].sum(axis=0)
    columns = _heaviest(sums, sizes[1], wide)
    return (rows, columns), float(sums[columns].sum()), wide


def _filled(gains: Worths, sizes: Indexes, rooms: Indexes) -> Worths:
    """Return for each line what those of its gains come to that its room holds, the most per size first."""
    order = np.argsort(-gains / sizes, axis=1, kind="stable")
    fits = np.cumsum(sizes[order], axis=1) <= rooms[:, None]
    sums: Worths = (np.take_along_axis(gains, order, axis=1) * fits).sum(axis=1)
    return sums


def _heaviest(gains: Worths, sizes: Indexes, room: int) -> Indexes:
    """Return the numbers with the most gain per size, as many as the room holds, in order."""
    order = np.argsort(-gains / sizes, kind="stable")
    order = order[gains[order] > 0]
    return np.sort(order[np.cumsum(sizes[order]) <= room])
