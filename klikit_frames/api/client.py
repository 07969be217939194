"""Opening the connection to the Partner API: the only file that knows httpx."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import cast

import httpcore
import httpx

from .. import __version__
from ..errors import ConfigError
from .bodies import ACCEPTED_CODINGS, MAX_TIMEOUTS, Bounds, bound, collect_body
from .calls import Surroundings
from .clocks import Clock, SystemClock
from .connections import Client, Request
from .credentials import (
    PARTNER_KEY,
    SECRET_KEY,
    Credentials,
    account_digest,
    find_base_url,
    find_credentials,
    hide,
)
from .deadlines import TROUBLES, allow, open_pool
from .hosts import check_base_url
from .logs import log_path
from .options import check_counts, check_timeout, say_environment
from .pacing import Pacing
from .redactions import redact_logs, scrub_answer
from .tries import Try, read_try

__all__ = ["Client", "connect"]

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


class _Transport(httpx.BaseTransport):
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
            found = self._pool.handle_request(sent)
        except TROUBLES as error:
            raise _translate(error) from error
        return httpx.Response(found.status, headers=found.headers, stream=_Body(found))

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, found: httpcore.Response) -> None:
        self._found = found

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from cast("Iterable[bytes]", self._found.stream)
        except TROUBLES as error:
            raise _translate(error) from error

    def close(self) -> None:
        self._found.close()


def _translate(error: Exception) -> Exception:
    """Return the error in httpx's words; the two name their errors alike."""
    found: Exception = getattr(httpx, type(error).__name__)(str(error))
    return found


class _HttpChannel:
    """One HTTP exchange at a time, told as a value: no exception of httpx leaves it."""

    def __init__(
        self, http: httpx.Client, *, credentials: Credentials, clock: Clock, timeout_s: float
    ) -> None:
        self._http = http
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

    def exchange(self, request: Request) -> Try:
        """Send the request once."""
        try:
            found = self._send(request)
        except BaseException as error:
            # The frames below hold the Authorization header; a traceback with locals would print it.
            error.__cause__ = error.__context__ = error.__traceback__ = None
            vars(error).pop("__notes__", None)
            raise
        return replace(found, answer=scrub_answer(found.answer, credentials=self._credentials))

    def _send(self, request: Request) -> Try:
        bounds = bound(request.kind, timeout_s=self._timeout_s)
        try:
            response = self._http.send(self._build(request), stream=True)
        except _NEVER_SENT as error:
            return Try(trouble=self._credentials.scrub(f"no connection was opened ({error})"), was_sent=False)
        except httpx.TimeoutException:
            return Try(trouble=f"no answer came within {self._timeout_s:g} s")
        except httpx.HTTPError as error:
            return Try(trouble=f"the connection broke ({type(error).__name__})")
        except RuntimeError:
            # So httpx says that it was closed meanwhile, before it touches a connection.
            if not self.is_closed:
                raise
            return Try(trouble="the client was closed", was_sent=False)
        return self._read(response, bounds=bounds)

    def _read(self, response: httpx.Response, *, bounds: Bounds) -> Try:
        body, trouble = b"", None
        try:
            # Not through httpx, which unpacks whatever is inside before anybody can count.
            chunks = cast("httpx.SyncByteStream", response.stream)
            coding = response.headers.get("Content-Encoding", "")
            body, trouble = collect_body(chunks, bounds=bounds, coding=coding)
        except httpx.HTTPError as error:
            trouble = f"the answer broke off ({type(error).__name__})"
        finally:
            response.close()
        body = self._credentials.scrub_body(body)
        return read_try(response.status_code, response.headers, body, trouble=trouble, clock=self._clock)

    def _build(self, request: Request) -> httpx.Request:
        return self._http.build_request(
            request.method,
            _parse_url(request.url),
            params=request.params,
            content=request.body,
            headers=request.headers,
            extensions={"timeout": allow(self._timeout_s, n_steps=MAX_TIMEOUTS[request.kind])},
        )


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
    given = {PARTNER_KEY: hide(partner_key), SECRET_KEY: hide(secret_key)}
    address = hide(base_url)
    # A traceback that prints local variables must not find the keys in this frame.
    del base_url, partner_key, secret_key
    check_timeout(timeout)
    check_counts(
        writes_per_minute=writes_per_minute,
        reads_per_minute=reads_per_minute,
        max_connections=max_connections,
    )
    base = check_base_url(find_base_url(address), allowed_hosts=allowed_hosts)
    credentials = find_credentials(given, host=base.netloc)
    clock = clock or SystemClock()
    http = _open_http(
        credentials,
        timeout=timeout,
        max_connections=max_connections,
        transport=transport,
        trust_env=trust_env,
        verify=base.scheme == "https",
    )
    pacing = Pacing(
        reads_per_minute=reads_per_minute,
        writes_per_minute=writes_per_minute,
        clock=clock,
        path=log_path(base.netloc, partner_key=credentials.partner_key.reveal()),
    )
    channel = _HttpChannel(http, credentials=credentials, clock=clock, timeout_s=timeout)
    return Client(
        base=base,
        channel=channel,
        shared=Surroundings(pacing=pacing, clock=clock),
        account=account_digest(base.netloc, partner_key=credentials.partner_key.reveal()),
        read_only=read_only,
        max_connections=max_connections,
    )


def _open_http(
    credentials: Credentials,
    *,
    timeout: float,
    max_connections: int,
    transport: httpx.BaseTransport | None,
    trust_env: bool,
    verify: bool,
) -> httpx.Client:
    try:
        # An environment's proxies are httpx's business: with a transport of ours it would not look at them.
        if transport is None and not trust_env:
            tls = httpx.create_ssl_context(verify=verify, trust_env=False)
            transport = _Transport(open_pool(tls, max_connections=max_connections))
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
        said = say_environment(error)
    # Out here the error is forgotten: its words and its frames tell the proxy's password.
    raise ConfigError(said)


def _forget_redirect(response: httpx.Response) -> None:
    # httpx parses the new address even where it is not to be followed, and stumbles over a bad one.
    response.headers.pop("Location", None)
