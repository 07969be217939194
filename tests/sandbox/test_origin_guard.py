"""Who may talk to the sandbox."""

from __future__ import annotations

import http.client
from typing import Any

import httpx
import pytest

import klikit_frames as kf

from .conftest import PLAIN


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
