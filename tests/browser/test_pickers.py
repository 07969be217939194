"""The pickers in JupyterLab: drawn, clicked and keyed as people do."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import WebSocket, expect

from tests.browser.lab import Lab

MAKE = """
import numpy as np, pandas as pd, klikit_frames as kf
def made(size):
    n = np.arange(size)
    missing = pd.array([pd.NA] * size, dtype="Int64")
    state = pd.DataFrame({"entity_type": np.where(n % 10, "item", "category"), "entity_id": n + 1})
    state = state.assign(scope="business", brand_id=missing, branch_id=missing)
    state["is_enabled"] = pd.array(n % 3 > 0, dtype="boolean")
    state["title"], state["sku"] = [f"Dish {i}" for i in n], [f"SKU{i}" for i in n]
    return state.assign(path=[f"Section {i % 9} › Category {i % 90}" for i in n])
"""
FILTER_S = """async () => {
  const summary = document.querySelector(".kf-summary");
  const search = document.querySelector(".kf-search");
  const start = performance.now();
  const anything = { childList: true, characterData: true, subtree: true };
  const changed = new Promise((done) => new MutationObserver(done).observe(summary, anything));
  search.value = search.value === "dish 4999" ? "dish 499" : "dish 4999";
  search.dispatchEvent(new Event("input"));
  await changed;
  return (performance.now() - start) / 1000;
}"""


BUSY = """() => {
  const code = "import threading; threading.Event().wait(1)";
  jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code });
}"""
STORES = """
import pandas as pd, klikit_frames as kf
stores = pd.DataFrame({"brand_id": [1, 1, 2], "branch_id": [7, 8, 7], "brand_title": ["A", "A", "B"]})
picker = kf.forms.StorePicker(stores.assign(city=["Ubud", "Kuta", "Ubud"]))
"""


class Traffic:
    """Bytes that the page received over its kernel's socket."""

    def __init__(self, lab: Lab) -> None:
        self.n_bytes = 0
        lab.page.on("websocket", self._watch)

    def _watch(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._count)

    def _count(self, frame: str | bytes) -> None:
        self.n_bytes += len(frame)


def test_entity_picker__large(lab: Lab) -> None:
    """50,000 rows: what is sent and what is saved stay small; how long it takes is printed, not judged."""
    traffic = Traffic(lab)
    lab.show(MAKE, "state = made(50_000)", "1")
    empty, before = saved_bytes(lab), traffic.n_bytes
    figures = {"first_rows_s": first_rows_s(lab), "n_bytes": traffic.n_bytes - before}
    figures |= {
        "saved": saved_bytes(lab) - empty,
        "filter_s": lab.page.evaluate(FILTER_S),
    }
    print(figures)
    assert figures["n_bytes"] < 64_000
    assert figures["saved"] < 4_000


def first_rows_s(lab: Lab) -> float:
    """Return the seconds from the press of Run to the first rows of a new picker."""
    n_rows = lab.find(".kf-table tbody tr").count()
    start = time.perf_counter()
    lab.run_more("picker = kf.forms.EntityPicker(state); picker")
    expect(lab.find(".kf-table tbody tr")).to_have_count(n_rows + 25)
    return time.perf_counter() - start


def saved_bytes(lab: Lab) -> int:
    """Save, and return the size of the notebook's file."""
    lab.save()
    return max(lab.work.iterdir(), key=lambda path: path.stat().st_mtime_ns).stat().st_size


@pytest.fixture
def picker(lab: Lab) -> Lab:
    """A notebook with a picker of 120 rows."""
    lab.show(MAKE + "\npicker = kf.forms.EntityPicker(made(120))", "picker")
    expect(lab.find(".kf-table tbody tr")).to_have_count(25)
    return lab


def test_entity_picker__shows_what_a_title_hides(lab: Lab) -> None:
    """What turns around or hides what is read is a sign in the cell and where it is pointed at."""
    nasty = r'made(1).assign(title="Soup \u202eyssop \x1b[31m\u200b<b>\ud83d\udc68\u200d\ud83c\udf73"'
    nasty += r".encode('utf-16', 'surrogatepass').decode('utf-16'))"
    lab.show(MAKE + f"\npicker = kf.forms.EntityPicker({nasty})", "picker")
    cell = lab.find("tbody tr").first
    shown = "Soup \\u202eyssop \\x1b[31m\\u200b<b>\U0001f468\u200d\U0001f373"
    expect(cell).to_contain_text(shown)
    expect(cell.locator("[title]").first).to_have_attribute("title", shown)


def test_entity_picker__clicks(picker: Lab) -> None:
    """Search, filter, sort, tick, invert, undo: the kernel holds what the page says."""
    said = picker.find(".kf-summary")
    picker.find(".kf-filter-type").select_option("category")
    picker.find(".kf-tick-matching").click()
    expect(said).to_contain_text("12 ticked. 12 of 120 entities match.")
    picker.find(".kf-filter-type").select_option("item")
    expect(said).to_have_text(
        "12 ticked, 12 of them hidden by the search or filters. 108 of 120 entities match."
    )
    picker.find(".kf-search").fill("sku11")
    picker.find(".kf-tick-page").click()
    expect(said).to_contain_text("22 ticked")
    picker.find(".kf-undo-tick").click()
    expect(said).to_contain_text("12 ticked")
    assert picker.ask("set(picker.selected.entity_type) == {'category'} and len(picker.selected)") == 12
    picker.find("th[data-column=id] button").click()
    picker.find("th[data-column=id] button").click()
    expect(picker.find("th[data-column=id]")).to_have_attribute("aria-sort", "descending")
    expect(picker.find("tbody tr").first).to_contain_text("Dish 119")
    picker.find(".kf-clear").click()
    expect(said).to_contain_text("0 ticked")


def test_entity_picker__fast_clicks(picker: Lab) -> None:
    """Clicks that come faster than the kernel answers are all carried out."""
    picker.page.evaluate(BUSY)
    boxes = picker.find("tbody input[type=checkbox]")
    picker.page.evaluate(
        "() => document.querySelectorAll('.kf-table tbody input').forEach((box, i) => i < 6 && box.click())"
    )
    expect(picker.find(".kf-summary")).to_contain_text("6 ticked")
    assert picker.ask("picker.selected.entity_id.tolist()") == [1, 2, 3, 4, 5, 6]
    assert boxes.nth(5).is_checked()


def test_entity_picker__keyboard(picker: Lab) -> None:
    """Slash searches, arrows move, space ticks, page keys turn; the notebook's own keys stay out of it."""
    picker.find("tbody input").first.focus()
    picker.page.keyboard.press("ArrowDown")
    picker.page.keyboard.press("Space")
    expect(picker.find(".kf-summary")).to_contain_text("1 ticked")
    picker.page.keyboard.press("x")
    picker.page.keyboard.press("PageDown")
    expect(picker.find(".kf-where")).to_have_text("Page 2 of 5")
    picker.page.keyboard.press("Space")
    expect(picker.find(".kf-summary")).to_contain_text("2 ticked")
    picker.page.keyboard.press("/")
    picker.page.keyboard.type("dish 7")
    expect(picker.find(".kf-summary")).to_contain_text("hidden")
    picker.page.keyboard.press("ArrowDown")
    expect(picker.find("tbody input").first).to_be_focused()
    assert picker.ask("picker.selected.entity_id.tolist()") == [2, 27]


def test_entity_picker__names(picker: Lab) -> None:
    """Each control has a name for whoever cannot see the page."""
    roles: list[tuple[Any, str]] = [
        ("searchbox", "Search"),
        ("combobox", "Type"),
        ("button", "Invert"),
        ("checkbox", "Dish 3"),
    ]
    for role, name in roles:
        expect(picker.page.get_by_role(role, name=name, exact=True).first).to_be_visible()
    expect(picker.page.get_by_role("table", name="Entities of the menu")).to_be_visible()
    expect(picker.page.get_by_role("columnheader", name="Title")).to_be_visible()


def test_entity_picker__reload(picker: Lab) -> None:
    """After a reload of the page the same picker is there, ticks included."""
    picker.find(".kf-search").fill("dish 5")
    picker.find(".kf-tick-matching").click()
    expect(picker.find(".kf-summary")).to_contain_text("40 ticked")
    picker.save()
    picker.page.reload(wait_until="domcontentloaded")
    expect(picker.find(".kf-summary")).to_contain_text("40 ticked")
    picker.find(".kf-invert").click()
    expect(picker.find(".kf-summary")).to_contain_text("0 ticked")
    assert picker.ask("len(picker.selected)") == 0


def test_store_picker__whole_brand(lab: Lab) -> None:
    """All stores of a brand are two presses, and so is taking one city off again."""
    lab.show(STORES, "picker")
    lab.find(".kf-filter-brand").select_option("A (1)")
    lab.find(".kf-tick-matching").click()
    expect(lab.find(".kf-summary")).to_have_text("2 ticked. 2 of 3 stores match.")
    assert lab.ask("picker.selected.values.tolist()") == [[1, 7], [1, 8]]
