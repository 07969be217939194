"""One line in words."""

from __future__ import annotations

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.auditing.summaries import frame_html, frame_text
from tests.auditing.samples import business, in_store, state_of
from tests.fixtures import column
from tests.forms.sample_states import store_state

A, B = (1, 1), (1, 2)
STATE = state_of(
    business("category", 2, False),
    business("item", 7, True, path="2"),
    in_store(A, "item", 7, True),
    in_store(B, "item", 7, False),
    in_store(B, "item", 8, None),
)
TOGGLES = kf.read_toggles(
    pd.DataFrame(
        {"entity_type": "item", "entity_id": [7, 8, 9], "brand_id": 1, "branch_id": 2, "is_enabled": False}
    )
)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (STATE, "5 rows of the business level and 2 stores: 2 on, 2 off, 1 not known."),
        (STATE.head(0), "0 rows of nothing: 0 on, 0 off."),
        (kf.diff(TOGGLES, STATE), "3 rows: 1 hold already, 1 not in the menu, 1 not known."),
        (kf.drift(STATE, STATE), "Nothing changed."),
        (
            kf.drift(STATE, STATE.assign(is_enabled=True)),
            "3 changes in the business level and 1 store: 2 switched on, 1 not known.",
        ),
        (
            kf.effective(STATE),
            "3 of 5 rows dark in the business level and 1 store: 2 off themselves, 1 by their category.",
        ),
        (kf.effective(STATE).head(0), "0 of 0 rows dark."),
        (kf.dark_categories(STATE), "1 dark categories in the business level: 1 off themselves."),
        (kf.mixed(STATE), "1 entity mixed; the most divided is item 7, off in 1 of 2 stores."),
        (kf.mixed(STATE.head(0)), "Every entity is on, or off, in all stores alike."),
        (kf.overrides(STATE), "1 store row in 1 store differ from the business: 0 on, 1 off."),
        (kf.overrides(STATE).head(0), "No store differs from the business."),
        (
            kf.compare_stores(STATE, store=A, other=B),
            "The stores differ in 2 entities: 1 with other flags, 1 only in the other.",
        ),
        (kf.compare_stores(STATE, store=A, other=A), "The two stores are alike."),
        (kf.align(STATE, like="business"), "1 toggle in 1 store: 1 on, 0 off."),
        (kf.align(STATE, like=STATE), "Nothing to toggle."),
    ],
)
def test_summary__of_every_audit(frame: pd.DataFrame, said: str) -> None:
    """Every frame of an audit has a summary of one line, an empty one too."""
    assert kf.summary(frame) == said


def test_summary__of_a_proof() -> None:
    """A proof counts what is confirmed, what differs, what does not show yet, and what nobody knows."""
    proof = TOGGLES.assign(proof=column("confirmed", "not_visible_yet", None))
    assert kf.summary(proof) == "3 rows: 1 confirmed, 1 not visible before a publish, 1 not known."


def test_summary__of_a_part_is_of_the_part() -> None:
    """It is counted from the rows at hand."""
    assert kf.summary(STATE[STATE["scope"] == "business"]) == "2 rows of the business level: 1 on, 1 off."


def test_summary__of_something_else() -> None:
    """A frame that is no audit has no summary."""
    with pytest.raises(kf.StateError, match="no column of theirs"):
        kf.summary(pd.DataFrame({"a": [1]}))


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
    changes = kf.diff(state.assign(is_enabled=~state["is_enabled"].astype(bool)), state)
    html = frame_html(changes)
    assert kf.summary(changes) in html
    assert frame_html(changes.assign(change="already")).count("<strong>Nothing goes off or on.</strong>") == 1


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
