"""Sending one HTTP request over httpx: nothing outside this file knows an exception of it."""

from __future__ import annotations

import re
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count
from typing import Any, Protocol, cast

import httpcore
import httpx

from .. import __version__
from ..edge import Clock
from ..errors import ConfigError
from .credentials import Credentials, redact_logs, scrub_response
from .rate_limits import Kind
from .request_executor import Attempt, parse_attempt
from .responses import (
    ACCEPTED_CODINGS,
    MAX_TIMEOUTS,
    TROUBLES,
    ResponseLimits,
    TotalDeadline,
    allow,
    call_stoppable,
    limits_for,
    open_pool,
    read_body,
)

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": ACCEPTED_CODINGS,
    "User-Agent": f"klikit-frames/{__version__}",
}
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)


# A client knows a handful of addresses, and parsing one takes as long as building all the rest of a request.
_parse_url = lru_cache(maxsize=256)(httpx.URL)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request, before any library knows of it."""

    kind: Kind
    method: str
    url: str
    params: Mapping[str, Any] | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    stop: threading.Event | None = None
    number: int = field(default_factory=count().__next__)

    @property
    def asker(self) -> str:
        """What tells this request from all others, however often it is sent: its key, or its number."""
        return self.headers.get("Idempotency-Key") or f"request {self.number}"


class SeenRequestIds:
    """Which request each of the latest request_ids belongs to; safe for threads.

    Examples
    --------
    >>> from klikit_frames.api.transport import SeenRequestIds
    >>> seen = SeenRequestIds()
    >>> [seen.belongs("r-1", asker=key) for key in ("key-1", "key-1", "key-2")]
    [True, True, False]
    """

    def __init__(self, *, size: int = 10_000) -> None:
        self._askers: OrderedDict[str, str] = OrderedDict()
        self._size = size
        self._lock = threading.Lock()

    def belongs(self, request_id: str, *, asker: str) -> bool:
        """Return whether no other request was answered under this id; the API gives each its own."""
        with self._lock:
            first = self._askers.setdefault(request_id, asker)
            if len(self._askers) > self._size:
                self._askers.popitem(last=False)
        return first == asker


class Transport(Protocol):
    """Carries one request at a time and tells what came of it as a value."""

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""

    def send(self, request: HttpRequest) -> Attempt:
        """Send the request once."""

    def close(self) -> None:
        """Close all connections."""


class _PoolTransport(httpx.BaseTransport):
    """httpx's own, but over connections that keep an end for the whole exchange."""

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        at = request.url
        url = httpcore.URL(scheme=at.raw_scheme, host=at.raw_host, port=at.port, target=at.raw_path)
        sent = httpcore.Request(
            request.method,
            url,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            response = self._wait_for_connection(sent)
        except TROUBLES as error:
            raise _translate(error) from error
        extensions = {"network_stream": response.extensions["network_stream"]}
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response), extensions=extensions
        )

    def _wait_for_connection(self, sent: httpcore.Request) -> httpcore.Response:
        """Send once a connection is free; the wait for one hears a stop."""
        timeouts = sent.extensions["timeout"]
        if not isinstance(timeouts["pool"], TotalDeadline):
            return self._pool.handle_request(sent)

        def handle(wait_s: float) -> httpcore.Response:
            sent.extensions = {**sent.extensions, "timeout": {**timeouts, "pool": wait_s}}
            return self._pool.handle_request(sent)

        return timeouts["pool"].repeat(handle, late=httpcore.PoolTimeout)

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from cast("Iterable[bytes]", self._response.stream)
        except TROUBLES as error:
            raise _translate(error) from error

    def close(self) -> None:
        self._response.close()


def _translate(error: Exception) -> Exception:
    """Return the error in httpx's words; the two name their errors alike."""
    translated: Exception = getattr(httpx, type(error).__name__)(str(error))
    return translated


class HttpxTransport:
    """One HTTP exchange at a time, returned as a value: no exception of httpx leaves it."""

    def __init__(
        self,
        http: httpx.Client,
        *,
        credentials: Credentials,
        clock: Clock,
        timeout_s: float,
        hears_stop: bool = True,
    ) -> None:
        self._http = http
        self._hears_stop = hears_stop
        self._seen = SeenRequestIds()
        self._credentials = credentials
        self._clock = clock
        self._timeout_s = timeout_s
        self._end_redaction = weakref.finalize(self, redact_logs(credentials))

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._http.is_closed

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
        self._end_redaction()

    def send(self, request: HttpRequest) -> Attempt:
        """Send the request once."""
        if request.stop is None or self._hears_stop:
            return self._send_scrubbed(request)
        # Somebody else's transport blocks as long as it likes.
        late = Attempt(trouble="stopped before an answer came")
        return call_stoppable(lambda: self._send_scrubbed(request), stop=request.stop, late=lambda: late)

    def _send_scrubbed(self, request: HttpRequest) -> Attempt:
        try:
            response = self._send(request)
        except BaseException as error:
            # The frames below hold the Authorization header; a traceback with locals would print it.
            error.__cause__ = error.__context__ = error.__traceback__ = None
            vars(error).pop("__notes__", None)
            raise
        return replace(response, answer=scrub_response(response.answer, credentials=self._credentials))

    def _send(self, request: HttpRequest) -> Attempt:
        bounds = limits_for(request.kind, timeout_s=self._timeout_s)
        try:
            response = self._http.send(self._build(request), stream=True)
        except _NEVER_SENT as error:
            trouble = f"no connection was opened ({_cause_of(error)})"
            return Attempt(trouble=self._credentials.scrub(trouble), was_sent=False)
        except httpx.TimeoutException:
            if request.stop and request.stop.is_set():
                return Attempt(trouble="stopped before an answer came")
            return Attempt(trouble=f"no answer came within {self._timeout_s:g} s")
        except httpx.HTTPError:
            return Attempt(trouble="the connection broke before the whole answer came")
        except RuntimeError:
            # So httpx says that it was closed meanwhile, before it touches a connection.
            if not self.is_closed:
                raise
            return Attempt(trouble="the client was closed", was_sent=False)
        return self._read(response, bounds=bounds, asker=request.asker)

    def _read(self, response: httpx.Response, *, bounds: ResponseLimits, asker: str) -> Attempt:
        try:
            attempt = self._read_body(response, bounds=bounds)
            request_id = attempt.answer.request_id if attempt.answer else None
            if request_id is None or self._seen.belongs(request_id, asker=asker):
                return attempt
            # The next answer on this connection would be another's too: no other request may get it.
            if (stream := response.extensions.get("network_stream")) is not None:
                stream.close()
            return Attempt(trouble="the answer was that of another request, and its connection was closed")
        finally:
            response.close()

    def _read_body(self, response: httpx.Response, *, bounds: ResponseLimits) -> Attempt:
        body, trouble = b"", None
        try:
            # Not through httpx, which unpacks whatever is inside before anybody can count.
            chunks = cast("httpx.SyncByteStream", response.stream)
            coding = response.headers.get("Content-Encoding", "")
            body, trouble = read_body(chunks, bounds=bounds, coding=coding)
        except httpx.HTTPError as error:
            trouble = f"the answer broke off ({type(error).__name__})"
        body = self._credentials.scrub_body(body)
        return parse_attempt(response.status_code, response.headers, body, trouble=trouble, clock=self._clock)

    def _build(self, request: HttpRequest) -> httpx.Request:
        return self._http.build_request(
            request.method,
            _parse_url(request.url),
            params=request.params,
            content=request.body,
            headers=request.headers,
            extensions={
                "timeout": allow(self._timeout_s, n_steps=MAX_TIMEOUTS[request.kind], stop=request.stop)
            },
        )


def open_http(
    credentials: Credentials,
    *,
    timeout: float,
    max_connections: int,
    transport: httpx.BaseTransport | None,
    trust_env: bool,
    verify: bool,
) -> httpx.Client:
    """Return an HTTP client that sends the credentials and follows no redirect."""
    try:
        # An environment's proxies are httpx's business: with a transport of our own it would ignore them.
        if transport is None and not trust_env:
            tls = httpx.create_ssl_context(verify=verify, trust_env=False)
            transport = _PoolTransport(open_pool(tls, max_connections=max_connections))
        return httpx.Client(
            auth=httpx.BasicAuth(credentials.partner_key.reveal(), credentials.secret_key.reveal()),
            headers=_HEADERS,
            timeout=timeout,
            limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
            transport=transport,
            trust_env=trust_env,
            verify=verify,
            follow_redirects=False,
            event_hooks={"response": [_forget_redirect]},
        )
    except (ValueError, ImportError, OSError, httpx.InvalidURL) as error:
        if not trust_env:
            raise
        said = _environment_error_text(error)
    # Out here the error is forgotten: its words and its frames tell the proxy's password.
    raise ConfigError(said)


def _forget_redirect(response: httpx.Response) -> None:
    # httpx parses the new address even where it is not to be followed, and stumbles over a bad one.
    response.headers.pop("Location", None)


def _cause_of(error: Exception) -> str:
    """Return why no connection was opened, without the number of a system error.

    Examples
    --------
    >>> from klikit_frames.api.transport import _cause_of
    >>> _cause_of(OSError("[Errno 111] Connection refused"))
    'Connection refused'
    """
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error))


def _environment_error_text(error: Exception) -> str:
    """Return what is wrong with the proxies or certificates of the environment, without their passwords."""
    if isinstance(error, OSError):
        return "The certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read: mend or unset it."
    if isinstance(error, ImportError):
        return "The environment names a SOCKS proxy: install httpx[socks], or unset ALL_PROXY and its like."
    return "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY is not the URL of a proxy: mend or unset it."
