"""How large a journal of many runs is, and what it costs to use one.

    python -m tests.benchmarks.journal [N_RUNS]

5,001 runs of 500 rows each, with flags from before and an answer for every request: by turns a table of
whole stores (one request), one of stores with gaps, and one of rows drawn at random. Printed: the size of the
file (target: under 120 MB), and the processor time of commands on it beside the same commands on a journal of
one run (target: at most 0.3 s more).
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pandas as pd

import klikit_frames as kf
from klikit_frames.model import Cell
from klikit_frames.running import journal_codec as codec
from klikit_frames.running.journal import open_journal
from klikit_frames.running.journal_files import open_for_writing
from klikit_frames.running.lifecycle import RequestState
from klikit_frames.running.records import CellFlag, RequestResult, Run
from klikit_frames.running.request_trees import build_requests

N_RUNS = 5_001
N_REPEATS = 3
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
HOST = "127.0.0.1:1"
STORES = [(brand_id, branch_id) for brand_id in range(663, 668) for branch_id in range(1060, 1080)]
ITEMS = range(300_000, 300_100)


def _plans() -> list[kf.Plan]:
    """Return three plans of 500 rows: of whole stores, of stores with gaps, and of rows drawn at random."""
    rng = random.Random(1)
    whole = [(item, store) for store in STORES[:20] for item in ITEMS[:25]]
    gaps = [(item, store) for store in STORES[:40] for item in ITEMS[:15] if rng.random() < 0.98][:500]
    drawn = rng.sample([(item, store) for store in STORES for item in ITEMS], 500)
    return [kf.plan(_toggles(cells), time_budget_s=1, progress=False) for cells in (whole, gaps, drawn)]


def _toggles(cells: list[tuple[int, tuple[int, int]]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "entity_type": "item",
            "entity_id": [item for item, _ in cells],
            "brand_id": [brand_id for _, (brand_id, _) in cells],
            "branch_id": [branch_id for _, (_, branch_id) in cells],
            "is_enabled": False,
        }
    )


def _statements(plan: kf.Plan, body: bytes, *, started_at: datetime) -> Iterator[codec.Statement]:
    """Yield what records a finished run of a plan."""
    run = Run(
        run_id=uuid.uuid4().hex,
        plan_id=plan.plan_id,
        plan_digest=plan.digest,
        host=HOST,
        account="a" * 32,
        user="ani",
        machine="laptop",
        started_at=started_at,
        n_rows=plan.n_rows,
        n_requests=plan.n_requests,
        status="finished",
        ended_at=started_at + timedelta(minutes=1),
    )
    requests = [
        replace(
            request,
            attempts=1,
            sent_at=started_at,
            clock_offset_s=0.0123,
            result=RequestResult(
                RequestState.APPLIED, "ok", 200, "status updated", f"req_{uuid.uuid4().hex}", started_at
            ),
        )
        for request in build_requests(plan)
    ]
    columns = ["entity_type", "entity_id", "brand_id", "branch_id"]
    cells = plan.rows[columns].astype(object).itertuples(index=False, name=None)
    before = [CellFlag(Cell(*cell), is_enabled=True) for cell in cells]
    yield from codec.insert_run(run, plan_body=body, requests=requests, before=before)


def _fill(path: Path, plans: list[kf.Plan], n_runs: int) -> None:
    path.touch()
    connection, session_id = open_for_writing(path)
    with closing(connection):
        connection.execute("BEGIN")
        for n in range(n_runs):
            plan = plans[n % len(plans)]
            plan = replace(plan, plan_id=uuid.uuid4().hex)
            body = plan.dump()
            for sql, values in _statements(plan, body, started_at=NOW + timedelta(minutes=n)):
                connection.execute(sql, values)
        connection.execute("UPDATE runs SET applied = n_rows, is_proved = run_no < ?", (n_runs - 3,))
        connection.execute("COMMIT")
        connection.execute("DELETE FROM sessions WHERE session_id = ?", (session_id,))


def _cpu_s(command: Callable[[], object]) -> float:
    times = []
    for _ in range(N_REPEATS):
        started = time.process_time()
        command()
        times.append(time.process_time() - started)
    return min(times)


def _open(path: Path) -> None:
    with open_journal(path):
        pass


def _unproved(path: Path) -> None:
    with open_journal(path) as journal:
        assert len(journal.unproved_runs("a" * 32)) <= 5


def measure(n_runs: int) -> dict[str, float]:
    """Return the size of the file in MB, and how much more processor time each command takes, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        many, single = Path(folder) / "many.sqlite3", Path(folder) / "one.sqlite3"
        plans = _plans()
        _fill(many, plans, n_runs)
        _fill(single, plans, 1)
        commands: dict[str, Callable[[Path], object]] = {
            "opening": _open,
            "runs": lambda path: kf.runs(journal=path),
            "status": lambda path: kf.attach("last", journal=path).so_far().counts,
            "pending": _unproved,
        }
        figures = {"mb": many.stat().st_size / 1e6}
        figures["requests"] = statistics.mean(plan.n_requests for plan in plans)
        for name, command in commands.items():
            figures[name] = _cpu_s(partial(command, many)) - _cpu_s(partial(command, single))
        return figures


def main(n_runs: int) -> None:
    """Print the figures."""
    figures = measure(n_runs)
    print(
        f"{n_runs:,} runs of 500 rows in {figures.pop('requests'):.0f} requests on average: "
        f"{figures.pop('mb'):.0f} MB"
    )
    for name, more_s in figures.items():
        print(f"{name}: {more_s:.3f} s more processor time than on a journal of one run")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else N_RUNS)
