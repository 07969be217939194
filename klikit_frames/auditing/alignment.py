"""Toggles that make stores alike: like another store, an earlier snapshot, or the business menu."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from ..errors import StateError
from ..frames.cell_keys import Codes, match_rows
from ..frames.live_flags import live_flags
from ..frames.schemas import TOGGLE_COLUMNS
from ..menus.state_arrays import check_state, flags
from .contrasts import ENTITY_COLUMNS, business_flags, store_rows


def align(state: pd.DataFrame, *, like: tuple[int, int] | pd.DataFrame | Literal["business"]) -> pd.DataFrame:
    """Return the toggles that make the rows of a state like a pattern: one per row that differs. Pure.

    Parameters
    ----------
    state : DataFrame
        The rows to align, from `klikit_frames.read_state`; take a part of it to align a part.
    like : tuple of int, DataFrame, or "business"
        A (brand_id, branch_id) among the state's stores: all store rows take the flag that this store
        has. A state, such as an earlier snapshot: each row takes the flag that its own cell has there.
        ``"business"``: all store rows take the flag of the business row, which the state must have.

    Returns
    -------
    pandas.DataFrame
        Toggles, ready for `klikit_frames.plan`, with ``title`` after them. Rows that hold already, that
        the pattern does not have, or whose flag is missing on either side, are left out.

    Raises
    ------
    StateError
        The pattern is not in the state, or is not a state.

    Notes
    -----
    The API cannot remove a store's override: a store that is made like the business gets an override with the
    business's present value, and later business-wide changes no longer reach it.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client, stores=kf.stores(client), with_business=True)
    >>> kf.plan(kf.align(state, like="business"), state=state).n_rows == len(kf.overrides(state))
    True
    """
    wanted = _wanted(check_state(state), like)
    live = flags(live_flags(state))
    differs = (wanted >= 0) & (live >= 0) & (wanted != live)
    return as_toggles(state[differs], is_enabled=wanted[differs] == 1)


def as_toggles(cells: pd.DataFrame, *, is_enabled: Codes) -> pd.DataFrame:
    """Return toggles of the cells of a state, without cascade, with ``title`` after them."""
    options = np.empty(len(cells), dtype=object)
    options[:] = [()] * len(cells)
    toggles = cells.assign(is_enabled=is_enabled, cascade_to_modifier_groups=False, cascade_brand_ids=options)
    told = toggles[[*TOGGLE_COLUMNS, "title"]].reset_index(drop=True)
    told.attrs = {}
    return told


def _wanted(state: pd.DataFrame, like: tuple[int, int] | pd.DataFrame | str) -> Codes:
    """Return the pattern's flag for each row, -1 where it has none."""
    is_store = (state["scope"] == "store").to_numpy(dtype=bool)
    if isinstance(like, pd.DataFrame):
        return flags(check_state(like)["is_enabled"], match_rows(state, within=like))
    if isinstance(like, str):
        if like != "business":
            raise StateError(f"like={like!r}: a store as (brand_id, branch_id), a state, or 'business'.")
        return np.where(is_store, business_flags(state), -1)
    pattern = store_rows(state, like)
    return np.where(
        is_store, flags(pattern["is_enabled"], match_rows(state, within=pattern, columns=ENTITY_COLUMNS)), -1
    )
