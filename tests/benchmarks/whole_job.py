"""One change of 20,000 rows, done four ways: the requests it takes, and the time under a rate cap.

Run it with ``python -m tests.benchmarks.whole_job``. Every way really runs, with the cap off, against a
sandbox made new each time, and is checked against its truth. The minutes under a cap are the requests divided
by the cap: nobody waits five hours to see them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import httpx
import numpy as np
import pandas as pd

import klikit_frames as kf

N_ROWS = 20_000
_CAP_OFF = 1_000_000
_STORE = ["brand_id", "branch_id"]


@dataclass(frozen=True)
class Way:
    """One way of doing the change, as measured."""

    name: str
    n_requests: int
    seconds: float

    def row(self, baseline: Way) -> dict[str, object]:
        """Return the line of the table."""
        return {
            "way": self.name,
            "requests": self.n_requests,
            "seconds, cap off": round(self.seconds, 2),
            "minutes at 60": round(self.n_requests / 60, 1),
            "minutes at 300": round(self.n_requests / 300, 1),
            "requests saved": f"{baseline.n_requests / self.n_requests:,.0f} x",
        }


def make_change(state: pd.DataFrame, *, seed: int = 11) -> pd.DataFrame:
    """Return 20,000 store rows as a chain has them: lists of a brand's dishes, each off in some stores."""
    draw = np.random.default_rng(seed)
    cells = state.loc[state["scope"].eq("store") & state["entity_type"].eq("item"), ["entity_id", *_STORE]]
    lists = [_pick(menu, draw) for _, menu in cells.groupby("brand_id") for _ in range(3)]
    rows = pd.concat(lists, ignore_index=True).drop_duplicates().head(N_ROWS)
    shuffled = rows.sample(frac=1, random_state=seed).reset_index(drop=True)
    return shuffled.assign(entity_type="item", is_enabled=False)


def _pick(menu: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    """Return a list of a brand's dishes in a list of its stores."""
    dishes = draw.choice(menu["entity_id"].unique(), int(draw.integers(6, 16)), replace=False)
    branches = draw.choice(menu["branch_id"].unique(), int(draw.integers(10, 30)), replace=False)
    return menu[menu["entity_id"].isin(dishes) & menu["branch_id"].isin(branches)]


def per_row(rows: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Yield one call per row, as a first script does it."""
    cells = rows[["entity_id", *_STORE]].itertuples(index=False, name=None)
    for entity_id, brand_id, branch_id in cells:
        yield _body([entity_id], [(brand_id, branch_id)])


def per_store(rows: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Yield one call per store, as a second script does it."""
    for store, group in rows.groupby(_STORE):
        brand_id, branch_id = cast("tuple[int, int]", store)
        yield _body(group["entity_id"], [(brand_id, branch_id)])


def equal_sets(rows: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Yield one call per set of stores with equal lists of dishes, as a good script does it."""
    lists = rows.groupby(_STORE)["entity_id"].agg(lambda ids: tuple(sorted(ids)))  # type: ignore[type-var]
    for ids, group in lists.groupby(lists):
        yield _body(ids, group.index)


def _body(ids: Iterable[int], stores: Iterable[tuple[int, int]]) -> dict[str, object]:
    pairs = [{"brandID": int(brand), "branchID": int(branch)} for brand, branch in stores]
    return {"ids": [int(entity_id) for entity_id in ids], "isEnabled": False, "zoneStores": pairs}


def send_plainly(
    sandbox: kf.sandbox.Sandbox,
    rows: pd.DataFrame,
    bodies: Callable[[pd.DataFrame], Iterator[dict[str, object]]],
) -> int:
    """Send every body with bare httpx, one after the other; return how many there were."""
    auth = (sandbox.partner_key, sandbox.secret_key)
    with httpx.Client(base_url=sandbox.url, auth=auth, timeout=60) as http:
        answers = [http.patch("/menus/items/enable", json=body).raise_for_status() for body in bodies(rows)]
    return len(answers)


def send_with_us(sandbox: kf.sandbox.Sandbox, rows: pd.DataFrame) -> int:
    """Read, check, plan and run the same rows with klikit_frames, journal on; return the requests.

    No menus are read first, as in the other ways: what that costs is said beside the figures.
    """
    plan = kf.plan(kf.read_toggles(rows))
    with sandbox.connect(writes_per_minute=_CAP_OFF) as client, TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.sqlite3"
        kf.run(plan, client, journal=journal, before="none", progress=False).raise_for_failures()
    return plan.n_requests


def measure() -> pd.DataFrame:
    """Return one row per way: requests, seconds with the cap off, minutes under the caps."""
    ways: dict[str, Callable[[kf.sandbox.Sandbox, pd.DataFrame], int]] = {
        "one call per row": partial(send_plainly, bodies=per_row),
        "one call per store": partial(send_plainly, bodies=per_store),
        "equal sets in pandas": partial(send_plainly, bodies=equal_sets),
        "klikit_frames": send_with_us,
    }
    with kf.sandbox.serve(scale="large") as sandbox:
        rows = make_change(sandbox.state())
        done = [_measure_one(sandbox, rows, name=name, send=send) for name, send in ways.items()]
    return pd.DataFrame([way.row(done[0]) for way in done])


def _measure_one(
    sandbox: kf.sandbox.Sandbox,
    rows: pd.DataFrame,
    *,
    name: str,
    send: Callable[[kf.sandbox.Sandbox, pd.DataFrame], int],
) -> Way:
    sandbox.reset()
    began = time.perf_counter()
    n_requests = send(sandbox, rows)
    seconds = time.perf_counter() - began
    _check_truth(sandbox, rows)
    return Way(name, n_requests, seconds)


def _check_truth(sandbox: kf.sandbox.Sandbox, rows: pd.DataFrame) -> None:
    keys = ["entity_type", "entity_id", *_STORE]
    compared = rows.merge(sandbox.state(), on=keys, how="left", suffixes=("", "_live"))
    if not compared["is_enabled_live"].eq(False).fillna(False).all():
        raise AssertionError("not every row came true")


if __name__ == "__main__":
    print(f"{N_ROWS:,} rows; 'requests saved' is against one call per row.")
    print(measure().to_string(index=False))
