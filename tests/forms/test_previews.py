"""A plan in a few lines."""

from __future__ import annotations

import pandas as pd

import klikit_frames as kf
from klikit_frames.forms.item_index import entity_index
from klikit_frames.forms.previews import plan_facts, preview_html, touched
from tests.forms.sample_states import business_state, store_state


def test_preview__counts_what_is_sent() -> None:
    """Rows, requests and time are the plan's own, and what holds already is counted."""
    toggles = kf.cross_toggles("item", [7], [(1, 11), (1, 12), (2, 11)], is_enabled=False)
    plan = kf.plan(toggles, state=store_state())
    assert plan_facts(plan, writes_per_minute=60) == (
        "3, of which 2 are sent",
        "1 (the fewest possible)",
        "about 1 s at 60 a minute",
        "1 row, not sent",
        "",
        "1 item in 2 stores switched off",
    )


def test_preview__says_both_scopes() -> None:
    """A plan of both scopes says each, with the right plurals."""
    wide = kf.business_toggles("category", [1, 2], is_enabled=True)
    narrow = kf.cross_toggles("item", [7], [(1, 11)], is_enabled=False)
    assert touched(kf.plan(pd.concat([wide, narrow], ignore_index=True))) == (
        "2 categories switched on business-wide, wherever they are inherited; 1 item in 1 store switched off"
    )


def test_preview__names_what_it_knows() -> None:
    """Requests are told with titles where there is a index, escaped, and by id where there is none."""
    state = business_state().assign(title=["Mains", "<b>Rice</b>", "Noodles", None])
    plan = kf.plan(kf.business_toggles("item", [7, 8, 9], is_enabled=False))
    html = preview_html(plan, writes_per_minute=60, index=entity_index(state))
    assert "&lt;b&gt;Rice&lt;/b&gt;, Noodles, 9" in html


def test_preview__nothing_to_send() -> None:
    """A plan without requests says so."""
    plan = kf.plan(kf.business_toggles("item", [8], is_enabled=False), state=business_state())
    assert "There is nothing to send" in preview_html(plan, writes_per_minute=60)
