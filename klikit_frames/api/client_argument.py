"""The argument named `client` of public functions: what is none is refused before anything is done."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

from ..errors import ConfigError

P = ParamSpec("P")
R = TypeVar("R")
_MISSING = object()


def takes_client(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function refuse, as its first act, a `client` that is none.

    Examples
    --------
    >>> from klikit_frames.api.client_argument import takes_client
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
