"""What is on the host besides the API."""

from __future__ import annotations

import httpx
import pytest

import klikit_frames as kf

from .conftest import PLAIN


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "resource_not_found"),
        ("GET", "/v1", 404, "resource_not_found"),
        ("GET", "/v1/partner", 404, "resource_not_found"),
        ("GET", "/admin", 404, "resource_not_found"),
        ("POST", "/", 405, "request_invalid"),
        ("POST", "/openapi.json", 405, "request_invalid"),
        ("GET", "/admin/reset", 405, "request_invalid"),
    ],
)
def test_site__answers_in_the_envelope_beside_the_api_too(
    sandbox: kf.sandbox.Sandbox, method: str, path: str, status: int, code: str
) -> None:
    """No page of the framework and no redirect: a program reads the same envelope everywhere."""
    token = {"X-Sandbox-Token": sandbox.admin_token}
    answer = httpx.request(method, f"{sandbox.page_url}{path}", headers=token, **PLAIN)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["request_id"]
