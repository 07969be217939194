"""A fingerprint of what a plan will do, whatever the order of its rows."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from klikit_frames.planning.groups import Group
    from klikit_frames.planning.orders import Request


def digest_plan(requests: list[Request], *, groups: dict[str, list[Group]]) -> str:
    """Return the SHA-256 over the requests in order, and over the rows by what becomes of them.

    Parameters
    ----------
    requests : list of Request
        In sending order.
    groups : dict of list of Group
        The rows, by ``sent`` or the reason why not.
    """
    parts = hashlib.sha256()
    for part in _parts(requests, groups):
        # The length keeps two neighbours from being read as one.
        parts.update(len(part).to_bytes(8, "little") + part)
    return parts.hexdigest()


def _parts(requests: list[Request], groups: dict[str, list[Group]]) -> Iterable[bytes]:
    for reason, found in sorted(groups.items()):
        for group in found:
            yield f"{reason} {tuple(group.key)!r}".encode()
            yield from _arrays(group.ids, group.stores, group.cells, group.n_rows_of_cell)
    for request in requests:
        yield repr(tuple(request.group.key)).encode()
        yield from _arrays(request.ids, request.group.stores[request.rectangle.store_nos])


def _arrays(*arrays: object) -> Iterator[bytes]:
    for array in arrays:
        yield array.astype("<i8").tobytes()  # type: ignore[attr-defined]
