"""What audits of a run begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import klikit_frames as kf
from tests.api.scripts import FakeClock


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal of the test's own."""
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def hasty(sandbox: kf.sandbox.Sandbox) -> Iterator[kf.Client]:
    """A client of the sandbox whose retries take no time."""
    with sandbox.connect(clock=FakeClock()) as client:
        yield client
