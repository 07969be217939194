"""How much of a response is read, and until when."""

from __future__ import annotations

import gzip
import re
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.api import responses
from klikit_frames.api.credentials import Credentials, Secret
from klikit_frames.api.responses import ResponseLimits, TimedStream, allow, read_body
from klikit_frames.api.transport import open_http

from .scripts import PARTNER_KEY, SECRET_KEY, FakeClock, run, write

BOUNDS = ResponseLimits(max_bytes=1000, deadline=1e12)
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
BODY = b'{"request_id":"r","data":"' + b"x" * 100 + b'"}'
PACKED = {
    "": BODY,
    "identity": BODY,
    "gzip": gzip.compress(BODY),
    "X-GZIP ": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "Deflate": RAW.compress(BODY) + RAW.flush(),
}


@pytest.mark.parametrize("coding", PACKED)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_body__is_unpacked(coding: str, step: int) -> None:
    """Each coding that is asked for is understood, in chunks of any size."""
    packed = PACKED[coding]
    chunks = [packed[start : start + step] for start in range(0, len(packed), step)]
    assert read_body(chunks, bounds=BOUNDS, coding=coding) == (BODY, None)


@pytest.mark.parametrize("coding", PACKED)
def test_body__that_is_empty_is_empty_in_any_coding(coding: str) -> None:
    """An answer without a body has none, whatever its headers say of it."""
    assert read_body([], bounds=BOUNDS, coding=coding) == (b"", None)


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "zstd", "gzip,identity", "nonsense"])
def test_body__in_layers_or_unknown_is_refused(coding: str) -> None:
    """What was not asked for is not unpacked."""
    assert read_body([BODY], bounds=BOUNDS, coding=coding) == (
        b"",
        "the answer is packed in a way that was not asked for",
    )


@pytest.mark.parametrize("wbits", [31, 15, -15])
def test_bomb__costs_its_bound_only(wbits: int) -> None:
    """Megabytes of nothing in a few bytes are given up at the limit, before they are in the memory."""
    bomb = zlib.compress(bytes(50_000_000), wbits=wbits)
    coding = "gzip" if wbits == 31 else "deflate"
    tracemalloc.start()
    body = read_body([bomb], bounds=BOUNDS, coding=coding)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert body == (b"", "the answer is longer than 1,000 bytes")
    assert peak < 1_000_000


def test_body__that_never_begins_is_bounded() -> None:
    """A gzip header may hold a file's name: one without an end is cut at the limit too."""
    endless = (bytes([0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 3]) if not n else b"A" for n in range(10**9))
    assert read_body(endless, bounds=BOUNDS, coding="gzip") == (
        b"",
        "the answer is longer than 1,000 bytes",
    )


def test_body__behind_the_end_of_the_compression_is_not_kept() -> None:
    """What follows a finished gzip stream is no part of the body."""
    assert read_body([gzip.compress(BODY), b"more"], bounds=BOUNDS, coding="gzip") == (BODY, None)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_body__cut_off_is_told(coding: str) -> None:
    """Half a compressed body is no body."""
    body, trouble = read_body([PACKED[coding][:20]], bounds=BOUNDS, coding=coding)
    assert (body, trouble) == (b"", "the answer broke off (its compression has no end)")


@given(chunks=st.lists(st.binary(max_size=50)), coding=st.sampled_from(sorted(PACKED)))
def test_body__of_any_bytes_raises_nothing(chunks: list[bytes], coding: str) -> None:
    """Whatever arrives is a body within its limit or a trouble in words."""
    body, trouble = read_body(chunks, bounds=BOUNDS, coding=coding)
    assert len(body) <= BOUNDS.max_bytes
    assert trouble is None or body == b""


def test_client__asks_for_what_it_can_unpack() -> None:
    """No library that happens to be installed adds a coding of its own."""
    bomb = httpx.Response(
        200,
        headers={"Content-Encoding": "gzip, gzip"},
        stream=httpx.ByteStream(gzip.compress(gzip.compress(bytes(10_000_000)))),
    )
    settled, script = run([bomb])
    assert script.received[0].headers["Accept-Encoding"] == "gzip, deflate"
    assert settled.answer
    assert (settled.answer.is_ok, settled.answer.is_readable) == (True, False)
    assert "not asked for" in (settled.trouble or "")


TIMEOUT_S = 0.1
MOST_DRIPS = 1_200
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
# What is sent first, and what is then repeated for ever.
DRIPS: dict[str, Any] = {
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
        # Nobody is to wait for the end of it; whoever does finds an answer that broke off.
        for _ in range(MOST_DRIPS):
            if is_over.wait(TIMEOUT_S / 4):
                return
            line.sendall(again)
    except OSError:
        pass


@pytest.mark.parametrize("drip", DRIPS)
def test_exchange__that_drips_has_an_end(drip: str, serve: Callable[[bytes, bytes], str]) -> None:
    """Wherever a server drips, one write is over after two timeouts; its answer is not believed."""
    keys: dict[str, Any] = {"partner_key": PARTNER_KEY, "secret_key": SECRET_KEY}
    with kf.connect(serve(*DRIPS[drip]), **keys, timeout=TIMEOUT_S, clock=FakeClock()) as client:
        settled = write(client, on_attempt=lambda n, _at: n == 1)
    assert (settled.attempts, settled.was_sent) == (1, True)
    assert re.search("no answer came within|ReadTimeout|too slowly", settled.trouble or "")
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
    monkeypatch.setattr(responses, "edge", slow)
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
    options: dict[str, Any] = {"timeout": 5.0, "max_connections": 1, "trust_env": False, "verify": True}
    with open_http(
        Credentials(partner_key=Secret("key"), secret_key=Secret("secret")), transport=None, **options
    ) as http:
        with pytest.raises(httpx.ConnectError):
            http.get("http://127.0.0.1:9")
        with pytest.raises(httpx.RemoteProtocolError):
            http.get(serve(b"nonsense\r\n\r\n", b""))
