"""The canary: the first requests of a run, looked at before the rest is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import RequestError
from ..model import Cell
from .lifecycle import RequestState
from .readbacks import read_flags
from .request_trees import RequestTree

if TYPE_CHECKING:
    from ..api.client import Client


def check_canary(
    client: Client, canary: Iterable[RequestTree], *, stop: threading.Event | None = None
) -> str | None:
    """Return what is wrong with the first requests, in words; None if the rest may follow.

    Every one of their flags must have been accepted. Business-wide flags must read back as asked; those of
    stores are not held against it, because a store's menu may show an older state until it is published.
    """
    requests = [request for tree in canary for request in tree if not request.is_spared]
    bad = [request for request in requests if request.state is not RequestState.APPLIED]
    if bad:
        said = bad[0].result.message if bad[0].result else None
        return f"{len(bad):,} of the first requests were not accepted ({said or 'no answer'})"
    wanted = {
        cell: request.target.is_enabled
        for request in requests
        for cell in request.target.cells()
        if cell.store is None
    }
    return _unlike(client, wanted, stop=stop)


def _unlike(client: Client, wanted: dict[Cell, bool], *, stop: threading.Event | None) -> str | None:
    try:
        seen = dict(read_flags(client, wanted, stop=stop))
    except RequestError as error:
        return f"the first requests could not be read back ({error})"
    # What no menu tells, as the flags of modifier options, cannot be held against the run.
    unlike = [cell for cell, is_enabled in wanted.items() if seen.get(cell) is (not is_enabled)]
    if not unlike:
        return None
    return f"{unlike[0].entity_type} {unlike[0].entity_id} does not read back as asked"
