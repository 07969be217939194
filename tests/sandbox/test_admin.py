"""The operator's paths over HTTP: all that the Python object can do."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import httpx
import pytest

import klikit_frames as kf

from .conftest import PLAIN


@pytest.fixture
def admin(sandbox: kf.sandbox.Sandbox) -> Iterator[httpx.Client]:
    """A client of the operator's paths."""
    token = {"X-Sandbox-Token": sandbox.admin_token}
    with httpx.Client(base_url=f"{sandbox.page_url}/admin", headers=token, **PLAIN) as client:
        yield client


def brands(sandbox: kf.sandbox.Sandbox, credential: dict[str, str]) -> int:
    """Return the status of a read with a credential."""
    auth = (credential["partner_key"], credential["secret_key"])
    return httpx.get(f"{sandbox.url}/brands", auth=auth, **PLAIN).status_code


def test_credential__is_issued_rotated_scoped_and_revoked(
    sandbox: kf.sandbox.Sandbox, admin: httpx.Client
) -> None:
    """The whole life of a credential."""
    issued = admin.post("/credentials", json={"scopes": ["brands:read"]}).json()["data"]
    place = f"/credentials/{issued['partner_key']}"
    assert brands(sandbox, issued) == 200
    rotated = admin.post(f"{place}/rotate").json()["data"]
    assert (brands(sandbox, issued), brands(sandbox, rotated)) == (401, 200)
    admin.put(f"{place}/scopes", json={"scopes": []})
    assert brands(sandbox, rotated) == 403
    admin.put(f"{place}/scopes", json={"scopes": ["brands:read"]})
    admin.post(f"{place}/revoke")
    assert brands(sandbox, rotated) == 403


def test_credential__without_scopes_named_has_all(sandbox: kf.sandbox.Sandbox, admin: httpx.Client) -> None:
    """No body is fine."""
    assert brands(sandbox, admin.post("/credentials").json()["data"]) == 200


def test_switches__are_turned(sandbox: kf.sandbox.Sandbox, admin: httpx.Client) -> None:
    """The answer tells all of them."""
    data = admin.patch("/switches", json={"code_spelling": "upper"}).json()["data"]
    assert (data["code_spelling"], data["store_read"]) == ("upper", "stale")
    assert sandbox.switches.code_spelling == "upper"


def test_faults__are_called_up_listed_and_cleared(sandbox: kf.sandbox.Sandbox, admin: httpx.Client) -> None:
    """With the options of the Python side."""
    admin.post("/faults", json={"name": "error_503", "count": 2})
    assert [fault["name"] for fault in admin.get("/faults").json()["data"]] == ["error_503"]
    assert sandbox.faults[0].count == 2
    admin.delete("/faults")
    assert sandbox.faults == ()


def test_clock__is_moved(sandbox: kf.sandbox.Sandbox, admin: httpx.Client) -> None:
    """The API's Date goes with it."""
    now = parsedate_to_datetime(admin.post("/clock", json={"seconds": 3600}).json()["data"]["now"])
    date = parsedate_to_datetime(httpx.get(f"{sandbox.url}/brands", **PLAIN).headers["date"])
    assert abs((date - now).total_seconds()) < 60


def test_reset__is_a_reset(sandbox: kf.sandbox.Sandbox, admin: httpx.Client) -> None:
    """As from Python."""
    sandbox.set(max_ids=5)
    admin.post("/reset")
    assert sandbox.switches.max_ids is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/credentials", b'{"scopes": ["nothing"]}', 400),
        ("POST", "/credentials", b'{"scopes": "brands:read"}', 400),
        ("POST", "/credentials/nobody/rotate", b"", 404),
        ("PUT", "/credentials/nobody/scopes", b'{"scopes": []}', 404),
        ("PATCH", "/switches", b'{"nothing": 1}', 400),
        ("PATCH", "/switches", b'{"max_ids": "5"}', 400),
        ("PATCH", "/switches", b'{"code_spelling": []}', 400),
        ("POST", "/faults", b"{}", 400),
        ("POST", "/faults", b'{"name": "latency", "seconds": "x"}', 400),
        ("POST", "/faults", b'{"name": "latency", "count": 1.5}', 400),
        ("POST", "/faults", b'{"name": "latency", "match": 5}', 400),
        ("POST", "/faults", b'{"name": "latency", "probability": null}', 400),
        ("POST", "/clock", b'{"seconds": "x"}', 400),
        ("POST", "/clock", b'{"seconds": 1e300}', 400),
        ("POST", "/clock", b"[]", 400),
        ("POST", "/clock", b"{", 400),
        ("POST", "/clock", b"[" * 200_000, 400),
        ("GET", "/nothing", b"", 404),
    ],
)
def test_admin__refuses_what_it_cannot_read(
    admin: httpx.Client, method: str, path: str, body: bytes, status: int
) -> None:
    """A sentence that says what was wrong."""
    answer = admin.request(method, path, content=body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
