"""Undo: what is still ours goes back, the rest is spared."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from tests.auditing import scenarios
from tests.running.doubles import HoldingTransport, press_ctrl_c, wait_for_threads


def _run(client: kf.Client, journal: Path, *, cells: pd.DataFrame, is_enabled: object = False) -> kf.Result:
    plan = kf.plan(scenarios.toggles_of(cells, is_enabled=is_enabled), state=cells)
    return kf.run(plan, client, journal=journal, progress=False)


def test_undo__right_after_a_run(sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path) -> None:
    """After a publish an undo brings back the flags from before, and can be undone itself."""
    stores = scenarios.some_stores(client)
    cells = scenarios.some_cells(client, stores)
    before = scenarios.flags_of(sandbox.state())
    result = _run(client, journal, cells=cells)
    done = scenarios.flags_of(sandbox.state())
    kf.publish(stores, client)
    undone = kf.run(kf.undo(result.run_id, client, journal=journal), client, journal=journal, progress=False)
    assert scenarios.flags_of(sandbox.state()) == before
    kf.publish(stores, client)
    kf.run(kf.undo(undone.run_id, client, journal=journal), client, journal=journal, progress=False)
    assert scenarios.flags_of(sandbox.state()) == done


def test_undo__before_a_publish(sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path) -> None:
    """What a store does not show yet is restored all the same: that writes what its menu shows anyway."""
    cells = scenarios.some_cells(client, scenarios.some_stores(client))
    before = scenarios.flags_of(sandbox.state())
    result = _run(client, journal, cells=cells)
    plan = kf.undo(result.run_id, client, journal=journal)
    assert len(plan.toggles) == result.counts["applied"]
    assert plan.kept.empty
    kf.run(plan, client, journal=journal, progress=False)
    assert scenarios.flags_of(sandbox.state()) == before


@pytest.mark.parametrize("lie", [{"name": "unwritten_200"}, None])
def test_undo__after_a_publish_that_is_only_queued_or_a_lie(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path, lie: dict[str, str] | None
) -> None:
    """Where a publish alone speaks for a newer menu, what the run wrote may still come: it is restored."""
    sandbox.set(publish_delay_s=float("inf"))
    stores = scenarios.some_stores(client)
    before = scenarios.flags_of(sandbox.state())
    result = _run(client, journal, cells=scenarios.some_cells(client, stores))
    if lie is not None:
        sandbox.inject(**lie, match="/menus/publish")
    kf.publish(stores, client, journal=journal)
    plan = kf.undo(result.run_id, client, journal=journal)
    kf.run(plan, client, journal=journal, progress=False)
    sandbox.finish_publishes()
    assert scenarios.flags_of(sandbox.state()) == before


def test_undo__spares_what_others_changed(client: kf.Client, journal: Path) -> None:
    """A cell that somebody switched back is kept with the reason, and is not in the plan."""
    stores = scenarios.some_stores(client)
    result = _run(client, journal, cells=scenarios.some_cells(client, stores).query("scope == 'store'"))
    theirs = result.frame.query("outcome == 'applied'").head(1)
    scenarios.write(scenarios.toggles_of(theirs, is_enabled=True), client)
    kf.publish(stores, client)
    plan = kf.undo(result.run_id, client, journal=journal)
    assert plan.kept[scenarios.CELL].to_numpy().tolist() == theirs[scenarios.CELL].to_numpy().tolist()
    assert plan.kept[["is_enabled", "live"]].to_numpy().tolist() == [[False, True]]
    assert plan.kept["reason"].str.fullmatch(r"the menu shows on; this run wrote off at 20[^;]* UTC").all()
    assert len(plan.toggles) == result.counts["applied"] - 1
    assert "1 cells are kept" in repr(plan)
    # The view names what is kept and why, beside what goes back.
    causes = plan.overview.trouble
    assert causes[["outcome", "n_rows"]].to_numpy().tolist() == [["kept as they are", 1]]
    assert not causes["which"].str.contains("item [0-9]").any()
    assert "the menu shows on; this run wrote off" in plan._repr_html_()


def test_undo__says_what_cannot_be_restored(client: kf.Client, journal: Path) -> None:
    """Overrides that stay, and modifiers that a cascade switched, are said plainly."""
    stores = scenarios.some_stores(client)[:1]
    cells = scenarios.some_cells(client, stores).query("scope == 'store'")
    toggles = scenarios.toggles_of(cells, is_enabled=False).assign(cascade_to_modifier_groups=True)
    result = kf.run(kf.plan(toggles, state=cells), client, journal=journal, progress=False)
    kf.publish(stores, client)
    plan = kf.undo(result.run_id, client, journal=journal)
    overrides, cascades = plan.notes
    assert overrides.startswith(f"{len(plan.toggles)} store rows get their old value as an override")
    assert cascades.startswith(f"{len(cells)} rows of the run cascaded to modifiers")
    assert not plan.toggles["cascade_to_modifier_groups"].any()


def test_undo__of_a_run_that_noted_nothing(client: kf.Client, journal: Path) -> None:
    """Where nobody noted the flags from before, that is said, and what to do about it."""
    cells = scenarios.some_cells(client, scenarios.some_stores(client)[:1])
    result = kf.run(
        kf.plan(scenarios.toggles_of(cells, is_enabled=False)),
        client,
        journal=journal,
        progress=False,
        before="none",
    )
    with pytest.raises(kf.PlanError, match=r'nobody noted the flags from before it.*before="none"'):
        kf.undo(result.run_id, client, journal=journal)


def test_undo__of_flags_that_the_run_read_itself(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path
) -> None:
    """A run that read the flags before it wrote can be undone without a state in its plan."""
    stores = scenarios.some_stores(client)
    cells = scenarios.some_cells(client, stores)
    before = scenarios.flags_of(sandbox.state())
    plan = kf.plan(scenarios.toggles_of(cells, is_enabled=False))
    result = kf.run(plan, client, journal=journal, before="read", progress=False)
    kf.publish(stores, client)
    kf.run(kf.undo(result.run_id, client, journal=journal), client, journal=journal, progress=False)
    assert scenarios.flags_of(sandbox.state()) == before


def test_undo__nothing_was_changed(client: kf.Client, journal: Path) -> None:
    """A run whose rows all held already has nothing to take back."""
    cells = scenarios.some_cells(client, scenarios.some_stores(client)[:1])
    result = _run(client, journal, cells=cells, is_enabled=cells["is_enabled"].to_numpy())
    plan = kf.undo(result.run_id, client, journal=journal)
    assert plan.n_requests == 0
    assert plan.kept.empty


def test_undo__unknown_run(client: kf.Client, journal: Path) -> None:
    """A run that the journal does not know is named."""
    with pytest.raises(kf.JournalError, match="knows no run abc"):
        kf.undo("abc", client, journal=journal)


def test_undo__on_another_host(sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path) -> None:
    """A run is taken back on its own host only."""
    cells = scenarios.some_cells(client, scenarios.some_stores(client)[:1])
    result = _run(client, journal, cells=cells)
    keys: dict[str, Any] = {"partner_key": sandbox.partner_key, "secret_key": sandbox.secret_key}
    elsewhere = sandbox.url.replace("127.0.0.1", "localhost")
    with kf.connect(elsewhere, **keys) as other, pytest.raises(kf.PlanError, match="run on"):
        kf.undo(result.run_id, other, journal=journal)


def test_undo__plan_can_be_saved(client: kf.Client, journal: Path, tmp_path: Path) -> None:
    """It is a plan like any other: saved, loaded, and still the same."""
    cells = scenarios.some_cells(client, scenarios.some_stores(client)[:1]).query("scope == 'business'")
    result = _run(client, journal, cells=cells)
    plan = kf.undo(result.run_id, client, journal=journal)
    assert kf.load_plan(plan.save(tmp_path / "undo.plan.json")).digest == plan.digest


_FLAG = st.one_of(st.none(), st.booleans())
_N_CELLS = scenarios.N_ITEMS * (scenarios.N_STORES + 1)


# Shrinking would send whole runs for minutes.
@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    wanted=st.lists(_FLAG, min_size=_N_CELLS, max_size=_N_CELLS),
    theirs=st.lists(_FLAG, min_size=_N_CELLS, max_size=_N_CELLS),
    is_live=st.booleans(),
    is_published=st.booleans(),
)
def test_undo__never_overwrites_what_others_wrote(
    sandbox: kf.sandbox.Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
    *,
    wanted: list[bool | None],
    theirs: list[bool | None],
    is_live: bool,
    is_published: bool,
) -> None:
    """Plan, run, third-party edits, undo: wanted holds, edits stay, and the rest is as it was before."""
    sandbox.reset()
    sandbox.set(store_read="live" if is_live else "stale")
    journal = tmp_path_factory.mktemp("undo") / "journal.sqlite3"
    with sandbox.connect(writes_per_minute=10**6, reads_per_minute=10**6) as client:
        stores = scenarios.some_stores(client)
        cells = scenarios.some_cells(client, stores)
        before = scenarios.flags_of(sandbox.state())
        asked = _chosen(cells, wanted)
        result = kf.run(kf.plan(asked, state=cells), client, journal=journal, progress=False)
        done = scenarios.flags_of(sandbox.state())
        edits = _chosen(cells, theirs)
        scenarios.write(edits, client)
        if is_published:
            kf.publish(stores, client)
        edited = scenarios.flags_of(sandbox.state())
        kf.run(kf.undo(result.run_id, client, journal=journal), client, journal=journal, progress=False)
        after = scenarios.flags_of(sandbox.state())
    ours, others = scenarios.flags_of(asked), scenarios.flags_of(edits)
    assert {cell: done[cell] for cell in ours} == ours
    # A flag that somebody set to what we had set it to looks like ours.
    told_apart = [cell for cell, flag in others.items() if ours.get(cell) is not flag]
    assert {cell: after[cell] for cell in told_apart} == {cell: edited[cell] for cell in told_apart}
    if is_live or is_published:
        # What inherits follows an edit of its business row, which is not ours to hold.
        theirs_too = {cell[1] for cell in others if cell[2] == "business"}
        rest = [cell for cell in ours if cell not in others and cell[1] not in theirs_too]
        assert {cell: after[cell] for cell in rest} == {cell: before[cell] for cell in rest}


def _chosen(cells: pd.DataFrame, flags: list[bool | None]) -> pd.DataFrame:
    """Return toggles of the cells that have a flag in the list."""
    wanted = pd.Series(flags[: len(cells)], dtype="boolean")
    is_chosen = wanted.notna().to_numpy()
    return scenarios.toggles_of(cells[is_chosen], is_enabled=wanted[is_chosen].astype(bool).to_numpy())


def test_undo__spares_what_a_later_run_wrote(client: kf.Client, journal: Path) -> None:
    """A later run of the same journal counts as an edit: its cells are kept, and the run is named."""
    stores = scenarios.some_stores(client)[:1]
    cells = scenarios.some_cells(client, stores).query("scope == 'store'")
    first = kf.run(kf.plan(scenarios.toggles_of(cells, is_enabled=False)), client, journal=journal)
    second = kf.run(kf.plan(scenarios.toggles_of(cells.head(1), is_enabled=False)), client, journal=journal)
    plan = kf.undo(first.run_id, client, journal=journal)
    assert plan.kept[scenarios.CELL].to_numpy().tolist() == cells.head(1)[scenarios.CELL].to_numpy().tolist()
    assert plan.kept["reason"].str.fullmatch(rf"run {second.run_id[:8]} wrote off at .* UTC").all()
    assert len(plan.toggles) == len(cells) - 1


def test_undo__spares_what_an_earlier_run_wrote_when_it_was_resumed(client: kf.Client, journal: Path) -> None:
    """A run that began before, and wrote only when it was resumed, is later than one between the two."""
    stores = scenarios.some_stores(client)[:1]
    cells = scenarios.some_cells(client, stores).query("scope == 'store' and is_enabled")
    plan = kf.plan(scenarios.toggles_of(cells, is_enabled=False))
    options: dict[str, Any] = {"journal": journal, "progress": False}
    assert kf.run(plan, client, deadline_s=1e-9, **options).counts["not_sent"] == len(cells)
    between = _run(client, journal, cells=cells.head(1))
    resumed = kf.run(plan, client, deadline_s=600.0, **options)
    assert resumed.counts["applied"] == len(cells)
    kf.publish(stores, client, journal=journal)
    kf.verify(resumed, client, progress=False)
    undo = kf.undo(between.run_id, client, journal=journal, progress=False)
    assert undo.toggles.empty
    assert undo.kept["reason"].str.contains(f"run {resumed.run_id[:8]} wrote off").all()


def test_undo__several_runs_as_one(sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path) -> None:
    """Several runs are undone as one: each cell gets its flag from before the first of them."""
    cells = scenarios.some_cells(client, scenarios.some_stores(client)[:1])
    before = scenarios.flags_of(sandbox.state())
    first = kf.run(kf.plan(scenarios.toggles_of(cells, is_enabled=False)), client, journal=journal)
    second = kf.run(kf.plan(scenarios.toggles_of(cells.head(2), is_enabled=True)), client, journal=journal)
    third = kf.run(kf.plan(scenarios.toggles_of(cells.tail(3), is_enabled=False)), client, journal=journal)
    runs = [third.run_id, first.run_id[:12], second.run_id]
    kf.run(kf.undo(runs, client, journal=journal), client, journal=journal, progress=False)
    assert scenarios.flags_of(sandbox.state()) == before


def test_undo__of_a_write_that_was_answered_by_an_error(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path
) -> None:
    """What may have been written though the answer was lost is restored."""
    cells = scenarios.some_cells(hasty, scenarios.some_stores(hasty)[:1]).query("scope == 'store'")
    before = scenarios.flags_of(sandbox.state())
    sandbox.inject("reset_after", match="/enable")
    result = kf.run(kf.plan(scenarios.toggles_of(cells, is_enabled=False)), hasty, journal=journal)
    sandbox.clear_faults()
    assert set(result.frame["outcome"]) == {"unknown"}
    assert scenarios.flags_of(sandbox.state()) != before
    kf.run(kf.undo(result.run_id, hasty, journal=journal), hasty, journal=journal, progress=False)
    assert scenarios.flags_of(sandbox.state()) == before


def test_undo__saved_plan_looks_again(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path, tmp_path: Path
) -> None:
    """An undo that was saved leaves what a later run wrote, says so, and restores the rest."""
    cells = scenarios.some_cells(client, scenarios.some_stores(client)).query("scope == 'store'")
    first = kf.run(kf.plan(scenarios.toggles_of(cells, is_enabled=False)), client, journal=journal)
    path = kf.undo(first.run_id, client, journal=journal).save(tmp_path / "undo.plan.json")
    theirs = scenarios.toggles_of(cells.head(1), is_enabled=False)
    kf.run(kf.plan(theirs), client, journal=journal)
    result = kf.run(kf.load_plan(path), client, journal=journal, first=1)
    is_kept = result.frame["code"] == "changed_since"
    assert (
        result.frame.loc[is_kept, scenarios.CELL].to_numpy().tolist()
        == theirs[scenarios.CELL].to_numpy().tolist()
    )
    assert set(result.frame.loc[is_kept, "outcome"]) == {"not_sent"}
    assert set(result.frame.loc[~is_kept, "outcome"]) == {"applied"}
    assert (result.status, result.resume_hint) == ("finished", None)
    flags = scenarios.flags_of(sandbox.state())
    shown = [flags[tuple(cell)] for cell in cells[scenarios.CELL].to_numpy(dtype=object)]
    assert shown == [False, *[True] * (len(cells) - 1)]
    again = kf.run(kf.load_plan(path), client, journal=journal)
    assert again.frame.equals(result.frame)


def test_undo__looks_again_at_what_others_published(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path
) -> None:
    """What a menu shows changed by somebody else after an undo was planned is not written by it."""
    stores = scenarios.some_stores(client)[:1]
    cells = scenarios.some_cells(client, stores).query("scope == 'store'")
    first = kf.run(kf.plan(scenarios.toggles_of(cells, is_enabled=False)), client, journal=journal)
    undo = kf.undo(first.run_id, client, journal=journal)
    scenarios.write(scenarios.toggles_of(cells.head(1), is_enabled=True), client)
    kf.publish(stores, client, journal=":memory:")
    n_sent = len(sandbox.requests)
    result = kf.run(undo, client, journal=journal, progress=False)
    assert result.frame["code"].tolist() == ["changed_since", *["ok"] * (len(cells) - 1)]
    sent = sandbox.requests.iloc[n_sent:].query("method == 'PATCH'")
    assert not sent["body"].str.contains(str(cells["entity_id"].iloc[0])).any()


def test_undo__looks_again_when_resumed(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path
) -> None:
    """An undo that was interrupted before it sent anything leaves what was changed until it is resumed."""
    cells = scenarios.some_cells(client, scenarios.some_stores(client)[:1]).query("scope == 'store'")
    first = kf.run(kf.plan(scenarios.toggles_of(cells, is_enabled=False)), client, journal=journal)
    undo = kf.undo(first.run_id, client, journal=journal)
    transport = HoldingTransport(press_ctrl_c, method="GET", nth=1, match="/menus")
    with sandbox.connect(transport=transport) as held_client:
        stopped = kf.run(undo, held_client, journal=journal, progress=False)
        transport.let_go.set()
        wait_for_threads("klikit-frames-")
    assert stopped.counts["not_sent"] == len(cells)
    kf.run(kf.plan(scenarios.toggles_of(cells, is_enabled=False)), client, journal=journal)
    n_sent = len(sandbox.requests.query("method == 'PATCH'"))
    result = kf.resume(stopped.run_id, client, journal=journal)
    assert result.frame["code"].unique().tolist() == ["changed_since"]
    assert len(sandbox.requests.query("method == 'PATCH'")) == n_sent


def test_undo__beside_a_damaged_journal(client: kf.Client, journal: Path) -> None:
    """That the person's own journal cannot be read takes nothing from what the given one knows."""
    users_journal = Path(os.environ["XDG_STATE_HOME"]) / "klikit_frames" / "journal.sqlite3"
    users_journal.parent.mkdir(parents=True)
    with sqlite3.connect(users_journal) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    cells = scenarios.some_cells(client, scenarios.some_stores(client)[:1])
    result = _run(client, journal, cells=cells)
    assert kf.undo(result.run_id, client, journal=journal).n_rows == len(cells)
