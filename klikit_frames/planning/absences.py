"""What a state proves about rows that it does not have."""

from __future__ import annotations

import numpy as np
import pandas as pd

from klikit_frames.planning.cells import Codes, pack

_STORE = ["brand_id", "branch_id"]


def is_whole_business(state: pd.DataFrame) -> bool:
    """Say whether a state has all rows of the business level, so that others are not of it.

    A state that was filtered has fewer than were read; one made by hand is taken at its word.

    Parameters
    ----------
    state : DataFrame
        Live flags; ``attrs["n_business_rows"]``, if it is there, is how many were read.
    """
    n_rows = int((state["scope"] == "business").sum())
    return n_rows > 0 and n_rows == state.attrs.get("n_business_rows", n_rows)


def find_options(rows: pd.DataFrame, state: pd.DataFrame) -> Codes:
    """Say which rows are modifier options: items of the business that a state has no rows of.

    Parameters
    ----------
    rows : DataFrame
        With ``entity_type`` and ``entity_id``.
    state : DataFrame
        Live flags; ``attrs["modifier_option_ids"]`` are the options.
    """
    options = list(state.attrs.get("modifier_option_ids", ()))
    found: Codes = ((rows["entity_type"] == "item") & rows["entity_id"].isin(options)).to_numpy(dtype=bool)
    return found


def find_foreign_stores(rows: pd.DataFrame, state: pd.DataFrame) -> Codes:
    """Say which rows are of a store that the business does not have, as far as the state lists its stores.

    Parameters
    ----------
    rows : DataFrame
        With ``scope``, ``brand_id`` and ``branch_id``.
    state : DataFrame
        Live flags; ``attrs["stores"]`` are all stores of the business.
    """
    own = state.attrs.get("stores")
    if own is None:
        return np.zeros(len(rows), dtype=bool)
    listed = pd.DataFrame(list(own), columns=_STORE, dtype="Int64")
    pairs, known = pack([rows, listed], columns=_STORE)
    foreign: Codes = (rows["scope"] == "store").to_numpy(dtype=bool) & ~np.isin(pairs, known)
    return foreign
