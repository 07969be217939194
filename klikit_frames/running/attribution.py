"""What became of every row, from what became of the requests: a pure function of plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..frames.schemas import OUTCOMES, RESULT_COLUMNS
from .records import Cell, Request, Target, Verdict, cell_of
from .rows import microseconds, times

if TYPE_CHECKING:
    from ..planning.plan import Plan

_TEXTS = ("outcome", "code", "message", "request_id", "idempotency_key")
_NUMBERS = ("http_status", "request_no", "attempts")
_TIMES = ("sent_at", "settled_at")

# Which of several requests speaks for a row; among equals the owner does.
_RANKS = {"applied": 0, "rejected": 1, "unknown": 2, "failed": 3, "not_sent": 4}
_NEEDED = [
    "entity_type",
    "entity_id",
    "brand_id",
    "branch_id",
    "request_no",
    "other_request_nos",
    "skipped_as",
]
_SKIPPED = {
    "unchanged": Verdict(
        "unchanged", code="already_set", message="it had this flag already; nothing was sent"
    ),
    "rejected": Verdict(
        "rejected",
        code="not_in_menu",
        message="by the state at hand it is not in this business; nothing was sent",
    ),
}


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What is told of one row."""

    outcome: str
    verdict: Verdict
    request: Request | None = None

    def cells(self) -> tuple[Any, ...]:
        """Return the values of the result columns, in their order."""
        verdict, request = self.verdict, self.request
        return (
            self.outcome,
            verdict.code,
            verdict.http_status,
            verdict.message,
            verdict.request_id,
            request.request_no if request else None,
            request.key if request else None,
            request.attempts if request else None,
            microseconds(request.sent_at) if request else None,
            microseconds(verdict.settled_at),
        )


def attribute(
    plan: Plan, requests: Iterable[Request], *, proofs: Mapping[Cell, bool | None], is_over: bool = True
) -> pd.DataFrame:
    """Return the result: the plan's toggles, and beside each row what became of it.

    Parameters
    ----------
    plan : Plan
        What was run.
    requests : iterable of Request
        All requests of the run, with all parts; none of those that no journal knows yet.
    proofs : mapping of Cell to bool
        The flags that reading back has shown.
    is_over : bool
        Whether the run has ended; if not, what is told is how it stands.

    Returns
    -------
    DataFrame
        The columns and the index of ``plan.toggles``, then ``RESULT_COLUMNS``.
    """
    toggles = plan.toggles
    told = _OutcomeResolver(requests, proofs=proofs, is_over=is_over)
    cells = [told.cells(row) for row in plan.rows[_NEEDED].itertuples(index=False, name=None)]
    return pd.concat([toggles, _result_columns(cells, index=toggles.index)], axis=1)


def count_outcomes(outcomes: Iterable[str]) -> dict[str, int]:
    """Return how many rows ended in each outcome, all six named."""
    counted = pd.Series(list(outcomes), dtype=object).value_counts()
    return {outcome: int(counted.get(outcome, 0)) for outcome in OUTCOMES}


class _OutcomeResolver:
    """Finds the request that decided a row."""

    def __init__(
        self, requests: Iterable[Request], *, proofs: Mapping[Cell, bool | None], is_over: bool
    ) -> None:
        self._proofs = proofs
        self._is_over = is_over
        self._whole: dict[int, Request] = {}
        self._parts: dict[int, dict[Cell, Request]] = {}
        self._shared: dict[int, tuple[Any, ...]] = {}
        for request in sorted(requests, key=lambda one: one.path):
            self._place(request)

    def cells(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the result columns of one row: its entity, its request, the others, why it is skipped."""
        *entity, request_no, others, skipped_as = row
        if pd.isna(request_no):
            skipped = _SKIPPED[skipped_as]
            return RowOutcome(skipped.word, skipped).cells()
        carriers = (int(request_no), *others)
        if len(carriers) > 1 or self._depends_on_cell(carriers[0]):
            cell = cell_of(*entity)
            fates = (self._fate_in(self._deciding(carrier, cell), cell) for carrier in carriers)
            return min(fates, key=lambda fate: _RANKS[fate.outcome]).cells()
        if carriers[0] not in self._shared:
            self._shared[carriers[0]] = self._fate_of(self._whole.get(carriers[0])).cells()
        return self._shared[carriers[0]]

    def _depends_on_cell(self, request_no: int) -> bool:
        """Tell whether the rows of a request may differ: it was cut, or some may have been proven."""
        return request_no in self._parts or _is_provable(self._fate_of(self._whole.get(request_no)).verdict)

    def _place(self, request: Request) -> None:
        is_part = len(request.path) > 1
        if not is_part:
            self._whole[request.request_no] = request
        elif not _is_split(request):
            # A part is written over its whole, so that each cell ends at the last one that carried it.
            self._parts.setdefault(request.request_no, {}).update(
                dict.fromkeys(request.target.cells(), request)
            )

    def _deciding(self, request_no: int, cell: Cell) -> Request | None:
        return self._parts.get(request_no, {}).get(cell, self._whole.get(request_no))

    def _fate_of(self, request: Request | None) -> RowOutcome:
        known = request.verdict if request is not None else None
        verdict = known or _pending(request, is_over=self._is_over)
        return RowOutcome(verdict.word, verdict, request)

    def _fate_in(self, request: Request | None, cell: Cell) -> RowOutcome:
        fate = self._fate_of(request)
        if request and _is_provable(fate.verdict) and self._is_proven(cell, request.target):
            return RowOutcome("applied", _proven(fate.verdict), request)
        return fate

    def _is_proven(self, cell: Cell, target: Target) -> bool:
        return self._proofs.get(cell) is target.is_enabled and not target.cascade_to_modifier_groups


def _is_split(request: Request) -> bool:
    return request.verdict is not None and request.verdict.word == "split"


def _is_provable(verdict: Verdict) -> bool:
    return verdict.word == "unknown" or verdict.is_replayed


def _pending(request: Request | None, *, is_over: bool) -> Verdict:
    """Say what is known of a request without a verdict: it may have left, or it never did."""
    if request and request.attempts:
        return Verdict("unknown", message="it was sent, and no answer was noted")
    if not is_over:
        return Verdict("not_sent", message="its turn has not come yet")
    if request and len(request.path) > 1:
        return Verdict(
            "not_sent", message="a larger request with it was refused; the run ended before its own turn"
        )
    return Verdict("not_sent", message="the run ended before its turn")


def _proven(verdict: Verdict) -> Verdict:
    said = f"{verdict.message}; " if verdict.message else ""
    return replace(verdict, code="ok", message=f"{said}reading back shows the flag as asked")


def _result_columns(cells: Sequence[tuple[Any, ...]], *, index: pd.Index) -> pd.DataFrame:
    columns = dict(
        zip(RESULT_COLUMNS, zip(*cells, strict=True) if cells else [()] * len(RESULT_COLUMNS), strict=True)
    )
    made: dict[str, pd.Series] = {name: pd.Series(columns[name], dtype="str") for name in _TEXTS}
    made |= {name: pd.Series(pd.array(columns[name], dtype="Int64")) for name in _NUMBERS}
    made |= {name: times(columns[name]) for name in _TIMES}
    return pd.DataFrame({name: made[name] for name in RESULT_COLUMNS}).set_axis(index, axis=0)
