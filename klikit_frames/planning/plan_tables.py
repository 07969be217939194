"""A plan's frames: one row per request, and one row per toggle with the request that carries it."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from .row_assignment import GroupRectangle, RowAssignment
    from .skips import Skips


_WRITES_PER_MINUTE, _READS_PER_MINUTE = 300.0, 600.0
ROW_COLUMNS = ("request_no", "other_request_nos", "skipped_as")
_MARK = "input_"
# What a person may have called a column. Toggles never have a request_no: it is a column of results.
_OWN_NAMES = re.compile(f"({_MARK})*({'|'.join(ROW_COLUMNS[1:])})")


def table_requests(requests: list[GroupRectangle], owners: np.ndarray) -> pd.DataFrame:
    """Return one row per request, in sending order; ``n_rows`` counts the input rows that it owns."""
    numbers = np.arange(1, len(requests) + 1)
    keys = [request.group.key for request in requests]
    ids = [tuple(request.ids.tolist()) for request in requests]
    stores = [_stores(request) for request in requests]
    return pd.DataFrame(
        {
            "request_no": numbers,
            "entity_type": pd.Series([key.entity_type for key in keys], dtype="str"),
            "scope": pd.Series([key.scope for key in keys], dtype="str"),
            "is_enabled": np.array([key.is_enabled for key in keys], dtype=bool),
            "ids": pd.Series(ids, dtype=object),
            "stores": pd.Series(stores, dtype=object),
            "cascade_to_modifier_groups": np.array(
                [key.cascade_to_modifier_groups for key in keys], dtype=bool
            ),
            "cascade_brand_ids": pd.Series([key.cascade_brand_ids for key in keys], dtype=object),
            "n_ids": np.array([len(each) for each in ids], dtype=np.int64),
            "n_stores": np.array([len(each) for each in stores], dtype=np.int64),
            "n_rows": np.bincount(owners, minlength=len(requests) + 1)[1:],
        }
    )


def _stores(request: GroupRectangle) -> tuple[tuple[int, int], ...]:
    if request.group.is_business:
        return ()
    return tuple(map(tuple, request.group.stores[request.rectangle.columns].tolist()))


def table_rows(toggles: pd.DataFrame, carriers: RowAssignment, skips: Skips) -> pd.DataFrame:
    """Return the toggles with the requests that carry them, or why none does."""
    own = pd.Series(carriers.owners, index=toggles.index, dtype="Int64")
    return toggles.rename(columns=_marked_name).assign(
        request_no=own.mask(own == 0),
        other_request_nos=pd.Series(carriers.others, index=toggles.index, dtype=object),
        skipped_as=skips.reasons,
    )


def _marked_name(name: Hashable) -> Hashable:
    """Make room for a row column; a name with a mark of its own gets one more, so that one can go again."""
    return f"{_MARK}{name}" if isinstance(name, str) and _OWN_NAMES.fullmatch(name) else name


def restore_name(name: Hashable) -> Hashable:
    """Return what a column was called before `table_rows` made room for the row columns.

    Examples
    --------
    >>> from klikit_frames.planning.plan_tables import restore_name
    >>> restore_name("input_skipped_as"), restore_name("input_request_no")
    ('skipped_as', 'input_request_no')
    """
    own = name.removeprefix(_MARK) if isinstance(name, str) else name
    return own if own != name and _OWN_NAMES.fullmatch(str(own)) else name
