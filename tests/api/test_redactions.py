"""What a server or an environment tells of the keys, and who must not hear it."""

from __future__ import annotations

import gc
import io
import logging
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import klikit_frames as kf
from klikit_frames.api.credentials import Credentials, Secret
from klikit_frames.api.redactions import LOGGERS

from .scripts import URL, FakeClock, connect, ok
from .test_secrets import find_canaries, log, show_with_locals

__all__ = ["log"]

PARTNER_KEY, SECRET_KEY = "pk_canary_4d1f", "sk_canary_9c77"


@pytest.fixture
def echoing_url() -> Iterator[str]:
    """Serve one answer whose headers and data repeat the request's credential."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_echo_once, args=(server,))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def _echo_once(server: socket.socket) -> None:
    with server.accept()[0] as line:
        asked = line.recv(65536)
        (header,) = (one for one in asked.split(b"\r\n") if one.startswith(b"Authorization"))
        body = b'{"request_id":"r","data":"%s %s"}' % (header, SECRET_KEY.encode())
        line.sendall(
            b"HTTP/1.1 200 OK\r\nX-Echo-%s\r\nContent-Length: %d\r\n\r\n" % (header, len(body)) + body
        )


def test_log__of_a_server_that_echoes_the_header(echoing_url: str, log: io.StringIO) -> None:
    """The HTTP libraries log the headers of an answer: the credential in them is blacked out, and in data."""
    keys = {"partner_key": PARTNER_KEY, "secret_key": SECRET_KEY}
    with kf.connect(echoing_url, **keys) as client:  # type: ignore[arg-type]
        data = client.read("/brands")
    assert data == "Authorization: Basic *** ***"
    assert "X-Echo-Authorization', b'Basic ***'" in log.getvalue()
    assert find_canaries(log.getvalue()) == []


def test_redaction__ends_with_its_client() -> None:
    """A client that is closed, or forgotten, leaves nothing behind in the loggers."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    gc.collect()
    before = [list(logger.filters) for logger in loggers]
    client = connect(ok())
    assert [len(logger.filters) for logger in loggers] == [len(one) + 1 for one in before]
    client.close()
    connect(ok())
    gc.collect()
    assert [logger.filters for logger in loggers] == before


@pytest.mark.parametrize("spelling", ["a/b/c/0123456789", "a\\/b\\/c\\/0123456789"])
def test_body__is_scrubbed_of_keys_but_not_of_words(spelling: str) -> None:
    """A key of some length is blacked out however JSON writes it; a short one might be a word of the menu."""
    keys = Credentials(partner_key=Secret("pizza"), secret_key=Secret("a/b/c/0123456789"))
    assert keys.scrub_body(f'["pizza","{spelling}"]'.encode()) == b'["pizza","***"]'


@pytest.mark.parametrize("problem", [RuntimeError("x"), KeyboardInterrupt(), OSError("o"), MemoryError()])
def test_interruption__forgets_its_cause_and_its_notes(problem: BaseException) -> None:
    """An error that a transport raises from another, or annotates, does not carry the header out."""

    def fail(request: httpx.Request) -> httpx.Response:
        problem.add_note(request.headers["Authorization"])
        raise problem from KeyError(request.headers["Authorization"])

    with connect(transport=httpx.MockTransport(fail)) as client, pytest.raises(type(problem)) as caught:
        client.read("/brands")
    assert find_canaries(show_with_locals(caught.value)) == []
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "base_url",
    [
        f"https://api.dev.shadowchef.co/v1/{SECRET_KEY}:x",
        f"https://api.dev.shadowchef.co/v1/{SECRET_KEY}%20",
        f"https://api.dev.shadowchef.co:8443/v1/{SECRET_KEY}",
        f"http://api.dev.shadowchef.co/v1/{SECRET_KEY}",
        f"https://evil.example/v1/{SECRET_KEY}",
        f"https://api.dev.shadowchef.co?secret={SECRET_KEY}",
        f"http://127.0.0.1/{SECRET_KEY}!",
        f"https://x.co:{SECRET_KEY}",
        f"{SECRET_KEY}",
    ],
)
@pytest.mark.parametrize("allowed_hosts", [(), 7])
def test_url__with_a_key_in_it(base_url: str, allowed_hosts: Any) -> None:
    """Of an address that is refused nothing is told but the host, and no frame holds the rest of it."""
    keys = {"partner_key": "pk", "secret_key": "sk"}
    with pytest.raises((kf.ConfigError, TypeError)) as caught:
        kf.connect(base_url, **keys, allowed_hosts=allowed_hosts)  # type: ignore[arg-type]
    assert find_canaries(show_with_locals(caught.value)) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ALL_PROXY", f"socks5://{PARTNER_KEY}:{SECRET_KEY}@h:1", "SOCKS|unset"),
        ("HTTPS_PROXY", f"foo://{PARTNER_KEY}:{SECRET_KEY}@h:1", "HTTPS_PROXY"),
        ("HTTPS_PROXY", f"http://{PARTNER_KEY}:{SECRET_KEY}@h:x", "HTTPS_PROXY"),
        ("SSL_CERT_FILE", "/no/such/file", "SSL_CERT_FILE"),
    ],
)
def test_environment__that_is_of_no_use(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad proxy or certificate of the environment is named in one sentence, without its password."""
    if "socks" in value:
        monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(name, value)
    keys = {"partner_key": PARTNER_KEY, "secret_key": SECRET_KEY}
    with pytest.raises(kf.ConfigError, match=said) as caught:
        kf.connect("https://api.dev.shadowchef.co", **keys, trust_env=True)  # type: ignore[arg-type]
    assert find_canaries(show_with_locals(caught.value)) == []
    assert caught.value.__context__ is None


def test_environment__is_not_looked_at_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A useless proxy in the environment is none of our business unless the person says so."""
    monkeypatch.setenv("ALL_PROXY", "foo://h:1")
    kf.connect(URL, partner_key="pk", secret_key="sk", clock=FakeClock()).close()


@pytest.mark.parametrize("name", ["timeout", "writes_per_minute"])
def test_number__that_is_a_key_is_not_repeated(name: str) -> None:
    """A key that slipped into the place of a number is refused by its kind."""
    with pytest.raises(kf.ConfigError, match="not a str") as caught:
        connect(ok(), **{name: SECRET_KEY})  # type: ignore[arg-type]
    assert SECRET_KEY not in str(caught.value)
