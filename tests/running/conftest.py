"""What the tests of runs share: small plans over the demo business, and a journal in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf

CELL = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal that is not there yet."""
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def wide(sandbox: kf.sandbox.Sandbox) -> pd.DataFrame:
    """Four sections, business-wide, to be switched off."""
    state = sandbox.state()
    sections = state[(state["scope"] == "business") & (state["entity_type"] == "section")].head(4)
    return sections[CELL].assign(is_enabled=False).reset_index(drop=True)


@pytest.fixture
def narrow(sandbox: kf.sandbox.Sandbox) -> pd.DataFrame:
    """Twelve items of one store, to be switched off."""
    state = sandbox.state()
    items = state[(state["scope"] == "store") & (state["entity_type"] == "item")].head(12)
    return items[CELL].assign(is_enabled=False).reset_index(drop=True)


@pytest.fixture
def singles(narrow: pd.DataFrame) -> kf.Plan:
    """The twelve items, each in a request of its own."""
    return kf.plan(narrow, combine=False, progress=False)
