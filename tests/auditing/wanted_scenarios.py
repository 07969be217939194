"""A business with a wanted table: what somebody else switches, and what guests see."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import klikit_frames as kf

CELL = ["entity_type", "entity_id", "brand_id", "branch_id"]


def wanted_table(sandbox: kf.sandbox.Sandbox, *, n_stores: int = 3, n_items: int = 20) -> pd.DataFrame:
    """Return how the first dishes of a few stores are now: a table that holds."""
    state = sandbox.state()
    items = state[state["scope"].eq("store") & state["entity_type"].eq("item")]
    parts = [part.head(n_items) for _, part in items.groupby(["brand_id", "branch_id"])]
    return pd.concat(parts[:n_stores])[[*CELL, "is_enabled"]].reset_index(drop=True)


def stores_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return the stores that a table names."""
    return table[["brand_id", "branch_id"]].drop_duplicates()


def switch(rows: pd.DataFrame, client: kf.Client, *, is_published: bool = True) -> None:
    """Turn rows to the opposite, as a manager does: no journal records it."""
    kf.run(kf.plan(rows.assign(is_enabled=~rows["is_enabled"])), client, journal=":memory:", progress=False)
    if is_published:
        publish(rows, client)


def publish(rows: pd.DataFrame, client: kf.Client) -> None:
    """Publish the stores of rows, as an operator does."""
    kf.publish(stores_of(rows), client, journal=":memory:")


def folder_of(tables: dict[str, pd.DataFrame], folder: Path) -> Path:
    """Write tables into a folder, and return it."""
    folder.mkdir()
    for name, table in tables.items():
        table.to_csv(folder / name, index=False)
    return folder


def writes(sandbox: kf.sandbox.Sandbox) -> int:
    """Return how many requests that change flags were received."""
    return int(sandbox.requests["path"].str.contains("/enable").sum())


def published(sandbox: kf.sandbox.Sandbox) -> int:
    """Return how many publishes were received."""
    return int(sandbox.requests["path"].str.contains("/publish").sum())
