"""Rectangles of cells, and their cutting to what one request may carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from klikit_frames.planning.groups import Indexes
    from klikit_frames.planning.limits import Limits


class Rectangle(NamedTuple):
    """Entities times stores of one group, all of whose cells are asked for."""

    entity_nos: Indexes
    store_nos: Indexes

    @property
    def n_cells(self) -> int:
        """How many cells the rectangle has."""
        return len(self.entity_nos) * len(self.store_nos)


def cut_rectangles(rectangles: Iterable[Rectangle], *, limits: Limits) -> list[Rectangle]:
    """Return the rectangles, those above a cap in as few pieces as a grid allows."""
    return [piece for each in rectangles for piece in _pieces(each, limits)]


def _pieces(whole: Rectangle, limits: Limits) -> list[Rectangle]:
    height, width = limits.grid(len(whole.entity_nos), len(whole.store_nos))
    return [
        Rectangle(entities, stores)
        for entities in _runs(whole.entity_nos, height)
        for stores in _runs(whole.store_nos, width)
    ]


def _runs(numbers: Indexes, length: int) -> list[Indexes]:
    return [numbers[start : start + length] for start in range(0, len(numbers), length)]
