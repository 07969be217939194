"""The columns of every frame that crosses a room."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import KlikitFramesError

if TYPE_CHECKING:
    import pandas as pd


ENTITY_TYPES = ("section", "category", "item")
SCOPES = ("business", "store")

TOGGLE_COLUMNS = (
    "entity_type",
    "entity_id",
    "scope",
    "brand_id",
    "branch_id",
    "is_enabled",
    "cascade_to_modifier_groups",
    "cascade_brand_ids",
)
WORD_COLUMNS = ("entity_type", "scope")
# When a timed row goes on or off, and when it comes back; kept as they are read.
TIME_COLUMNS = ("starts_at", "ends_at")
PROBLEM_COLUMNS = ("row", "line", "column", "value", "code", "message", "hint", "severity")
RESULT_COLUMNS = (
    "outcome",
    "code",
    "http_status",
    "message",
    "request_id",
    "request_no",
    "idempotency_key",
    "attempts",
    "sent_at",
    "settled_at",
)
_LOADING = threading.Lock()
OUTCOMES = ("applied", "unchanged", "rejected", "failed", "unknown", "not_sent")
STATE_COLUMNS = ("entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled", "title")


def validate_toggles(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` if it keeps the contract of a frame of toggles; nothing is ever coerced.

    Raises
    ------
    KlikitFramesError
        If it does not, which is a fault of this package and not of the table it was made from.
    """
    # Its modules import each other, so that threads which begin to load it at once end in a deadlock.
    with _LOADING:
        from pandera.errors import SchemaError, SchemaErrors

        schema = _toggles_schema()
    try:
        # Own columns are not in the contract, and there may be thousands of them. In place: no cell is
        # changed, and a copy would take as much memory again.
        schema.validate(frame.loc[:, list(TOGGLE_COLUMNS)], inplace=True)
    except (SchemaError, SchemaErrors) as error:
        raise KlikitFramesError(f"A table was read wrongly, please report it: {error}") from None
    return frame


@cache
def _toggles_schema() -> Any:
    """Build the contract once; pandera is slow to load, and most of this package goes without it."""
    import pandera.pandas as pa

    def column(dtype: object, *checks: Any, **options: Any) -> Any:
        return pa.Column(dtype, list(checks), coerce=False, **options)

    return pa.DataFrameSchema(
        {
            "entity_type": column(str, pa.Check.isin(ENTITY_TYPES)),
            "entity_id": column("int64", pa.Check.ge(1)),
            "scope": column(str, pa.Check.isin(SCOPES)),
            "brand_id": column("Int64", pa.Check.ge(1), nullable=True),
            "branch_id": column("Int64", pa.Check.ge(1), nullable=True),
            "is_enabled": column("bool"),
            "cascade_to_modifier_groups": column("bool"),
            "cascade_brand_ids": column(object),
        },
        checks=[pa.Check(_has_store_where_scope_says, name="a store on store rows, and only there")],
        strict=False,
        unique_column_names=True,
    )


def _has_store_where_scope_says(frame: pd.DataFrame) -> Any:
    is_store = frame["scope"] == "store"
    return (frame["brand_id"].notna() == is_store) & (frame["branch_id"].notna() == is_store)
