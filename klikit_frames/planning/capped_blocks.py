"""Blocks within the caps, also of lines cut into pieces: the best inside a rectangle, by its cells' worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .budget import STEP
from .candidates import close_columns, shared_columns
from .groups import Rectangle
from .reductions import first_of_equal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .budget import SearchBudget
    from .groups import Indexes
    from .limits import Limits
    from .reductions import Bits

    Gains = NDArray[np.float32]

_WORTH_ADDING = 1.001
_MOST_ADDED = 1_500
_BATCH = 512
_MOST_COMMON = 1_000
_MOST_LEVELS = 8
# Common lines are looked for at length where that takes a tenth of the budget.
_SHARE_FOR_COMMON, _FEWER_COMMON = 40, 5
# For each pair of a set of columns and a cell: it is compared, closed, and compared with others.
_OPERATIONS = 1.0


class CappedBlocks:
    """Maximal rectangles of one table, and the blocks within the caps that lie inside them.

    Parameters
    ----------
    cells : array of bool
        The table.
    weights : pair of arrays of int64
        How many entities each row, and how many stores each column, stands for.
    columns : array of bool
        Column sets of rectangles to take the blocks from; together they cover the table.
    limits : Limits
        The caps.
    piece : pair of int
        Side lengths within the caps that no row and no column alone is above.
    budget : SearchBudget
        Where the work is counted.

    Attributes
    ----------
    wholes : list of Rectangle
        The maximal rectangles.
    """

    def __init__(
        self,
        cells: Bits,
        weights: tuple[Indexes, Indexes],
        columns: Bits,
        *,
        limits: Limits,
        piece: tuple[int, int],
        budget: SearchBudget,
    ) -> None:
        self._weights, self._limits, self._piece = weights, limits, piece
        most = _MOST_COMMON
        if not budget.can_afford(_SHARE_FOR_COMMON * _MOST_LEVELS * most * cells.size):
            most //= _FEWER_COMMON
        common = [common_lines(cells, weights[1], least=limits.stores, most=most)]
        of_rows = common_lines(cells.T, weights[0], least=limits.ids, most=most)
        common.append(shared_columns(cells, of_rows))
        columns = np.concatenate([columns, *common])
        columns = columns[first_of_equal(columns)[0]]
        budget.charge(_OPERATIONS * (len(columns) + 2 * sum(map(len, common))) * cells.size)
        pool = close_columns(cells, columns)
        first, _ = first_of_equal(pool.columns)
        self._pool = pool.take(first[pool.rows[first].any(axis=1)])
        self.wholes = [
            Rectangle(np.flatnonzero(rows), np.flatnonzero(columns))
            for rows, columns in zip(*self._pool, strict=True)
        ]

    def worth_adding(
        self, worth: Gains, budget: SearchBudget, *, least: float = _WORTH_ADDING
    ) -> list[Rectangle]:
        """Return the best block of each rectangle that has one worth more than `least`, of a request's 1."""
        hopes = self._hopes(worth)
        budget.charge(worth.size * len(hopes) / 4)
        order = np.argsort(-hopes, kind="stable")
        blocks: list[Rectangle] = []
        for number in order[hopes[order] > least].tolist():
            if budget.is_over or len(blocks) >= _MOST_ADDED:
                break
            block, value = self.best_inside(number, worth)
            budget.charge(20.0 * self.wholes[number].n_cells + STEP)
            if value > least:
                blocks.append(block)
        return blocks

    def _hopes(self, worth: Gains) -> Gains:
        """Return for each rectangle what no block inside is worth more than: its best columns, all rows."""
        bounds = [np.empty(0, dtype=np.float32)]
        n_left_out = max(0, worth.shape[1] - self._limits.stores)
        for start in range(0, len(self._pool), _BATCH):
            some = slice(start, start + _BATCH)
            sums = (self._pool.rows[some].astype(np.float32) @ worth) * self._pool.columns[some]
            if n_left_out:
                sums.partition(n_left_out, axis=1)
            bounds.append(sums[:, n_left_out:].sum(axis=1))
        return np.concatenate(bounds)

    def best_inside(self, number: int, gains: Gains) -> tuple[Rectangle, float]:
        """Return the block within the caps, inside a rectangle, that gains the most, and how much that is."""
        whole = self.wholes[number]
        block_gains = gains[whole.inside]
        heights, widths = self._weights[0][whole.rows], self._weights[1][whole.columns]
        best, most = (np.arange(0), np.arange(0)), 0.0
        for tall, wide in self._shapes(int(heights.sum()), int(widths.sum())):
            rows = _heaviest(block_gains.sum(axis=1), heights, tall)
            by_rows = rows, _heaviest(block_gains[rows].sum(axis=0), widths, wide)
            columns = _heaviest(block_gains.sum(axis=0), widths, wide)
            by_columns = _heaviest(block_gains[:, columns].sum(axis=1), heights, tall), columns
            for inside in (by_rows, by_columns):
                gain = float(block_gains[inside[0][:, None], inside[1]].sum())
                if gain > most:
                    best, most = inside, gain
        return Rectangle(whole.rows[best[0]], whole.columns[best[1]]), most

    def _shapes(self, height: int, width: int) -> set[tuple[int, int]]:
        """Return the side lengths to try: as tall as can be, as wide as can be, and even."""
        limits = self._limits
        tall, wide = min(limits.ids, height), min(limits.stores, width)
        if limits.cells >= tall * wide:
            return {(tall, wide)}
        return {
            (tall, min(wide, limits.cells // tall)),
            (min(tall, limits.cells // wide), wide),
            limits.grid(height, width),
            self._piece,
        }


def common_lines(cells: Bits, widths: Indexes, *, least: int, most: int) -> Bits:
    """Return sets of columns that several rows share and that still fill a request.

    Level by level, as frequent sets are found: each set is met with each row, and the widest are kept. Where
    no row is as wide as the cap there are none, and none are needed.

    Parameters
    ----------
    cells : array of bool
        The table.
    widths : array of int64
        What each column counts for.
    least : int
        The width that fills a request.
    most : int
        How many sets each level keeps.
    """
    table, weights = cells.astype(np.float32), widths.astype(np.float32)
    sets = cells[table @ weights >= least]
    levels = [sets]
    for _ in range(_MOST_LEVELS):
        weighted = sets.astype(np.float32) * weights
        shared = weighted @ table.T
        shared[shared >= weighted.sum(axis=1, keepdims=True) - 0.5] = 0
        places = np.flatnonzero(shared >= least)
        some = places[np.argsort(-shared.flat[places], kind="stable")[: 3 * most]]
        rows, others = np.divmod(some, len(cells))
        sets = sets[rows] & cells[others]
        sets = sets[first_of_equal(sets)[0]][:most] if len(sets) else sets
        if not len(sets):
            break
        levels.append(sets)
    return np.concatenate(levels)


def _heaviest(gains: Gains, weights: Indexes, cap: int) -> Indexes:
    """Return the numbers with the most gain per weight, as many as the cap holds, in order."""
    order = np.argsort(-gains / weights, kind="stable")
    order = order[gains[order] > 0]
    filled = np.cumsum(weights[order])
    return np.sort(order[filled <= cap])


class Pieces:
    """The pieces of one side of a table; a piece can be cut further at any time.

    Parameters
    ----------
    sizes : array of int64
        How many members each class has.
    cap : int
        No piece has more.

    Attributes
    ----------
    class_of, starts, sizes : array of int64
        For each piece its class, the first of the class's members that it has, and how many it has.
    parents : list of int
        For each piece the one that it was cut from, or itself.
    """

    def __init__(self, sizes: Indexes, cap: int) -> None:
        places = [
            (number, start, min(cap, size - start))
            for number, size in enumerate(sizes.tolist())
            for start in range(0, size, cap)
        ]
        self.class_of, self.starts, self.sizes = np.array(places, dtype=np.int64).T.copy()
        self.parents = list(range(len(places)))

    def __len__(self) -> int:
        return len(self.parents)

    def cut(self, number: int, size: int) -> None:
        """Leave a piece its first `size` members; the others are a new piece, the last."""
        self.class_of = np.append(self.class_of, self.class_of[number])
        self.starts = np.append(self.starts, self.starts[number] + size)
        self.sizes = np.append(self.sizes, self.sizes[number] - size)
        self.sizes[number] = size
        self.parents.append(number)

    def counted(self, chosen: Indexes) -> tuple[Indexes, Indexes]:
        """Return the classes of the chosen pieces, and how many members of each these have."""
        counts = np.bincount(self.class_of[chosen], weights=self.sizes[chosen]).astype(np.int64)
        classes = np.flatnonzero(counts)
        return classes, counts[classes]

    def fitting(self, classes: Indexes, counts: Indexes) -> Indexes:
        """Return pieces that have no more members of each class than given, as many as fit in order."""
        wanted = np.zeros(int(self.class_of.max()) + 1, dtype=np.int64)
        wanted[classes] = counts
        pieces = np.flatnonzero(wanted[self.class_of] > 0)
        room = wanted
        chosen = []
        for piece, number, size in zip(
            pieces.tolist(), self.class_of[pieces].tolist(), self.sizes[pieces].tolist(), strict=True
        ):
            if size <= room[number]:
                room[number] -= size
                chosen.append(piece)
        return np.array(chosen, dtype=np.int64)

    def inherited(self, had_pieces: Bits, since: Indexes) -> Bits:
        """Return which pieces each line has, with the pieces that were cut off since from those that it has.

        Parameters
        ----------
        had_pieces : array of bool, shape (lines, pieces)
            What each line had of the pieces that there were.
        since : array of int64
            For each line, in ascending order, how many pieces there were.
        """
        wide = np.zeros((len(had_pieces), len(self)), dtype=bool)
        wide[:, : had_pieces.shape[1]] = had_pieces
        for piece in range(int(since.min(initial=len(self))), len(self)):
            older = int(np.searchsorted(since, piece, side="right"))
            wide[:older, piece] = wide[:older, self.parents[piece]]
        return wide

    def members(self, chosen: Indexes, members: list[NDArray[np.int64]]) -> Indexes:
        """Return the members that the chosen pieces have, of each class's."""
        parts = [
            members[number][start : start + size]
            for number, start, size in zip(
                self.class_of[chosen].tolist(),
                self.starts[chosen].tolist(),
                self.sizes[chosen].tolist(),
                strict=True,
            )
        ]
        return np.sort(np.concatenate(parts))
