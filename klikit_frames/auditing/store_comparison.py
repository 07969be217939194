"""Stores held against each other and against the business, and the rows that make one like another."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from ..errors import StateError
from ..frames.cell_keys import Codes, encode_keys, live_flags, match_rows
from ..frames.schemas import TOGGLE_COLUMNS
from ..menus.state_arrays import booleans, check_state, flags
from ..menus.stores import store_pairs

ENTITY_COLUMNS = ("entity_type", "entity_id")


def mixed(state: pd.DataFrame) -> pd.DataFrame:
    """Return the entities that are on in some stores and off in others: one row per entity. Pure.

    Parameters
    ----------
    state : DataFrame
        From `klikit_frames.read_state` of several stores; business rows are left aside.

    Returns
    -------
    pandas.DataFrame
        ``entity_type, entity_id, title, n_on, n_off, n_stores`` (stores whose menu has the entity, with a
        known flag) and ``where`` (text, such as ``off in 12 of 60 stores``), the most divided first.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client, stores=kf.stores(client))
    >>> divided = kf.mixed(state)
    >>> bool((divided["n_on"] + divided["n_off"] == divided["n_stores"]).all())
    True
    """
    rows = check_state(state)[(state["scope"] == "store") & state["is_enabled"].notna()]
    (codes,) = encode_keys([rows], columns=ENTITY_COLUMNS)
    _, first, group = np.unique(codes, return_index=True, return_inverse=True)
    is_on = flags(rows["is_enabled"]) == 1
    counts = {"n_on": np.bincount(group, is_on), "n_off": np.bincount(group, ~is_on)}
    found = rows[[*ENTITY_COLUMNS, "title"]].take(first).reset_index(drop=True)
    found = found.assign(**{name: count.astype(np.int64) for name, count in counts.items()})
    found["n_stores"] = found["n_on"] + found["n_off"]
    return _divided(found[(found["n_on"] > 0) & (found["n_off"] > 0)])


def overrides(state: pd.DataFrame) -> pd.DataFrame:
    """Return the store rows that differ from the business row of their entity. Pure.

    An override that repeats the business value looks the same as inheritance: the API shows only values.

    Parameters
    ----------
    state : DataFrame
        With business and store rows: ``kf.read_state(client, stores=..., with_business=True)``.

    Returns
    -------
    pandas.DataFrame
        These rows of `state`, then ``business_is_enabled`` (boolean).

    Raises
    ------
    StateError
        `state` has no business rows.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client, stores=kf.stores(client), with_business=True)
    >>> differing = kf.overrides(state)
    >>> bool((differing["is_enabled"] != differing["business_is_enabled"]).all())
    True
    """
    business = business_flags(check_state(state))
    own = flags(state["is_enabled"])
    differs = (own >= 0) & (business >= 0) & (own != business)
    told: pd.DataFrame = state.assign(business_is_enabled=booleans(business).array)[differs]
    return told


def compare_stores(state: pd.DataFrame, *, store: tuple[int, int], other: tuple[int, int]) -> pd.DataFrame:
    """Return the entities in which two stores differ: one row per entity. Pure.

    Parameters
    ----------
    state : DataFrame
        With the rows of both stores.
    store, other : tuple of int
        Their (brand_id, branch_id).

    Returns
    -------
    pandas.DataFrame
        ``entity_type, entity_id, title, is_enabled`` (in `store`), ``other_is_enabled`` and ``difference``:
        ``differs``, ``only_store`` or ``only_other`` (in the menu of one of them).

    Raises
    ------
    StateError
        `state` has no row of one of the stores.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client, stores=kf.stores(client))
    >>> store, other = state.attrs["stores"][:2]
    >>> kf.compare_stores(state, store=store, other=other)["difference"].unique().tolist()
    ['differs']
    """
    columns = [*ENTITY_COLUMNS, "title", "is_enabled"]
    both = store_rows(state, store)[columns].merge(
        store_rows(state, other)[columns].rename(columns={"is_enabled": "other_is_enabled"}),
        on=list(ENTITY_COLUMNS),
        how="outer",
        suffixes=("", "_of_other"),
        indicator="difference",
        sort=False,
    )
    both["title"] = both["title"].fillna(both.pop("title_of_other"))
    names = {"both": "differs", "left_only": "only_store", "right_only": "only_other"}
    both["difference"] = both["difference"].astype(str).map(names)
    return both[~both["is_enabled"].eq(both["other_is_enabled"]).fillna(value=False)].reset_index(drop=True)


def store_rows(state: pd.DataFrame, store: tuple[int, int]) -> pd.DataFrame:
    """Return the rows of one store; raise StateError if there are none."""
    (pair,) = store_pairs([store])
    is_there = (state["brand_id"] == pair[0]) & (state["branch_id"] == pair[1])
    rows = check_state(state)[is_there.fillna(value=False)]
    if rows.empty:
        raise StateError(f"The state has no rows of store {pair[0]}/{pair[1]}: read it with stores=[{pair}].")
    return rows


def business_flags(state: pd.DataFrame) -> Codes:
    """Return for each row the business row's flag as 1, 0 or -1; raise StateError without business rows."""
    business = state[(state["scope"] == "business").to_numpy(dtype=bool)]
    if business.empty:
        raise StateError("The state has no business rows: read it with with_business=True.")
    return flags(business["is_enabled"], match_rows(state, within=business, columns=ENTITY_COLUMNS))


def _divided(found: pd.DataFrame) -> pd.DataFrame:
    """Say in words where the smaller side is, and put the most divided first."""
    is_off_rarer = found["n_off"] <= found["n_on"]
    side = is_off_rarer.map({True: "off", False: "on"})
    few = found[["n_on", "n_off"]].min(axis=1)
    where = side + " in " + few.astype(str) + " of " + found["n_stores"].astype(str) + " stores"
    order = few.sort_values(ascending=False, kind="stable").index
    return found.assign(where=where).loc[order].reset_index(drop=True)


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
