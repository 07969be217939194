"""Credentials: every way in which one can be refused; and the rate cap of each, counted in three ways."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import httpx
import pytest

import klikit_frames as kf
from klikit_frames.sandbox import SCOPES
from klikit_frames.sandbox.credentials import WINDOWS, FixedWindow, SlidingWindow, TokenBucket, Window

from .conftest import PLAIN, Call


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
    """An unknown key and a wrong secret get the same answer."""
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
    """An unknown scope or key raises at once."""
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


def allowed(window: Window, times: list[float]) -> list[bool]:
    """Return which of the requests at these times get a place."""
    return [window.take(now).is_allowed for now in times]


def test_fixed__begins_anew_with_each_minute() -> None:
    """Two at the end of a minute and two at the start of the next."""
    assert allowed(FixedWindow(2), [58, 59, 59.9, 60, 61, 62]) == [True, True, False, True, True, False]


def test_sliding__counts_the_last_60_seconds() -> None:
    """A place is free again exactly a minute after it was taken."""
    assert allowed(SlidingWindow(2), [58, 59, 60, 117.9, 118, 118.5, 119]) == [
        True,
        True,
        False,
        False,
        True,
        False,
        True,
    ]


def test_bucket__refills_evenly() -> None:
    """Two at once, then one each 30 seconds."""
    assert allowed(TokenBucket(2), [0, 0, 0, 29, 30, 31, 60]) == [True, True, False, False, True, False, True]


@pytest.mark.parametrize("kind", WINDOWS)
def test_window__says_how_long_to_wait(kind: str) -> None:
    """Whoever waits as long as the answer says gets a place."""
    window = WINDOWS[kind](3)
    now = 1000.0
    while (reading := window.take(now)).is_allowed:
        now += 0.25
    assert not window.take(now + reading.wait_s - 0.01).is_allowed
    assert window.take(now + reading.wait_s + 0.001).is_allowed


@pytest.mark.parametrize("kind", WINDOWS)
def test_cap__holds_over_http(sandbox: kf.sandbox.Sandbox, enable: Call, kind: str) -> None:
    """The request over the cap is a 429; when its wait is over by the sandbox's clock, it goes through."""
    sandbox.move_clock(60 - time.time() % 60)
    sandbox.set(writes_per_minute=3, rate_window=kind)
    answers = [enable([289379], isEnabled=False) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["error"]["code"] == "rate_limit_exceeded"
    sandbox.move_clock(int(answers[3].headers["retry-after"]) + 1)
    assert enable([289379], isEnabled=False).status_code == 200


def test_cap__tells_where_one_stands(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """Every answer under a cap has the three headers; without one there are none."""
    assert "x-ratelimit-limit" not in enable([289379]).headers
    sandbox.move_clock(60 - time.time() % 60)
    sandbox.set(writes_per_minute=3)
    headers = [enable([289379]).headers for _ in range(4)]
    assert [h["x-ratelimit-limit"] for h in headers] == ["3"] * 4
    assert [h["x-ratelimit-remaining"] for h in headers] == ["2", "1", "0", "0"]
    date = parsedate_to_datetime(headers[0]["date"]).timestamp()
    assert 0 <= int(headers[0]["x-ratelimit-reset"]) - date <= 61


def test_cap__is_of_reads_or_writes_and_of_one_credential(
    sandbox: kf.sandbox.Sandbox, http: httpx.Client, enable: Call
) -> None:
    """Reads and writes are counted apart, and so are credentials."""
    sandbox.set(reads_per_minute=1, rate_window="sliding")
    assert [http.get("/brands").status_code for _ in range(2)] == [200, 429]
    assert enable([289379]).status_code == 200
    other = sandbox.issue_credential()
    assert httpx.get(f"{sandbox.url}/brands", auth=other, **PLAIN).status_code == 200


@pytest.mark.parametrize("form", ["seconds", "date", "absent", "absurd"])
def test_retry_after__has_four_forms(sandbox: kf.sandbox.Sandbox, http: httpx.Client, form: str) -> None:
    """Seconds, an HTTP date in the future of the sandbox's clock, none, and a billion seconds."""
    sandbox.set(reads_per_minute=1, retry_after=form)
    sandbox.move_clock(7200)
    answers = [http.get("/brands") for _ in range(3)]
    value = answers[-1].headers.get("retry-after")
    if form == "date":
        moment, date = parsedate_to_datetime(value), parsedate_to_datetime(answers[-1].headers["date"])
        assert 0 < (moment - date).total_seconds() <= 62
    else:
        readable = {None: None} | {str(n): n for n in (*range(1, 61), 10**9)}
        assert readable[value] in {"seconds": range(1, 61), "absent": [None], "absurd": [10**9]}[form]
