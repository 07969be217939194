"""What the end of a request's tries means for the request and for its run: pure rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..api.wire import error_text
from .lifecycle import EndReason, Event, RequestState, advance
from .records import RequestResult

if TYPE_CHECKING:
    from ..api.request_executor import CallResult
    from ..api.wire import ApiResponse

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
