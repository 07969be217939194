"""One connected component of a table: from its cells to the rectangles that are sent."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..frames.cell_keys import distinct, rank_values
from .bounds import BoundEvidence, PricedTable, bound_by_apart, bound_by_caps, bound_by_lists, widen_apart
from .candidates import close_columns, widen_columns
from .capped_search import CappedSearch
from .groups import Rectangle, cut_rectangles, remove_overlap
from .kernel_search import KernelSearch
from .large_search import LargeSearch
from .reductions import LARGE_CELLS, find_kernel, sum_crossing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from .budget import SearchBudget
    from .groups import Indexes
    from .limits import Limits
    from .pricing import Worths
    from .reductions import Bits, MergedCells

    Members = list[NDArray[np.int64]]

_MOST_CELLS = 256_000_000
_MOST_CAPPED_CELLS = 4_000_000
_SHARE_OF_UNCAPPED = 4


class FullComponent:
    """A component that is one full block: entities that all go to the same stores.

    Parameters
    ----------
    table : MergedCells
        The whole table.
    positions : array of int64
        The component's one cell among the table's merged cells.
    limits : Limits
        The caps.

    Attributes
    ----------
    bound : int
        No cover of the component takes fewer requests.
    """

    def __init__(self, table: MergedCells, positions: Indexes, *, limits: Limits) -> None:
        self._whole = Rectangle(
            table.entities.expand(table.rows[positions]), table.stores.expand(table.columns[positions])
        )
        self._limits = limits
        self.bound = bound_by_caps(len(self._whole.rows), len(self._whole.columns), limits)

    is_searched = True

    @property
    def evidence(self) -> BoundEvidence:
        """What proves the bound: it is full."""
        return BoundEvidence(self._whole.rows, self._whole.columns, [], [[self._whole]])

    @property
    def is_settled(self) -> bool:
        """Whether a grid cuts it into the fewest pieces."""
        return self.bound == self._limits.cost(len(self._whole.rows), len(self._whole.columns))

    def rectangles(self) -> list[Rectangle]:
        """Return the pieces."""
        return cut_rectangles([self._whole], limits=self._limits)


class Component:
    """A connected component of a table, and what is known of its covers.

    Its rows are classes of equal entities, its columns classes of equal stores.

    Parameters
    ----------
    table : MergedCells
        The whole table.
    positions : array of int64
        The component's cells among the table's merged cells.
    limits : Limits
        The caps.

    Attributes
    ----------
    n_trivial : int
        Requests by equal sets of entities, or of stores, whichever are fewer.
    """

    def __init__(self, table: MergedCells, positions: Indexes, *, limits: Limits) -> None:
        self._limits = limits
        is_whole = len(positions) == len(table.rows)
        rows, self._row_of = _ranked(table.rows, None if is_whole else positions)
        columns, self._column_of = _ranked(table.columns, None if is_whole else positions)
        self._is_asked = table.asked if is_whole else table.asked[positions]
        self._entities = [table.entities.expand(number) for number in rows[:, None]]
        self._stores = [table.stores.expand(number) for number in columns[:, None]]
        self._heights, self._widths = _lengths(self._entities), _lengths(self._stores)
        self._search: KernelSearch | None = None
        self._large: LargeSearch | None = None
        self._is_done = False
        self._capped: list[Rectangle] | None = None
        degrees = self._degrees()
        cost = limits.cost
        self._n_by_rows, self._n_by_columns = (
            sum(map(cost, self._heights.tolist(), degrees[0].tolist())),
            sum(map(cost, degrees[1].tolist(), self._widths.tolist())),
        )
        self.n_trivial = min(self._n_by_rows, self._n_by_columns)
        of_entities, of_stores = map(np.repeat, degrees, (self._heights, self._widths))
        self._cap_bound = bound_by_lists(of_entities, of_stores, limits)
        self._cap_prices: Worths | None = None

    @property
    def bound(self) -> int:
        """No cover of the component takes fewer requests."""
        bounds = [search.bound for search in (self._search, self._large) if search is not None]
        if self._is_bound_by_caps:
            bounds += [self._bound_by_apart(places) for places in self._apart()]
        return max(self._cap_bound, *bounds, 1)

    @property
    def n_requests(self) -> int:
        """How many requests the best cover takes, cutting aside."""
        sizes = [self.n_trivial]
        if self._search is not None:
            sizes.append(len(self._search.columns))
        if self._large is not None and self._large.blocks:
            sizes.append(len(self._large.blocks))
        return min(sizes)

    @property
    def evidence(self) -> BoundEvidence:
        """What proves the bound; one of it, or counting, does."""
        apart = [blocks for places in self._apart() for blocks in self._blocks_apart(*places)]
        return BoundEvidence(
            np.concatenate(self._entities), np.concatenate(self._stores), self._all_priced(), apart
        )

    def _blocks_apart(self, rows: Indexes, columns: Indexes) -> list[list[Rectangle]]:
        """Return the cells, widened along their rows, and along their columns."""
        by_rows = widen_apart(self._cells, self._asked, (rows, columns))
        by_columns = widen_apart(self._cells.T, self._asked.T, (columns, rows))
        wide = [(np.array([row]), np.flatnonzero(line)) for row, line in zip(rows, by_rows, strict=True)]
        high = [
            (np.flatnonzero(line), np.array([column]))
            for column, line in zip(columns, by_columns, strict=True)
        ]
        return [
            [
                _expanded(Rectangle(*sides), self._entities, self._stores)
                for sides in blocks
                if min(map(len, sides))
            ]
            for blocks in (wide, high)
        ]

    def _all_priced(self) -> list[PricedTable]:
        tables = []
        if self._cap_prices is not None:
            tables.append(PricedTable(self._entities, self._stores, self._cap_prices))
        if self._search is not None and self._search.prices is not None:
            rows, columns = np.nonzero(self._search.prices)
            prices = self._search.prices[rows, columns]
            tables.append(self._priced(self._kernel.rows[rows], self._kernel.columns[columns], prices))
        return tables + [
            self._priced(*places, np.ones(len(places[0]), dtype=int)) for places in self._apart()
        ]

    def _priced(self, rows: Indexes, columns: Indexes, prices: Indexes) -> PricedTable:
        """Return a price for one single cell of each pair of classes."""
        table = np.zeros(self._cells.shape, dtype=np.int64)
        table[rows, columns] = prices
        return PricedTable(
            [members[:1] for members in self._entities],
            [members[:1] for members in self._stores],
            table * self._asked,
        )

    @property
    def is_settled(self) -> bool:
        """Whether no search can bring anything."""
        if self._is_bound_by_caps or (self._search is None and self._large is None):
            return self.n_trivial <= self._cap_bound
        return self.n_requests <= self.bound

    @property
    def is_searched(self) -> bool:
        """Whether a search came to its end; one that was cut, or had no room, tells little."""
        return self._is_done or self.is_settled

    def quick_cover(self, budget: SearchBudget) -> None:
        """Find a good cover quickly, if the component is not too large for that."""
        shape = len(self._entities), len(self._stores)
        if self.is_settled or shape[0] * shape[1] > _MOST_CELLS:
            return
        if self._is_bound_by_caps:
            # Rectangles that do not keep the caps are where the search begins, no more.
            budget = budget.reserve(_SHARE_OF_UNCAPPED)
        cells, asked = self._cells, self._asked
        if cells.size > LARGE_CELLS:
            self._large = LargeSearch(cells, asked)
            self._large.search(budget, most=self.n_trivial)
            self._is_done = not self._large.is_cut and not self._is_bound_by_caps
            if self._large.is_settled:
                return
        kernel = find_kernel(cells, budget, asked=asked)
        if kernel is None:
            return
        self._kernel = kernel
        self._search = KernelSearch(kernel, budget)
        self._search.quick_cover(budget)
        self._is_done |= not self._search.is_cut and not self._is_bound_by_caps

    def improve(self, budget: SearchBudget) -> None:
        """Improve the cover, and the bound, as long as the budget allows."""
        if not self._is_bound_by_caps:
            if self._search is not None and not self.is_settled:
                self._search.improve(budget)
        elif len(self._cut_blocks()) <= self.bound:
            self._is_done = True
        else:
            if self._search is not None:
                self._search.improve_bound(budget.split(16))
            self._capped = self._search_capped(budget)

    def rectangles(self) -> list[Rectangle]:
        """Return the best cover, within the caps, with little overlap."""
        cut = self._cut_blocks()
        if self._capped is not None and len(self._capped) <= len(cut):
            return self._capped
        # Cutting may leave pieces all of whose cells other pieces have.
        return self._trimmed(cut) if self._is_bound_by_caps else cut

    def _cut_blocks(self) -> list[Rectangle]:
        """Return the best cover that does not keep the caps, cut at them."""
        wholes = [_expanded(block, self._entities, self._stores) for block in self._best_blocks()]
        return cut_rectangles(wholes, limits=self._limits)

    def _best_blocks(self) -> list[Rectangle]:
        """Return the cover by rows and columns of the component that takes the fewest requests when cut."""
        ways = []
        if self._is_bound_by_caps or self.n_requests == self.n_trivial:
            ways.append(self._by_rows() if self._n_by_rows <= self._n_by_columns else self._by_columns())
        covers = [] if self._search is None else [self._found_blocks(self._search.columns)]
        if self._large is not None and self._large.blocks:
            covers.append(self._large.blocks)
        if covers:
            ways.append(remove_overlap(min(covers, key=len), ~self._asked))
        return min(ways, key=self._count)

    def _trimmed(self, pieces: list[Rectangle]) -> list[Rectangle]:
        shape = int(max(map(np.max, self._entities))) + 1, int(max(map(np.max, self._stores))) + 1
        if shape[0] * shape[1] > _MOST_CELLS:
            return pieces
        return remove_overlap(pieces, self._spare_places(shape))

    def _spare_places(self, shape: tuple[int, int]) -> Bits:
        """Return which places, by entity and store, need not be covered."""
        spare = np.ones(shape, dtype=bool)
        asked = np.repeat(np.repeat(self._asked, self._heights, axis=0), self._widths, axis=1)
        spare[np.ix_(np.concatenate(self._entities), np.concatenate(self._stores))] = ~asked
        return spare

    @property
    def _is_bound_by_caps(self) -> bool:
        return self._limits.cost(int(self._heights.sum()), int(self._widths.sum())) > 1

    @cached_property
    def _cells(self) -> Bits:
        return self._table_of(slice(None))

    @cached_property
    def _asked(self) -> Bits:
        return self._cells if self._is_asked.all() else self._table_of(self._is_asked)

    def _table_of(self, chosen: Any) -> Bits:
        cells = np.zeros((len(self._entities), len(self._stores)), dtype=bool)
        cells[self._row_of[chosen], self._column_of[chosen]] = True
        cells.flags.writeable = False
        return cells

    def _degrees(self) -> tuple[Indexes, Indexes]:
        """Return for each row its number of stores, and for each column its number of entities."""
        rows, columns = self._row_of, self._column_of
        if not self._is_asked.all():
            rows, columns = rows[self._is_asked], columns[self._is_asked]
        return (
            sum_crossing(rows, columns, self._widths, n_lines=len(self._heights)),
            sum_crossing(columns, rows, self._heights, n_lines=len(self._widths)),
        )

    def _by_rows(self) -> list[Rectangle]:
        return [
            Rectangle(np.array([row]), columns)
            for row, columns in enumerate(
                _split(self._row_of[self._is_asked], self._column_of[self._is_asked])
            )
        ]

    def _by_columns(self) -> list[Rectangle]:
        return [
            Rectangle(rows, np.array([column]))
            for column, rows in enumerate(
                _split(self._column_of[self._is_asked], self._row_of[self._is_asked])
            )
        ]

    def _count(self, blocks: Iterable[Rectangle]) -> int:
        cost, heights, widths = self._limits.cost, self._heights, self._widths
        return sum(cost(int(heights[block.rows].sum()), int(widths[block.columns].sum())) for block in blocks)

    def _found_columns(self, of_kernel: Bits) -> Bits:
        """Return column sets of the component for column sets of its kernel."""
        if self._kernel.parents:
            return widen_columns(self._kernel, of_kernel)
        columns = np.zeros((len(of_kernel), len(self._stores)), dtype=bool)
        columns[:, self._kernel.columns] = of_kernel
        return columns

    def _found_blocks(self, of_kernel: Bits) -> list[Rectangle]:
        pool = close_columns(self._cells, self._found_columns(of_kernel))
        return [
            Rectangle(np.flatnonzero(rows), np.flatnonzero(columns))
            for rows, columns in zip(*pool, strict=True)
        ]

    def _apart(self) -> list[tuple[Indexes, Indexes]]:
        """Return the sets of cells that are known to be apart."""
        sets_apart = [] if self._large is None else [self._large.apart]
        if self._search is not None:
            rows, columns = self._search.apart
            sets_apart.append((self._kernel.rows[rows], self._kernel.columns[columns]))
        return sets_apart

    def _bound_by_apart(self, places: tuple[Indexes, Indexes]) -> int:
        cells, asked, weights = self._cells, self._asked, (self._heights, self._widths)
        return max(
            bound_by_apart(cells, asked, weights, places, self._limits),
            bound_by_apart(cells.T, asked.T, weights[::-1], places[::-1], self._limits.transposed),
        )

    def _search_capped(self, budget: SearchBudget) -> list[Rectangle] | None:
        """Return a cover made with the caps in mind, if the component is not too large for that."""
        piece = self._limits.grid(int(self._heights.sum()), int(self._widths.sum()))
        n_pieces = (-(-self._heights // piece[0])).sum(), (-(-self._widths // piece[1])).sum()
        if n_pieces[0] * n_pieces[1] > _MOST_CAPPED_CELLS:
            return None
        column_sets = [self._cells]
        if self._search is not None:
            column_sets.append(self._found_columns(self._search.pool))
        if self._large is not None and self._large.blocks:
            column_sets.append(self._columns_of(self._large.blocks))
        weights, columns = (self._heights, self._widths), np.concatenate(column_sets)
        search = CappedSearch(
            self._cells, self._asked, weights, columns, limits=self._limits, piece=piece, budget=budget
        )
        blocks = search.search(self._best_blocks(), budget, least=self.bound)
        self._cap_bound = max(self._cap_bound, search.bound)
        self._cap_prices = search.prices
        self._is_done = not search.is_cut
        rows, stores = (
            [side.members(classes, members) for classes in chosen]
            for side, chosen, members in (
                (search.rows, [block.rows for block in blocks], self._entities),
                (search.columns, [block.columns for block in blocks], self._stores),
            )
        )
        return [Rectangle(*sides) for sides in zip(rows, stores, strict=True)]

    def _columns_of(self, blocks: list[Rectangle]) -> Bits:
        columns = np.zeros((len(blocks), len(self._stores)), dtype=bool)
        for number, block in enumerate(blocks):
            columns[number, block.columns] = True
        return columns


def _expanded(block: Rectangle, entities: Members, stores: Members) -> Rectangle:
    """Return a block of classes as entities and stores."""
    return Rectangle(
        np.sort(np.concatenate([entities[number] for number in block.rows])),
        np.sort(np.concatenate([stores[number] for number in block.columns])),
    )


def _ranked(numbers: Indexes, positions: Indexes | None) -> tuple[Indexes, Indexes]:
    """Return the different numbers at these positions, and the rank of each; None is for all positions."""
    if positions is not None:
        return rank_values(numbers[positions])
    uniques = distinct(numbers)
    # Numbers without gaps are their own ranks.
    return (uniques, numbers) if uniques[-1] == len(uniques) - 1 else rank_values(numbers)


def _lengths(members: Members) -> Indexes:
    return np.array([len(numbers) for numbers in members], dtype=np.int64)


def _split(numbers: Indexes, other: Indexes) -> list[Indexes]:
    """Return for each number of one side the numbers of the other that it meets."""
    order = np.argsort(numbers, kind="stable")
    return np.split(other[order], np.flatnonzero(np.diff(numbers[order])) + 1)
