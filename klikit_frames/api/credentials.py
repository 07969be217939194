"""Credentials: where they come from, how a request carries them, and texts without them.

A profile is the name under which a person keeps a business's address, its key, and where its secret lies.
"""

from __future__ import annotations

import getpass
import hashlib
import importlib
import importlib.util
import logging
import os
import re
import sys
import tomllib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Never
from urllib.parse import urlsplit

import platformdirs
from rapidfuzz import process

from .. import edge
from ..errors import ConfigError
from .wire import ApiResponse

# A filter acts on the records of its very logger, not on those of the loggers below it.
LOGGERS = (
    "httpx",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)


class Redaction(logging.Filter):
    """Lets every record pass, and blacks the keys of one credential out of it.

    Examples
    --------
    >>> import logging
    >>> from klikit_frames.api.credentials import Credentials, Secret
    >>> from klikit_frames.api.credentials import Redaction
    >>> keys = Credentials(partner_key=Secret("pk_live"), secret_key=Secret("sk_live"))
    >>> record = logging.makeLogRecord({"msg": "echo: %s", "args": ("sk_live",)})
    >>> Redaction(keys).filter(record), record.getMessage()
    (True, 'echo: ***')
    """

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record where it tells a key."""
        said = record.getMessage()
        if (scrubbed := self._credentials.scrub(said)) != said:
            record.msg, record.args = scrubbed, ()
        return True


def redact_logs(credentials: Credentials) -> Callable[[], None]:
    """Black the keys out of what the HTTP libraries log; return what ends it."""
    redaction, loggers = Redaction(credentials), [logging.getLogger(name) for name in LOGGERS]
    for logger in loggers:
        logger.addFilter(redaction)

    def end() -> None:
        for logger in loggers:
            logger.removeFilter(redaction)

    return end


def scrub_response(answer: ApiResponse | None, *, credentials: Credentials) -> ApiResponse | None:
    """Black the keys out of the words that are kept of an answer."""
    if answer is None:
        return None
    request_id = answer.request_id and credentials.scrub(answer.request_id)
    return replace(answer, message=credentials.scrub(answer.message), request_id=request_id)


BASE_URL = "KLIKIT_BASE_URL"
PARTNER_KEY = "KLIKIT_PARTNER_KEY"
SECRET_KEY = "KLIKIT_SECRET_KEY"  # noqa: S105 - the variable's name
KEYRING_SERVICE = "klikit_frames"
# A key of a letter or two is somebody's test, and blacked out it would eat the words of a message.
_LEAST_SECRET = 4
# So long a text stands in no menu by chance: it is blacked out of an answer before the answer is understood.
_LEAST_UNMISTAKABLE = 12
_ARGUMENTS = {PARTNER_KEY: "partner_key", SECRET_KEY: "secret_key"}


class Secret:
    """A text that shows in no repr, no format and no pickle.

    Examples
    --------
    >>> from klikit_frames.api.credentials import Secret
    >>> f"{Secret('sk_live')}"
    'Secret(***)'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        # What is no text is refused where the name of it is known, as a text that nothing can be.
        self._text = text.strip() if isinstance(text, str) else "\0"

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

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

    def scrub(self, text: str) -> str:
        """Return the text with the keys blacked out, should a server or a library have quoted them."""
        for shown in self._spellings():
            text = text.replace(shown, "***") if len(shown) >= _LEAST_SECRET else text
        return text

    def scrub_body(self, body: bytes) -> bytes:
        """Return an answer's body with the keys blacked out, should the server have echoed them as data."""
        for shown in self._spellings():
            if len(shown) >= _LEAST_UNMISTAKABLE:
                # JSON may write a slash with a backslash before it.
                for spelling in {shown, shown.replace("/", "\\/")}:
                    body = body.replace(spelling.encode(), b"***")
        return body

    def __repr__(self) -> str:
        return "Credentials(***)"

    def __reduce__(self) -> Never:
        raise TypeError("Credentials are not pickled or copied.")

    def _spellings(self) -> tuple[str, str, str]:
        partner_key, secret_key = self.partner_key.reveal(), self.secret_key.reveal()
        return b64encode(f"{partner_key}:{secret_key}".encode()).decode(), secret_key, partner_key


def as_secret(text: str | None) -> Secret | None:
    """Return the text as a secret, before anything can go wrong that prints local variables."""
    return None if text is None else Secret(text)


def account_digest(host: str, *, partner_key: str) -> str:
    """Return 32 hex digits that stand for one partner key on one host, and tell nothing of the key.

    Examples
    --------
    >>> from klikit_frames.api.credentials import account_digest
    >>> account_digest("127.0.0.1:8000", partner_key="pk_demo")
    '46e96672cfb3ba644f850a93977a647e'
    """
    return hashlib.sha256(f"klikit_frames {host} {partner_key}".encode()).hexdigest()[:32]


def find_credentials(given: Mapping[str, Secret | None], *, host: str) -> Credentials:
    """Return the pair of keys, each from the first place that has it.

    The places: the argument, the environment, Colab's store, the keyring (extra ``[keyring]``), and a prompt
    where somebody sits before it.

    Parameters
    ----------
    given : mapping of variable name to Secret or None
        What the caller passed.
    host : str
        Named by the prompt.

    Raises
    ------
    ConfigError
        In one sentence that names the variables, if a key is missing, blank or malformed.
    """
    credentials = {name: _look_up(name, given.get(name), host=host) for name in _ARGUMENTS}
    missing = [name for name, secret in credentials.items() if not secret]
    if missing:
        raise ConfigError(_missing_message(missing))
    return Credentials(
        partner_key=_check(PARTNER_KEY, credentials), secret_key=_check(SECRET_KEY, credentials)
    )


def find_base_url(given: Secret | None) -> Secret:
    """Return the base URL from the argument or the environment; a secret, for people put keys into it."""
    url = as_secret(os.environ.get(BASE_URL)) if given is None else given
    if not url:
        raise ConfigError(
            f"{BASE_URL} is missing: set that variable, and {' and '.join(_ARGUMENTS)} beside it, "
            "or pass base_url= to connect()."
        )
    if "@" in url.reveal():
        raise ConfigError(
            f"The base URL ({BASE_URL}) holds a user name or password: "
            f"give them as {PARTNER_KEY} and {SECRET_KEY} instead."
        )
    return url


def _look_up(name: str, given: Secret | None, *, host: str) -> Secret | None:
    if given is not None:
        return given
    return _read_environment(name) or _read_colab(name) or read_keyring(name) or _ask(name, host=host)


def _read_environment(name: str) -> Secret | None:
    return as_secret(os.environ.get(name))


def _read_colab(name: str) -> Secret | None:
    """Ask Colab's own store of secrets, if this is Colab."""
    if "google.colab" not in sys.modules:
        return None
    userdata = importlib.import_module("google.colab.userdata")
    try:
        return as_secret(userdata.get(name))
    except (userdata.SecretNotFoundError, userdata.NotebookAccessError):
        return None


def read_keyring(name: str) -> Secret | None:
    """Return what the person's keyring has under a name of this package; None without a keyring."""
    if importlib.util.find_spec("keyring") is None:
        return None
    keyring = importlib.import_module("keyring")
    try:
        return as_secret(keyring.get_password(KEYRING_SERVICE, name))
    except importlib.import_module("keyring.errors").KeyringError:
        return None


def _ask(name: str, *, host: str) -> Secret | None:
    """Ask the person, without an echo and without a trace in a notebook."""
    if not _is_interactive():
        return None
    try:
        return Secret(getpass.getpass(f"{name} for {host}: "))
    except (EOFError, NotImplementedError):
        # A notebook that is executed by a program has nobody to ask.
        return None


def _is_interactive() -> bool:
    shell: Callable[[], object] | None = getattr(sys.modules.get("IPython"), "get_ipython", None)
    in_kernel = "ipykernel" in sys.modules and shell is not None and shell() is not None
    return in_kernel or (sys.stdin is not None and sys.stdin.isatty())


def _check(name: str, by_name: Mapping[str, Secret | None]) -> Secret:
    secret = by_name[name] or Secret("")
    if not secret.reveal().isprintable() or (name == PARTNER_KEY and ":" in secret.reveal()):
        raise ConfigError(
            f"{name} is no text, or holds a character that no key has: "
            "copy it again, without line breaks or colons."
        )
    return secret


def _missing_message(names: list[str]) -> str:
    verb, which = ("is", "that variable") if len(names) == 1 else ("are", "these variables")
    arguments = " and ".join(f"{_ARGUMENTS[name]}=" for name in names)
    return (
        f"{' and '.join(names)} {verb} missing: set {which}, "
        f"store with `keyring set {KEYRING_SERVICE} {names[0]}`, or pass {arguments} to connect()."
    )


PROFILES = "KLIKIT_PROFILES"
PROFILE = "KLIKIT_PROFILE"
PROFILE_NAME = re.compile(r"[a-z0-9_-]+", re.ASCII)
_PLACE = re.compile(r"at (line \d+, column \d+|end of document)")
_KEYS = {"base_url", "partner_key", "secret_key_env", "secret_key_keyring"}
_CURE = (
    'keep it outside, and name the place: secret_key_env = "A_VARIABLE" or secret_key_keyring = "A_USERNAME" '
    f"(`keyring set {KEYRING_SERVICE} A_USERNAME`)"
)


@dataclass(frozen=True, slots=True)
class Profile:
    """What one profile tells; the secret is looked up when it is connected."""

    name: str
    base_url: Secret | None
    partner_key: Secret | None
    secret_key: Secret | None


def profiles_path() -> Path:
    """Return the file of profiles: KLIKIT_PROFILES, or ``profiles.toml`` in the person's config folder."""
    named = os.environ.get(PROFILES)
    return Path(named) if named else Path(platformdirs.user_config_dir("klikit_frames")) / "profiles.toml"


def load_profile(name: str) -> Profile:
    """Return one profile; reads the file of profiles, then the environment or the keyring.

    Raises
    ------
    ConfigError
        The file or the profile is not there or not as it should be, or its secret cannot be found.
    """
    path = profiles_path()
    tables = _read_tables(path)
    if name not in tables:
        near = [
            str(match) for match, *_ in process.extract(str(name), sorted(tables), limit=3, score_cutoff=50)
        ]
        hint = (
            f"did you mean {', '.join(near)}?" if near else f"it has {', '.join(sorted(tables)) or 'none'}."
        )
        raise ConfigError(f"There is no profile {name!r} in {path}: {hint}")
    table = tables[name]
    return Profile(
        name,
        base_url=as_secret(table.get("base_url")),
        partner_key=as_secret(table.get("partner_key")),
        secret_key=_find_secret(name, table),
    )


def profile_hosts() -> dict[str, str]:
    """Return the host of each profile by name, empty where one has none; reads their file.

    Raises
    ------
    ConfigError
        The file is not there, or not as it should be.
    """
    tables = _read_tables(profiles_path())
    return {name: _host(tables[name].get("base_url", "")) for name in sorted(tables)}


def _host(address: str) -> str:
    """Return the host of an address, which may be written with a password in it."""
    try:
        return urlsplit(address).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _read_tables(path: Path) -> dict[str, dict[str, Any]]:
    tables = _parse(path)
    if isinstance(tables, str):
        raise ConfigError(tables)
    fault = next(filter(None, (_find_fault(name, tables[name], path=path) for name in tables)), None)
    if fault is not None:
        # A traceback that prints local variables must not find a key in this frame.
        del tables
        raise ConfigError(fault)
    return tables


def _parse(path: Path) -> dict[str, Any] | str:
    """Return the tables of the file, or what is wrong with it; it raises nothing, for it holds the text."""
    try:
        return tomllib.loads(edge.read_file(path).decode("utf-8"))
    except FileNotFoundError:
        return f"There is no file of profiles {path}: write it, or name another in {PROFILES}."
    except OSError as error:
        return f"The file of profiles {path} cannot be read: {error.strerror or 'it is no file'}."
    except ValueError as error:
        # The parser's message may quote a line with a key: say only where it stopped.
        place = _PLACE.search(str(error))
        where = f" ({place[0]})" if place else ""
        return f"The file of profiles {path} cannot be read as TOML in UTF-8{where}: mend it there."


def _find_fault(name: str, table: object, *, path: Path) -> str | None:
    """Return what is wrong with one profile, in a sentence that repeats none of its values."""
    if not isinstance(table, dict):
        return f"{path}: {name!r} stands outside a profile: begin one with a line such as [depok]."
    if not PROFILE_NAME.fullmatch(name):
        return f"{path}: {name!r} is no name of a profile: small letters, digits, _ and - are."
    if "secret_key" in table or "secret" in table:
        is_open = os.name == "posix" and bool(path.stat().st_mode & 0o077)
        others = " that other users of this machine may read" if is_open else ""
        return f"{path}: the profile {name!r} holds its secret key in a file{others}: {_CURE}."
    if unknown := sorted(table.keys() - _KEYS):
        return f"{path}: the profile {name!r} has {unknown[0]!r}; it may have {', '.join(sorted(_KEYS))}."
    if bad := [key for key, value in table.items() if not isinstance(value, str)]:
        return f"{path}: {bad[0]} of the profile {name!r} is a text in quotes."
    return None


def _find_secret(name: str, table: dict[str, str]) -> Secret | None:
    if (variable := table.get("secret_key_env")) is not None:
        if not (secret := as_secret(os.environ.get(variable))):
            raise ConfigError(
                f"The profile {name!r} looks for its secret key in the variable {variable}, which is not set "
                "here: set it, and call again."
            )
        return secret
    username = table.get("secret_key_keyring")
    if username is None:
        return None
    if importlib.util.find_spec("keyring") is None:
        raise ConfigError(
            f"The profile {name!r} keeps its secret key in the keyring, which needs an extra: "
            "pip install 'klikit-frames[keyring]'."
        )
    secret = as_secret(importlib.import_module("keyring").get_password(KEYRING_SERVICE, username))
    if not secret:
        raise ConfigError(
            f"The keyring has no secret key of profile {name!r}: `keyring set {KEYRING_SERVICE} {username}`."
        )
    return secret
