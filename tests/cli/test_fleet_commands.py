"""Many businesses from the terminal: one table or a folder, the worst exit code of all."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from tests.cli.conftest import Terminal, item_rows
from tests.fleet.conftest import Sandboxes, renew, serve_businesses


@pytest.fixture(scope="module")
def running_sandboxes() -> Iterator[Sandboxes]:
    """Two businesses for all tests of this file."""
    with serve_businesses("depok", "bali") as sandboxes:
        yield sandboxes


@pytest.fixture
def businesses(running_sandboxes: Sandboxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandboxes:
    """Two businesses as new, with profiles."""
    return renew(running_sandboxes, tmp_path, monkeypatch)


@pytest.fixture
def fleet_table(businesses: Sandboxes, tmp_path: Path) -> Path:
    """Four dishes off in one store of each business."""
    rows = item_rows(businesses["depok"], n=4)
    path = tmp_path / "fleet.csv"
    pd.concat([rows.assign(business=name) for name in businesses]).to_csv(path, index=False)
    return path


def test_apply__table_of_many_businesses(
    terminal: Terminal, businesses: Sandboxes, fleet_table: Path, tmp_path: Path
) -> None:
    """Every row is applied, business first; status tells each, and the report is written."""
    report = tmp_path / "report.html"
    done = terminal("fleet", "apply", fleet_table, "--yes", "--jobs", 2, "--report", report)
    assert done.code == 0, done.err
    results = done.frame
    assert (results.columns[0], results["outcome"].tolist()) == ("business", ["applied"] * 8)
    assert report.exists()
    status = terminal("fleet", "status")
    assert (status.code, status.frame["business"].tolist()) == (0, ["bali", "depok"])


def test_apply__folder_of_tables_and_plans(terminal: Terminal, businesses: Sandboxes, tmp_path: Path) -> None:
    """A file is of the business that it is named after."""
    folder = tmp_path / "monday"
    folder.mkdir()
    rows = item_rows(businesses["depok"], n=4)
    rows.to_csv(folder / "depok.csv", index=False)
    kf.plan(rows).save(folder / "bali.plan.json")
    done = terminal("fleet", "apply", folder, "--yes")
    assert (done.code, done.out.count(",applied,")) == (0, 8), done.err


def test_apply__worst_exit_code_of_all(terminal: Terminal, businesses: Sandboxes, fleet_table: Path) -> None:
    """A revoked credential ends with 4, though the other business is done; the reason is named."""
    businesses["bali"].revoke()
    done = terminal("fleet", "apply", fleet_table, "--yes")
    assert (done.code, done.out.count(",applied,")) == (4, 4)
    assert "bali: " in done.err


def test_apply__nothing_is_sent_before_all_is_well(
    terminal: Terminal, businesses: Sandboxes, fleet_table: Path, tmp_path: Path
) -> None:
    """Bad rows of any file, an empty folder, no consent, a code of no business: nothing leaves."""
    folder = tmp_path / "monday"
    folder.mkdir()
    assert terminal("fleet", "apply", folder, "--yes").code == 2
    item_rows(businesses["depok"], n=1).to_csv(folder / "depok.csv", index=False)
    (folder / "bali.csv").write_text("item_id,store,is_enabled\nx,1/2,off\n")
    bad = terminal("fleet", "apply", folder, "--yes")
    assert (bad.code, "bali.csv" in bad.err) == (3, True)
    (folder / "bali.xlsx").touch()
    assert "one business" in terminal("fleet", "apply", folder, "--yes").err
    assert terminal("fleet", "apply", fleet_table).code == 2
    assert terminal("fleet", "apply", fleet_table, "--confirm", "nobody=x").code == 2
    assert sum(len(sandbox.requests) for sandbox in businesses.values()) == 0


def test_apply__real_hosts_name_their_codes(
    terminal: Terminal, businesses: Sandboxes, fleet_table: Path, tmp_path: Path
) -> None:
    """On real hosts every missing code is named at once."""
    path = tmp_path / "profiles.toml"
    text = path.read_text()
    for sandbox in businesses.values():
        text = text.replace(sandbox.url, "https://gateway-enterprise.klikit.io/v1/partner")
    path.write_text(text)
    done = terminal("fleet", "apply", fleet_table, "--yes")
    assert done.code == 2
    assert "--confirm depok=" in done.err
    assert "--confirm bali=" in done.err


def test_apply__live_that_cannot_be_read_leaves_the_others_alone(
    terminal: Terminal, businesses: Sandboxes, fleet_table: Path
) -> None:
    """One business is away while live flags are read: its rows are not sent, with the reason; others are."""
    businesses["bali"].revoke()
    done = terminal("fleet", "apply", fleet_table, "--live", "--yes")
    results = done.frame
    counts = results.groupby("business")["outcome"].value_counts().to_dict()
    assert (done.code, counts) == (4, {("bali", "not_sent"): 4, ("depok", "applied"): 4}), done.err
    assert results.loc[results["business"] == "bali", "message"].notna().all()
    assert "Nothing is sent to it" in done.err
    assert not businesses["bali"].requests["method"].eq("PATCH").any()


def test_apply__names_that_cannot_be_read_leave_the_others_alone(
    terminal: Terminal, businesses: Sandboxes, fleet_table: Path
) -> None:
    """One business is away while names are read: it is named, nothing is sent to it; the others are done."""
    businesses["bali"].revoke()
    done = terminal("fleet", "apply", fleet_table, "--names", "--yes")
    assert (done.code, done.out.count("depok,"), done.out.count(",applied,")) == (4, 4, 4), done.err
    assert "Nothing is sent to it" in done.err
    assert "Not in this result, for their names could not be read: bali." in done.err
    assert not businesses["bali"].requests["method"].eq("PATCH").any()


def test_apply__journal_that_cannot_be_used_names_the_folder(
    terminal: Terminal, businesses: Sandboxes, fleet_table: Path, tmp_path: Path
) -> None:
    """The cure of a journal is in the words of a fleet, which has an option for their folder alone."""
    folder = tmp_path / "journals"
    folder.mkdir()
    (folder / "bali.sqlite3").write_text("no journal " * 100)
    done = terminal("fleet", "apply", fleet_table, "--yes", "--journal-folder", folder)
    assert done.out.count(",applied,") == 4, done.err
    assert "--journal-folder" in done.err
    assert not re.search(r"--journal\b(?!-folder)(?! \S+depok)", done.err), done.err


def test_apply__own_headers_names_live_flags_and_word_of_it(
    terminal: Terminal, businesses: Sandboxes, fleet_table: Path, tmp_path: Path
) -> None:
    """A table with headers and names of a person's own is applied; what holds already is not sent again."""
    items = businesses["depok"].state().query("entity_type == 'item'").drop_duplicates("entity_id")
    ids, named_table, heard = pd.read_csv(fleet_table), tmp_path / "own.csv", tmp_path / "heard.json"
    named = ids.assign(Was=ids["entity_id"].map(items.set_index("entity_id")["title"]))
    named.drop(columns="entity_id").to_csv(named_table, index=False)
    keep = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())"
    notify = shlex.join([sys.executable, "-c", keep, str(heard)])
    table = [named_table, "--column", "Was=title", "--names"]
    done = terminal("fleet", "apply", *table, "--live", "--yes", "--before", "plan", "--notify", notify)
    assert (done.code, done.out.count(",applied,")) == (0, 8), done.err
    assert json.loads(heard.read_text())["counts"]["applied"] == 8
    again = terminal("fleet", "apply", *table, "--live", "--yes")
    assert (again.code, again.out.count(",already_set,")) == (0, 8), again.err
    audited = terminal("fleet", "audit", *table)
    assert (audited.code, audited.frame["change"].tolist()) == (0, ["already"] * 8)


def test_apply__plans_that_were_approved(terminal: Terminal, businesses: Sandboxes, tmp_path: Path) -> None:
    """The plans of a folder, each with its approval beside it, are applied with --require-approval."""
    folder = tmp_path / "monday"
    folder.mkdir()
    kf.plan(item_rows(businesses["depok"], n=2)).save(folder / "depok.plan.json")
    refused = terminal("fleet", "apply", folder, "--yes", "--require-approval")
    assert (refused.code, refused.out.count(",not_sent,")) == (6, 2), refused.err
    approved = terminal("approve", folder / "depok.plan.json", "--by", "Siti", "--profile", "depok")
    assert approved.code == 0, approved.err
    done = terminal("fleet", "apply", folder, "--yes", "--require-approval")
    assert (done.code, done.out.count(",applied,")) == (0, 2), done.err


def test_tick__keeps_the_promises_of_each(terminal: Terminal, businesses: Sandboxes, tmp_path: Path) -> None:
    """What is due in any journal of the folder is sent; a business that is refused gives the exit code."""
    folder = tmp_path / "journals"
    folder.mkdir()
    rows = item_rows(businesses["depok"], n=2).assign(ends_at="2999-01-01T00:00+00:00")
    for name in businesses:
        with kf.connect(profile=name) as client:
            kf.schedule(rows, client, journal=folder / f"{name}.sqlite3")
    businesses["bali"].revoke()
    done = terminal("fleet", "tick", "--journal-folder", folder)
    assert (done.code, done.out.count("depok,"), "bali: " in done.err) == (4, 2, True), done.err


def test_audit__says_what_differs_in_each(
    terminal: Terminal, businesses: Sandboxes, fleet_table: Path, tmp_path: Path
) -> None:
    """Drift ends with 10 if asked for; a business that is refused with its own code; nothing is written."""
    done = terminal("fleet", "audit", fleet_table, "--exit-code")
    assert done.code == 10, done.err
    assert done.frame["change"].tolist() == ["change"] * 8
    folder = tmp_path / "wanted"
    folder.mkdir()
    assert terminal("fleet", "audit", folder).code == 2
    for name in businesses:
        item_rows(businesses[name], n=2).to_csv(folder / f"{name}.csv", index=False)
    businesses["bali"].revoke()
    done = terminal("fleet", "audit", folder)
    assert (done.code, done.out.count("depok,"), "bali: " in done.err) == (4, 2, True), done.err
    assert not sum(sandbox.requests["method"].eq("PATCH").sum() for sandbox in businesses.values())
