"""A frame for people: grouped, counted, and whole in a fold."""

from __future__ import annotations

import pandas as pd

import klikit_frames as kf
from klikit_frames.auditing.frame_views import frame_html, frame_text
from tests.forms.sample_states import store_state


def test_state__is_told_by_brand_and_name() -> None:
    """A state is one line, then its brands with dishes in words, then all rows in a fold."""
    html = store_state().klikit._repr_html_()
    assert kf.summary(store_state()) in html
    assert f"<summary>All {len(store_state())} rows</summary>" in html
    assert "<script" not in html
    assert html.count("<details") >= 2
    assert repr(store_state().klikit) == kf.summary(store_state())


def test_diff__tells_what_is_to_change() -> None:
    """A diff counts all rows, and its places and dishes are those that are to change."""
    state = store_state().dropna(subset="is_enabled")
    found = kf.diff(state.assign(is_enabled=~state["is_enabled"].astype(bool)), state)
    html = frame_html(found)
    assert kf.summary(found) in html
    assert frame_html(found.assign(change="already")).count("<strong>Nothing goes off or on.</strong>") == 1


def test_problems__are_told_by_kind() -> None:
    """Each kind is a fold with its cure and first cases, escaped; all stand in one more."""
    rows = [{"item_id": f"<i>{n}</i>", "store": "1/2", "is_enabled": "off"} for n in range(15)]
    problems = kf.check_toggles(rows).problems
    html = problems.klikit._repr_html_()
    assert "<summary>15 errors in entity_id, rows 1, 2, 3" in html
    assert "The first 10 of 15 rows are shown." in html
    assert "<summary>All 15 problems</summary>" in html
    assert "<i>" not in html
    assert frame_text(problems).startswith("15 errors in 15 rows.")


def test_other__is_a_table() -> None:
    """A frame that is none of this package's is shown as it is."""
    html = frame_html(pd.DataFrame({"a": ["<b>"]}))
    assert "&lt;b&gt;" in html
    assert "All 1 row" in html
