"""Runs in a cell: bars, the stop button, resuming."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.cells import GATED, SANDBOX
from tests.browser.lab import Lab

PLAN = """
stores = kf.stores(client).head(6)
items = kf.read_state(client, stores=stores).query("entity_type == 'item'")["entity_id"].drop_duplicates()
plan = kf.plan(kf.cross_toggles("item", items.head(10), stores, is_enabled=False), combine=False)
"""


def test_run__bar_in_its_cell(lab: Lab) -> None:
    """A run draws its bar in the cell that runs it, and the result as a table below."""
    lab.show(SANDBOX + PLAN, "kf.run(plan, client)")
    bars = lab.find(".jupyter-widgets.widget-inline-hbox")
    expect(bars.last).to_contain_text("60/60")
    expect(lab.find("caption").last).to_have_text("Rows, failures first")


def test_run__stopped_and_resumed(lab: Lab) -> None:
    """The stop button ends a run cleanly, and its run_id sends the rest once."""
    lab.show(GATED + PLAN)
    with lab.shut_gate():
        lab.run_more("result = kf.run(plan, client)\nresult")
        expect(lab.find(".jupyter-widgets.widget-inline-hbox").last).to_contain_text("/60")
        lab.interrupt()
    expect(lab.find("p:has-text('It was interrupted.')").first).to_be_visible()
    assert lab.ask("result.counts['not_sent'] > 0 and result.is_interrupted")
    lab.run_more("rest = kf.resume(result.run_id, client)\nrest")
    expect(lab.find("p:has-text('60 rows: 60 applied.')").last).to_be_visible()
    assert lab.ask(
        "[rest.counts['applied'], sandbox.requests.query(\"method == 'PATCH'\")['key'].nunique()]"
    ) == [60, 60]


def test_doctor__hears_the_page(lab: Lab) -> None:
    """In JupyterLab the front end answers the doctor: with its first call, or once that cell has ended."""
    lab.show("import klikit_frames as kf\nfirst = kf.doctor().set_index('check')['status'].to_dict()")
    assert lab.ask("first['widgets']") in {"ok", "warning"}
    again = "kf.doctor().set_index('check')['found']['widgets']"
    assert "the front end has answered" in [lab.ask(again) for _ in range(3)]
