"""What a call brings, and how a bad one is refused."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

import klikit_frames as kf
from klikit_frames.sandbox.calls import CODES

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
