"""What a person sees of every command at 80 and at 120 columns, compared with the files beside this one.

``UPDATE_SNAPSHOTS=1 python -m pytest tests/cli/test_snapshots.py`` writes the files again.
Look at what changed.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rich.cells import cell_len
from typer.main import get_command

import klikit_frames as kf
from klikit_frames.cli import main, screens
from klikit_frames.cli.main import app
from klikit_frames.overview import Names, make_overview
from tests.cli.conftest import Terminal, item_rows
from tests.cli.test_terminal_words import ASSIGNED, PYTHON
from tests.fleet.conftest import write_profiles

SNAPSHOTS = Path(__file__).parent / "snapshots"
Look = Callable[..., str]
# The commands that print no table, and the one whose words are of this very machine.
WITHOUT_TABLE = {"demo", "sandbox", "doctor"}
BAD = "item_id,store,is_enabled\n1.5,1/2,off\nx,1/2,off\n7,Dago,mabye\n8,1/2,off\n8,1/2,on\n"
COMMANDS = (
    "check bad.csv",
    "check changes.csv",
    "plan changes.csv",
    "plan changes.csv --requests",
    "diff changes.csv",
    "effect changes.csv",
    "apply changes.csv --yes",
    "runs",
    "status last",
    "verify last",
    "publish --run last --yes",
    "verify last",
    "resume last",
    "stores",
    "state --store 5297/1293",
    "state --all-stores --out monday.csv",
    "undo last --save back.plan.json",
    "undo last --yes",
    "drift monday.csv",
    "align --like 5297/1293 --store 5297/1294",
    "audit changes.csv",
    "reconcile changes.csv --yes",
    "plan changes.csv --out monday.plan.json",
    "approve monday.plan.json --by Siti",
    "schedule lunch.csv --timezone Asia/Jakarta",
    "agenda",
    "tick",
    "fleet apply fleet.csv --yes --jobs 1",
    "fleet status",
    "fleet audit fleet.csv",
    "fleet tick",
    "profiles",
    "template fill_in.csv --store 5297/1293",
    "report last --out report.html",
    # What a new user meets first when something is wrong.
    "apply nothing.csv --yes",
    "plan header.csv",
    "apply cut.plan.json --yes",
    "apply foreign.csv --yes",
    "status last",
    "verify last",
    "diff foreign.csv",
)


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Look:
    """Run a command and return what stands on the terminal then, without what is of this run alone."""

    def call(words: str, *, width: int) -> str:
        screen = Screen()
        monkeypatch.setenv("COLUMNS", str(width))
        for stream in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(sys, stream, screen)
        monkeypatch.setattr(sys, "argv", ["klikit-frames", *words.split()])
        with pytest.raises(SystemExit) as ended:
            main()
        return f"$ klikit-frames {words}\n{_as_always(screen.getvalue())}exit {ended.value.code or 0}\n"

    return call


def _as_always(text: str) -> str:
    """Return text without colours and bars, with the same ids, ports and times in each run; long ones cut."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    text = "\n".join(line.rpartition("\r")[2].rstrip() for line in text.split("\n"))
    text = re.sub(r"(?m)^(?:Reading|Sending|Fleet): .*\n", "", text)
    text = re.sub(r"\b[0-9a-f]{8}\b", "1d1d1d1d", text)
    text = re.sub(r"127\.0\.0\.1:\d{5}", "127.0.0.1:55555", text)
    text = re.sub(r"\S+/xdg_state_home/", "/home/siti/.local/state/", text)
    text = re.sub(r"\b(?:\d{4}-)?\d\d-\d\d \d\d:\d\d\b", "01-31 12:00", text)
    lines = text.split("\n")
    return "\n".join([*lines[:14], "…", *lines[-5:]] if len(lines) > 20 else lines)


@pytest.fixture
def folder(online: kf.sandbox.Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tables that the commands name, and a profile of the sandbox."""
    monkeypatch.chdir(tmp_path)
    # A temporary folder that a person named is no news to them.
    monkeypatch.setenv("KLIKIT_JOURNAL", str(tmp_path / "journal.sqlite3"))
    write_profiles({"depok": online}, tmp_path / "profiles.toml", monkeypatch)
    rows = item_rows(online, n=4)
    rows.to_csv("changes.csv", index=False)
    rows.assign(business="depok").to_csv("fleet.csv", index=False)
    rows.assign(starts_at="", ends_at="2126-03-09T12:00").to_csv("lunch.csv", index=False)
    Path("bad.csv").write_text(BAD)
    Path("header.csv").write_text(BAD.splitlines()[0])
    rows.assign(entity_id=[*rows["entity_id"].head(3), 999_999]).to_csv("foreign.csv", index=False)
    kf.plan(rows).save("whole.plan.json")
    Path("cut.plan.json").write_bytes(Path("whole.plan.json").read_bytes()[:-40])
    return tmp_path


@pytest.mark.parametrize("width", [80, 120])
def test_screens__are_as_they_were_looked_at(folder: Path, look: Look, *, width: int) -> None:
    """Each screen is the one in the file, no row is wrapped, and nothing is said in Python."""
    shown = [look(words, width=width) for words in COMMANDS]
    for words, screen in zip(COMMANDS, shown, strict=True):
        wide = [line for line in screen.split("\n") if cell_len(line) > width and "klikit-frames" not in line]
        assert wide == [], words
        assert not PYTHON.search(screen), words
    file = SNAPSHOTS / f"screens_{width}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(shown), encoding="utf-8")
    assert "\n".join(shown) == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("words", ["aply", "apply --on-error " + "perhaps" * 9, "apply a.csv --out a.docx"])
def test_usage__is_wrapped_and_names_the_help(look: Look, words: str) -> None:
    """What is wrong with the words of a command stays within the terminal, and ends with where to look."""
    lines = look(words, width=80).splitlines()[1:]
    assert [line for line in lines if cell_len(line) > 80] == []
    assert re.fullmatch(r"For all options: klikit-frames( apply)? --help", lines[-2])
    assert lines[-1] == "exit 2"


def test_screens__are_of_every_command() -> None:
    """A command that prints a table has its screen here."""
    commands = get_command(app).commands  # type: ignore[attr-defined]
    names = {*commands} - {"fleet"} | {f"fleet {name}" for name in commands["fleet"].commands}
    seen = {" ".join(words.split()[: 2 if words.startswith("fleet") else 1]) for words in COMMANDS}
    assert names - seen == WITHOUT_TABLE


@pytest.mark.parametrize(
    "words",
    [
        "apply nothere.csv",
        "apply bad.csv --yes",
        "apply changes.csv --yes --before plan --first 1 --journal .",
        "apply changes.csv --require-approval",
        "check changes.csv --column is_enabled=entity_id",
        "plan lunch.csv",
        "plan changes.csv --state changes.csv",
        "reconcile changes.csv --yes --max-changes 1",
        "resume 0123",
        "undo last",
        "status zz",
        "report last --out page.html",
        "verify last --journal changes.csv",
        "agenda --cancel 0000",
        "agenda --extend 0000 --until yesterday",
        "schedule lunch.csv --timezone Jakarta",
        "schedule lunch.csv",
        "runs --prune soon",
        "align --like 1/2 --store 5297/1293",
        "state --profile nobody",
        "fleet apply changes.csv",
        "fleet apply fleet.csv --require-approval --yes",
        "publish --run last",
    ],
)
def test_errors__are_said_for_a_terminal(folder: Path, terminal: Terminal, words: str) -> None:
    """What goes wrong is said without a Python call, keyword or exception."""
    done = terminal(*words.split())
    assert done.code != 0
    assert not PYTHON.search(ASSIGNED.sub("", done.out + done.err)), done.err
    assert "Traceback" not in done.err


def test_errors__name_the_way_to_connect(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is a variable or a profile, and a foreign host has an option."""
    for name in ("KLIKIT_BASE_URL", "KLIKIT_PARTNER_KEY", "KLIKIT_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert "or name a --profile" in terminal("stores").err
    monkeypatch.setenv("KLIKIT_BASE_URL", "https://example.com/v1/partner")
    assert "name it with --allow-host" in terminal("stores").err


@pytest.mark.parametrize("width", [80, 120])
def test_names__of_any_width_fit(monkeypatch: pytest.MonkeyPatch, look: Look, *, width: int) -> None:
    """Chinese, Thai, emoji and very long names are cut where the column ends, and no row is wrapped."""
    names = Names(
        {
            ("item", 7): "麻婆豆腐套餐配米饭和酸辣汤" * 4,
            ("item", 8): "🍜 Bakso 🌶️👨‍👩‍👧 " * 8,
            ("item", 9): "ข้าวผัดกุ้ง" * 9,
        },
        {1: "川味小馆（雅加达）" * 5},
        {11: "北京路店" * 12, 12: "Warung Nusantara " * 9},
    )
    toggles = kf.cross_toggles("item", [7, 8, 9], [(1, 11), (1, 12)], is_enabled=False)
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    screens.print_overview(make_overview(toggles, names))
    screens.print_frame(pd.DataFrame({"a": ["麻" * 300], "n": [1], "b": ["x" * 300]}))
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue()).splitlines()
    assert [line for line in lines if cell_len(line) > width] == []
    # A headline, two headings, two places, three dishes, and a table of one row: none took two lines.
    assert len([line for line in lines if line.strip()]) == 1 + 1 + 2 + 1 + 3 + 2
