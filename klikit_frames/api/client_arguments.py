"""What is checked before anything is done: the client given to a function, and the base URL of a client."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigError

if TYPE_CHECKING:
    from .credentials import Secret

P = ParamSpec("P")
R = TypeVar("R")
_MISSING = object()


def takes_client(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function refuse, as its first act, a `client` that is none.

    Examples
    --------
    >>> from klikit_frames.api.client_arguments import takes_client
    >>> @takes_client
    ... def host(client):
    ...     return client.host
    >>> host("https://partner.klikit.io")
    Traceback (most recent call last):
    klikit_frames.errors.ConfigError: client is a str, not a client. Give what kf.connect(...) returns.
    """
    place = list(signature(function).parameters).index("client")

    @wraps(function)
    def checked(*args: P.args, **options: P.kwargs) -> R:
        client = args[place] if len(args) > place else options.get("client", _MISSING)
        if client is not _MISSING:
            check_is_client(client)
        return function(*args, **options)

    return checked


def check_is_client(client: object) -> None:
    """Refuse what is no client.

    Raises
    ------
    ConfigError
        It names the type that was given, and the cure.
    """
    # Not above: who only plans needs no HTTP.
    from .client import Client

    if not isinstance(client, Client):
        raise no_client_error(client)


def no_client_error(given: object) -> ConfigError:
    """Return the error for what was given in the place of a client."""
    what = "missing (None)" if given is None else f"a {type(given).__name__}, not a client"
    return ConfigError(f"client is {what}. Give what kf.connect(...) returns.")


KNOWN_HOSTS = ("api.dev.shadowchef.co", "gateway-enterprise.klikit.io")
DEFAULT_PATH = "/v1/partner"
# Printable ASCII without the signs by which parsers come to see different hosts.
_SAFE_URL = re.compile(r"[!-?A-Z\[\]^-~]+", re.ASCII)
_SAFE_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+", re.ASCII)


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A base URL that has passed every check."""

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def netloc(self) -> str:
        """The host, with its port if that is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole base URL, without a slash at its end."""
        return f"{self.scheme}://{self.netloc}{self.path}"

    @property
    def is_loopback(self) -> bool:
        """Whether this is the machine itself."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address means this very machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_base_url(address: Secret, *, allowed_hosts: Iterable[str] = ()) -> BaseUrl:
    """Return the parsed base URL, or refuse it in one sentence that repeats nothing of it but the host.

    Touches neither network nor disk.

    Parameters
    ----------
    address : Secret
        People paste keys into addresses: it is unwrapped only where nothing is raised.
    allowed_hosts : iterable of str
        Hosts to allow besides klikit's.

    Raises
    ------
    ConfigError
        If it is no plain URL, is not https (loopback aside), or its host is not on the list.

    Examples
    --------
    >>> from klikit_frames.api.credentials import Secret
    >>> from klikit_frames.api.client_arguments import check_base_url
    >>> check_base_url(Secret("https://api.dev.shadowchef.co")).url
    'https://api.dev.shadowchef.co/v1/partner'
    """
    place = _read_place(address.reveal())
    if isinstance(place, str):
        raise ConfigError(f"The base URL (KLIKIT_BASE_URL) {place}.")
    if not is_loopback(place.host):
        more = [allowed_hosts] if isinstance(allowed_hosts, str) else allowed_hosts
        _check_remote(place, allowed=(*KNOWN_HOSTS, *map(str.lower, more)))
    path = _read_path(address.reveal())
    if path is None:
        raise ConfigError(f"The path of the base URL (KLIKIT_BASE_URL) is not as plain as {DEFAULT_PATH!r}.")
    return BaseUrl(scheme=place.scheme, host=place.host, port=place.port, path=path)


def check_path(path: str) -> str:
    """Return a path below the base URL, or refuse one that could lead elsewhere."""
    if not isinstance(path, str) or not _SAFE_PATH.fullmatch(path) or "/." in path:
        raise ConfigError(f"{path!r} is not a plain path such as '/brands'.")
    return path


class _Place(NamedTuple):
    scheme: str
    host: str
    port: int | None


def _read_place(text: str) -> _Place | str:
    """Return where a URL leads, or what is wrong with it; raises nothing, for its locals hold the URL."""
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in {"http", "https"} or not parts.netloc or not _is_plain(text, parts):
        return f"is not a plain URL such as 'https://{KNOWN_HOSTS[0]}{DEFAULT_PATH}'"
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or "%" in host:
        return "has no usable host and port"
    return _Place(parts.scheme, host, None if port == {"http": 80, "https": 443}[parts.scheme] else port)


def _is_plain(text: str, parts: SplitResult) -> bool:
    return bool(_SAFE_URL.fullmatch(text)) and not parts.query and not parts.fragment


def _check_remote(place: _Place, *, allowed: tuple[str, ...]) -> None:
    name = place.host if place.port is None else f"{place.host}:{place.port}"
    if name not in allowed:
        raise ConfigError(
            f"The host {name!r} is not one of klikit's ({', '.join(KNOWN_HOSTS)}); "
            "if it is meant, name it in connect(allowed_hosts=[...])."
        )
    if place.scheme != "https":
        raise ConfigError(f"The base URL of {name!r} must begin with https://.")


def _read_path(text: str) -> str | None:
    """Return the path of a URL that was split before, or None if it is no plain one; raises nothing."""
    path = urlsplit(text).path.rstrip("/") or DEFAULT_PATH
    return path if _SAFE_PATH.fullmatch(path) and "/." not in path else None
