"""What a world is made of: what was counted, a run as its analysts know it, and what a seed draws of it."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

import klikit_frames as kf

from . import oracle
from .model_api import Cell, Switches
from .seasons import NO_CAP
from .visits import Visit

# What may be a step, and how often it is.
STEPS = {
    "run": 10,
    "resume": 8,
    "start": 1,
    "verify": 3,
    "undo": 5,
    "publish": 4,
    "schedule": 2,
    "tick": 3,
    "change_agenda": 1,
    "audit": 1,
    "reconcile": 1,
    "fleet": 1,
    "prune": 1,
    "move": 3,
    "others_edit": 3,
    "others_publish": 3,
    "others_revert": 0,
    "set_clock": 2,
    "let_time_pass": 3,
}
N_STEPS = 24


@dataclass(slots=True)
class WorldCounts:
    """What was played and judged."""

    n_worlds: int = 0
    n_runs: int = 0
    n_days: float = 0.0
    n_rows: int = 0
    n_proofs: int = 0
    n_restored: int = 0
    n_promises: int = 0
    n_audited: int = 0
    accidents: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    visits: Counter[Visit] = field(default_factory=Counter)

    def add(self, other: WorldCounts) -> None:
        """Add what another process has played."""
        for counted in fields(self):
            setattr(self, counted.name, getattr(self, counted.name) + getattr(other, counted.name))

    def __str__(self) -> str:
        kinds = ", ".join(f"{n:,} {name}" for name, n in sorted(self.accidents.items()))
        return (
            f"{self.n_worlds:,} worlds, {self.n_days:,.0f} simulated days, {self.n_runs:,} runs, "
            f"{sum(self.accidents.values()):,} accidents ({kinds})\n"
            f"judged: {self.n_rows:,} rows ({self._shares()}), {self.n_proofs:,} proofs, "
            f"{self.n_audited:,} audited rows, {self.n_restored:,} restored cells, "
            f"{self.n_promises:,} promises"
        )

    def _shares(self) -> str:
        n_all = max(1, sum(self.outcomes.values()))
        return ", ".join(f"{n / n_all:.0%} {outcome}" for outcome, n in self.outcomes.most_common())


@dataclass(slots=True)
class RunRecord:
    """A run that was begun: its plan, what it may write, and its last result."""

    plan: kf.Plan
    cap: int = NO_CAP
    result: kf.Result | None = None
    rules: dict[str, Any] = field(default_factory=dict)
    table: list[tuple[Cell, bool]] = field(init=False)
    asked: dict[Cell, set[bool]] = field(init=False)

    def __post_init__(self) -> None:
        self.table = oracle.asked_rows(self.plan.toggles)
        self.asked = {cell: {flag} for cell, flag in self.table}


def draw_switches(draw: random.Random, *, is_small: bool = False) -> Switches:
    """Draw how an API behaves where its documentation is silent; `is_small`: it takes small requests only."""
    return Switches(
        honours_keys=draw.random() < 0.8,
        replays_errors=draw.random() < 0.4,
        spells_upper=draw.random() < 0.3,
        has_date=draw.random() < 0.9,
        skew_s=draw.choice([0.0, 0.0, 0.0, 7_200.0, -7_200.0]),
        # What waits for longer than an hour nobody can tell from what is done.
        publish_delay_s=draw.choice([0.0, 0.0, 0.0, 60.0, 1_800.0]),
        publish_counts=draw.choice(["true", "true", "true", "short", "zero", "missing"]),
        most_cells=5 if draw.random() < 0.25 or is_small else None,
    )


def to_toggles(wanted: Mapping[Cell, bool]) -> pd.DataFrame:
    """Return a table that asks for these flags."""
    rows = [(*cell, flag) for cell, flag in wanted.items()]
    frame = pd.DataFrame(rows, columns=[*oracle.CELL, "is_enabled"])
    return frame.astype({"brand_id": "Int64", "branch_id": "Int64"})


def nonzero(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts that there are."""
    return {name: n for name, n in counts.items() if n}


@contextmanager
def state_home(folder: Path) -> Iterator[None]:
    """Let what a person keeps lie in this folder meanwhile."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(folder)
    try:
        yield
    finally:
        del os.environ["XDG_STATE_HOME"]
        if before is not None:
            os.environ["XDG_STATE_HOME"] = before


def attempt(work: Callable[[], Any]) -> Any:
    """Return what `work` brings, or the name of the package's error that it raises."""
    try:
        return work()
    except kf.KlikitFramesError as error:
        return type(error).__name__
