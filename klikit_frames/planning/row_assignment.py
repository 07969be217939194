"""In which order requests are sent, and which of them carry which row."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..model import Business, Stores, Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .groups import Group, Indexes
    from .rectangles import Rectangle


class GroupRectangle(NamedTuple):
    """One rectangle of one group."""

    group: Group
    rectangle: Rectangle

    @property
    def ids(self) -> Indexes:
        """The entity ids."""
        return self.group.ids[self.rectangle.rows]

    @property
    def target(self) -> Target:
        """What the request writes."""
        key = self.group.key
        pairs = self.group.stores[self.rectangle.columns].tolist()
        return Target(
            entity_type=key.entity_type,
            ids=tuple(self.ids.tolist()),
            scope=Business() if self.group.is_business else Stores(tuple(map(tuple, pairs))),
            is_enabled=key.is_enabled,
            cascade_to_modifier_groups=key.cascade_to_modifier_groups,
            cascade_brand_ids=key.cascade_brand_ids,
        )

    @property
    def cells(self) -> Indexes:
        """Positions of its cells in the group's cells."""
        return self.group.cells_of(*self.rectangle)

    @property
    def n_rows(self) -> int:
        """How many input rows ask for its cells."""
        return int(self.group.n_rows_of_cell[self.cells].sum())


def sort_requests(requests: list[GroupRectangle]) -> list[GroupRectangle]:
    """Return the requests in sending order: business-wide ones, then those of stores; most rows soonest.

    An override must be the last word on its store, so a run sends none before all business-wide writes are
    settled.
    """
    return sorted(requests, key=lambda request: (not request.group.is_business, -request.n_rows))


class RowAssignment(NamedTuple):
    """For each input row its owner, and the other requests that carry it too.

    Attributes
    ----------
    owners : array of int64
        Request number, from 1; 0 for a row that is not sent.
    others : array of object
        Tuples of request numbers.
    """

    owners: Indexes
    others: NDArray[np.object_]


def assign_rows(requests: list[GroupRectangle], *, groups: list[Group], n_rows: int) -> RowAssignment:
    """Give each row the first request that carries it as its owner, and list the later ones."""
    owners = np.zeros(n_rows, dtype=np.int64)
    others = np.empty(n_rows, dtype=object)
    others[:] = [()] * n_rows
    numbered: dict[int, list[tuple[int, GroupRectangle]]] = defaultdict(list)
    for no, request in enumerate(requests, start=1):
        numbered[id(request.group)].append((no, request))
    for group in groups:
        lists, choice = _request_lists(numbered[id(group)], n_cells=len(group.cells))
        per_row = choice[group.cell_of_row]
        owners[group.rows] = np.array([found[0] if found else 0 for found in lists])[per_row]
        tails = np.empty(len(lists), dtype=object)
        tails[:] = [found[1:] for found in lists]
        others[group.rows] = tails[per_row]
    return RowAssignment(owners, others)


def _request_lists(
    numbered: list[tuple[int, GroupRectangle]], *, n_cells: int
) -> tuple[list[tuple[int, ...]], Indexes]:
    """Return the distinct lists of requests that a cell can have, and for each cell which of them it has."""
    lists: list[tuple[int, ...]] = [()]
    choice = np.zeros(n_cells, dtype=np.int64)
    for no, request in numbered:
        cells = request.cells
        held = choice[cells]
        before = np.flatnonzero(np.bincount(held, minlength=len(lists)))
        positions = np.zeros(len(lists), dtype=np.int64)
        positions[before] = np.arange(len(before))
        choice[cells] = len(lists) + positions[held]
        lists += [(*lists[each], no) for each in before.tolist()]
    return lists, choice
