"""The canary: both keys are looked for in everything that the client shows, says or leaves behind."""

from __future__ import annotations

import gc
import io
import logging
import subprocess
import sys
import traceback
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import pytest

import klikit_frames as kf
from klikit_frames.api.credentials import Secret

from .scripts import PARTNER_KEY, SECRET_KEY, URL, FakeClock, connect, error, ok, write

BASIC = b64encode(f"{PARTNER_KEY}:{SECRET_KEY}".encode()).decode()


def find_canaries(text: str) -> list[str]:
    """Return which of the keys, in which spelling, are in a text."""
    return [canary for canary in (PARTNER_KEY, SECRET_KEY, BASIC) if canary in text]


def frames_of(error: BaseException | None) -> Iterator[TracebackType]:
    """Return the frames of an error and of all that it came from."""
    while error:
        trace = error.__traceback__
        while trace:
            yield trace
            trace = trace.tb_next
        error = error.__cause__ or error.__context__


def show_with_locals(error: BaseException) -> str:
    """Return the traceback as tools print it that show the local variables of each frame of the package."""
    frames = [
        trace.tb_frame for trace in frames_of(error) if "/tests/" not in trace.tb_frame.f_code.co_filename
    ]
    said = "\n".join(f"{name}={value!r}" for frame in frames for name, value in frame.f_locals.items())
    return said + "".join(traceback.format_exception(error))


def echo(request: httpx.Request) -> httpx.Response:
    """Return what a careless server says: the credential that it was given."""
    words = f"bad credential {request.headers['Authorization']} of {PARTNER_KEY} with {SECRET_KEY}"
    return httpx.Response(401, json={"request_id": words, "error": {"code": "X", "message": words}})


ENDINGS: dict[str, Any] = {
    "accepted": ok(),
    "refused": error(404),
    "failed": error(503),
    "echoed": echo,
    "timeout": httpx.ReadTimeout(f"Authorization: Basic {BASIC}"),
    "unreachable": httpx.ConnectError(f"proxy http://{PARTNER_KEY}:{SECRET_KEY}@proxy"),
    "broken": httpx.RemoteProtocolError(f"illegal header {BASIC}"),
}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Listen to every logger of the process, at every level."""
    heard, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(heard), root.level
    root.addHandler(handler)
    root.setLevel(1)
    yield heard
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("name", ENDINGS)
def test_canary__in_answers_errors_and_logs(name: str, log: io.StringIO) -> None:
    """However a request ends, no key is in its result, exception, traceback with locals, or any log."""
    with connect(ENDINGS[name]) as client:
        shown = [repr(client), repr(vars(client)), repr(write(client)), repr(client.pacing)]
        try:
            client.read("/brands")
        except kf.RequestError as error:
            shown += [str(error), repr(error), repr(error.args), repr(vars(error)), show_with_locals(error)]
    assert find_canaries("\n".join(shown) + log.getvalue()) == []


def test_canary__in_logs_of_a_real_connection(sandbox: kf.sandbox.Sandbox, log: io.StringIO) -> None:
    """Over real sockets the HTTP libraries log too, down to the headers; the keys are not among them."""
    with kf.connect(sandbox.url, partner_key=PARTNER_KEY, secret_key=SECRET_KEY) as client:
        write(client)
        with pytest.raises(kf.AuthError):
            client.read("/brands")
    assert "HTTP Request: PATCH" in log.getvalue()
    assert "httpcore" in {name.split(".")[0] for name in logging.root.manager.loggerDict}
    assert find_canaries(log.getvalue()) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, MemoryError, RuntimeError])
def test_canary__in_the_traceback_of_an_interruption(interruption: type[BaseException]) -> None:
    """Ctrl-C in mid-request shows no frame that holds the header, and no earlier error behind it."""

    def interrupt(_request: httpx.Request) -> httpx.Response:
        try:
            raise OSError(BASIC)
        except OSError:
            raise interruption from None

    with connect(interrupt) as client, pytest.raises(interruption) as caught:
        client.read("/brands")
    assert find_canaries(show_with_locals(caught.value)) == []
    assert caught.value.__context__ is None
    assert not any("httpx" in trace.tb_frame.f_code.co_filename for trace in frames_of(caught.value))


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "https://evil.example"},
        {"base_url": f"https://{PARTNER_KEY}:{SECRET_KEY}@api.dev.shadowchef.co"},
        {"base_url": URL, "partner_key": f"{PARTNER_KEY}:"},
        {"base_url": URL, "partner_key": " "},
        {"base_url": URL, "secret_key": f"{SECRET_KEY}\x00"},
        {"base_url": URL, "timeout": -1},
        {"base_url": "https://evil.example", "allowed_hosts": 7},
    ],
)
def test_canary__in_the_traceback_of_a_failed_connect(options: dict[str, Any]) -> None:
    """A connection that is refused for any reason shows no key among the local variables."""
    keys = {"partner_key": PARTNER_KEY, "secret_key": SECRET_KEY}
    with pytest.raises((kf.ConfigError, TypeError)) as caught:
        kf.connect(**keys | options)
    assert find_canaries(show_with_locals(caught.value)) == []


def test_canary__on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shared rate log, its name included, holds no key."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with connect(ok()) as client:
        write(client)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert find_canaries(str(path) + path.read_bytes().decode("latin-1")) == []


def test_canary__in_the_environment_of_a_crash(tmp_path: Path) -> None:
    """A program that dies with an error of the package leaves no key on its streams."""
    code = f"""
import faulthandler, klikit_frames as kf
faulthandler.enable()
client = kf.connect({URL!r})
client.read("no path")
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code],
        env={
            "KLIKIT_PARTNER_KEY": PARTNER_KEY,
            "KLIKIT_SECRET_KEY": SECRET_KEY,
            "HOME": str(tmp_path),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ConfigError" in done.stderr
    assert find_canaries(done.stdout + done.stderr) == []


def test_canary__in_objects_that_anybody_may_print() -> None:
    """Of all objects of this package that are alive, none has a key in its repr."""
    with connect(error(503), clock=FakeClock()) as client:
        write(client)
        ours = [
            value for value in gc.get_objects() if str(type(value).__module__).startswith("klikit_frames.api")
        ]
        assert any(isinstance(value, kf.Client) for value in ours)
        assert find_canaries("\n".join(map(repr, ours))) == []
    assert Secret(SECRET_KEY).reveal() == SECRET_KEY
