"""A file that cannot be written is refused before anything is read or sent."""

from __future__ import annotations

from pathlib import Path

import pytest

import klikit_frames as kf
from tests.cli.conftest import Terminal

TABLES = [
    "apply FILE --yes",
    "check FILE",
    "diff FILE",
    "resume RUN",
    "undo RUN --yes",
    "status RUN",
    "verify RUN",
]
TABLES += ["runs", "state", "demo"]


def _words(command: str, *, file: Path) -> list[str]:
    return [str(file) if word == "FILE" else word for word in command.split()]


@pytest.mark.parametrize("command", TABLES)
def test_out__unknown_suffix_is_refused_first(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path, command: str
) -> None:
    """A suffix that names no format ends every command with 2 and the known ones, before a request."""
    done = terminal(*_words(command, file=table), "--out", tmp_path / "result.txt")
    assert (done.code, done.out, len(online.requests)) == (2, "", 0)
    assert ".csv, .tsv, .xlsx, .parquet, .json, .jsonl" in done.err


PLACES = [*(f"{command} --out" for command in TABLES), "plan FILE --out", "check FILE --annotated"]
PLACES += ["undo RUN --yes --save", "report RUN --out"]


@pytest.mark.parametrize("command", PLACES)
def test_folder__that_is_missing_is_refused_first(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path, command: str
) -> None:
    """A file in a folder that is not there ends every command with 2 and that folder, before a request."""
    done = terminal(*_words(command, file=table), tmp_path / "nodir" / "result.csv")
    assert (done.code, done.out, len(online.requests)) == (2, "", 0)
    assert f"there is no folder {tmp_path / 'nodir'}" in done.err


def test_folder__in_place_of_a_file_is_refused_first(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """A folder cannot be written over, so nothing is sent."""
    (tmp_path / "folder.csv").mkdir()
    done = terminal("apply", table, "--yes", "--out", tmp_path / "folder.csv")
    assert (done.code, len(online.requests)) == (2, 0)
    assert "is a directory" in done.err


def test_folder__that_is_read_only_is_refused_first(
    terminal: Terminal,
    online: kf.sandbox.Sandbox,
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A folder that takes no file is named before anything is sent."""
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    done = terminal("apply", table, "--yes", "--out", tmp_path / "result.csv")
    assert (done.code, len(online.requests)) == (2, 0)
    assert "read-only" in done.err


@pytest.mark.parametrize(("suffix", "extra"), [(".xlsx", "[excel]"), (".parquet", "[parquet]")])
def test_out__format_that_needs_an_extra_is_refused_first(
    terminal: Terminal,
    online: kf.sandbox.Sandbox,
    table: Path,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    extra: str,
) -> None:
    """Where the library of a format is not installed, the extra that brings it is named, with 4."""
    monkeypatch.setattr("klikit_frames.cli.options.find_spec", lambda name: None)
    done = terminal("apply", table, "--yes", "--out", tmp_path / f"result{suffix}")
    assert (done.code, len(online.requests)) == (4, 0)
    assert extra in done.err


def test_out__suffix_in_capitals_is_understood(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """A .CSV is a .csv, for what is written and for the input with its problems."""
    done = terminal("apply", table, "--yes", "--out", tmp_path / "result.CSV")
    assert done.code == 0, done.err
    assert terminal("check", table, "--annotated", tmp_path / "mend.CSV").code == 0
    assert len((tmp_path / "result.CSV").read_text().splitlines()) == 5
    assert len((tmp_path / "mend.CSV").read_text().splitlines()) == 5
