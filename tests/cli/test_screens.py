"""Screens: tables as wide as the terminal, no wrapped row, nothing that a terminal would obey."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.cli import screens
from klikit_frames.overview import Names, make_overview
from tests.cli.conftest import read_screen

WORDS = [sys.executable, "-m", "klikit_frames"]
NAMES = Names({("item", 7): "Bakso Urat Pedas", ("section", 3): "Lunch"}, {1: "Warung"}, {11: "Dago"})


def _screen(*words: object, width: int, journal: Path) -> list[str]:
    """Return the lines of a terminal of this width after a command, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    # A temporary folder that a person named is no news to them, and is not warned of.
    env = os.environ | {
        "COLUMNS": str(width),
        "TERM": "xterm",
        "NO_COLOR": "1",
        "KLIKIT_JOURNAL": str(journal),
    }
    command = [*WORDS, *map(str, words)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        text = read_screen(ours)
    assert process.returncode == 0, text
    drawn = [line.rpartition("\r")[2] for line in re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).split("\r\n")]
    return [line.rstrip() for line in drawn]


def _view(*, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    toggles = pd.concat(
        [
            kf.cross_toggles("item", [7, 8], [(1, 11), (1, 12)], is_enabled=False),
            kf.business_toggles("section", [3], is_enabled=True),
        ],
        ignore_index=True,
    )
    screens.print_overview(make_overview(toggles, NAMES, facts=["5 rows → 2 requests."]))
    return capsys.readouterr().out


SNAPSHOT = """\
2 dishes off in 2 stores; 1 section on business-wide.
5 rows → 2 requests.

brand          store          off  on
business-wide  business-wide    0   1
Warung         1/12             2   0
Warung         Dago             2   0

brand          what              where
business-wide  Lunch (section)   on business-wide
Warung         Bakso Urat Pedas  off in all 2 stores
Warung         item 8            off in all 2 stores
"""


@pytest.mark.parametrize("width", [80, 120])
def test_overview__snapshot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    """A plan is one line on what goes off and on, then places and dishes by name."""
    printed = _view(width=width, monkeypatch=monkeypatch, capsys=capsys)
    assert [line.rstrip() for line in printed.splitlines()] == SNAPSHOT.splitlines()


def test_screen__of_a_real_terminal(online: kf.sandbox.Sandbox, table: Path) -> None:
    """On a real terminal no row is wrapped, ids are short, times relative, and the next step is named."""
    _screen("apply", table, "--yes", "--before", "none", width=80, journal=table.with_name("journal.sqlite3"))
    lines = _screen("runs", width=80, journal=table.with_name("journal.sqlite3"))
    assert [line for line in lines if len(line) > 80] == []
    header = next(line for line in lines if line.startswith("run_id"))
    row = lines[lines.index(header) + 1]
    assert re.match(r"[0-9a-f]{8}  (just now|\d+ min ago)  ", row)
    assert "klikit-frames status last" in "".join(lines[-4:])


def test_screens__show_escapes_as_signs(capsys: pytest.CaptureFixture[str]) -> None:
    """A title from elsewhere cannot move, colour or erase anything."""
    screens.print_frame(pd.DataFrame({"title": ["Bakso\x1b[2J\r\n\u202egnp"], "x\x07": ["\x9b31m"]}))
    printed = capsys.readouterr().out
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed)
    assert r"Bakso\x1b[2J\r\n\u202egnp" in printed


def test_cell__is_as_a_person_reads_it() -> None:
    """Short ids, relative times, lists by their first members, counts with commas, ids without."""
    cells = [("run_id", "0123456789abcdef"), ("ids", (1, 2, 3, 4)), ("n", 1234), ("entity_id", 1234)]
    texts = [screens.cell_text(name, value) for name, value in cells]
    assert texts == ["01234567", "1, 2, 3 +1", "1,234", "1234"]
    assert screens.cell_text("sent_at", datetime.now(UTC)) == "just now"
    assert screens.cell_text("code", pd.NA) == ""
