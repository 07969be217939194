"""What the pickers cost at 50,000 rows and the matrix editor at 500 × 100: seconds, and bytes to the page.

Run it with ``python -m tests.benchmarks.forms``; nothing is asserted. What a person waits for, browser and
all, is measured by ``pytest tests/browser/test_pickers.py -k large -s``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

import klikit_frames as kf

N_ROWS = 50_000
COMMANDS: dict[str, dict[str, object]] = {
    "search for a title": {"type": "search", "text": "dish 4999"},
    "search that all match": {"type": "search", "text": "dish"},
    "filter by section": {"type": "filter", "name": "section", "choice": "Section 3"},
    "sort by title": {"type": "sort", "column": "title"},
    "tick all that match": {"type": "tick_matching"},
    "invert": {"type": "invert"},
    "undo": {"type": "undo"},
}


def main() -> None:
    """Measure, and print one table."""
    kf.forms.EntityPicker(business_state(10))  # ipywidgets and the like are loaded once
    print(pd.DataFrame([*picker_lines(), *editor_lines()]).to_string(index=False))


def business_state(n_rows: int) -> pd.DataFrame:
    """Return `n_rows` dishes at business level, with SKU and path."""
    n = np.arange(n_rows)
    missing = pd.array([pd.NA] * n_rows, dtype="Int64")
    state = pd.DataFrame({"entity_type": "item", "entity_id": n + 1, "scope": "business"})
    state = state.assign(brand_id=missing, branch_id=missing, is_enabled=pd.array(n % 3 > 0, dtype="boolean"))
    state["title"], state["sku"] = [f"Dish {i}" for i in n], [f"SKU{i}" for i in n]
    return state.assign(path=[f"Section {i % 9} › Category {i % 90}" for i in n])


def store_state() -> pd.DataFrame:
    """Return 500 dishes in 100 stores."""
    n = np.arange(N_ROWS)
    state = pd.DataFrame({"entity_type": "item", "entity_id": n // 100 + 1, "scope": "store"})
    state = state.assign(brand_id=n % 100 // 25 + 1, branch_id=n % 25 + 11)
    state["is_enabled"] = pd.array(n % 7 > 0, dtype="boolean")
    return state.assign(title=[f"Dish {i}" for i in n // 100 + 1])


def picker_lines() -> list[dict[str, object]]:
    """Return one line for making a picker, and one per command."""
    state = business_state(N_ROWS)
    picker: Any
    picker, made = timed(lambda: kf.forms.EntityPicker(state))
    lines = [line("make a picker of 50,000", made, n_bytes=n_bytes(picker, keys=None))]
    for what, command in COMMANDS.items():
        commands = [{**command, "seq": picker.done + 1}]
        _, took = timed(partial(picker.set_trait, "commands", commands))
        lines.append(line(what, took, n_bytes=n_bytes(picker, keys=["rows", "summary", "view"])))
    return [*lines, line("selected as a frame", timed(lambda: picker.selected)[1], n_bytes=0)]


def editor_lines() -> list[dict[str, object]]:
    """Return one line for making an editor, and one for switching a whole store."""
    state = store_state()
    editor: Any
    editor, made = timed(lambda: kf.forms.MatrixEditor(state))
    press = [{"type": "press", "store": "1:11", "seq": 1}]
    _, took = timed(lambda: editor.set_trait("commands", press))
    return [
        line("make an editor of 500 × 100", made, n_bytes=n_bytes(editor, keys=None)),
        line("switch a whole store", took, n_bytes=n_bytes(editor, keys=["rows", "summary", "view"])),
    ]


def timed(work: Callable[[], object]) -> tuple[object, float]:
    """Return what `work` returns, and its seconds."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def n_bytes(widget: kf.forms.EntityPicker, *, keys: list[str] | None) -> int:
    """Return the bytes that these traits take on their way to the page; None means all."""
    return len(json.dumps(widget.get_state(keys), default=str).encode())


def line(what: str, seconds: float, *, n_bytes: int) -> dict[str, object]:
    """Return one line of the table."""
    return {"what": what, "seconds": round(seconds, 3), "bytes": n_bytes}


if __name__ == "__main__":
    main()
