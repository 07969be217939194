"""Runs over real HTTP: what is said of every row, what is sent, and what is never sent twice."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames.schemas import RESULT_COLUMNS
from tests.fixtures import column

from .conftest import CELL
from .doubles import Bar, writes
from .fault_scenarios import connect
from .outcome_oracle import ScenarioCounts, check_outcomes


def test_run__whole_frame(sandbox: kf.sandbox.Sandbox, client: kf.Client, wide: pd.DataFrame) -> None:
    """A result is the input as it was, index, columns and order, and the ten result columns after it."""
    toggles = wide.assign(note=column("=1+1", "b", None, "d"), code="mine").set_index(
        pd.Index(list("wxyz"), name="at")
    )
    toggles = toggles[["note", *CELL[::-1], "is_enabled", "code"]]
    plan = kf.plan(toggles, progress=False)
    result = kf.run(plan, client, journal=":memory:", progress=False)
    (request,) = writes(sandbox).to_dict("records")
    added = pd.DataFrame(
        {
            "outcome": "applied",
            "code": "ok",
            "http_status": pd.array([200] * 4, dtype="Int64"),
            "message": "status updated",
            "request_id": request["request_id"],
            "request_no": pd.array([1] * 4, dtype="Int64"),
            "idempotency_key": request["key"],
            "attempts": pd.array([1] * 4, dtype="Int64"),
        },
        index=toggles.index,
    )
    expected = pd.concat([plan.toggles, added], axis=1)
    pd.testing.assert_frame_equal(result.frame[expected.columns], expected)
    assert tuple(result.frame.columns[-10:]) == RESULT_COLUMNS
    assert list(result.frame.columns[:8]) == ["note", *CELL[::-1], "is_enabled", "input_code"]
    for name in ("sent_at", "settled_at"):
        assert str(result.frame[name].dtype) == "datetime64[us, UTC]"
        assert result.frame[name].notna().all()


def test_run__sums_up(client: kf.Client, wide: pd.DataFrame) -> None:
    """The counts name all six outcomes, the bar counts requests, and nothing failed."""
    bar, plan = Bar(), kf.plan(wide, progress=False)
    result = kf.run(plan, client, journal=":memory:", progress=bar)
    assert result.counts == {
        "applied": 4,
        "unchanged": 0,
        "rejected": 0,
        "failed": 0,
        "unknown": 0,
        "not_sent": 0,
    }
    assert (bar.n, bar.is_closed) == (plan.n_requests, True)
    assert result.status == "finished"
    assert result.resume_hint is None
    assert result.failed.empty
    result.raise_for_failures()


def test_run__empty_plan(client: kf.Client, wide: pd.DataFrame, sandbox: kf.sandbox.Sandbox) -> None:
    """A plan without rows runs, sends nothing, and has a result without rows."""
    result = kf.run(kf.plan(wide.head(0), progress=False), client, journal=":memory:")
    assert len(result.frame) == 0
    assert set(RESULT_COLUMNS) <= set(result.frame.columns)
    assert result.status == "finished"
    assert writes(sandbox).empty


def test_run__rows_that_are_not_sent(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame
) -> None:
    """With a state, what holds already is unchanged and what is foreign is rejected, and neither is sent."""
    state = kf.read_state(client, progress=False)
    rows = wide.assign(
        is_enabled=[True, False, False, False], entity_id=[*wide["entity_id"][:3], 990_000_000]
    )
    result = kf.run(kf.plan(rows, state=state, progress=False), client, journal=":memory:")
    outcomes = result.frame[["outcome", "code", "request_no", "attempts"]]
    expected = pd.DataFrame(
        {
            "outcome": ["unchanged", "applied", "applied", "rejected"],
            "code": ["already_set", "ok", "ok", "not_in_menu"],
            "request_no": pd.array([None, 1, 1, None], dtype="Int64"),
            "attempts": pd.array([None, 1, 1, None], dtype="Int64"),
        }
    )
    pd.testing.assert_frame_equal(outcomes, expected)
    assert [json.loads(body)["ids"] for body in writes(sandbox)["body"]] == [wide["entity_id"][1:3].tolist()]


def test_run__exact_duplicates(client: kf.Client, sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame) -> None:
    """A row that is there twice is sent once and has its outcome twice."""
    doubled = pd.concat([wide, wide.head(2)], ignore_index=True)
    result = kf.run(kf.plan(doubled, progress=False), client, journal=":memory:")
    assert result.frame["outcome"].tolist() == ["applied"] * 6
    assert len(writes(sandbox)) == 1


def test_run__guilty_row_alone(client: kf.Client, sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame) -> None:
    """One foreign id is rejected in the API's own words; its neighbours are applied."""
    bad = narrow.assign(entity_id=[*narrow["entity_id"][:7], 990_000_000, *narrow["entity_id"][8:]])
    result = kf.run(kf.plan(bad, progress=False), client, journal=":memory:")
    assert result.counts == result.counts | {"applied": 11, "rejected": 1}
    guilty = result.failed.iloc[0]
    sent = writes(sandbox).set_index("request_id").loc[guilty["request_id"]]
    assert json.loads(sent["body"])["ids"] == [990_000_000]
    assert sent["key"] == guilty["idempotency_key"]
    assert (guilty["code"], guilty["http_status"]) == ("resource_not_found", 404)
    assert len(writes(sandbox)) <= 9


@pytest.mark.parametrize("spelling", ["lower", "upper"])
def test_run__one_spelling(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, spelling: str
) -> None:
    """Codes have one spelling, whichever the server uses."""
    sandbox.set(code_spelling=spelling)
    bad = wide.head(1).assign(entity_id=990_000_000)
    assert kf.run(kf.plan(bad), client, journal=":memory:").frame["code"].tolist() == ["resource_not_found"]


def test_run__business_before_store(client: kf.Client, sandbox: kf.sandbox.Sandbox) -> None:
    """For one entity the business-wide write is settled before its override in a store leaves."""
    state = sandbox.state()
    store = state[(state["scope"] == "store") & (state["entity_type"] == "item")].head(1)[CELL]
    nowhere = pd.array([None], dtype="Int64")
    everywhere = store.assign(scope="business", brand_id=nowhere, branch_id=nowhere)
    both = [store.assign(is_enabled=True), everywhere.assign(is_enabled=False)]
    rows = pd.DataFrame([row for frame in both for row in frame.to_dict("records")])
    sandbox.inject("latency", seconds=0.1, count=1)
    result = kf.run(kf.plan(rows, progress=False), client, journal=":memory:")
    assert result.frame["outcome"].tolist() == ["applied", "applied"]
    assert [("zoneStores" in body) for body in writes(sandbox)["body"]] == [False, True]
    truth = sandbox.state().merge(store[["entity_type", "entity_id", "brand_id", "branch_id"]])
    assert truth["is_enabled"].tolist() == [True]


def test_run__again(client: kf.Client, sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """A plan that has run is not sent twice: its recorded result comes back, equal to the first."""
    first = kf.run(singles, client, journal=journal)
    n_writes, history = len(writes(sandbox)), kf.runs(journal=journal)
    again = kf.run(singles, client, journal=journal)
    assert len(writes(sandbox)) == n_writes == 12
    assert (again.run_id, again.status) == (first.run_id, "finished")
    pd.testing.assert_frame_equal(kf.runs(journal=journal), history)
    pd.testing.assert_frame_equal(again.frame, first.frame)


def test_run__off_on_off(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path
) -> None:
    """Equal plans made again are other plans: the third of off, on, off is sent and counts."""
    for flag in (False, True, False):
        result = kf.run(kf.plan(wide.assign(is_enabled=flag)), client, journal=journal)
        assert result.counts["applied"] == 4
    assert len(writes(sandbox)) == 3
    assert not writes(sandbox)["replayed"].any()
    assert len(kf.runs(journal=journal)) == 3


def test_resume__unknown_run(client: kf.Client, journal: Path) -> None:
    """A run that the journal does not know is named."""
    with pytest.raises(kf.JournalError, match="knows no run abc"):
        kf.resume("abc", client, journal=journal)


def test_runs__history(client: kf.Client, wide: pd.DataFrame, journal: Path) -> None:
    """The history has one row per run, newest last, with its counts and how it ended."""
    plans = [kf.plan(wide), kf.plan(wide.head(1).assign(entity_id=990_000_000))]
    results = [kf.run(plan, client, journal=journal) for plan in plans]
    history = kf.runs(journal=journal)
    expected = pd.DataFrame(
        {
            "run_id": [result.run_id for result in results],
            "plan_id": [plan.plan_id for plan in plans],
            "plan_digest": [plan.digest for plan in plans],
            "host": client.host,
            "n_rows": [4, 1],
            "n_requests": [1, 1],
            "applied": [4, 0],
            "unchanged": 0,
            "rejected": [0, 1],
            "failed": 0,
            "unknown": 0,
            "not_sent": 0,
            "status": "finished",
        }
    )
    pd.testing.assert_frame_equal(history[expected.columns], expected)
    assert (history["ended_at"] >= history["started_at"]).all()


def test_runs__none_yet(journal: Path) -> None:
    """Without a journal there is no history, and none is made; an empty file is none either."""
    assert kf.runs(journal=journal).empty
    assert not journal.exists()
    journal.touch()
    assert kf.runs(journal=journal).empty


def test_run__many_requests_with_faults(sandbox: kf.sandbox.Sandbox, journal: Path) -> None:
    """Hundreds of requests at full speed, a few in a hundred of which meet trouble, all come true."""
    before = sandbox.state()
    rows = before[before["scope"] == "store"].head(300)[CELL].assign(is_enabled=False)
    plan = kf.plan(rows, combine=False, progress=False)
    for fault in ("error_503", "reset_after", "truncated"):
        sandbox.inject(fault, probability=0.01, match="PATCH")
    counts = ScenarioCounts(n_scenarios=1)
    with connect(sandbox) as client:
        result = kf.run(plan, client, journal=journal, progress=False)
    assert result.counts["applied"] == 300
    check_outcomes(result, plan, sandbox, before=before, counts=counts)
    assert (counts.n_defects, counts.cases) == (0, [])
