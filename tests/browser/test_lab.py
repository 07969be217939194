"""The harness itself: it would notice an error of the package."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.lab import Lab

BROKEN = """
import anywidget
class Broken(anywidget.AnyWidget):
    _esm = '''
    const later = () => { throw new Error("kf"); };
    export default { render({ el }) { el.className = "kf-broken"; setTimeout(later); } };
    '''
"""


def test_lab__notices_errors_of_a_widget(lab: Lab) -> None:
    """What a widget's own module throws in the page is a complaint, and a complaint fails a test."""
    with lab.page.expect_event("pageerror"):
        lab.show(BROKEN, "Broken()")
        expect(lab.find(".kf-broken")).to_be_attached()
    assert len(lab.complaints) == 1
    lab.complaints.clear()


def test_lab__notices_errors_of_a_cell(lab: Lab) -> None:
    """A cell that ends in an error is listed with what it says."""
    lab.put("1 / 0")
    lab.run()
    assert lab.errors() == ["ZeroDivisionError: division by zero"]
