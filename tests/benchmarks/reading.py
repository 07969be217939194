"""How long reading takes, as ratios to what pandas or calamine need for the same bytes read as text.

Run with ``python -m tests.benchmarks.reading``; nothing is asserted. A row count may be given.
"""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import python_calamine

import klikit_frames as kf

T = TypeVar("T")
ROWS = 1_000_000


def main() -> None:
    """Measure each kind of source, and print one line for each."""
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    kf.read_toggles(good_csv(10))  # pandera and the like are loaded once
    for kind in KINDS:
        measure_csv(kind, n_rows, aim=4.0 if kind == "good" else 8.0)
    measure_again(good_csv(n_rows))
    measure_excel(n_rows // 10)
    measure_matrix(2_000, 500)
    measure_names(n_rows // 10)


def good_csv(n_rows: int) -> bytes:
    """Return rows over 20,000 entities and 500 stores, none of them twice."""
    return _csv(_columns(n_rows))


def bad_csv(n_rows: int) -> bytes:
    """Return rows of which each has a bad id of its own and a bad flag."""
    columns = _columns(n_rows)
    columns["entity_id"] = columns["entity_id"].astype(str) + ".5"
    columns["is_enabled"] = "mabye"
    return _csv(columns)


def contradictory_csv(n_rows: int) -> bytes:
    """Return rows of which each says the opposite of another."""
    half = _columns(n_rows // 2)
    return _csv(pd.concat([half.assign(is_enabled="yes"), half.assign(is_enabled="no")]))


def long_csv(n_rows: int) -> bytes:
    """Return rows that all have a cell too many."""
    return good_csv(n_rows).replace(b"lunch", b"lunch,too,many")


def measure_csv(kind: str, n_rows: int, *, aim: float) -> None:
    """Compare `check_toggles` with pandas reading the same text, in time and in memory."""
    content = KINDS[kind](n_rows)
    base, text = _timed(lambda: _read_text(content))
    size = text.memory_usage(deep=True).sum()
    del text
    check_s, _ = _timed(lambda: kf.check_toggles(io.BytesIO(content)))
    report(f"{kind} rows, time", check_s / base, aim=aim, detail=f"{check_s:.2f} s, pandas {base:.2f} s")
    peak = peak_bytes(kind, n_rows)
    detail = f"{peak / 1e6:.0f} MB, the text frame {size / 1e6:.0f} MB"
    report(f"{kind} rows, peak memory", peak / size, aim=3.0, detail=detail)


def show_peak(kind: str, n_rows: int) -> None:
    """Print how much the memory of this process grew at most while checking."""
    content = KINDS[kind](n_rows)
    kf.read_toggles(good_csv(10))
    before = _resident()
    kf.check_toggles(io.BytesIO(content))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)


def measure_again(content: bytes) -> None:
    """Time the check of a frame that was read before, as planning does."""
    toggles = kf.read_toggles(io.BytesIO(content))
    seconds, _ = _timed(lambda: kf.read_toggles(toggles))
    print(f"{'checked again as a frame':32} {seconds:6.2f} s")


def measure_excel(n_rows: int) -> None:
    """Compare with calamine alone."""
    buffer = io.BytesIO()
    _columns(n_rows).to_excel(buffer, index=False, engine="xlsxwriter")
    content = buffer.getvalue()
    base, _ = _timed(
        lambda: python_calamine.load_workbook(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    )
    check_s, _ = _timed(lambda: kf.check_toggles(content))
    print(f"{'spreadsheet':32} {check_s:6.2f} s, calamine {base:.2f} s (aim: at most 1 s more)")


def measure_matrix(n_entities: int, n_stores: int) -> None:
    """Time a sheet of stores across."""
    stores = [f"{663 + store % 8}/{1000 + store}" for store in range(n_stores)]
    cells = np.random.default_rng(7).choice(["on", "off", ""], size=(n_entities, n_stores))
    matrix = pd.DataFrame(cells, columns=stores)
    matrix.insert(0, "entity_id", np.arange(1, n_entities + 1))
    seconds, toggles = _timed(lambda: kf.from_matrix(matrix, entity_type="item"))
    print(f"{'matrix of 2,000 x 500':32} {seconds:6.2f} s (aim: 3 s), {len(toggles):,} toggles")


def measure_names(n_rows: int) -> None:
    """Time the titles of 20,000 items, all of them right, and then all of them misspelt."""
    state = pd.DataFrame({"entity_type": "item", "entity_id": np.arange(1, 20_001)})
    state["title"] = "Nasi Goreng Spesial " + state["entity_id"].astype(str)
    picked = np.random.default_rng(7).integers(0, len(state), n_rows)
    titles = state["title"].iloc[picked].reset_index(drop=True)
    rows = pd.DataFrame({"item": titles, "scope": "business", "is_enabled": True})
    seconds, _ = _timed(lambda: kf.resolve(rows, state))
    print(f"{f'{n_rows:,} names':32} {seconds:6.2f} s (aim: 5 s for 100,000)")
    wrong = rows.assign(item=titles.str.replace("Goreng", "Gorenk"))
    seconds, _ = _timed(lambda: _refused(wrong, state))
    print(f"{f'{n_rows:,} misspelt names':32} {seconds:6.2f} s")


def _refused(rows: pd.DataFrame, state: pd.DataFrame) -> kf.InvalidToggles:
    try:
        kf.resolve(rows, state)
    except kf.InvalidToggles as refusal:
        return refusal
    raise AssertionError("a misspelt name was resolved")


def report(name: str, ratio: float, *, aim: float, detail: str) -> None:
    """Print one ratio beside what is aimed at."""
    print(f"{name:32} {ratio:6.2f} x (aim: {aim:.0f} x) {detail}")


def _columns(n_rows: int) -> pd.DataFrame:
    place = np.arange(n_rows)
    n_entities = max(n_rows // 500, 1)
    return pd.DataFrame(
        {
            "entity_type": np.array(["item", "category", "section"], dtype=object)[place % n_entities % 3],
            "entity_id": 280_000 + place % n_entities,
            "brand_id": 600 + place // n_entities % 8,
            "branch_id": 1_000 + place // n_entities,
            "is_enabled": np.array(["true", "off", "Yes"], dtype=object)[place % 3],
            "title": "Dish " + pd.Series(place % n_entities).astype(str),
            "note": "lunch",
        }
    )


def _csv(columns: pd.DataFrame) -> bytes:
    return columns.to_csv(index=False).encode()


def _read_text(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)


def _timed(action: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    outcome = action()
    return time.perf_counter() - start, outcome


def peak_bytes(kind: str, n_rows: int) -> int:
    """Return how much memory checking takes; in a process of its own, since the highest mark never falls."""
    command = [sys.executable, "-m", "tests.benchmarks.reading", "--peak", kind, str(n_rows)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


KINDS = {"good": good_csv, "bad": bad_csv, "contradictory": contradictory_csv, "long": long_csv}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        show_peak(sys.argv[2], int(sys.argv[3]))
    else:
        main()
