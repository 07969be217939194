"""Profiles: the names under which a person keeps each business's address, key, and where its secret lies."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs
from rapidfuzz import process

from ..errors import ConfigError
from .credentials import KEYRING_SERVICE, Secret, as_secret

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
        known = (
            f"did you mean {', '.join(near)}?" if near else f"it has {', '.join(sorted(tables)) or 'none'}."
        )
        raise ConfigError(f"There is no profile {name!r} in {path}: {known}")
    table = tables[name]
    return Profile(
        name,
        base_url=as_secret(table.get("base_url")),
        partner_key=as_secret(table.get("partner_key")),
        secret_key=_find_secret(name, table),
    )


def profile_hosts() -> dict[str, str]:
    """Return the host of each of the person's profiles by name, empty where none is told; reads their file.

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
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return f"There is no file of profiles {path}: write it, or name another in {PROFILES}."
    except OSError as error:
        return f"The file of profiles {path} cannot be read: {error.strerror or 'it is no file'}."
    except ValueError as error:
        # The parser's own words may quote the line with a key: only where it stopped is told.
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
