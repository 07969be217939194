"""The partner key and the secret key: where they come from, and how they stay unseen."""

from __future__ import annotations

import os
from typing import Never

from ..errors import ConfigError

BASE_URL = "KLIKIT_BASE_URL"
PARTNER_KEY = "KLIKIT_PARTNER_KEY"
SECRET_KEY = "KLIKIT_SECRET_KEY"  # noqa: S105 - the variable's name


class Secret:
    """A text that shows in no repr, no format and no pickle."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> Never:
        raise TypeError("A secret is not pickled or copied.")


class Credentials:
    """One pair of keys; its repr and its pickle tell nothing."""

    __slots__ = ("partner_key", "secret_key")

    def __init__(self, *, partner_key: Secret, secret_key: Secret) -> None:
        self.partner_key = partner_key
        self.secret_key = secret_key

    def __repr__(self) -> str:
        return "Credentials(***)"


def find_credentials(*, partner_key: str | None = None, secret_key: str | None = None) -> Credentials:
    """Return the pair of keys, each from the argument or the environment.

    Raises
    ------
    ConfigError
        In one sentence that names the variable, if a key is missing, blank or malformed.
    """
    return Credentials(
        partner_key=_find(PARTNER_KEY, partner_key),
        secret_key=_find(SECRET_KEY, secret_key),
    )


def _find(name: str, given: str | None) -> Secret:
    text = os.environ.get(name) if given is None else given
    if text is None or not text.strip():
        raise ConfigError(f"{name} is missing: set the environment variable {name}.")
    return Secret(text.strip())
