"""What guests will see differently: dishes that go dark or come back, where, and because of what."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..frames.cell_keys import encode_keys
from ..frames.toggles import read_toggles
from .frame_metadata import FrameMetadata
from .matching import CELL_COLUMNS, Codes, booleans, check_state, match_rows, named
from .sales import SALES, find_sales
from .trees import DTYPES, PENDING_DTYPES
from .visibility import OFF, ON, PLACE_COLUMNS, UNKNOWN, Links, best_path, link_rows, live_levels, path_levels

CAUSES = ("item", "category", "section")
_ITEM, _CATEGORY, _SECTION = range(3)
# What the menu tells of the other ways in which a dish can be away.
_TOLD = ("is_in_stock", "is_available", "visible_on", "hidden_on")
_FLAGS = ("is_enabled", "is_item_enabled", *PENDING_DTYPES)
_USED = (*CELL_COLUMNS, *_FLAGS, "title", "path", "path_ids", *_TOLD, SALES)
_KEPT = ("entity_id", "title", "path", "brand_id", "branch_id")


class _Menus(NamedTuple):
    """The menus that a change touches, with each row's level before and after it."""

    state: pd.DataFrame
    links: Links
    before: Codes
    after: Codes
    was_seen: Codes
    is_seen: Codes


def effect(plan_or_toggles: Any, state: pd.DataFrame) -> pd.DataFrame:
    """Return the dishes that guests will see, or no longer see, once a plan or a table is true.

    Touches neither network nor disk, but for a file given as toggles. A dish is visible if it, its category
    and its section are on, along at least one of its paths. What is written and not yet published counts as
    live. Stock, opening hours and paused stores are not judged: the last columns have what the menu tells.

    Parameters
    ----------
    plan_or_toggles : Plan, DataFrame, path or buffer
        A plan, or whatever `klikit_frames.read_toggles` takes. A number in a column ``sales``, of the dish in
        the place of its row, is the money at risk.
    state : DataFrame
        From `klikit_frames.read_state`, with ``path_ids``; it may have a column ``sales`` as well.

    Returns
    -------
    pandas.DataFrame
        One row per item and place whose visibility changes: ``entity_id``, ``title``, ``path``, ``brand_id``,
        ``branch_id`` (missing at the business level), ``was_visible``, ``is_visible`` (boolean), ``because``
        (text: ``item``, ``category`` or ``section``, the nearest that is switched); then ``sales`` where any
        are known, and ``is_in_stock``, ``is_available``, ``visible_on``, ``hidden_on`` as far as the state
        has them. Dishes that go dark come first, those with the highest sales at the top. A business row is
        told at the business level only: which stores override it cannot be read. `klikit_frames.summary`
        tells it in words, with the categories and stores that are then empty.

    Raises
    ------
    InvalidToggles
        The table has bad rows, or sales that are no numbers; ``.problems`` lists them.
    StateError
        `state` is not a state, has no paths, or has a cell twice.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client, stores=[(5297, 1293)])
    >>> dishes = state[state["entity_type"].eq("item") & state["is_enabled"]].head(2)
    >>> off = kf.cross_toggles("item", dishes["entity_id"], [(5297, 1293)], is_enabled=False)
    >>> kf.effect(off, state)[["was_visible", "is_visible", "because"]].values.tolist()
    [[True, False, 'item'], [True, False, 'item']]
    """
    return find_effect(_read_changes(plan_or_toggles), check_state(state, also=["path_ids"]))


def _read_changes(plan_or_toggles: Any) -> pd.DataFrame:
    """Return the rows that change something: of a plan those that it sends or finds as they should be."""
    rows = None if isinstance(plan_or_toggles, pd.DataFrame) else getattr(plan_or_toggles, "rows", None)
    if isinstance(rows, pd.DataFrame):
        return rows[rows["skipped_as"].ne("rejected").fillna(value=True)]
    return read_toggles(plan_or_toggles)


def find_effect(changes: pd.DataFrame, state: pd.DataFrame) -> pd.DataFrame:
    """Return `effect` of checked toggles; the state has ``path_ids``."""
    touched, known = encode_keys([changes, state], columns=PLACE_COLUMNS)
    used = [name for name in _USED if name in state.columns]
    menus = _change_menus(changes, state[used].iloc[np.flatnonzero(np.isin(known, touched))])
    is_item = (menus.state["entity_type"] == "item").to_numpy(dtype=bool)
    differs = is_item & (menus.was_seen != menus.is_seen)
    is_known = (menus.was_seen != UNKNOWN) & (menus.is_seen != UNKNOWN)
    rows = np.flatnonzero(differs & is_known)
    told = _table(menus, rows).assign(**find_sales(changes, menus.state, rows))
    told.attrs = {
        name: menus.state.attrs[name]
        for name in ("brand_titles", "branch_titles")
        if name in menus.state.attrs
    }
    told.attrs |= {
        "emptied_categories": _emptied_categories(menus),
        "emptied_places": _emptied_places(menus, is_item),
        "n_unknown": int((differs & ~is_known).sum()),
        "n_unread": int((~np.isin(touched, known)).sum()),
    }
    return _ranked(told)


def _change_menus(changes: pd.DataFrame, state: pd.DataFrame) -> _Menus:
    """Return the menus with what each row is now, and what it is once the changes are made."""
    links = link_rows(state)
    before = live_levels(state)
    after = before.copy()
    position = match_rows(changes, within=state)
    wanted = np.where(changes["is_enabled"].to_numpy(dtype=bool), ON, OFF)
    after[position[position >= 0]] = wanted[position >= 0]
    seen = [np.minimum(own, best_path(own, links, n_rows=len(state))) for own in (before, after)]
    return _Menus(state, links, before, after, *seen)


def _table(menus: _Menus, rows: Codes) -> pd.DataFrame:
    told = menus.state.iloc[rows].reset_index(drop=True)
    if "path" not in told.columns:
        told["path"] = pd.Series(pd.NA, index=told.index, dtype=DTYPES["path"])
    return told[list(_KEPT)].assign(
        was_visible=booleans((menus.was_seen[rows] == ON).astype(np.int8)),
        is_visible=booleans((menus.is_seen[rows] == ON).astype(np.int8)),
        because=named(_causes(menus)[rows], CAUSES),
        **{name: told[name] for name in _TOLD if name in told.columns},
    )


def _causes(menus: _Menus) -> Codes:
    """Return for each row the nearest thing that is switched and that decides whether it is seen."""
    row, _, category = menus.links
    goes_dark = menus.was_seen == ON
    is_dark = goes_dark[row]
    open_before, open_after = (path_levels(own, menus.links) == ON for own in (menus.before, menus.after))
    is_open = np.where(is_dark, open_before, open_after)
    # What is off on the side where guests do not see the dish, and open on the other, was switched.
    unseen = np.where(is_dark, menus.after[category], menus.before[category])
    by_category = np.zeros(len(menus.state), dtype=bool)
    by_category[row[is_open & (category >= 0) & (unseen == OFF)]] = True
    is_own = np.where(goes_dark, menus.after, menus.before) == OFF
    return np.select([is_own, by_category], [_ITEM, _CATEGORY], default=_SECTION)


def _emptied_categories(menus: _Menus) -> FrameMetadata:
    """Return title, brand and branch of each category that is shown, and has no dish to show any more."""
    row, _, category = menus.links
    inside = category >= 0
    counts = []
    for own, least in ((menus.before, ON), (menus.after, UNKNOWN)):
        shown = np.minimum(own[row], path_levels(own, menus.links))[inside] >= least
        counts.append(np.bincount(category[inside], weights=shown, minlength=len(menus.state)))
    is_emptied = (counts[0] > 0) & (counts[1] == 0) & (menus.is_seen == ON)
    return _as_tuples(menus.state.iloc[np.flatnonzero(is_emptied)][["title", "brand_id", "branch_id"]])


def _emptied_places(menus: _Menus, is_item: Codes) -> FrameMetadata:
    """Return brand and branch of each menu that showed a dish, and shows none any more."""
    items = menus.state[list(PLACE_COLUMNS)].iloc[np.flatnonzero(is_item)]
    items = items.assign(was=menus.was_seen[is_item] == ON, stays=menus.is_seen[is_item] != OFF)
    places = items.groupby(list(PLACE_COLUMNS), dropna=False, sort=False)[["was", "stays"]].any()
    empty = places[places["was"] & ~places["stays"]].reset_index()
    return _as_tuples(empty[["brand_id", "branch_id"]])


def _as_tuples(frame: pd.DataFrame) -> FrameMetadata:
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
    return FrameMetadata(rows)


def _ranked(told: pd.DataFrame) -> pd.DataFrame:
    """Return what goes dark first; in each half the highest sales first, else the menus' own order."""
    by = ["is_visible", SALES] if SALES in told.columns else ["is_visible"]
    order = [True, False][: len(by)]
    return told.sort_values(by, ascending=order, kind="stable", na_position="last", ignore_index=True)
