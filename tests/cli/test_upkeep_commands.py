"""Keeping menus as they shall be, from the terminal: wanted tables and timed rows."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.cli.upkeep_commands import cron_line, parse_limit
from tests.auditing.wanted_scenarios import folder_of, switch, wanted_table, writes
from tests.cli.conftest import Terminal, item_rows


@pytest.fixture
def table(online: kf.sandbox.Sandbox) -> pd.DataFrame:
    """Two stores of twelve dishes each, as they are."""
    return wanted_table(online, n_stores=2, n_items=12)


@pytest.fixture
def wanted(table: pd.DataFrame, tmp_path: Path) -> Path:
    """A folder of two tables that hold."""
    return folder_of({"a.csv": table.iloc[:12], "b.csv": table.iloc[12:]}, tmp_path / "wanted")


def test_audit_and_reconcile__one_night(
    terminal: Terminal,
    online: kf.sandbox.Sandbox,
    client: kf.Client,
    wanted: Path,
    table: pd.DataFrame,
) -> None:
    """Audit says 0, then 10 once something drifted, with a report; reconcile puts it right once."""
    assert terminal("audit", wanted, "--exit-code").code == 0
    switch(table.iloc[[3, 20]], client)
    page = wanted.parent / "drift.html"
    drifted = terminal("audit", wanted, "--exit-code", "--report", page)
    assert drifted.code == 10
    frame = drifted.frame
    assert frame.loc[frame["change"] == "change", "source"].tolist() == ["a.csv", "b.csv"]
    assert "24 rows: 2 to change, 22 hold already." in drifted.err
    assert f"To put it right: klikit-frames reconcile {wanted}" in drifted.err
    html = page.read_text(encoding="utf-8")
    assert str(frame.loc[3, "title"]) in html
    assert "What has drifted, by brand, store and name:" in html
    assert "<td>off, not on</td>" in html
    assert json.loads(terminal("audit", wanted, "--json").out)[3]["change"] == "change"
    n_before = writes(online)
    off_a_terminal = terminal("reconcile", wanted)
    assert (off_a_terminal.code, writes(online)) == (2, n_before)
    report = wanted.parent / "night.html"
    done = terminal("reconcile", wanted, "--yes", "--publish", "--report", report)
    assert done.code == 0, done.err
    assert done.frame["outcome"].isin(["applied", "unchanged"]).all()
    assert "What became of it" in report.read_text(encoding="utf-8")
    n_before = writes(online)
    again = terminal("reconcile", wanted, "--yes", "--publish")
    assert (again.code, writes(online)) == (0, n_before)
    assert terminal("audit", wanted, "--exit-code").code == 0


def test_reconcile__too_much(
    terminal: Terminal, online: kf.sandbox.Sandbox, client: kf.Client, wanted: Path, table: pd.DataFrame
) -> None:
    """More than the limit exits 2, with the counts by store and the option; that option lets it through."""
    switch(table.iloc[:12], client)
    n_before = writes(online)
    refused = terminal("reconcile", wanted, "--max-changes", "20%", "--yes")
    assert refused.code == 2
    assert "--max-changes 12" in refused.err
    assert "By store: " in refused.err
    assert writes(online) == n_before
    assert terminal("reconcile", wanted, "--max-changes", "12", "--yes").code == 0


@pytest.mark.parametrize(
    ("text", "limit"), [("20%", 0.2), ("100 %", 1.0), ("0.5", 0.5), ("1", 1), ("40", 40), ("none", None)]
)
def test_parse_limit__shares_and_counts(text: str, limit: float | None) -> None:
    """A percentage or a fraction is a share, a whole number a count of rows."""
    assert (parse_limit(text), type(parse_limit(text))) == (limit, type(limit))


@pytest.mark.parametrize("text", ["0", "0%", "200%", "2.0", "-1", "some", "nan%", ""])
def test_parse_limit__out_of_range(text: str, terminal: Terminal, tmp_path: Path) -> None:
    """Anything else ends the command before a file is looked at."""
    done = terminal("reconcile", tmp_path, "--max-changes", text, "--yes")
    assert done.code == 2
    assert "--max-changes takes a share above 0%" in done.err


def test_audit__bad_input(terminal: Terminal, online: kf.sandbox.Sandbox, tmp_path: Path) -> None:
    """An empty folder is a problem of the input, a path that is not there is wrong usage."""
    empty = terminal("audit", tmp_path)
    assert (empty.code, "There is no table in" in empty.err) == (3, True)
    assert terminal("audit", tmp_path / "nowhere").code == 2


def test_approve__then_apply(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: pd.DataFrame, tmp_path: Path
) -> None:
    """A plan that wants an approval is refused with 6, approved by somebody else, and sent."""
    source, saved = tmp_path / "table.csv", tmp_path / "monday.plan.json"
    table.head(2).assign(is_enabled=False).to_csv(source, index=False)
    assert terminal("plan", source, "--out", saved).code == 0
    refused = terminal("apply", saved, "--require-approval", "--yes")
    assert (refused.code, "There is no approval" in refused.err) == (6, True)
    approved = terminal("approve", saved, "--by", "Siti")
    assert approved.code == 0, approved.err
    assert "monday.plan.approval.json" in approved.err
    assert terminal("apply", saved, "--require-approval", "--yes").code == 0
    assert terminal("apply", source, "--require-approval", "--yes").code == 2


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
    assert (overdue.code, [promise["is_overdue"] for promise in listed]) == (10, [True, True])
    assert "klikit-frames tick" in overdue.err
    ids = [word for promise in listed for word in ("--cancel", promise["promise_id"][:8])]
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
