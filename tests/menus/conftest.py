"""A client that never waits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import klikit_frames as kf
from tests.api.scripts import FakeClock


@pytest.fixture
def hasty(sandbox: kf.sandbox.Sandbox) -> Iterator[kf.Client]:
    """A client of the sandbox whose retries take no time."""
    with sandbox.connect(clock=FakeClock()) as client:
        yield client
