"""What guests can see: an entity is dark if it, or everything above it, is switched off."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..frames.cell_keys import Codes
from ..menus.state_arrays import booleans, check_state, named
from ..menus.visibility import OFF, ON, best_of_paths, link_rows, own_flags

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
    own, above, sections = _levels(check_state(state, also=["path_ids"]))
    seen = np.minimum(own, above)
    reason = np.select([seen != OFF, own == OFF, sections == OFF], [-1, _ITSELF, _SECTION], default=_CATEGORY)
    told = booleans(np.select([seen == ON, seen == OFF], [1, 0], default=-1))
    return state.assign(is_effective=told.array, dark_because=named(reason, _REASONS).array)


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
    >>> kf.dark_categories(state)["entity_type"].isin(["category"]).all()
    np.True_
    """
    seen = effective(state)
    n_items, n_on = _item_counts(state)
    is_barren = (n_items > 0) & (n_on == 0) & seen["is_effective"].eq(other=True).fillna(value=False)
    because = seen["dark_because"].mask(is_barren.to_numpy(dtype=bool), _REASONS[_ALL_ITEMS])
    told = seen.drop(columns="is_effective").assign(dark_because=because, n_items=n_items, n_items_on=n_on)
    return told[(told["entity_type"] == "category") & because.notna()]


def _levels(state: pd.DataFrame) -> tuple[Codes, Codes, Codes]:
    """Return for each row its own flag, the best of its paths, and the best of the sections of its paths."""
    own = own_flags(state)
    links = link_rows(state)
    section, category = (np.where(at < 0, ON, own[at]) for at in (links.section, links.category))
    paths = np.minimum(section, category)
    return (
        own,
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
