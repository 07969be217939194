"""Many businesses at once, on threads and on two Dask workers: requests, seconds, memory.

``python -m tests.benchmarks.fleet`` runs 50 businesses of 20,000 rows each, with the usual caps on, against
50 large sandboxes in four processes; ``--businesses 4`` is a short one. Each way has new sandboxes, since a
cap remembers the minute before. "At the caps" is what the caps of the slowest business take by themselves:
its reads at 600 a minute, then its writes at 300. The first 600 and 300 may go at once, so less is possible.
Each way has 16 businesses at a time (`--at-once`), so 50 take four turns of that. More in one process starve
its other threads: Dask's workers then miss their heartbeats.
Without ``--before auto`` no menus are read, so that it is the writing that is measured.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

import klikit_frames as kf
from tests.benchmarks.whole_job import make_change

N_SERVERS = 4
_READS, _WRITES = 600, 300


def serve(n: int, pipe: Connection) -> None:
    """Serve `n` large sandboxes, tell how to reach them, and how much they got when asked."""
    with ExitStack() as stack:
        sandboxes = [stack.enter_context(kf.sandbox.serve(scale="large")) for _ in range(n)]
        pipe.send([(sandbox.url, sandbox.partner_key, sandbox.secret_key) for sandbox in sandboxes])
        pipe.recv()
        pipe.send([sandbox.requests["method"].value_counts().to_dict() for sandbox in sandboxes])
        pipe.recv()


@contextmanager
def businesses(n: int, folder: Path) -> Iterator[list[Connection]]:
    """Serve `n` businesses in a few processes, with profiles; give the way to the servers."""
    spawn = multiprocessing.get_context("spawn")
    shares = [len(range(first, n, N_SERVERS)) for first in range(min(n, N_SERVERS))]
    pipes: list[Any] = []
    blocks: list[Any] = []
    for share in shares:
        pipe, other = spawn.Pipe()
        spawn.Process(target=serve, args=(share, other), daemon=True).start()
        pipes.append(pipe)
    for pipe in pipes:
        for url, partner_key, secret_key in pipe.recv():
            name = f"business-{len(blocks):02d}"
            variable = f"FLEET_{len(blocks)}"
            os.environ[variable] = secret_key
            blocks.append(
                f'[{name}]\nbase_url = "{url}"\npartner_key = "{partner_key}"\n'
                f'secret_key_env = "{variable}"\n'
            )
    (folder / "profiles.toml").write_text("\n".join(blocks))
    os.environ["KLIKIT_PROFILES"] = str(folder / "profiles.toml")
    try:
        yield pipes
    finally:
        for pipe in pipes:
            pipe.send("end")


def make_plans(n: int, *, n_rows: int) -> tuple[dict[str, kf.Plan], float]:
    """Return a plan of another table for each business, and the seconds of planning them all."""
    with kf.sandbox.serve(scale="large") as sandbox:
        state = sandbox.state()
    tables = [
        make_change(state, seed=seed).head(n_rows).assign(business=f"business-{seed:02d}")
        for seed in range(n)
    ]
    begin = time.perf_counter()
    plans = kf.fleet.plan(pd.concat(tables, ignore_index=True), progress=False)
    return plans, time.perf_counter() - begin


def measure(plans: Mapping[str, kf.Plan], *, way: str, before: str, at_once: int) -> dict[str, object]:
    """Run all plans once on new sandboxes, and return the line of the table."""
    open_executor = WAYS[way]
    with TemporaryDirectory() as name, businesses(len(plans), Path(name)) as pipes:
        with open_executor(min(len(plans), at_once)) as (executor, peak):
            begin = time.perf_counter()
            result = kf.fleet.run(
                plans,
                executor=executor,
                journal_folder=Path(name) / "journals",
                progress=False,
                before=before,
            )
            seconds, memory_mb = time.perf_counter() - begin, peak()
        counts = [by_method for pipe in pipes for by_method in _ask(pipe)]
    for name, error in result.errors.items():
        print(f"{name}: {error}", flush=True)
    at_caps = max(
        by_method.get("GET", 0) / _READS * 60 + by_method.get("PATCH", 0) / _WRITES * 60
        for by_method in counts
    )
    return {
        "on": way,
        "rows": len(result.frame),
        "applied": result.counts["applied"],
        "writes": sum(by_method.get("PATCH", 0) for by_method in counts),
        "reads": sum(by_method.get("GET", 0) for by_method in counts),
        "seconds": round(seconds, 1),
        "at the caps, s": round(at_caps, 1),
        "peak memory, MB": round(memory_mb),
    }


def _ask(pipe: Connection) -> list[dict[str, int]]:
    pipe.send("counts")
    counts: list[dict[str, int]] = pipe.recv()
    return counts


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


Opened = tuple[Executor, Callable[[], float]]


@contextmanager
def open_threads(n: int) -> Iterator[Opened]:
    """Open `n` threads; the peak of memory is that of this process."""
    with ThreadPoolExecutor(n) as pool:
        yield pool, _peak_mb


@contextmanager
def open_dask(n: int) -> Iterator[Opened]:
    """Open two Dask workers with half of `n` threads each; the peak is that of both."""
    import dask
    import distributed

    with (
        # Its profiler can stop a worker for good: python/cpython#106883, in the first releases of 3.11.
        dask.config.set({"distributed.worker.profile.enabled": False}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=(n + 1) // 2, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor(), lambda: sum(client.run(_peak_mb).values())


WAYS = {"threads": open_threads, "2 Dask workers": open_dask}


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--businesses", type=int, default=50)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--on", choices=WAYS, help="only this way")
    parser.add_argument("--before", default="none", help="as of kf.run: `auto` reads 1,000 menus each first")
    given = parser.parse_args()
    plans, seconds = make_plans(given.businesses, n_rows=given.rows)
    print(f"{given.businesses} businesses of {given.rows:,} rows, planned in {seconds:.1f} s", flush=True)
    for way in [given.on] if given.on else WAYS:
        line = measure(plans, way=way, before=given.before, at_once=given.at_once)
        print(", ".join(f"{name}: {value}" for name, value in line.items()), flush=True)


if __name__ == "__main__":
    main()
