"""What one answer means for the request that it answers: pure rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..api.wire import explain
from .records import Verdict

if TYPE_CHECKING:
    from ..api.retries import Settled
    from ..api.wire import Answer

# Refusals of what a request asks for, which a smaller request may not meet: one foreign id refuses all the
# others. Every other error says nothing about its rows.
_REFUSALS = {400, 404, 422}
_NOT_OF_ROWS = {"request_missing_idempotency_key", "request_invalid_range"}
_CREDENTIALS = {401, 403}


def judge(
    settled: Settled, *, n_cells: int, is_stopping: bool = False, may_have_arrived: bool = False
) -> Verdict:
    """Return what became of a request of `n_cells` flags.

    A 422 (semantically invalid, by the API's page on the envelope) is read like a 400 and a 404: it names no
    flag either, so a request of many is narrowed until those that it is about are alone.

    Parameters
    ----------
    settled : Settled
        How its sending ended.
    n_cells : int
        How many flags it writes; a refusal of many is ``split``, a refusal of one is ``rejected``.
    is_stopping : bool
        Whether the run was told to end, so that tries may have been left out.
    may_have_arrived : bool
        Whether the API may have got it in an earlier stretch of the run.
    """
    answer = settled.answer
    unheard = "unknown" if settled.was_sent or may_have_arrived else "not_sent"
    if answer is None:
        return Verdict(unheard, message=settled.trouble, settled_at=settled.settled_at)
    # What nobody answered, now or in an earlier stretch, may still be under way, or have been done.
    had_silence = settled.had_silence or may_have_arrived
    is_cut_short = is_stopping and answer.http_status >= 500
    word = _word(answer, n_cells=n_cells, unheard=unheard)
    # A stored failure will be repeated for as long as the key lives; only reading back can settle it.
    if word == "failed" and (had_silence or is_cut_short) and not settled.is_replayed_failure:
        word = unheard
    return Verdict(
        word,
        # An "ok" that cannot be read is no code: something before the API may have said it.
        code=None if word == "unknown" and answer.is_ok else answer.code,
        http_status=answer.http_status,
        message=_message(settled, answer, had_silence=had_silence),
        request_id=answer.request_id,
        settled_at=settled.settled_at,
        is_replayed=settled.is_replayed_failure,
    )


def stop_reason(settled: Settled) -> str | None:
    """Return how a run ends on this, or None if it goes on.

    A refused credential is refused for every request, and where no connection opens none will.
    """
    if settled.answer is not None:
        return "refused" if settled.answer.http_status in _CREDENTIALS else None
    return None if settled.was_sent else "unreachable"


def _word(answer: Answer, *, n_cells: int, unheard: str) -> str:
    if answer.is_ok:
        return "applied" if answer.is_readable else "unknown"
    if answer.http_status == 429:
        return unheard
    if _is_of_rows(answer):
        return "rejected" if n_cells == 1 else "split"
    return "failed"


def _is_of_rows(answer: Answer) -> bool:
    """Tell whether the API itself, not something before it, refuses what the request asks for."""
    return answer.http_status in _REFUSALS and answer.is_readable and answer.code not in _NOT_OF_ROWS


def _message(settled: Settled, answer: Answer, *, had_silence: bool) -> str | None:
    if settled.is_replayed_failure:
        return f"{answer.message} (a stored failure, repeated by the API under one request_id)".strip()
    if answer.http_status == 409 and had_silence:
        return f"{answer.message} (an earlier try of this request may still be under way)".strip()
    if answer.code == "state_idempotency_conflict":
        return f"{answer.message} (its key was used for another body: please report this bug)".strip()
    return " ".join(part for part in (explain(answer), _of(settled.trouble)) if part) or None


def _of(trouble: str | None) -> str:
    return f"({trouble})" if trouble else ""
