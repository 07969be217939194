"""A toggle form on the demo business."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import klikit_frames as kf
from tests.forms.sandbox_clients import hasty_client


@pytest.fixture
def hasty(sandbox: kf.sandbox.Sandbox) -> Iterator[kf.Client]:
    """A client that tries again at once."""
    with hasty_client(sandbox) as client:
        yield client


@pytest.fixture
def form(hasty: kf.Client) -> kf.forms.ToggleForm:
    """A form on the demo business."""
    return kf.forms.ToggleForm(hasty)
