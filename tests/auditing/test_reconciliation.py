"""Reconciliation: the smallest repair, guarded, and nothing sent where nothing is to be done."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from tests.auditing.wanted_scenarios import CELL, publish, published, stores_of, switch, wanted_table, writes


def test_reconcile__puts_right_what_differs(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path
) -> None:
    """What somebody else switched is switched back, the rest is unchanged, and twice sends nothing twice.

    That is so also where nothing was published in between: the menus still show what the other did.
    """
    table = wanted_table(sandbox)
    switch(table.iloc[[1, 2, 30]], client)
    result = kf.reconcile(table, client, journal=journal, progress=False)
    frame = result.frame
    assert frame["outcome"].iloc[[1, 2, 30]].tolist() == ["applied"] * 3
    assert set(frame["outcome"]) == {"applied", "unchanged"}
    assert frame["code"].equals(frame["outcome"].map({"applied": "ok", "unchanged": "already_set"}))
    n_before = len(sandbox.requests)
    again = kf.reconcile(table, client, journal=journal, progress=False)
    assert again.counts["unchanged"] == len(table)
    assert again.status == "finished"
    assert sandbox.requests["method"].iloc[n_before:].eq("GET").all()
    publish(table, client)
    assert kf.audit(table, client, journal=journal)["change"].eq("already").all()


def test_reconcile__rows_that_hold_may_ride_along(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path
) -> None:
    """One request carries a cross of which a part holds: fewer requests count more than fewer flags."""
    state = sandbox.state()
    items = state[state["scope"].eq("store") & state["entity_type"].eq("item") & state["is_enabled"]]
    shared = items.groupby("entity_id").filter(lambda rows: len(rows) >= 3)
    ids = shared["entity_id"].unique()[:3]
    stores = list(
        shared[shared["entity_id"] == ids[0]][["brand_id", "branch_id"]]
        .head(3)
        .itertuples(index=False, name=None)
    )
    table = kf.cross_toggles("item", ids, stores, is_enabled=False)
    off = table[(table["entity_id"] == ids[0]) & (table["branch_id"] == stores[0][1])]
    switch(off.assign(is_enabled=True), client)
    n_before = writes(sandbox)
    result = kf.reconcile(table, client, max_changes=None, journal=journal, progress=False)
    assert result.counts["applied"] == len(table)
    assert writes(sandbox) - n_before == 1


@pytest.mark.parametrize(
    ("max_changes", "n_drifted", "is_refused"),
    [(0.2, 10, False), (0.2, 11, True), (11, 11, False), (1.0, 40, False), (None, 40, False), (1, 2, True)],
)
def test_reconcile__limit(
    max_changes: float | None,
    n_drifted: int,
    *,
    is_refused: bool,
    sandbox: kf.sandbox.Sandbox,
    client: kf.Client,
) -> None:
    """A share counts from 11 rows on, an int is a count, None is no limit; a refusal sends nothing."""
    table = wanted_table(sandbox, n_stores=2)
    wrong = table.assign(is_enabled=table["is_enabled"].where(table.index >= n_drifted, ~table["is_enabled"]))
    options: dict[str, Any] = {"max_changes": max_changes, "journal": ":memory:", "progress": False}
    if not is_refused:
        assert kf.reconcile(wrong, client, **options).counts["unchanged"] <= len(table) - n_drifted
        return
    with pytest.raises(kf.PlanError) as error:
        kf.reconcile(wrong, client, **options)
    assert f"pass max_changes={n_drifted}." in str(error.value)
    assert f"({table['brand_id'].iloc[0]}/{table['branch_id'].iloc[0]}) {n_drifted}" in str(error.value)
    assert isinstance(error.value, kf.TooManyChanges)
    assert error.value.counts.values.tolist() == [
        [table["brand_id"].iloc[0], table["branch_id"].iloc[0], n_drifted]
    ]
    assert writes(sandbox) == 0
    options["max_changes"] = n_drifted
    assert kf.reconcile(wrong, client, **options).counts["unchanged"] <= len(table) - n_drifted


@pytest.mark.parametrize("max_changes", [0, 0.0, 2.0, -1, -0.5, float("nan"), True, "20%"])
def test_reconcile__limit_out_of_range(max_changes: Any, client: kf.Client) -> None:
    """A share of nothing or of more than all, a truth value or a text is an error that says what is meant."""
    with pytest.raises(kf.ConfigError, match="neither a share above 0 and up to"):
        kf.reconcile([], client, max_changes=max_changes)


def test_reconcile__publishes_what_it_wrote_and_what_waits(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path
) -> None:
    """With publish the stores that were written are published, and those that were and were not yet."""
    table = wanted_table(sandbox)
    first, second = table.iloc[[1]], table.iloc[[25]]
    switch(first, client)
    kf.reconcile(table, client, journal=journal, progress=False)
    switch(second, client)
    result = kf.reconcile(table, client, journal=journal, publish=True, progress=False)
    stores = pd.concat([stores_of(first), stores_of(second)])
    calls = sandbox.history().query("event == 'copy'").tail(2)
    assert set(calls[["brand_id", "branch_id"]].itertuples(index=False, name=None)) == set(
        stores.itertuples(index=False, name=None)
    )
    assert result.frame.loc[[1, 25], "published"].tolist() == [True, True]
    n_before = published(sandbox)
    again = kf.reconcile(table, client, journal=journal, publish=True, progress=False)
    assert (again.counts["unchanged"], published(sandbox) - n_before) == (len(table), 0)
    guests = table[CELL].merge(sandbox.state(published=True), on=CELL, how="left")
    assert guests["is_enabled"].tolist() == table["is_enabled"].tolist()


def test_reconcile__a_menu_that_cannot_be_read(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path
) -> None:
    """Where a store of the table cannot be read nothing is sent, also to the others."""
    table = wanted_table(sandbox, n_stores=2, n_items=2)
    switch(table, hasty)
    n_before = writes(sandbox)
    brand_id, branch_id = stores_of(table).iloc[1]
    sandbox.inject("error_503", count=99, match=f"brand_id={brand_id}&branch_id={branch_id}")
    with pytest.raises(kf.RequestError, match="so nothing was sent"):
        kf.reconcile(table, hasty, journal=journal)
    assert writes(sandbox) == n_before


def test_reconcile__what_is_on_no_menu_is_refused_here(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path
) -> None:
    """A row that its store's menu does not have is rejected every night and never sent; others are."""
    table = wanted_table(sandbox, n_stores=1, n_items=2)
    switch(table.iloc[[0]], client)
    n_before = writes(sandbox)
    wanted = pd.concat([table, table.iloc[[0]].assign(entity_id=999_999)], ignore_index=True)
    for outcome in ("applied", "unchanged"):
        result = kf.reconcile(wanted, client, journal=journal, progress=False)
        assert result.frame[["outcome", "code"]].iloc[[0, 2]].values.tolist() == [
            [outcome, {"applied": "ok"}.get(outcome, "already_set")],
            ["rejected", "not_in_menu"],
        ]
    assert writes(sandbox) - n_before == 1


def test_reconcile__rows_that_cascade(sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path) -> None:
    """A row that cascades is sent where its flag differs, with its cascade, and not again where it holds."""
    table = wanted_table(sandbox, n_stores=1, n_items=3).assign(cascade_to_modifier_groups=True)
    switch(table[[*CELL, "is_enabled"]].iloc[[0]], client)
    first = kf.reconcile(table, client, journal=journal, progress=False)
    second = kf.reconcile(table, client, journal=journal, progress=False)
    assert first.frame["outcome"].tolist() == ["applied", "unchanged", "unchanged"]
    assert second.frame["outcome"].tolist() == ["unchanged"] * 3
    assert "cascades to cannot be read" in second.frame["message"].iloc[0]


def test_reconcile__an_undo_takes_it_back(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path
) -> None:
    """A reconcile is a run like any other: it is in the history, and undo takes back what it wrote."""
    table = wanted_table(sandbox, n_stores=1, n_items=3)
    switch(table.iloc[[1]], client)
    before = sandbox.state()
    result = kf.reconcile(table, client, journal=journal, progress=False)
    assert kf.runs(journal=journal)["run_id"].tolist() == [result.run_id]
    kf.run(kf.undo(result.run_id, client, journal=journal), client, journal=journal, progress=False)
    pd.testing.assert_frame_equal(sandbox.state(), before)


def test_reconcile__leaves_what_a_promise_holds(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path
) -> None:
    """A cell that an active promise holds is left alone, counts for no limit, and is no failure."""
    table = wanted_table(sandbox, n_stores=1, n_items=3)
    now = client.now()
    timed = table.iloc[[0]].assign(
        is_enabled=~table["is_enabled"].iloc[[0]], ends_at=(now + timedelta(hours=1)).isoformat()
    )
    kf.schedule(timed, client, journal=journal)
    kf.tick(client, journal=journal, progress=False)
    switch(table.iloc[[2]], client)
    result = kf.reconcile(table, client, max_changes=1, journal=journal, progress=False)
    assert result.frame["outcome"].tolist()[::2] == ["not_sent", "applied"]
    assert result.frame["code"].iloc[0] == "promised"
    assert result.resume_hint is None
    result.raise_for_failures()
    kf.tick(client, journal=journal, now=now + timedelta(hours=2), progress=False)
    publish(table, client)
    assert kf.audit(table, client, journal=journal)["change"].eq("already").all()
