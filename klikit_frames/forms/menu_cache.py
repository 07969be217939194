"""The live flags that a form plans against: read once, kept, and told of what the form itself has written."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import pandas as pd

from ..menus.stores import stores as read_stores
from ..running.live_state import read_state

if TYPE_CHECKING:
    from ..api.client import Client

Pair = tuple[int, int]


class LiveFlags:
    """Flags of the business level, and of the stores that were asked for so far.

    Parameters
    ----------
    client : Client
        Where to read; each menu is read once.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self.stores = read_stores(client)
        self.business = read_state(client, progress=False)
        self._menus: dict[Pair, pd.DataFrame] = {}

    def state(self, pairs: Iterable[Pair] = ()) -> pd.DataFrame:
        """Return the business level and the flags of `pairs`; reads the menus that are not known yet.

        Raises
        ------
        RequestError
            None of the menus that are not known yet could be read.
        """
        wanted = list(dict.fromkeys(pairs))
        with self._lock:
            self._read([pair for pair in wanted if pair not in self._menus])
            frames = [self.business, *(self._menus[pair] for pair in wanted if pair in self._menus)]
        state = pd.concat(frames, ignore_index=True) if len(frames) > 1 else self.business.copy()
        state.attrs = dict(self.business.attrs)
        return state

    def note(self, result: pd.DataFrame) -> None:
        """Take over what a run has applied: a store's menu may show it only after the next publish."""
        applied = result[result["outcome"] == "applied"]
        with self._lock:
            self.business = overlay(self.business, applied)
            self._menus = {pair: overlay(menu, applied) for pair, menu in self._menus.items()}

    def _read(self, missing: list[Pair]) -> None:
        if missing:
            read = read_state(self._client, stores=missing, progress=False)
            menus = read.groupby(["brand_id", "branch_id"], sort=False)
            self._menus |= {cast("Pair", pair): menu for pair, menu in menus}


def overlay(state: pd.DataFrame, applied: pd.DataFrame) -> pd.DataFrame:
    """Return `state` with the flags of `applied` rows, in their order.

    A store's flag under a business-wide write is not known any more: the store may have an override.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.forms.menu_cache import overlay
    >>> row = {"entity_type": "item", "entity_id": 7, "scope": "store", "brand_id": 1, "branch_id": 11}
    >>> state = pd.DataFrame([{**row, "is_enabled": True}])
    >>> overlay(state, state.assign(is_enabled=False))["is_enabled"].tolist()
    [False]
    """
    if applied.empty:
        return state
    written = pd.Series(applied["is_enabled"].to_numpy(), index=_cells(applied), dtype="boolean")
    found = written[~written.index.duplicated(keep="last")].reindex(_cells(state)).array
    wide = _entities(applied[applied["scope"] == "business"])
    is_doubtful = (state["scope"] == "store").to_numpy() & _entities(state).isin(wide)
    before = state["is_enabled"].astype("boolean").mask(is_doubtful)
    return state.assign(is_enabled=before.where(found.isna(), found))


def sold_rows(toggles: pd.DataFrame, state: pd.DataFrame) -> pd.Series:
    """Return which toggles are of something that their store sells; a menu that was not read refuses nothing.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.forms.menu_cache import sold_rows
    >>> toggles = kf.cross_toggles("item", [7, 8], [(1, 11), (1, 12)], is_enabled=False)
    >>> state = toggles[toggles["branch_id"] == 11].head(1)  # the menu of 1/11 has item 7 alone
    >>> sold_rows(toggles, state).tolist()
    [True, True, False, True]
    """
    is_store = toggles["scope"] == "store"
    menu = state[state["scope"] == "store"]
    is_read = _stores(toggles).isin(_stores(menu))
    return ~is_store | ~is_read | _cells(toggles).isin(_cells(menu))


def _stores(frame: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(frame[["brand_id", "branch_id"]].astype("Int64").fillna(0))


def _entities(frame: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(frame[["entity_type", "entity_id"]])


def _cells(frame: pd.DataFrame) -> pd.MultiIndex:
    # A missing store is the business level; as a number it is equal to itself.
    stores = frame[["brand_id", "branch_id"]].astype("Int64").fillna(0)
    return pd.MultiIndex.from_frame(frame[["entity_type", "entity_id", "scope"]].join(stores))
