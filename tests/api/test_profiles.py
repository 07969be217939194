"""Profiles: names for businesses, without their secrets in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

import klikit_frames as kf


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
    ("text", "told"),
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, told: str
) -> None:
    """Each fault is one sentence, and none repeats a secret."""
    path = tmp_path / "profiles.toml"
    monkeypatch.setenv("KLIKIT_PROFILES", str(path))
    if text is not None:
        path.write_text(text)
    with pytest.raises(kf.ConfigError, match=told) as caught:
        kf.connect(profile="depok")
    assert "sk_canary" not in str(caught.value)


def test_profile__from_the_keyring(
    sandbox: kf.sandbox.Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret lies in the keyring under the profile's username; a missing one is told with the command."""
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
    monkeypatch.setattr("keyring.core._keyring_backend", MemoryKeyring())
    with kf.connect(profile="depok") as client:
        assert client.read("/brands")
    with pytest.raises(kf.ConfigError, match="keyring set klikit_frames bali"):
        kf.connect(profile="bali")
