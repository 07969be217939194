"""The sandbox's own page, and what a page of elsewhere gets of the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

import klikit_frames as kf

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Browser, Page, expect

ATTACK = """
async (url) => {
  const orders = [
    [url + "/admin/reset", {method: "POST", mode: "no-cors", body: "{}"}],
    [url + "/admin/clock", {method: "POST", mode: "no-cors", body: '{"seconds": 90000}'}],
    [url + "/admin/switches", {method: "PATCH", body: '{"max_ids": 1}',
                              headers: {"Content-Type": "application/json"}}],
  ];
  for (const [address, options] of orders) { try { await fetch(address, options); } catch {} }
  try { return await (await fetch(url + "/")).text(); } catch { return "unreadable"; }
}
"""


class _ForeignPage(BaseHTTPRequestHandler):
    """Answers with an empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that is nobody else's."""
    page = browser.new_page()
    yield page
    page.close()


@pytest.fixture
def foreign_url() -> Iterator[str]:
    """The address of a web page of another origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _ForeignPage) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_page__follows_what_arrives_and_resets(page: Page) -> None:
    """It shows a request without being loaded again, complains of nothing, and its button works."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: dialog.accept())
    with kf.sandbox.serve() as sandbox:
        page.goto(sandbox.page_url)
        httpx.get(f"{sandbox.url}/providers", trust_env=False, timeout=300.0)
        expect(page.locator("main")).to_contain_text("GET /providers")
        sandbox.set(max_ids=5)
        page.locator("#reset").click()
        expect(page.locator("main")).not_to_contain_text("GET /providers")
        assert sandbox.switches.max_ids is None
    assert complaints == []


def test_page__of_elsewhere_gets_nothing_and_changes_nothing(page: Page, foreign_url: str) -> None:
    """A web page that is open beside the sandbox cannot steer it, and cannot read its token."""
    with kf.sandbox.serve() as sandbox:
        sandbox.set(max_ids=5)
        page.goto(foreign_url)
        assert page.evaluate(ATTACK, sandbox.page_url) == "unreadable"
        assert sandbox.switches.max_ids == 5
