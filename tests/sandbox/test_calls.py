"""Calls: one reading of a call's contents, the log of what came in, and the events of what changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import httpx
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.sandbox import calls
from klikit_frames.sandbox.calls import CODES, Call, RequestLog

from .conftest import Call as SandboxCall

ENABLE = "/menus/items/enable"


def twice(http: httpx.Client) -> httpx.Response:
    """Use one key for two bodies."""
    for item_id in (289379, 289380):
        answer = http.patch(ENABLE, json={"ids": [item_id]}, headers={"Idempotency-Key": "one"})
    return answer


def deliver(http: httpx.Client) -> httpx.Response:
    """Deliver an order that was only placed."""
    key = {"Idempotency-Key": "one"}
    return http.patch("/orders/7400001/status", json={"status": "delivered"}, headers=key)


# code -> what brings it about, besides the switches and faults below
REQUESTS: dict[str, Callable[[httpx.Client], httpx.Response]] = {
    "auth_missing": lambda http: http.get("/brands", auth=lambda request: request),
    "auth_invalid_credential": lambda http: http.get("/brands", auth=("no", "no")),
    "auth_revoked": lambda http: http.get("/brands"),
    "auth_forbidden": lambda http: http.patch(ENABLE, json={"ids": [289379]}),
    "request_invalid": lambda http: http.get("/menus?brand_id=5297"),
    "request_missing_idempotency_key": lambda http: http.patch(ENABLE, json={"ids": [289379]}),
    "request_invalid_range": lambda http: http.get("/orders?start_date=2020-01-01"),
    "resource_not_found": lambda http: http.patch(ENABLE, json={"ids": [1]}),
    "not_found": lambda http: http.patch(ENABLE, json={"ids": [1]}),
    "resource_unmapped": lambda http: http.patch("/items/NOPE/availability", json={"available": True}),
    "state_invalid_transition": deliver,
    "state_idempotency_conflict": twice,
    "rate_limit_exceeded": lambda http: [http.get("/brands") for _ in range(3)][-1],
    "downstream_unavailable": lambda http: http.get("/brands"),
    "internal": lambda http: http.get("/brands"),
}
PREPARATIONS: dict[str, Callable[[kf.sandbox.Sandbox], None]] = {
    "auth_revoked": lambda sandbox: sandbox.revoke(),
    "auth_forbidden": lambda sandbox: sandbox.rescope(scopes=["menus:read"]),
    "request_missing_idempotency_key": lambda sandbox: sandbox.set(missing_key="reject"),
    "not_found": lambda sandbox: sandbox.set(unknown_id="not_found"),
    "rate_limit_exceeded": lambda sandbox: sandbox.set(reads_per_minute=1),
    "downstream_unavailable": lambda sandbox: sandbox.inject("error_502"),
    "internal": lambda sandbox: sandbox.inject("error_500"),
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("spelling", ["lower", "upper"])
def test_code__is_met_by_a_request(
    sandbox: kf.sandbox.Sandbox, http: httpx.Client, code: str, spelling: str
) -> None:
    """With its status and in the envelope."""
    status, upper = CODES[code]
    sandbox.set(code_spelling=spelling)
    PREPARATIONS.get(code, lambda sandbox: None)(sandbox)
    answer = REQUESTS[code](http)
    said = answer.json()
    assert (answer.status_code, said["error"]["code"]) == (status, upper if spelling == "upper" else code)
    assert len(said["request_id"]) == 32
    assert said["error"]["message"]


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_receipts__can_be_read_while_a_run_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person looks at the requests whenever they like, also in the middle of many."""
    monkeypatch.setattr(calls, "KEPT_CALLS", 2000)
    kept, is_over = RequestLog(), Event()

    def arrive() -> None:
        while not is_over.is_set():
            kept.open(Call("GET", "/brands"), time=NOON)

    arriving = Thread(target=arrive)
    arriving.start()
    try:
        seen = [len(kept.frame()) for _ in range(8)]
    finally:
        is_over.set()
        arriving.join()
    assert max(seen) <= 2000


def test_receipts__are_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither many requests nor large ones fill the memory; the oldest go."""
    monkeypatch.setattr(calls, "KEPT_CALLS", 3)
    monkeypatch.setattr(calls, "KEPT_CHARACTERS", 10)
    kept = RequestLog()
    for body in (b"1", b"2", b"3", b"4"):
        kept.open(Call("POST", "/", body=body), time=NOON)
    assert kept.frame()["body"].to_list() == ["2", "3", "4"]
    kept.open(Call("POST", "/", body=b"x" * 9), time=NOON)
    assert kept.frame()["body"].to_list() == ["4", "x" * 9]
    kept.open(Call("POST", "/", body=b"y" * 20), time=NOON)
    assert kept.frame()["body"].to_list() == ["y" * 20]
    kept.clear()
    kept.open(Call("POST", "/", body=b"z" * 10), time=NOON)
    assert [logged.body for logged in kept.last(5)] == ["z" * 10]


STORE = (5297, 1293)
ZONE = [{"brandID": 5297, "branchID": 1293}]
SHOWN = [
    "no",
    "event",
    "entity_type",
    "entity_id",
    "scope",
    "brand_id",
    "branch_id",
    "is_enabled",
    "by",
    "key",
]


def flag(state: pd.DataFrame, entity_id: int, branch_id: int | None = None) -> bool:
    """Return one item's flag, of the business or of one store."""
    rows = state[(state["entity_type"] == "item") & (state["entity_id"] == entity_id)]
    at = rows["branch_id"].isna() if branch_id is None else rows["branch_id"].eq(branch_id).fillna(False)
    return bool(rows[at]["is_enabled"].iloc[0])


def events(sandbox: kf.sandbox.Sandbox) -> list[dict[str, Any]]:
    """Return the history after the first copies, without times, as rows of plain values."""
    frame = sandbox.history(since=1)[SHOWN].astype(object)
    records: list[dict[str, Any]] = frame.where(frame.notna(), None).to_dict("records")  # type: ignore[assignment]
    return records


def test_history__begins_with_the_first_copies(sandbox: kf.sandbox.Sandbox) -> None:
    """Each store's menu was copied once, and a reset begins again."""
    sandbox.edit("item", [289379], is_enabled=False)
    sandbox.reset()
    first = sandbox.history()
    assert (first["no"].unique().tolist(), first["event"].unique().tolist(), len(first)) == (
        [1],
        ["copy"],
        60,
    )


def test_history__tells_who_wrote_and_what_was_copied(
    sandbox: kf.sandbox.Sandbox, enable: SandboxCall, http: httpx.Client
) -> None:
    """One row per cell and per store, in order; others need no request."""
    enable([289379, 289380], key="mine", isEnabled=False, zoneStores=ZONE)
    http.post("/menus/publish", json={"stores": ZONE, "providerIDs": [1]})
    sandbox.edit("section", [6825], is_enabled=True)
    sandbox.publish([STORE])
    cell = {"no": 2, "event": "write", "entity_type": "item", "scope": "store", "brand_id": 5297}
    cell |= {"branch_id": 1293, "is_enabled": False, "by": sandbox.partner_key, "key": "mine"}
    empty = dict.fromkeys(SHOWN)
    copy = empty | {"event": "copy", "scope": "store", "brand_id": 5297, "branch_id": 1293}
    wide = {"no": 4, "event": "write", "entity_type": "section", "entity_id": 6825, "scope": "business"}
    assert events(sandbox) == [
        cell | {"entity_id": 289379},
        cell | {"entity_id": 289380},
        copy | {"no": 3},
        empty | wide | {"is_enabled": True, "by": "others"},
        copy | {"no": 5},
    ]
    assert len(sandbox.requests) == 2


@pytest.mark.parametrize("ids", [[289379, 1], [1]])
def test_history__has_nothing_of_what_was_refused(
    sandbox: kf.sandbox.Sandbox, enable: SandboxCall, ids: list[int]
) -> None:
    """A refused write wrote nothing, and a replay writes nothing again."""
    enable(ids, isEnabled=False)
    assert events(sandbox) == []
    for _ in range(2):
        enable([289379], key="one", isEnabled=False)
    assert len(events(sandbox)) == 1


def test_history__keeps_the_newest(sandbox: kf.sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not fill the memory."""
    monkeypatch.setattr("klikit_frames.sandbox.calls.KEPT_NUMBERS", 6)
    for _ in range(5):
        sandbox.edit("item", [289379], is_enabled=False)
    assert sandbox.history()["no"].to_list() == [4, 5, 6]


def test_edit__is_true_at_once_and_shown_after_a_publish(sandbox: kf.sandbox.Sandbox) -> None:
    """The store's menu is a copy: it shows an edit only when somebody publishes."""
    sandbox.edit("item", [289379], stores=[STORE], is_enabled=False)
    assert not flag(sandbox.state(), 289379, 1293)
    assert flag(sandbox.state(published=True), 289379, 1293)
    sandbox.publish()
    assert not flag(sandbox.state(published=True), 289379, 1293)
    assert flag(sandbox.state(published=True), 289379)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda sandbox: sandbox.edit("item", [1], is_enabled=True), LookupError),
        (lambda sandbox: sandbox.edit("item", [289379], stores=[(1, 1)], is_enabled=True), LookupError),
        (lambda sandbox: sandbox.edit("item", [289379], stores=[], is_enabled=True), ValueError),
        (lambda sandbox: sandbox.edit("dish", [289379], is_enabled=True), ValueError),
        (lambda sandbox: sandbox.publish([(1, 1)]), LookupError),
        (lambda sandbox: sandbox.finish_publishes([(1, 1)]), LookupError),
    ],
)
def test_edit__and_publish_refuse_what_is_not_of_this_business(
    sandbox: kf.sandbox.Sandbox, call: Any, error: type[Exception]
) -> None:
    """Nothing is written."""
    before = sandbox.state()
    with pytest.raises(error):
        call(sandbox)
    pd.testing.assert_frame_equal(sandbox.state(), before)
    assert events(sandbox) == []
