"""Where requests may go: the base URL, checked after parsing."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigError
from .credentials import Secret

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
    >>> from klikit_frames.api.base_urls import check_base_url
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
