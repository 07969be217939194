"""Where the keys come from."""

from __future__ import annotations

import copy
import os
import pickle
import pty
import sys
import types
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.errors
import pytest

import klikit_frames as kf
from klikit_frames.api.credentials import (
    KEYRING_SERVICE,
    PARTNER_KEY,
    SECRET_KEY,
    Credentials,
    Secret,
    find_base_url,
    find_credentials,
)

NOTHING: dict[str, Secret | None] = {PARTNER_KEY: None, SECRET_KEY: None}


class Memory(keyring.backend.KeyringBackend):
    """A keyring for one test."""

    priority = 1  # type: ignore[assignment]

    def __init__(self, *, is_locked: bool = False) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = is_locked

    def get_password(self, service: str, username: str) -> str | None:
        if self.is_locked:
            raise keyring.errors.KeyringLocked("locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture(autouse=True)
def ring() -> Any:
    """Put an empty keyring in the place of the person's own."""
    own = keyring.get_keyring()
    ring = Memory()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(own)


def reveal(credentials: Credentials) -> tuple[str, str]:
    """Return both keys in the clear."""
    return credentials.partner_key.reveal(), credentials.secret_key.reveal()


def find(**given: str) -> tuple[str, str]:
    """Look for the keys, given these arguments."""
    secrets = {name: Secret(text) for name, text in given.items()}
    return reveal(find_credentials({**NOTHING, **secrets}, host="example"))


def test_credentials__from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two variables are enough; space around a pasted key does no harm."""
    monkeypatch.setenv(PARTNER_KEY, "pk-env")
    monkeypatch.setenv(SECRET_KEY, " sk-env\n")
    assert find() == ("pk-env", "sk-env")


def test_credentials__of_the_argument_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was passed outweighs what lies around."""
    monkeypatch.setenv(PARTNER_KEY, "pk-env")
    monkeypatch.setenv(SECRET_KEY, "sk-env")
    assert find(KLIKIT_SECRET_KEY="sk-arg") == ("pk-env", "sk-arg")


def test_credentials__from_the_keyring(ring: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keyring is asked for what the environment lacks."""
    monkeypatch.setenv(PARTNER_KEY, "pk-env")
    ring.set_password(KEYRING_SERVICE, SECRET_KEY, "sk-ring")
    assert find() == ("pk-env", "sk-ring")


def test_credentials__beside_a_locked_keyring(ring: Memory) -> None:
    """A keyring that does not open is as good as none."""
    ring.is_locked = True
    with pytest.raises(kf.ConfigError, match=SECRET_KEY):
        find(KLIKIT_PARTNER_KEY="pk")


def test_credentials__without_the_keyring_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed, nothing breaks."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(kf.ConfigError, match=PARTNER_KEY):
        find()


@pytest.mark.parametrize("has_access", [True, False])
def test_credentials__from_colab(has_access: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colab's own store is asked in Colab, and a refusal of access is as good as none."""

    class NotebookAccessError(Exception):
        pass

    class SecretNotFoundError(Exception):
        pass

    def get(name: str) -> str:
        if not has_access:
            raise NotebookAccessError
        return f"colab-{name}"

    userdata = types.ModuleType("google.colab.userdata")
    vars(userdata).update(
        get=get, NotebookAccessError=NotebookAccessError, SecretNotFoundError=SecretNotFoundError
    )
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "google.colab.userdata", userdata)
    if has_access:
        assert find() == (f"colab-{PARTNER_KEY}", f"colab-{SECRET_KEY}")
    else:
        with pytest.raises(kf.ConfigError):
            find()


def test_credentials__from_a_prompt() -> None:
    """Somebody who sits before a terminal is asked, without an echo."""
    code = (
        "import klikit_frames as kf; client = kf.connect('http://127.0.0.1:9'); "
        "print(client._transport._credentials.secret_key.reveal() == 'sk-typed')"
    )
    screen: list[bytes] = []
    answers = [b"pk-typed\n", b"sk-typed\n"]

    def read(descriptor: int) -> bytes:
        seen = os.read(descriptor, 1024)
        screen.append(seen)
        if seen.rstrip().endswith(b":") and answers:
            os.write(descriptor, answers.pop(0))
        return seen

    own = os.environ.copy()
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    try:
        status = pty.spawn([sys.executable, "-c", code], read, lambda _descriptor: b"")
    finally:
        os.environ.clear()
        os.environ.update(own)
    shown = b"".join(screen).decode()
    assert (status, "True" in shown, "typed" in shown) == (0, True, False)
    assert f"{SECRET_KEY} for 127.0.0.1:9:" in shown


def test_credentials__are_not_prompted_for_where_nobody_sits() -> None:
    """A program that runs a notebook gets an error, not a question that nobody answers."""
    with pytest.raises(kf.ConfigError):
        find()


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_credentials__that_are_blank(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blank key is a missing one: one sentence names the variable."""
    monkeypatch.setenv(PARTNER_KEY, "pk")
    monkeypatch.setenv(SECRET_KEY, blank)
    with pytest.raises(kf.ConfigError) as caught:
        kf.connect("http://127.0.0.1:9")
    assert str(caught.value) == (
        "KLIKIT_SECRET_KEY is missing: set the environment, store with "
        "`keyring set klikit_frames KLIKIT_SECRET_KEY`, or pass secret_key= to connect()."
    )


def test_credentials__that_are_both_missing() -> None:
    """Both variables are named at once."""
    with pytest.raises(kf.ConfigError, match="KLIKIT_PARTNER_KEY and KLIKIT_SECRET_KEY are missing"):
        kf.connect("http://127.0.0.1:9")


def test_base_url__that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base URL has its variable too."""
    with pytest.raises(kf.ConfigError, match="KLIKIT_BASE_URL is missing"):
        kf.connect(partner_key="pk", secret_key="sk")
    monkeypatch.setenv("KLIKIT_BASE_URL", "http://127.0.0.1:9")
    assert find_base_url(None).reveal() == "http://127.0.0.1:9"
    assert find_base_url(Secret("http://localhost")).reveal() == "http://localhost"


@pytest.mark.parametrize("url", ["https://pk_live:sk_live@api.dev.shadowchef.co", "http://sk_live@127.0.0.1"])
def test_base_url__with_a_key_in_it(url: str) -> None:
    """A key in a URL is refused without being repeated."""
    with pytest.raises(kf.ConfigError, match="KLIKIT_SECRET_KEY") as caught:
        kf.connect(url, partner_key="pk", secret_key="sk")
    assert "live" not in str(caught.value)


@pytest.mark.parametrize(("partner_key", "secret_key"), [("pk:1", "sk"), ("pk\n1", "sk"), ("pk", "s\x00k")])
def test_credentials__that_are_malformed(partner_key: str, secret_key: str) -> None:
    """A key with a line break or, before the separator, a colon is refused, and not repeated."""
    with pytest.raises(kf.ConfigError, match="KLIKIT_") as caught:
        find(KLIKIT_PARTNER_KEY=partner_key, KLIKIT_SECRET_KEY=secret_key)
    assert partner_key not in str(caught.value)


@pytest.mark.parametrize("wrong", [b"sk_canary", 5, ["sk_canary"]])
@pytest.mark.parametrize("name", ["base_url", "partner_key", "secret_key"])
def test_connect__refuses_what_is_no_text(name: str, wrong: Any) -> None:
    """In one sentence that names the variable, and does not repeat what was given."""
    given = {"base_url": "http://127.0.0.1:9", "partner_key": "pk", "secret_key": "sk", name: wrong}
    with pytest.raises(kf.ConfigError, match=f"KLIKIT_{name.upper()}") as caught:
        kf.connect(**given)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, "{!r:>20}".format, lambda one: f"{vars(type(one))}"]
)
def test_secret__shows_in_no_text(show: Any) -> None:
    """Neither a secret nor a pair of them can be printed."""
    pair = Credentials(partner_key=Secret("pk_canary"), secret_key=Secret("sk_canary"))
    assert "canary" not in show(Secret("sk_canary")) + show(pair)


def test_scrub__blacks_out_keys_and_not_words() -> None:
    """Keys in any spelling go; a key of one letter, as in a test, does not take the letters of a message."""
    words = "no connection was opened with pk_live and sk_live"
    real = Credentials(partner_key=Secret("pk_live"), secret_key=Secret("sk_live"))
    short = Credentials(partner_key=Secret("a"), secret_key=Secret("o"))
    assert real.scrub(words) == "no connection was opened with *** and ***"
    assert short.scrub(words) == words


@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
def test_secret__is_not_copied(copying: Any) -> None:
    """A secret leaves the process in no pickle."""
    for one in (Secret("sk"), Credentials(partner_key=Secret("pk"), secret_key=Secret("sk"))):
        with pytest.raises(TypeError, match="not pickled"):
            copying(one)
