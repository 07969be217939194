"""What the other rooms read and write through."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

import klikit_frames as kf

from .scripts import PARTNER_KEY, URL, FakeClock, Script, connect, error, ok, write

HTML = httpx.Response(502, html="<h1>Bad Gateway</h1>")


def test_server_now__follows_the_servers_clock() -> None:
    """The server's time is known from its first answer on, however wrong the laptop's clock is."""
    clock = FakeClock(now=datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp())
    with connect(ok(Date="Mon, 23 Nov 2026 15:00:00 GMT"), clock=clock) as client:
        assert client.server_now() is None
        settled = write(client)
        clock.now += 60
        assert client.server_now() == datetime(2026, 11, 23, 15, 1, tzinfo=UTC)
    assert settled.answer
    assert settled.answer.server_at == datetime(2026, 11, 23, 15, tzinfo=UTC)


def test_read__returns_the_data_or_raises() -> None:
    """A read gives the envelope's data, after retries if need be."""
    with connect(HTML, httpx.ReadTimeout(""), ok({"menu": {}})) as client:
        assert client.read("/menus", {"brand_id": 1, "branch_id": 2}) == {"menu": {}}


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (error(401, "MISSING_AUTH"), kf.AuthError),
        (error(404), kf.NotFoundError),
        (error(400), kf.ApiError),
        (error(503), kf.ServerError),
        (HTML, kf.ServerError),
        (httpx.ReadTimeout(""), kf.TransportError),
        (httpx.ConnectError(""), kf.TransportError),
        (httpx.Response(200, html="<h1>Welcome</h1>"), kf.TransportError),
        (lambda _: error(429, Retry_After="60"), kf.RateLimited),
    ],
)
def test_read__raises_what_fits(step: Any, kind: type[Exception]) -> None:
    """No exception of the HTTP library leaves the client, not even as a cause."""
    with connect(step) as client, pytest.raises(kind) as caught:
        client.read("/brands")
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_read_only__refuses_every_write() -> None:
    """A read-only client reads, and sends no write at all."""
    script = Script(ok([]))
    with connect(transport=script, read_only=True) as client:
        assert client.read("/brands") == []
        with pytest.raises(kf.ConfigError, match="read-only"):
            write(client)
        assert "read-only" in repr(client)
    assert len(script.received) == 1


@pytest.mark.parametrize("key", ["", "k" * 65, "a\nb", "schlüssel"])
def test_key__that_is_none_is_refused(key: str) -> None:
    """A key that the API would refuse, or that would break the header, is never sent."""
    with connect(ok()) as client, pytest.raises(kf.ConfigError, match="idempotency key"):
        write(client, key=key)


def test_client__that_is_closed_says_so() -> None:
    """Whoever keeps a client too long is told to connect again."""
    with connect(ok()) as client:
        pass
    with pytest.raises(kf.ConfigError, match="closed"):
        client.read("/brands")


def test_account__stands_for_the_key_on_the_host_and_hides_it() -> None:
    """Two clients of one credential have one account; another key or another host has another."""
    with connect(ok()) as client, connect(ok()) as again:
        assert client.account == again.account
    others = {
        kf.connect(url, partner_key=key, secret_key="sk_other").account
        for url, key in ((URL, "pk_other"), ("http://127.0.0.1:10", PARTNER_KEY))
    }
    assert len({client.account, *others}) == 3
    assert len(client.account) == 32
    assert int(client.account, 16)


@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
def test_client__is_not_copied(copying: Any) -> None:
    """A client holds a credential and sockets, so it is neither pickled nor copied."""
    with connect(ok()) as client, pytest.raises(TypeError, match="connect again"):
        copying(client)


def test_settled__says_when(sandbox: kf.sandbox.Sandbox) -> None:
    """Times are UTC, the server's beside ours."""
    with sandbox.connect() as client:
        settled = write(client)
    assert settled.sent_at
    assert settled.answer
    assert settled.answer.server_at
    assert settled.sent_at <= settled.settled_at
    assert abs(settled.answer.server_at - settled.settled_at) < timedelta(seconds=5)
