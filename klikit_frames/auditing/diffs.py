"""What is wanted against what is live."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..frames.toggles import read_toggles
from .matching import Codes, booleans, check_state, flags, locate, named, pack

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
        The toggles, in their order and with all of their columns, then ``live`` (boolean; missing if not
        known) and ``change`` (text): ``already`` holds, ``change`` differs, ``not_in_menu`` is not in a
        menu that was read, ``unknown`` was not read or has no one flag. A business row is judged by the
        business level and a store row by its own store's menu. An own column of such a name comes back
        as ``input_live``.

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
    wanted = read_toggles(toggles)
    position = locate(wanted, within=check_state(state))
    live = flags(state["is_enabled"], position)
    is_absent = (position < 0) & _is_covered(wanted, state)
    change = np.select(
        [live == flags(wanted["is_enabled"]), live >= 0, is_absent],
        [_ALREADY, _CHANGE, _NOT_IN_MENU],
        default=_UNKNOWN,
    )
    return beside(wanted, live=booleans(live), change=named(change, CHANGES))


def beside(frame: pd.DataFrame, **columns: pd.Series) -> pd.DataFrame:
    """Return `frame` with `columns` last; an own column with such a name gets ``input_`` before it."""
    kept = frame.rename(columns={name: f"input_{name}" for name in columns if name in frame.columns})
    return kept.assign(**{name: column.array for name, column in columns.items()})


def _is_option(wanted: pd.DataFrame, state: pd.DataFrame) -> Codes:
    """Say which rows are modifier options: items that a state has no rows of."""
    options = list(state.attrs.get("modifier_option_ids", ()))
    told: Codes = ((wanted["entity_type"] == "item") & wanted["entity_id"].isin(options)).to_numpy(dtype=bool)
    return told


def _is_covered(wanted: pd.DataFrame, state: pd.DataFrame) -> Codes:
    """Say for each row whether the menu that it is about was read, or belongs to no store of the business."""
    places = ["scope", "brand_id", "branch_id"]
    rows, read = pack([wanted, state], columns=places)
    covered = np.isin(rows, np.unique(read)) & ~_is_option(wanted, state)
    own = state.attrs.get("stores")
    if own is None:
        return covered
    listed = pd.DataFrame(list(own), columns=places[1:], dtype="Int64")
    pairs, known = pack([wanted, listed], columns=places[1:])
    foreign = (wanted["scope"] == "store").to_numpy(dtype=bool) & ~np.isin(pairs, known)
    return covered | foreign
