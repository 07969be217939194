"""Data on stdout, talk on stderr, files by suffix."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.cli import outputs
from tests.cli.conftest import Terminal


@pytest.fixture
def frame() -> pd.DataFrame:
    """Three rows with a gap, a list and a formula."""
    return pd.DataFrame(
        {
            "entity_id": pd.array([1, None, 3], dtype="Int64"),
            "cascade_brand_ids": [(), (663, 664), ()],
            "note": ["=1+1", "a, b", None],
        }
    )


def test_write__prints_csv_in_a_pipe(frame: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe gets the whole frame as CSV, lists with bars, formulas made harmless."""
    outputs.write(frame)
    assert capsys.readouterr() == (
        'entity_id,cascade_brand_ids,note\n1,,\'=1+1\n,663|664,"a, b"\n3,,\n',
        "",
    )


def test_write__prints_a_table_on_a_terminal(
    frame: pd.DataFrame, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person gets aligned columns, at most twenty rows, and a sentence on the rest."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    outputs.write(pd.concat([frame] * 10, ignore_index=True))
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 21
    assert said.err == "The first 20 of 30 rows are shown; --out FILE writes all rows.\n"


def test_write__prints_json_and_json_lines(frame: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    """--json is one array and --jsonl one object a line, with the same records."""
    outputs.write(frame, json=True)
    whole = json.loads(capsys.readouterr().out)
    outputs.write(frame, jsonl=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert whole == lines
    assert whole[1] == {"entity_id": None, "cascade_brand_ids": [663, 664], "note": "a, b"}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".parquet", ".json", ".jsonl"])
def test_out__writes_what_can_be_read_again(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path, suffix: str
) -> None:
    """A result written in any format holds a row per row, with whole ids."""
    path = tmp_path / f"result{suffix}"
    done = terminal("apply", table, "--yes", "--out", path)
    assert done.code == 0, done.err
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": pd.read_csv,
        ".tsv": lambda file: pd.read_csv(file, sep="\t"),
        ".xlsx": lambda file: pd.read_excel(file, engine="calamine"),
        ".parquet": pd.read_parquet,
        ".json": pd.read_json,
        ".jsonl": lambda file: pd.read_json(file, lines=True),
    }
    read = readers[suffix](path)
    assert read["entity_id"].tolist() == pd.read_csv(table)["entity_id"].tolist()
    assert read["outcome"].tolist() == ["applied"] * 4
    assert read["request_id"].str.len().eq(32).all()
    assert done.out == ""


def test_out__names_the_suffixes_it_knows(terminal: Terminal, table: Path, tmp_path: Path) -> None:
    """An unknown suffix is refused with the list of those that are known."""
    done = terminal("check", table, "--out", tmp_path / "x.doc")
    assert done.code == 2
    assert ".xlsx" in done.err


def test_pipe__gets_only_data(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """What goes to stdout is a CSV and nothing else; the talk is on stderr."""
    done = terminal("apply", table, "--yes")
    read = pd.read_csv(io.StringIO(done.out))
    assert read["outcome"].tolist() == ["applied"] * 4
    assert "→" in done.err


def test_messages__name_commands_and_no_python(terminal: Terminal, tmp_path: Path) -> None:
    """What the library says of its functions is said of commands that there are."""
    done = terminal("status", "0123456789", "--journal", tmp_path / "none.sqlite3")
    assert done.code != 0
    assert "`klikit-frames runs` lists what it knows" in done.err
    assert "kf." not in done.err


class _FullDisk(io.StringIO):
    """A stream whose disk takes nothing more."""

    def write(self, text: str) -> int:
        """Refuse."""
        raise OSError(27, "File too large")


def test_echoed_warnings__once_each_and_only_inside(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning is printed once, however often the command line ran before, and not at all afterwards."""
    for _ in range(2):
        with outputs.echoed_warnings():
            logging.getLogger("klikit_frames.api").warning("The clock is 3 s late.")
    logging.getLogger("klikit_frames.api").warning("Nobody listens to this.")
    assert capsys.readouterr().err == "The clock is 3 s late.\n" * 2


def test_echoed_warnings__on_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning that stderr cannot take does not end what is going on."""
    monkeypatch.setattr(sys, "stderr", _FullDisk())
    with outputs.echoed_warnings():
        logging.getLogger("klikit_frames.api").warning("The clock is 3 s late.")
