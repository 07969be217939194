"""The matrix editor in JupyterLab: 500 entities in 100 stores, by mouse and by key."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Lab

STATE = """
import numpy as np, pandas as pd, klikit_frames as kf
n = np.arange(50_000)
state = pd.DataFrame({"entity_type": "item", "entity_id": n // 100 + 1, "scope": "store",
    "brand_id": n % 100 // 25 + 1, "branch_id": n % 25 + 11, "title": [f"Dish {i}" for i in n // 100 + 1]})
state["is_enabled"] = pd.array(n % 7 > 0, dtype="boolean")
"""


@pytest.fixture
def editor(lab: Lab) -> Lab:
    """A notebook with an editor of 500 entities in 100 stores."""
    lab.show(STATE)
    draw(lab)
    return lab


def draw(lab: Lab) -> float:
    """Make and show an editor; return the seconds until its first cells are there."""
    n_cells = lab.find(".kf-matrix .kf-cell").count()
    start = time.perf_counter()
    lab.run_more("editor = kf.forms.MatrixEditor(state); editor")
    expect(lab.find(".kf-matrix .kf-cell")).to_have_count(n_cells + 250)
    return time.perf_counter() - start


def test_matrix_editor__first_draw(lab: Lab) -> None:
    """Of 500 entities in 100 stores the first page is drawn; how long it takes is printed, not judged."""
    lab.show(STATE)
    print(f"first cells after {draw(lab):.1f} s")


def test_matrix_editor__mouse(editor: Lab) -> None:
    """Pressed cells are marked; only they become toggles; undo takes one back."""
    cells = editor.find("tbody .kf-cell")
    expect(cells.nth(0)).to_have_attribute("aria-label", "Dish 1, 1 / 11: off")
    cells.nth(0).click()
    cells.nth(11).click()
    expect(editor.find(".kf-summary")).to_contain_text("2 cells changed")
    expect(editor.find(".kf-changed")).to_have_count(2)
    expect(cells.nth(0)).to_have_attribute("aria-label", "Dish 1, 1 / 11: on, changed")
    assert editor.ask(
        "editor.toggles[['entity_id', 'brand_id', 'branch_id', 'is_enabled']].values.tolist()"
    ) == [
        [1, 1, 11, True],
        [2, 1, 12, False],
    ]
    editor.find(".kf-undo-press").click()
    expect(editor.find(".kf-summary")).to_contain_text("1 cell changed")
    assert editor.ask("len(editor.toggles)") == 1


def test_matrix_editor__keyboard(editor: Lab) -> None:
    """Arrows move, with Shift they select, space switches, slash searches; the focus stays where it was."""
    page = editor.page
    editor.find("tbody .kf-cell").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(editor.find(".kf-summary")).to_contain_text("1 cell changed")
    expect(editor.find("tbody .kf-cell").nth(11)).to_be_focused()
    page.keyboard.press("Shift+ArrowRight")
    expect(editor.find('[aria-selected="true"]')).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("dish 77")
    expect(editor.find(".kf-summary")).to_contain_text(
        "1 of them hidden by a search. Shown: 5 entities in 100 stores."
    )
    assert editor.ask("editor.toggles.entity_id.tolist()") == [2]


def test_matrix_editor__ranges(editor: Lab) -> None:
    """A drag selects a block and switches nothing; Shift leads it on, and keys select a row, a store, all."""
    page, cells, chosen = editor.page, editor.find("tbody .kf-cell"), editor.find('[aria-selected="true"]')
    start, end = cells.nth(11).bounding_box(), cells.nth(33).bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 9, start["y"] + 9)
    page.mouse.down()
    page.mouse.move(end["x"] + 9, end["y"] + 9, steps=4)
    page.mouse.up()
    expect(chosen).to_have_count(9)
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowLeft")
    expect(chosen).to_have_count(8)
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    expect(chosen).to_have_count(8)
    page.keyboard.press("Shift+Space")
    expect(chosen).to_have_count(10)
    page.keyboard.press("Control+Space")
    expect(chosen).to_have_count(25)
    page.keyboard.press("Control+a")
    expect(chosen).to_have_count(250)
    expect(editor.find(".kf-summary")).to_contain_text("0 cells changed")
    editor.find(".kf-set-off").click()
    expect(editor.find(".kf-cell.kf-on")).to_have_count(0)
    assert editor.ask(
        "not editor.toggles.is_enabled.any() and set(editor.toggles.entity_id) == set(range(1, 26))"
    )


def test_matrix_editor__one_stop_of_tab(editor: Lab) -> None:
    """Tab goes into the grid and out of it; arrows lead on to the names, which switch what they name."""
    page = editor.page
    editor.find("tbody .kf-cell").nth(11).click()
    expect(editor.find(".kf-summary")).to_contain_text("1 cell changed")
    page.keyboard.press("Tab")
    expect(editor.find(".kf-grid :focus")).to_have_count(0)
    page.keyboard.press("Shift+Tab")
    expect(editor.find("tbody .kf-cell").nth(11)).to_be_focused()
    for key in ("ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    expect(editor.find("thead button.kf-store").nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    expect(editor.find("tbody button.kf-entity").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(editor.find(".kf-summary")).to_have_text(re.compile(r"^[1-9][\d,]* cells changed"))
    assert editor.ask("set(editor.toggles.entity_id) == {1, 2}")


def test_matrix_editor__whole_store(editor: Lab) -> None:
    """A store's name switches everything in it that matches, on all pages; the other side can be searched."""
    editor.find(".kf-search-stores").fill("4/35")
    expect(editor.find("thead button.kf-store")).to_have_count(1)
    editor.find("thead button.kf-store").click()
    expect(editor.find(".kf-summary")).to_have_text(re.compile(r"^[1-9][\d,]* cells changed"))
    assert editor.ask("set(zip(editor.toggles.brand_id, editor.toggles.branch_id)) == {(4, 35)}")
    assert editor.ask("bool((~editor.toggles.is_enabled).all())")
