"""What became of every row, from what became of the requests: a pure function of plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from ..frames.schemas import OUTCOMES, RESULT_COLUMNS
from ..model import Cell, Outcome, cell_of
from .journal_codec import microseconds, times
from .lifecycle import Event, RequestState, advance
from .records import Request

if TYPE_CHECKING:
    from ..planning.plan import Plan

_TEXTS = ("outcome", "code", "message", "request_id", "idempotency_key")
_NUMBERS = ("http_status", "request_no", "attempts")
_TIMES = ("sent_at", "settled_at")

# Which of several requests speaks for a row; among equals the owner does. What may have been written outranks
# every refusal.
_RANKS = {
    outcome: rank
    for rank, outcome in enumerate(
        [Outcome.APPLIED, Outcome.UNKNOWN, Outcome.REJECTED, Outcome.FAILED, Outcome.NOT_SENT]
    )
}
_NEEDED = [
    "entity_type",
    "entity_id",
    "brand_id",
    "branch_id",
    "request_no",
    "other_request_nos",
    "skipped_as",
]


class RowOutcome(NamedTuple):
    """The result columns of one row, in their order; times in microseconds since 1970."""

    outcome: Outcome
    code: str | None = None
    http_status: int | None = None
    message: str | None = None
    request_id: str | None = None
    request_no: int | None = None
    idempotency_key: str | None = None
    attempts: int | None = None
    sent_at: int | None = None
    settled_at: int | None = None


_SKIPPED = {
    "unchanged": RowOutcome(
        Outcome.UNCHANGED, code="already_set", message="it had this flag already; nothing was sent"
    ),
    "rejected": RowOutcome(
        Outcome.REJECTED,
        code="not_in_menu",
        message="by the state at hand it is not in this business; nothing was sent",
    ),
    "holds": RowOutcome(
        Outcome.UNCHANGED,
        code="already_set",
        message="it had this flag already; the links that it cascades to cannot be read; nothing was sent",
    ),
    "promised": RowOutcome(
        Outcome.NOT_SENT, code="promised", message="a promise holds this flag until its end; nothing was sent"
    ),
}


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
        Whether the run has ended; if not, the outcomes are those so far.

    Returns
    -------
    DataFrame
        The columns and the index of ``plan.toggles``, then ``RESULT_COLUMNS``.
    """
    toggles = plan.toggles
    resolver = _OutcomeResolver(requests, proofs=proofs, is_over=is_over)
    cells = [resolver.resolve(row) for row in plan.rows[_NEEDED].itertuples(index=False, name=None)]
    return pd.concat([toggles, _result_columns(cells, index=toggles.index)], axis=1)


def count_outcomes(outcomes: Iterable[str]) -> dict[str, int]:
    """Return how many rows ended in each outcome, all six named."""
    counted = Counter(outcomes)
    return {outcome: counted[outcome] for outcome in OUTCOMES}


def settle_by_reading(request: Request, *, seen: bool | None) -> Event | None:
    """Return the event that follows from a flag read back, which is known to be newer than the request.

    A cascade's modifiers cannot be read. A flag that is not as asked settles only a failure that the API
    repeats for as long as the key lives: everything else may still be done, or was undone by somebody.
    """
    target = request.target
    if seen is None or target.cascade_to_modifier_groups or not request.state.needs_reading:
        return None
    if seen is target.is_enabled:
        return Event.CONFIRM
    return Event.REFUTE if request.state is RequestState.STORED_FAILURE else None


class _OutcomeResolver:
    """Finds the request that decided a row."""

    def __init__(
        self, requests: Iterable[Request], *, proofs: Mapping[Cell, bool | None], is_over: bool
    ) -> None:
        self._proofs = proofs
        self._is_over = is_over
        self._whole: dict[int, Request] = {}
        self._parts: dict[int, dict[Cell, Request]] = {}
        self._shared: dict[int, RowOutcome] = {}
        for request in sorted(requests, key=lambda one: one.path):
            self._place(request)

    def resolve(self, row: tuple[Any, ...]) -> RowOutcome:
        """Return the outcome of one row: its entity, its request, the others, why it is skipped."""
        *entity, request_no, others, skipped_as = row
        if pd.isna(request_no):
            return _SKIPPED[skipped_as]
        carriers = (int(request_no), *others)
        if len(carriers) > 1 or self._depends_on_cell(carriers[0]):
            cell = cell_of(*entity)
            outcomes = (self._outcome_of_cell(self._deciding(carrier, cell), cell) for carrier in carriers)
            return min(outcomes, key=lambda one: _RANKS[one.outcome])
        if carriers[0] not in self._shared:
            self._shared[carriers[0]] = self._outcome_of(self._whole.get(carriers[0]))
        return self._shared[carriers[0]]

    def _depends_on_cell(self, request_no: int) -> bool:
        """Tell whether the rows of a request may differ: it was split, or some may have been proved."""
        whole = self._whole.get(request_no)
        return request_no in self._parts or (whole is not None and whole.state.needs_reading)

    def _place(self, request: Request) -> None:
        is_part = len(request.path) > 1
        if not is_part:
            self._whole[request.request_no] = request
        elif request.state is not RequestState.SPLIT:
            # A part is written over its whole, so that each cell ends at the last one that carried it.
            self._parts.setdefault(request.request_no, {}).update(
                dict.fromkeys(request.target.cells(), request)
            )

    def _deciding(self, request_no: int, cell: Cell) -> Request | None:
        return self._parts.get(request_no, {}).get(cell, self._whole.get(request_no))

    def _outcome_of(self, request: Request | None) -> RowOutcome:
        if request is None:
            return RowOutcome(Outcome.NOT_SENT, message=_explain_open(None, is_over=self._is_over))
        result = request.result
        outcome = RowOutcome(
            request.state.outcome,
            request_no=request.request_no,
            idempotency_key=request.key,
            attempts=request.attempts,
            # When it was sent, if it was, the copy of a journal cannot know.
            sent_at=None if request.state is RequestState.UNSEEN else microseconds(request.sent_at),
        )
        if result is None:
            return outcome._replace(message=_explain_open(request, is_over=self._is_over))
        return outcome._replace(
            code=result.code,
            http_status=result.http_status,
            message=result.message,
            request_id=result.request_id,
            settled_at=microseconds(result.settled_at),
        )

    def _outcome_of_cell(self, request: Request | None, cell: Cell) -> RowOutcome:
        outcome = self._outcome_of(request)
        event = settle_by_reading(request, seen=self._proofs.get(cell)) if request else None
        if request is None or event is None:
            return outcome
        said = f"{outcome.message}; {_READ_BACK[event]}" if outcome.message else _READ_BACK[event]
        code = "ok" if event is Event.CONFIRM else outcome.code
        return outcome._replace(outcome=advance(request.state, event).outcome, code=code, message=said)


_READ_BACK = {
    Event.CONFIRM: "reading back shows the flag as asked",
    Event.REFUTE: "reading back shows that it was not",
}


def _explain_open(request: Request | None, *, is_over: bool) -> str:
    """Say what is known of a request without an answer: it may have left, or it never did."""
    if request and request.state.may_have_arrived:
        return "it was sent, and no answer was noted; it may have been written"
    if not is_over:
        return "its turn has not come yet"
    if request and len(request.path) > 1:
        return "a larger request with it was refused; the run ended before its own turn"
    return "the run ended before its turn"


def _result_columns(cells: Sequence[tuple[Any, ...]], *, index: pd.Index) -> pd.DataFrame:
    columns = dict(
        zip(RESULT_COLUMNS, zip(*cells, strict=True) if cells else [()] * len(RESULT_COLUMNS), strict=True)
    )
    # Older pandas keeps whatever stands in a column of texts: plain ones, no members of an enum.
    columns["outcome"] = tuple(map(str, columns["outcome"]))
    made: dict[str, pd.Series] = {name: pd.Series(columns[name], dtype="str") for name in _TEXTS}
    made |= {name: pd.Series(pd.array(columns[name], dtype="Int64")) for name in _NUMBERS}
    made |= {name: times(columns[name]) for name in _TIMES}
    return pd.DataFrame({name: made[name] for name in RESULT_COLUMNS}).set_axis(index, axis=0)
