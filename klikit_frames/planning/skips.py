"""Rows that need not, or cannot, be sent: what the live state says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from klikit_frames.errors import PlanError
from klikit_frames.planning.absences import find_foreign_stores, find_options, is_whole_business
from klikit_frames.planning.cells import CELL_COLUMNS, locate, pack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

_ENTITY = ["entity_type", "entity_id"]


class Skips(NamedTuple):
    """What the state says about each row.

    Attributes
    ----------
    reasons : Series of text
        ``unchanged``, ``rejected``, or missing for a row that is to be sent.
    before : Series of boolean
        The live flag; missing where the state does not tell.
    """

    reasons: pd.Series
    before: pd.Series


def find_skips(toggles: pd.DataFrame, state: pd.DataFrame | None) -> Skips:
    """Return which rows are not sent and why, and the flag that each place has now.

    Parameters
    ----------
    toggles : DataFrame
        Checked toggles.
    state : DataFrame or None
        Live flags; what it does not tell is taken as not known. Its ``attrs["stores"]``, if there, are all
        stores of the business; and its business rows, unless they are fewer than
        ``attrs["n_business_rows"]``, are all entities of each type that they have any of, but for modifier
        options.

    Raises
    ------
    PlanError
        `state` lacks a column.
    StateError
        `state` has a cell twice, with two flags.
    """
    index = toggles.index
    if state is None:
        nothing = pd.Series(None, index=index, dtype="str")
        return Skips(nothing, pd.Series(pd.NA, index=index, dtype="boolean", name="before"))
    _check_columns(state)
    before = _live_flags(toggles, state)
    rejected = _is_foreign(toggles, state)
    unchanged = _is_unchanged(toggles, before, rejected)
    reasons = np.full(len(toggles), None, dtype=object)
    reasons[unchanged], reasons[rejected] = "unchanged", "rejected"
    return Skips(pd.Series(reasons, index=index, dtype="str"), before)


def _check_columns(state: pd.DataFrame) -> None:
    missing = [name for name in (*CELL_COLUMNS, "is_enabled") if name not in state]
    if missing:
        raise PlanError(f"The state has no column {', '.join(missing)}; hand in what read_state returned.")


def _live_flags(toggles: pd.DataFrame, state: pd.DataFrame) -> pd.Series:
    live = state["is_enabled"].astype("boolean").array
    told = live.take(locate(toggles, within=state), allow_fill=True)
    return pd.Series(told, index=toggles.index, name="before")


def _is_foreign(toggles: pd.DataFrame, state: pd.DataFrame) -> Flags:
    """Tell the rows whose store, or whose id, is not of this business."""
    foreign = find_foreign_stores(toggles, state)
    if not is_whole_business(state):
        return foreign
    business = state[state["scope"] == "business"]
    asked, own = pack([toggles, business], columns=_ENTITY)
    is_told = toggles["entity_type"].isin(business["entity_type"].unique()).to_numpy(dtype=bool)
    return foreign | (is_told & ~np.isin(asked, own) & ~find_options(toggles, state))


def _is_unchanged(toggles: pd.DataFrame, before: pd.Series, rejected: Flags) -> Flags:
    """Tell the rows that hold already, and would still hold after the rest of the plan.

    The state does not tell modifier links, so a row that cascades to them is always sent.
    """
    holds = (before == toggles["is_enabled"]).fillna(value=False).to_numpy(dtype=bool)
    holds &= ~toggles["cascade_to_modifier_groups"].to_numpy(dtype=bool) & ~rejected
    is_business = (toggles["scope"] == "business").to_numpy(dtype=bool)
    (entities,) = pack([toggles], columns=_ENTITY)
    changed = entities[is_business & ~holds & ~rejected]
    return holds & (is_business | ~np.isin(entities, changed))
