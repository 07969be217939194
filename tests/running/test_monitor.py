"""Work that Ctrl-C does not break into."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.running import executor
from klikit_frames.running.journal_writer import JournalWriter
from klikit_frames.running.results import build_result

from .doubles import HoldingTransport, WaitingClock, is_running, press_ctrl_c, wait_for_threads
from .fault_scenarios import connect


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
        wait_for_threads("klikit-frames-send")
    with connect(sandbox) as client:
        assert kf.resume(result.run_id, client, journal=journal).counts["applied"] == 12


def test_interrupt__waiting_for_the_rate(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """A run that waits for its turn under the rate cap stops at once."""
    clock = WaitingClock(press_ctrl_c)
    with sandbox.connect(writes_per_minute=2, clock=clock) as client:
        result = kf.run(singles, client, journal=journal, before="none")
        wait_for_threads("klikit-frames-send")
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
        wait_for_threads("klikit-frames-read")
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
        wait_for_threads("klikit-frames-read")


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
        wait_for_threads("klikit-frames-read")
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
        wait_for_threads("klikit-frames-read")
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
            assert transport.has_come.wait(60)
            (kf.attach(job.run_id, journal=journal) if attached else job).cancel()
            result = job.result(timeout=60)
            assert not transport.let_go.is_set()
            transport.let_go.set()
            wait_for_threads("klikit-frames-read")
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
            assert transport.has_come.wait(60)
            kf.attach(run_id, journal=journal).cancel()
            result = going.result(timeout=60)
        else:
            plan = kf.plan(
                done.frame[["entity_type", "entity_id", "brand_id", "branch_id"]].assign(is_enabled=True)
            )
            job = kf.start(plan, client, journal=journal, before="read")
            assert transport.has_come.wait(60)
            job.cancel()
            result = job.result(timeout=60)
        assert not transport.let_go.is_set()
        transport.let_go.set()
        wait_for_threads("klikit-frames-")
    assert (result.status, set(result.frame["outcome"])) == ("cancelled", {"not_sent"})
