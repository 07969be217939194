"""What differs: a table from the live flags, and live flags from earlier ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..frames.cell_keys import CELL_COLUMNS, Codes, encode_keys, live_flags, match_rows
from ..frames.schemas import ENTITY_TYPES, SCOPES, TOGGLE_COLUMNS
from ..frames.toggles import read_toggles
from ..menus.state_arrays import DTYPES, booleans, check_state, flags, named
from ..menus.visibility import PLACE_COLUMNS
from ..planning.skips import find_foreign_stores, find_options, is_complete_state

_DTYPES = {name: DTYPES[name] for name in CELL_COLUMNS} | {"is_enabled": "bool"}
CHANGES = ("already", "change", "not_in_menu", "unknown")
_ALREADY, _CHANGE, _NOT_IN_MENU, _UNKNOWN = range(4)


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
    told: Codes = covered | find_foreign_stores(wanted, state)
    return told


_DRIFTS = ("switched_on", "switched_off", "appeared", "gone", "not_read", "unknown")
_ON, _OFF, _APPEARED, _GONE, _NOT_READ, _DRIFT_UNKNOWN = range(6)
_SAME = -1


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
