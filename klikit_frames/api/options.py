"""What a connection is opened with, checked before anything is sent, and what its environment lacks."""

from __future__ import annotations

from ..errors import ConfigError


def check_timeout(timeout: float) -> None:
    """Refuse a time to wait that is none, or has no end."""
    if not (isinstance(timeout, int | float) and 0 < timeout < float("inf")):
        raise ConfigError(f"timeout is a number of seconds above 0, not {_name(timeout)}.")


def check_counts(**counts: int) -> None:
    """Refuse a number of requests that is no whole number from 1."""
    for name, count in counts.items():
        if type(count) is not int or count < 1:
            raise ConfigError(f"{name} is a whole number from 1, not {_name(count)}.")


def _name(value: object) -> str:
    # A text in the place of a number may be a key that slipped by one argument.
    return repr(value) if isinstance(value, int | float) else f"a {type(value).__name__}"


def say_environment(error: Exception) -> str:
    """Return what is wrong with the proxies or certificates of the environment, without their passwords."""
    if isinstance(error, OSError):
        return "The certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read: mend or unset it."
    if isinstance(error, ImportError):
        return "The environment names a SOCKS proxy: install httpx[socks], or unset ALL_PROXY and its like."
    return "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY is not the URL of a proxy: mend or unset it."
