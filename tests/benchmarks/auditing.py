"""How fast states are read and held against each other.

Run ``python -m tests.benchmarks.auditing``: ``--rows`` for another size, ``--large`` to read the large
sandbox too. Times are given as ratios to one pandas merge of the same rows on the same keys.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pandas as pd

import klikit_frames as kf
from klikit_frames.frames.cell_keys import CELL_COLUMNS

N_ENTITIES_PER_STORE = 600


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--large", action="store_true", help="read the large sandbox, 1,500 stores")
    arguments = parser.parse_args()
    if arguments.large:
        read_large()
    compare(arguments.rows)


def peak() -> str:
    """Say the most memory that this process has had."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB at the peak"


def compare(n_rows: int) -> None:
    """Time the audits of two states of `n_rows` store rows against one merge."""
    state = make_state(n_rows)
    other = state.sample(frac=1.0, random_state=1, ignore_index=True)
    other["is_enabled"] = np.random.default_rng(2).random(len(other)) < 0.9
    other["is_enabled"] = other["is_enabled"].astype("boolean")
    toggles = kf.read_toggles(other[[*CELL_COLUMNS]].assign(is_enabled=True))
    keys = list(CELL_COLUMNS)
    merge = timed(lambda: toggles.merge(state[[*keys, "is_enabled"]], on=keys, how="left"))
    print(f"{len(state):,} rows; one pandas merge on {len(keys)} keys: {merge:.2f} s")
    jobs: dict[str, Callable[[], Any]] = {
        "diff": lambda: kf.diff(toggles, state),
        "read_toggles, for comparison": lambda: kf.read_toggles(toggles),
        "align, like a snapshot": lambda: kf.align(state, like=other),
        "align, like a store": lambda: kf.align(state, like=(1, 1)),
        "drift": lambda: kf.drift(other, state),
        "mixed": lambda: kf.mixed(state),
        "effective": lambda: kf.effective(state),
    }
    for name, job in jobs.items():
        took = timed(job)
        print(f"  {name:30} {took:7.2f} s  {took / merge:5.2f} merges")
    print(f"  {peak()}")


def make_state(n_rows: int) -> pd.DataFrame:
    """Return a state of stores that have one menu each of 20 sections, 80 categories and 500 items."""
    n_stores = -(-n_rows // N_ENTITIES_PER_STORE)
    menu = np.arange(N_ENTITIES_PER_STORE)
    kind = np.select([menu < 20, menu < 100], ["section", "category"], default="item")
    path = [
        None if n < 20 else str(n % 20 + 1) if n < 100 else f"{n % 80 % 20 + 1}/{n % 80 + 21}" for n in menu
    ]
    store = np.repeat(np.arange(n_stores), len(menu))
    frame = pd.DataFrame(
        {
            "entity_type": np.tile(kind, n_stores),
            "entity_id": np.tile(menu + 1, n_stores),
            "scope": "store",
            "brand_id": pd.array(store % 40 + 1, dtype="Int64"),
            "branch_id": pd.array(store // 40 + 1, dtype="Int64"),
            "is_enabled": pd.array(np.random.default_rng(1).random(len(store)) < 0.9, dtype="boolean"),
            "title": np.tile([f"dish {n}" for n in menu], n_stores),
            "path_ids": pd.Series(path, dtype="str").to_numpy()[np.tile(menu, n_stores)],
        }
    )
    return frame.head(n_rows).astype({"path_ids": "str"})


def read_large() -> None:
    """Read every store of the large sandbox, which runs in a process of its own, with the cap off."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve_large, args=(there,), daemon=True)
    server.start()
    url, partner_key, secret_key = here.recv()
    settings = {"partner_key": partner_key, "secret_key": secret_key, "reads_per_minute": 10**7}
    with kf.connect(url, **settings) as client:
        stores = kf.stores(client)
        start, cpu_start = time.perf_counter(), time.process_time()
        state = kf.read_state(client, stores=stores, with_business=True, progress=False)
        took, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    here.send("enough")
    server.join()
    seconds = f"{took:.0f} s ({cpu:.0f} s of CPU here)"
    print(f"large sandbox: {len(stores):,} stores, {len(state):,} rows in {seconds}")
    print(f"  {state.memory_usage(deep=True).sum() / 2**20:.0f} MB of state; {peak()}")


def serve_large(pipe: Connection) -> None:
    """Run the large sandbox until a message ends it."""
    with kf.sandbox.serve(scale="large") as sandbox:
        pipe.send((sandbox.url, sandbox.partner_key, sandbox.secret_key))
        pipe.recv()


def timed(job: Callable[[], Any]) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
