"""The figures of the front page: one table, every line beside a baseline measured in the same run.

Run it with ``python -m tests.benchmarks``; it takes some minutes on two cores. Each group of lines is
measured in a process of its own, so that neither caches nor peaks of memory mix. The modules beside this
one go deeper.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pandas as pd

import klikit_frames as kf
from tests.benchmarks import auditing, reading, running, startup, whole_job
from tests.planning.tables import planted, toggles_of

N_ROWS = 1_000_000
N_REQUESTS = 5_000
_CELL = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]


class Line(NamedTuple):
    """One figure of the package beside its baseline."""

    figure: str
    ours: float
    beside: str
    baseline: float
    unit: str

    def __str__(self) -> str:
        ratio = self.ours / self.baseline
        times = f"{ratio:.2f} x" if ratio >= 0.1 else f"1/{1 / ratio:,.0f}"
        return (
            f"| {self.figure} | {self.ours:,.5g} {self.unit} | {self.beside} | "
            f"{self.baseline:,.5g} {self.unit} | {times} |"
        )


def lines_of_the_job() -> list[Line]:
    """Compare the requests, and the minutes under a cap, of one change done four ways."""
    ways: Any = whole_job.measure().set_index("way")
    ours = ways.loc["klikit_frames"]
    others = ways.drop("klikit_frames")
    units = {"requests": "requests", "minutes at 60": "min", "minutes at 300": "min", "seconds, cap off": "s"}
    return [
        Line(f"20,000 rows, {measure}", float(ours[measure]), name, float(other[measure]), unit)
        for measure, unit in units.items()
        for name, other in others.iterrows()
    ]


def lines_of_reading() -> list[Line]:
    """Compare reading and checking a million rows with pandas reading the same text."""
    # First of all: a process begins with the highest mark of memory of the one that started it.
    peak = reading.peak_bytes("good", N_ROWS)
    content = reading.good_csv(N_ROWS)
    kf.check_toggles(io.BytesIO(reading.good_csv(10)))
    base, text = _timed(lambda: pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False))
    ours, _ = _timed(lambda: kf.check_toggles(io.BytesIO(content)))
    size = float(text.memory_usage(deep=True).sum())
    return [
        Line("1,000,000 rows, read and checked", ours, "pandas, as text", base, "s"),
        Line("peak memory of that", peak / 1e6, "the text frame", size / 1e6, "MB"),
    ]


def lines_of_planning() -> list[Line]:
    """Compare planning a million rows with grouping stores of equal lists in pandas."""
    toggles = kf.read_toggles(toggles_of(planted(800, 8000, 60, share=0.06, seed=1)))
    base, sets = _timed(lambda: list(whole_job.equal_sets(toggles)))
    ours, plan = _timed(lambda: kf.plan(toggles, limits=kf.Limits(None, None, None)))
    what = f"{plan.n_rows:,} rows, 60 menus in 8,000 stores"
    return [
        Line(f"{what}: plan", ours, "equal sets in pandas", base, "s"),
        Line(f"{what}: requests", plan.n_requests, "equal sets in pandas", len(sets), "requests"),
    ]


def lines_of_running() -> list[Line]:
    """Compare a run, journal on, with bare httpx and the same eight threads."""
    ours, bare = running.compare(N_REQUESTS)
    what, beside = f"{N_REQUESTS:,} requests, cap off, journal on", "bare httpx, 8 threads"
    return [Line(what, ours.wall_s, beside, bare.wall_s, "s")]


def lines_of_auditing() -> list[Line]:
    """Compare a diff of a million rows with one pandas merge."""
    state = auditing.make_state(N_ROWS)
    toggles = kf.read_toggles(state[_CELL].sample(frac=1.0, random_state=1).assign(is_enabled=True))
    base, _ = _timed(lambda: toggles.merge(state[[*_CELL, "is_enabled"]], on=_CELL, how="left"))
    ours, _ = _timed(lambda: kf.diff(toggles, state))
    return [Line("1,000,000 rows, wanted against live", ours, "one pandas merge", base, "s")]


def lines_of_starting() -> list[Line]:
    """Compare starts with those of Python and of pandas."""
    python, pandas = startup.measure("-c", "pass"), startup.measure("-c", "import pandas")
    return [
        Line(
            "`klikit-frames --help`",
            startup.measure("-m", "klikit_frames", "--help"),
            "`python -c pass`",
            python,
            "s",
        ),
        Line(
            "read, plan, connect, run loaded",
            startup.measure("-c", startup.FACE),
            "`import pandas`",
            pandas,
            "s",
        ),
    ]


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the least of three times, in seconds: what a machine does besides only adds to it."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        made = work()
        times.append(time.perf_counter() - started)
    return min(times), made


def main() -> None:
    """Print the table as Markdown."""
    machine = f"{os.cpu_count()} cores ({platform.machine()})"
    versions = f"Python {platform.python_version()}, pandas {pd.__version__}"
    print(f"{datetime.now(tz=UTC):%Y-%m-%d}, {machine}, {versions}\n")
    print("| figure | klikit_frames | beside it | | ratio |\n|---|---|---|---|---|")
    groups = (
        lines_of_the_job,
        lines_of_reading,
        lines_of_planning,
        lines_of_running,
        lines_of_auditing,
        lines_of_starting,
    )
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        for group in groups:
            print(*pool.submit(group).result(), sep="\n", flush=True)
