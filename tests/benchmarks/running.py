"""How much a run costs beside bare httpx: the same requests, the same eight threads, journal on.

    python -m tests.benchmarks.running [N_REQUESTS]

The sandbox has a process of its own. Printed: requests a second of both, their ratio (target: at most 2),
and the memory that many requests with one per cent of each of three faults leave behind.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import pandas as pd

import klikit_frames as kf
from klikit_frames.api.wire import ENABLE_PATHS
from klikit_frames.running.drawing import draw_all

N_THREADS = 8


def _serve(pipe: Connection) -> None:
    with kf.sandbox.serve() as sandbox:
        state = sandbox.state()
        pipe.send((sandbox.url, sandbox.partner_key, sandbox.secret_key, state))
        while (order := pipe.recv()) is not None:
            sandbox.reset() if order == "reset" else sandbox.inject(order, probability=0.01)
            pipe.send("done")


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
    stores = state[state["scope"] == "store"]
    toggles = pd.concat([stores] * (n_requests // len(stores) + 1)).head(n_requests)
    toggles = toggles.drop_duplicates(["entity_type", "entity_id", "brand_id", "branch_id"])
    columns = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]
    return kf.plan(toggles[columns].assign(is_enabled=False), combine=False, progress=False)


def _time_bare(plan: kf.Plan, url: str, keys: tuple[str, str]) -> float:
    requests = draw_all(plan)
    limits = httpx.Limits(max_connections=N_THREADS, max_keepalive_connections=N_THREADS)
    with (
        httpx.Client(auth=keys, limits=limits, trust_env=False) as http,
        ThreadPoolExecutor(N_THREADS) as pool,
    ):

        def send(request: object) -> int:
            headers = {"Idempotency-Key": request.key, "Content-Type": "application/json"}
            path = url + ENABLE_PATHS[request.target.entity_type]
            return http.patch(path, content=request.body, headers=headers).status_code

        started = time.perf_counter()
        statuses = set(pool.map(send, requests))
        taken = time.perf_counter() - started
    assert statuses == {200}
    return taken


def _time_run(plan: kf.Plan, url: str, keys: tuple[str, str]) -> tuple[float, kf.Result]:
    caps = {"writes_per_minute": 10**7, "reads_per_minute": 10**7}
    with (
        tempfile.TemporaryDirectory() as folder,
        kf.connect(url, partner_key=keys[0], secret_key=keys[1], **caps) as client,
    ):
        started = time.perf_counter()
        result = kf.run(plan, client, journal=Path(folder) / "journal.sqlite3", progress=False)
        return time.perf_counter() - started, result


def main(n_requests: int) -> None:
    """Print the figures."""
    with _sandbox() as (sandbox, url, keys, state):
        plan = _plan(state, n_requests)
        for _ in range(3):
            bare = _time_bare(plan, url, keys)
            sandbox.send("reset")
            sandbox.recv()
            ours, result = _time_run(plan, url, keys)
            sandbox.send("reset")
            sandbox.recv()
            assert result.counts["applied"] == plan.n_rows, result.summary
            n = plan.n_requests
            print(f"{n:,} requests: bare {n / bare:,.0f}/s, run {n / ours:,.0f}/s, ratio {ours / bare:.2f}")
        for fault in ("error_503", "reset_after", "truncated"):
            sandbox.send(fault)
            sandbox.recv()
        for _ in range(3):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            _, result = _time_run(_plan(state, n_requests), url, keys)
            now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"with 3 % faults: {result.summary} peak memory {peak:.0f} -> {now:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
