"""What is told of rows, from what became of requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.model import Cell
from klikit_frames.running.attribution import attribute
from klikit_frames.running.lifecycle import RequestState
from klikit_frames.running.records import Request, RequestResult
from klikit_frames.running.request_trees import build_request, build_requests

NOW = datetime(2026, 11, 23, 14, 5, 6, 789_012, tzinfo=UTC)


class PlanOfTwo:
    """A plan of one row that two requests carry."""

    def __init__(self) -> None:
        plan = kf.plan(kf.business_toggles("item", [1], is_enabled=False))
        self.toggles = plan.toggles
        self.rows = plan.rows.assign(other_request_nos=[(2,)])
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
