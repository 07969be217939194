"""The connection to the Partner API: the only file that knows httpx."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Never, Self

import httpx

from ..errors import ConfigError, TransportError
from .calls import Call, OnAttempt, Surroundings
from .clocks import Clock, SystemClock
from .credentials import BASE_URL, Credentials, find_credentials
from .hosts import Base, check_base_url, check_path
from .pacing import Pacing
from .retries import Settled, Try
from .wire import error_of, read_answer

MAX_BODY_BYTES = 64 * 2**20
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)


class Client:
    """A connection to one business's Partner API; made by `connect`, safe to share between threads."""

    def __init__(self, *, base: Base, http: httpx.Client, shared: Surroundings, read_only: bool) -> None:
        self._base = base
        self._http = http
        self._shared = shared
        self.read_only = read_only

    @property
    def base_url(self) -> str:
        """The base URL, with its path."""
        return self._base.url

    @property
    def host(self) -> str:
        """The host, with its port if that is not the usual one."""
        return self._base.netloc

    @property
    def needs_confirmation(self) -> bool:
        """Whether writes here reach real menus: true anywhere but on loopback."""
        return not self._base.is_loopback

    @property
    def pacing(self) -> Pacing:
        """The caps that are kept, as configured and as learned."""
        return self._shared.pacing

    def read(
        self, path: str, params: Mapping[str, Any] | None = None, *, stop: threading.Event | None = None
    ) -> Any:
        """Return the ``data`` of a GET; network, no disk."""
        request = self._http.build_request("GET", self.base_url + check_path(path), params=params)
        settled = Call("read", lambda: self._exchange(request), self._shared, stop=stop).settle()
        answer = settled.answer
        if answer is None or (answer.is_ok and not answer.is_readable):
            raise TransportError(f"GET {path} of {self.host}: {settled.trouble}.")
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
        """Send one write until it is settled; raises for no answer and no trouble of the network."""
        if self.read_only:
            raise ConfigError("This client is read-only: connect without read_only=True to write.")
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        url = self.base_url + check_path(path)
        request = self._http.build_request(method, url, content=body, headers=headers)
        return Call(
            "write", lambda: self._exchange(request), self._shared, stop=stop, on_attempt=on_attempt
        ).settle()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

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

    def _exchange(self, request: httpx.Request) -> Try:
        try:
            response = self._http.send(request, stream=True)
            try:
                body = b"".join(response.iter_bytes())
            finally:
                response.close()
        except _NOT_SENT as error:
            return Try(trouble=f"no connection was opened ({error})", was_sent=False)
        except httpx.TimeoutException:
            return Try(trouble="no answer came in time")
        except httpx.HTTPError as error:
            return Try(trouble=f"the connection broke ({type(error).__name__})")
        answer = read_answer(response.status_code, body, date=response.headers.get("Date"))
        found = Try(answer=answer)
        if found.is_rate_limited:
            self._shared.pacing.pause(float(response.headers.get("Retry-After", "1")))
        return found


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
    read_only: bool = False,
    trust_env: bool = False,
    allowed_hosts: Iterable[str] = (),
    clock: Clock | None = None,
) -> Client:
    """Return a client of the Partner API; nothing is sent yet."""
    credentials = find_credentials(partner_key=partner_key, secret_key=secret_key)
    base = check_base_url(_find_base_url(base_url), allowed_hosts=allowed_hosts)
    clock = clock or SystemClock()
    pacing = Pacing(reads_per_minute=reads_per_minute, writes_per_minute=writes_per_minute, clock=clock)
    http = httpx.Client(
        auth=_make_auth(credentials),
        timeout=timeout,
        limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
        transport=transport,
        trust_env=trust_env,
        follow_redirects=False,
        verify=base.scheme == "https",
    )
    return Client(base=base, http=http, shared=Surroundings(pacing=pacing, clock=clock), read_only=read_only)


def _find_base_url(given: str | None) -> str:
    text = os.environ.get(BASE_URL) if given is None else given
    if text is None or not text.strip():
        raise ConfigError(f"{BASE_URL} is missing: set the environment variable {BASE_URL}.")
    return text


def _make_auth(credentials: Credentials) -> httpx.Auth:
    return httpx.BasicAuth(credentials.partner_key.reveal(), credentials.secret_key.reveal())
