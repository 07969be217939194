"""What a journal knows of a run that is over: its plan, its result, and the flags from before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import JournalError
from ..planning.plan import parse_plan
from ..running import locks
from ..running.attribution import attribute
from ..running.journal import JournalPath, journal_path, open_journal
from .matching import booleans, flags, match_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..running.records import CellFlag, Run


@dataclass(frozen=True, eq=False)
class Recalled:
    """A run as its journal has it.

    Attributes
    ----------
    run : Run
        Its ids, host and times.
    frame : DataFrame
        Its result, one row per input row.
    before : Series of boolean
        The flag of each row's cell before the run; missing where nobody noted it.
    """

    run: Run
    frame: pd.DataFrame
    before: pd.Series


def recall(run_id: str, *, journal: JournalPath = None) -> Recalled:
    """Return what the journal knows of a run; reads the journal, nothing else.

    Raises
    ------
    JournalError
        The journal cannot be read, does not know the run, or another process is at it.
    """
    with open_journal(journal) as book:
        run_id = book.find_run_id(run_id)
        run = book.run(run_id)
        with locks.hold(book.lock_path(run.plan_id), what=f"Run {run_id}"):
            plan = parse_plan(book.plan_body(run_id))
            proofs = {
                flag.cell: bool(flag.is_enabled)
                for flag in book.flags(run_id, "proof")
                if flag.is_enabled is not None
            }
            frame = attribute(plan, book.requests(run_id), proofs=proofs)
            return Recalled(run, frame, _before(frame, plan.before, book.flags(run_id, "before")))


def recall_before(run_id: str, *, journal: JournalPath = None) -> pd.Series | None:
    """Return the flags from before a run, or None if no journal at hand knows it; makes no journal."""
    path = journal_path(journal)
    if path is None or not path.exists():
        return None
    try:
        return recall(run_id, journal=journal).before
    except JournalError:
        return None


def _before(frame: pd.DataFrame, planned: pd.Series, noted: Iterable[CellFlag]) -> pd.Series:
    """Return what the run itself noted, and for the rest what the plan knew."""
    known = _cells(noted)
    own = flags(known["is_enabled"], match_rows(frame, within=known))
    told = np.where(own >= 0, own, flags(planned))
    return booleans(told).set_axis(frame.index)


def _cells(noted: Iterable[CellFlag]) -> pd.DataFrame:
    """Return noted flags as a state; of a cell that was noted twice the first is the one from before."""
    rows = {flag.cell: (*flag.cell, flag.is_enabled) for flag in reversed(list(noted))}
    columns = ["entity_type", "entity_id", "brand_id", "branch_id", "is_enabled"]
    frame = pd.DataFrame([*rows.values()], columns=columns)
    frame = frame.astype(
        {"entity_id": "Int64", "brand_id": "Int64", "branch_id": "Int64", "is_enabled": "boolean"}
    )
    return frame.assign(scope=np.where(frame["brand_id"].isna(), "business", "store"))
