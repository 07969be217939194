"""What is told of rows, from what became of requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.model import Cell
from klikit_frames.running.attribution import attribute, count_outcomes
from klikit_frames.running.lifecycle import RequestState
from klikit_frames.running.records import Request, RequestResult
from klikit_frames.running.request_trees import build_part, build_request, build_requests
from tests.fixtures import column, wrong

NOW = datetime(2026, 11, 23, 14, 5, 6, 789_012, tzinfo=UTC)


class PlanOfTwo:
    """A plan of one row that two requests carry."""

    def __init__(self) -> None:
        plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
        self.toggles = plan.toggles
        self.rows = plan.rows.assign(other_request_nos=column((2,)))
        (first,) = build_requests(plan)
        self.requests = [first, build_request(first.target, path=(2,))]


def _told(plan: Any, requests: list[Request], proofs: dict[Cell, bool] | None = None) -> dict[Any, Any]:
    (row,) = attribute(plan, requests, proofs=proofs or {}).to_dict("records")
    return row


def _end(request: Request, word: str) -> Request:
    return replace(
        request,
        attempts=1,
        result=RequestResult(RequestState(word), code=word, request_id=f"of {request.path}"),
    )


@pytest.mark.parametrize(
    ("owner", "other", "told", "by"),
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
def test_attribute__two_carriers(owner: str, other: str, told: str, by: int) -> None:
    """A row is applied if any request that carries it was; what may have happened outweighs what did not."""
    plan = PlanOfTwo()
    first, second = plan.requests
    row = _told(plan, [_end(first, owner), _end(second, other)])
    assert (row["outcome"], row["request_no"], row["request_id"]) == (told, by, f"of ({by},)")


def test_attribute__a_carrier_that_no_journal_knows() -> None:
    """What is not noted says nothing: the other request speaks for the row, if it was sent."""
    plan = PlanOfTwo()
    known, _ = plan.requests
    assert _told(plan, [_end(known, "unknown")], {Cell("item", 1, None, None): False})["request_no"] == 1
    alone = _told(plan, [], {Cell("item", 1, None, None): False})
    assert alone["outcome"] == "not_sent"
    assert pd.isna(alone["request_no"])


def test_attribute__nothing_known() -> None:
    """Without a result a row is unknown if its request may have left, and not sent otherwise."""
    plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
    (request,) = build_requests(plan)
    assert _told(plan, [request])["outcome"] == "not_sent"
    assert _told(plan, [replace(request, attempts=1, sent_at=NOW)])["outcome"] == "unknown"


def test_attribute__parts_of_a_refused_request() -> None:
    """Each row of a request that was cut is told by the last part that carried it."""
    toggles = kf.business_toggles("item", [1, 2, 3], is_enabled=False)
    plan = kf.plan(toggles)
    (whole,) = build_requests(plan)
    left, right = (
        build_request(whole.target.with_ids(ids), path=(1, n)) for n, ids in enumerate([(1, 2), (3,)])
    )
    one, two = (
        build_request(whole.target.with_ids((entity_id,)), path=(1, 0, entity_id)) for entity_id in (1, 2)
    )
    requests = [_end(whole, "split"), _end(left, "split"), _end(one, "rejected"), two, _end(right, "applied")]
    told = attribute(plan, requests, proofs={})
    assert told["outcome"].tolist() == ["rejected", "not_sent", "applied"]
    assert told["idempotency_key"].tolist() == [one.key, two.key, right.key]
    assert told["request_no"].tolist() == [1, 1, 1]
    assert "a larger request with it was refused" in told["message"][1]


@pytest.mark.parametrize(
    ("result", "cascade", "told"),
    [
        (RequestResult(RequestState.UNKNOWN), False, "applied"),
        (RequestResult(RequestState.UNKNOWN), True, "unknown"),
        (RequestResult(RequestState.STORED_FAILURE, code="downstream_unavailable"), False, "applied"),
        (RequestResult(RequestState.FAILED, code="internal"), False, "failed"),
    ],
)
def test_attribute__proof(result: RequestResult, cascade: bool, told: str) -> None:
    """What reads back as asked is applied, unless it also cascades: no menu tells of that."""
    toggles = kf.business_toggles("item", [1], is_enabled=False, cascade_to_modifier_groups=cascade)
    plan = kf.plan(toggles)
    (request,) = build_requests(plan)
    seen = {Cell("item", 1, None, None): False}
    row = _told(plan, [replace(request, attempts=1, result=result)], proofs=seen)
    assert row["outcome"] == told
    assert _told(plan, [replace(request, attempts=1, result=result)])["outcome"] == result.status.outcome


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
    row = _told(plan, [settled])
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
    told = attribute(plan, [request], proofs={}, is_over=is_over)
    assert told["message"].tolist() == [message]


@pytest.mark.parametrize(
    ("is_over", "message"), [(True, "the run ended before its turn"), (False, "its turn has not come yet")]
)
def test_attribute__a_request_that_no_journal_knows(message: str, *, is_over: bool) -> None:
    """A row whose request was never noted is not sent."""
    plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
    told = attribute(plan, [], proofs={}, is_over=is_over)
    assert told[["outcome", "message"]].values.tolist() == [["not_sent", message]]
    assert told[["request_no", "idempotency_key", "attempts", "sent_at"]].isna().all(axis=None)


def test_attribute__a_part_waits_while_the_run_goes_on() -> None:
    """A part whose turn has not come waits, and only the end of the run says that it was cut."""
    plan = kf.plan(kf.business_toggles("item", [1, 2], is_enabled=False))
    (whole,) = build_requests(plan)
    parts = [build_part(whole, whole.target.with_ids([one]), n=n) for n, one in enumerate((1, 2))]
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
    told = attribute(plan, [replace(request, attempts=3, sent_at=NOW, result=result)], proofs={})
    result_columns = told.drop(columns=plan.toggles.columns)
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
    row = _told(plan, [unseen])
    assert (row["outcome"], row["attempts"]) == ("unknown", 1)
    assert pd.isna(row["sent_at"])


@pytest.mark.parametrize(
    ("state", "said", "seen", "told"),
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
    state: str, said: str | None, seen: bool | None, told: tuple[str, str, str]
) -> None:
    """A flag as asked settles what is open; another flag settles only a failure that is repeated."""
    plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
    (request,) = build_requests(plan)
    result = RequestResult(RequestState(state), code="c", message=said)
    proofs = {} if seen is None else {Cell("item", 1, None, None): seen}
    row = _told(plan, [replace(request, attempts=1, result=result)], proofs=proofs)
    assert (row["outcome"], row["code"], row["message"]) == told


def test_count_outcomes__names_all() -> None:
    """Outcomes that no row has are counted too."""
    counts = count_outcomes(["applied", "failed", "applied"])
    assert counts == {"applied": 2, "failed": 1} | dict.fromkeys(set(counts) - {"applied", "failed"}, 0)
    assert len(counts) == 6
