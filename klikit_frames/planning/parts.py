"""One connected part of a table: from its cells to the rectangles that are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from klikit_frames.planning.bounds import bound_by_apart, bound_by_caps, bound_by_lists
from klikit_frames.planning.candidates import close_columns
from klikit_frames.planning.capped import CappedSearch
from klikit_frames.planning.kernels import find_kernel
from klikit_frames.planning.pieces import Rectangle, cut_rectangles
from klikit_frames.planning.searches import Search
from klikit_frames.planning.trims import Block, trim_overlap

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from klikit_frames.planning.efforts import Effort
    from klikit_frames.planning.groups import Indexes
    from klikit_frames.planning.kernels import Bits
    from klikit_frames.planning.limits import Limits
    from klikit_frames.planning.reductions import Table

    Members = list[NDArray[np.int64]]

_MOST_CELLS = 64_000_000
_MOST_CAPPED_CELLS = 4_000_000


class FullPart:
    """A part that is one full block: entities that all go to the same stores.

    Parameters
    ----------
    table : Table
        The whole table.
    positions : array of int64
        The part's one cell among the table's merged cells.
    limits : Limits
        The caps.

    Attributes
    ----------
    bound : int
        No cover of the part takes fewer requests.
    """

    def __init__(self, table: Table, positions: Indexes, *, limits: Limits) -> None:
        self._whole = Rectangle(
            table.entities.expand(table.rows[positions]), table.stores.expand(table.columns[positions])
        )
        self._limits = limits
        self.bound = bound_by_caps(len(self._whole.entity_nos), len(self._whole.store_nos), limits)

    @property
    def is_settled(self) -> bool:
        """Whether a grid cuts it into the fewest pieces."""
        return self.bound == self._limits.cost(len(self._whole.entity_nos), len(self._whole.store_nos))

    def finish(self) -> list[Rectangle]:
        """Return the pieces."""
        return cut_rectangles([self._whole], limits=self._limits)


class Part:
    """A connected part of a table, and what is known of its covers.

    Its rows are classes of equal entities, its columns classes of equal stores.

    Parameters
    ----------
    table : Table
        The whole table.
    positions : array of int64
        The part's cells among the table's merged cells.
    limits : Limits
        The caps.

    Attributes
    ----------
    n_trivial : int
        Requests by equal sets of entities, or of stores, whichever are fewer.
    """

    def __init__(self, table: Table, positions: Indexes, *, limits: Limits) -> None:
        self._limits = limits
        rows, self._row_of = np.unique(table.rows[positions], return_inverse=True)
        columns, self._column_of = np.unique(table.columns[positions], return_inverse=True)
        self._entities = [table.entities.expand(each) for each in rows[:, None]]
        self._stores = [table.stores.expand(each) for each in columns[:, None]]
        self._heights, self._widths = _lengths(self._entities), _lengths(self._stores)
        self._search: Search | None = None
        self._capped: list[list[Rectangle]] = []
        self.n_trivial = min(self._count(self._by_rows()), self._count(self._by_columns()))
        self._cap_bound = bound_by_lists(*self._degrees(), limits)

    @property
    def bound(self) -> int:
        """No cover of the part takes fewer requests."""
        if self._search is None:
            return self._cap_bound
        if not self._is_bound_by_caps:
            return max(self._cap_bound, self._search.bound)
        return max(self._cap_bound, self._search.bound, self._bound_by_apart())

    @property
    def n_requests(self) -> int:
        """How many requests the best cover takes, cutting aside."""
        return self.n_trivial if self._search is None else min(self.n_trivial, len(self._search.columns))

    @property
    def is_settled(self) -> bool:
        """Whether no search can bring anything."""
        if self._search is None or self._is_bound_by_caps:
            return self.n_trivial <= self._cap_bound
        return self._search.is_settled

    def begin(self, effort: Effort) -> None:
        """Find a good cover quickly, if the part is not too large for that."""
        shape = len(self._entities), len(self._stores)
        if self.is_settled or shape[0] * shape[1] > _MOST_CELLS:
            return
        kernel = find_kernel(self._cells(), effort)
        if kernel is None:
            return
        self._kernel_places = kernel.rows, kernel.columns
        self._search = Search(kernel, effort)
        self._search.begin(effort)

    def deepen(self, effort: Effort) -> None:
        """Improve the cover, and the bound, as long as the effort allows."""
        if self._search is None:
            return
        if not self._is_bound_by_caps:
            self._search.deepen(effort)
        elif len(self.finish()) > self.bound:
            self._search.deepen(effort.share(4))
            self._capped = self._search_capped(self._search.pool, effort)

    def finish(self) -> list[Rectangle]:
        """Return the best cover, within the caps, with little overlap."""
        ways = [self._by_rows(), self._by_columns()] if self._is_bound_by_caps or self._search is None else []
        if self._search is not None:
            ways.append(trim_overlap(self._found_blocks(self._search.columns), self._cells().shape))
        wholes = [_expanded(block, self._entities, self._stores) for block in min(ways, key=self._count)]
        best = cut_rectangles(wholes, limits=self._limits)
        # Cutting may leave pieces all of whose cells other pieces have.
        return min([self._trimmed(best) if self._is_bound_by_caps else best, *self._capped], key=len)

    def _trimmed(self, pieces: list[Rectangle]) -> list[Rectangle]:
        shape = int(max(map(np.max, self._entities))) + 1, int(max(map(np.max, self._stores))) + 1
        if shape[0] * shape[1] > _MOST_CELLS:
            return pieces
        return [Rectangle(*block) for block in trim_overlap([Block(*piece) for piece in pieces], shape)]

    @property
    def _is_bound_by_caps(self) -> bool:
        return self._limits.cost(int(self._heights.sum()), int(self._widths.sum())) > 1

    def _cells(self) -> Bits:
        cells = np.zeros((len(self._entities), len(self._stores)), dtype=bool)
        cells[self._row_of, self._column_of] = True
        return cells

    def _degrees(self) -> tuple[Indexes, Indexes]:
        """Return for each entity its number of stores, and for each store its number of entities."""
        of_rows = np.bincount(self._row_of, weights=self._widths[self._column_of]).astype(np.int64)
        of_columns = np.bincount(self._column_of, weights=self._heights[self._row_of]).astype(np.int64)
        return np.repeat(of_rows, self._heights), np.repeat(of_columns, self._widths)

    def _by_rows(self) -> list[Block]:
        return [
            Block(np.array([row]), held) for row, held in enumerate(_split(self._row_of, self._column_of))
        ]

    def _by_columns(self) -> list[Block]:
        return [
            Block(held, np.array([column]))
            for column, held in enumerate(_split(self._column_of, self._row_of))
        ]

    def _count(self, blocks: Iterable[Block]) -> int:
        cost, heights, widths = self._limits.cost, self._heights, self._widths
        return sum(cost(int(heights[block.rows].sum()), int(widths[block.columns].sum())) for block in blocks)

    def _found_columns(self, of_kernel: Bits) -> Bits:
        """Return column sets of the part for column sets of its kernel."""
        columns = np.zeros((len(of_kernel), len(self._stores)), dtype=bool)
        columns[:, self._kernel_places[1]] = of_kernel
        return columns

    def _found_blocks(self, of_kernel: Bits) -> list[Block]:
        pool = close_columns(self._cells(), self._found_columns(of_kernel))
        return [Block(np.flatnonzero(rows), np.flatnonzero(held)) for rows, held in zip(*pool, strict=True)]

    def _bound_by_apart(self) -> int:
        rows, columns = self._search.apart  # type: ignore[union-attr]
        places = self._kernel_places[0][rows], self._kernel_places[1][columns]
        cells, weights = self._cells(), (self._heights, self._widths)
        return max(
            bound_by_apart(cells, weights, places, self._limits),
            bound_by_apart(cells.T, weights[::-1], places[::-1], self._limits.transposed),
        )

    def _search_capped(self, of_kernel: Bits, effort: Effort) -> list[list[Rectangle]]:
        """Return a cover made with the caps in mind, if there is one no worse than the usual ways."""
        piece = self._limits.grid(int(self._heights.sum()), int(self._widths.sum()))
        entities, row_of = _cut_members(self._entities, piece[0])
        stores, column_of = _cut_members(self._stores, piece[1])
        if len(row_of) * len(column_of) > _MOST_CAPPED_CELLS:
            return []
        cells = self._cells()[np.ix_(row_of, column_of)]
        columns = np.concatenate([self._found_columns(of_kernel), self._cells()])[:, column_of]
        weights = _lengths(entities), _lengths(stores)
        search = CappedSearch(cells, weights, columns, limits=self._limits, piece=piece)
        blocks = search.search(effort, most=self.n_trivial)
        return [] if blocks is None else [[_expanded(block, entities, stores) for block in blocks]]


def _expanded(block: Block, entities: Members, stores: Members) -> Rectangle:
    """Return a block of classes as entities and stores."""
    return Rectangle(
        np.sort(np.concatenate([entities[each] for each in block.rows])),
        np.sort(np.concatenate([stores[each] for each in block.columns])),
    )


def _lengths(members: Members) -> Indexes:
    return np.array([len(each) for each in members], dtype=np.int64)


def _split(own: Indexes, other: Indexes) -> list[Indexes]:
    """Return for each number of one side the numbers of the other that it meets."""
    order = np.argsort(own, kind="stable")
    return np.split(other[order], np.flatnonzero(np.diff(own[order])) + 1)


def _cut_members(members: Members, cap: int) -> tuple[Members, Indexes]:
    """Cut classes of more than `cap` members; return the pieces, and the class that each is from."""
    pieces = [(no, each[at : at + cap]) for no, each in enumerate(members) for at in range(0, len(each), cap)]
    return [piece for _, piece in pieces], np.array([no for no, _ in pieces])
