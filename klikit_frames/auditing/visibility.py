"""What a run wrote and what a store's menu shows of it: the menu is a copy that is made anew by a publish."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .darkness import PLACE_COLUMNS
from .matching import Codes, flags, pack

# Outcomes under which the run may have written the cell.
_WRITTEN = ("applied", "unknown")


def changed_rows(frame: pd.DataFrame, *, before: pd.Series | None) -> Codes:
    """Say for each row of a result whether the run wrote its cell and changed it.

    A cell whose flag before is not known counts as changed.

    Parameters
    ----------
    frame : DataFrame
        A result's frame.
    before : Series of boolean, or None
        The flag before the run, row by row.
    """
    is_written = frame["outcome"].isin(_WRITTEN).to_numpy(dtype=bool)
    if before is None:
        return is_written
    changed: Codes = is_written & (flags(before) != flags(frame["is_enabled"]))
    return changed


def hidden_rows(frame: pd.DataFrame, *, is_changed: Codes, is_shown: Codes) -> Codes:
    """Say for each row whether its store's menu is still the one from before the run.

    It is if the run changed something there and none of it shows. Business rows are read live and never
    hidden.

    Parameters
    ----------
    frame : DataFrame
        With the columns of cells.
    is_changed : array of bool
        Rows that the run changed.
    is_shown : array of bool
        Rows whose live flag is the one wanted.
    """
    (places,) = pack([frame], columns=PLACE_COLUMNS)
    _, group = np.unique(places, return_inverse=True)
    n_changed = np.bincount(group, is_changed)
    n_shown = np.bincount(group, is_changed & is_shown)
    is_store = (frame["scope"] == "store").to_numpy(dtype=bool)
    hidden: Codes = is_store & is_changed & ((n_changed > 0) & (n_shown == 0))[group]
    return hidden
