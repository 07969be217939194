"""The client: what the other rooms read and write through."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Never, Protocol, Self

from ..errors import ConfigError, TransportError
from .calls import Call, OnAttempt, Surroundings
from .clocks import read_now
from .hosts import Base, check_path
from .pacing import Kind, Pacing
from .retries import Settled
from .tries import Try
from .wire import error_of

MAX_KEY_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, before any library knows of it."""

    kind: Kind
    method: str
    url: str
    params: Mapping[str, Any] | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Channel(Protocol):
    """Carries one request at a time and tells what came of it as a value."""

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""

    def exchange(self, request: Request) -> Try:
        """Send the request once."""

    def close(self) -> None:
        """Close all connections."""


class Client:
    """A connection to one business's Partner API; made by `connect`, safe to share between threads.

    Attributes
    ----------
    read_only : bool
        Whether every write is refused.
    max_connections : int
        Requests that can be under way at a time.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     client.read("/brands")[0]["business"]["id"]
    398
    """

    def __init__(
        self,
        *,
        base: Base,
        channel: Channel,
        shared: Surroundings,
        account: str,
        read_only: bool = False,
        max_connections: int = 8,
    ) -> None:
        self._base = base
        self._channel = channel
        self._shared = shared
        self._account = account
        self._server_ahead: timedelta | None = None
        self.read_only = read_only
        self.max_connections = max_connections

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._channel.is_closed

    @property
    def base_url(self) -> str:
        """The base URL, with its path."""
        return self._base.url

    @property
    def host(self) -> str:
        """The host, with its port if that is not the usual one."""
        return self._base.netloc

    @property
    def account(self) -> str:
        """A digest of 32 hex digits that stands for this partner key on this host.

        Equal for every client of one credential, in every process; the key cannot be read out of it. What is
        noted for one business (flags not yet published, promises, the rate log) is kept under it.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as one, sandbox.connect() as other:
        ...     one.account == other.account, len(one.account)
        (True, 32)
        """
        return self._account

    @property
    def needs_confirmation(self) -> bool:
        """Whether writes here reach real menus: true on any host but this machine itself."""
        return not self._base.is_loopback

    @property
    def pacing(self) -> Pacing:
        """The caps that are kept, as configured and as learned."""
        return self._shared.pacing

    def now(self) -> datetime:
        """Return the present by this machine's clock, UTC.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        ...     client.now().tzinfo
        datetime.timezone.utc
        """
        return read_now(self._shared.clock)

    def server_now(self) -> datetime | None:
        """Return the server's present time, UTC; None before its first answer. Nothing is sent.

        The API forgets an idempotency key 24 hours after its first use, by its own clock.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        ...     print(client.server_now())
        ...     brands = client.read("/brands")
        ...     sandbox.move_clock(-3600)  # changes nothing until the next answer tells
        ...     client.server_now() is None
        None
        False
        """
        ahead = self._server_ahead
        return None if ahead is None else self.now() + ahead

    def read(
        self, path: str, params: Mapping[str, Any] | None = None, *, stop: threading.Event | None = None
    ) -> Any:
        """Return the ``data`` of one GET; network, no disk.

        Parameters
        ----------
        path : str
            Below the base URL, such as ``/brands``.
        params : mapping, optional
            The query.
        stop : threading.Event, optional
            Ends the waiting, never a request under way.

        Raises
        ------
        ApiError
            The kind that fits the answer: `AuthError`, `NotFoundError`, `RateLimited`, `ServerError` …, with
            ``http_status``, ``code``, ``message`` and ``request_id``.
        TransportError
            No usable answer came in any try.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        ...     page = client.read("/branches", {"page": 2, "size": 10})
        >>> page["page"], page["total"], len(page["results"])
        (2, 25, 10)
        """
        request = Request("read", "GET", self._locate(path), params=params)
        settled = self._settle(request, stop=stop)
        answer = settled.answer
        if answer is None or (answer.is_ok and not answer.is_readable):
            raise TransportError(f"GET {path} of {self.host} failed: {settled.trouble}.")
        if not answer.is_ok:
            raise error_of(answer)
        return answer.data

    def write(
        self,
        method: str,
        path: str,
        body: bytes,
        *,
        key: str,
        on_attempt: OnAttempt | None = None,
        stop: threading.Event | None = None,
    ) -> Settled:
        """Send one write until it is settled; trouble of HTTP and of the network is told, never raised.

        Parameters
        ----------
        method, path, body
            Sent as they are in each try.
        key : str
            The idempotency key, at most 64 characters (page idempotency); one for all tries.
        on_attempt : callable, optional
            Called with the number of the try and its time just before the socket is touched; what it raises,
            or False, keeps the try from being sent.
        stop : threading.Event, optional
            Ends the waiting, never a request under way.

        Raises
        ------
        ConfigError
            The client is read-only or closed, or the key is no key; nothing was sent.

        Examples
        --------
        >>> from klikit_frames.api.wire import ENABLE_PATHS, encode_enable
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        ...     body = encode_enable([999_999_999], None, is_enabled=False)
        ...     settled = client.write("PATCH", ENABLE_PATHS["item"], body, key="monday-1")
        >>> settled.answer.code, settled.attempts
        ('resource_not_found', 1)
        """
        if self.read_only:
            raise ConfigError("This client is read-only: connect without read_only=True to write.")
        if not 1 <= len(key) <= MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
            raise ConfigError(
                f"{key!r} is no idempotency key: 1 to {MAX_KEY_LENGTH} printable ASCII characters."
            )
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        request = Request("write", method, self._locate(path), body=body, headers=headers)
        return self._settle(request, stop=stop, on_attempt=on_attempt)

    def close(self) -> None:
        """Close all connections; a client as a context manager does so by itself.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     client = sandbox.connect()
        ...     client.close()
        """
        self._channel.close()
        self._shared.pacing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self.base_url}{', read-only' if self.read_only else ''}>"

    def __reduce__(self) -> Never:
        raise TypeError("A client is not pickled or copied: connect again where it is needed.")

    def _locate(self, path: str) -> str:
        if self.is_closed:
            raise ConfigError("This client is closed: connect again.")
        return self.base_url + check_path(path)

    def _settle(
        self, request: Request, *, stop: threading.Event | None = None, on_attempt: OnAttempt | None = None
    ) -> Settled:
        def send() -> Try:
            return self._channel.exchange(request)

        call = Call(
            request.kind,
            send,
            self._shared,
            stop=stop,
            on_attempt=on_attempt,
            is_closed=lambda: self.is_closed,
        )
        settled = call.settle()
        if settled.answer and settled.answer.server_at:
            self._server_ahead = settled.answer.server_at - settled.settled_at
        return settled
