"""Once something was sent, trouble with writing it down never hides what became of it."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from tests.cli.conftest import Terminal, item_rows

WORDS = [sys.executable, "-m", "klikit_frames"]


def _command(text: str, name: str) -> list[str]:
    """Return the words of the line of `klikit-frames` that a message ends with."""
    found = re.search(rf"klikit-frames ({name} .*)$", text, re.MULTILINE)
    assert found is not None, text
    return found[1].split()


@pytest.mark.parametrize("own_journal", [False, True])
def test_7__full_disk_names_the_run(
    terminal: Terminal,
    online: kf.sandbox.Sandbox,
    table: Path,
    *,
    tmp_path: Path,
    full_disk: Path,
    own_journal: bool,
) -> None:
    """What was sent is counted first; then 7, the reason, and the line that tells the rows again."""
    journal = ["--journal", tmp_path / "own.sqlite3"] if own_journal else []
    done = terminal("apply", table, "--yes", "--out", full_disk, *journal)
    assert (done.code, done.out) == (7, "")
    assert done.err.index("4 applied") < done.err.index("No space left on device")
    again = [str(tmp_path / "again.csv") if word == "FILE" else word for word in _command(done.err, "status")]
    assert terminal(*again).code == 0
    assert pd.read_csv(tmp_path / "again.csv")["outcome"].tolist() == ["applied"] * 4


def test_7__full_disk_keeps_the_way_on(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path, full_disk: Path
) -> None:
    """Rows that are open are told with the line that resumes them, in the journal that was named."""
    online.inject("reset_after", match="PATCH")
    words = ["--journal", tmp_path / "own.sqlite3"]
    done = terminal("apply", table, "--yes", "--out", full_disk, *words)
    assert done.code == 7
    online.clear_faults()
    resumed = terminal(*_command(done.err, "resume"))
    assert resumed.code == 0, resumed.err


@pytest.mark.parametrize(
    "command", ["plan FILE --out", "check FILE --annotated", "state --out", "report RUN --out"]
)
def test_7__full_disk_ends_every_command(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, *, full_disk: Path, command: str
) -> None:
    """What only looks ends with 7 and the reason as well."""
    terminal("apply", table, "--yes")
    run_id = pd.read_csv(io.StringIO(terminal("runs").out))["run_id"].iloc[-1]
    done = terminal(*command.replace("FILE", str(table)).replace("RUN", run_id).split(), full_disk)
    assert done.code == 7
    assert "No space left on device" in done.err


def test_7__printing_to_a_full_disk(online: kf.sandbox.Sandbox, table: Path, full_disk: Path) -> None:
    """Data that a shell sends to a full disk are told to be lost, with the run."""
    with full_disk.open("w") as full:
        apply = [*WORDS, "apply", str(table), "--yes"]
        done = subprocess.run(apply, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 7
    assert "could not be printed" in done.stderr
    assert "klikit-frames status " in done.stderr


def test_parquet__takes_columns_of_mixed_values_as_text(
    terminal: Terminal, online: kf.sandbox.Sandbox, tmp_path: Path
) -> None:
    """An own column of numbers and words is written as words; gaps stay gaps, our own columns as they are."""
    rows = item_rows(online, n=3).to_dict(orient="records")
    tags = [{"tag": 1}, {"tag": "a"}, {"tag": None}]
    lines = [json.dumps(row | tag, default=int) for row, tag in zip(rows, tags, strict=True)]  # type: ignore[operator]
    (tmp_path / "mixed.jsonl").write_text("\n".join(lines))
    done = terminal("apply", tmp_path / "mixed.jsonl", "--yes", "--out", tmp_path / "result.parquet")
    assert done.code == 0, done.err
    read = pd.read_parquet(tmp_path / "result.parquet")
    assert read["tag"].fillna("").tolist() == ["1", "a", ""]
    assert read["entity_id"].tolist() == [row["entity_id"] for row in rows]


def test_stdout__of_an_old_encoding_takes_any_letter(online: kf.sandbox.Sandbox, table: Path) -> None:
    """A console without Thai gets escapes; the result is printed to its end."""
    pd.read_csv(table).assign(note="ทดสอบ").to_csv(table, index=False)
    done = subprocess.run(
        [*WORDS, "apply", str(table), "--yes"],
        env=os.environ | {"PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = pd.read_csv(io.BytesIO(done.stdout))
    assert printed["outcome"].tolist() == ["applied"] * 4
    assert printed["note"].tolist() == [r"\u0e17\u0e14\u0e2a\u0e2d\u0e1a"] * 4


def test_question__counts_what_is_business_wide(online: kf.sandbox.Sandbox, wide_table: Path) -> None:
    """The question tells how many requests reach every store, and no is no."""
    ours, theirs = pty.openpty()
    apply = [*WORDS, "apply", str(wide_table)]
    with subprocess.Popen(apply, stdin=theirs, stderr=subprocess.PIPE, text=True) as process:
        os.write(ours, b"n\n")
        _, said = process.communicate()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 2
    assert "Send 2 requests, 1 of them business-wide, to 127.0.0.1:" in said
    assert len(online.requests) == 0


def test_counts__of_one_are_in_the_singular(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """One row is a row."""
    pd.read_csv(table).head(1).to_csv(table, index=False)
    done = terminal("apply", table, "--yes", "--out", tmp_path / "result.csv")
    assert f"1 row written to {tmp_path / 'result.csv'}" in done.err
    assert "1 good row, 0 problems." in terminal("check", table).err
