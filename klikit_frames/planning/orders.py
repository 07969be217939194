"""The order in which requests are sent."""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from klikit_frames.planning.groups import Group, Indexes
    from klikit_frames.planning.pieces import Rectangle


class Request(NamedTuple):
    """One rectangle of one group."""

    group: Group
    rectangle: Rectangle

    @property
    def ids(self) -> Indexes:
        """The entity ids."""
        return self.group.ids[self.rectangle.entity_nos]

    @property
    def cells(self) -> Indexes:
        """Positions of its cells in the group's cells."""
        return self.group.cells_of(*self.rectangle)

    @property
    def n_rows(self) -> int:
        """How many input rows ask for its cells."""
        return int(self.group.n_rows_of_cell[self.cells].sum())


def sort_requests(requests: list[Request]) -> list[Request]:
    """Return the requests in sending order: most rows soonest, an entity's business-wide write first.

    A store request waits for the business-wide requests of its entities; it pulls them forward when the
    rows of all of them, per request, are more than what else could be sent next.
    """
    n_rows = [request.n_rows for request in requests]
    needs = _needs(requests)
    order: list[int] = []
    sent: set[int] = set()
    heap = [(-_worth(n_rows, [*needs[no], no]), no) for no in range(len(requests))]
    heapq.heapify(heap)
    while heap:
        worth, no = heapq.heappop(heap)
        batch = [each for each in [*needs[no], no] if each not in sent]
        if no in sent:
            continue
        now = -_worth(n_rows, batch)
        if now != worth:
            heapq.heappush(heap, (now, no))
            continue
        order += batch
        sent.update(batch)
    return [requests[no] for no in order]


def _worth(n_rows: list[int], batch: list[int]) -> float:
    return sum(n_rows[no] for no in batch) / len(batch)


def _needs(requests: list[Request]) -> list[list[int]]:
    """Return for each request the business-wide requests that must come before it."""
    writers: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for no, request in enumerate(requests):
        if request.group.is_business:
            for each in request.ids.tolist():
                writers[request.group.key.entity_type][each].append(no)
    return [_needs_of(request, writers.get(request.group.key.entity_type, {})) for request in requests]


def _needs_of(request: Request, writers: dict[int, list[int]]) -> list[int]:
    if request.group.is_business or not writers:
        return []
    shared = [each for each in request.ids.tolist() if each in writers]
    return sorted({no for each in shared for no in writers[each]})
