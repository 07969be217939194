"""Sections against the items in them: warned of where one goes off and the other on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from klikit_frames.frames.findings import Finding
from klikit_frames.frames.wishes import Wishes

_STORE = ["brand_id", "branch_id"]


def find_section_conflicts(wishes: Wishes, state: pd.DataFrame) -> list[Finding]:
    """Return a warning for each item row that a row for its own section goes against in the same place.

    Which items a section has is read from ``path_ids`` of `state`; without that column nothing is known.
    """
    if "path_ids" not in state.columns:
        return []
    toggles = wishes.toggles.reset_index(drop=True).assign(place=np.arange(len(wishes.toggles)))
    sections = toggles[toggles["entity_type"] == "section"].rename(columns={"entity_id": "section_id"})
    items = toggles[toggles["entity_type"] == "item"].merge(_members(state), on="entity_id")
    pairs = _opposite_pairs(items.assign(is_enabled=~items["is_enabled"]), sections)
    rows, partners = (pairs[name].to_numpy(dtype=np.intp) for name in ("place", "place_section"))
    messages = "Its section is switched the other way in row " + wishes.say_rows(partners) + "."
    return wishes.find("section_and_item", rows, column="is_enabled", messages=messages)


def _members(state: pd.DataFrame) -> pd.DataFrame:
    """Return which section each item is in, from paths such as ``6827/39118|6828/39119``."""
    items = state.loc[state["entity_type"] == "item", ["entity_id", "path_ids"]].dropna().drop_duplicates()
    paths = items.assign(path=items["path_ids"].str.split("|")).explode("path")
    section_ids = paths["path"].str.partition("/")[0].astype("int64")
    return paths.assign(section_id=section_ids)[["entity_id", "section_id"]].drop_duplicates()


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
