"""The order in which requests are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
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
