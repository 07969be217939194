"""Audits: what differs from a wanted table, where it is from, and since when."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.auditing.audits import drift_by_store
from klikit_frames.overview import read_names
from klikit_frames.running.journal import open_journal
from klikit_frames.running.journal_notes import delete_finding, upsert_finding
from tests.auditing.wanted_scenarios import folder_of, stores_of, switch, wanted_table, writes


def test_audit__of_a_folder(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path, tmp_path: Path
) -> None:
    """Tables are read in name order, each row with its source, its live flag and what became of it."""
    table = wanted_table(sandbox)
    folder = folder_of({"b.csv": table.iloc[30:], "a.csv": table.iloc[:30]}, tmp_path / "wanted")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("no table")
    drifted = table.iloc[[0, 35]]
    switch(drifted, client)
    n_before = writes(sandbox)
    audited = kf.audit(folder, client, journal=journal, progress=False)
    is_drifted = table.index.isin(drifted.index)
    expected = table.assign(
        source=["a.csv"] * 30 + ["b.csv"] * 30,
        live=(table["is_enabled"] ^ is_drifted).astype("boolean"),
        change=pd.Series(is_drifted).map({True: "change", False: "already"}),
    )
    columns = list(expected.columns)
    pd.testing.assert_frame_equal(audited[columns], expected, check_dtype=False)
    assert audited["since_at"].notna().tolist() == is_drifted.tolist()
    assert audited["title"].notna().all()
    assert kf.summary(audited) == "60 rows: 2 to change, 58 hold already."
    assert writes(sandbox) == n_before


def test_audit__since_when(sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path) -> None:
    """A row has differed since the first audit in a row that found it so; one that held again starts over."""
    table = wanted_table(sandbox, n_stores=1, n_items=3)
    switch(table.iloc[[0]], client)
    first = kf.audit(table, client, journal=journal)["since_at"]
    switch(table.iloc[[1]], client)
    second = kf.audit(table, client, journal=journal)["since_at"]
    assert second.iloc[0] == first.iloc[0] < second.iloc[1]
    switch(table.iloc[[0]].assign(is_enabled=~table["is_enabled"].iloc[0]), client)
    third = kf.audit(table, client, journal=journal)["since_at"]
    assert third.isna().tolist() == [True, False, True]
    switch(table.iloc[[0]], client)
    fourth = kf.audit(table, client, journal=journal)["since_at"]
    assert fourth.iloc[0] > second.iloc[1] == fourth.iloc[1]


def test_audit__notes_that_a_row_still_differs(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path
) -> None:
    """A row seen again after a day is noted as seen, so that pruning spares it; since when stays."""
    table = wanted_table(sandbox, n_stores=1, n_items=1)
    switch(table, client)
    kf.audit(table, client, journal=journal)
    with open_journal(journal) as opened:
        (first,) = opened.audit_findings(client.account).values()
        days_ago = [moment - timedelta(days=n) for moment, n in ((first.since_at, 9), (first.seen_at, 2))]
        aged = first._replace(since_at=days_ago[0], seen_at=days_ago[1])
        opened.take_in([delete_finding(client.account, first.cell), upsert_finding(client.account, aged)])
    for _ in range(2):
        kf.audit(table, client, journal=journal)
        with open_journal(journal) as opened:
            (again,) = opened.audit_findings(client.account).values()
        assert again.since_at == aged.since_at
        assert again.seen_at >= first.seen_at


def test_audit__by_brand_store_and_name(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path
) -> None:
    """People see the names of brand, store and dish, what is wanted and what is live, business-wide first."""
    state = kf.read_state(client)
    section = state[state["entity_type"] == "section"].iloc[[0]]
    wide = kf.business_toggles("section", section["entity_id"], is_enabled=not section["is_enabled"].iloc[0])
    table = wanted_table(sandbox, n_stores=1, n_items=2).assign(scope="store")
    switch(table.iloc[[0]], client)
    audited = kf.audit(pd.concat([table, wide], ignore_index=True), client, journal=journal)
    drift = drift_by_store(audited, read_names(audited))
    assert drift["brand"].iloc[0] == "business-wide"
    assert drift["what"].tolist() == [f"{section['title'].iloc[0]} (section)", audited["title"].iloc[0]]
    assert (drift["wanted"] != drift["live"]).all()
    assert not drift["store"].str.contains(r"\d/\d").any()


def test_audit__reads_what_the_table_touches(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path
) -> None:
    """One menu per store of the table is read, and the business level only for business-wide rows."""
    table = wanted_table(sandbox, n_stores=2, n_items=1)
    kf.audit(table, client, journal=journal)
    menus = sandbox.requests[sandbox.requests["path"].str.contains("/menus")]
    assert len(menus) == menus["path"].str.contains("branch_id").sum() == 2
    assert not journal.exists()


def test_audit__a_menu_that_cannot_be_read(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path
) -> None:
    """Rows of a menu that cannot be read are unknown, and the failure is listed; the others are compared."""
    table = wanted_table(sandbox, n_stores=2, n_items=2)
    brand_id, branch_id = stores_of(table).iloc[1]
    sandbox.inject("error_503", count=99, match=f"brand_id={brand_id}&branch_id={branch_id}")
    audited = kf.audit(table, hasty, journal=journal)
    lost = kf.failures(audited)
    assert audited["change"].tolist() == ["already", "already", "unknown", "unknown"]
    assert lost[["brand_id", "branch_id"]].values.tolist() == [[brand_id, branch_id]]


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("nothing", kf.InvalidToggles, "There is no table in"),
        ("text", kf.InvalidToggles, "README.md: column_missing"),
        ("timed", kf.PlanError, "schedule"),
        ("foreign", kf.ConfigError, "None of the 2 wanted rows is in a menu of this business"),
    ],
)
def test_audit__bad_input(
    kind: str, error: type[Exception], said: str, client: kf.Client, tmp_path: Path
) -> None:
    """A folder of nothing, a file that is no table, a timed row, another business: nothing is sent."""
    folder = tmp_path / "wanted"
    folder.mkdir()
    table = pd.DataFrame({"item_id": [289379, 289380], "store": "1/2", "is_enabled": True})
    if kind == "text":
        (folder / "README.md").write_text("# How to use this folder\n\nPut tables here.\n")
    elif kind != "nothing":
        times = {"starts_at": "2026-11-27T10:00+07:00"} if kind == "timed" else {}
        table.assign(**times).to_csv(folder / "a.csv", index=False)
    for call in (kf.audit, kf.reconcile):
        with pytest.raises(error, match=said):
            call(folder, client, journal=":memory:")


def test_audit__a_broken_journal(sandbox: kf.sandbox.Sandbox, client: kf.Client, tmp_path: Path) -> None:
    """Where the journal cannot be used the menus are compared all the same, and the frame says so."""
    table = wanted_table(sandbox, n_stores=1, n_items=2)
    switch(table.iloc[[0]], client)
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"no journal at all, but long enough to be looked at as one")
    audited = kf.audit(table, client, journal=broken)
    assert audited["change"].tolist() == ["change", "already"]
    assert "journal_error" in audited.attrs
