"""What a tick costs with 10,000 promises over 400 stores, and how many requests it sends.

    python -m tests.benchmarks.promises

Printed: the processor time of a tick with nothing due (target: under 50 ms), beside a reading of ``/brands``
by the same client, which is all that such a tick asks; and the requests of a tick with 1,000 due, beside the
lower bound of a plan of the same rows.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

import klikit_frames as kf

N_STORES, N_DISHES, N_DUE_STORES = 400, 25, 40
N_REPEATS = 9
_CELL = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]


def promised_rows(sandbox: kf.sandbox.Sandbox) -> pd.DataFrame:
    """Return 25 dishes in each of 400 stores, off for an hour: soon in 40 of them, tomorrow in the others."""
    state = sandbox.state()
    dishes = state[state["scope"].eq("store") & state["entity_type"].eq("item") & state["is_enabled"]]
    stores = dishes.groupby(["brand_id", "branch_id"])
    rows = stores.head(N_DISHES)[[*_CELL, "title"]]
    rows = rows[stores.ngroup().loc[rows.index] < N_STORES].assign(is_enabled=False)
    is_soon = stores.ngroup().loc[rows.index] < N_DUE_STORES
    soon = pd.Timestamp.now(tz="UTC") + pd.Timedelta("1h")
    starts = pd.Series(soon + pd.Timedelta("24h"), index=rows.index).mask(is_soon, soon)
    return rows.assign(starts_at=starts, ends_at=starts + pd.Timedelta("1h"))


def processor_ms(call: Callable[[], object]) -> float:
    """Return the median processor time of a call, in milliseconds."""
    spent = []
    for _ in range(N_REPEATS):
        began = time.process_time()
        call()
        spent.append(1_000 * (time.process_time() - began))
    return statistics.median(spent)


def main() -> None:
    """Print the figures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        kf.sandbox.serve(scale="large") as sandbox,
        sandbox.connect(writes_per_minute=1_000_000, reads_per_minute=1_000_000) as client,
    ):
        journal = Path(folder) / "journal.sqlite3"
        rows = promised_rows(sandbox)
        began = time.process_time()
        kf.schedule(rows, client, journal=journal)
        print(f"schedule {len(rows):,} rows: {time.process_time() - began:.1f} s of processor time")
        nothing = processor_ms(lambda: kf.tick(client, journal=journal, progress=False))
        reading = processor_ms(lambda: client.read("/brands"))
        print(f"tick with nothing due: {nothing:.1f} ms, beside {reading:.1f} ms for the reading in it")
        sandbox.move_clock(3_601)
        n_before = sandbox.requests["method"].eq("PATCH").sum()
        kept = kf.tick(client, journal=journal, progress=False)
        n_sent = sandbox.requests["method"].eq("PATCH").sum() - n_before
        bound = kf.plan(
            rows[rows["starts_at"] == rows["starts_at"].min()][[*_CELL, "is_enabled"]]
        ).lower_bound
        print(f"tick with {len(kept):,} due: {n_sent} requests, no fewer than {bound} possible")


if __name__ == "__main__":
    main()
