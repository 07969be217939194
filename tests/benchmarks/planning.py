"""How few requests the planner takes, how near that is to the bound, and what it costs.

Run from the project's folder: ``python -m tests.benchmarks.planning [--seed N] [--budget S] [--growth]``.
Every line is measured in a process of its own, so that peaks of memory do not mix. ``--budget 5`` is the
default of ``kf.plan``: beside the seconds that it takes stand those that its requests save, against the best
of the ways without a search.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

import klikit_frames as kf
from klikit_frames.planning.plan_checks import check_plan
from tests.planning.tables import chain, planted, roles, stock_outs, toggles_of, with_holes

NO_CAPS = kf.Limits(None, None, None)
# What a request takes under the cap of 300 writes a minute.
REQUEST_S = 0.2
FAMILIES: dict[str, Callable[[int], np.ndarray]] = {
    "30 planted menus, 200 x 400": lambda seed: planted(400, 200, 30, share=0.11, seed=seed),
    "60 small planted, 300 x 500": lambda seed: planted(500, 300, 60, share=0.035, seed=seed),
    "chain, 0.1 % edits, 300 x 400": lambda seed: chain(300, 400, edits=0.001, seed=seed),
    "stock-outs, 300 x 500": lambda seed: stock_outs(300, 500, seed=seed),
    "chain, 1 % edits, 300 x 400": lambda seed: chain(300, 400, edits=0.01, seed=seed),
    "full minus 30 holes, 100 x 200": lambda seed: with_holes(200, 100, 30, seed=seed),
    "full minus 1 %, 100 x 200": lambda seed: with_holes(200, 100, 200, seed=seed),
    "random 50 %, 40 x 40": lambda seed: np.random.default_rng(seed).random((40, 40)) < 0.5,
    "roles, 50 in 100 x 184": lambda seed: roles(100, 184, 50, seed=seed),
    "chain, 0.05 % edits, 400 x 800": lambda seed: chain(400, 800, edits=0.0005, seed=seed),
    "chain, 0.005 % edits, 1,000 x 2,000": lambda seed: chain(1000, 2000, edits=0.00005, seed=seed),
    "chain, 0.02 % edits, 1,000 x 2,000": lambda seed: chain(1000, 2000, edits=0.0002, seed=seed),
    "12 planted in 5,000 x 400": lambda seed: planted(400, 5000, 12, share=0.1, seed=seed),
    "30 planted in 5,000 x 400": lambda seed: planted(400, 5000, 30, share=0.08, seed=seed),
    "60 planted in 8,000 x 800": lambda seed: planted(800, 8000, 60, share=0.05, seed=seed),
}
GROWTH = {10_000: (100, 200), 100_000: (400, 500), 1_000_000: (1_000, 2_000), 10_000_000: (4_000, 5_000)}
WAYS = ("store", "entity", "sets")
HEAD = ("family", "rows", "requests", "bound", *WAYS, "read s", "plan s", "saved s", "check s", "MB")


def measure_family(name: str, seed: int, budget_s: float) -> list[Any]:
    """Return the figures of one family."""
    return measure(name, FAMILIES[name](seed), budget_s)


def measure_growth(n_rows: int, seed: int, budget_s: float) -> list[Any]:
    """Return the figures of a planted table of about `n_rows` rows."""
    cells = planted(*GROWTH[n_rows], 12, share=0.25, seed=seed)
    return measure(f"12 planted, about {n_rows:,} rows", cells, budget_s)


def measure(name: str, cells: np.ndarray, budget_s: float) -> list[Any]:
    """Read, plan and check one table."""
    frame = toggles_of(cells)
    clock = [time.perf_counter()]
    toggles = kf.read_toggles(frame)
    clock.append(time.perf_counter())
    plan = kf.plan(toggles, limits=NO_CAPS, time_budget_s=budget_s)
    clock.append(time.perf_counter())
    check_plan(plan)
    clock.append(time.perf_counter())
    ways = [plan.baselines[way] for way in ("per_store", "per_entity", "equal_sets")]
    read_s, plan_s, check_s = np.diff(clock)
    saved_s = (min(ways) - plan.n_requests) * REQUEST_S
    seconds = [f"{part_s:.2f}" for part_s in (read_s, plan_s, saved_s, check_s)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return [name, plan.n_rows, plan.n_requests, plan.lower_bound, *ways, *seconds, peak]


def show(line: list[Any] | tuple[str, ...]) -> None:
    """Print one line of the table."""
    texts = [value if isinstance(value, str) else f"{value:,}" for value in line]
    print(f"{texts[0]:36}" + "".join(f"{text:>11}" for text in texts[1:]), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of all tables")
    parser.add_argument("--budget", type=float, default=20.0, help="seconds for each plan")
    parser.add_argument("--growth", action="store_true", help="also from 10 thousand to 10 million rows")
    chosen = parser.parse_args()
    work: list[tuple[Callable[..., list[Any]], Any]] = [(measure_family, name) for name in FAMILIES]
    work += [(measure_growth, n_rows) for n_rows in GROWTH if chosen.growth]
    show(HEAD)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        for function, what in work:
            show(pool.submit(function, what, chosen.seed, chosen.budget).result())


if __name__ == "__main__":
    main()
