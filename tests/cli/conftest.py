"""A terminal in this process, and the environment of a person whose sandbox runs."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def frame(self) -> pd.DataFrame:
        """The table that was written to stdout."""
        return pd.read_csv(io.StringIO(self.out))


Terminal = Callable[..., Done]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """Run `klikit-frames` with words, and optionally with bytes on standard input."""

    def call(*words: object, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "argv", ["klikit-frames", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def online(sandbox: kf.sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch) -> kf.sandbox.Sandbox:
    """The sandbox, with the three variables set as `klikit-frames sandbox` prints them."""
    monkeypatch.setenv("KLIKIT_BASE_URL", sandbox.url)
    monkeypatch.setenv("KLIKIT_PARTNER_KEY", sandbox.partner_key)
    monkeypatch.setenv("KLIKIT_SECRET_KEY", sandbox.secret_key)
    return sandbox


def publish_everywhere(sandbox: kf.sandbox.Sandbox) -> None:
    """Publish the menu of every store, as an operator does."""
    with sandbox.connect() as client:
        kf.publish(kf.stores(client), client)


def stores_of(table: Path) -> list[tuple[int, int]]:
    """Return the stores of a table, each once."""
    pairs = pd.read_csv(table)[["brand_id", "branch_id"]].drop_duplicates()
    return list(pairs.itertuples(index=False, name=None))


def store_words(pairs: list[tuple[int, int]]) -> list[str]:
    """Return the words that name these stores to a command."""
    return [word for brand, branch in pairs for word in ("--store", f"{brand}/{branch}")]


def read_screen(terminal: int) -> str:
    """Return what is drawn on a terminal until the other side is closed, and close it."""
    parts = []
    try:
        while part := os.read(terminal, 65536):
            parts.append(part)
    except OSError:
        pass  # Linux says so when the other side is closed.
    os.close(terminal)
    return b"".join(parts).decode(errors="replace")


def item_rows(sandbox: kf.sandbox.Sandbox, *, n: int) -> pd.DataFrame:
    """Return toggles that switch the first `n` dishes off that are on in their store."""
    state = sandbox.state()
    rows = state[state["scope"].eq("store") & state["entity_type"].eq("item") & state["is_enabled"]].head(n)
    return rows[["entity_type", "entity_id", "brand_id", "branch_id"]].assign(is_enabled=False)


@pytest.fixture
def table(sandbox: kf.sandbox.Sandbox, tmp_path: Path) -> Path:
    """A good table: four items off in one store."""
    path = tmp_path / "changes.csv"
    item_rows(sandbox, n=4).to_csv(path, index=False)
    return path


@pytest.fixture
def wide_table(sandbox: kf.sandbox.Sandbox, tmp_path: Path) -> Path:
    """A good table of which one row is business-wide: a section on everywhere."""
    state = sandbox.state()
    sections = state[state["scope"].eq("business") & state["entity_type"].eq("section")]
    wide = kf.business_toggles("section", sections["entity_id"].head(1).tolist(), is_enabled=True)
    path = tmp_path / "wide.csv"
    narrow = item_rows(sandbox, n=4).assign(scope="store")
    pd.concat([narrow, wide[["entity_type", "entity_id", "scope", "is_enabled"]]]).to_csv(path, index=False)
    return path


@pytest.fixture
def full_disk(tmp_path: Path) -> Path:
    """A file on a disk that is full."""
    if not Path("/dev/full").exists():
        pytest.skip("This system has no disk that is always full.")
    path = tmp_path / "full.csv"
    path.symlink_to("/dev/full")
    return path
