"""What answers mean, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from klikit_frames.api.request_executor import CallResult
from klikit_frames.api.wire import ApiResponse
from klikit_frames.running.classification import classify_response, stop_reason
from klikit_frames.running.lifecycle import RequestState
from klikit_frames.running.records import RequestResult

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def _settled(
    status: int | None,
    *,
    code: str = "x",
    was_sent: bool = True,
    is_readable: bool = True,
    replayed: bool = False,
) -> CallResult:
    answer = None if status is None else ApiResponse(status, code, message="said", is_readable=is_readable)
    return CallResult(answer, 1, NOW, NOW, was_sent, is_replayed_failure=replayed, trouble=None)


@pytest.mark.parametrize(
    ("status", "n_cells", "word"),
    [
        (200, 5, "applied"),
        (204, 1, "applied"),
        (400, 5, "split"),
        (404, 5, "split"),
        (422, 5, "split"),
        (400, 1, "rejected"),
        (404, 1, "rejected"),
        (422, 1, "rejected"),
        (401, 5, "denied"),
        (403, 1, "denied"),
        (413, 5, "split"),
        (413, 1, "failed"),
        (405, 1, "failed"),
        (409, 5, "failed"),
        (409, 1, "failed"),
        (500, 1, "unknown"),
        (503, 5, "unknown"),
        (307, 1, "failed"),
        (None, 5, "unknown"),
    ],
)
def test_classify_response__by_status(status: int | None, n_cells: int, word: str) -> None:
    """Each status means one thing for a request of one flag, or of many."""
    assert classify_response(_settled(status), n_cells=n_cells).status == word


def test_classify_response__never_sent() -> None:
    """What never left is not sent, unless an earlier stretch of the run may have sent it."""
    settled = _settled(None, was_sent=False)
    assert classify_response(settled, n_cells=1).status == "not_sent"
    assert classify_response(settled, n_cells=1, may_have_arrived=True).status == "unknown"


def test_classify_response__refused_for_the_rate() -> None:
    """A 429 promises that nothing was done."""
    assert classify_response(_settled(429, was_sent=False), n_cells=5).status == "not_sent"
    assert classify_response(_settled(429, was_sent=True), n_cells=5).status == "unknown"


@pytest.mark.parametrize(
    ("status", "word"),
    [*((status, "unknown") for status in (401, 403, 307, 409, 503)), (404, "rejected")],
)
def test_classify_response__after_silence(status: int, word: str) -> None:
    """A conflict or a failure after a try that nobody answered does not tell what became of that try."""
    assert classify_response(_settled(status), n_cells=1, may_have_arrived=True).status == word
    silent = replace(_settled(status), had_silence=True)
    assert classify_response(silent, n_cells=1).status == word


@pytest.mark.parametrize(
    ("status", "word"), [(200, "unknown"), (404, "failed"), (400, "failed"), (413, "split"), (502, "unknown")]
)
def test_classify_response__page_of_a_proxy(status: int, word: str) -> None:
    """What is not the API's envelope neither accepts a row nor blames it."""
    result = classify_response(_settled(status, is_readable=False), n_cells=5)
    assert result.status == word
    assert (result.code is None) == (status == 200)


def test_classify_response__stored_failure() -> None:
    """A failure that the API repeats is told as such, silence before it or not: only reading settles it."""
    for may_have_arrived in (False, True):
        result = classify_response(_settled(502, replayed=True), n_cells=1, may_have_arrived=may_have_arrived)
        assert result.status == "stored_failure"
        assert result.status.outcome == "unknown"


def test_classify_response__key_is_missing() -> None:
    """A complaint about our own headers is not the rows' fault, so nothing is narrowed."""
    assert (
        classify_response(_settled(400, code="request_missing_idempotency_key"), n_cells=5).status == "failed"
    )


def test_classify_response__messages() -> None:
    """A repeated failure and a conflict of keys say so beside the API's own words."""
    assert "a stored failure" in str(classify_response(_settled(502, replayed=True), n_cells=1).message)
    conflict = classify_response(_settled(409, code="state_idempotency_conflict"), n_cells=1)
    assert str(classify_response(_settled(503), n_cells=1).message).endswith("it may have been written")
    assert conflict.message == "said (its key was used for another body: please report this bug)"


@pytest.mark.parametrize(
    ("settled", "ending"),
    [
        (_settled(401), "refused"),
        (_settled(403), "refused"),
        (_settled(404), None),
        (_settled(503), None),
        (_settled(200), None),
        (_settled(None), None),
        (_settled(None, was_sent=False), "unreachable"),
    ],
)
def test_ends_run(settled: CallResult, ending: str | None) -> None:
    """A refused credential, and a server that nobody can reach, end the run; nothing else does."""
    assert stop_reason(settled) == ending


@pytest.mark.parametrize(
    ("settled", "options", "expected"),
    [
        (
            CallResult(ApiResponse(200, "ok", request_id="r-1"), 1, NOW, NOW, was_sent=True),
            {},
            RequestResult(RequestState.APPLIED, "ok", 200, None, "r-1", NOW),
        ),
        (
            CallResult(None, 1, NOW, NOW, was_sent=True, trouble="no answer"),
            {},
            RequestResult(
                RequestState.UNKNOWN, message="no answer; it may have been written", settled_at=NOW
            ),
        ),
        (
            CallResult(None, 1, NOW, NOW, was_sent=False, trouble="refused"),
            {},
            RequestResult(RequestState.NOT_SENT, message="refused", settled_at=NOW),
        ),
        (
            CallResult(None, 1, NOW, NOW, was_sent=True),
            {},
            RequestResult(RequestState.UNKNOWN, message="it may have been written", settled_at=NOW),
        ),
        (
            CallResult(ApiResponse(500, "x", "said"), 1, NOW, NOW, was_sent=True, is_replayed_failure=True),
            {},
            RequestResult(
                RequestState.STORED_FAILURE,
                "x",
                500,
                "said (a stored failure, repeated by the API under one request_id); it may have been written",
                settled_at=NOW,
            ),
        ),
        (
            CallResult(ApiResponse(409, "x", "said"), 1, NOW, NOW, was_sent=True),
            {"may_have_arrived": True},
            RequestResult(
                RequestState.UNKNOWN,
                "x",
                409,
                "said (an earlier try of this request may still be under way); it may have been written",
                settled_at=NOW,
            ),
        ),
    ],
)
def test_classify_response__whole_results(
    settled: CallResult, options: dict[str, bool], expected: RequestResult
) -> None:
    """All that an answer says is in the result, and what it leaves open is said."""
    assert classify_response(settled, n_cells=2, **options) == expected


def test_classify_response__trouble_beside_an_answer() -> None:
    """What went wrong on the way is said beside the API's own words."""
    settled = replace(_settled(410), trouble="a try was lost", had_silence=False)
    message = str(classify_response(settled, n_cells=2).message)
    assert message.startswith("said")
    assert message.endswith(" (a try was lost)")
    assert "may still be under way" not in str(
        classify_response(replace(settled, had_silence=True), n_cells=2).message
    )
    assert "stored failure" not in str(classify_response(_settled(404, replayed=True), n_cells=1).message)


def test_classify_response__too_large() -> None:
    """A body that is too large is cut down to single flags, and no further."""
    assert classify_response(_settled(413), n_cells=2).status == "split"
    assert classify_response(_settled(413), n_cells=1).status == "failed"


@pytest.mark.parametrize(
    ("said", "trouble", "told"),
    [
        ("said", "then the line broke", "said (then the line broke)"),
        ("said", None, "said"),
        ("", "then the line broke", "then the line broke"),
        ("", None, None),
    ],
)
def test_classify_response__tells_what_was_said_and_what_befell_it(
    said: str, trouble: str | None, told: str | None
) -> None:
    """The API's own words come first, and what befell the answer after them, each only where there is one."""
    settled = replace(_settled(405), answer=ApiResponse(405, "x", message=said), trouble=trouble)
    assert classify_response(settled, n_cells=1).message == told
