"""What a run wrote and what a store's menu shows of it: the menu is a copy that is made anew by a publish."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .darkness import PLACE_COLUMNS
from .matching import Codes, encode_keys, flags

# Outcomes under which the run may have written the cell.
_WRITTEN = ("applied", "unknown")


def changed_rows(frame: pd.DataFrame, *, before: pd.Series | None) -> Codes:
    """Say for each row of a result whether the run wrote its cell and changed it.

    A cell whose flag before is not known may have been changed, and counts.

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


def known_rows(frame: pd.DataFrame, *, before: pd.Series | None) -> Codes:
    """Say for each row of a result whether its flag from before the run is known."""
    known: Codes = np.zeros(len(frame), dtype=bool) if before is None else flags(before) >= 0
    return known


def hidden_rows(frame: pd.DataFrame, *, is_changed: Codes, is_shown: Codes, is_known: Codes) -> Codes:
    """Say for each row whether its store's menu is still the one from before the run.

    It is if the run changed something there and none of it shows. A row whose flag before is not known may
    show because it held already: in a store with such rows alone, half of them must show. Business rows are
    read live and never hidden.

    Parameters
    ----------
    frame : DataFrame
        With the columns of cells.
    is_changed : array of bool
        Rows that the run changed, or may have changed.
    is_shown : array of bool
        Rows whose live flag is the one wanted.
    is_known : array of bool
        Rows whose flag before the run is known.
    """
    (places,) = encode_keys([frame], columns=PLACE_COLUMNS)
    _, group = np.unique(places, return_inverse=True)
    is_proven = np.bincount(group, is_changed & is_known & is_shown) > 0
    n_unsure = np.bincount(group, is_changed & ~is_known)
    n_unsure_shown = np.bincount(group, is_changed & ~is_known & is_shown)
    is_likely = (n_unsure > 0) & (2 * n_unsure_shown >= n_unsure)
    is_store = (frame["scope"] == "store").to_numpy(dtype=bool)
    hidden: Codes = is_store & is_changed & ~(is_proven | is_likely)[group]
    return hidden
