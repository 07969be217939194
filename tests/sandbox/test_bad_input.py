"""Whatever is sent: an envelope with 400 or 404, never a 5xx, never a half write."""

from __future__ import annotations

import base64
import json
import socket

import httpx
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.sandbox.calls import MAX_BODY

ENABLE = "/menus/items/enable"
ZONE = {"brandID": 5297, "branchID": 1293}
BAD_BODIES = {
    "empty": b"",
    "not JSON": b"{",
    "not UTF-8": b'{"ids": [289379], "isEnabled": "\xff"}',
    "UTF-16": '{"ids": [289379]}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"ids": [289379]}',
    "two documents": b"{}{}",
    "NaN": b'{"ids": [NaN]}',
    "an array": b"[289379]",
    "a number": b"5",
    "null": b"null",
    "deep": b'{"ids": ' + b"[" * 200_000,
    "deep and closed": b'{"ids": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a number of 10,000 digits": b'{"ids": [' + b"9" * 10_000 + b"]}",
    "no ids": b"{}",
    "no id in ids": b'{"ids": []}',
    "ids null": b'{"ids": null}',
    "id as text": b'{"ids": ["289379"]}',
    "id as boolean": b'{"ids": [true]}',
    "id with a fraction": b'{"ids": [289379.5]}',
    "id as a float": b'{"ids": [289379.0]}',
    "id too large": b'{"ids": [9223372036854775808]}',
    "good and bad ids": b'{"ids": [289379, "289380"]}',
    "flag as text": b'{"ids": [289379], "isEnabled": "false"}',
    "flag as number": b'{"ids": [289379], "isEnabled": 0}',
    "cascade as text": b'{"ids": [289379], "isCascadeToModifierGroups": "yes"}',
    "brands as number": b'{"ids": [289379], "brandIDsToCascade": 5297}',
    "stores as object": b'{"ids": [289379], "zoneStores": {}}',
    "store as pair": b'{"ids": [289379], "zoneStores": [[5297, 1293]]}',
    "half a store": b'{"ids": [289379], "zoneStores": [{"brandID": 5297}]}',
    "store in snake case": b'{"ids": [289379], "zoneStores": [{"brand_id": 5297, "branch_id": 1293}]}',
    "store with null": b'{"ids": [289379], "zoneStores": [{"brandID": 5297, "branchID": null}]}',
    "unknown field": b'{"ids": [289379], "is_enabled": false}',
    "lone surrogate": b'{"ids": [289379], "\\ud800": 1}',
}
NOBODYS_BODIES = {
    "zero": {"ids": [0]},
    "negative": {"ids": [-289379]},
    "a good one and a bad one": {"ids": [289379, 1]},
    "store of nobody": {"ids": [289379], "zoneStores": [ZONE, {"brandID": 0, "branchID": -1}]},
}


def assert_refused(sandbox: kf.sandbox.Sandbox, http: httpx.Client, body: bytes, *, status: int) -> None:
    """Send one enable call; it must be refused in the envelope, and change nothing."""
    before = sandbox.state()
    answer = http.patch(ENABLE, content=body)
    assert answer.status_code == status
    assert set(answer.json()) == {"request_id", "error"}
    pd.testing.assert_frame_equal(sandbox.state(), before)


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_body__bad_is_400(sandbox: kf.sandbox.Sandbox, http: httpx.Client, body: bytes) -> None:
    """Each kind of bad body is refused whole."""
    assert_refused(sandbox, http, body, status=400)


@pytest.mark.parametrize("body", NOBODYS_BODIES.values(), ids=NOBODYS_BODIES)
def test_body__of_nobody_is_404(sandbox: kf.sandbox.Sandbox, http: httpx.Client, body: object) -> None:
    """A well-formed id that is nobody's is a 404."""
    assert_refused(sandbox, http, json.dumps(body).encode(), status=404)


def test_body__huge_is_400(http: httpx.Client) -> None:
    """More than 16 MiB is refused without being kept."""
    answer = http.patch(ENABLE, content=b" " * (MAX_BODY + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request_invalid")


def test_business_id__is_ignored(http: httpx.Client) -> None:
    """In a body and in a query, whatever it says."""
    assert http.patch(ENABLE, json={"ids": [289379], "business_id": "x"}).status_code == 200
    assert http.get("/branches", params={"business_id": 1}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/branches?page=0",
        "/branches?page=-1",
        "/branches?size=x",
        "/branches?size=",
        "/branches?size=1e3",
        "/branches?limit=3",
        "/brands?page=1",
        "/menus?brand_id=5297.0&branch_id=1293",
        "/menus?brand_id=%D9%A1&branch_id=1293",
        "/orders?start_date=yesterday",
        "/orders?start_date=2026-02-30",
        "/orders?start_date=2026-05-01&end_date=2026-04-01",
        "/orders/x",
    ],
)
def test_query__bad_is_400(http: httpx.Client, path: str) -> None:
    """Numbers must be numbers, dates dates, and names known."""
    answer = http.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request_invalid")


@pytest.mark.parametrize(
    "path", ["/", "", "/nothing", "/menus/", "/menus/items/enable/x", "/../brands", "/%00"]
)
def test_route__unknown_is_404(http: httpx.Client, path: str) -> None:
    """In the envelope."""
    answer = http.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_not_found")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_method__wrong_is_405(http: httpx.Client, method: str) -> None:
    """With the methods that there are."""
    answer = http.request(method, ENABLE)
    assert (answer.status_code, answer.headers["allow"]) == (405, "PATCH")
    assert answer.json()["error"]["code"] == "request_invalid"


def test_wire__what_is_not_http_gets_the_envelope(sandbox: kf.sandbox.Sandbox) -> None:
    """Even then; and the next request is served."""
    port = int(sandbox.page_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answer:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        head, _, body = answer.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["error"]["code"] == "request_invalid"


def test_wire__a_body_that_never_came_whole_is_not_acted_upon(sandbox: kf.sandbox.Sandbox) -> None:
    """Even if what came is good JSON; the connection was given up, so nobody is answered."""
    before, port = sandbox.state(), int(sandbox.page_url.rpartition(":")[2])
    token = base64.b64encode(f"{sandbox.partner_key}:{sandbox.secret_key}".encode()).decode()
    head = f"PATCH /v1/partner{ENABLE} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {token}\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answer:
        connection.sendall(f'{head}Content-Length: 99\r\n\r\n{{"ids": [289379]}}'.encode())
        connection.shutdown(socket.SHUT_WR)
        assert answer.read() == b""
    pd.testing.assert_frame_equal(sandbox.state(), before)
    assert sandbox.requests.empty


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["ids", "isEnabled", "zoneStores", "isCascadeToModifierGroups", "brandIDsToCascade"])


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(body=st.dictionaries(FIELDS, JSON | st.just([289379]) | st.just([ZONE])))
def test_any_body__is_answered_and_never_with_5xx(http: httpx.Client, body: dict[str, object]) -> None:
    """Any JSON in any field."""
    answer = http.patch(ENABLE, json=body)
    assert answer.status_code in (200, 400, 404)
    assert "request_id" in answer.json()
