"""How long a lost request may be sent again, by the server's clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.running.journal import open_journal

from .doubles import Bar, interrupt, wait_until
from .fault_scenarios import KillPoint, MovableClock, SkippingClock, connect, run_until_killed
from .outcome_oracle import CELL


def _lose(sandbox: kf.sandbox.Sandbox, plan: kf.Plan, journal: Path, **options: Any) -> kf.Result:
    """Run a plan whose every answer is lost, though the server does what is asked."""
    sandbox.inject("reset_after", match="PATCH")
    with connect(sandbox) as client:
        result = kf.run(plan, client, journal=journal, **options)
    assert result.counts["unknown"] == plan.n_rows
    sandbox.clear_faults()
    return result


def _writes(sandbox: kf.sandbox.Sandbox) -> pd.DataFrame:
    return sandbox.requests[sandbox.requests["method"] == "PATCH"]


def test_resume__young_key(sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path) -> None:
    """Lost answers are asked for again, byte for byte under the same key, for 22 hours of server time."""
    lost = _lose(sandbox, kf.plan(wide), journal)
    sandbox.move_clock(22 * 3600)
    with connect(sandbox) as client:
        result = kf.resume(lost.run_id, client, journal=journal)
    assert result.counts["applied"] == 4
    writes = _writes(sandbox)
    assert writes["key"].nunique() == writes["body"].nunique() == 1
    assert writes["replayed"].iloc[-1]


def test_resume__old_key(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, narrow: pd.DataFrame, journal: Path
) -> None:
    """After that they are never sent again: what shows a change as asked is proven, the rest is unknown."""
    plan = kf.plan(pd.concat([wide, narrow], ignore_index=True))
    stores = [
        tuple(store) for store in narrow[["brand_id", "branch_id"]].drop_duplicates().to_numpy().tolist()
    ]
    with connect(sandbox) as client:
        before = kf.read_state(client, stores=stores, progress=False)
    lost = _lose(sandbox, plan, journal, before="read")
    n_writes = len(_writes(sandbox))
    sandbox.move_clock(24 * 3600)
    with connect(sandbox) as client:
        stale = kf.resume(lost.run_id, client, journal=journal)
        kf.publish(stores, client)
        published = kf.run(plan, client, journal=journal)
    assert len(_writes(sandbox)) == n_writes
    assert stale.frame.groupby("scope")["outcome"].unique().map(list).to_dict() == {
        "business": ["applied"],
        "store": ["unknown"],
    }
    assert stale.frame.loc[stale.frame["outcome"] == "unknown", "code"].isna().all()
    proven = published.frame[published.frame["outcome"] == "applied"]
    assert proven["message"].str.contains("reading back shows the flag as asked").all()
    # A flag that was as asked before the run says nothing about the run.
    already = narrow.merge(before)
    assert 0 < len(already) < 12
    assert published.counts["unknown"] == len(already)
    assert published.frame.merge(already[CELL])["outcome"].unique().tolist() == ["unknown"]


def test_resume__old_key_again(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """What was once too old stays so, though the server's clock was first heard after it was lost."""
    assert run_until_killed(sandbox, singles, journal, kill_point=KillPoint("after_send", nth=1))
    sandbox.move_clock(25 * 3600)
    results = []
    for _ in range(2):
        with connect(sandbox) as client:
            results.append(kf.run(singles, client, journal=journal))
    pd.testing.assert_frame_equal(results[0].frame, results[1].frame)
    spans = _writes(sandbox).groupby("key")["time"].agg(lambda times: times.max() - times.min())
    assert spans.max() < pd.Timedelta(hours=24)


def test_resume__old_key_and_someone_else(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path
) -> None:
    """A lost write that another client has undone since is not done again."""
    lost = _lose(sandbox, kf.plan(wide), journal)
    sandbox.move_clock(24 * 3600)
    with connect(sandbox) as client:
        kf.run(kf.plan(wide.assign(is_enabled=True)), client, journal=":memory:")
        result = kf.resume(lost.run_id, client, journal=journal)
    assert result.counts["unknown"] == 4
    truth = sandbox.state().merge(wide[["entity_type", "entity_id", "scope"]])
    assert truth.loc[truth["scope"] == "business", "is_enabled"].all()


@pytest.mark.parametrize("holds", [True, False])
def test_run__stored_failure(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path, holds: bool
) -> None:
    """A failure that the API repeats under one request_id is unknown until resuming reads back."""
    with connect(sandbox) as client:
        if holds:
            kf.run(kf.plan(wide), client, journal=":memory:", before="none")
        sandbox.inject("stored_502", count=1, match="PATCH")
        lost = kf.run(kf.plan(wide), client, journal=journal, before="none")
        is_read = sandbox.requests["method"].eq("GET") & sandbox.requests["path"].str.contains("/menus")
        result = kf.resume(lost.run_id, client, journal=journal)
        n_requests = len(sandbox.requests)
        again = kf.resume(lost.run_id, client, journal=journal)
    assert not is_read.any()
    assert lost.counts["unknown"] == 4
    assert lost.frame["message"].str.contains("a stored failure, repeated").all()
    assert result.frame["message"].str.contains("a stored failure, repeated").all()
    assert (len(sandbox.requests), result.resume_hint) == (n_requests, None)
    pd.testing.assert_frame_equal(again.frame, result.frame)
    outcomes = set(result.frame[["outcome", "code"]].itertuples(index=False, name=None))
    assert outcomes == {("applied", "ok") if holds else ("failed", "downstream_unavailable")}
    assert set(result.frame["http_status"]) == {502}


def test_run__stored_failure_and_an_old_menu(sandbox: kf.sandbox.Sandbox, journal: Path) -> None:
    """That a store's menu shows a flag as it was before the run proves nothing: the menu may be older."""
    state = sandbox.state()
    items = state[(state["entity_type"] == "item") & state["is_enabled"]]
    both = items[items["scope"] == "store"].merge(
        items.loc[items["scope"] == "business", ["entity_id"]], on="entity_id"
    )
    store = both.head(1)[CELL].assign(is_enabled=True)
    everywhere = kf.business_toggles("item", store["entity_id"], is_enabled=False)[store.columns]
    plan = kf.plan(pd.concat([store, everywhere], ignore_index=True))

    def fail_next() -> None:
        sandbox.inject("stored_502", match="PATCH", count=1)

    with connect(sandbox) as client:
        lost = kf.run(plan, client, journal=journal, progress=Bar(fail_next), before="read")
        result = kf.resume(lost.run_id, client, journal=journal)
    assert result.frame["outcome"].tolist() == ["unknown", "applied"]
    now = sandbox.state().merge(store[["entity_type", "entity_id"]])
    assert not now["is_enabled"].any()


class _WaitingClock(SkippingClock):
    """A clock on which no wait ends before it is stopped."""

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Wait for the stop."""
        if seconds > 0:
            assert stop is not None
            stop.wait()


class _SleepyTransport(httpx.HTTPTransport):
    """Loses the first answer to a write, and does something before it says so."""

    def __init__(self, action: Callable[[], object]) -> None:
        super().__init__()
        self._actions = [action]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        response = super().handle_request(request)
        if request.method == "PATCH" and self._actions:
            response.read()
            self._actions.pop()()
            raise httpx.ReadError("lost")
        return response


def test_run__a_day_between_two_tries(sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path) -> None:
    """A machine that sleeps for a day between two tries does not use the key again."""
    clock = MovableClock()

    def close_the_lid() -> None:
        # The seconds of a laptop's sleep count for the clock that nobody sets, too.
        sandbox.move_clock(25 * 3600)
        clock.sleep(25 * 3600)

    with connect(sandbox, transport=_SleepyTransport(close_the_lid), clock=clock) as client:
        lost = kf.run(kf.plan(wide), client, journal=journal)
        assert (lost.counts["unknown"], len(_writes(sandbox))) == (4, 1)
        assert kf.resume(lost.run_id, client, journal=journal).counts["applied"] == 4
    assert len(_writes(sandbox)) == 1


def test_resume__a_clock_that_was_set_back(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path
) -> None:
    """The server is asked for its time again: what an earlier answer said rests on a clock that was set."""
    clock = MovableClock()
    with connect(sandbox, clock=clock) as client:
        client.read("/brands")
        sandbox.inject("reset_after", match="PATCH")
        lost = kf.run(kf.plan(wide), client, journal=journal)
        sandbox.clear_faults()
        n_writes = len(_writes(sandbox))
        sandbox.move_clock(25 * 3600)
        clock.set_by_s = 5 * 3600
        assert kf.resume(lost.run_id, client, journal=journal).counts["applied"] == 4
    assert len(_writes(sandbox)) == n_writes


@pytest.mark.parametrize("set_by_s", [-20 * 3600, 20 * 3600])
def test_resume__tells_both_times_of_a_request_by_one_clock(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path, set_by_s: float
) -> None:
    """Sent under a clock that was set and settled under the right one, a request took no day."""
    clock = MovableClock()
    clock.set_by_s = set_by_s
    sandbox.inject("reset_after", match="PATCH")
    with connect(sandbox, clock=clock) as client:
        lost = kf.run(kf.plan(wide), client, journal=journal, before="none")
    sandbox.clear_faults()
    with connect(sandbox) as client:
        result = kf.resume(lost.run_id, client, journal=journal)
    assert result.counts["applied"] == 4
    took = result.frame["settled_at"] - result.frame["sent_at"]
    assert took.between(pd.Timedelta("-5s"), pd.Timedelta("1h")).all()


def test_run__knows_the_time_before_its_first_write(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path
) -> None:
    """A process that dies of its first write leaves no request that cannot be dated."""
    plan = kf.plan(wide)
    kill_point = KillPoint("after_send", nth=1)
    assert run_until_killed(sandbox, plan, journal, kill_point=kill_point, before="none")
    with open_journal(journal) as opened:
        (run_id,) = opened.runs()["run_id"]
        assert [
            request.clock_offset_s is not None for request in opened.requests(run_id) if request.attempts
        ] == [True]


def test_resume__what_never_left_has_no_date(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path
) -> None:
    """A request that was only refused for the rate is as good as new three days later."""
    clock = MovableClock()
    sandbox.inject("rate_limit", count=1, match="PATCH", seconds=60.0)
    with connect(sandbox, clock=_WaitingClock()) as client:
        job = kf.start(kf.plan(wide), client, journal=journal)
        wait_until(lambda: client.pacing.wait_s)
        job.cancel()
        cancelled = job.result()
    assert (cancelled.counts["not_sent"], cancelled.frame["sent_at"].notna().sum()) == (4, 0)
    clock.set_by_s = 72 * 3600
    sandbox.move_clock(72 * 3600)
    sandbox.inject("reset_before", match="PATCH")
    with connect(sandbox, clock=clock) as client:
        lost = kf.resume(cancelled.run_id, client, journal=journal)
        sandbox.clear_faults()
        assert lost.counts["unknown"] == 4
        assert kf.resume(cancelled.run_id, client, journal=journal).counts["applied"] == 4


def test_resume__a_stored_failure_of_a_stopped_run(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path
) -> None:
    """A failure that is repeated is read back by the next stretch if the first was stopped before."""
    with connect(sandbox, max_connections=1) as client:
        kf.run(kf.plan(wide.head(1)), client, journal=":memory:", progress=False)
        sandbox.inject("stored_502", count=1, match="PATCH")
        plan = kf.plan(wide, combine=False, progress=False)
        stopped = kf.run(plan, client, journal=journal, progress=Bar(interrupt))
        assert stopped.status == "interrupted"
        assert stopped.counts["applied"] < 4
        assert kf.resume(stopped.run_id, client, journal=journal).counts["applied"] == 4


def test_resume__nobody_tells_the_time(wide: pd.DataFrame, journal: Path) -> None:
    """While nobody answers, a lost request stays unknown: its key may be too old to be sent."""
    with kf.sandbox.serve() as sandbox:
        lost = _lose(sandbox, kf.plan(wide), journal)
        client = connect(sandbox)
    result = kf.resume(lost.run_id, client, journal=journal)
    client.close()
    assert (result.counts["unknown"], result.status) == (4, "unreachable")
    pd.testing.assert_frame_equal(result.frame, lost.frame)


def test_interrupt__in_memory(sandbox: kf.sandbox.Sandbox, singles: kf.Plan) -> None:
    """A run without a file that is stopped says so, and names no line that could not work."""
    with connect(sandbox, max_connections=1) as client:
        result = kf.run(singles, client, journal=":memory:", deadline_s=0.0)
    assert (result.status, result.resume_hint) == ("deadline", None)
    assert result.n_open > 0
