"""How few requests are possible at least."""

from __future__ import annotations

from math import ceil, comb
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .budget import STEP
from .reductions import label_connected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .budget import SearchBudget
    from .groups import Indexes, Rectangle
    from .limits import Limits
    from .reductions import Bits, Kernel
    from .set_cover import Incidence, Prices

_TABU_STEPS = 7
_MOST_TRIED = 200_000
_CHECK_CLOCK_EVERY = 64
# Whole numbers in place of prices: sums of a table's cells stay below 2**53, so that none is rounded.
_UNITS = 2**24


class PricedTable(NamedTuple):
    """What proves a bound: prices of single cells, under which no request is worth more than some price.

    Attributes
    ----------
    entities, stores : list of arrays of int64
        The numbers of those that each row, and each column, stands for; equal lines of the group.
    prices : array
        What a single cell of each row and column is worth; of others nothing.
    """

    entities: list[Indexes]
    stores: list[Indexes]
    prices: NDArray[Any]


class BoundEvidence(NamedTuple):
    """What proves the bound of a part of a group, which shares no request with other parts.

    Attributes
    ----------
    entities, stores : array of int64
        The part's lines.
    priced : list of PricedTable
        Prices; each proves a bound on its own.
    apart : list of lists of Rectangle
        Blocks of which no request has cells of two, so that what each takes under the caps adds up; each list
        on its own.
    """

    entities: Indexes
    stores: Indexes
    priced: list[PricedTable]
    apart: list[list[Rectangle]]


class FoolingSet:
    """Needed cells no two of which fit into one rectangle; each takes a rectangle of its own.

    Two cells fit into one rectangle when the other two corners are cells too. The set is built from the
    cells that fit with the fewest others, and improved by swaps.

    Parameters
    ----------
    kernel : Kernel
        Where.
    draw : Generator
        Breaks ties.
    budget : SearchBudget
        The set stays as it is when this is over.
    """

    def __init__(self, kernel: Kernel, *, draw: np.random.Generator, budget: SearchBudget) -> None:
        self._cells, self._draw = kernel.cells, draw
        self._rows, self._columns = np.nonzero(kernel.needed)
        self._in_row = [np.flatnonzero(line) for line in kernel.cells]
        self._in_column = [np.flatnonzero(line) for line in kernel.cells.T]
        self._members: set[int] = set()
        # How many members each cell fits with.
        self._fits = np.zeros(kernel.cells.shape, dtype=np.int16)
        self.best: list[int] = []
        self._begin(budget)

    @property
    def size(self) -> int:
        """How many cells the best set has."""
        return len(self.best)

    @property
    def places(self) -> tuple[Indexes, Indexes]:
        """Rows and columns of the best set's cells."""
        return self._rows[self.best], self._columns[self.best]

    def improve(self, *, n_steps: int, target: int, budget: SearchBudget) -> None:
        """Search for a larger set, until it has `target` cells."""
        banned = np.zeros(len(self._rows), dtype=np.int64)
        for step in range(n_steps):
            if self.size >= target or (step % _CHECK_CLOCK_EVERY == 0 and budget.is_over):
                return
            fits = self._fits[self._rows, self._columns]
            self._step(fits, banned, step)
            budget.charge(10.0 * len(self._rows) + STEP)

    def _begin(self, budget: SearchBudget) -> None:
        table = self._cells.astype(np.float32)
        crowd = (table @ table.T @ table)[self._rows, self._columns]
        for number in np.argsort(crowd, kind="stable")[:_MOST_TRIED].tolist():
            if self._fits[self._rows[number], self._columns[number]] == 0:
                self._put(number)
                if len(self._members) % _CHECK_CLOCK_EVERY == 0 and budget.is_over:
                    break
        self.best = sorted(self._members)

    def _step(self, fits: np.ndarray, banned: Indexes, step: int) -> None:
        free = np.flatnonzero(fits == 0)
        if len(free):
            self._put(int(self._draw.choice(free)))
            if len(self._members) > self.size:
                self.best = sorted(self._members)
            return
        swaps = np.flatnonzero((fits == 1) & (banned <= step))
        swaps = np.setdiff1d(swaps, np.fromiter(self._members, dtype=np.int64), assume_unique=True)
        choice = int(self._draw.choice(swaps)) if len(swaps) else int(self._draw.integers(len(fits)))
        banned[choice] = step + _TABU_STEPS
        self._swap_in(choice)

    def _swap_in(self, cell: int) -> None:
        row, column = self._rows[cell], self._columns[cell]
        for member in sorted(self._members):
            if self._cells[self._rows[member], column] and self._cells[row, self._columns[member]]:
                self._members.remove(member)
                self._mark(member, -1)
        self._put(cell)

    def _put(self, cell: int) -> None:
        self._members.add(cell)
        self._mark(cell, 1)

    def _mark(self, cell: int, change: int) -> None:
        rows, columns = self._in_column[self._columns[cell]], self._in_row[self._rows[cell]]
        self._fits[rows[:, None], columns] += change


def bound_by_prices(incidence: Incidence, prices: Prices) -> tuple[int, Indexes]:
    """Return how many rectangles of a pool are needed at least by these prices, and them as whole numbers.

    Every cover is worth what all cells are, and no rectangle more than the dearest. Cells that no chain of
    rectangles joins are counted apart, since a fraction of a rectangle is one in each part. The prices may
    be as wrong as they like: nothing is rounded but they themselves.
    """
    cells = [incidence.cells_of(number) for number in range(incidence.n_rectangles)]
    joined, owners = (
        np.concatenate(cells),
        np.repeat(np.arange(len(cells)), [len(numbers) for numbers in cells]),
    )
    whole = np.rint(np.clip(prices, 0, 1) * _UNITS).astype(np.int64)
    parts = label_connected(owners, joined + len(cells))
    dearest, sums = np.zeros(len(parts), dtype=np.int64), np.zeros(len(parts), dtype=np.int64)
    worths = np.bincount(owners, weights=whole[joined], minlength=len(cells)).astype(np.int64)
    np.maximum.at(dearest, parts[: len(cells)], worths)
    np.add.at(sums, parts[len(cells) :], whole)
    bound = sum(
        -(-total // most) for total, most in zip(sums.tolist(), dearest.tolist(), strict=True) if total
    )
    return bound, whole


def bound_by_antichains(cells: Bits, asked: Bits) -> int:
    """Return how many rectangles it takes to tell the rows, and the columns, apart.

    Of two rows none of which contains the other, each is in a rectangle that the other is not in. So the
    sets of rectangles that such rows are in are an antichain, and by Sperner's theorem k rectangles have at
    most C(k, k/2) such sets.
    """
    return max(_rectangles_for(_antichain(cells, asked)), _rectangles_for(_antichain(cells.T, asked.T)))


def _antichain(cells: Bits, asked: Bits) -> int:
    """Return the size of a set of rows none of which contains another: minimal rows, or rows of one size.

    A row contains another when it has all cells of it that must be covered.
    """
    needs = asked.astype(np.float32)
    contains = cells.astype(np.float32) @ needs.T > needs.sum(axis=1) - 0.5
    n_minimal = int((contains.sum(axis=1) == 1).sum())
    if not np.array_equal(cells, asked):
        return n_minimal
    return max(n_minimal, int(np.bincount(cells.sum(axis=1)).max()))


def _rectangles_for(n_sets: int) -> int:
    count = 0
    while comb(count, count // 2) < n_sets:
        count += 1
    return max(count, 1)


def bound_by_caps(n_ids: int, n_stores: int, limits: Limits) -> int:
    """Return how few requests a full rectangle takes: its cells, and the lists of every row and column."""
    width, height = min(limits.stores, n_stores), min(limits.ids, n_ids)
    return max(
        ceil(n_ids * n_stores / min(limits.cells, width * height)),
        ceil(n_ids * ceil(n_stores / width) / height),
        ceil(n_stores * ceil(n_ids / height) / width),
    )


def bound_by_apart(
    cells: Bits,
    asked: Bits,
    weights: tuple[Indexes, Indexes],
    places: tuple[Indexes, Indexes],
    limits: Limits,
) -> int:
    """Return how few requests the caps allow for cells no two of which share a request, and their rows.

    Each of the cells is widened along its row, as far as the widened ones still cannot share a request; the
    requests that each of them takes then add up.

    Parameters
    ----------
    cells, asked : array of bool
        The table, and those of its cells that must be covered.
    weights : pair of arrays of int64
        How many entities each row, and how many stores each column, stands for.
    places : pair of arrays of int64
        Rows and columns of the cells.
    limits : Limits
        The caps.
    """
    wide = widen_apart(cells, asked, places)
    heights, widths = weights[0][places[0]].tolist(), (wide @ weights[1]).tolist()
    return sum(
        bound_by_caps(height, width, limits) if width else 1
        for height, width in zip(heights, widths, strict=True)
    )


def widen_apart(cells: Bits, asked: Bits, places: tuple[Indexes, Indexes]) -> Bits:
    """Return for each of the cells the columns of its row that it can be widened to and stay apart."""
    lines = cells[places[0]]
    wide = np.zeros_like(lines)
    wide[np.arange(len(lines)), places[1]] = True
    for number, line in enumerate(lines):
        # Another's widened cells that lie in this row's columns would share a request through its own.
        meets = (wide & line).any(axis=1)
        meets[number] = False
        wide[number] = line & ~lines[meets].any(axis=0)
    # A twin that was merged with the row may be the one that needs the cell: it takes a request at least.
    wide &= asked[places[0]]
    return wide


def bound_by_lists(of_entities: Indexes, of_stores: Indexes, limits: Limits) -> int:
    """Return how few requests the caps allow for a part.

    Parameters
    ----------
    of_entities : array of int64
        For each entity its number of stores.
    of_stores : array of int64
        For each store its number of entities.
    limits : Limits
        The caps.
    """
    n_cells = int(of_stores.sum())
    by_entities = int(np.ceil(of_entities / limits.stores).sum())
    by_stores = int(np.ceil(of_stores / limits.ids).sum())
    return max(ceil(n_cells / limits.cells), ceil(by_entities / limits.ids), ceil(by_stores / limits.stores))
