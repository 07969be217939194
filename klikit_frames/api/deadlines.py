"""An end for a whole exchange, kept at the socket: each step may be in time, and the last never come."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable

import httpcore

TROUBLES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
# httpx's own figure.
_KEEPALIVE_S = 5.0


class Patience(float):
    """The seconds that one step at a socket may take: as given, and no more than is left of the whole.

    Examples
    --------
    >>> from klikit_frames.api.deadlines import allow
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


def allow(step_s: float, *, n_steps: float) -> dict[str, float | Patience]:
    """Return how long one exchange may take: to a connection, for each step, and for all of these."""
    patience = Patience(step_s)
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
    if not isinstance(timeout, Patience):
        return timeout
    if (left_s := timeout.left()) <= 0:
        raise late("the exchange took too long")
    return left_s
