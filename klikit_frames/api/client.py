"""The client of one business, and how to connect one: what the other rooms read and write through."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Never, Self

import httpx

from ..edge import Clock, SteadyClock, SystemClock, read_now
from ..errors import ConfigError, TransportError, check_stop, check_type, check_yes_or_no
from .client_arguments import BaseUrl, check_base_url, check_path
from .credentials import (
    PARTNER_KEY,
    PROFILE,
    SECRET_KEY,
    account_digest,
    as_secret,
    find_base_url,
    find_credentials,
    load_profile,
)
from .rate_limits import RateLimiter
from .rate_storage import find_log_path, remove_old_files
from .request_executor import Attempt, CallResult, ClientContext, OnAttempt, RequestExecutor
from .transport import HttpRequest, HttpxTransport, Transport, open_http
from .wire import exception_for

if TYPE_CHECKING:
    import httpx

__all__ = ["Client", "connect"]

MAX_KEY_LENGTH = 64
# An answer that took longer, as where the machine slept meanwhile, does not tell what time it is now.
_PROMPT_S = 60.0


def _profile_name(profile: str | None) -> str | None:
    """Return which profile is meant, if any."""
    if profile is not None and not isinstance(profile, str):
        raise ConfigError(f"profile is a {type(profile).__name__}; give the name of one, as a text.")
    return profile or os.environ.get(PROFILE)


def connect(
    base_url: str | None = None,
    *,
    partner_key: str | None = None,
    secret_key: str | None = None,
    timeout: float = 30.0,
    writes_per_minute: int = 300,
    reads_per_minute: int = 600,
    max_connections: int = 8,
    transport: httpx.BaseTransport | None = None,
    profile: str | None = None,
    read_only: bool = False,
    trust_env: bool = False,
    allowed_hosts: Iterable[str] = (),
    clock: Clock | None = None,
) -> Client:
    """Return a client of one business's Partner API. Nothing is sent yet.

    Parameters
    ----------
    base_url : str, optional
        Default: KLIKIT_BASE_URL. ``/v1/partner`` is added to a URL without a path.
    partner_key, secret_key : str, optional
        Default: KLIKIT_PARTNER_KEY and KLIKIT_SECRET_KEY from the environment, then Colab's store, then the
        keyring (extra ``[keyring]``), then a prompt.
    timeout : float
        Seconds to wait for a connection, and for each part of an answer; the whole may take ten times as
        long, for a write twice.
    writes_per_minute, reads_per_minute : int
        Caps to keep; lower ones are learned from the server. All threads share them, and all
        processes on this machine through a file in the person's state folder.
    max_connections : int
        Requests under way at a time.
    transport : httpx.BaseTransport, optional
        Carries the requests instead of the network.
    profile : str, optional
        Name in the person's ``profiles.toml`` (KLIKIT_PROFILES names another file): what is not given here
        comes from it before the environment. Default: KLIKIT_PROFILE.
    read_only : bool
        Refuse every write.
    trust_env : bool
        Take proxies and certificates from the environment; the whole's end is then kept for bodies only.
    allowed_hosts : iterable of str
        Hosts to allow besides klikit's two and loopback.
    clock : Clock, optional
        Tells the time and waits; default: the machine's.

    Raises
    ------
    ConfigError
        In one sentence, if a credential is missing, the URL may not be used, or a number makes no sense.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox:
    ...     client = kf.connect(sandbox.url, partner_key=sandbox.partner_key, secret_key=sandbox.secret_key)
    ...     client.host == sandbox.url.split("/")[2]
    True
    """
    given = {PARTNER_KEY: as_secret(partner_key), SECRET_KEY: as_secret(secret_key)}
    address = as_secret(base_url)
    # A traceback that prints local variables must not find the keys in this frame.
    del base_url, partner_key, secret_key
    if not (address and all(given.values())) and (name := _profile_name(profile)):
        kept = load_profile(name)
        address = address or kept.base_url
        given[PARTNER_KEY] = given[PARTNER_KEY] or kept.partner_key
        given[SECRET_KEY] = given[SECRET_KEY] or kept.secret_key
    _check_timeout(timeout)
    check_yes_or_no("trust_env", trust_env)
    _check_counts(
        writes_per_minute=writes_per_minute,
        reads_per_minute=reads_per_minute,
        max_connections=max_connections,
    )
    base = check_base_url(find_base_url(address), allowed_hosts=allowed_hosts)
    credentials = find_credentials(given, host=base.netloc)
    steady = SteadyClock(clock or SystemClock())
    http = open_http(
        credentials,
        timeout=timeout,
        max_connections=max_connections,
        transport=transport,
        trust_env=trust_env,
        verify=base.scheme == "https",
    )
    account = account_digest(base.netloc, partner_key=credentials.partner_key.reveal())
    path = find_log_path(account, is_loopback=base.is_loopback)
    remove_old_files(path.parent, is_loopback=base.is_loopback, keep=path)
    pacing = RateLimiter(
        reads_per_minute=reads_per_minute,
        writes_per_minute=writes_per_minute,
        clock=steady,
        path=path,
    )
    channel = HttpxTransport(
        http,
        credentials=credentials,
        clock=steady,
        timeout_s=timeout,
        hears_stop=transport is None and not trust_env,
    )
    return Client(
        base=base,
        transport=channel,
        shared=ClientContext(pacing=pacing, clock=steady),
        account=account,
        read_only=read_only,
        max_connections=max_connections,
    )


_WHERE_TO_LOOK = "Check the address and the network; kf.doctor(client) looks at both."


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
        base: BaseUrl,
        transport: Transport,
        shared: ClientContext,
        account: str,
        read_only: bool = False,
        max_connections: int = 8,
    ) -> None:
        self._base = base
        self._transport = transport
        self._shared = shared
        self._account = account
        self._process_id = os.getpid()
        # The server's last `Date`, and when it came on a clock that nobody sets.
        self._server_seen: tuple[datetime, float] | None = None
        self.read_only = read_only
        self.max_connections = max_connections

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport.is_closed

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
    def pacing(self) -> RateLimiter:
        """The caps that are kept, as configured and as learned."""
        return self._shared.pacing

    def now(self) -> datetime:
        """Return the present in UTC, by this machine's clock as it stood when the client was made.

        A clock that is set while the client lives does not move it: times of one client are in order.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        ...     client.now().tzinfo
        datetime.timezone.utc
        """
        return read_now(self._shared.clock)

    def server_now(self) -> datetime | None:
        """Return the server's present time, UTC; None before its first answer. Nothing is sent.

        Each prompt answer tells it again; between two, the seconds are counted on a clock that nobody sets.

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
        if self._server_seen is None:
            return None
        server_at, seen_at = self._server_seen
        return server_at + timedelta(seconds=self._shared.clock.monotonic() - seen_at)

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
            Ends the waiting; a request under way is given up within two seconds, and counts as sent.

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
        check_stop(stop)
        if params is not None and not isinstance(params, Mapping):
            raise ConfigError(f"params={params!r:.80} is no dict such as {{'page': 2}}.")
        request = HttpRequest("read", "GET", self._url_of(path), params=params, stop=stop)
        settled = self._execute(request, stop=stop)
        answer = settled.answer
        if answer is None or (answer.is_ok and not answer.is_readable):
            raise TransportError(f"GET {path} of {self.host} failed: {settled.trouble}. {_WHERE_TO_LOOK}")
        if not answer.is_ok:
            raise exception_for(answer)
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
    ) -> CallResult:
        """Send one write until it is settled; errors of HTTP and of the network are returned, never raised.

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
            Ends the waiting; a request under way is given up within two seconds, and counts as sent.

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
        check_stop(stop)
        check_type("method", method, str, made_by="a person")
        check_type("body", body, bytes, made_by="klikit_frames.api.wire.encode_enable()")
        if on_attempt is not None and not callable(on_attempt):
            raise ConfigError(f"on_attempt={on_attempt!r:.80} is no function.")
        is_key = isinstance(key, str) and key.isascii() and key.isprintable()
        if not is_key or not 1 <= len(key) <= MAX_KEY_LENGTH:
            raise ConfigError(
                f"{key!r} is no idempotency key: 1 to {MAX_KEY_LENGTH} printable ASCII characters."
            )
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        request = HttpRequest("write", method, self._url_of(path), body=body, headers=headers, stop=stop)
        return self._execute(request, stop=stop, on_attempt=on_attempt)

    def close(self) -> None:
        """Close all connections; a client as a context manager does so by itself.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     client = sandbox.connect()
        ...     client.close()
        """
        # A forked child shares these connections with its parent: it leaves them alone.
        if self._process_id == os.getpid():
            self._transport.close()
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

    def _url_of(self, path: str) -> str:
        if self._process_id != os.getpid():
            # Two processes on one connection would read each other's answers.
            raise ConfigError(
                f"This client was made in process {self._process_id}, and this is its fork {os.getpid()}: "
                "call connect() in each worker."
            )
        if self.is_closed:
            raise ConfigError("This client is closed: connect again.")
        return self.base_url + check_path(path)

    def _execute(
        self,
        request: HttpRequest,
        *,
        stop: threading.Event | None = None,
        on_attempt: OnAttempt | None = None,
    ) -> CallResult:
        def send() -> Attempt:
            began_s = self._shared.clock.monotonic()
            attempt = self._transport.send(request)
            ended_s = self._shared.clock.monotonic()
            if attempt.answer is None or attempt.answer.server_at is None:
                return attempt
            if ended_s - began_s > _PROMPT_S:
                return replace(attempt, answer=replace(attempt.answer, server_at=None))
            self._server_seen = (attempt.answer.server_at, ended_s)
            return attempt

        call = RequestExecutor(
            request.kind,
            send,
            self._shared,
            stop=stop,
            on_attempt=on_attempt,
            is_closed=lambda: self.is_closed,
        )
        return call.execute()


def _check_timeout(timeout: float) -> None:
    """Refuse a timeout that is not a number above 0, or that is infinite."""
    if not (isinstance(timeout, int | float) and 0 < timeout < float("inf")):
        raise ConfigError(f"timeout is a number of seconds above 0, not {_name(timeout)}.")


def _check_counts(**counts: int) -> None:
    """Refuse a number of requests that is no whole number from 1."""
    for name, count in counts.items():
        if type(count) is not int or count < 1:
            raise ConfigError(f"{name} is a whole number from 1, not {_name(count)}.")


def _name(value: object) -> str:
    # A text in the place of a number may be a key that slipped by one argument.
    return repr(value) if isinstance(value, int | float) else f"a {type(value).__name__}"
