"""Data on stdout, talk on stderr, files by suffix.

Once something was sent, trouble with writing it down never hides what became of it.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.cli import outputs
from tests.cli.conftest import Terminal, item_rows


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
    read = done.frame
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


def _command(text: str, name: str) -> list[str]:
    """Return the words of the line of `klikit-frames` that a message ends with."""
    command = re.search(rf"klikit-frames ({name} .*)$", text, re.MULTILINE)
    assert command is not None, text
    return command[1].split()


WORDS = [sys.executable, "-m", "klikit_frames"]


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
    assert done.err.index("4 applied") < done.err.index("the disk is full")
    again = [str(tmp_path / "again.csv") if word == "FILE" else word for word in _command(done.err, "status")]
    assert terminal(*again).code == 0
    assert pd.read_csv(tmp_path / "again.csv")["outcome"].tolist() == ["applied"] * 4


def test_7__full_disk_keeps_the_way_on(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path, full_disk: Path
) -> None:
    """Open rows are named with the line that resumes them, in the journal that was named."""
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
    run_id = terminal("runs").frame["run_id"].iloc[-1]
    done = terminal(*command.replace("FILE", str(table)).replace("RUN", run_id).split(), full_disk)
    assert done.code == 7
    assert "the disk is full" in done.err


def test_7__printing_to_a_full_disk(online: kf.sandbox.Sandbox, table: Path, full_disk: Path) -> None:
    """Data that a shell sends to a full disk are reported as lost, with the run."""
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


def test_publish__of_a_run_elsewhere(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stores of a run are published where it was; another business may have stores of the same ids."""
    terminal("apply", table, "--yes")
    with kf.sandbox.serve() as other:
        for name in ("url", "partner_key", "secret_key"):
            variable = "KLIKIT_BASE_URL" if name == "url" else f"KLIKIT_{name.upper()}"
            monkeypatch.setenv(variable, getattr(other, name))
        done = terminal("publish", "--run", "last", "--yes")
        assert done.code == 6
        assert "this client is of" in done.err
        assert not other.requests["path"].str.contains("publish").any()


def test_next__of_a_business_wide_run_is_a_publish_of_all(
    terminal: Terminal, online: kf.sandbox.Sandbox, wide_table: Path
) -> None:
    """A run that wrote to no store by itself is shown to guests by publishing every store."""
    pd.read_csv(wide_table).tail(1).to_csv(wide_table, index=False)
    assert "publish --all-stores" in terminal("apply", wide_table, "--yes").err
    assert "publish --all-stores" in terminal("publish", "--run", "last", "--yes").err


def test_next__of_an_empty_table_is_nothing(
    terminal: Terminal, online: kf.sandbox.Sandbox, tmp_path: Path
) -> None:
    """Where there are no rows there is nothing to plan, to send, to ask or to take back."""
    table = tmp_path / "empty.csv"
    table.write_text("item_id,store,is_enabled\n")
    for words in (["check", table], ["plan", table], ["apply", table, "--yes"]):
        done = terminal(*words)
        assert done.code == 0
        assert "klikit-frames" not in done.err
    assert "No rows, so there is nothing to send." in terminal("plan", table).err


def test_next__of_a_file_without_rows_is_a_template(terminal: Terminal, tmp_path: Path) -> None:
    """What cannot be read has no rows to write problems beside."""
    (tmp_path / "bad.xlsx").write_bytes(b"PK\x03\x04 nothing more")
    done = terminal("check", tmp_path / "bad.xlsx")
    assert done.code == 3
    assert "--annotated" not in done.err
    assert "klikit-frames template FILE.csv" in done.err


def test_answers__end_with_the_id_for_support(
    terminal: Terminal, online: kf.sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the API is a sentence; its code follows, and the long id has a line of its own."""
    monkeypatch.setenv("KLIKIT_SECRET_KEY", "not the secret")
    said = terminal("stores").err.splitlines()
    assert said[0].endswith("The API's answer: 401 auth_invalid_credential.")
    assert re.fullmatch(r"For klikit's support: request_id \S+", said[-1])


def test_counts__of_one_are_in_the_singular(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """One row is a row."""
    pd.read_csv(table).head(1).to_csv(table, index=False)
    done = terminal("apply", table, "--yes", "--out", tmp_path / "result.csv")
    assert f"1 row written to {tmp_path / 'result.csv'}" in done.err
    assert "1 good row, 0 problems." in terminal("check", table).err
