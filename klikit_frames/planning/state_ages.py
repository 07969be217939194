"""How old the state is that a plan was made from, and which menus a run reads before it writes. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

# A state that is older may have been changed since by somebody else.
FRESH = timedelta(minutes=15)


def read_time(before: pd.Series) -> datetime | None:
    """Return when a plan's flags from before were read; None where that is not told."""
    try:
        read_at = datetime.fromisoformat(str(before.attrs.get("read_at")))
    except ValueError:
        return None
    return read_at if read_at.tzinfo else read_at.replace(tzinfo=UTC)


def is_fresh(before: pd.Series, *, now: datetime) -> bool:
    """Tell whether a plan's flags from before were read a short while ago."""
    read_at = read_time(before)
    return read_at is not None and timedelta(0) <= now - read_at < FRESH


def count_menus(rows: pd.DataFrame, before: pd.Series, *, now: datetime) -> int:
    """Return how many menus a run reads for its flags from before: none where the plan has fresh ones.

    Parameters
    ----------
    rows : DataFrame
        The rows of a plan.
    before : Series
        Its flags from before, row by row.
    now : datetime
        The present.
    """
    is_sent = rows["request_no"].notna().to_numpy(dtype=bool)
    if before[is_sent].notna().all() and is_fresh(before, now=now):
        return 0
    return len(rows.loc[is_sent, ["brand_id", "branch_id"]].drop_duplicates())
