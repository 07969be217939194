"""What an answer says of its request and of the run, and what became of every row by it: pure rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from ..api.wire import error_text
from ..frames.schemas import OUTCOMES, RESULT_COLUMNS
from ..model import Cell, Outcome, cell_of
from .journal_codec import microseconds, times
from .lifecycle import EndReason, Event, RequestState, advance
from .records import Request, RequestResult

if TYPE_CHECKING:
    from ..api.request_executor import CallResult
    from ..api.wire import ApiResponse
    from ..planning.plan import Plan


# Refusals of what a request asks for, which a smaller request may not meet: one foreign id refuses all the
# others. Every other error says nothing about its rows.
_REFUSALS = {400, 404, 422}
_TOO_LARGE = 413
_NOT_OF_ROWS = {"request_missing_idempotency_key", "request_invalid_range"}
_CREDENTIALS = {401, 403}
_MAY_BE_WRITTEN = "it may have been written"


def classify_response(settled: CallResult, *, n_cells: int, may_have_arrived: bool = False) -> RequestResult:
    """Return what became of a request of `n_cells` flags.

    A 422 (semantically invalid, by the API's page on the envelope) is read like a 400 and a 404: it names no
    flag either, so a request of many is narrowed until those that it is about are alone. A 5xx, and a 2xx
    that does not say what was done, leave open whether the flags were written.

    Parameters
    ----------
    settled : CallResult
        How its sending ended.
    n_cells : int
        How many flags it writes; a refusal of many is ``split``, a refusal of one is ``rejected``.
    may_have_arrived : bool
        Whether the API may have got it in an earlier stretch of the run.
    """
    answer = settled.answer
    # What nobody answered, now or in an earlier stretch, may still be under way, or have been done.
    had_silence = settled.had_silence or may_have_arrived
    event = _event(settled, n_cells=n_cells, had_silence=had_silence)
    state = advance(RequestState.IN_FLIGHT, event)
    if answer is None:
        message = _join(settled.trouble, may_be_written=state is RequestState.UNKNOWN)
        return RequestResult(state, message=message, settled_at=settled.settled_at)
    return RequestResult(
        state,
        # An "ok" that cannot be read is no code: something before the API may have said it.
        code=None if event is Event.LOSE and answer.is_ok else answer.code,
        http_status=answer.http_status,
        message=_join(
            _message(settled, answer, had_silence=had_silence),
            may_be_written=state in {RequestState.UNKNOWN, RequestState.STORED_FAILURE},
        ),
        request_id=answer.request_id,
        settled_at=settled.settled_at,
    )


def stop_reason(settled: CallResult) -> EndReason | None:
    """Return how a run ends on this, or None if it goes on.

    A refused credential is refused for every request, and where no connection opens none will.
    """
    if settled.answer is not None:
        return EndReason.REFUSED if settled.answer.http_status in _CREDENTIALS else None
    return None if settled.was_sent else EndReason.UNREACHABLE


def _event(settled: CallResult, *, n_cells: int, had_silence: bool) -> Event:
    answer = settled.answer
    never_left = Event.LOSE if settled.was_sent or had_silence else Event.WITHHOLD
    if answer is None or answer.http_status == 429:
        return never_left
    if answer.is_ok:
        return Event.ACCEPT if answer.is_readable else Event.LOSE
    if answer.http_status >= 500:
        return Event.REPEAT if settled.is_replayed_failure else Event.LOSE
    if _is_of_rows(answer, n_cells=n_cells):
        return Event.REJECT_ONE if n_cells == 1 else Event.REJECT_MANY
    if had_silence:
        return Event.LOSE
    return Event.DENY if answer.http_status in _CREDENTIALS else Event.FAIL


def _is_of_rows(answer: ApiResponse, *, n_cells: int) -> bool:
    """Tell whether what the request asks for is refused: by the API itself, or by its size."""
    if answer.http_status == _TOO_LARGE:
        # Something before the API may say so; a single flag is no longer too large.
        return n_cells > 1
    return answer.http_status in _REFUSALS and answer.is_readable and answer.code not in _NOT_OF_ROWS


def _message(settled: CallResult, answer: ApiResponse, *, had_silence: bool) -> str:
    if settled.is_replayed_failure and answer.http_status >= 500:
        return f"{answer.message} (a stored failure, repeated by the API under one request_id)".strip()
    if answer.http_status == 409 and had_silence:
        return f"{answer.message} (an earlier try of this request may still be under way)".strip()
    if answer.code == "state_idempotency_conflict":
        return f"{answer.message} (its key was used for another body: please report this bug)".strip()
    said = error_text(answer)
    return f"{said} ({settled.trouble})" if said and settled.trouble else said or settled.trouble or ""


def _join(said: str | None, *, may_be_written: bool) -> str | None:
    return "; ".join(filter(None, [said, _MAY_BE_WRITTEN if may_be_written else None])) or None


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
        for request in sorted(requests, key=lambda part: part.path):
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
            return min(outcomes, key=lambda row_outcome: _RANKS[row_outcome.outcome])
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
