"""What a run refuses before it sends, and when it stops."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.running import executor
from klikit_frames.running.journal_writer import JournalWriter
from klikit_frames.running.results import build_result
from tests.fixtures import wrong

from .doubles import HoldingTransport, WaitingClock, is_running, press_ctrl_c, wait_for_threads, writes
from .fault_scenarios import MovableClock, connect


def test_interrupt__slow_answer(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """A run does not wait for an answer that takes long: its row is unknown, and resuming settles it."""
    transport = HoldingTransport(press_ctrl_c, nth=1)
    with connect(sandbox, max_connections=1, transport=transport) as client:
        result = kf.run(singles, client, journal=journal)
        assert is_running("klikit-frames-send")
        assert result.status == "interrupted"
        assert result.counts == result.counts | {"unknown": 1, "not_sent": 11}
        waited = result.frame[result.frame["outcome"] == "not_sent"]
        assert waited["sent_at"].isna().all()
        assert waited["attempts"].eq(0).all()
        assert f'kf.resume("{result.run_id}", client, journal={str(journal)!r})' in result.summary
        transport.let_go.set()
        wait_for_threads("klikit-frames-")
    with connect(sandbox) as client:
        assert kf.resume(result.run_id, client, journal=journal).counts["applied"] == 12


def test_interrupt__waiting_for_the_rate(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """A run that waits for its turn under the rate cap stops at once."""
    clock = WaitingClock(press_ctrl_c)
    with sandbox.connect(writes_per_minute=2, clock=clock) as client:
        result = kf.run(singles, client, journal=journal, before="none")
        wait_for_threads("klikit-frames-")
    assert clock.has_heard.is_set()
    assert result.status == "interrupted"
    assert result.counts["not_sent"] >= 10
    assert sum(result.counts.values()) == 12


def test_interrupt__while_reading_back(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path
) -> None:
    """Ctrl-C while a stored failure is read back gives the result without the proof; resuming proves."""
    with connect(sandbox) as client:
        kf.run(kf.plan(wide), client, journal=":memory:")
    sandbox.inject("stored_502", count=1, match="PATCH")
    with connect(sandbox) as client:
        lost = kf.run(kf.plan(wide), client, journal=journal, progress=False)
    transport = HoldingTransport(press_ctrl_c, method="GET", nth=2)
    with connect(sandbox, transport=transport) as client:
        result = kf.resume(lost.run_id, client, journal=journal, progress=False)
        assert result.counts["unknown"] == 4
        transport.let_go.set()
        wait_for_threads("klikit-frames-")
        assert kf.resume(result.run_id, client, journal=journal).counts["applied"] == 4


@pytest.mark.parametrize("reading", ["read_state", "verify", "undo"])
def test_interrupt__while_menus_are_read(
    reading: str, sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """Ctrl-C while a menu hangs is heard at once: nobody waits for that menu, and no other is asked for."""
    with connect(sandbox) as client:
        result = kf.run(kf.plan(narrow), client, journal=journal, progress=False)
    stores, n_asked = narrow[["brand_id", "branch_id"]], len(sandbox.requests)
    transport = HoldingTransport(press_ctrl_c, method="GET", nth=2)
    with connect(sandbox, transport=transport, max_connections=1) as client:
        calls: dict[str, Callable[[], object]] = {
            "read_state": lambda: kf.read_state(client, stores=stores, journal=journal),
            "verify": lambda: kf.verify(result, client),
            "undo": lambda: kf.undo(result.run_id, client, journal=journal),
        }
        with pytest.raises(KeyboardInterrupt):
            calls[reading]()
        assert not transport.let_go.is_set()
        assert len(sandbox.requests) == n_asked + 1
        transport.let_go.set()
        wait_for_threads("klikit-frames-")


def test_interrupt__while_the_flags_from_before_are_read(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """Ctrl-C before the first write gives a run of which nothing was sent, and that can be resumed."""
    transport = HoldingTransport(press_ctrl_c, method="GET", nth=2)
    with connect(sandbox, transport=transport, max_connections=1) as client:
        result = kf.run(singles, client, journal=journal, progress=False)
        assert not transport.let_go.is_set()
        assert (result.status, result.counts["not_sent"]) == ("interrupted", 12)
        assert len(sandbox.requests) == 1
        transport.let_go.set()
        wait_for_threads("klikit-frames-")
    with connect(sandbox) as client:
        assert kf.resume(result.run_id, client, journal=journal).counts["applied"] == 12


def test_interrupt__at_the_very_end(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, even twice, while the result is put together does not take it away."""

    def interrupted(*given: Any, **options: Any) -> kf.Result:
        for _ in range(2):
            press_ctrl_c()
        return build_result(*given, **options)

    monkeypatch.setattr(executor, "build_result", interrupted)
    with connect(sandbox) as client:
        result = kf.run(singles, client, journal=journal, progress=False)
    assert (result.status, result.counts["applied"]) == ("finished", 12)
    assert kf.runs(journal=journal)["status"].tolist() == ["finished"]


def test_interrupt__before_anything_was_sent(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the run is first noted: nothing is sent, and the plan can still run."""
    commit = JournalWriter.commit

    def interrupted(self: JournalWriter, statements: Any) -> None:
        press_ctrl_c()
        commit(self, statements)

    with connect(sandbox) as client:
        monkeypatch.setattr(JournalWriter, "commit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            kf.run(singles, client, journal=journal, before="none")
        monkeypatch.setattr(JournalWriter, "commit", commit)
        assert sandbox.requests.empty
        assert kf.runs(journal=journal)["status"].isin(["killed"]).all()
        assert kf.run(singles, client, journal=journal, before="none").counts["applied"] == 12


def test_interrupt__while_the_canary_is_read_back(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path
) -> None:
    """Ctrl-C while the canary's menu hangs gives the result; the canary is still to pass."""
    plan = kf.plan(wide, combine=False, progress=False)
    transport = HoldingTransport(press_ctrl_c, method="GET", nth=1, match="/menus")
    with connect(sandbox, transport=transport) as client:
        result = kf.run(plan, client, journal=journal, progress=False, first=1, before="none")
        transport.let_go.set()
        wait_for_threads("klikit-frames-")
    assert (result.status, result.counts["applied"], result.counts["not_sent"]) == ("interrupted", 1, 3)
    with connect(sandbox) as client:
        assert kf.resume(result.run_id, client, journal=journal).counts["applied"] == 4


def test_cancel__while_the_canary_is_read_back(
    sandbox: kf.sandbox.Sandbox, wide: pd.DataFrame, journal: Path
) -> None:
    """A job that is cancelled, here or from elsewhere, while a menu hangs ends without the menu."""
    for attached in (False, True):
        plan = kf.plan(wide, combine=False, progress=False)
        transport = HoldingTransport(method="GET", nth=1, match="/menus")
        with connect(sandbox, transport=transport) as client:
            job = kf.start(plan, client, journal=journal, first=1, before="none")
            assert transport.has_come.wait(600)
            (kf.attach(job.run_id, journal=journal) if attached else job).cancel()
            result = job.result(timeout=600)
            assert not transport.let_go.is_set()
            transport.let_go.set()
            wait_for_threads("klikit-frames-")
        assert (result.status, result.counts["not_sent"]) == ("cancelled", 3)


@pytest.mark.parametrize("attached", [False, True])
def test_cancel__while_menus_are_read_before_the_first_write(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path, attached: bool
) -> None:
    """A run that reads menus first, a new one or an undo that is resumed, is cancelled without the menu."""
    with connect(sandbox) as client:
        done = kf.run(singles, client, journal=journal, progress=False)
        undo = kf.undo(done.run_id, client, journal=journal, progress=False)
    transport = HoldingTransport(press_ctrl_c, method="GET", nth=1, match="/menus")
    with connect(sandbox, transport=transport) as client:
        run_id = kf.run(undo, client, journal=journal, progress=False).run_id
        transport.let_go.set()
        wait_for_threads("klikit-frames-")
    transport = HoldingTransport(method="GET", nth=1, match="/menus")
    with connect(sandbox, transport=transport) as client, ThreadPoolExecutor(1) as pool:
        if attached:
            going = pool.submit(kf.resume, run_id, client, journal=journal, progress=False)
            assert transport.has_come.wait(600)
            kf.attach(run_id, journal=journal).cancel()
            result = going.result(timeout=600)
        else:
            plan = kf.plan(
                done.frame[["entity_type", "entity_id", "brand_id", "branch_id"]].assign(is_enabled=True)
            )
            job = kf.start(plan, client, journal=journal, before="read")
            assert transport.has_come.wait(600)
            job.cancel()
            result = job.result(timeout=600)
        assert not transport.let_go.is_set()
        transport.let_go.set()
        wait_for_threads("klikit-frames-")
    assert (result.status, set(result.frame["outcome"])) == ("cancelled", {"not_sent"})


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


@pytest.mark.parametrize(("hours", "later_hours"), [(0, -3), (0, 3), (-24, 0), (48, 0)])
def test_run__holds_its_state_and_its_writes_against_each_other_by_one_clock(
    sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path, hours: float, later_hours: float
) -> None:
    """A state is older than later writes, and newer than earlier ones, however the clock was set between."""
    stores = narrow[["brand_id", "branch_id"]].drop_duplicates()
    clock, on = MovableClock(), narrow.assign(is_enabled=True)
    clock.set_by_s = hours * 3_600
    with connect(sandbox, clock=clock) as client:
        older = kf.read_state(client, stores=stores, journal=journal, progress=False)
    clock.set_by_s = later_hours * 3_600
    with connect(sandbox, clock=clock) as client:
        off = kf.run(kf.plan(narrow, state=older), client, journal=journal, progress=False)
    clock.set_by_s = hours * 3_600
    with connect(sandbox, clock=clock) as client:
        with pytest.raises(kf.PlanError, match=f"11 rows .* run {off.run_id[:8]} wrote off there"):
            kf.run(kf.plan(on, state=older), client, journal=journal, progress=False)
        newer = kf.read_state(client, stores=stores, journal=journal, progress=False)
        result = kf.run(kf.plan(on, state=newer), client, journal=journal, progress=False)
    assert result.counts["applied"] == 12


def test_run__refuses_a_state_of_a_clock_that_was_set_back_where_the_server_tells_no_time(
    sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """A state that is dated after now may be older than any write."""
    sandbox.set(date_header="missing")
    stores, clock = narrow[["brand_id", "branch_id"]].drop_duplicates(), MovableClock()
    with connect(sandbox, clock=clock) as client:
        state = kf.read_state(client, stores=stores, journal=journal, progress=False)
    clock.set_by_s = -3_600
    with connect(sandbox, clock=clock) as client:
        kf.run(kf.plan(narrow, state=state), client, journal=journal, progress=False)
        with pytest.raises(kf.PlanError, match="11 rows"):
            kf.run(
                kf.plan(narrow.assign(is_enabled=True), state=state), client, journal=journal, progress=False
            )


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
