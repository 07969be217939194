"""What differs: a table from live flags, live flags from earlier ones, and stores from each other."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from ..errors import StateError
from ..frames.cell_keys import CELL_COLUMNS, Codes, encode_keys, live_flags, match_rows
from ..frames.schemas import ENTITY_TYPES, SCOPES, TOGGLE_COLUMNS
from ..frames.toggles import read_toggles
from ..menus.state_arrays import DTYPES, booleans, check_state, flags, named
from ..menus.stores import store_pairs
from ..menus.visibility import PLACE_COLUMNS
from ..planning.row_assignment import find_foreign_stores, find_options, is_complete_state

_DTYPES = {name: DTYPES[name] for name in CELL_COLUMNS} | {"is_enabled": "bool"}
CHANGES = ("already", "change", "not_in_menu", "unknown")
_ALREADY, _CHANGE, _NOT_IN_MENU, _UNKNOWN = range(4)

_DRIFTS = ("switched_on", "switched_off", "appeared", "gone", "not_read", "unknown")
_ON, _OFF, _APPEARED, _GONE, _NOT_READ, _DRIFT_UNKNOWN = range(6)
_SAME = -1
ENTITY_COLUMNS = ("entity_type", "entity_id")


def diff(toggles: Any, state: pd.DataFrame) -> pd.DataFrame:
    """Return the toggles with the live flag beside each, and what sending it would do.

    Touches neither network nor disk, but for a file given as `toggles`.

    Parameters
    ----------
    toggles : DataFrame, path or buffer
        Whatever `klikit_frames.read_toggles` takes.
    state : DataFrame
        From `klikit_frames.read_state`: the business level, stores, or both.

    Returns
    -------
    pandas.DataFrame
        The toggles, in their order and with all of their columns, then ``live`` (boolean: what is pending,
        else what the menu shows; missing if not known) and ``change`` (text): ``already`` holds, ``change``
        differs, ``not_in_menu`` is not in a menu that was read, ``unknown`` was not read or has no one flag.
        A business row is judged by the business level, if the state still has all of it, and a store row by
        its own store's menu. An own
        column of such a name comes back as ``input_live``.

    Raises
    ------
    InvalidToggles
        `toggles` has bad rows; ``.problems`` lists them.
    StateError
        `state` is not a state, or has a cell twice.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client)
    >>> sections = state[state["entity_type"] == "section"].head(2)
    >>> toggles = kf.business_toggles("section", sections["entity_id"], is_enabled=False)
    >>> kf.diff(toggles, state)[["live", "change"]].values.tolist()
    [[True, 'change'], [True, 'change']]
    """
    wanted = toggles if _is_checked(toggles) else read_toggles(toggles)
    position = match_rows(wanted, within=check_state(state))
    live = flags(live_flags(state), position)
    is_absent = position < 0
    is_absent[is_absent] = _is_covered(wanted[is_absent], state)
    change = np.select(
        [live == flags(wanted["is_enabled"]), live >= 0, is_absent],
        [_ALREADY, _CHANGE, _NOT_IN_MENU],
        default=_UNKNOWN,
    )
    return append_columns(wanted, live=booleans(live), change=named(change, CHANGES))


def _is_checked(toggles: Any) -> bool:
    """Say whether `read_toggles` made these rows: to read millions of them again takes long."""
    if not isinstance(toggles, pd.DataFrame) or not set(TOGGLE_COLUMNS) <= set(toggles.columns):
        return False
    if any(toggles[name].dtype != dtype for name, dtype in _DTYPES.items()):
        return False
    is_store = (toggles["scope"] == "store").to_numpy(dtype=bool)
    has_store = (toggles["brand_id"].notna() & toggles["branch_id"].notna()).to_numpy(dtype=bool)
    has_part = (toggles["brand_id"].notna() | toggles["branch_id"].notna()).to_numpy(dtype=bool)
    return bool(
        (toggles["entity_id"] > 0).all()
        and toggles["entity_type"].isin(ENTITY_TYPES).all()
        and toggles["scope"].isin(SCOPES).all()
        and (is_store == has_store).all()
        and (is_store == has_part).all()
    )


def append_columns(frame: pd.DataFrame, **columns: pd.Series) -> pd.DataFrame:
    """Return `frame` with `columns` last; an own column with such a name gets ``input_`` before it."""
    kept = frame.rename(columns={name: f"input_{name}" for name in columns if name in frame.columns})
    return kept.assign(**{name: column.array for name, column in columns.items()})


def _is_covered(wanted: pd.DataFrame, state: pd.DataFrame) -> Codes:
    """Say for each row whether the menu that it is about was read, or belongs to no store of the business.

    The business level was read if the state still has all of it.
    """
    rows, read = encode_keys([wanted, state], columns=["scope", "brand_id", "branch_id"])
    covered = np.isin(rows, np.unique(read)) & ~find_options(wanted, state)
    if not is_complete_state(state):
        covered &= (wanted["scope"] != "business").to_numpy(dtype=bool)
    answered: Codes = covered | find_foreign_stores(wanted, state)
    return answered


def drift(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return what changed between two states: one row per cell that is not the same in both. Pure.

    Parameters
    ----------
    before, after : DataFrame
        From `klikit_frames.read_state` or `klikit_frames.load_state`.

    Returns
    -------
    pandas.DataFrame
        ``entity_type, entity_id, scope, brand_id, branch_id, title, was, now`` (boolean) and ``drift``
        (text): ``switched_on``, ``switched_off``, ``appeared`` and ``gone`` (in the menu), ``not_read`` (its
        whole menu is in one of the two only), ``unknown`` (a flag is missing). In the order of `after`, then
        what only `before` has.

    Raises
    ------
    StateError
        One of the frames is not a state, or has a cell twice.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     before = kf.read_state(client)
    ...     sections = before.loc[before["entity_type"] == "section", "entity_id"].head(1)
    ...     _ = kf.run(kf.plan(kf.business_toggles("section", sections, is_enabled=False)), client)
    ...     after = kf.read_state(client)
    >>> kf.drift(before, after)[["was", "now", "drift"]].values.tolist()
    [[True, False, 'switched_off']]
    """
    kept, lost = _sides(check_state(before), check_state(after))
    both = pd.concat([kept, lost], ignore_index=True)
    was, now, code = (both[name].to_numpy() for name in ("was", "now", "drift"))
    return both.assign(was=booleans(was).array, now=booleans(now).array, drift=named(code, _DRIFTS).array)


def _sides(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the changed cells of `after`, and the cells that only `before` has."""
    position = match_rows(after, within=before)
    was, now = flags(before["is_enabled"], position), flags(after["is_enabled"])
    is_read = _share_places(after, before)
    code = np.select(
        [position < 0, was == now, (was < 0) | (now < 0), now == 1],
        [np.where(is_read, _APPEARED, _NOT_READ), _SAME, _DRIFT_UNKNOWN, _ON],
        default=_OFF,
    )
    is_lost = np.ones(len(before), dtype=bool)
    is_lost[position[position >= 0]] = False
    lost = before[is_lost]
    gone = np.where(_share_places(lost, after), _GONE, _NOT_READ)
    nowhere = np.full(len(lost), -1, dtype=np.int8)
    return _cells(after, was=was, now=now, drift=code)[code != _SAME], _cells(
        lost, was=flags(lost["is_enabled"]), now=nowhere, drift=gone
    )


def _share_places(rows: pd.DataFrame, other: pd.DataFrame) -> Codes:
    """Say for each row whether the other state has its store (or the business level) at all."""
    here, there = encode_keys([rows, other], columns=PLACE_COLUMNS)
    return np.isin(here, np.unique(there))


def _cells(frame: pd.DataFrame, **columns: Codes) -> pd.DataFrame:
    return frame[[*CELL_COLUMNS, "title"]].assign(**columns)


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
    entities = rows[[*ENTITY_COLUMNS, "title"]].take(first).reset_index(drop=True)
    entities = entities.assign(**{name: count.astype(np.int64) for name, count in counts.items()})
    entities["n_stores"] = entities["n_on"] + entities["n_off"]
    return _divided(entities[(entities["n_on"] > 0) & (entities["n_off"] > 0)])


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
    flag_codes = flags(state["is_enabled"])
    differs = (flag_codes >= 0) & (business >= 0) & (flag_codes != business)
    differing: pd.DataFrame = state.assign(business_is_enabled=booleans(business).array)[differs]
    return differing


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
    check_state(state)
    is_there = (state["brand_id"] == pair[0]) & (state["branch_id"] == pair[1])
    rows = state[is_there.fillna(value=False)]
    if rows.empty:
        raise StateError(f"The state has no rows of store {pair[0]}/{pair[1]}: read it with stores=[{pair}].")
    return rows


def business_flags(state: pd.DataFrame) -> Codes:
    """Return for each row the business row's flag as 1, 0 or -1; raise StateError without business rows."""
    business = state[(state["scope"] == "business").to_numpy(dtype=bool)]
    if business.empty:
        raise StateError("The state has no business rows: read it with with_business=True.")
    return flags(business["is_enabled"], match_rows(state, within=business, columns=ENTITY_COLUMNS))


def _divided(split: pd.DataFrame) -> pd.DataFrame:
    """Say in words where the smaller side is, and put the most divided first."""
    is_off_rarer = split["n_off"] <= split["n_on"]
    side = is_off_rarer.map({True: "off", False: "on"})
    few = split[["n_on", "n_off"]].min(axis=1)
    where = side + " in " + few.astype(str) + " of " + split["n_stores"].astype(str) + " stores"
    order = few.sort_values(ascending=False, kind="stable").index
    return split.assign(where=where).loc[order].reset_index(drop=True)


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
    ordered = toggles[[*TOGGLE_COLUMNS, "title"]].reset_index(drop=True)
    ordered.attrs = {}
    return ordered


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
