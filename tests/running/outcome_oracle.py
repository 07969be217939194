"""An oracle of results: every row is held against the sandbox's truth and against what it received."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

import klikit_frames as kf

# Keys of another client begin so; what it does twice is its own affair.
SOMEONE = "someone"
CELL = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]

DEFECTS = ("lost", "doubled", "mislabelled", "false_proofs", "false_restores", "forgotten_writes")


@dataclass(slots=True)
class ScenarioCounts:
    """What was tried and judged in scenarios of faults and accidents."""

    n_scenarios: int = 0
    n_kills: int = 0
    n_rows: int = 0
    n_unknown: int = 0
    n_proofs: int = 0
    n_restored: int = 0
    defects: Counter[str] = field(default_factory=Counter)
    cases: list[str] = field(default_factory=list)

    @property
    def n_defects(self) -> int:
        """How much was not as it must be; 0 is right."""
        return self.defects.total()

    def record(self, **defects: Iterable[object]) -> None:
        """Count defects by their kind, and keep what shows each."""
        for name, cases in defects.items():
            shown = [f"{name}: {case}" for case in cases]
            self.defects[name] += len(shown)
            self.cases += shown

    def __str__(self) -> str:
        return (
            f"{self.n_scenarios:,} scenarios, {self.n_kills:,} kills, {self.n_rows:,} rows, "
            f"{self.n_proofs:,} proofs, {self.n_restored:,} restored; "
            + ", ".join(f"{self.defects[name]} {name.replace('_', ' ')}" for name in DEFECTS)
            + f" ({self.n_unknown} honestly unknown)"
        )


def check_outcomes(
    result: kf.Result,
    plan: kf.Plan,
    sandbox: kf.sandbox.Sandbox,
    *,
    before: pd.DataFrame,
    counts: ScenarioCounts,
    edited: Set[tuple[str, int]] = frozenset(),
) -> None:
    """Hold every row of a result against the sandbox's truth and against what it received.

    Of entities that somebody else has `edited` the server's present flags say nothing about us.
    """
    frame = result.frame
    counts.n_rows += len(frame)
    counts.n_unknown += result.counts["unknown"]
    counts.defects["lost"] += abs(len(frame) - plan.n_rows) + int(frame["outcome"].isna().sum())
    pd.testing.assert_frame_equal(frame[plan.toggles.columns], plan.toggles)
    truth = {key: flag for key, flag in read_flags(sandbox.state()).items() if key[:2] not in edited}
    unedited = [
        row for row in frame.to_dict("records") if (row["entity_type"], row["entity_id"]) not in edited
    ]
    writes = sandbox.requests[sandbox.requests["method"] == "PATCH"]
    own_writes = writes[~writes["key"].str.startswith(SOMEONE, na=False)]
    counts.record(doubled=_find_doubled(sandbox.history(since=1), own_writes))
    counts.record(mislabelled=(row for row in unedited if not _is_true(row, truth)))
    counts.record(mislabelled=_find_wrong_ids(frame, writes))
    counts.record(mislabelled=_find_touched_by_nobody(frame, truth, read_flags(before)))


def read_flags(state: pd.DataFrame) -> dict[tuple[Any, ...], Any]:
    """Return the flag of every cell."""
    cells = state[CELL].astype(object)
    keys = cells.where(cells.notna(), None).itertuples(index=False, name=None)
    return dict(zip(keys, state["is_enabled"].astype(bool).to_list(), strict=True))


def to_key(cell: Any) -> tuple[Any, ...]:
    """Return a cell as a tuple of plain values, with None for the store of a business row."""
    return tuple(None if pd.isna(value) else value for value in cell)


def _is_true(row: dict[Any, Any], truth: dict[tuple[Any, ...], Any]) -> bool:
    """Tell whether what is said of a row is so on the server."""
    key = to_key(row[name] for name in CELL)
    if row["outcome"] == "applied":
        return key in truth and bool(truth[key]) is bool(row["is_enabled"])
    if row["outcome"] == "rejected":
        return key not in truth
    return row["outcome"] in {"failed", "unknown"}


def _find_doubled(history: pd.DataFrame, writes: pd.DataFrame) -> list[object]:
    """Find whole writes that were carried out twice: under one key, or with the very same cells and flag."""
    n_asked = {row["key"]: _count_cells(row["body"]) for row in writes.to_dict("records")}
    ours = history[(history["event"] == "write") & history["key"].isin([*n_asked])]
    keys: dict[object, object] = {}
    cells: dict[object, object] = {}
    doubled: list[object] = []
    for no, rows in ours.groupby("no"):
        key, flag = rows["key"].iloc[0], bool(rows["is_enabled"].iloc[0])
        # What a fault wrote by half is asked for again.
        if len(rows) < n_asked[key]:
            continue
        cell_set = (frozenset(to_key(cell) for cell in rows[CELL].itertuples(index=False, name=None)), flag)
        if key in keys or cell_set in cells:
            doubled.append((no, key, keys.get(key), cells.get(cell_set)))
        keys[key] = cells[cell_set] = no
    return doubled


def _count_cells(body: str) -> int:
    """Return how many cells a request asks for; none where it was torn on its way."""
    try:
        asked = json.loads(body)
    except ValueError:
        return 0
    return len(set(asked["ids"])) * max(1, len(asked.get("zoneStores", [])))


def _find_wrong_ids(frame: pd.DataFrame, writes: pd.DataFrame) -> Iterator[dict[Any, Any]]:
    """Find rows whose request_id, key and status are not those of one request that carried them."""
    by_id = {
        row["request_id"]: row for row in writes.to_dict("records") if isinstance(row["request_id"], str)
    }
    answered = frame[frame["request_id"].notna() & frame["http_status"].notna()]
    return (row for row in answered.to_dict("records") if not _is_of(row, by_id.get(row["request_id"])))


def _is_of(row: dict[Any, Any], request: dict[Any, Any] | None) -> bool:
    if request is None or request["key"] != row["idempotency_key"] or request["status"] != row["http_status"]:
        return False
    body = json.loads(request["body"])
    stores = [(store["brandID"], store["branchID"]) for store in body.get("zoneStores", [])]
    has_store = (row["brand_id"], row["branch_id"]) in stores if row["scope"] == "store" else not stores
    return row["entity_id"] in body["ids"] and has_store and body["isEnabled"] is bool(row["is_enabled"])


def _find_touched_by_nobody(
    frame: pd.DataFrame, truth: dict[tuple[Any, ...], Any], before: dict[tuple[Any, ...], Any]
) -> Iterator[tuple[Any, ...]]:
    """Find flags that changed though no row asked for it; stores follow their business row."""
    asked = {to_key(cell) for cell in frame[CELL].itertuples(index=False, name=None)}
    wide = {key[:2] for key in asked if key[2] == "business"}
    changed = (key for key, flag in truth.items() if before.get(key) != flag)
    return (key for key in changed if key not in asked and not (key[2] == "store" and key[:2] in wide))
