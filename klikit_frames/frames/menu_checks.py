"""Rows against a live menu: sections against their own items, and entities that a store does not sell."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..wording import counted
from .problems import Problem
from .row_checks import ValidRows

_STORE = ["brand_id", "branch_id"]
_PLACE = ["entity_type", "scope", *_STORE]
_SECTION_OF_PATH = re.compile(r"(?:^|\|)([0-9]{1,18})(?:/|$|(?=\|))")


def menu_problems(valid_rows: ValidRows, state: pd.DataFrame) -> list[Problem]:
    """Return warnings about rows that a live menu makes doubtful."""
    return [*section_conflicts(valid_rows, state), *_missing_entities(valid_rows, state)]


def is_off_menu(toggles: pd.DataFrame, state: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return a mask of the toggles whose entity is not on the menu of their own place.

    A place and level of which `state` has no row was not read, and says nothing. Modifier options are on no
    menu by themselves, and are never in the mask.

    Parameters
    ----------
    toggles : DataFrame
        The columns of toggles.
    state : DataFrame
        What `read_state` returned, with its ``attrs``.
    """
    if not {*_PLACE, "entity_id"} <= set(state.columns):
        return np.zeros(len(toggles), dtype=bool)
    entity, place = [*_PLACE, "entity_id"], _PLACE
    try:
        wanted, live = (_keys(frame) for frame in (toggles, state))
    except (TypeError, ValueError):  # a state whose ids are no ids says nothing
        return np.zeros(len(toggles), dtype=bool)
    off_menu = ~_is_in(wanted[entity], live[entity]) & _is_in(wanted[place], live[place])
    options = toggles["entity_id"].isin(list(state.attrs.get("modifier_option_ids", ())))
    is_option = (toggles["entity_type"] == "item") & options
    return off_menu & ~is_option.to_numpy(dtype=bool)


def count_off_menu(toggles: pd.DataFrame, state: pd.DataFrame) -> pd.DataFrame:
    """Return how many toggles each place has whose entity is not on its menu; most first.

    Returns
    -------
    pandas.DataFrame
        ``scope`` (text), ``brand_id``, ``branch_id`` (Int64, missing for the business menu), ``n_rows``.
    """
    off_menu = toggles.loc[is_off_menu(toggles, state), ["scope", *_STORE]]
    counts = off_menu.groupby(["scope", *_STORE], dropna=False, sort=False).size()
    frame = counts.rename("n_rows").reset_index()
    return frame.sort_values("n_rows", ascending=False, kind="stable", ignore_index=True)


def place_names(toggles: pd.DataFrame) -> pd.Series[str]:
    """Return the menu of each toggle in words: ``store 5297/1293``, or ``business``."""
    brands, branches = (toggles[name].astype("string").fillna("") for name in _STORE)
    stores = ("the menu of store " + brands + "/" + branches).astype(object)
    return stores.where(toggles["scope"] == "store", "the business menu")


def _missing_entities(valid_rows: ValidRows, state: pd.DataFrame) -> list[Problem]:
    rows = np.flatnonzero(is_off_menu(valid_rows.toggles, state))
    if not len(rows):
        return []
    toggles = valid_rows.toggles.iloc[rows]
    places = place_names(toggles)
    n_others = places.map(places.value_counts()).astype(int) - 1
    others = n_others.map(lambda n: f", like {counted(n, 'other row')}." if n else ".")
    names = toggles["entity_type"].astype(object).str.capitalize() + " " + toggles["entity_id"].astype(str)
    messages = (names + " is not on " + places + others).to_numpy(dtype=object)
    values = toggles["entity_id"].astype(str).to_numpy(dtype=object)
    return valid_rows.find("not_on_menu", rows, column="entity_id", values=values, messages=messages)


def _keys(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what identifies each row as plain objects and numbers, whatever the dtypes were."""
    ids = {name: frame[name].astype("Int64").fillna(0).astype("int64") for name in (*_STORE, "entity_id")}
    return pd.DataFrame({name: frame[name].astype(object) for name in ("entity_type", "scope")} | ids)


def _is_in(rows: pd.DataFrame, others: pd.DataFrame) -> npt.NDArray[np.bool_]:
    joined = rows.merge(others.drop_duplicates(), how="left", indicator=True)
    return (joined["_merge"] == "both").to_numpy(dtype=bool)


def section_conflicts(valid_rows: ValidRows, state: pd.DataFrame) -> list[Problem]:
    """Return a warning for each item row that a row for its own section goes against in the same place.

    Which items a section has is read from ``path_ids`` of `state`; without that column nothing is known.
    """
    if not {"entity_type", "entity_id", "path_ids"}.issubset(state.columns):
        return []
    toggles = valid_rows.toggles.reset_index(drop=True).assign(place=np.arange(len(valid_rows.toggles)))
    sections = toggles[toggles["entity_type"] == "section"].rename(columns={"entity_id": "section_id"})
    items = toggles[toggles["entity_type"] == "item"].merge(_members(state), on="entity_id")
    pairs = _opposite_pairs(items.assign(is_enabled=~items["is_enabled"]), sections)
    rows, partners = (pairs[name].to_numpy(dtype=np.intp) for name in ("place", "place_section"))
    messages = "Its section is switched the other way in row " + valid_rows.row_labels(partners) + "."
    return valid_rows.find("section_and_item", rows, column="is_enabled", messages=messages)


def _members(state: pd.DataFrame) -> pd.DataFrame:
    """Return which section each item is in, from paths such as ``6827/39118|6828/39119``."""
    items = state.loc[state["entity_type"] == "item", ["entity_id", "path_ids"]].dropna().drop_duplicates()
    items["section_id"] = [_SECTION_OF_PATH.findall(str(paths)) for paths in items["path_ids"]]
    members = items[["entity_id", "section_id"]].explode("section_id").dropna().drop_duplicates()
    # Without any member both columns are of type object, which merges with no column of ids.
    return members.astype("int64")


def _opposite_pairs(items: pd.DataFrame, sections: pd.DataFrame) -> pd.DataFrame:
    """Pair item rows with section rows for the same place; a business row is in every place."""
    is_wide_item, is_wide_section = items["scope"] == "business", sections["scope"] == "business"
    pairs = [
        _merge(items[~is_wide_item], sections[~is_wide_section], ["section_id", "is_enabled", *_STORE]),
        _merge(items, sections[is_wide_section], ["section_id", "is_enabled"]),
        _merge(items[is_wide_item], sections[~is_wide_section], ["section_id", "is_enabled"]),
    ]
    return pd.concat(pairs).drop_duplicates("place").sort_values("place")


def _merge(items: pd.DataFrame, sections: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    first = sections.drop_duplicates(keys)[[*keys, "place"]]
    return items[[*keys, "place"]].merge(first, on=keys, suffixes=("", "_section"))
