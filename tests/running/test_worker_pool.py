"""What is noted before it leaves, and what becomes of it when the run ends first."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import httpx
import pandas as pd

import klikit_frames as kf
from klikit_frames.model import Stores, Target
from klikit_frames.running import worker_pool
from klikit_frames.running.executor import new_run
from klikit_frames.running.guards import Rules, RunMonitor
from klikit_frames.running.journal import open_journal
from klikit_frames.running.lifecycle import RequestState
from klikit_frames.running.records import RequestResult
from klikit_frames.running.request_trees import RowCounter, build_request, group_requests
from tests.fixtures import not_none

from .doubles import HoldingTransport
from .fault_scenarios import FOREIGN_ID, connect


def _press_ctrl_c() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_pool__notes_each_request_before_it_leaves(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """At any cap, a request that reaches the network is on disk, and no other one is noted as sent."""
    seen: list[int] = []

    def look() -> None:
        seen.append(kf.attach(job.run_id, journal=journal).so_far().counts["unknown"])

    transport = HoldingTransport(look, nth=4)
    transport.let_go.set()
    with connect(sandbox, max_connections=1, transport=transport) as client:
        job = kf.start(singles, client, journal=journal)
        assert job.result().counts["applied"] == 12
    assert seen == [1]


def test_worker_pool__stopped_before_requests_leave(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """What did not leave before the run was stopped counts as not sent."""
    transport = HoldingTransport(_press_ctrl_c)
    with connect(sandbox, max_connections=1, transport=transport) as client:
        result = kf.run(singles, client, journal=journal, progress=False)
        counts = result.frame[["outcome", "attempts"]].value_counts().to_dict()
        assert counts == {("applied", 1): 3, ("unknown", 1): 1, ("not_sent", 0): 8}
        assert result.frame.loc[result.frame["outcome"] == "not_sent", "sent_at"].isna().all()
        transport.let_go.set()
        for thread in threading.enumerate():
            if thread.name.startswith("klikit-frames-send"):
                thread.join(600)
    with connect(sandbox) as client:
        again = kf.resume(result.run_id, client, journal=journal, progress=False)
    assert again.counts["applied"] == 12
    assert again.frame["idempotency_key"].tolist() == result.frame["idempotency_key"].tolist()


def test_worker_pool__refusal_known(
    sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, singles: kf.Plan, journal: Path
) -> None:
    """A part that is not sent, because its refusal is known, gets that result."""
    store = (int(narrow["brand_id"].iloc[0]), int(narrow["branch_id"].iloc[0]))
    ids = tuple(narrow["entity_id"].head(3).tolist())
    refused = RequestResult(RequestState.SPLIT, code="resource_not_found", http_status=404)
    root = build_request(Target("item", (*ids, FOREIGN_ID), Stores((store,)), False), path=(2,))
    good = build_request(root.target.with_ids(ids[:2]), path=(2, 0))
    bad = build_request(root.target.with_ids((ids[2], FOREIGN_ID)), path=(2, 1))
    recorded = [
        build_request(root.target.with_ids(ids[:1]), path=(1,)),
        replace(root, attempts=1, result=refused),
        replace(good, attempts=1, result=RequestResult(RequestState.APPLIED, code="ok", http_status=200)),
        bad,
        build_request(root.target.with_ids(ids[:1]), path=(3,)),
    ]
    with open_journal(journal) as opened, connect(sandbox, max_connections=1) as client:
        run, monitor = new_run(singles, client), RunMonitor(Rules(), count_rows=RowCounter(singles))
        opened.begin(run, plan_body=singles.dump(), requests=recorded, before=[])
        worker_pool.WorkerPool(client, opened, run.run_id, monitor).send(
            group_requests(recorded), report=lambda _family: None
        )
        statuses = {
            request.path: request.result.status for request in opened.requests(run.run_id) if request.result
        }
    assert statuses == {
        (1,): "applied",
        (2,): "split",
        (2, 0): "applied",
        (2, 1): "split",
        (2, 1, 0): "applied",
        (2, 1, 1): "rejected",
        (3,): "applied",
    }


class _Laptop(httpx.HTTPTransport):
    """Sleeps for an hour before its sixth write, and its seconds stand still meanwhile."""

    def __init__(self, sandbox: kf.sandbox.Sandbox) -> None:
        super().__init__()
        self._sandbox = sandbox
        self._n_writes = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        self._n_writes += request.method == "PATCH"
        if request.method == "PATCH" and self._n_writes == 6:
            self._sandbox.move_clock(3_600)
        return super().handle_request(request)


def test_send__after_a_sleep_in_which_no_seconds_pass(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """What a laptop sends after the first answer since it woke is dated by the server's clock of then."""
    with connect(sandbox, max_connections=1, transport=_Laptop(sandbox)) as client:
        result = kf.run(singles, client, journal=journal, before="none")
    with open_journal(journal) as opened:
        offsets = [not_none(request.clock_offset_s) for request in opened.requests(result.run_id)]
    assert [offset > 1_800 for offset in offsets] == [False] * 6 + [True] * 6


class _LateAnswer(httpx.HTTPTransport):
    """Brings the answers from the sixth write on with the date of an hour ago."""

    def __init__(self) -> None:
        super().__init__()
        self._n_writes = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        response = super().handle_request(request)
        self._n_writes += request.method == "PATCH"
        if self._n_writes >= 6:
            dated = parsedate_to_datetime(response.headers["Date"]) - timedelta(hours=1)
            response.headers["Date"] = format_datetime(dated, usegmt=True)
        return response


def test_send__never_ends_before_it_was_sent(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, journal: Path
) -> None:
    """An answer that was long on its way looks like one of a clock that is behind."""
    with connect(sandbox, max_connections=1, transport=_LateAnswer()) as client:
        frame = kf.run(singles, client, journal=journal, before="none").frame
    assert (frame["settled_at"] >= frame["sent_at"]).all()
