"""What must hold before anything is sent."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

import klikit_frames as kf
from tests.fixtures import wrong

from .doubles import writes


def test_run__needs_confirmation(wide: pd.DataFrame, journal: Path) -> None:
    """A real host is only written to with the plan's code for it, and the refusal names that code."""
    ids = count()

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"request_id": f"{next(ids)}", "data": None})

    options: dict[str, Any] = {
        "partner_key": "key",
        "secret_key": "secret",
        "transport": httpx.MockTransport(answer),
    }
    plan = kf.plan(wide)
    with kf.connect("https://api.dev.shadowchef.co", **options) as client:
        with pytest.raises(kf.PlanError, match=plan.confirm_code(client)):
            kf.run(plan, client, journal=journal)
        with pytest.raises(kf.PlanError, match="another plan, host or count"):
            kf.run(plan, client, journal=journal, confirm="00000000")
        assert kf.runs(journal=journal).empty
        code = plan.confirm_code(client)
        assert kf.run(plan, client, journal=journal, confirm=code, before="none").counts["applied"] == 4


def test_run__bound_to_its_host(client: kf.Client, wide: pd.DataFrame, journal: Path) -> None:
    """A plan that ran on one host is refused on another, whether run or resumed."""
    plan = kf.plan(wide)
    result = kf.run(plan, client, journal=journal)
    with kf.sandbox.serve() as other, other.connect() as elsewhere:
        with pytest.raises(kf.PlanError, match="first run on"):
            kf.run(plan, elsewhere, journal=journal)
        with pytest.raises(kf.PlanError, match="first run on"):
            kf.resume(result.run_id, elsewhere, journal=journal)
        assert writes(other).empty


def test_run__read_only_client(sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path) -> None:
    """A read-only client is refused before anything is noted."""
    with sandbox.connect(read_only=True) as client, pytest.raises(kf.ConfigError, match="read-only"):
        kf.run(kf.plan(wide), client, journal=journal)
    assert not journal.exists()


@pytest.mark.parametrize(
    "option",
    [
        {"on_error": "halt"},
        {"on_error": ["stop"]},
        {"before": "never"},
        {"first": -1},
        {"first": "2"},
        {"first": True},
        {"max_failures": -1},
        {"max_failures": 1.5},
        {"deadline_s": -0.5},
        {"deadline_s": "10"},
        {"deadline_s": float("nan")},
    ],
)
def test_run__option_out_of_range(client: kf.Client, wide: pd.DataFrame, option: dict[str, Any]) -> None:
    """An option out of range is named, and nothing is sent."""
    with pytest.raises(kf.ConfigError, match=next(iter(option))):
        kf.run(kf.plan(wide), client, journal=":memory:", **option)


def test_run__takes_a_plan_and_says_so(client: kf.Client, sandbox: kf.sandbox.Sandbox) -> None:
    """A table of toggles is refused with the line that is meant, and nothing is sent."""
    toggles = kf.business_toggles("item", [289379], is_enabled=False)
    with pytest.raises(kf.PlanError, match=r"kf\.run\(kf\.plan\(toggles\), client\)"):
        kf.run(wrong(toggles), client)
    assert sandbox.requests.empty


def test_run__refuses_a_state_from_before_its_own_writes(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """Off and on again by one variable: what was written since the state was read is not called unchanged."""
    stores = narrow[["brand_id", "branch_id"]].drop_duplicates()
    state = kf.read_state(client, stores=stores, journal=journal, progress=False)
    off = kf.run(kf.plan(narrow, state=state), client, journal=journal, progress=False)
    on = narrow.assign(is_enabled=True)
    n_writes = len(writes(sandbox))
    with pytest.raises(kf.PlanError, match=f"11 rows .* run {off.run_id[:8]} wrote off there"):
        kf.run(kf.plan(on, state=state), client, journal=journal, progress=False)
    assert len(writes(sandbox)) == n_writes
    newer = kf.read_state(client, stores=stores, journal=journal, progress=False)
    assert kf.run(kf.plan(on, state=newer), client, journal=journal, progress=False).counts["applied"] == 12


def test_run__refuses_a_state_from_before_its_own_business_wide_write(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """A store row may inherit what was written business-wide since the state was read."""
    stores = narrow[["brand_id", "branch_id"]].drop_duplicates()
    state = kf.read_state(client, stores=stores, journal=journal, progress=False)
    wide = kf.business_toggles("item", narrow["entity_id"].head(2), is_enabled=False)
    kf.run(kf.plan(wide), client, journal=journal, progress=False)
    with pytest.raises(kf.PlanError, match="2 rows"):
        kf.run(kf.plan(narrow.assign(is_enabled=True), state=state), client, journal=journal, progress=False)


def test_run__takes_no_flags_from_before_its_own_writes(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """A state that is older than a run gives no flags from before: undoing the second leaves the first."""
    stores = narrow[["brand_id", "branch_id"]].drop_duplicates()
    state = kf.read_state(client, stores=stores, journal=journal, progress=False)
    kf.run(kf.plan(narrow.head(1), state=state), client, journal=journal, progress=False)
    second = kf.run(kf.plan(narrow, state=state), client, journal=journal, progress=False)
    kf.run(kf.undo(second.run_id, client, journal=journal, progress=False), client, journal=journal)
    live = narrow[["entity_id", "brand_id", "branch_id"]].merge(sandbox.state())
    # The fifth was off all along.
    assert live.index[~live["is_enabled"]].tolist() == [0, 4]
