"""One JupyterLab server and one page for all browser tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.lab import TIMEOUT_MS, VIEWPORT, Lab, serve_lab

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Browser, expect, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; without it the tests are skipped, or fail where they are required."""
    chromium = shutil.which("chromium")
    if chromium is None:
        say = pytest.fail if os.environ.get("KLIKIT_FRAMES_REQUIRE_BROWSER") == "1" else pytest.skip
        say("Chromium is not installed: apt-get install chromium fonts-dejavu-core")
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def session_lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One server and one page; use `lab`, which watches for complaints."""
    folder = tmp_path_factory.mktemp("lab")
    with serve_lab(folder) as url:
        page = browser.new_page(viewport=VIEWPORT)
        page.set_default_timeout(TIMEOUT_MS)
        lab = Lab(page, url=url, work=folder / "work")
        yield lab
        lab.close()
        page.close()


@pytest.fixture
def lab(session_lab: Lab, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The page, as long as our own module says nothing on the console."""
    session_lab.complaints.clear()
    yield session_lab
    assert session_lab.complaints == []
