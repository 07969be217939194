"""The commands doctor and profiles, from the terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf

from .conftest import Terminal


def test_doctor__exit_codes(
    terminal: Terminal, online: kf.sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No problem is 0; a problem is 1, and the other checks are told all the same."""
    done = terminal("doctor")
    table = pd.read_csv(io.StringIO(done.out)).set_index("check")
    assert (done.code, table.loc["credentials", "status"]) == (0, "ok")
    monkeypatch.setenv("KLIKIT_SECRET_KEY", "wrong-secret")
    done = terminal("doctor")
    assert done.code == 1
    assert "1 problem" in done.err
    assert "wrong-secret" not in done.out + done.err
    monkeypatch.setenv("KLIKIT_BASE_URL", "http://example.org")
    done = terminal("doctor")
    assert done.code == 1
    assert "threads,ok" in done.out


def test_profiles__are_listed_and_tried(
    terminal: Terminal, sandbox: kf.sandbox.Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each profile is one line: its host, and whether a read of it works."""
    path = tmp_path / "profiles.toml"
    good = f'base_url = "{sandbox.url}"\npartner_key = "{sandbox.partner_key}"\nsecret_key_env = "DEPOK"'
    path.write_text(f"[depok]\n{good}\n[bali]\n{good.replace('DEPOK', 'NOT_SET')}\n")
    monkeypatch.setenv("KLIKIT_PROFILES", str(path))
    monkeypatch.setenv("DEPOK", sandbox.secret_key)
    done = terminal("profiles")
    table = pd.read_csv(io.StringIO(done.out), keep_default_na=False).set_index("profile")
    assert done.code == 1
    assert table.index.tolist() == ["bali", "depok"]
    assert table["status"].tolist() == ["problem", "ok"]
    assert "NOT_SET" in str(table.loc["bali", "found"])
    assert table["host"].tolist() == [sandbox.url.split("/")[2]] * 2
    assert sandbox.secret_key not in done.out + done.err
    done = terminal("stores", "--profile", "depock")
    assert done.code == 4
    assert "did you mean depok" in done.err
