"""What is noted before it leaves, and what becomes of it when the run ends first."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.running import crews
from klikit_frames.running.drawing import draw
from klikit_frames.running.families import families
from klikit_frames.running.journal import Disk, open_journal
from klikit_frames.running.records import Target, Verdict
from klikit_frames.running.sessions import draw_run
from klikit_frames.running.watches import Rules, Watch

from .scenes import Bar, HoldingTransport
from .worlds import FOREIGN_ID, connect


def _press_ctrl_c() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


@pytest.fixture
def _ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let threads take eight at a time, however long this machine takes for one."""
    monkeypatch.setattr(crews, "_AHEAD_S", 1000.0)


@pytest.fixture
def n_noted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tries each commit noted."""
    commit, counts = Disk._commit, []

    def counted(self: Disk, statements: Any) -> None:
        counts.append(sum("coalesce(sent_at" in sql for sql, _ in statements))
        commit(self, statements)

    monkeypatch.setattr(Disk, "_commit", counted)
    return counts


@pytest.mark.usefixtures("_ahead")
@pytest.mark.parametrize("per_minute", [6000, 6001])
def test_crew__notes_ahead(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path, n_noted: list[int], per_minute: int
) -> None:
    """Each request is noted on its own before it leaves; several at once only beyond 100 a second."""
    with connect(sandbox, max_connections=1, writes_per_minute=per_minute) as client:
        result = kf.run(singles, client, journal=journal, progress=False)
    assert result.counts["applied"] == 12
    assert [n for n in n_noted if n] == ([1] * 12 if per_minute == 6000 else [1, 8, 3])
    sent_at = result.frame.sort_values("request_no")["sent_at"]
    assert sent_at.is_monotonic_increasing
    assert sent_at.is_unique


@pytest.mark.usefixtures("_ahead")
def test_crew__stopped_among_noted_requests(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """What was noted ahead and did not leave before the run was stopped is told as not sent."""
    transport = HoldingTransport(_press_ctrl_c)
    with connect(sandbox, max_connections=1, transport=transport) as client:
        result = kf.run(singles, client, journal=journal, progress=False)
        told = result.frame[["outcome", "attempts"]].value_counts().to_dict()
        assert told == {("applied", 1): 3, ("unknown", 1): 1, ("not_sent", 0): 8}
        assert result.frame.loc[result.frame["outcome"] == "not_sent", "sent_at"].isna().all()
        transport.let_go.set()
        for thread in threading.enumerate():
            if thread.name.startswith("klikit-frames-send"):
                thread.join(30)
    with connect(sandbox) as client:
        again = kf.resume(result.run_id, client, journal=journal, progress=False)
    assert again.counts["applied"] == 12
    assert again.frame["idempotency_key"].tolist() == result.frame["idempotency_key"].tolist()


@pytest.mark.usefixtures("_ahead")
def test_crew__pause_among_noted_requests(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """While the API wants a rest, what was noted ahead is told as not sent: it has not left."""
    options = {"max_connections": 1, "writes_per_minute": 10**6}
    with sandbox.connect(**options) as client:
        job = kf.start(singles, client, journal=journal, progress=Bar(lambda: _limit(sandbox)))
        while not client.pacing.paused_s:
            pass
        while (seen := job.so_far().counts)["unknown"] > 1:
            assert client.pacing.paused_s, "nothing was noted back in the pause"
        assert seen["not_sent"] >= 1
        assert job.result().counts["applied"] == 12


def _limit(sandbox: kf.sandbox.Sandbox) -> None:
    sandbox.inject("rate_limit", match="PATCH", count=1, seconds=1.0)


@pytest.mark.usefixtures("_ahead")
def test_crew__refusal_known_after_it_was_noted(
    sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, singles: kf.Plan, journal: Path
) -> None:
    """A part that was noted ahead and then not sent, because its refusal is known, keeps that verdict."""
    store = (int(narrow["brand_id"].iloc[0]), int(narrow["branch_id"].iloc[0]))
    ids = tuple(narrow["entity_id"].head(3).tolist())
    refused = Verdict("split", code="resource_not_found", http_status=404)
    root = draw(Target("item", "store", False, (*ids, FOREIGN_ID), (store,)), path=(2,))
    good = draw(root.target.narrow(ids=ids[:2]), path=(2, 0))
    bad = draw(root.target.narrow(ids=(ids[2], FOREIGN_ID)), path=(2, 1))
    known = [
        draw(root.target.narrow(ids=ids[:1]), path=(1,)),
        replace(root, attempts=1, verdict=refused),
        replace(good, attempts=1, verdict=Verdict("applied", code="ok", http_status=200)),
        bad,
        draw(root.target.narrow(ids=ids[:1]), path=(3,)),
    ]
    with open_journal(journal) as book, connect(sandbox, max_connections=1) as client:
        run, watch = draw_run(singles, client), Watch(Rules(), now=time.monotonic)
        book.begin(run, plan_body=singles.dump(), requests=known, before=[])
        crews.Crew(client, book, run.run_id, watch).send(families(known), report=lambda _family: None)
        told = {one.path: one.verdict.word for one in book.requests(run.run_id) if one.verdict}
    assert told == {
        (1,): "applied",
        (2,): "split",
        (2, 0): "applied",
        (2, 1): "split",
        (2, 1, 0): "applied",
        (2, 1, 1): "rejected",
        (3,): "applied",
    }


@pytest.mark.parametrize(
    ("each_s", "per_minute", "n"),
    [(0.01, 6000, 1), (0.01, 6001, 5), (0.0, 10**6, 8), (0.001, 10**6, 8), (0.3, 10**6, 1)],
)
def test_count_ahead(each_s: float, per_minute: int, n: int) -> None:
    """As many as are sent in 50 ms, at least one and at most eight; one by one where the cap is low."""
    assert crews.count_ahead(each_s, per_minute=per_minute) == n
