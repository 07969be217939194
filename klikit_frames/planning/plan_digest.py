"""A fingerprint of what a plan does, whatever the order of its rows.

It is made of the plan's frames, so that a plan file can be checked against it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from .groups import Key, split_groups

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from .groups import Group

_NO_STORE = ((-1, -1),)


def digest_plan(rows: pd.DataFrame, requests: pd.DataFrame, *, groups: Sequence[Group] | None = None) -> str:
    """Return the SHA-256 over the requests in order, and over the rows by what becomes of them.

    Parameters
    ----------
    rows : DataFrame
        As in ``plan.rows``.
    requests : DataFrame
        As in ``plan.requests``.
    groups : sequence of Group, optional
        The groups of the rows that are sent, if they are known.
    """
    digest = hashlib.sha256()
    for part in _parts(rows, requests, groups):
        # The length keeps two neighbours from being read as one.
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _parts(rows: pd.DataFrame, requests: pd.DataFrame, groups: Sequence[Group] | None) -> Iterator[bytes]:
    reasons = rows["skipped_as"].fillna("sent")
    for reason in ("rejected", "sent", "unchanged", "holds", "promised"):
        known = groups if reason == "sent" else None
        for group in known or split_groups(rows, (reasons == reason).to_numpy(dtype=bool)):
            yield f"{reason} {tuple(group.key)!r}".encode()
            yield from _bytes(group.ids, group.stores, group.cells, group.n_rows_of_cell)
    for request in requests.itertuples(index=False):
        key = Key(*(getattr(request, name) for name in Key._fields))
        yield repr((*key[:2], bool(key[2]), bool(key[3]), key[4])).encode()
        yield from _bytes(np.array(request.ids), np.array(request.stores or _NO_STORE))


def _bytes(*arrays: np.ndarray) -> Iterator[bytes]:
    for array in arrays:
        yield array.astype("<i8").tobytes()
