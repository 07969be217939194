"""How much of a response is read, and until when: size, compression, and an end for the whole exchange."""

from __future__ import annotations

import ssl
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from queue import Empty, SimpleQueue
from typing import TypeVar, cast

import httpcore

from .. import edge
from .rate_limits import Kind

# What is asked for; with more than these, a few bytes can be packed in layers until they fill the memory.
ACCEPTED_CODINGS = "gzip, deflate"
# The menu tree of 50,000 items is about 30 MB; an answer to a write is one line.
MAX_BYTES: dict[Kind, int] = {"read": 64 * 2**20, "write": 2**20}
# An answer may take this many timeouts to arrive in all, however steadily it drips.
MAX_TIMEOUTS: dict[Kind, float] = {"read": 10.0, "write": 2.0}
_PLAIN = {"", "identity"}
_GZIP = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS}
_ZLIB_METHOD = 8


@dataclass(frozen=True, slots=True)
class ResponseLimits:
    """How much of an answer is read, and until when."""

    max_bytes: int
    deadline: float


def limits_for(kind: Kind, *, timeout_s: float) -> ResponseLimits:
    """Return the bounds of one answer whose request is about to leave."""
    return ResponseLimits(
        max_bytes=MAX_BYTES[kind], deadline=edge.monotonic() + MAX_TIMEOUTS[kind] * timeout_s
    )


class _BrokenError(Exception):
    """The body is given up; the text says why."""


def read_body(
    chunks: Iterable[bytes],
    *,
    bounds: ResponseLimits,
    coding: str = "",
    stopwatch: Callable[[], float] = edge.monotonic,
) -> tuple[bytes, str | None]:
    """Return the whole body, or nothing and why it was given up.

    Parameters
    ----------
    chunks : iterable of bytes
        As they come over the wire.
    bounds : ResponseLimits
        Hold for what arrives and for what it unpacks to.
    coding : str
        The answer's ``Content-Encoding``.
    stopwatch : callable
        Tells the time that the deadline is in.

    Examples
    --------
    >>> from klikit_frames.api.responses import ResponseLimits, read_body
    >>> read_body([b"1234", b"5678"], bounds=ResponseLimits(max_bytes=6, deadline=1e12))
    (b'', 'the answer is longer than 6 bytes')
    """
    received = _receive(chunks, bounds=bounds, stopwatch=stopwatch)
    try:
        return _unpack(received, coding=coding.strip().lower(), max_bytes=bounds.max_bytes), None
    except _BrokenError as broken:
        return b"", str(broken)
    except zlib.error:
        return b"", "the answer broke off (its compression is damaged)"


def _receive(
    chunks: Iterable[bytes], *, bounds: ResponseLimits, stopwatch: Callable[[], float]
) -> Iterator[bytes]:
    n_bytes = 0
    for chunk in chunks:
        n_bytes += len(chunk)
        _check_length(n_bytes, max_bytes=bounds.max_bytes)
        if stopwatch() > bounds.deadline:
            raise _BrokenError("the answer dripped in too slowly")
        yield chunk


def _unpack(chunks: Iterator[bytes], *, coding: str, max_bytes: int) -> bytes:
    if coding in _PLAIN:
        return b"".join(chunks)
    if coding != "deflate" and coding not in _GZIP:
        raise _BrokenError("the answer is packed in a way that was not asked for")
    first = next(filter(None, chunks), b"")
    unpacker = zlib.decompressobj(_GZIP.get(coding) or _guess_deflate(first))
    body = bytearray()
    for chunk in chain([first], chunks):
        # One byte beyond the limit is enough to know.
        body += unpacker.decompress(chunk, max_bytes + 1 - len(body)) if not unpacker.eof else b""
        _check_length(len(body), max_bytes=max_bytes)
    if first and not unpacker.eof:
        raise _BrokenError("the answer broke off (its compression has no end)")
    return bytes(body)


def _guess_deflate(first: bytes) -> int:
    """Return the window for "deflate", which some servers send without zlib's header."""
    return zlib.MAX_WBITS if first[:1] and first[0] & 15 == _ZLIB_METHOD else -zlib.MAX_WBITS


def _check_length(n_bytes: int, *, max_bytes: int) -> None:
    if n_bytes > max_bytes:
        raise _BrokenError(f"the answer is longer than {max_bytes:,} bytes")


TROUBLES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
# A stop leaves an answer that is on its way this long to come; whoever stops waits two seconds at most.
STOP_GRACE_S = 0.75
_POLL_S = 0.25
# A timeout of 0 would mean another mode of the socket.
_LEAST_SLICE_S = 0.001
_Got = TypeVar("_Got")
# httpx's own figure.
_KEEPALIVE_S = 5.0


class TotalDeadline(float):
    """The seconds that one step at a socket may take: as given, and no more than is left of the whole.

    Examples
    --------
    >>> from klikit_frames.api.responses import allow
    >>> allow(30.0, n_steps=2)["read"].left()
    30.0
    """

    total_s = float("inf")
    stop: threading.Event | None = None
    _ends: float | None = None
    _stopped_at: float | None = None

    def left(self) -> float:
        """Return the seconds for the next step; the first one begins the whole."""
        now = edge.monotonic()
        if self._ends is None:
            self._ends = now + self.total_s
        return min(float(self), self._ends - now)

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was set so long ago that an answer under way would have come."""
        if self.stop is None or not self.stop.is_set():
            return False
        now = edge.monotonic()
        self._stopped_at = self._stopped_at or now
        return now - self._stopped_at >= STOP_GRACE_S

    def repeat(self, step: Callable[[float], _Got], *, late: type[Exception]) -> _Got:
        """Take one step in slices of time, so that `stop` is heard between two of them."""
        left_s = _cut(self, late=late) or 0.0
        ends = edge.monotonic() + left_s
        while not self.is_stopped:
            slice_s = left_s if self.stop is None else min(left_s, _POLL_S)
            try:
                return step(max(slice_s, _LEAST_SLICE_S))
            except late:
                left_s = ends - edge.monotonic()
                if left_s <= 0:
                    raise
        raise late("stopped")


def allow(step_s: float, *, n_steps: float, stop: threading.Event | None = None) -> dict[str, TotalDeadline]:
    """Return how long one exchange may take: to a connection, for each step, and for all of these."""
    waiting, exchange = TotalDeadline(step_s), TotalDeadline(step_s)
    exchange.total_s = n_steps * step_s
    waiting.stop = exchange.stop = stop
    return {"pool": waiting, "connect": waiting, "write": exchange, "read": exchange}


def call_stoppable(call: Callable[[], _Got], *, stop: threading.Event, late: Callable[[], _Got]) -> _Got:
    """Return what a call returns, or give it up: it goes on in a thread of its own once `stop` is set."""
    results: SimpleQueue[tuple[_Got | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            results.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - raised again on the thread that waits
            results.put((None, error))

    deadline = TotalDeadline("inf")
    deadline.stop = stop
    edge.make_thread(run, name="klikit-frames-send-aside").start()
    while not deadline.is_stopped:
        with suppress(Empty):
            got, error = results.get(timeout=_POLL_S)
            if error is not None:
                raise error
            return cast("_Got", got)
    return late()


def open_pool(tls: ssl.SSLContext, *, max_connections: int) -> httpcore.ConnectionPool:
    """Return the connections of one client, which keep that time."""
    return httpcore.ConnectionPool(
        ssl_context=tls,
        max_connections=max_connections,
        keepalive_expiry=_KEEPALIVE_S,
        network_backend=TimedBackend(),
    )


class TimedBackend(httpcore.SyncBackend):
    """Opens connections whose steps know how much time is left."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Open a connection."""
        connect = partial(super().connect_tcp, host, port, timeout, local_address, socket_options)
        return TimedStream(_connect_stoppable(connect, timeout))


class TimedStream(httpcore.NetworkStream):
    """A connection whose steps end with the time that they are given."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Receive what has arrived."""
        if not isinstance(timeout, TotalDeadline):
            return self._stream.read(max_bytes, timeout)
        return timeout.repeat(partial(self._stream.read, max_bytes), late=httpcore.ReadTimeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        self._stream.write(buffer, _cut(timeout, late=httpcore.WriteTimeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Go on in TLS."""
        connect = partial(self._stream.start_tls, ssl_context, server_hostname, timeout)
        return TimedStream(_connect_stoppable(connect, timeout))

    def get_extra_info(self, info: str) -> object:
        """Tell what the connection below tells."""
        return self._stream.get_extra_info(info)


def _connect_stoppable(
    connect: Callable[[], httpcore.NetworkStream], timeout: float | None
) -> httpcore.NetworkStream:
    """Open a connection, or give it up on a stop: what is opened too late is closed."""
    if not isinstance(timeout, TotalDeadline) or timeout.stop is None:
        return connect()

    is_given_up = threading.Event()

    def open_in_time() -> httpcore.NetworkStream:
        stream = connect()
        if is_given_up.is_set():
            stream.close()
        return stream

    def give_up() -> httpcore.NetworkStream:
        is_given_up.set()
        raise httpcore.ConnectTimeout("stopped")

    return call_stoppable(open_in_time, stop=timeout.stop, late=give_up)


def _cut(timeout: float | None, *, late: type[Exception]) -> float | None:
    if not isinstance(timeout, TotalDeadline):
        return timeout
    if (left_s := timeout.left()) <= 0:
        raise late("the exchange took too long")
    return left_s
