"""What tests of promises begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from tests.api.scripts import FakeClock

CELL = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]
HOUR = pd.Timedelta("1h")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal of the test's own."""
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def hasty(sandbox: kf.sandbox.Sandbox) -> Iterator[kf.Client]:
    """A client of the sandbox whose retries take no time."""
    with sandbox.connect(clock=FakeClock(), writes_per_minute=1_000_000) as client:
        yield client


@pytest.fixture
def dishes(sandbox: kf.sandbox.Sandbox) -> Callable[..., pd.DataFrame]:
    """Rows that switch the first `n` dishes of one store off, between two times."""
    state = sandbox.state()
    is_dish = state["scope"].eq("store") & state["entity_type"].eq("item") & state["is_enabled"]

    def rows(n: int = 2, **times: Any) -> pd.DataFrame:
        return state.loc[is_dish, [*CELL, "title"]].head(n).assign(is_enabled=False, **times)

    return rows


def flags(sandbox: kf.sandbox.Sandbox, rows: pd.DataFrame) -> list[bool]:
    """Return what the cells of some rows truly hold."""
    state = sandbox.state().set_index(CELL)["is_enabled"]
    keys = rows[CELL].itertuples(index=False, name=None)
    return [bool(state.loc[key]) for key in keys]


def later(hours: float = 1) -> pd.Timestamp:
    """Return a time so many hours from now."""
    return pd.Timestamp.now(tz="UTC") + hours * HOUR


def n_writes(sandbox: kf.sandbox.Sandbox) -> int:
    """Return how many enable requests the sandbox has received."""
    return int(sandbox.requests["method"].eq("PATCH").sum())
