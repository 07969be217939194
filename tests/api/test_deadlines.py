"""Servers that never come to an end, over real sockets: each of their bytes is in time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpcore
import httpx
import pytest

import klikit_frames as kf
from klikit_frames.api import deadlines
from klikit_frames.api.deadlines import TimedStream, allow

from .scripts import PARTNER_KEY, SECRET_KEY, FakeClock, write

TIMEOUT_S = 0.1
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
# What is sent first, and what is then repeated for ever.
DRIPS = {
    "a header": (b"HTTP/1.1 200 OK\r\nX-A: ", b"a"),
    "early hints": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "trailers": (CHUNKED + b"0\r\nX: ", b"a"),
    "a chunk's extension": (CHUNKED + b"1;", b"a"),
    "a body": (CHUNKED, b"1\r\nA\r\n"),
    "a file's name": (
        CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
        + b"a\r\n\x1f\x8b\x08\x08\0\0\0\0\0\x03\r\n",
        b"1\r\nA\r\n",
    ),
}


@pytest.fixture
def serve() -> Iterator[Callable[[bytes, bytes], str]]:
    """Return a function that opens a server which begins so, and then repeats itself until it is left."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        is_over, threads = threading.Event(), []

        def talk(first: bytes, again: bytes) -> None:
            while not is_over.is_set():
                with server.accept()[0] as line:
                    line.recv(65536)
                    _drip(line, first=first, again=again, is_over=is_over)

        def begin(first: bytes, again: bytes) -> str:
            threads.append(threading.Thread(target=talk, args=(first, again)))
            threads[-1].start()
            return f"http://127.0.0.1:{server.getsockname()[1]}"

        yield begin
        is_over.set()
        socket.create_connection(server.getsockname()).close()
        for thread in threads:
            thread.join()


def _drip(line: socket.socket, *, first: bytes, again: bytes, is_over: threading.Event) -> None:
    try:
        line.sendall(first)
        while not is_over.wait(TIMEOUT_S / 4):
            line.sendall(again)
    except OSError:
        pass


@pytest.mark.parametrize("drip", DRIPS)
def test_exchange__that_drips_has_an_end(drip: str, serve: Callable[[bytes, bytes], str]) -> None:
    """Wherever a server drips, one write is over after two timeouts; its answer is not believed."""
    keys = {"partner_key": PARTNER_KEY, "secret_key": SECRET_KEY}
    began = time.monotonic()
    with kf.connect(serve(*DRIPS[drip]), **keys, timeout=TIMEOUT_S, clock=FakeClock()) as client:  # type: ignore[arg-type]
        settled = write(client, on_attempt=lambda n, _at: n == 1)
    assert time.monotonic() - began < 20 * TIMEOUT_S
    assert (settled.attempts, settled.was_sent) == (1, True)
    assert settled.trouble
    assert settled.answer is None or not settled.answer.is_readable


class _Slow(httpcore.NetworkStream):
    """A connection on which each step takes a second of its own clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.allowed: list[float | None] = []

    def monotonic(self) -> float:
        return self.now

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.allowed.append(timeout)
        self.now += 1.0
        return b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.read(len(buffer), timeout)


def test_stream__shrinks_what_a_step_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step may take no more than is left; with nothing left it is refused untouched."""
    slow = _Slow()
    monkeypatch.setattr(deadlines, "time", slow)
    stream, times = TimedStream(slow), allow(1.5, n_steps=2)
    stream.write(b"x", times["write"])
    for _ in range(2):
        stream.read(1, times["read"])
    with pytest.raises(httpcore.ReadTimeout):
        stream.read(1, times["read"])
    with pytest.raises(httpcore.WriteTimeout):
        stream.write(b"x", times["write"])
    stream.read(1, None)
    assert slow.allowed == [1.5, 1.5, 1.0, None]


def test_client__has_httpx_words_for_a_line_of_its_own(serve: Callable[[bytes, bytes], str]) -> None:
    """Errors below leave as httpx's, so that all transports are judged alike."""
    keys = {"partner_key": PARTNER_KEY, "secret_key": SECRET_KEY}
    with kf.connect("http://127.0.0.1:9", **keys) as client:  # type: ignore[arg-type]
        http = client._channel._http  # type: ignore[attr-defined]
        with pytest.raises(httpx.ConnectError):
            http.get(client.base_url)
    with kf.connect(serve(b"nonsense\r\n\r\n", b""), **keys) as client:  # type: ignore[arg-type]
        http = client._channel._http  # type: ignore[attr-defined]
        with pytest.raises(httpx.RemoteProtocolError):
            http.get(client.base_url)
