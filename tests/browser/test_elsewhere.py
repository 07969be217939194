"""The widgets outside JupyterLab: as an app served by voila, and in marimo."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.cells import SANDBOX
from tests.browser.lab import TIMEOUT_MS, free_port, new_notebook, own_environment, process, write_kernel

ROW = "entity_type,entity_id,scope,is_enabled\nsection,6801,business,off\n"
MARIMO = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import pandas as pd
    import klikit_frames as kf

    missing = pd.array([pd.NA] * 60, dtype="Int64")
    state = pd.DataFrame({"entity_type": "item", "entity_id": range(1, 61), "scope": "business"})
    state = state.assign(brand_id=missing, branch_id=missing, is_enabled=True)
    state["title"] = [f"Dish {n}" for n in range(1, 61)]
    picker = mo.ui.anywidget(kf.forms.EntityPicker(state))
    picker
    return mo, picker


@app.cell
def _(mo, picker):
    mo.md(f"IDS {picker.widget.selected.entity_id.tolist()} of {picker.value['n_ticked']}")
    return


@app.cell
def _(mo):
    import klikit_frames

    sandbox = klikit_frames.sandbox.serve()
    form = mo.ui.anywidget(klikit_frames.forms.ToggleForm(sandbox.connect()))
    form
    return form, sandbox
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own."""
    page = browser.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    yield page
    page.close()


def test_voila__forms(page: Page, tmp_path: Path) -> None:
    """Served by voila, the forms are an app: a file in, Apply, a result out; ticked, and off for an hour."""
    port, env = free_port(), own_environment(tmp_path / "jupyter")
    write_kernel(Path(env["JUPYTER_DATA_DIR"]))
    (tmp_path / "app.ipynb").write_text(
        json.dumps(
            new_notebook(SANDBOX, "kf.forms.UploadForm(client)", "form = kf.forms.ToggleForm(client)\nform")
        )
    )
    (tmp_path / "toggles.csv").write_text(ROW)
    served = [f"--port={port}", "--no-browser", "--Voila.ip=127.0.0.1", str(tmp_path / "app.ipynb")]
    url = f"http://127.0.0.1:{port}/"
    with process([sys.executable, "-m", "voila", *served], env=env, cwd=tmp_path, ready=f"{url}static/"):
        page.goto(url, wait_until="domcontentloaded")
        with page.expect_file_chooser() as chooser:
            page.locator(".kf-upload").click()
        chooser.value.set_files(tmp_path / "toggles.csv")
        form = page.locator(".kf-upload-form")
        form.locator(".kf-apply").click()
        form.locator(".kf-yes").click()
        expect(form.locator(".kf-result")).to_contain_text("1 row: 1 applied.")
        apply_for_an_hour(page)


def test_marimo__forms(page: Page, tmp_path: Path) -> None:
    """In marimo the same picker draws, searches and ticks, the ticks reach Python, and the form sends."""
    port, env = free_port(), own_environment(tmp_path / "marimo")
    (tmp_path / "app.py").write_text(MARIMO)
    run = ["run", "app.py", "--headless", f"--port={port}", "--host=127.0.0.1", "--no-token"]
    url = f"http://127.0.0.1:{port}/"
    with process([sys.executable, "-m", "marimo", *run], env=env, cwd=tmp_path, ready=f"{url}health"):
        page.goto(url, wait_until="domcontentloaded")
        picker = page.locator(".kf-form:not(.kf-toggle-form)")
        picker.locator(".kf-search").fill("dish 5")
        expect(picker.locator(".kf-summary")).to_contain_text("15 of 60")
        picker.locator(".kf-table tbody input").nth(1).check()
        expect(picker.locator(".kf-summary")).to_contain_text("1 ticked")
        expect(page.get_by_text("IDS [15] of 1")).to_be_visible()
        apply_for_an_hour(page)


def apply_for_an_hour(page: Page) -> None:
    """Switch a dish off in two stores for an hour, in the toggle form of a page."""
    form = page.locator(".kf-toggle-form")
    form.locator(".kf-entities .kf-search").fill("item kremes dada")
    expect(form.locator(".kf-entities .kf-summary")).to_contain_text("2 of ")
    form.locator(".kf-entities tbody input").first.check()
    form.locator(".kf-stores .kf-search").fill("jakarta 663")
    form.locator(".kf-stores .kf-tick-matching").click()
    form.locator(".kf-how .kf-until").select_option("one_hour")
    expect(form.locator(".kf-headline")).to_contain_text("1 dish off in 2 stores, until ")
    form.locator(".kf-apply").click()
    expect(form.locator(".kf-account")).to_contain_text("2 rows: 2 applied.")
    expect(form.locator(".kf-promises li")).to_contain_text("1 dish off in 2 stores")
