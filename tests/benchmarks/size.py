"""What millions of rows cost: seconds of the processor by stage, and the peak of memory.

Run from the project's folder: ``python -m tests.benchmarks.size [ROWS] [--shuffled] [--caps] [--budget S]``.
The rows are about half of all cells of a table of stores and items, in 40 planted rectangles; nothing is
asserted.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pandas as pd

import klikit_frames as kf
from klikit_frames.planning.plan_checks import check_plan
from tests.planning.tables import planted, toggles_of

T = TypeVar("T")
N_PLANTED = 40
# At twice as many items as stores this share of each side makes half of the cells.
SHARE = 0.1335


def main() -> None:
    """Make the rows, read them, plan them and check the plan, one line a stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=4_300_000, help="about how many")
    parser.add_argument("--shuffled", action="store_true", help="rows in random order")
    parser.add_argument("--caps", action="store_true", help="500 ids and 500 stores a request; else no caps")
    parser.add_argument("--budget", type=float, default=20.0, help="seconds for the search")
    chosen = parser.parse_args()
    kf.plan(kf.business_toggles("item", [1], is_enabled=True))  # libraries are loaded once
    frame = rows_of(chosen.rows, is_shuffled=chosen.shuffled)
    limits = kf.Limits() if chosen.caps else kf.Limits(None, None, None)
    print(f"{len(frame):,} rows, {frame.memory_usage(deep=True).sum() / 1e9:.2f} GB as a frame")
    toggles = measured("read", lambda: kf.read_toggles(frame))
    plan = measured("plan", lambda: kf.plan(toggles, limits=limits, time_budget_s=chosen.budget))
    measured("check", lambda: check_plan(plan))
    measured("views", lambda: (plan.rows, plan.requests, plan.counts, plan.estimate()))
    print(f"{plan.n_requests:,} requests, no fewer than {plan.lower_bound:,}; searched for {plan.search_s} s")


def rows_of(n_rows: int, *, is_shuffled: bool) -> pd.DataFrame:
    """Return about so many rows as an analyst has them: text, plain whole numbers, one flag."""
    n_stores = round(n_rows**0.5)
    cells = planted(2 * n_stores, n_stores, N_PLANTED, share=SHARE, seed=1)
    frame = toggles_of(cells).astype({"brand_id": "int64", "branch_id": "int64"})
    return frame.sample(frac=1, random_state=1, ignore_index=True) if is_shuffled else frame


def measured(stage: str, action: Callable[[], T]) -> T:
    """Do something, and print what it took."""
    work, clock = time.process_time(), time.perf_counter()
    outcome = action()
    work, clock = time.process_time() - work, time.perf_counter() - clock
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    memory = f"{resident() / 1e9:5.2f} GB held, {peak / 1e9:5.2f} GB at most so far"
    print(f"{stage:6} {work:7.2f} s of the processor, {clock:7.2f} s, {memory}", flush=True)
    return outcome


def resident() -> int:
    """Return the bytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    main()
