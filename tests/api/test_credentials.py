"""Credentials: where they are found, whom a profile names, and that no text shows them."""

from __future__ import annotations

import copy
import gc
import io
import logging
import os
import pickle
import pty
import socket
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import keyring
import keyring.backend
import keyring.errors
import pytest

import klikit_frames as kf
from klikit_frames.api.credentials import (
    KEYRING_SERVICE,
    LOGGERS,
    PARTNER_KEY,
    SECRET_KEY,
    Credentials,
    Secret,
    find_base_url,
    find_credentials,
)
from tests.fixtures import wrong

from .scripts import PARTNER_KEY as PARTNER_CANARY
from .scripts import SECRET_KEY as SECRET_CANARY
from .scripts import URL, FakeClock, connect, ok
from .test_secrets import find_canaries, log, show_with_locals

__all__ = ["log"]

NOTHING: dict[str, Secret | None] = {PARTNER_KEY: None, SECRET_KEY: None}


class Memory(keyring.backend.KeyringBackend):
    """A keyring for one test."""

    priority = 1

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
    users_keyring = keyring.get_keyring()
    ring = Memory()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(users_keyring)


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
        "import base64, httpx, klikit_frames as kf; from tests.api.scripts import ok; seen = []; "
        "take = lambda request: seen.append(request.headers['Authorization']) or ok(); "
        "kf.connect('http://127.0.0.1:9', transport=httpx.MockTransport(take)).read('/brands'); "
        "print(base64.b64decode(seen[0].split()[1]) == b'pk-typed:sk-typed')"
    )
    screen: list[bytes] = []
    answers = [b"pk-typed\n", b"sk-typed\n"]

    def read(descriptor: int) -> bytes:
        seen = os.read(descriptor, 1024)
        screen.append(seen)
        if seen.rstrip().endswith(b":") and answers:
            os.write(descriptor, answers.pop(0))
        return seen

    environment = os.environ.copy()
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    try:
        status = pty.spawn([sys.executable, "-c", code], read, lambda _descriptor: b"")
    finally:
        os.environ.clear()
        os.environ.update(environment)
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
        "KLIKIT_SECRET_KEY is missing: set that variable, store with "
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
    "show", [repr, str, "{}".format, "{!r:>20}".format, lambda secret: f"{vars(type(secret))}"]
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
    for holder in (Secret("sk"), Credentials(partner_key=Secret("pk"), secret_key=Secret("sk"))):
        with pytest.raises(TypeError, match="not pickled"):
            copying(holder)


@pytest.fixture
def echoing_url() -> Iterator[str]:
    """Serve one answer whose headers and data repeat the request's credential."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_echo_once, args=(server,))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def _echo_once(server: socket.socket) -> None:
    with server.accept()[0] as line:
        asked = line.recv(65536)
        (header,) = (field for field in asked.split(b"\r\n") if field.startswith(b"Authorization"))
        body = b'{"request_id":"r","data":"%s %s"}' % (header, SECRET_CANARY.encode())
        line.sendall(
            b"HTTP/1.1 200 OK\r\nX-Echo-%s\r\nContent-Length: %d\r\n\r\n" % (header, len(body)) + body
        )


def test_log__of_a_server_that_echoes_the_header(echoing_url: str, log: io.StringIO) -> None:
    """The HTTP libraries log the headers of an answer: the credential in them is blacked out, and in data."""
    keys: dict[str, Any] = {"partner_key": PARTNER_CANARY, "secret_key": SECRET_CANARY}
    with kf.connect(echoing_url, **keys) as client:
        data = client.read("/brands")
    assert data == "Authorization: Basic *** ***"
    assert "X-Echo-Authorization', b'Basic ***'" in log.getvalue()
    assert find_canaries(log.getvalue()) == []


def test_redaction__ends_with_its_client() -> None:
    """A client that is closed, or forgotten, leaves nothing behind in the loggers."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    gc.collect()
    before = [list(logger.filters) for logger in loggers]
    client = connect(ok())
    assert [len(logger.filters) for logger in loggers] == [len(filters) + 1 for filters in before]
    client.close()
    connect(ok())
    gc.collect()
    assert [logger.filters for logger in loggers] == before


@pytest.mark.parametrize("spelling", ["a/b/c/0123456789", "a\\/b\\/c\\/0123456789"])
def test_body__is_scrubbed_of_keys_but_not_of_words(spelling: str) -> None:
    """A key of some length is blacked out however JSON writes it; a short one might be a word of the menu."""
    keys = Credentials(partner_key=Secret("pizza"), secret_key=Secret("a/b/c/0123456789"))
    assert keys.scrub_body(f'["pizza","{spelling}"]'.encode()) == b'["pizza","***"]'


@pytest.mark.parametrize("problem", [RuntimeError("x"), KeyboardInterrupt(), OSError("o"), MemoryError()])
def test_interruption__forgets_its_cause_and_its_notes(problem: BaseException) -> None:
    """An error that a transport raises from another, or annotates, does not carry the header out."""

    def fail(request: httpx.Request) -> httpx.Response:
        problem.add_note(request.headers["Authorization"])
        raise problem from KeyError(request.headers["Authorization"])

    with connect(transport=httpx.MockTransport(fail)) as client, pytest.raises(type(problem)) as caught:
        client.read("/brands")
    assert find_canaries(show_with_locals(caught.value)) == []
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "base_url",
    [
        f"https://api.dev.shadowchef.co/v1/{SECRET_CANARY}:x",
        f"https://api.dev.shadowchef.co/v1/{SECRET_CANARY}%20",
        f"https://api.dev.shadowchef.co:8443/v1/{SECRET_CANARY}",
        f"http://api.dev.shadowchef.co/v1/{SECRET_CANARY}",
        f"https://evil.example/v1/{SECRET_CANARY}",
        f"https://api.dev.shadowchef.co?secret={SECRET_CANARY}",
        f"http://127.0.0.1/{SECRET_CANARY}!",
        f"https://x.co:{SECRET_CANARY}",
        f"{SECRET_CANARY}",
    ],
)
@pytest.mark.parametrize("allowed_hosts", [(), 7])
def test_url__with_a_key_in_it(base_url: str, allowed_hosts: Any) -> None:
    """Of an address that is refused only the host is named, and no frame holds the rest of it."""
    keys: dict[str, Any] = {"partner_key": "pk", "secret_key": "sk"}
    with pytest.raises((kf.ConfigError, TypeError)) as caught:
        kf.connect(base_url, **keys, allowed_hosts=allowed_hosts)
    assert find_canaries(show_with_locals(caught.value)) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ALL_PROXY", f"socks5://{PARTNER_CANARY}:{SECRET_CANARY}@h:1", "SOCKS|unset"),
        ("HTTPS_PROXY", f"foo://{PARTNER_CANARY}:{SECRET_CANARY}@h:1", "HTTPS_PROXY"),
        ("HTTPS_PROXY", f"http://{PARTNER_CANARY}:{SECRET_CANARY}@h:x", "HTTPS_PROXY"),
        ("SSL_CERT_FILE", "/no/such/file", "SSL_CERT_FILE"),
    ],
)
def test_environment__that_is_of_no_use(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad proxy or certificate of the environment is named in one sentence, without its password."""
    if "socks" in value:
        monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(name, value)
    keys: dict[str, Any] = {"partner_key": PARTNER_CANARY, "secret_key": SECRET_CANARY}
    with pytest.raises(kf.ConfigError, match=said) as caught:
        kf.connect("https://api.dev.shadowchef.co", **keys, trust_env=True)
    assert find_canaries(show_with_locals(caught.value)) == []
    assert caught.value.__context__ is None


def test_environment__is_not_looked_at_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A useless proxy in the environment is none of our business unless the person says so."""
    monkeypatch.setenv("ALL_PROXY", "foo://h:1")
    kf.connect(URL, partner_key="pk", secret_key="sk", clock=FakeClock()).close()


@pytest.mark.parametrize("name", ["timeout", "writes_per_minute"])
def test_number__that_is_a_key_is_not_repeated(name: str) -> None:
    """A key that slipped into the place of a number is refused by its kind."""
    with pytest.raises(kf.ConfigError, match="not a str") as caught:
        connect(ok(), **wrong({name: SECRET_CANARY}))
    assert SECRET_CANARY not in str(caught.value)


@pytest.fixture
def profiles(sandbox: kf.sandbox.Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a file of profiles of which `depok` is the sandbox."""
    path = tmp_path / "profiles.toml"
    lines = ["[depok]", f'base_url = "{sandbox.url}"', f'partner_key = "{sandbox.partner_key}"']
    path.write_text("\n".join([*lines, 'secret_key_env = "DEPOK_SECRET"', "[bali]", 'base_url = "x"']))
    monkeypatch.setenv("KLIKIT_PROFILES", str(path))
    monkeypatch.setenv("DEPOK_SECRET", sandbox.secret_key)
    monkeypatch.setenv("KLIKIT_BASE_URL", "http://127.0.0.1:9")
    return path


@pytest.mark.parametrize("is_default", [False, True])
def test_profile__connects(
    sandbox: kf.sandbox.Sandbox, profiles: Path, monkeypatch: pytest.MonkeyPatch, is_default: bool
) -> None:
    """A profile comes before the environment, by its name or as the default."""
    assert profiles.exists()
    if is_default:
        monkeypatch.setenv("KLIKIT_PROFILE", "depok")
    with kf.connect(profile=None if is_default else "depok") as client:
        assert client.read("/brands")
    with kf.connect("http://127.0.0.1:8", profile="depok") as client:
        assert client.host == "127.0.0.1:8"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no file of profiles"),
        ("[depock]", "did you mean depock"),
        ("[depok", r"cannot be read as TOML in UTF-8 \(at end of document\)"),
        ('[depok]\nsecret_key = "sk_canary"', "secret_key_env"),
        ('[Depok]\nbase_url = "x"', "small letters"),
        ("[depok]\nport = 3", "has 'port'"),
        ('base_url = "x"', "outside a profile"),
        ('[depok]\nsecret_key_env = "NOT_SET"', "NOT_SET, which is not set"),
    ],
)
def test_profile__that_is_none_is_refused_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, message: str
) -> None:
    """Each fault is one sentence, and none repeats a secret."""
    path = tmp_path / "profiles.toml"
    monkeypatch.setenv("KLIKIT_PROFILES", str(path))
    if text is not None:
        path.write_text(text)
    with pytest.raises(kf.ConfigError, match=message) as caught:
        kf.connect(profile="depok")
    assert "sk_canary" not in str(caught.value)


def test_profile__from_the_keyring(
    sandbox: kf.sandbox.Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret lies in the keyring under the profile's username; a missing one is named with the command."""
    keyring = pytest.importorskip("keyring")

    class MemoryKeyring(keyring.backend.KeyringBackend):  # type: ignore[misc, name-defined]
        """A keyring of one secret."""

        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return sandbox.secret_key if (service, username) == ("klikit_frames", "depok") else None

        def set_password(self, service: str, username: str, password: str) -> None:
            raise NotImplementedError

    text = f'base_url = "{sandbox.url}"\npartner_key = "{sandbox.partner_key}"\nsecret_key_keyring'
    path = tmp_path / "profiles.toml"
    path.write_text(f'[depok]\n{text} = "depok"\n[bali]\n{text} = "bali"\n')
    monkeypatch.setenv("KLIKIT_PROFILES", str(path))
    monkeypatch.setattr(keyring, "get_password", MemoryKeyring().get_password)
    with kf.connect(profile="depok") as client:
        assert client.read("/brands")
    with pytest.raises(kf.ConfigError, match="keyring set klikit_frames bali"):
        kf.connect(profile="bali")
