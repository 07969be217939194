"""The commands that change nothing, as a person uses them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from tests.cli.conftest import Terminal, publish_everywhere, store_words, stores_of
from tests.running.doubles import HoldingTransport, Milestone


def _last_run(terminal: Terminal) -> str:
    return str(terminal("runs").frame["run_id"].iloc[-1])


CELL = ["entity_type", "entity_id", "brand_id", "branch_id"]


def test_check__lists_problems_and_sends_nothing(terminal: Terminal, table: Path, tmp_path: Path) -> None:
    """Problems go to stdout as a frame, the input with a `problem` column to a file."""
    table.write_text(table.read_text().replace("False", "", 1))
    done = terminal("check", table, "--annotated", tmp_path / "mend.csv")
    assert done.code == 3
    assert done.frame[["row", "line", "column", "code"]].values.tolist() == [
        [1, 2, "is_enabled", "flag_blank"]
    ]
    assert pd.read_csv(tmp_path / "mend.csv")["problem"].notna().tolist() == [True, False, False, False]


def test_check__columns_of_other_names(terminal: Terminal) -> None:
    """--column says what a header means; a header may hold an equals sign."""
    table = b"Nr;Ort = Laden;An?\n5;663/1062;nein\n"
    columns = ["Nr=item_id", "Ort = Laden=store", "An?=is_enabled"]
    done = terminal("check", "-", *(word for column in columns for word in ("--column", column)), stdin=table)
    assert done.code == 0, done.err
    assert "Column 'Nr' was read as 'entity_id'." in done.err
    done = terminal("check", "-", "--column", "Nr", stdin=table)
    assert done.code == 2
    assert "--column takes HEADER=COLUMN" in done.err
    done = terminal("check", "-", "--column", "Nr=number", stdin=table)
    assert done.code == 2
    assert "'number', which is no column" in done.err


@pytest.mark.usefixtures("online")
def test_template__filled_in(terminal: Terminal, tmp_path: Path) -> None:
    """What is filled into a template is read as it is; only CSV and XLSX are written."""
    path = tmp_path / "fill.csv"
    assert terminal("template", path, "--store", "663/1062").code == 0
    pd.read_csv(path, dtype=str).head(3).assign(is_enabled="off").to_csv(path, index=False)
    done = terminal("check", path)
    assert done.code == 0, done.err
    assert "3 good rows, 0 problems." in done.err
    assert terminal("template", tmp_path / "empty.xlsx", "--empty").code == 0
    assert terminal("template", tmp_path / "fill.parquet", "--empty").code != 0


def test_check__reads_standard_input(terminal: Terminal, table: Path) -> None:
    """A dash stands for standard input."""
    done = terminal("check", "-", stdin=table.read_bytes())
    assert done.code == 0
    assert "4 good rows, 0 problems." in done.err


def test_plan__keeps_its_caps(terminal: Terminal, table: Path) -> None:
    """A cap of one id a request, and --no-combine, give one request per row."""
    capped = terminal("plan", table, "--max-ids", 1, "--max-stores", 1).frame
    alone = terminal("plan", table, "--no-combine").frame
    assert (capped["n_rows"].tolist(), alone["n_rows"].tolist()) == ([1] * 4, [1] * 4)


def test_status__tells_a_run_row_by_row(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """A finished run is shown again from the journal, without a request."""
    applied = terminal("apply", table, "--yes")
    n_sent = len(online.requests)
    status = terminal("status", _last_run(terminal))
    assert status.code == 0, status.err
    pd.testing.assert_frame_equal(status.frame, applied.frame)
    assert len(online.requests) == n_sent


def test_status__does_not_wait_for_a_run_that_goes_on(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """A run that goes on is shown as it stands and ends with 1; verify and report refuse it at once."""
    transport, milestone = HoldingTransport(), Milestone()
    plan = kf.plan(kf.read_toggles(table), combine=False)
    with online.connect(max_connections=1, transport=transport) as client:
        # Without a reading before it, each step is one request.
        job = kf.start(plan, client, before="none", progress=milestone)
        assert transport.has_come.wait(600)
        assert milestone.is_reached.wait(600)
        status = terminal("status", job.run_id)
        assert status.code == 1, status.err
        assert sorted(status.frame["outcome"]) == ["applied"] * 3 + ["unknown"]
        assert "still being run" in status.err
        assert "resume" not in status.err
        for words in (["verify", job.run_id], ["report", job.run_id, "--out", tmp_path / "report.html"]):
            refused = terminal(*words)
            assert refused.code == 1
            assert "3 of 4 rows" in refused.err
        transport.let_go.set()
        assert job.result().counts["applied"] == 4
    assert not (tmp_path / "report.html").exists()


def test_state__reads_the_business_or_a_store(terminal: Terminal, online: kf.sandbox.Sandbox) -> None:
    """Without words the business level; with --store the flags of that store."""
    business = terminal("state").frame
    store = terminal("state", "--store", "5297/1293").frame
    assert business["scope"].unique().tolist() == ["business"]
    assert store[["brand_id", "branch_id"]].drop_duplicates().values.tolist() == [[5297, 1293]]


def test_state__refuses_half_a_store(terminal: Terminal, online: kf.sandbox.Sandbox) -> None:
    """A store is BRAND/BRANCH; anything else is refused with an example."""
    done = terminal("state", "--store", "5297")
    assert (done.code, len(online.requests)) == (2, 0)
    assert "5297/1293" in done.err


def test_diff_verify_undo__go_round(terminal: Terminal, online: kf.sandbox.Sandbox, table: Path) -> None:
    """What diff calls a change is confirmed after apply and publish, and undone by undo."""
    before = terminal("diff", table).frame["change"]
    assert terminal("apply", table, "--yes").code == 0
    publish_everywhere(online)
    run_id = _last_run(terminal)
    assert terminal("verify", run_id).frame["proof"].tolist() == ["confirmed"] * 4
    assert terminal("diff", table).frame["change"].tolist() == ["already"] * 4
    undone = terminal("undo", run_id, "--yes")
    assert undone.code == 0, undone.err
    publish_everywhere(online)
    pd.testing.assert_series_equal(terminal("diff", table).frame["change"], before)


def test_report__is_one_file(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """The report of a run is one HTML file without a script."""
    terminal("apply", table, "--yes")
    done = terminal("report", _last_run(terminal), "--out", tmp_path / "report.html")
    assert done.code == 0, done.err
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "applied" in text
    assert "The plan" in text
    assert text.count("<img ") == 2
    assert "Read back" not in text


def test_report__with_the_table_and_the_proof(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """--file puts the name of the table on the page, no folder; --verify what is read back now."""
    in_journal = ["--journal", tmp_path / "own.sqlite3"]
    assert terminal("apply", table, "--yes", *in_journal).code == 0
    publish_everywhere(online)
    path = tmp_path / "report.html"
    done = terminal("report", "last", "--file", table, "--verify", "--out", path, *in_journal)
    assert done.code == 0, done.err
    text = path.read_text(encoding="utf-8")
    assert "<dd>changes.csv</dd>" in text
    assert str(tmp_path) not in text
    assert "Read back from the server" in text
    assert "4 confirmed" in text


def test_report__whose_proof_cannot_be_read(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """With a credential that is gone --verify ends with 4, as `verify` does, and writes no page."""
    assert terminal("apply", table, "--yes").code == 0
    online.revoke()
    done = terminal("report", "last", "--verify", "--out", tmp_path / "report.html")
    assert done.code == 4, done.err
    assert not (tmp_path / "report.html").exists()
    assert terminal("report", "last", "--out", tmp_path / "report.html").code == 0


def test_runs__prune(terminal: Terminal) -> None:
    """Pruning lists what it removed; an age that is none is refused with the cure."""
    done = terminal("runs", "--prune", "90d")
    assert (done.code, len(done.frame)) == (0, 0)
    assert "0 runs removed" in done.err
    assert "length of time" in terminal("runs", "--prune", "soon").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("publish --yes", "Name the stores"),
        ("publish --all-stores --store 5297/1293 --yes", "Name the stores"),
        ("publish --store 5297 --yes", "BRAND/BRANCH"),
        ("publish --store 5297/1293", "say --yes"),
        ("align --like 5297/1293", "Name the stores"),
        ("align --like 5297 --store 5297/1293", "BRAND/BRANCH"),
    ],
)
def test_stores__not_named_well(
    terminal: Terminal, online: kf.sandbox.Sandbox, words: str, said: str
) -> None:
    """What is not said whole, or not agreed to, ends with 2 and the cure, before a request."""
    done = terminal(*words.split())
    assert (done.code, len(online.requests)) == (2, 0)
    assert said in done.err


def test_drift__since_a_snapshot(terminal: Terminal, online: kf.sandbox.Sandbox, tmp_path: Path) -> None:
    """What somebody else switched since a snapshot is listed, live or by a later one; nothing is written."""
    store, path, later = (5297, 1293), tmp_path / "monday.csv", tmp_path / "tuesday.csv"
    assert terminal("state", *store_words([store]), "--out", path).code == 0
    before = pd.read_csv(path)
    items = before[before["entity_type"].eq("item") & before["is_enabled"].eq(True)]
    ids = [int(entity_id) for entity_id in items["entity_id"].head(2)]
    online.edit("item", ids, stores=[store], is_enabled=False)
    online.publish([store])
    live = terminal("drift", path)
    assert live.code == 0, live.err
    assert sorted(live.frame[["entity_id", "was", "now", "drift"]].values.tolist()) == [
        [entity_id, True, False, "switched_off"] for entity_id in sorted(ids)
    ]
    assert terminal("state", *store_words([store]), "--out", later).code == 0
    n_requests = len(online.requests)
    pd.testing.assert_frame_equal(terminal("drift", path, later).frame, live.frame)
    assert len(online.requests) == n_requests
    assert online.requests["method"].eq("GET").all()


def test_align__brings_a_store_in_line(
    terminal: Terminal, online: kf.sandbox.Sandbox, tmp_path: Path
) -> None:
    """The table of align, applied and published, makes every flag that both stores have the same."""
    stores = online.state()
    stores = stores[stores["scope"] == "store"]
    brand = stores["brand_id"].iloc[0]
    branches = stores.loc[stores["brand_id"] == brand, "branch_id"].unique()[:2]
    like, other = [(int(brand), int(branch)) for branch in branches]
    path = tmp_path / "align.csv"
    words = ["align", "--like", f"{like[0]}/{like[1]}", *store_words([other])]
    done = terminal(*words, "--out", path)
    assert done.code == 0, done.err
    assert f"To send it: klikit-frames apply {path}" in done.err
    assert online.requests["method"].eq("GET").all()
    table = pd.read_csv(path)
    assert stores_of(path) == [other]
    assert terminal("apply", path, "--yes", "--publish").code == 0
    truth = online.state().set_index(CELL)["is_enabled"]
    rows = table[["entity_type", "entity_id"]].drop_duplicates()
    flags = [[truth[(kind, no, *store)] for kind, no in rows.values] for store in (like, other)]
    assert len(flags[0]) > 0
    assert flags[0] == flags[1]
    assert len(terminal(*words).frame) == 0


def test_effect__of_a_table_and_of_a_plan(
    terminal: Terminal, online: kf.sandbox.Sandbox, table: Path, tmp_path: Path
) -> None:
    """What guests would no longer see is listed by dish, live or against a snapshot; nothing is sent."""
    snapshot, plan = tmp_path / "monday.csv", tmp_path / "changes.plan.json"
    assert terminal("state", "--all-stores", "--out", snapshot).code == 0
    assert terminal("plan", table, "--out", plan).code == 0
    done = terminal("effect", table)
    assert done.code == 0, done.err
    dishes = done.frame
    assert sorted(dishes["entity_id"]) == sorted(pd.read_csv(table)["entity_id"])
    assert set(dishes["because"]) == {"item"}
    assert "Guests no longer see 4 dishes in 1 store." in done.err
    assert f"To make it true: klikit-frames apply {table}" in done.err
    for words in (
        ("effect", plan),
        ("effect", table, "--state", snapshot),
        ("effect", plan, "--state", snapshot),
    ):
        pd.testing.assert_frame_equal(terminal(*words).frame, dishes)
    assert online.requests["method"].eq("GET").all()
