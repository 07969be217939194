"""The whole site: its document, its page for people, and whom it answers."""

from __future__ import annotations

import http.client
from typing import Any

import httpx
import pytest

import klikit_frames as kf

from .conftest import PLAIN, Call


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


def page(sandbox: kf.sandbox.Sandbox, **query: Any) -> str:
    """Return the page's HTML."""
    return httpx.get(sandbox.page_url, params=query, **PLAIN).text


def test_page__shows_business_stores_and_counts(sandbox: kf.sandbox.Sandbox) -> None:
    """The business, and each store as a link."""
    text = page(sandbox)
    assert "(DEMO) klikit Indonesia" in text
    assert text.count("?brand_id=") == 60


def test_page__shows_a_run_arrive(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """Requests with body, key, status and id; a replay is marked, and so is an answer that never left."""
    for _ in range(2):
        request_id = enable([289379], key="the-key").json()["request_id"]
    sandbox.inject("reset_after", count=1)
    try:
        enable([289380])
    except httpx.TransportError:
        text = page(sandbox)
    for said in ("PATCH /menus/items/enable", "the-key", "200 again", request_id, "no answer"):
        assert said in text


def test_page__shows_one_store(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """Every flag of its menu, and whether it is the store's own."""
    enable([289379], isEnabled=False, zoneStores=[{"brandID": 5297, "branchID": 1293}])
    text = page(sandbox, brand_id=5297, branch_id=1293)
    row = "<tr><td>item<td>289379<td>Cimol Beef Porsi Besar<td><b class=off>off</b><td>its own"
    assert row in text


def test_page__can_be_read_in_the_dark_and_on_a_phone(sandbox: kf.sandbox.Sandbox) -> None:
    """It takes the colours that the browser prefers, and its width."""
    text = page(sandbox)
    assert "prefers-color-scheme: dark" in text
    assert "width=device-width" in text


def test_page__of_an_unknown_store_is_that_of_all(sandbox: kf.sandbox.Sandbox) -> None:
    """Nothing odd in the query breaks it."""
    assert page(sandbox, brand_id="<x>", branch_id="'").count("?brand_id=") == 60


def test_page__escapes_what_was_sent_and_shows_no_secret(
    sandbox: kf.sandbox.Sandbox, http: httpx.Client
) -> None:
    """A body is text, never markup."""
    http.patch("/menus/items/enable", content=b"<script>alert(1)</script>")
    text = page(sandbox)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert sandbox.secret_key not in text


def admin(sandbox: kf.sandbox.Sandbox, **headers: str) -> httpx.Response:
    """Try to turn a switch with some headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{sandbox.page_url}/admin/switches"
    return httpx.patch(url, json={"code_spelling": "upper"}, headers=named, **PLAIN)


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/v1/partner/brands", "/admin/faults"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "[::2]", "[", ""]
)
def test_host__of_others_is_refused(sandbox: kf.sandbox.Sandbox, path: str, host: str) -> None:
    """A name that was made to resolve to this machine opens nothing."""
    port = sandbox.page_url.rpartition(":")[2]
    headers = {"Host": host.format(port=port), "X-Sandbox-Token": sandbox.admin_token}
    answer = httpx.get(f"{sandbox.page_url}{path}", headers=headers, **PLAIN)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "host_forbidden")


def test_host__given_twice_must_be_ours_both_times(sandbox: kf.sandbox.Sandbox) -> None:
    """The first one alone proves nothing."""
    port = int(sandbox.page_url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.putrequest("GET", "/")
    connection.putheader("Host", "evil.example")
    connection.endheaders()
    assert connection.getresponse().status in {400, 403}
    connection.close()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9999", "127.0.0.1:1", "[::1]:80"])
def test_host__may_be_any_name_and_port_of_this_machine(sandbox: kf.sandbox.Sandbox, host: str) -> None:
    """A tunnel has a port of its own."""
    assert httpx.get(sandbox.page_url, headers={"Host": host}, **PLAIN).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://{host}", ""]
)
@pytest.mark.parametrize("path", ["/admin/reset", "/v1/partner/menus/publish"])
def test_origin__of_others_is_refused(sandbox: kf.sandbox.Sandbox, path: str, origin: str) -> None:
    """A page of elsewhere, even one that has the token or the credential, cannot order anything."""
    host = sandbox.page_url.removeprefix("http://")
    headers = {"Origin": origin.format(host=host), "X-Sandbox-Token": sandbox.admin_token}
    auth = (sandbox.partner_key, sandbox.secret_key)
    answer = httpx.post(f"{sandbox.page_url}{path}", content="{}", headers=headers, auth=auth, **PLAIN)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_forbidden")
    assert sandbox.requests.empty


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
def test_admin__takes_no_simple_request(sandbox: kf.sandbox.Sandbox, kind: str) -> None:
    """What any page may send without asking, and what it must not know, is refused."""
    before = sandbox.switches
    answers = [
        admin(sandbox, content_type=kind),
        admin(sandbox, content_type=kind, x_sandbox_token=""),
        admin(sandbox, content_type=kind, x_sandbox_token="guessed"),
    ]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert sandbox.switches == before


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_admin__refuses_what_the_browser_calls_foreign(sandbox: kf.sandbox.Sandbox, site: str) -> None:
    """The browser says from where a request comes, also where it sends no Origin."""
    assert admin(sandbox, x_sandbox_token=sandbox.admin_token, sec_fetch_site=site).status_code == 403


def test_admin__takes_the_token(sandbox: kf.sandbox.Sandbox) -> None:
    """From a program, and from the sandbox's own page."""
    token: dict[str, Any] = {"x_sandbox_token": sandbox.admin_token}
    assert admin(sandbox, **token).status_code == 200
    assert admin(sandbox, origin=sandbox.page_url, sec_fetch_site="same-origin", **token).status_code == 200
    assert sandbox.switches.code_spelling == "upper"


def test_token__is_another_in_each_sandbox_and_in_no_repr(sandbox: kf.sandbox.Sandbox) -> None:
    """Nobody can know it beforehand, and no notebook keeps it."""
    with kf.sandbox.serve() as other:
        assert other.admin_token != sandbox.admin_token
    assert len(sandbox.admin_token) >= 32
    assert sandbox.admin_token not in repr(sandbox)


def test_page__knows_the_token_and_can_be_in_no_frame(sandbox: kf.sandbox.Sandbox) -> None:
    """Its own button works; no foreign page shows it under a transparent layer, and it loads nothing."""
    answer = httpx.get(sandbox.page_url, **PLAIN)
    assert sandbox.admin_token in answer.text
    assert answer.headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers
