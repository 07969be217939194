"""A plan's frames: one row per request, and one row per toggle with the request that carries it."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..model import Target, parse_scope

if TYPE_CHECKING:
    from .row_assignment import RowAssignment
    from .skips import Skips


_WRITES_PER_MINUTE, _READS_PER_MINUTE = 300.0, 600.0
ROW_COLUMNS = ("request_no", "other_request_nos", "skipped_as")
_MARK = "input_"
# What a person may have called a column. Toggles never have a request_no: it is a column of results.
_OWN_NAMES = re.compile(f"({_MARK})*({'|'.join(ROW_COLUMNS[1:])})")


def table_requests(targets: Sequence[Target], owners: pd.Series) -> pd.DataFrame:
    """Return one row per request, in sending order; ``n_rows`` counts the input rows that it owns."""
    owned = owners.dropna().to_numpy(dtype=np.int64)
    return pd.DataFrame(
        {
            "request_no": np.arange(1, len(targets) + 1),
            "entity_type": pd.Series([target.entity_type for target in targets], dtype="str"),
            "scope": pd.Series([target.scope.name for target in targets], dtype="str"),
            "is_enabled": np.array([target.is_enabled for target in targets], dtype=bool),
            "ids": pd.Series([target.ids for target in targets], dtype=object),
            "stores": pd.Series([target.stores for target in targets], dtype=object),
            "cascade_to_modifier_groups": np.array(
                [target.cascade_to_modifier_groups for target in targets], dtype=bool
            ),
            "cascade_brand_ids": pd.Series([target.cascade_brand_ids for target in targets], dtype=object),
            "n_ids": np.array([len(target.ids) for target in targets], dtype=np.int64),
            "n_stores": np.array([len(target.stores) for target in targets], dtype=np.int64),
            "n_rows": np.bincount(owned, minlength=len(targets) + 1)[1:],
        }
    )


def read_targets(requests: pd.DataFrame) -> tuple[Target, ...]:
    """Return what `table_requests` made a frame of.

    Raises
    ------
    ValueError
        A request's stores do not fit its scope.
    """
    return tuple(
        Target(
            entity_type=row["entity_type"],
            ids=row["ids"],
            scope=parse_scope(row["scope"], row["stores"]),
            is_enabled=bool(row["is_enabled"]),
            cascade_to_modifier_groups=bool(row["cascade_to_modifier_groups"]),
            cascade_brand_ids=row["cascade_brand_ids"],
        )
        for row in requests.to_dict("records")
    )


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
