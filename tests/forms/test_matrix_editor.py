"""The matrix editor without a browser: presses in, toggles out."""

from __future__ import annotations

import random

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.forms.matrix_editor import MatrixGrid
from tests.fixtures import not_none
from tests.forms.sample_states import business_state, store_state


@pytest.fixture
def editor() -> kf.forms.MatrixEditor:
    """An editor of two items in three stores."""
    return kf.forms.MatrixEditor(store_state())


def give(editor: kf.forms.MatrixEditor, *commands: dict[str, object]) -> None:
    """Hand over commands as the page does, one after the other."""
    for command in commands:
        editor.commands = [{**command, "seq": editor.done + 1}]


def changes(editor: kf.forms.MatrixEditor) -> list[tuple[int, int, int, bool]]:
    """Return the toggles as plain tuples."""
    frame = editor.toggles
    return list(zip(frame.entity_id, frame.brand_id, frame.branch_id, frame.is_enabled, strict=True))


def test_matrix_editor__shows_live(editor: kf.forms.MatrixEditor) -> None:
    """Each cell says on, off, unknown, or nothing where the entity is in no menu of the store."""
    assert [store["title"] for store in editor.stores] == ["1 / 11", "1 / 12", "2 / 11"]
    assert [row["cells"] for row in editor.rows] == [["on", "off", "on"], ["unknown", "", "off"]]


def test_matrix_editor__only_changes_become_toggles(editor: kf.forms.MatrixEditor) -> None:
    """Pressed cells are toggles of their stores; a cell pressed twice is not."""
    press: dict[str, object] = {"type": "press", "entities": ["item:7"], "stores": ["1:12"]}
    give(
        editor,
        press,
        {**press, "stores": ["1:11"]},
        {**press, "stores": ["1:11"]},
        {**press, "entities": ["item:8"]},
    )
    expected = kf.read_toggles(
        pd.DataFrame(
            {
                "entity_type": ["item"],
                "entity_id": [7],
                "scope": ["store"],
                "brand_id": [1],
                "branch_id": [12],
                "is_enabled": [True],
            }
        )
    )
    pd.testing.assert_frame_equal(editor.toggles, expected)
    assert editor.rows[0]["cells"] == ["on", "on*", "on"]
    assert editor.n_changed == 1


def test_matrix_editor__nothing_changed(editor: kf.forms.MatrixEditor) -> None:
    """With no change there are no toggles, in the right columns and dtypes."""
    expected = kf.cross_toggles("item", [7], [(1, 11)], is_enabled=True).iloc[:0]
    pd.testing.assert_frame_equal(editor.toggles, expected)


def test_matrix_editor__whole_row_and_store(editor: kf.forms.MatrixEditor) -> None:
    """A press on a row's or a store's name switches all of it that matches; a search narrows it."""
    give(editor, {"type": "search", "side": "stores", "text": "1/"}, {"type": "press", "entity": "item:7"})
    assert changes(editor) == [(7, 1, 11, False)]
    give(editor, {"type": "search", "side": "stores", "text": ""}, {"type": "press", "store": "2:11"})
    assert changes(editor) == [(7, 1, 11, False), (7, 2, 11, False)]


def test_matrix_editor__block(editor: kf.forms.MatrixEditor) -> None:
    """A block of cells is switched at once, or to the flag that is asked for; undo takes all of it back."""
    block: dict[str, object] = {"type": "press", "entities": ["item:7", "item:8"], "stores": ["1:11", "2:11"]}
    give(editor, {**block, "flag": True})
    assert changes(editor) == [(8, 1, 11, True), (8, 2, 11, True)]
    give(editor, {"type": "undo"}, block)
    assert changes(editor) == [(7, 1, 11, False), (7, 2, 11, False), (8, 1, 11, False)]


def test_matrix_editor__applies(hasty: kf.Client, sandbox: kf.sandbox.Sandbox) -> None:
    """With a client stores have names, changes are previewed and sent, and the grid shows them then."""
    editor = kf.forms.MatrixEditor(kf.read_state(hasty, stores=kf.stores(hasty).head(2)), client=hasty)
    give(editor, {"type": "search", "side": "stores", "text": kf.stores(hasty)["branch_title"].iloc[0]})
    assert [store["branch"].rpartition(" (")[0] for store in editor.stores] == [
        kf.stores(hasty)["branch_title"].iloc[0]
    ]
    row = next(row for row in editor.rows if row["type"] == "item" and row["cells"] == ["on"])
    give(editor, {"type": "press", "entities": [row["key"]], "stores": [editor.stores[0]["key"]]})
    editor.wait()
    assert editor.panel["headline"] == "1 dish off in 1 store"
    editor.press("apply")
    editor.wait()
    assert (not_none(editor.result).counts["applied"], editor.n_changed) == (1, 0)
    assert next(listed for listed in editor.rows if listed["key"] == row["key"])["cells"] == ["off"]


def test_matrix_editor__undo_and_drop(editor: kf.forms.MatrixEditor) -> None:
    """Undo takes back one press, dropping takes back all, and that too can be undone."""
    give(editor, {"type": "press", "entity": "item:7"}, {"type": "press", "store": "2:11"})
    give(editor, {"type": "undo"})
    assert changes(editor) == [(7, 1, 11, False), (7, 2, 11, False)]
    give(editor, {"type": "clear"})
    assert changes(editor) == []
    give(editor, {"type": "undo"})
    assert editor.n_changed == 2


def test_matrix_editor__hidden_changes_are_counted(editor: kf.forms.MatrixEditor) -> None:
    """A change that a search hides stays, and is counted in view."""
    give(editor, {"type": "press", "entities": ["item:7"], "stores": ["2:11"]})
    give(editor, {"type": "search", "side": "entities", "text": "noodles"})
    assert editor.summary == "1 cell changed, 1 of them hidden by a search. Shown: 1 entity in 3 stores."
    give(editor, {"type": "search", "side": "entities", "text": "pasta"})
    assert editor.summary.endswith("Nothing matches: change a search.")


def test_matrix_editor__needs_store_rows() -> None:
    """A state of the business level alone is refused, with the line that reads stores."""
    with pytest.raises(kf.ConfigError, match=r"no store rows\. Hand over kf\.read_state\(client, stores="):
        kf.forms.MatrixEditor(business_state())


def test_matrix_editor__pages() -> None:
    """Both sides have pages."""
    editor = kf.forms.MatrixEditor(store_state(), page_rows=1, page_stores=2)
    give(
        editor, {"type": "turn", "side": "entities", "step": 1}, {"type": "turn", "side": "stores", "step": 9}
    )
    assert ([row["title"] for row in editor.rows], [s["key"] for s in editor.stores]) == (
        ["Noodles"],
        ["2:11"],
    )
    assert editor.view["stores"] == {"text": "", "page": 2, "n_pages": 2}


def test_matrix_editor__pages_have_rows() -> None:
    """A page without stores is refused in words."""
    with pytest.raises(kf.ConfigError, match="A page has 1 row or more, not 0"):
        kf.forms.MatrixEditor(store_state(), page_stores=0)


def test_grid__thousand_presses() -> None:
    """After each of 1,000 random presses and undos, the changes are what a plain model says."""
    grid, dice = MatrixGrid(store_state()), random.Random(3)
    history = [dict(grid.live)]
    for _ in range(1_000):
        if dice.random() < 0.3 and len(history) > 1:
            history.pop()
            grid.undo()
        else:
            cells = [cell for cell in grid.live if dice.random() < 0.4]
            flag = not any(history[-1][cell] for cell in cells)
            after = {**history[-1], **dict.fromkeys(cells, flag)}
            history = [*history, after] if after != history[-1] else history
            grid.press(cells)
        assert grid.wanted == {c: f for c, f in history[-1].items() if f != grid.live[c]}
