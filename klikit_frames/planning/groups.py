"""Groups of rows that may share a request, as arrays of cells, and rectangles of their cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ..frames.cell_keys import MOST_PLACES, index_dtype, rank_values, whole_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from .limits import Limits
    from .reductions import Bits

    Indexes = NDArray[np.int64]
    Counts = NDArray[np.int32]


class Key(NamedTuple):
    """What all rows of a group, and so of a request, have in common."""

    entity_type: str
    scope: str
    is_enabled: bool
    cascade_to_modifier_groups: bool
    cascade_brand_ids: tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """Rows that may share a request: a set of cells of an entities x stores table.

    A business-wide group has one nameless store, number 0. Arrays with a number for each cell or row are of
    int32 where that is enough.

    Attributes
    ----------
    key : Key
        What the rows have in common.
    ids : array of int64, sorted
        The entity ids.
    stores : array of int64, shape (n, 2), sorted
        Pairs of brand and branch; for a business-wide group one pair of -1.
    cells : array of int, sorted, unique
        ``entity_no * n_stores + store_no``.
    rows : array of int, sorted
        Positions of the group's rows in the frame.
    cell_of_row : array of int
        For each of `rows` the position of its cell in `cells`.
    asked : array of bool
        For each cell whether it must be covered; the others may be.
    """

    key: Key
    ids: Indexes
    stores: Indexes
    cells: Indexes
    rows: Indexes
    cell_of_row: Indexes
    asked: NDArray[np.bool_]

    @property
    def is_business(self) -> bool:
        """Whether the group is written for the whole business."""
        return self.key.scope == "business"

    @cached_property
    def entity_nos(self) -> Indexes:
        """Row of the table for each cell."""
        return self.cells // len(self.stores)

    @cached_property
    def store_nos(self) -> Indexes:
        """Column of the table for each cell."""
        return self.cells % len(self.stores)

    @cached_property
    def n_rows_of_cell(self) -> Indexes:
        """How many input rows ask for each cell."""
        if len(self.rows) == len(self.cells):
            return np.broadcast_to(np.int64(1), len(self.cells))
        return np.bincount(self.cell_of_row, minlength=len(self.cells))

    def narrowed(self, chosen: NDArray[np.bool_], *, asked: NDArray[np.bool_]) -> Group:
        """Return the group of some of its cells, under the same numbers of entities and stores, without rows.

        Parameters
        ----------
        chosen : array of bool
            For each cell whether it stays.
        asked : array of bool
            For each cell whether it must then be covered.
        """
        nothing = np.empty(0, dtype=np.int64)
        return Group(self.key, self.ids, self.stores, self.cells[chosen], nothing, nothing, asked[chosen])

    def cells_of(self, entity_nos: Indexes, store_nos: Indexes) -> Indexes:
        """Return the positions in `cells` of a rectangle that lies inside the group."""
        if self._places is not None:
            return self._places[entity_nos[:, None], store_nos].ravel().astype(np.int64)
        wanted = (entity_nos[:, None].astype(np.int64) * len(self.stores) + store_nos).ravel()
        return np.searchsorted(self.cells, wanted.astype(self.cells.dtype, copy=False))

    @cached_property
    def _places(self) -> NDArray[np.int32] | None:
        """Return for each entity and store the position of its cell; None where that were mostly empty."""
        size = len(self.ids) * len(self.stores)
        if size > MOST_PLACES * len(self.cells) or len(self.cells) >= 2**31:
            return None
        places = np.zeros(size, dtype=np.int32)
        places[self.cells] = np.arange(len(self.cells), dtype=np.int32)
        return places.reshape(len(self.ids), len(self.stores))


def split_groups(
    toggles: pd.DataFrame, sent: NDArray[np.bool_], *, optional: NDArray[np.bool_] | None = None
) -> list[Group]:
    """Return the groups of the rows of `toggles` that are to be sent, in a fixed order of their keys.

    Parameters
    ----------
    toggles : DataFrame
        Checked toggles.
    sent : array of bool
        For each row whether it may be sent.
    optional : array of bool, optional
        For each row whether it need not be.
    """
    positions = np.flatnonzero(sent).astype(index_dtype(len(sent)), copy=False)
    if not len(positions):
        return []
    codes, keys = _group_codes(toggles, positions)
    columns = [whole_numbers(toggles[name], blank=-1) for name in ("entity_id", "brand_id", "branch_id")]
    if len(keys) == 1:
        return [_group(keys[0], positions, columns, optional=optional)]
    # Few keys make for short codes, which NumPy sorts in one pass.
    order = np.argsort(codes.astype(np.uint16) if len(keys) < 2**16 else codes, kind="stable")
    edges = np.flatnonzero(np.diff(codes[order], prepend=-1, append=len(keys)))
    parts = [
        _group(keys[codes[order[start]]], positions[order[start:end]], columns, optional=optional)
        for start, end in pairwise(edges)
    ]
    return sorted(parts, key=lambda group: group.key)


def _group_codes(toggles: pd.DataFrame, positions: Indexes) -> tuple[Indexes, list[Key]]:
    """Give numbers to the rows by their key; the numbers follow the first appearance."""
    codes = np.zeros(len(positions), dtype=np.int64)
    keys: list[tuple[object, ...]] = [()]
    for name in Key._fields:
        values = toggles[name] if len(positions) == len(toggles) else toggles[name].iloc[positions]
        if _is_constant(values):
            keys = [(*key, values.iloc[0]) for key in keys]
            continue
        value_codes, uniques = pd.factorize(values)
        mixed = codes * len(uniques) + value_codes
        used, codes = np.unique(mixed, return_inverse=True)
        keys = [(*keys[code // len(uniques)], uniques[code % len(uniques)]) for code in used]
    return codes, [_key(parts) for parts in keys]


def _is_constant(column: pd.Series) -> bool:
    """Tell quickly that all cells are equal; of objects, that they are the very same."""
    if column.dtype == np.dtype(object):
        cells = np.frombuffer(np.ascontiguousarray(column.to_numpy()), dtype=np.intp)
        return bool((cells == cells[0]).all())
    return bool((column == column.iloc[0]).all())


def _key(parts: tuple[object, ...]) -> Key:
    entity_type, scope, is_enabled, cascade, brands = parts
    return Key(str(entity_type), str(scope), bool(is_enabled), bool(cascade), tuple(map(int, brands)))  # type: ignore[call-overload]


def _group(key: Key, rows: Indexes, columns: list[Indexes], *, optional: NDArray[np.bool_] | None) -> Group:
    is_whole = len(rows) == len(columns[0])
    entity_ids, brands, branches = (column if is_whole else column[rows] for column in columns)
    ids, entity_nos = rank_values(entity_ids, dtype=index_dtype(len(rows)))
    stores, store_nos = _stores(brands, branches)
    size = len(ids) * len(stores)
    keys = entity_nos.astype(index_dtype(size), copy=False) * len(stores) + store_nos
    del entity_nos, store_nos
    cells, cell_of_row = _cells(keys, dtype=index_dtype(size))
    asked = np.ones(len(cells), dtype=bool)
    if optional is not None and optional.any():
        asked = np.bincount(cell_of_row, weights=~optional[rows], minlength=len(cells)) > 0
    return Group(key, ids, stores, cells, rows, cell_of_row, asked)


def _stores(brands: Indexes, branches: Indexes) -> tuple[Indexes, Indexes]:
    """Return the different pairs in order, and for each row the number of its pair."""
    dtype = index_dtype(len(brands))
    brand_ids, brand_nos = rank_values(brands, dtype=dtype)
    branch_ids, branch_nos = rank_values(branches, dtype=dtype)
    n_branches = len(branch_ids)
    mixed = brand_nos.astype(index_dtype(len(brand_ids) * n_branches), copy=False) * n_branches + branch_nos
    pairs, store_nos = rank_values(mixed, dtype=dtype)
    return np.column_stack([brand_ids[pairs // n_branches], branch_ids[pairs % n_branches]]), store_nos


def _cells(keys: Indexes, *, dtype: Any) -> tuple[Indexes, Indexes]:
    """Return the different cells in order, and for each row the number of its cell."""
    if (keys[1:] > keys[:-1]).all():
        return keys, np.arange(len(keys), dtype=index_dtype(len(keys)))
    cells, cell_of_row = rank_values(keys, dtype=index_dtype(len(keys)))
    return cells.astype(dtype, copy=False), cell_of_row


class Rectangle(NamedTuple):
    """Rows times columns of one table, by their numbers."""

    rows: Indexes
    columns: Indexes

    @property
    def inside(self) -> tuple[Indexes, Indexes]:
        """An index for the rectangle's cells."""
        return self.rows[:, None], self.columns

    @property
    def n_cells(self) -> int:
        """How many cells the rectangle has."""
        return len(self.rows) * len(self.columns)


def remove_overlap(rectangles: list[Rectangle], spare: Bits) -> list[Rectangle]:
    """Return the cover without the rows and columns of rectangles that other rectangles have.

    The rectangle with the most overlap gives first; a rectangle left with nothing is dropped.

    Parameters
    ----------
    rectangles : list of Rectangle
        A cover.
    spare : array of bool
        The table's cells that need not be covered.
    """
    times = spare.astype(np.int32)
    for rectangle in rectangles:
        times[rectangle.inside] += 1
    surplus = [int((times[rectangle.inside] > 1).sum()) for rectangle in rectangles]
    trimmed = list(rectangles)
    for number in sorted(range(len(rectangles)), key=lambda number: -surplus[number]):
        if surplus[number]:
            trimmed[number] = _trimmed(rectangles[number], times)
    return [rectangle for rectangle in trimmed if len(rectangle.rows) and len(rectangle.columns)]


def _trimmed(rectangle: Rectangle, times: Counts) -> Rectangle:
    """Take rows first or columns first, whichever leaves less, and note it in `times`."""
    is_spare = times[rectangle.inside] > 1
    by_rows = _spared(is_spare)
    by_columns = _spared(is_spare.T)[::-1]
    rows, columns = min(by_rows, by_columns, key=lambda kept: int(kept[0].sum()) * int(kept[1].sum()))
    left = Rectangle(rectangle.rows[rows], rectangle.columns[columns])
    times[rectangle.inside] -= 1
    times[left.inside] += 1
    return left


def _spared(is_spare: Bits) -> tuple[Bits, Bits]:
    """Drop the rows that are spare as a whole, then the columns that are spare in the rows left."""
    rows: Bits = ~np.all(is_spare, axis=1)
    columns: Bits = ~np.all(is_spare[rows], axis=0)
    return rows, columns


def cut_rectangles(rectangles: Iterable[Rectangle], *, limits: Limits) -> list[Rectangle]:
    """Return the rectangles, those above a cap in as few pieces as a grid allows."""
    return [piece for rectangle in rectangles for piece in _pieces(rectangle, limits)]


def _pieces(whole: Rectangle, limits: Limits) -> list[Rectangle]:
    height, width = limits.grid(len(whole.rows), len(whole.columns))
    return [
        Rectangle(entities, stores)
        for entities in _runs(whole.rows, height)
        for stores in _runs(whole.columns, width)
    ]


def _runs(numbers: Indexes, length: int) -> list[Indexes]:
    return [numbers[start : start + length] for start in range(0, len(numbers), length)]
