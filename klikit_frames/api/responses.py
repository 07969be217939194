"""How much of a response is read, and until when: size, compression, and an end for the whole exchange."""

from __future__ import annotations

import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import httpcore

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
        max_bytes=MAX_BYTES[kind], deadline=time.monotonic() + MAX_TIMEOUTS[kind] * timeout_s
    )


class _BrokenError(Exception):
    """The body is given up; the text says why."""


def read_body(
    chunks: Iterable[bytes],
    *,
    bounds: ResponseLimits,
    coding: str = "",
    stopwatch: Callable[[], float] = time.monotonic,
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
    """Return the window of "deflate", by which some servers mean it without the header of zlib."""
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
    _ends: float | None = None

    def left(self) -> float:
        """Return the seconds for the next step; the first one begins the whole."""
        now = time.monotonic()
        if self._ends is None:
            self._ends = now + self.total_s
        return min(float(self), self._ends - now)


def allow(step_s: float, *, n_steps: float) -> dict[str, float | TotalDeadline]:
    """Return how long one exchange may take: to a connection, for each step, and for all of these."""
    patience = TotalDeadline(step_s)
    patience.total_s = n_steps * step_s
    return {"pool": step_s, "connect": step_s, "write": patience, "read": patience}


def open_pool(tls: ssl.SSLContext, *, max_connections: int) -> httpcore.ConnectionPool:
    """Return the connections of one client, which keep that time."""
    return httpcore.ConnectionPool(
        ssl_context=tls,
        max_connections=max_connections,
        keepalive_expiry=_KEEPALIVE_S,
        network_backend=TimedBackend(),
    )


class TimedBackend(httpcore.SyncBackend):
    """Opens connections whose steps know how much patience is left."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Open a connection."""
        return TimedStream(super().connect_tcp(host, port, timeout, local_address, socket_options))


class TimedStream(httpcore.NetworkStream):
    """A connection whose steps end when the patience that they are given does."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Receive what there is."""
        return self._stream.read(max_bytes, _cut(timeout, late=httpcore.ReadTimeout))

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
        return TimedStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> object:
        """Tell what the connection below tells."""
        return self._stream.get_extra_info(info)


def _cut(timeout: float | None, *, late: type[Exception]) -> float | None:
    if not isinstance(timeout, TotalDeadline):
        return timeout
    if (left_s := timeout.left()) <= 0:
        raise late("the exchange took too long")
    return left_s
