"""What guests can see: the paths to each row, the flags on them, and which flag makes a row dark."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from ..frames.cell_keys import Codes, live_flags, match_rows
from .state_arrays import booleans, check_state, flags, named

PLACE_COLUMNS = ("scope", "brand_id", "branch_id")
# Three values in the order that makes AND a minimum and OR a maximum: off, not known, on.
OFF, UNKNOWN, ON = 0, 1, 2


class Links(NamedTuple):
    """All paths: the position of the row, and of what stands above it on this path, or -1."""

    row: Codes
    section: Codes
    category: Codes


def own_flags(state: pd.DataFrame) -> Codes:
    """Return 2, 1 or 0 for on, not known and off: by the row's own flags, an item's own among them."""
    own_codes = ordered(flags(state["is_enabled"]))
    if "is_item_enabled" not in state.columns:
        return own_codes
    item = flags(state["is_item_enabled"])
    return np.where(item < 0, own_codes, np.minimum(own_codes, ordered(item)))


def link_rows(state: pd.DataFrame) -> Links:
    """Return every path of every row as positions in `state` of the section and the category on it.

    Raises
    ------
    StateError
        A cell stands twice in the state.
    """
    codes, texts = pd.factorize(state["path_ids"])
    parsed = [[path.split("/") for path in text.split("|")] for text in texts]
    counts = np.array([*map(len, parsed), 0])
    row = np.repeat(np.arange(len(state)), counts[codes])
    starts = np.concatenate([[0], np.cumsum(counts)])[codes]
    path = np.arange(len(row)) - np.repeat(np.cumsum(counts[codes]) - counts[codes], counts[codes])
    path += np.repeat(starts, counts[codes])
    return _linked(state, row, paths=[path for paths in parsed for path in paths], path=path)


def _linked(state: pd.DataFrame, row: Codes, *, paths: list[list[str]], path: Codes) -> Links:
    is_item = (state["entity_type"] == "item").to_numpy(dtype=bool)[row]
    # An item's path ends in its category; what stands before that, or above a category, is a section.
    last = _ids(paths, at=-1)[path]
    before = _ids(paths, at=-2)[path]
    section = _parents(state, row, "section", ids=np.where(is_item, before, last))
    category = _parents(state, row, "category", ids=np.where(is_item, last, -1))
    return Links(row, section, category)


def _ids(paths: list[list[str]], *, at: int) -> Codes:
    return np.array([int(path[at]) if len(path) >= -at else -1 for path in paths] or [-1], dtype=np.int64)


def _parents(state: pd.DataFrame, row: Codes, entity_type: str, *, ids: Codes) -> Codes:
    """Return where in the state the parents of this type stand; each in its row's own store."""
    where = np.flatnonzero((state["entity_type"] == entity_type).to_numpy(dtype=bool))
    columns = (*PLACE_COLUMNS, "entity_id")
    asked = state[list(PLACE_COLUMNS)].take(row).assign(entity_id=ids)
    position = match_rows(asked, within=state.take(where), columns=columns)
    return np.where(position < 0, -1, where[position] if len(where) else -1)


def ordered(codes: Codes) -> Codes:
    """Return 2, 1 or 0 for codes of 1, -1 (missing) and 0."""
    return np.select([codes < 0, codes == 1], [UNKNOWN, ON], default=OFF)


def best_of_paths(levels: Codes, row: Codes, *, n_rows: int) -> Codes:
    """Return the highest level per row; a row without a path has nothing above it that could be off."""
    best = np.full(n_rows, OFF)
    np.maximum.at(best, row, levels)
    best[np.bincount(row, minlength=n_rows) == 0] = ON
    return best


def best_path(levels: Codes, links: Links, *, n_rows: int) -> Codes:
    """Return for each row the level of its best path: the lower of section and category on it."""
    return best_of_paths(path_levels(levels, links), links.row, n_rows=n_rows)


def path_levels(levels: Codes, links: Links) -> Codes:
    """Return the level of each path; a section or category that is not there stands for no hindrance."""
    section, category = (np.where(at < 0, ON, levels[at]) for at in (links.section, links.category))
    path: Codes = np.minimum(section, category)
    return path


def live_levels(state: pd.DataFrame) -> Codes:
    """Return 2, 1 or 0 for on, not known and off: what is pending, else what the menu shows."""
    shown = own_flags(state)
    if not {"pending", "is_unsettled"} & set(state.columns):
        return shown
    live = flags(live_flags(state))
    is_pending = live != flags(state["is_enabled"])
    if "pending" in state.columns:
        # A write to an item changes both of its flags.
        is_pending |= state["pending"].notna().to_numpy(dtype=bool)
    return np.where(is_pending, ordered(live), shown)


_REASONS = ("itself", "category", "section", "all items")
_ITSELF, _CATEGORY, _SECTION, _ALL_ITEMS = range(4)


def effective(state: pd.DataFrame) -> pd.DataFrame:
    """Return the state with what guests see of each row, along its path.

    An item is dark if it is off itself, or if on each of its paths the category or the section is off. Pure.

    Parameters
    ----------
    state : DataFrame
        From `klikit_frames.read_state`, with ``path_ids``.

    Returns
    -------
    pandas.DataFrame
        The state, then ``is_effective`` (boolean; missing where a flag that decides is missing) and
        ``dark_because`` (text): ``itself``, ``category`` or ``section``; missing where it is not dark.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client)
    >>> seen = kf.effective(state)
    >>> bool((seen["is_effective"] <= seen["is_enabled"]).all())
    True
    """
    own_level, above, sections = _levels(check_state(state, also=["path_ids"]))
    seen = np.minimum(own_level, above)
    reason = np.select(
        [seen != OFF, own_level == OFF, sections == OFF], [-1, _ITSELF, _SECTION], default=_CATEGORY
    )
    is_visible = booleans(np.select([seen == ON, seen == OFF], [1, 0], default=-1))
    return state.assign(is_effective=is_visible.array, dark_because=named(reason, _REASONS).array)


def dark_categories(state: pd.DataFrame) -> pd.DataFrame:
    """Return the categories that show nothing: off, under a section that is off, or without an item on.

    Pure.

    Parameters
    ----------
    state : DataFrame
        From `klikit_frames.read_state`, with ``path_ids``.

    Returns
    -------
    pandas.DataFrame
        The rows of `state` of these categories, then ``dark_because`` (``itself``, ``section`` or ``all
        items``), ``n_items`` and ``n_items_on`` (items on by their own flag). An empty category is not dark.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client)
    >>> kf.dark_categories(state)["entity_type"].unique().tolist()
    ['category']
    """
    seen = effective(state)
    n_items, n_on = _item_counts(state)
    is_barren = (n_items > 0) & (n_on == 0) & seen["is_effective"].eq(other=True).fillna(value=False)
    because = seen["dark_because"].mask(is_barren.to_numpy(dtype=bool), _REASONS[_ALL_ITEMS])
    categories = seen.drop(columns="is_effective").assign(
        dark_because=because, n_items=n_items, n_items_on=n_on
    )
    return categories[(categories["entity_type"] == "category") & because.notna()]


def _levels(state: pd.DataFrame) -> tuple[Codes, Codes, Codes]:
    """Return for each row its own flag, the best of its paths, and the best of the sections of its paths."""
    own_level = own_flags(state)
    links = link_rows(state)
    section, category = (np.where(at < 0, ON, own_level[at]) for at in (links.section, links.category))
    paths = np.minimum(section, category)
    return (
        own_level,
        best_of_paths(paths, links.row, n_rows=len(state)),
        best_of_paths(section, links.row, n_rows=len(state)),
    )


def _item_counts(state: pd.DataFrame) -> tuple[Codes, Codes]:
    """Return for each row how many items stand in it as their category, and how many of these are on."""
    links = link_rows(state)
    inside = links.category >= 0
    is_on = own_flags(state)[links.row[inside]] == ON
    category = links.category[inside]
    return (
        np.bincount(category, minlength=len(state)),
        np.bincount(category, weights=is_on, minlength=len(state)).astype(np.int64),
    )
