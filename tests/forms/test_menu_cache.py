"""What a form knows of the live flags."""

from __future__ import annotations

import pandas as pd

import klikit_frames as kf
from klikit_frames.forms.menu_cache import LiveFlags, overlay
from tests.forms.sample_states import business_state, store_state


def applied(*rows: tuple[object, ...]) -> pd.DataFrame:
    """Return rows of a result; the last cell of each is its outcome."""
    names = ["entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled", "outcome"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.astype({"brand_id": "Int64", "branch_id": "Int64", "is_enabled": "bool"})


def test_overlay__store_rows() -> None:
    """What was applied in a store holds there and nowhere else."""
    after = overlay(store_state(), applied(("item", 7, "store", 1, 11, False, "applied")))
    flags = pd.array([False, False, True, None, False], dtype="boolean")
    pd.testing.assert_frame_equal(after, store_state().assign(is_enabled=flags))


def test_overlay__business_rows_make_stores_doubtful() -> None:
    """After a business-wide write a store's flag is not known: it may have an override of its own."""
    wide = applied(("item", 7, "business", pd.NA, pd.NA, False, "applied"))
    flags = pd.array([None, None, None, None, False], dtype="boolean")
    pd.testing.assert_frame_equal(overlay(store_state(), wide), store_state().assign(is_enabled=flags))
    after = overlay(business_state(), wide)["is_enabled"]
    assert after.tolist()[:3] == [True, False, False]


def test_live_flags__reads_each_menu_once(client: kf.Client, sandbox: kf.sandbox.Sandbox) -> None:
    """A store's menu is read when it is asked for, and once."""
    live = LiveFlags(client)
    pairs = list(live.stores[["brand_id", "branch_id"]].head(2).itertuples(index=False, name=None))
    live.state(pairs)
    n_reads = len(sandbox.requests)
    state = live.state(pairs)
    assert len(sandbox.requests) == n_reads
    assert set(state["scope"]) == {"business", "store"}
    assert state.attrs["stores"] == live.business.attrs["stores"]


def test_live_flags__notes_only_what_was_applied(client: kf.Client) -> None:
    """Rows that failed leave the flags as they were read."""
    live = LiveFlags(client)
    first = live.business.iloc[0]
    row = (first.entity_type, first.entity_id, "business", pd.NA, pd.NA, not first.is_enabled)
    live.note(applied((*row, "failed")))
    assert live.business["is_enabled"].iloc[0] == first.is_enabled
    live.note(applied((*row, "applied")))
    assert live.business["is_enabled"].iloc[0] != first.is_enabled
