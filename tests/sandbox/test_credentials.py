"""Credentials: every way in which one can be refused."""

from __future__ import annotations

import httpx
import pytest

import klikit_frames as kf
from klikit_frames.sandbox import SCOPES

from .conftest import PLAIN


def status(
    sandbox: kf.sandbox.Sandbox, auth: tuple[str, str] | None, path: str = "/brands"
) -> tuple[int, str]:
    """Return status and code of one read."""
    answer = httpx.get(sandbox.url + path, auth=auth, **PLAIN)
    return answer.status_code, answer.json().get("error", {}).get("code", "ok")


@pytest.mark.parametrize(
    "header", [None, "", "Basic", "Basic !!!", "Bearer abc", "Basic bm9jb2xvbg==", "Basic /w=="]
)
def test_header__missing_or_malformed(sandbox: kf.sandbox.Sandbox, header: str | None) -> None:
    """What is not Basic with a key and a secret counts as missing."""
    headers = {} if header is None else {"Authorization": header}
    answer = httpx.get(f"{sandbox.url}/brands", headers=headers, **PLAIN)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "auth_missing")
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_key_or_secret__wrong(sandbox: kf.sandbox.Sandbox) -> None:
    """An unknown key and a wrong secret are not told apart."""
    wrong = (401, "auth_invalid_credential")
    assert status(sandbox, (sandbox.partner_key, "no")) == wrong
    assert status(sandbox, ("no", sandbox.secret_key)) == wrong


def test_rotation__stops_the_old_secret_at_once(sandbox: kf.sandbox.Sandbox) -> None:
    """The sandbox itself goes on with the new one."""
    old = (sandbox.partner_key, sandbox.secret_key)
    new = sandbox.rotate()
    assert status(sandbox, old) == (401, "auth_invalid_credential")
    assert status(sandbox, new) == (200, "ok")
    assert new == (sandbox.partner_key, sandbox.secret_key)


def test_rotation__can_overlap(sandbox: kf.sandbox.Sandbox) -> None:
    """With an overlap of 15 minutes the old secret works for 15 minutes."""
    sandbox.set(rotation_overlap_s=900)
    old = (sandbox.partner_key, sandbox.secret_key)
    sandbox.rotate()
    assert status(sandbox, old) == (200, "ok")
    sandbox.move_clock(901)
    assert status(sandbox, old) == (401, "auth_invalid_credential")


def test_revoked__is_told(sandbox: kf.sandbox.Sandbox) -> None:
    """403 by default, 401 if switched; a wrong secret does not learn of it."""
    issued = sandbox.issue_credential()
    sandbox.revoke(issued.partner_key)
    assert status(sandbox, issued) == (403, "auth_revoked")
    assert status(sandbox, (issued.partner_key, "no")) == (401, "auth_invalid_credential")
    sandbox.set(revoked_status=401)
    assert status(sandbox, issued) == (401, "auth_revoked")


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ("brands:read", "/brands"),
        ("brands:read", "/branches"),
        ("menus:read", "/menus"),
        ("orders:read", "/orders"),
    ],
)
def test_scope__opens_its_paths_only(sandbox: kf.sandbox.Sandbox, scope: str, path: str) -> None:
    """With the scope it works, with all others it does not."""
    others = [name for name in SCOPES if name != scope]
    assert status(sandbox, sandbox.issue_credential(scopes=[scope]), path) == (200, "ok")
    assert status(sandbox, sandbox.issue_credential(scopes=others), path) == (403, "auth_forbidden")


def test_scope__of_writes_is_a_switch(sandbox: kf.sandbox.Sandbox) -> None:
    """Enabling needs menus:write, or no scope at all."""
    issued = sandbox.issue_credential(scopes=["brands:read"])
    sent = {"json": {"ids": [289379]}, "auth": issued, **PLAIN}
    refused = httpx.patch(f"{sandbox.url}/menus/items/enable", **sent)
    assert refused.json()["error"]["message"] == "credential is not scoped for menus:write"
    sandbox.set(write_scope=None)
    assert httpx.patch(f"{sandbox.url}/menus/items/enable", **sent).status_code == 200


def test_rescope__takes_effect_on_the_next_request(sandbox: kf.sandbox.Sandbox) -> None:
    """Scopes can be widened without a new secret."""
    issued = sandbox.issue_credential(scopes=["brands:read"])
    assert status(sandbox, issued, "/menus") == (403, "auth_forbidden")
    sandbox.rescope(issued.partner_key, scopes=["brands:read", "menus:read"])
    assert status(sandbox, issued, "/menus") == (200, "ok")


def test_unknown__scope_or_key_is_refused_in_python(sandbox: kf.sandbox.Sandbox) -> None:
    """A scope or a key that there is not is told at once."""
    with pytest.raises(ValueError, match="no scope 'menu:read'"):
        sandbox.issue_credential(scopes=["menu:read"])
    with pytest.raises(LookupError, match="no credential 'nobody'"):
        sandbox.revoke("nobody")


def test_secret__is_in_no_repr(sandbox: kf.sandbox.Sandbox) -> None:
    """Neither the sandbox nor a credential shows its secret."""
    issued = sandbox.issue_credential()
    assert issued.secret_key not in repr(issued)
    assert sandbox.secret_key not in repr(sandbox)
    assert sandbox.secret_key not in repr(vars(sandbox))
