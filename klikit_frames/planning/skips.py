"""Rows that need not, or cannot, be sent: what the live state says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from klikit_frames.errors import PlanError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

_PLACE = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]


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
        stores of the business; and its business rows, if it has any of a type, are all entities of that type.
    """
    index = toggles.index
    if state is None:
        nothing = pd.Series(None, index=index, dtype="str")
        return Skips(nothing, pd.Series(pd.NA, index=index, dtype="boolean", name="before"))
    _check_columns(state)
    places = _places(toggles)
    before = _live_flags(places, state).set_axis(index).rename("before")
    rejected = _is_foreign(places, state)
    unchanged = _is_unchanged(toggles, places, before, rejected)
    reasons = np.full(len(toggles), None, dtype=object)
    reasons[unchanged], reasons[rejected] = "unchanged", "rejected"
    return Skips(pd.Series(reasons, index=index, dtype="str"), before)


def _check_columns(state: pd.DataFrame) -> None:
    missing = [name for name in (*_PLACE, "is_enabled") if name not in state]
    if missing:
        raise PlanError(f"The state has no column {', '.join(missing)}; hand in what read_state returned.")


def _places(frame: pd.DataFrame) -> pd.MultiIndex:
    """Return one key per row; text and whole numbers, whatever the dtypes were."""
    numbers = frame[["entity_id", "brand_id", "branch_id"]].astype("Int64").fillna(-1).astype("int64")
    texts = frame[["entity_type", "scope"]].astype(object)
    return pd.MultiIndex.from_frame(pd.concat([texts, numbers], axis=1)[_PLACE])


def _live_flags(places: pd.MultiIndex, state: pd.DataFrame) -> pd.Series:
    live = state["is_enabled"].astype("boolean").set_axis(_places(state))
    return live[~live.index.duplicated(keep="last")].reindex(places)


def _is_foreign(places: pd.MultiIndex, state: pd.DataFrame) -> Flags:
    """Tell the rows whose store, or whose id, is not of this business."""
    foreign = np.zeros(len(places), dtype=bool)
    if "stores" in state.attrs:
        own = pd.MultiIndex.from_tuples([(-1, -1), *map(tuple, state.attrs["stores"])])
        foreign |= ~places.droplevel([0, 1, 2]).isin(own)
    business = _entities(_places(state[state["scope"] == "business"]))
    asked = _entities(places)
    is_known_type = asked.get_level_values(0).isin(business.get_level_values(0).unique())
    return foreign | (is_known_type & ~asked.isin(business))


def _entities(places: pd.MultiIndex) -> pd.Index[Any]:
    return places.droplevel([2, 3, 4])


def _is_unchanged(toggles: pd.DataFrame, places: pd.MultiIndex, before: pd.Series, rejected: Flags) -> Flags:
    """Tell the rows that hold already, and would still hold after the rest of the plan.

    The state does not tell modifier links, so a row that cascades to them is always sent.
    """
    holds = (before == toggles["is_enabled"]).fillna(value=False).to_numpy(dtype=bool)
    holds &= ~toggles["cascade_to_modifier_groups"].to_numpy(dtype=bool) & ~rejected
    is_business = (toggles["scope"] == "business").to_numpy(dtype=bool)
    entities = _entities(places)
    changed = entities[is_business & ~holds & ~rejected]
    return holds & (is_business | ~entities.isin(changed))
