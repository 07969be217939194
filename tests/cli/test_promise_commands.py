"""Timed rows from the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.cli.promise_commands import cron_line
from tests.cli.conftest import Terminal, item_rows


@pytest.fixture
def lunch(online: kf.sandbox.Sandbox, tmp_path: Path) -> Path:
    """Two dishes of a store, off for an hour."""
    path = tmp_path / "lunch.csv"
    end = pd.Timestamp.now(tz="Asia/Jakarta").tz_localize(None) + pd.Timedelta("1h")
    item_rows(online, n=2).assign(ends_at=str(end)).to_csv(path, index=False)
    return path


def test_a_day__goes_from_schedule_to_an_empty_agenda(
    terminal: Terminal, online: kf.sandbox.Sandbox, lunch: Path
) -> None:
    """Schedule prints the line for cron, and ticks keep what is due; their data are JSON where asked."""
    done = terminal("schedule", lunch, "--timezone", "Asia/Jakarta", "--json")
    assert (done.code, len(json.loads(done.out))) == (0, 2)
    assert "The line for cron: * * * * * " in done.err
    assert "unless a process ticks" in done.err
    assert terminal("agenda").code == 0
    assert "2 start applied" in terminal("tick").err
    again = terminal("tick", "--json")
    assert (again.code, json.loads(again.out)) == (0, [])
    online.move_clock(3600)
    kept = terminal("tick", "--jsonl")
    assert [json.loads(line)["status"] for line in kept.out.splitlines()] == ["done", "done"]


def test_agenda__exits_10_while_something_is_overdue(
    terminal: Terminal, online: kf.sandbox.Sandbox, tmp_path: Path
) -> None:
    """`--overdue` lists only what should have been done; cancelled, nothing is."""
    path = tmp_path / "late.csv"
    item_rows(online, n=2).assign(starts_at=["2020-01-01T00:00Z", "2020-01-02T00:00Z"]).to_csv(
        path, index=False
    )
    assert terminal("schedule", path).code == 0
    overdue = terminal("agenda", "--overdue", "--json")
    listed = json.loads(overdue.out)
    assert (overdue.code, [one["is_overdue"] for one in listed]) == (10, [True, True])
    assert "klikit-frames tick" in overdue.err
    ids = [word for one in listed for word in ("--cancel", one["promise_id"][:8])]
    assert terminal("agenda", *ids).code == 0
    assert terminal("agenda", "--overdue", "--json").out.strip() == "[]"


def test_schedule__refuses_bad_times_with_their_lines(terminal: Terminal, lunch: Path) -> None:
    """Times without a clock are problems of the input: exit 3, with row and line."""
    done = terminal("schedule", lunch)
    assert done.code == 3
    assert "rows 1, 2 (lines 2, 3)" in done.err


def test_agenda__extends_with_an_end(terminal: Terminal, lunch: Path) -> None:
    """`--extend` needs `--until`, and moves the end."""
    terminal("schedule", lunch, "--timezone", "Asia/Jakarta")
    promise_id = kf.agenda()["promise_id"].iloc[0]
    assert terminal("agenda", "--extend", promise_id).code == 2
    end = pd.Timestamp.now(tz="UTC").floor("s") + pd.Timedelta("3h")
    assert terminal("agenda", "--extend", promise_id, "--until", end.isoformat()).code == 0
    assert kf.agenda()["ends_at"].max() == end


def test_tick__exits_1_where_something_did_not_get_through(
    terminal: Terminal, online: kf.sandbox.Sandbox, lunch: Path
) -> None:
    """A promise that is refused or missed shows in the exit code."""
    terminal("schedule", lunch, "--timezone", "Asia/Jakarta")
    online.move_clock(2 * 3600)
    done = terminal("tick")
    assert done.code == 1
    assert "2 start not sent" in done.err


def test_cron_line__names_the_journal(tmp_path: Path) -> None:
    """Cron starts in another folder: the journal's path is whole."""
    assert cron_line(None).startswith("* * * * * ")
    assert cron_line(None).endswith("klikit-frames tick")
    assert cron_line(tmp_path / "own.sqlite3").endswith(
        f"klikit-frames tick --journal {tmp_path / 'own.sqlite3'}"
    )
