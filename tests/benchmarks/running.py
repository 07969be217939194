"""How much a run costs beside bare httpx: the same requests, the same eight threads, journal on.

    python -m tests.benchmarks.running [N_REQUESTS]

The sandbox has a process of its own. Both are measured by turns, five times. Printed: requests a second of
both, their ratio (target: at most 3) in time and in processor time of this process, and what became of
10,000 requests at full speed of which one per cent meets a fault, sent again and again: what memory they
leave behind must not grow.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx
import pandas as pd

import klikit_frames as kf
from klikit_frames.api.wire import ENABLE_PATHS
from klikit_frames.running.records import Request
from klikit_frames.running.request_trees import build_requests

N_THREADS = 8
# On a machine of two cores, shared with others, one measurement differs from the next by a third.
N_PAIRS = 5
N_FAULTY = 10_000
FAULTS = ("error_503", "reset_after", "truncated")


def _serve(pipe: Connection) -> None:
    with kf.sandbox.serve(scale="large") as sandbox:
        with sandbox.connect() as client:
            state = kf.read_state(client, progress=False)
        pipe.send((sandbox.url, sandbox.partner_key, sandbox.secret_key, state))
        while (order := pipe.recv()) is not None:
            sandbox.reset() if order == "reset" else sandbox.inject(order, probability=0.01 / len(FAULTS))
            pipe.send("done")


class Times(NamedTuple):
    """Seconds on the wall, and of this process on a processor."""

    wall_s: float
    cpu_s: float

    @classmethod
    def now(cls) -> Self:
        """Return the present."""
        return cls(time.perf_counter(), time.process_time())

    @classmethod
    def since(cls, started: Times) -> Self:
        """Return what went by."""
        wall_s, cpu_s = cls.now()
        return cls(wall_s - started.wall_s, cpu_s - started.cpu_s)


@contextmanager
def _sandbox() -> Iterator[tuple[Connection, str, tuple[str, str], pd.DataFrame]]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,))
    process.start()
    url, partner_key, secret_key, state = here.recv()
    try:
        yield here, url, (partner_key, secret_key), state
    finally:
        here.send(None)
        process.join()


def _plan(state: pd.DataFrame, n_requests: int) -> kf.Plan:
    """Return a plan of so many requests of one flag each."""
    columns = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]
    toggles = state.loc[state["entity_type"] == "item", columns].head(n_requests)
    return kf.plan(toggles.assign(is_enabled=False), combine=False, progress=False)


def _time_bare(plan: kf.Plan, url: str, keys: tuple[str, str]) -> Times:
    requests = build_requests(plan)
    limits = httpx.Limits(max_connections=N_THREADS, max_keepalive_connections=N_THREADS)
    with (
        httpx.Client(auth=keys, limits=limits, trust_env=False) as http,
        ThreadPoolExecutor(N_THREADS) as pool,
    ):

        def send(request: Request) -> int:
            headers = {"Idempotency-Key": request.key, "Content-Type": "application/json"}
            path = url + ENABLE_PATHS[request.target.entity_type]
            return http.patch(path, content=request.body, headers=headers).status_code

        started = Times.now()
        statuses = set(pool.map(send, requests))
        taken = Times.since(started)
    assert statuses == {200}
    return taken


def _time_run(plan: kf.Plan, url: str, keys: tuple[str, str]) -> tuple[Times, kf.Result]:
    caps: dict[str, Any] = {"writes_per_minute": 10**7, "reads_per_minute": 10**7}
    with (
        tempfile.TemporaryDirectory() as folder,
        kf.connect(url, partner_key=keys[0], secret_key=keys[1], **caps) as client,
    ):
        started = Times.now()
        result = kf.run(plan, client, journal=Path(folder) / "journal.sqlite3", progress=False)
        return Times.since(started), result


def _tell(sandbox: Connection, order: str) -> None:
    sandbox.send(order)
    sandbox.recv()


class Pair(NamedTuple):
    """What a run takes, and bare httpx just before it."""

    ours: Times
    bare: Times

    @property
    def ratio(self) -> float:
        """How many times as long the run takes."""
        return self.ours.wall_s / self.bare.wall_s

    def tell(self, n_requests: int) -> str:
        """Return both in one line."""
        return (
            f"{n_requests:,} requests: bare {n_requests / self.bare.wall_s:,.0f}/s, "
            f"run {n_requests / self.ours.wall_s:,.0f}/s, "
            f"ratio {self.ratio:.2f} in time, {self.ours.cpu_s / self.bare.cpu_s:.2f} in processor time"
        )


def compare(n_requests: int) -> Pair:
    """Return what a run of so many requests takes, and bare httpx beside it: the median of five pairs."""
    with _sandbox() as (sandbox, url, keys, state):
        pairs = [_compare(sandbox, _plan(state, n_requests), url, keys) for _ in range(N_PAIRS)]
    return _median(pairs)


def _median(pairs: list[Pair]) -> Pair:
    return sorted(pairs, key=lambda pair: pair.ratio)[len(pairs) // 2]


def _compare(sandbox: Connection, plan: kf.Plan, url: str, keys: tuple[str, str]) -> Pair:
    bare = _time_bare(plan, url, keys)
    _tell(sandbox, "reset")
    ours, result = _time_run(plan, url, keys)
    _tell(sandbox, "reset")
    assert result.counts["applied"] == plan.n_rows, result.summary
    return Pair(ours, bare)


def _memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(n_requests: int) -> None:
    """Print the figures."""
    with _sandbox() as (sandbox, url, keys, state):
        pairs = []
        for _ in range(N_PAIRS):
            pairs.append(_compare(sandbox, _plan(state, n_requests), url, keys))
            print(pairs[-1].tell(n_requests), flush=True)
        print(f"median: {_median(pairs).tell(n_requests)}", flush=True)
        for fault in FAULTS:
            _tell(sandbox, fault)
        for _ in range(4):
            taken, result = _time_run(_plan(state, N_FAULTY), url, keys)
            rate = N_FAULTY / taken.wall_s
            print(f"1 % faults, {rate:,.0f}/s: {result.summary} {_memory_mb():.0f} MB afterwards", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
