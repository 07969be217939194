"""What a form knows of the live flags."""

from __future__ import annotations

import pandas as pd

import klikit_frames as kf
from klikit_frames.forms.menu_cache import MenuCache


def test_menu_cache__reads_each_menu_once(client: kf.Client, sandbox: kf.sandbox.Sandbox) -> None:
    """A store's menu is read when it is asked for, and once."""
    menus = MenuCache(client)
    pairs = list(menus.stores[["brand_id", "branch_id"]].head(2).itertuples(index=False, name=None))
    menus.state(pairs)
    n_reads = len(sandbox.requests)
    state = menus.state(pairs)
    assert len(sandbox.requests) == n_reads
    assert set(state["scope"]) == {"business", "store"}
    assert state.attrs["stores"] == menus.business.attrs["stores"]


def test_menu_cache__reads_again_what_was_written(client: kf.Client) -> None:
    """What a run wrote is known as pending when the store is asked for again; the other stays as it was."""
    menus = MenuCache(client)
    pairs = list(menus.stores[["brand_id", "branch_id"]].head(2).itertuples(index=False, name=None))
    before = menus.state(pairs)
    item = before.query("scope == 'store' and entity_type == 'item' and is_enabled").iloc[0]
    toggles = kf.cross_toggles("item", [item.entity_id], [pairs[0]], is_enabled=False)
    menus.forget(kf.run(kf.plan(toggles), client, progress=False).frame)
    after = menus.state(pairs)
    waits = after[after["pending"].notna()]
    assert waits[["entity_id", "branch_id", "pending"]].values.tolist() == [
        [item.entity_id, pairs[0][1], False]
    ]


def test_menu_cache__state_is_as_old_as_its_oldest_menu(client: kf.Client) -> None:
    """The age of a state is that of the menu that was read first."""
    menus = MenuCache(client)
    first = menus.business.attrs["read_at"]
    pairs = [tuple(row) for row in menus.stores[["brand_id", "branch_id"]].head(1).to_numpy().tolist()]
    assert pd.Timestamp(menus.state(pairs).attrs["read_at"]) == pd.Timestamp(first)


def test_menu_cache__brands(client: kf.Client, sandbox: kf.sandbox.Sandbox) -> None:
    """One menu of each brand tells which brands sell what."""
    menus = MenuCache(client)
    menus.read_brands()
    n_reads = len(sandbox.requests)
    menus.read_brands()
    assert len(sandbox.requests) == n_reads
    assert {int(text.rpartition("(")[2][:-1]) for brands in menus.brands.values() for text in brands} == set(
        menus.stores["brand_id"]
    )
