"""What the cells held before a run: by the plan's own state, or read before anything is sent."""

from __future__ import annotations

from pathlib import Path

import httpx
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.running.journal import open_journal

from .conftest import CELL
from .fault_worlds import connect


@pytest.mark.parametrize("before", ["plan", "read"])
def test_before_images__noted(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path, before: str
) -> None:
    """What the cells held is noted from the plan's state, or read before the first write."""
    stores = narrow[["brand_id", "branch_id"]].drop_duplicates()
    truth = sandbox.state().merge(narrow[CELL]).set_index("entity_id")["is_enabled"]
    state = kf.read_state(client, stores=stores, progress=False) if before == "plan" else None
    result = kf.run(kf.plan(narrow, state=state), client, journal=journal, before=before)
    with open_journal(journal) as book:
        noted = {flag.cell.entity_id: flag.is_enabled for flag in book.flags(result.run_id, "before")}
    expected = truth if before == "read" else truth[truth]
    assert noted == expected.astype(bool).to_dict()


def test_before_images__nobody_there(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, wide: pd.DataFrame, journal: Path
) -> None:
    """Where the flags are to be read first and the server is away, that is said and nothing is noted."""

    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody is there")

    with connect(sandbox, transport=httpx.MockTransport(refuse)) as client:
        for plan in (singles, kf.plan(wide)):
            with pytest.raises(kf.TransportError, match="nobody is there"):
                kf.run(plan, client, journal=journal, before="read", progress=False)
    assert kf.runs(journal=journal).empty
    assert sandbox.requests.empty
