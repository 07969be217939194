"""Runs in the background, and runs looked at from somewhere else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.running import jobs
from klikit_frames.running.journal_writer import JournalWriter

from .doubles import HoldingTransport, wait_for_threads, wait_until, writes
from .fault_scenarios import KillPoint, connect, run_in_child, run_until_killed


def test_start__result(client: kf.Client, singles: kf.Plan, journal: Path) -> None:
    """A job ends with the very result that a run gives, and its progress is then complete."""
    job = kf.start(singles, client, journal=journal)
    result = job.result()
    assert result.counts["applied"] == 12
    assert job.is_done
    assert (job.progress.n_rows_done, job.progress.n_requests_done) == (12, 12)
    assert result.run_id == job.run_id
    assert kf.run(singles, client, journal=journal).run_id == job.run_id


def test_start__refused_at_once(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """What a run refuses before sending, a job refuses when it is started."""
    with sandbox.connect(read_only=True) as client, pytest.raises(kf.ConfigError, match="read-only"):
        kf.start(singles, client, journal=journal)


def test_start__memory(client: kf.Client, singles: kf.Plan) -> None:
    """A job needs no file."""
    assert kf.start(singles, client, journal=":memory:").result().counts["applied"] == 12


def test_cancel(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """A job that is cancelled ends soon, with rows settled or not sent, and can be resumed."""
    transport = HoldingTransport()
    with connect(sandbox, max_connections=1, transport=transport) as client:
        job = kf.start(singles, client, journal=journal)
        transport.has_come.wait()
        job.cancel()
        transport.let_go.set()
        result = job.result(timeout=600)
        assert result.status == "cancelled"
        assert result.counts == result.counts | {"applied": 4, "not_sent": 8}
        assert kf.resume(result.run_id, client, journal=journal).counts["applied"] == 12


def test_result__timeout(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """Waiting for a result may be bounded; the job goes on."""
    transport = HoldingTransport(nth=1)
    with connect(sandbox, max_connections=1, transport=transport) as client:
        job = kf.start(singles, client, journal=journal)
        with pytest.raises(TimeoutError, match="it goes on"):
            job.result(timeout=0.01)
        transport.let_go.set()
        assert job.result().counts["applied"] == 12


def test_attach__while_it_goes_on(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """Whoever attaches sees how far a run is, can cancel it, and gets its result."""
    transport = HoldingTransport(nth=6)
    with connect(sandbox, max_connections=1, transport=transport) as client:
        job = kf.start(singles, client, journal=journal, progress=False)
        assert transport.has_come.wait(600)
        other = kf.attach(job.run_id, journal=journal)
        progress = other.progress
        assert progress.is_running
        assert 1 <= progress.n_rows_done < 12
        with pytest.raises(TimeoutError):
            other.result(timeout=0)
        other.cancel()
        result = job.result()
        transport.let_go.set()
        wait_for_threads("klikit-frames-")
        assert result.status == "cancelled"
        assert other.result().counts == job.result().counts


def test_so_far(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """A run that goes on is shown as it stands, here and from elsewhere, and no message says to resume it."""
    transport = HoldingTransport()
    with connect(sandbox, max_connections=1, transport=transport, writes_per_minute=6000) as client:
        job = kf.start(singles, client, journal=journal)
        transport.has_come.wait()
        wait_until(lambda: job.progress.n_rows_done == 3)
        for seen in (job.so_far(), kf.attach(job.run_id, journal=journal).so_far()):
            assert seen.counts == seen.counts | {"applied": 3, "unknown": 1, "not_sent": 8}
            waiting = seen.frame[seen.frame["outcome"] == "not_sent"]
            assert waiting["message"].unique().tolist() == ["its turn has not come yet"]
            assert seen.summary.endswith("It is still being run.")
            assert seen.resume_hint is None
        transport.let_go.set()
        assert job.result().counts["applied"] == 12
    assert job.so_far().frame.equals(job.result().frame)


def test_so_far__before_the_journal_knows_it(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """A run that still reads the flags from before has sent nothing, and says so."""
    transport = HoldingTransport(nth=1, method="GET")
    with sandbox.connect(transport=transport) as client:
        job = kf.start(singles, client, journal=journal, before="read")
        transport.has_come.wait()
        assert job.so_far().counts["not_sent"] == 12
        transport.let_go.set()
        assert job.result().counts["applied"] == 12


def test_so_far__of_a_run_that_broke(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ended a run is raised, whoever asks."""

    def fail(_writer: JournalWriter, _statements: object) -> None:
        raise OSError("the disk is gone")

    transport = HoldingTransport()
    with connect(sandbox, max_connections=1, transport=transport) as client:
        job = kf.start(singles, client, journal=journal)
        transport.has_come.wait()
        monkeypatch.setattr(JournalWriter, "commit", fail)
        transport.let_go.set()
        wait_until(lambda: job.is_done)
        with pytest.raises(kf.JournalError, match="the disk is gone"):
            job.so_far()


def test_start__closed_client(client: kf.Client, singles: kf.Plan, journal: Path) -> None:
    """A client that was closed is refused before anything is noted."""
    client.close()
    with pytest.raises(kf.ConfigError, match="closed"):
        kf.start(singles, client, journal=journal)
    assert not journal.exists()


def test_start__client_closed_on_the_way(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """A client that is closed while a job waits for its turn ends the run; what never left is not sent."""

    def limit() -> None:
        sandbox.inject("rate_limit", match="PATCH", count=1, seconds=5.0)

    transport = HoldingTransport(limit, nth=2)
    transport.let_go.set()
    with sandbox.connect(max_connections=1, transport=transport) as client:
        job = kf.start(singles, client, journal=journal)
        wait_until(lambda: client.pacing.paused_s)
    result = job.result(timeout=600)
    assert result.status == "unreachable"
    assert result.counts["unknown"] == 0
    n_taken = len(sandbox.requests.query("method == 'PATCH' and status == 200"))
    assert result.counts == result.counts | {"applied": n_taken, "not_sent": 12 - n_taken}
    with connect(sandbox) as client:
        assert kf.resume(result.run_id, client, journal=journal).counts["applied"] == 12


def test_cancel__while_a_resumed_run_reads(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """Who cancels before a resumed run has sent anything is heard."""
    assert run_until_killed(sandbox, singles, journal, kill_point=KillPoint("after_send", nth=1))
    (run_id,) = kf.runs(journal=journal)["run_id"]
    n_writes = len(writes(sandbox))
    transport = HoldingTransport(nth=1, method="GET")
    with connect(sandbox, transport=transport, max_connections=1) as client, ThreadPoolExecutor(1) as pool:
        going = pool.submit(kf.resume, run_id, client, journal=journal, progress=False)
        transport.has_come.wait()
        kf.attach(run_id, journal=journal).cancel()
        transport.let_go.set()
        result = going.result(60)
    assert result.status == "cancelled"
    assert len(writes(sandbox)) == n_writes


@pytest.mark.parametrize(
    ("options", "hangs"),
    [
        ({}, "GET /menus"),
        ({"before": "none"}, "/enable"),
        ({"before": "none", "publish": True}, "/publish"),
        ({"before": "none", "first": 1}, "GET /menus"),
    ],
    ids=["the flags from before", "a write", "a publish", "a canary"],
)
def test_cancel__is_heard_while_an_answer_never_comes(
    sandbox: kf.sandbox.Sandbox,
    singles: kf.Plan,
    wide: pd.DataFrame,
    journal: Path,
    *,
    options: dict[str, Any],
    hangs: str,
) -> None:
    """Whatever a run is at: it ends without the answer, and tells what it does not know."""
    sandbox.inject("latency", seconds=3600, match=hangs)

    def has_come() -> bool:
        seen = sandbox.requests
        left = seen[seen["status"].isna()]
        return any(hangs in line for line in left["method"] + " " + left["path"])

    # What only a publish shows is not read back: a canary of such writes asks for no menu.
    plan = kf.plan(wide, combine=False) if "first" in options else singles
    with connect(sandbox, timeout=3600.0) as client:
        job = kf.start(plan, client, journal=journal, progress=False, **options)
        wait_until(lambda: has_come() or job.is_done)
        job.cancel()
        result = job.result(timeout=600)
    assert sandbox.faults, "the answer came"
    assert result.status == "cancelled"
    assert sum(result.counts.values()) == plan.n_rows
    sandbox.clear_faults()


def test_attach__after_a_kill(sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path) -> None:
    """A run whose process was killed is shown as it was left, with how to go on."""
    assert run_until_killed(sandbox, singles, journal, kill_point=KillPoint("after_answer", nth=5))
    (run_id,) = kf.runs(journal=journal)["run_id"]
    assert kf.runs(journal=journal)["status"].tolist() == ["killed"]
    result = kf.attach(run_id, journal=journal).result()
    assert result.status == "killed"
    assert result.counts["applied"] + result.counts["unknown"] + result.counts["not_sent"] == 12
    assert result.counts["unknown"] >= 1
    assert run_id in str(result.resume_hint)


def test_attach__from_another_process(client: kf.Client, singles: kf.Plan, journal: Path) -> None:
    """Another process sees the same result."""
    result = kf.run(singles, client, journal=journal)

    def look() -> None:
        seen = kf.attach(result.run_id, journal=journal).result()
        assert seen.frame.equals(result.frame)

    assert run_in_child(look) is False


def test_attach__unknown_run(journal: Path) -> None:
    """A run that the journal does not know is named."""
    with pytest.raises(kf.JournalError, match="knows no run"):
        kf.attach("abc", journal=journal)


def test_job__views(client: kf.Client, singles: kf.Plan, journal: Path) -> None:
    """A job says in a line how far it is, in text and in HTML with a bar that needs no script."""
    job = kf.start(singles, client, journal=journal)
    job.result()
    assert repr(job) == f"<Job of run {job.run_id}, ended: 12 of 12 rows, 12 of 12 requests>"
    html = job._repr_html_()
    assert '<progress aria-label="rows done" max="12" value="12"></progress>' in html
    assert "12 of 12 rows" in html


def test_job__live_view(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shown in a notebook, a job's line is brought up to date until the job has ended."""
    shown: list[str] = []
    is_up_to_date = threading.Event()

    class Handle:
        def update(self, mimes: dict[str, str], *, raw: bool) -> None:
            shown.append(mimes["text/plain"])
            if "ended" in mimes["text/plain"]:
                is_up_to_date.set()

    def display(mimes: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        shown.append(mimes["text/plain"])
        return Handle()

    monkeypatch.setattr(jobs, "display", display)
    transport = HoldingTransport(nth=1)
    with connect(sandbox, max_connections=1, transport=transport) as client:
        job = kf.start(singles, client, journal=journal)
        job._ipython_display_()
        transport.let_go.set()
        job.result()
        assert is_up_to_date.wait(600)
    assert "running" in shown[0]
    assert shown[-1] == f"<Job of run {job.run_id}, ended: 12 of 12 rows, 12 of 12 requests>"
