"""A few dishes in a few stores of the sandbox, and what happens to them."""

from __future__ import annotations

from typing import Any

import pandas as pd

import klikit_frames as kf

CELL = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]
N_STORES = 2
N_ITEMS = 4


def some_stores(client: kf.Client) -> list[tuple[int, int]]:
    """Return a few stores of one brand."""
    stores = kf.stores(client)
    pairs = stores.loc[stores["brand_id"] == stores["brand_id"].iloc[0], ["brand_id", "branch_id"]]
    return [(int(brand), int(branch)) for brand, branch in pairs.head(N_STORES).to_numpy()]


def some_cells(client: kf.Client, stores: list[tuple[int, int]]) -> pd.DataFrame:
    """Return the live state of a few items in these stores and at the business level, in one order."""
    state = kf.read_state(client, stores=stores, with_business=True, progress=False)
    items = state.query("entity_type == 'item' and scope == 'store'")["entity_id"].unique()[:N_ITEMS]
    return state[state["entity_id"].isin(items) & (state["entity_type"] == "item")]


def toggles_of(cells: pd.DataFrame, *, is_enabled: Any) -> pd.DataFrame:
    """Return toggles of these cells with these flags."""
    return cells[CELL].assign(is_enabled=is_enabled).reset_index(drop=True)


def write(toggles: pd.DataFrame, client: kf.Client) -> None:
    """Write as somebody else would: without a state and without a journal."""
    kf.run(kf.plan(toggles), client, journal=":memory:", progress=False)


def flags_of(state: pd.DataFrame) -> dict[tuple[Any, ...], Any]:
    """Return the flags of a state by their cells."""
    keys = [
        tuple("-" if pd.isna(part) else part for part in key) for key in state[CELL].to_numpy(dtype=object)
    ]
    return dict(zip(keys, state["is_enabled"].tolist(), strict=True))


class CountingBar:
    """A bar that counts."""

    def __init__(self) -> None:
        self.n = 0
        self.is_closed = False

    def update(self, n: int = 1, /) -> None:
        """Count."""
        self.n += n

    def close(self) -> None:
        """Note the end."""
        self.is_closed = True
