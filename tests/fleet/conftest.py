"""Three businesses, each with a sandbox and a profile of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf

CELL = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]
BUSINESSES = ("depok", "bali", "medan")
Sandboxes = dict[str, kf.sandbox.Sandbox]


@contextmanager
def serve_businesses(*names: str) -> Iterator[Sandboxes]:
    """Serve one sandbox per business."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(kf.sandbox.serve()) for name in names}


def renew(sandboxes: Sandboxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandboxes:
    """Return the sandboxes as new, with profiles that lead to them."""
    for sandbox in sandboxes.values():
        sandbox.reset()
    write_profiles(sandboxes, tmp_path / "profiles.toml", monkeypatch)
    return sandboxes


@pytest.fixture(scope="module")
def running_sandboxes() -> Iterator[Sandboxes]:
    """One sandbox per business, for all tests of a file."""
    with serve_businesses(*BUSINESSES) as sandboxes:
        yield sandboxes


@pytest.fixture
def sandboxes(running_sandboxes: Sandboxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandboxes:
    """The sandboxes as new, and profiles that lead to them."""
    return renew(running_sandboxes, tmp_path, monkeypatch)


def write_profiles(sandboxes: Sandboxes, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a profile for each sandbox; the secrets are in the environment."""
    blocks = []
    for name, sandbox in sandboxes.items():
        monkeypatch.setenv(f"{name.upper()}_SECRET", sandbox.secret_key)
        blocks.append(
            f'[{name}]\nbase_url = "{sandbox.url}"\npartner_key = "{sandbox.partner_key}"\n'
            f'secret_key_env = "{name.upper()}_SECRET"\n'
        )
    path.write_text("\n".join(blocks))
    monkeypatch.setenv("KLIKIT_PROFILES", str(path))


def fleet_table(sandboxes: Sandboxes, *, n: int = 6) -> pd.DataFrame:
    """Return a table that switches the same `n` dishes of one store off in each business, rows mixed."""
    state = next(iter(sandboxes.values())).state()
    items = state[(state["scope"] == "store") & (state["entity_type"] == "item") & state["is_enabled"]].head(
        n
    )
    rows = items[CELL].assign(is_enabled=False)
    parts = [rows.assign(business=name) for name in sandboxes]
    return pd.concat(parts).sort_values("entity_id", kind="stable", ignore_index=True)


@pytest.fixture
def table(sandboxes: Sandboxes) -> pd.DataFrame:
    """Six dishes off in one store of each of three businesses."""
    return fleet_table(sandboxes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of journals that is not there yet."""
    return tmp_path / "journals"
