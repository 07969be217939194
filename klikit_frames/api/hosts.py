"""Where requests may go: the base URL, checked after parsing."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigError

KNOWN_HOSTS = ("api.dev.shadowchef.co", "gateway-enterprise.klikit.io")
DEFAULT_PATH = "/v1/partner"
# Printable ASCII without the signs by which parsers come to see different hosts.
_SAFE_URL = re.compile(r"[!-?A-Z\[\]^-~]+", re.ASCII)
_SAFE_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Base:
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


def check_base_url(text: str, *, allowed_hosts: Iterable[str] = ()) -> Base:
    """Return the parsed base URL, or refuse it in one sentence that repeats no secret.

    Touches neither network nor disk.

    Raises
    ------
    ConfigError
        If it is no plain URL, is not https (loopback aside), or its host is not on the list.

    Examples
    --------
    >>> from klikit_frames.api.hosts import check_base_url
    >>> check_base_url("https://api.dev.shadowchef.co").url
    'https://api.dev.shadowchef.co/v1/partner'
    """
    parts = _split(text.strip())
    host, port = _read_netloc(parts)
    if not is_loopback(host):
        more = [allowed_hosts] if isinstance(allowed_hosts, str) else allowed_hosts
        _check_remote(parts.scheme, host, port, allowed=(*KNOWN_HOSTS, *map(str.lower, more)))
    return Base(scheme=parts.scheme, host=host, port=port, path=_read_path(parts))


def check_path(path: str) -> str:
    """Return a path below the base URL, or refuse one that could lead elsewhere."""
    if not _SAFE_PATH.fullmatch(path) or "/." in path:
        raise ConfigError(f"{path!r} is not a plain path such as '/brands'.")
    return path


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in {"http", "https"} or not parts.netloc or not _is_plain(text, parts):
        raise ConfigError(
            f"The base URL (KLIKIT_BASE_URL) is not a plain URL such as 'https://{KNOWN_HOSTS[0]}{DEFAULT_PATH}'."
        )
    return parts


def _is_plain(text: str, parts: SplitResult) -> bool:
    return bool(_SAFE_URL.fullmatch(text)) and not parts.query and not parts.fragment


def _read_netloc(parts: SplitResult) -> tuple[str, int | None]:
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or "%" in host:
        raise ConfigError("The base URL (KLIKIT_BASE_URL) has no usable host and port.")
    return host, None if port == {"http": 80, "https": 443}[parts.scheme] else port


def _check_remote(scheme: str, host: str, port: int | None, *, allowed: tuple[str, ...]) -> None:
    name = host if port is None else f"{host}:{port}"
    if name not in allowed:
        raise ConfigError(
            f"The host {name!r} is not one of klikit's ({', '.join(KNOWN_HOSTS)}); "
            "if it is meant, name it in connect(allowed_hosts=[...])."
        )
    if scheme != "https":
        raise ConfigError(f"The base URL of {name!r} must begin with https://.")


def _read_path(parts: SplitResult) -> str:
    path = parts.path.rstrip("/")
    if not path:
        return DEFAULT_PATH
    if not _SAFE_PATH.fullmatch(path) or "/." in path:
        raise ConfigError(f"The path {path!r} of the base URL (KLIKIT_BASE_URL) is not a plain one.")
    return path
