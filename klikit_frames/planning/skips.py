"""Rows that need not, or cannot, be sent: what the state says, and what it proves by what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ..errors import PlanError
from ..frames.cell_keys import CELL_COLUMNS, Codes, encode_keys, live_flags, match_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

# Why a row is not sent: by its flag; by the menu; by its flag alone, where the links that it cascades to
# cannot be read; and by a promise that holds its cell.
SKIP_REASONS = ("rejected", "unchanged", "holds", "promised")
_ENTITY = ["entity_type", "entity_id"]
_STORE = ["brand_id", "branch_id"]


class Skips(NamedTuple):
    """What the state says about each row.

    Attributes
    ----------
    reasons : Series of text
        One of `SKIP_REASONS`, or missing for a row that is to be sent.
    before : Series of boolean
        The live flag; missing where the state does not tell.
    optional : array of bool
        The rows that hold already, and that a request may carry all the same.
    """

    reasons: pd.Series
    before: pd.Series
    optional: Flags

    @property
    def may_be_sent(self) -> Flags:
        """Which rows a request may carry."""
        found: Flags = self.reasons.isna().to_numpy(dtype=bool)
        return found

    def without_idle(self, is_carried: Flags) -> Skips:
        """Return the same after planning: rows that hold and that no request carries are ``unchanged``."""
        is_idle = self.optional & ~is_carried
        return self._replace(reasons=self.reasons.mask(is_idle, "unchanged")) if is_idle.any() else self


def find_skips(toggles: pd.DataFrame, state: pd.DataFrame | None, *, unchanged: str) -> Skips:
    """Return which rows are not sent and why, which need not be, and the flag that each place has now.

    Parameters
    ----------
    toggles : DataFrame
        Checked toggles.
    state : DataFrame or None
        Live flags; what it does not tell is taken as not known. Where it has a column ``pending``, a flag
        in it is the live one. Its ``attrs["stores"]``, if there, are all
        stores of the business; and its business rows, unless they are fewer than
        ``attrs["n_business_rows"]``, are all entities of each type that they have any of, but for modifier
        options.
    unchanged : "optional", "skip" or "send"
        What becomes of rows that hold already.

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
        before = pd.Series(pd.NA, index=index, dtype="boolean", name="before")
        return Skips(nothing, before, np.zeros(len(toggles), dtype=bool))
    _check_columns(state)
    before = _live_flags(toggles, state)
    rejected = _is_foreign(toggles, state)
    holds = _is_unchanged(toggles, before, rejected)
    reasons = np.full(len(toggles), None, dtype=object)
    reasons[rejected] = "rejected"
    if unchanged == "skip":
        reasons[holds] = "unchanged"
    optional = holds if unchanged == "optional" else np.zeros(len(toggles), dtype=bool)
    return Skips(pd.Series(reasons, index=index, dtype="str"), before, optional)


def _check_columns(state: pd.DataFrame) -> None:
    if not isinstance(state, pd.DataFrame):
        raise PlanError(f"The state is a {type(state).__name__}; hand in what read_state returned.")
    missing = [name for name in (*CELL_COLUMNS, "is_enabled") if name not in state]
    if missing:
        raise PlanError(f"The state has no column {', '.join(missing)}; hand in what read_state returned.")


def _live_flags(toggles: pd.DataFrame, state: pd.DataFrame) -> pd.Series:
    live = live_flags(state).array
    told = pd.Series(live.take(match_rows(toggles, within=state), allow_fill=True), index=toggles.index)
    # A run judges by it whether these are fresh enough to be its flags from before.
    told.attrs["read_at"] = state.attrs.get("read_at")
    return told.rename("before")


def _is_foreign(toggles: pd.DataFrame, state: pd.DataFrame) -> Flags:
    """Tell the rows whose store, or whose id, is not of this business."""
    foreign = find_foreign_stores(toggles, state)
    if not is_complete_state(state):
        return foreign
    business = state[state["scope"] == "business"]
    asked, own = encode_keys([toggles, business], columns=_ENTITY)
    is_told = toggles["entity_type"].isin(business["entity_type"].unique()).to_numpy(dtype=bool)
    return foreign | (is_told & ~np.isin(asked, own) & ~find_options(toggles, state))


def _is_unchanged(toggles: pd.DataFrame, before: pd.Series, rejected: Flags) -> Flags:
    """Tell the rows that hold already, and would still hold after the rest of the plan.

    The state does not tell modifier links, so a row that cascades to them is always sent.
    """
    holds = (before == toggles["is_enabled"]).fillna(value=False).to_numpy(dtype=bool)
    holds &= ~toggles["cascade_to_modifier_groups"].to_numpy(dtype=bool) & ~rejected
    is_business = (toggles["scope"] == "business").to_numpy(dtype=bool)
    (entities,) = encode_keys([toggles], columns=_ENTITY)
    changed = entities[is_business & ~holds & ~rejected]
    return holds & (is_business | ~np.isin(entities, changed))


def is_complete_state(state: pd.DataFrame) -> bool:
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
    pairs, known = encode_keys([rows, listed], columns=_STORE)
    foreign: Codes = (rows["scope"] == "store").to_numpy(dtype=bool) & ~np.isin(pairs, known)
    return foreign
