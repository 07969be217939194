"""Every fault of the sandbox, at the first try, at the retry, and after a kill: the rows stay true."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf

from .fault_scenarios import FAULTS, KillPoint, connect, make_plan, run_until_killed
from .outcome_oracle import ScenarioCounts, check_outcomes

PHASES = ("first", "retry", "resume")


def _name(fault: dict[str, Any]) -> str:
    return "-".join(str(value) for value in fault.values())


@pytest.fixture(scope="module")
def counts(request: pytest.FixtureRequest) -> Iterator[ScenarioCounts]:
    """What was judged in this module, printed at its end."""
    counts = ScenarioCounts()
    yield counts
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\nfaults: {counts}")


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("fault", FAULTS, ids=_name)
def test_fault__in_every_phase(
    fault: dict[str, Any], phase: str, sandbox: kf.sandbox.Sandbox, journal: Path, counts: ScenarioCounts
) -> None:
    """A run that meets a fault is reported truly, and goes on to its end once the fault is gone."""
    rng = random.Random(f"{_name(fault)} {phase}")
    before = sandbox.state()
    plan = make_plan(before, rng=rng, n_rows=16)
    counts.n_scenarios += 1
    if phase == "resume":
        counts.n_kills += run_until_killed(sandbox, plan, journal, kill_point=KillPoint("after_send", nth=2))
    sandbox.inject(**fault, match="PATCH", count=3 if phase == "retry" else 1)
    with connect(sandbox) as client:
        kf.run(plan, client, journal=journal, progress=False)
        sandbox.clear_faults()
        result = kf.run(plan, client, journal=journal, progress=False)
    # A failure that is repeated for a day leaves rows of stores open: their menus may be older.
    assert result.resume_hint is None or fault["name"] == "stored_502"
    check_outcomes(result, plan, sandbox, before=before, counts=counts)
    assert (counts.n_defects, counts.cases) == (0, [])


@pytest.mark.parametrize("fault", ["error_500", "error_503", "html_502", "error_504"])
def test_fault__that_stays(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path, fault: str
) -> None:
    """A 5xx that stays leaves all rows of its request `unknown`: it may be done; resuming asks again."""
    sandbox.inject(fault, match="PATCH")
    with connect(sandbox) as client:
        result = kf.run(kf.plan(wide), client, journal=journal)
        sandbox.clear_faults()
        resumed = kf.resume(result.run_id, client, journal=journal)
    assert result.counts["unknown"] == 4
    assert result.frame["message"].str.endswith("it may have been written").all()
    assert resumed.counts["applied"] == 4
    assert resumed.frame["idempotency_key"].equals(result.frame["idempotency_key"])
    assert set(result.frame["attempts"]) == {5}
    assert result.frame["http_status"].iloc[0] >= 500


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "truncated"])
def test_fault__no_answer(sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path, fault: str) -> None:
    """Where no answer ever comes rows are `unknown`, without a code; only a journal can go on with them."""
    sandbox.inject(fault, match="PATCH")
    with connect(sandbox) as client:
        result = kf.run(kf.plan(wide), client, journal=journal)
        lost = kf.run(kf.plan(wide), client, journal=":memory:")
    assert result.counts["unknown"] == lost.counts["unknown"] == 4
    assert result.frame["code"].isna().all()
    assert result.run_id in (result.resume_hint or "")
    assert lost.resume_hint is None


def test_fault__without_request_id(sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame) -> None:
    """An answer without a request_id counts; the cell stays empty."""
    sandbox.inject("no_request_id", match="PATCH")
    with connect(sandbox) as client:
        result = kf.run(kf.plan(wide), client, journal=":memory:")
    assert result.counts["applied"] == 4
    assert result.frame["request_id"].isna().all()


@pytest.mark.parametrize(
    "switches",
    [
        {"code_spelling": "upper"},
        {"unknown_id": "not_found"},
        {"unknown_id": "partial"},
        {"max_ids": 3},
        {"enable_data": "null"},
        {"missing_key": "reject"},
        {"stored_answers": "all"},
        {"max_stores": 1},
    ],
    ids=str,
)
def test_switch__of_every_kind(
    switches: dict[str, Any], sandbox: kf.sandbox.Sandbox, journal: Path, counts: ScenarioCounts
) -> None:
    """Where the documentation is silent, a run is true under each reading of it."""
    counts.n_scenarios += 1
    before = sandbox.state()
    sandbox.set(**switches)
    plan = make_plan(before, rng=random.Random(str(switches)), n_rows=24)
    with connect(sandbox) as client:
        result = kf.run(plan, client, journal=journal, progress=False)
    check_outcomes(result, plan, sandbox, before=before, counts=counts)
    assert result.counts["applied"] + result.counts["rejected"] == plan.n_rows
    assert (counts.n_defects, counts.cases) == (0, [])
