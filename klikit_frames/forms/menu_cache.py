"""The live flags that a form plans against: read once, kept, and read again where something was written."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import pandas as pd

from ..menus.stores import stores as read_stores
from ..overview import Names, read_names
from ..running.live_state import read_state

if TYPE_CHECKING:
    from ..api.client import Client
    from ..progress import Progress
    from ..running.journal import JournalPath

Pair = tuple[int, int]
Key = tuple[str | int, int]


class MenuCache:
    """Flags of the business level, and of the stores that were asked for so far.

    Parameters
    ----------
    client : Client
        Where to read; each menu is read once, until something is written to it.
    journal : path, optional
        The journal's file: what this machine wrote and did not publish counts as live.
    """

    def __init__(self, client: Client, *, journal: JournalPath = None) -> None:
        self._client = client
        self._journal = journal
        self._lock = threading.Lock()
        self.stores = read_stores(client)
        self._business: pd.DataFrame | None = read_state(client, journal=journal, progress=False)
        self._menus: dict[Pair, pd.DataFrame] = {}
        self._brands: dict[Key, frozenset[str]] = {}
        self._n_readings = 1

    @property
    def n_readings(self) -> int:
        """How often menus were read; while this stays the same, so does everything else here."""
        return self._n_readings

    @property
    def business(self) -> pd.DataFrame:
        """The flags of the business level."""
        with self._lock:
            return self._business_level()

    @property
    def names(self) -> Names:
        """The titles of entities, brands and branches."""
        return read_names(self.business, self.stores)

    @property
    def brands(self) -> dict[Key, frozenset[str]]:
        """The brands that sell each entity, by the menus that were read so far."""
        with self._lock:
            return dict(self._brands)

    def state(self, pairs: Iterable[Pair] = (), *, progress: Progress = False) -> pd.DataFrame:
        """Return the business level and the flags of `pairs`; reads the menus that are not known yet.

        Raises
        ------
        RequestError
            None of the menus that are not known yet could be read.
        """
        wanted = list(dict.fromkeys(pairs))
        with self._lock:
            self._read([pair for pair in wanted if pair not in self._menus], progress=progress)
            frames = [self._business_level(), *(self._menus[pair] for pair in wanted if pair in self._menus)]
        state = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0].copy()
        # A state is as old as the oldest menu in it.
        read_at = min(str(frame.attrs["read_at"]) for frame in frames)
        options = {option_id for frame in frames for option_id in frame.attrs["modifier_option_ids"]}
        state.attrs = {**frames[0].attrs, "read_at": read_at, "modifier_option_ids": tuple(sorted(options))}
        return state

    def read_brands(self) -> None:
        """Read one menu of each brand that has none yet: it tells most of what the brand sells."""
        with self._lock:
            known_brands = {brand_id for brand_id, _ in self._menus}
            first = self.stores.drop_duplicates("brand_id")[["brand_id", "branch_id"]]
            pairs = [(int(brand), int(branch)) for brand, branch in first.itertuples(index=False)]
            self._read([pair for pair in pairs if pair[0] not in known_brands], progress=False)

    def forget(self, written: pd.DataFrame) -> None:
        """Forget the menus that a result may have changed; they are read again when asked for."""
        with self._lock:
            if (written["scope"] == "business").any():
                self._business = None
                self._menus = {}
            pairs = written[["brand_id", "branch_id"]].dropna().drop_duplicates()
            for brand_id, branch_id in pairs.itertuples(index=False):
                self._menus.pop((int(brand_id), int(branch_id)), None)

    def _business_level(self) -> pd.DataFrame:
        if self._business is None:
            self._business = read_state(self._client, journal=self._journal, progress=False)
            self._n_readings += 1
        return self._business

    def _read(self, missing: list[Pair], *, progress: Progress) -> None:
        if not missing:
            return
        read = read_state(self._client, stores=missing, journal=self._journal, progress=progress)
        self._n_readings += 1
        titles = dict(read.attrs["brand_titles"])
        for pair, menu in read.groupby(["brand_id", "branch_id"], sort=False):
            menu.attrs = dict(read.attrs)
            self._menus[cast("Pair", pair)] = menu
            brand = frozenset({f"{titles.get(pair[0], 'Brand')} ({pair[0]})"})
            for key in zip(menu["entity_type"].tolist(), menu["entity_id"].tolist(), strict=True):
                self._brands[key] = self._brands.get(key, frozenset()) | brand
