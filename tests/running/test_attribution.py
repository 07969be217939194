"""What answers mean for their requests, and requests for their rows: every combination, in plain values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.api.request_executor import CallResult
from klikit_frames.api.wire import ApiResponse
from klikit_frames.model import Cell
from klikit_frames.running.attribution import attribute, classify_response, count_outcomes, stop_reason
from klikit_frames.running.lifecycle import RequestState
from klikit_frames.running.records import Request, RequestResult
from klikit_frames.running.request_trees import build_part, build_request, build_requests
from tests.fixtures import column, wrong

NOW = datetime(2026, 11, 23, 14, 5, 6, 789_012, tzinfo=UTC)


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
    """A failure that the API repeats is a stored failure, after silence or not: only reading settles it."""
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
    ("said", "trouble", "message"),
    [
        ("said", "then the line broke", "said (then the line broke)"),
        ("said", None, "said"),
        ("", "then the line broke", "then the line broke"),
        ("", None, None),
    ],
)
def test_classify_response__tells_what_was_said_and_what_befell_it(
    said: str, trouble: str | None, message: str | None
) -> None:
    """The API's own words come first, and what befell the answer after them, each only where there is one."""
    settled = replace(_settled(405), answer=ApiResponse(405, "x", message=said), trouble=trouble)
    assert classify_response(settled, n_cells=1).message == message


class PlanOfTwo:
    """A plan of one row that two requests carry."""

    def __init__(self) -> None:
        plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
        self.toggles = plan.toggles
        self.rows = plan.rows.assign(other_request_nos=column((2,)))
        (first,) = build_requests(plan)
        self.requests = [first, build_request(first.target, path=(2,))]


def _row_of(plan: Any, requests: list[Request], proofs: dict[Cell, bool] | None = None) -> dict[Any, Any]:
    (row,) = attribute(plan, requests, proofs=proofs or {}).to_dict("records")
    return row


def _end(request: Request, word: str) -> Request:
    return replace(
        request,
        attempts=1,
        result=RequestResult(RequestState(word), code=word, request_id=f"of {request.path}"),
    )


@pytest.mark.parametrize(
    ("owner", "other", "outcome", "by"),
    [
        ("applied", "applied", "applied", 1),
        ("failed", "applied", "applied", 2),
        ("unknown", "applied", "applied", 2),
        ("failed", "unknown", "unknown", 2),
        ("failed", "failed", "failed", 1),
        ("unknown", "unknown", "unknown", 1),
        ("not_sent", "failed", "failed", 2),
        ("not_sent", "unknown", "unknown", 2),
        ("rejected", "unknown", "unknown", 2),
        ("failed", "rejected", "rejected", 2),
    ],
)
def test_attribute__two_carriers(owner: str, other: str, outcome: str, by: int) -> None:
    """A row is applied if any request that carries it was; what may have happened outweighs what did not."""
    plan = PlanOfTwo()
    first, second = plan.requests
    row = _row_of(plan, [_end(first, owner), _end(second, other)])
    assert (row["outcome"], row["request_no"], row["request_id"]) == (outcome, by, f"of ({by},)")


def test_attribute__a_carrier_that_no_journal_knows() -> None:
    """What is not noted says nothing: the other request speaks for the row, if it was sent."""
    plan = PlanOfTwo()
    journalled, _ = plan.requests
    assert (
        _row_of(plan, [_end(journalled, "unknown")], {Cell("item", 1, None, None): False})["request_no"] == 1
    )
    alone = _row_of(plan, [], {Cell("item", 1, None, None): False})
    assert alone["outcome"] == "not_sent"
    assert pd.isna(alone["request_no"])


def test_attribute__nothing_known() -> None:
    """Without a result a row is unknown if its request may have left, and not sent otherwise."""
    plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
    (request,) = build_requests(plan)
    assert _row_of(plan, [request])["outcome"] == "not_sent"
    assert _row_of(plan, [replace(request, attempts=1, sent_at=NOW)])["outcome"] == "unknown"


def test_attribute__parts_of_a_refused_request() -> None:
    """Each row of a request that was cut has the outcome of the last part that carried it."""
    toggles = kf.business_toggles("item", [1, 2, 3], is_enabled=False)
    plan = kf.plan(toggles)
    (whole,) = build_requests(plan)
    left, right = (
        build_request(whole.target.with_ids(ids), path=(1, n)) for n, ids in enumerate([(1, 2), (3,)])
    )
    first, second = (
        build_request(whole.target.with_ids((entity_id,)), path=(1, 0, entity_id)) for entity_id in (1, 2)
    )
    requests = [
        _end(whole, "split"),
        _end(left, "split"),
        _end(first, "rejected"),
        second,
        _end(right, "applied"),
    ]
    rows = attribute(plan, requests, proofs={})
    assert rows["outcome"].tolist() == ["rejected", "not_sent", "applied"]
    assert rows["idempotency_key"].tolist() == [first.key, second.key, right.key]
    assert rows["request_no"].tolist() == [1, 1, 1]
    assert "a larger request with it was refused" in rows["message"][1]


@pytest.mark.parametrize(
    ("result", "cascade", "outcome"),
    [
        (RequestResult(RequestState.UNKNOWN), False, "applied"),
        (RequestResult(RequestState.UNKNOWN), True, "unknown"),
        (RequestResult(RequestState.STORED_FAILURE, code="downstream_unavailable"), False, "applied"),
        (RequestResult(RequestState.FAILED, code="internal"), False, "failed"),
    ],
)
def test_attribute__proof(result: RequestResult, cascade: bool, outcome: str) -> None:
    """What reads back as asked is applied, unless it also cascades: no menu tells of that."""
    toggles = kf.business_toggles("item", [1], is_enabled=False, cascade_to_modifier_groups=cascade)
    plan = kf.plan(toggles)
    (request,) = build_requests(plan)
    seen = {Cell("item", 1, None, None): False}
    row = _row_of(plan, [replace(request, attempts=1, result=result)], proofs=seen)
    assert row["outcome"] == outcome
    assert _row_of(plan, [replace(request, attempts=1, result=result)])["outcome"] == result.status.outcome


def test_attribute__times(tmp_path: object) -> None:
    """Times keep their microseconds and their time zone."""
    plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
    (request,) = build_requests(plan)
    settled = replace(
        request,
        attempts=1,
        sent_at=NOW,
        result=RequestResult(RequestState.APPLIED, "ok", 200, settled_at=NOW),
    )
    row = _row_of(plan, [settled])
    assert row["sent_at"] == row["settled_at"] == pd.Timestamp(NOW)


SENT_WITHOUT_ANSWER = "it was sent, and no answer was noted; it may have been written"


@pytest.mark.parametrize(
    ("is_over", "is_sent", "message"),
    [
        (True, False, "the run ended before its turn"),
        (False, False, "its turn has not come yet"),
        (True, True, SENT_WITHOUT_ANSWER),
        (False, True, SENT_WITHOUT_ANSWER),
    ],
)
def test_attribute__says_why_there_is_no_answer(message: str, *, is_over: bool, is_sent: bool) -> None:
    """A row without an answer says what is known of its request, while the run goes on and after it."""
    plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
    (request,) = build_requests(plan)
    if is_sent:
        request = replace(request, attempts=1, sent_at=NOW)
    rows = attribute(plan, [request], proofs={}, is_over=is_over)
    assert rows["message"].tolist() == [message]


@pytest.mark.parametrize(
    ("is_over", "message"), [(True, "the run ended before its turn"), (False, "its turn has not come yet")]
)
def test_attribute__a_request_that_no_journal_knows(message: str, *, is_over: bool) -> None:
    """A row whose request was never noted is not sent."""
    plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
    rows = attribute(plan, [], proofs={}, is_over=is_over)
    assert rows[["outcome", "message"]].values.tolist() == [["not_sent", message]]
    assert rows[["request_no", "idempotency_key", "attempts", "sent_at"]].isna().all(axis=None)


def test_attribute__a_part_waits_while_the_run_goes_on() -> None:
    """A part whose turn has not come waits, and only the end of the run says that it was cut."""
    plan = kf.plan(kf.business_toggles("item", [1, 2], is_enabled=False))
    (whole,) = build_requests(plan)
    parts = [build_part(whole, whole.target.with_ids([entity_id]), n=n) for n, entity_id in enumerate((1, 2))]
    requests = [_end(whole, "split"), *parts]
    said = [attribute(plan, requests, proofs={}, is_over=is_over)["message"][0] for is_over in (False, True)]
    assert said == [
        "its turn has not come yet",
        "a larger request with it was refused; the run ended before its own turn",
    ]


def test_attribute__whole_row() -> None:
    """Each row has all that is known of its request, in columns of fixed types."""
    plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
    (request,) = build_requests(plan)
    result = RequestResult(RequestState.FAILED, "internal", 400, "it broke", "r-1", NOW)
    rows = attribute(plan, [replace(request, attempts=3, sent_at=NOW, result=result)], proofs={})
    result_columns = rows.drop(columns=plan.toggles.columns)
    expected = pd.DataFrame(
        {
            "outcome": pd.Series(["failed"], dtype="str"),
            "code": pd.Series(["internal"], dtype="str"),
            "http_status": pd.Series([400], dtype="Int64"),
            "message": pd.Series(["it broke"], dtype="str"),
            "request_no": pd.Series([1], dtype="Int64"),
            "request_id": pd.Series(["r-1"], dtype="str"),
            "idempotency_key": pd.Series([request.key], dtype="str"),
            "attempts": pd.Series([3], dtype="Int64"),
            "sent_at": pd.Series([NOW]).dt.as_unit("us"),
            "settled_at": pd.Series([NOW]).dt.as_unit("us"),
        }
    )
    pd.testing.assert_frame_equal(result_columns[expected.columns], expected)
    assert set(result_columns.columns) == set(expected.columns)


def test_attribute__no_rows_keep_their_types() -> None:
    """An empty plan has an empty result with the same types."""
    plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
    (request,) = build_requests(plan)

    class Empty:
        toggles = plan.toggles.head(0)
        rows = plan.rows.head(0)

    whole, empty = attribute(plan, [request], proofs={}), attribute(wrong(Empty()), [request], proofs={})
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == whole.dtypes.to_dict()


def test_attribute__what_a_copy_has_not_seen() -> None:
    """When a request left, which the copy of a journal has not seen, nobody can tell."""
    plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
    (request,) = build_requests(plan)
    unseen = replace(request, attempts=1, sent_at=NOW, result=RequestResult(RequestState.UNSEEN))
    row = _row_of(plan, [unseen])
    assert (row["outcome"], row["attempts"]) == ("unknown", 1)
    assert pd.isna(row["sent_at"])


@pytest.mark.parametrize(
    ("state", "said", "seen", "expected"),
    [
        ("unknown", None, False, ("applied", "ok", "reading back shows the flag as asked")),
        ("unknown", "lost", False, ("applied", "ok", "lost; reading back shows the flag as asked")),
        ("unknown", "lost", True, ("unknown", "c", "lost")),
        ("unknown", "lost", None, ("unknown", "c", "lost")),
        ("stored_failure", "lost", True, ("failed", "c", "lost; reading back shows that it was not")),
        ("stored_failure", None, True, ("failed", "c", "reading back shows that it was not")),
        ("expired", "lost", True, ("unknown", "c", "lost")),
    ],
)
def test_attribute__what_reading_says(
    state: str, said: str | None, seen: bool | None, expected: tuple[str, str, str]
) -> None:
    """A flag as asked settles what is open; another flag settles only a failure that is repeated."""
    plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
    (request,) = build_requests(plan)
    result = RequestResult(RequestState(state), code="c", message=said)
    proofs = {} if seen is None else {Cell("item", 1, None, None): seen}
    row = _row_of(plan, [replace(request, attempts=1, result=result)], proofs=proofs)
    assert (row["outcome"], row["code"], row["message"]) == expected


def test_count_outcomes__names_all() -> None:
    """Outcomes that no row has are counted too."""
    counts = count_outcomes(["applied", "failed", "applied"])
    assert counts == {"applied": 2, "failed": 1} | dict.fromkeys(set(counts) - {"applied", "failed"}, 0)
    assert len(counts) == 6
