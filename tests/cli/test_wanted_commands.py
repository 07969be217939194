"""Tables of how the menus shall always be, from the terminal: audit, reconcile, approve."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.cli.wanted_commands import parse_limit
from tests.auditing.wanted_scenarios import folder_of, switch, wanted_table, writes
from tests.cli.conftest import Terminal


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
