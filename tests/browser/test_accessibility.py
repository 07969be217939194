"""axe-core finds nothing in any form, in its states, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import expect

from tests.browser.cells import SANDBOX, TOGGLE_FORM
from tests.browser.lab import Lab

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# JupyterLab has a loader of its own, and axe would hand itself to that.
LOAD = "(source) => window.axe || (0, eval)(`((define) => {${source}})(undefined)`)"
RUN = """async () => {
  const only = { resultTypes: ["violations"], preload: false };
  const found = await axe.run({ include: [[".jp-OutputArea .kf-form"]] }, only);
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
}"""
STATE = "kf.read_state(client, stores=kf.stores(client).head(6))"


@pytest.fixture
def dressed(lab: Lab) -> Iterator[Lab]:
    """A page that changes its themes, and is as before afterwards."""
    lab.put("1")
    lab.dress("Light")
    yield lab
    lab.undress()


def violations(lab: Lab) -> list[str]:
    """Return what axe finds in the form on the page, in both themes."""
    lab.page.evaluate(LOAD, AXE)
    findings = []
    for theme in ("Dark", "Light"):
        lab.dress(theme)
        findings += [f"{theme}: {violation}" for violation in lab.page.evaluate(RUN)]
    return findings


def test_axe__toggle_form(dressed: Lab) -> None:
    """Empty, planned, listed, until a time, failed with promises that wait, asking."""
    form = dressed
    form.show(TOGGLE_FORM, "form")
    expect(form.find(".kf-entities tbody tr")).to_have_count(10)
    assert violations(form) == []
    form.find(".kf-entities .kf-filter-type").select_option("item")
    form.find(".kf-entities .kf-tick-page").click()
    form.find(".kf-stores .kf-tick-page").click()
    expect(form.find(".kf-headline")).to_contain_text("off in")
    form.find(".kf-cascade").check()
    form.find(".kf-add").click()
    expect(form.find(".kf-pending li")).to_have_count(1)
    expect(form.find(".kf-headline")).to_contain_text("off in")
    assert violations(form) == []
    form.find(".kf-how .kf-until").select_option("date")
    form.find(".kf-how .kf-until-at").fill("2099-01-02T08:00")
    expect(form.find(".kf-zone")).to_be_visible()
    form.find(".kf-entities .kf-tick-page").click()
    expect(form.find(".kf-entities .kf-summary")).to_contain_text("10 ticked")
    form.find(".kf-stores .kf-tick-page").click()
    expect(form.find(".kf-stores .kf-summary")).to_contain_text("10 ticked")
    expect(form.find(".kf-headline")).to_contain_text("until Fri 2 Jan 2099")
    assert violations(form) == []
    form.ask("sandbox.inject('redirect', match='enable')")
    form.find(".kf-apply").click()
    expect(form.find(".kf-account")).to_contain_text("failed")
    expect(form.find(".kf-promises li").first).to_be_visible()
    assert violations(form) == []
    form.find(".kf-how .kf-until").select_option("for_good")
    form.find(".kf-entities .kf-tick-page").click()
    form.find(".kf-scope-business").check()
    expect(form.find(".kf-headline")).to_contain_text("business-wide")
    form.find(".kf-apply").click()
    expect(form.find(".kf-question")).to_be_visible()
    assert violations(form) == []


def test_axe__upload_form(dressed: Lab) -> None:
    """Empty, with columns to be named, and with rows that are wrong."""
    form = dressed
    form.show(SANDBOX + "form = kf.forms.UploadForm(client)", "form")
    expect(form.find(".kf-upload")).to_be_visible()
    assert violations(form) == []
    form.ask("[form.take(b'a,b\\n1,2\\n', name='x.csv'), form.wait()]")
    expect(form.find(".kf-mapping select")).to_have_count(2)
    assert violations(form) == []
    rows = b"entity_type,entity_id,scope,is_enabled\nsection,6801,business,off\nsection,6802,business,maybe\n"
    form.ask(f"[form.take({rows!r}, name='y.csv'), form.wait()]")
    expect(form.find(".kf-good-only")).to_be_visible()
    assert violations(form) == []


def test_axe__matrix_editor(dressed: Lab) -> None:
    """Untouched, changed with a range selected, sent, and with nothing that matches."""
    form = dressed
    form.show(SANDBOX + f"editor = kf.forms.MatrixEditor({STATE}, client=client)", "editor")
    cell = form.find(".kf-grid tbody .kf-cell:not(.kf-absent)").first
    expect(cell).to_be_visible()
    assert violations(form) == []
    cell.click()
    form.page.keyboard.press("Control+a")
    expect(form.find(".kf-headline")).to_contain_text("1 ")
    assert violations(form) == []
    form.find(".kf-apply").click()
    expect(form.find(".kf-account")).to_contain_text("1 applied")
    assert violations(form) == []
    form.find(".kf-search-entities").fill("no such dish")
    expect(form.find(".kf-summary")).to_contain_text("Nothing matches")
    assert violations(form) == []
