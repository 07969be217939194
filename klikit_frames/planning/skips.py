"""Rows that need not, or cannot, be sent: what the live state says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    """Return which rows are not sent and why, and the flag that each place has now."""
    index = toggles.index
    if state is None:
        nothing = pd.Series(None, index=index, dtype="str")
        return Skips(nothing, pd.Series(pd.NA, index=index, dtype="boolean"))
    before = _live_flags(toggles, state)
    rejected = _is_foreign(toggles, state)
    reasons = np.full(len(toggles), None, dtype=object)
    reasons[_is_unchanged(toggles, before, rejected)] = "unchanged"
    reasons[rejected] = "rejected"
    return Skips(pd.Series(reasons, index=index, dtype="str"), pd.Series(before, index=index))


def _places(frame: pd.DataFrame) -> pd.MultiIndex:
    """Return one key per row; text and whole numbers, whatever the dtypes were."""
    numbers = {
        name: pd.array(frame[name], dtype="Int64").fillna(-1) for name in _PLACE if name.endswith("_id")
    }
    texts = {name: frame[name].astype(object).to_numpy() for name in ("entity_type", "scope")}
    return pd.MultiIndex.from_frame(
        pd.DataFrame({**texts, **numbers})[_PLACE].astype({n: "int64" for n in numbers})
    )


def _live_flags(toggles: pd.DataFrame, state: pd.DataFrame) -> pd.arrays.BooleanArray:
    live = pd.Series(pd.array(state["is_enabled"], dtype="boolean"), index=_places(state))
    live = live[~live.index.duplicated(keep="last")]
    return live.reindex(_places(toggles)).array


def _is_foreign(toggles: pd.DataFrame, state: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell the rows whose store, or whose id, is not of this business."""
    foreign = np.zeros(len(toggles), dtype=bool)
    is_store = (toggles["scope"] == "store").to_numpy(dtype=bool)
    if "stores" in state.attrs:
        own = pd.MultiIndex.from_tuples([tuple(pair) for pair in state.attrs["stores"]] or [(-1, -1)])
        foreign |= is_store & ~_places(toggles).droplevel([0, 1, 2]).isin(own)
    business = _places(state[(state["scope"] == "business").to_numpy(dtype=bool)]).droplevel([2, 3, 4])
    if len(business) < state.attrs.get("n_business_rows", 0):
        # A part of the business level: an id that is not in it may well be in the rest.
        return foreign
    asked = _places(toggles).droplevel([2, 3, 4])
    is_known_type = asked.get_level_values(0).isin(business.get_level_values(0).unique())
    return foreign | (is_known_type & ~asked.isin(business) & ~_is_option(toggles, state))


def _is_option(toggles: pd.DataFrame, state: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell the rows of modifier options: items of the business too, though no rows of a state."""
    options = list(state.attrs.get("modifier_option_ids", ()))
    is_item = (toggles["entity_type"] == "item").to_numpy(dtype=bool)
    return is_item & toggles["entity_id"].isin(options).to_numpy(dtype=bool)


def _is_unchanged(
    toggles: pd.DataFrame, before: pd.arrays.BooleanArray, rejected: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell the rows that hold already, and would still hold after the rest of the plan.

    The state does not tell modifier links, so a row that cascades to them is always sent.
    """
    holds = np.asarray((before == toggles["is_enabled"].array).fillna(value=False), dtype=bool)
    holds &= ~toggles["cascade_to_modifier_groups"].to_numpy(dtype=bool) & ~rejected
    is_business = (toggles["scope"] == "business").to_numpy(dtype=bool)
    entities = _places(toggles).droplevel([2, 3, 4])
    changed = entities[is_business & ~holds & ~rejected]
    return holds & (is_business | ~entities.isin(changed))
