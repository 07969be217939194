"""The live flags of a state: what was written and does not show yet counts before what the menu shows."""

from __future__ import annotations

import pandas as pd


def live_flags(state: pd.DataFrame) -> pd.Series:
    """Return the flag that each cell of a state has, as boolean; missing where it is not known.

    It is ``pending`` where that is there, missing where ``is_unsettled`` says so, else what the menu shows.

    Examples
    --------
    >>> from klikit_frames.frames.live_flags import live_flags
    >>> state = pd.DataFrame({"is_enabled": [True, True, True], "pending": [pd.NA, False, pd.NA]})
    >>> live_flags(state.assign(is_unsettled=[False, False, True])).tolist()
    [True, False, <NA>]
    """
    live = state["is_enabled"].astype("boolean")
    if "is_unsettled" in state.columns:
        live = live.mask(state["is_unsettled"].astype("boolean").fillna(value=False).astype(bool))
    if "pending" in state.columns:
        pending = state["pending"].astype("boolean")
        live = pending.where(pending.notna(), live)
    return live
