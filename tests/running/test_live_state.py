"""The live flags: what a journal knows and no menu is proved to show."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames import edge
from klikit_frames.running.journal import open_journal
from tests.api.scripts import FakeClock
from tests.auditing import scenarios
from tests.fixtures import wrong

from .fault_scenarios import MovableClock, connect


def _switch(cells: pd.DataFrame, client: kf.Client, journal: Path, *, is_enabled: bool) -> kf.Result:
    """Plan from a state that was just read, as a person does, and run."""
    stores = cells.loc[cells["scope"] == "store", ["brand_id", "branch_id"]].drop_duplicates()
    has_wide = bool((cells["scope"] == "business").any())
    state = kf.read_state(client, stores=stores, with_business=has_wide, journal=journal, progress=False)
    plan = kf.plan(scenarios.toggles_of(cells, is_enabled=is_enabled), state=state)
    return kf.run(plan, client, journal=journal, progress=False)


@pytest.fixture
def cells(client: kf.Client) -> pd.DataFrame:
    """Some items of one store, all on."""
    chosen = scenarios.some_cells(client, scenarios.some_stores(client)[:1])
    return chosen[(chosen["scope"] == "store") & chosen["is_enabled"].fillna(value=False)]


def test_read_state__off_and_on_again_in_one_day(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path, cells: pd.DataFrame
) -> None:
    """Off and on again without a publish between ends on: the unpublished menu is not believed."""
    before = scenarios.flags_of(sandbox.state())
    _switch(cells, client, journal, is_enabled=False)
    again = _switch(cells, client, journal, is_enabled=True)
    assert again.counts["applied"] == len(cells)
    assert scenarios.flags_of(sandbox.state()) == before


def test_read_state__clock_set_between_two_writes(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path, cells: pd.DataFrame
) -> None:
    """A menu that shows a write proves nothing of one right after it by another clock."""
    stores = cells[["brand_id", "branch_id"]].drop_duplicates()
    first, second = cells.iloc[:1], cells.iloc[1:2]
    _switch(first, client, journal, is_enabled=False)
    with sandbox.connect() as elsewhere:
        kf.publish(stores, elsewhere, journal=journal.with_name("another.sqlite3"))
    # The header of the new clock says almost a second less than is so.
    sandbox.move_clock(7_200 + (0.9 - edge.time()) % 1)
    with sandbox.connect() as later:
        _switch(second, later, journal, is_enabled=False)
        state = kf.read_state(later, stores=stores, journal=journal, progress=False)
        changes = kf.diff(scenarios.toggles_of(second, is_enabled=True), state)
        assert changes["change"].tolist() != ["already"]
        changes = kf.audit(
            scenarios.toggles_of(second, is_enabled=True), later, journal=journal, progress=False
        )
        assert changes["change"].tolist() != ["already"]


def test_prune_runs__clock_that_was_set_stays_the_clock_of_evidence(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path, cells: pd.DataFrame
) -> None:
    """Pruning takes the runs of a clock away, but not the clock: what menus are proved to show stays so."""
    stores = cells[["brand_id", "branch_id"]].drop_duplicates()
    _switch(cells.iloc[:1], client, journal, is_enabled=False)
    sandbox.move_clock(7_200)
    with sandbox.connect() as later:
        _switch(cells.iloc[1:2], later, journal, is_enabled=False)
        kf.publish(stores, later, journal=journal)
        kf.read_state(later, stores=stores, journal=journal, progress=False)
    with open_journal(journal) as opened:
        clocks, proved = opened.clocks(), opened.all_menu_evidence()
    assert clocks
    assert clocks[-1] == pytest.approx(7_200, abs=5)
    assert len(kf.prune_runs(pd.Timedelta(0).to_pytimedelta(), journal=journal)) == 2
    sandbox.move_clock(3.0)
    with sandbox.connect() as latest:
        _switch(cells.iloc[:1], latest, journal, is_enabled=True)
        state = kf.read_state(latest, stores=stores, journal=journal, progress=False)
        changes = kf.diff(scenarios.toggles_of(cells.iloc[:1], is_enabled=True), state)
        assert changes["change"].tolist() == ["already"]
    with open_journal(journal) as opened:
        assert opened.clocks()[: len(clocks)] == clocks
        assert all(
            opened.menu_evidence(account)[store] >= moment
            for account, moments in proved.items()
            for store, moment in moments.items()
        )


def test_read_state__tells_what_is_pending(client: kf.Client, journal: Path, cells: pd.DataFrame) -> None:
    """What was written and does not show is pending, until the menu is seen to show it."""
    stores = cells[["brand_id", "branch_id"]].drop_duplicates()
    _switch(cells, client, journal, is_enabled=False)
    state = kf.read_state(client, stores=stores, journal=journal, progress=False)
    pending = state[state["pending"].notna()]
    assert pending[scenarios.CELL].to_numpy().tolist() == cells[scenarios.CELL].to_numpy().tolist()
    assert (pending["is_enabled"] & ~pending["pending"]).all()
    changes = kf.diff(scenarios.toggles_of(cells, is_enabled=False), state)
    assert changes["change"].unique().tolist() == ["already"]
    kf.publish(stores, client)
    state = kf.read_state(client, stores=stores, journal=journal, progress=False)
    assert state["pending"].isna().all()
    scenarios.write(scenarios.toggles_of(cells, is_enabled=True), client)
    kf.publish(stores, client)
    state = kf.read_state(client, stores=stores, journal=journal, progress=False)
    assert state["pending"].isna().all()
    assert not state["is_unsettled"].any()


def test_read_state__off_everywhere_and_on_in_one_store(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path, cells: pd.DataFrame
) -> None:
    """After an unpublished business-wide write a store's row is not known: it is sent, and ends on."""
    wide = cells.assign(scope="business", brand_id=wrong(pd.NA), branch_id=wrong(pd.NA))
    _switch(wide, client, journal, is_enabled=False)
    stores = cells[["brand_id", "branch_id"]].drop_duplicates()
    state = kf.read_state(client, stores=stores, journal=journal, progress=False)
    assert state.loc[state["is_unsettled"], "entity_id"].tolist() == cells["entity_id"].tolist()
    result = _switch(cells, client, journal, is_enabled=True)
    assert result.counts["applied"] == len(cells)
    truth = sandbox.state().merge(cells[scenarios.CELL])
    assert truth["is_enabled"].all()


def test_read_state__makes_no_journal(client: kf.Client, tmp_path: Path) -> None:
    """Reading makes no journal where there is none."""
    kf.read_state(client, journal=tmp_path / "none.sqlite3", progress=False)
    assert not list(tmp_path.iterdir())


def test_read_state__says_that_a_journal_cannot_be_read(
    client: kf.Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A journal that cannot be read does not break the reading, and is not passed over in silence."""
    (tmp_path / "journal.sqlite3").write_bytes(b"this is no journal at all, but a text of some length" * 40)
    state = kf.read_state(client, journal=tmp_path / "journal.sqlite3", progress=False)
    assert len(state)
    assert "cannot be used" in state.attrs["journal_error"]
    assert "is not known" in caplog.text


def test_read_state__proved_runs_are_looked_at_no_more(
    client: kf.Client, journal: Path, cells: pd.DataFrame
) -> None:
    """A run that a menu shows is marked as proved, and its journal rows are not read again."""
    stores = cells[["brand_id", "branch_id"]].drop_duplicates()
    _switch(cells, client, journal, is_enabled=False)
    with open_journal(journal) as opened:
        assert len(opened.unproved_runs(client.account)) == 1
    kf.publish(stores, client, journal=journal)
    kf.read_state(client, stores=stores, journal=journal, progress=False)
    with open_journal(journal) as opened:
        assert opened.unproved_runs(client.account) == []


@pytest.mark.parametrize("set_by_s", [-4.5, -1.0])
def test_read_state__clock_set_back_by_seconds(
    sandbox: kf.sandbox.Sandbox, journal: Path, cells: pd.DataFrame, set_by_s: float
) -> None:
    """Off, and on by a clock that was set back since: a run waits for it, and the later flag is live."""
    # The server's clock goes on while this one stands still, so it tells nothing of this one.
    sandbox.set(date_header="missing")
    stores, clock = cells[["brand_id", "branch_id"]].drop_duplicates(), FakeClock()
    with connect(sandbox, clock=clock) as client:
        first = _switch(cells, client, journal, is_enabled=False)
    clock.now += set_by_s
    with connect(sandbox, clock=clock) as client:
        second = _switch(cells, client, journal, is_enabled=True)
        state = kf.read_state(client, stores=stores, journal=journal, progress=False)
        changes = kf.diff(scenarios.toggles_of(cells, is_enabled=False), state)
    assert sum(clock.slept) == pytest.approx(-set_by_s, abs=0.01)
    assert second.frame["sent_at"].min() >= first.frame["settled_at"].max()
    assert changes["change"].unique().tolist() == ["change"]


def test_run__waits_for_no_clock_that_was_set_by_more(
    sandbox: kf.sandbox.Sandbox, journal: Path, cells: pd.DataFrame
) -> None:
    """A clock that is minutes behind is known by the server's, and so is the order of what was written."""
    stores = cells[["brand_id", "branch_id"]].drop_duplicates()
    with connect(sandbox) as client:
        _switch(cells, client, journal, is_enabled=False)
    clock = MovableClock()
    clock.set_by_s = -600
    with connect(sandbox, clock=clock) as client:
        _switch(cells, client, journal, is_enabled=True)
        state = kf.read_state(client, stores=stores, journal=journal, progress=False)
        changes = kf.diff(scenarios.toggles_of(cells, is_enabled=False), state)
    assert clock.skipped_s == 0
    assert "already" not in changes["change"].tolist()


@pytest.fixture
def cells_of_two(client: kf.Client) -> pd.DataFrame:
    """Some items of two stores, all on."""
    chosen = scenarios.some_cells(client, scenarios.some_stores(client)[:2])
    return chosen[(chosen["scope"] == "store") & chosen["is_enabled"].fillna(value=False)]


def _switch_off_and_set_back(
    sandbox: kf.sandbox.Sandbox, cells: pd.DataFrame, journal: Path, *, n_published: int
) -> MovableClock:
    """Switch cells off where the server tells no time, publish some stores, set the clock back by a day."""
    sandbox.set(date_header="missing")
    clock = MovableClock()
    with connect(sandbox, clock=clock) as client:
        _switch(cells, client, journal, is_enabled=False)
        stores = cells[["brand_id", "branch_id"]].drop_duplicates()
        kf.publish(stores.head(n_published), client, journal=journal)
        kf.read_state(client, stores=stores, journal=journal, progress=False)
    clock.set_by_s = -86_400
    return clock


def test_read_state__clock_set_back_where_the_server_tells_no_time(
    sandbox: kf.sandbox.Sandbox, journal: Path, cells: pd.DataFrame
) -> None:
    """What a journal dates after now was sent nobody knows when: then no flag is known."""
    clock = _switch_off_and_set_back(sandbox, cells, journal, n_published=0)
    with connect(sandbox, clock=clock) as client:
        result = _switch(cells, client, journal, is_enabled=True)
        assert result.counts["applied"] == len(cells)
        stores = cells[["brand_id", "branch_id"]].drop_duplicates()
        state = kf.read_state(client, stores=stores, journal=journal, progress=False)
        for flag in (False, True):
            changes = kf.diff(scenarios.toggles_of(cells, is_enabled=flag), state)
            assert "already" not in changes["change"].tolist()


def test_undo__clock_set_back_where_the_server_tells_no_time(
    sandbox: kf.sandbox.Sandbox, journal: Path, cells_of_two: pd.DataFrame
) -> None:
    """A menu that an old clock proved new proves nothing of a later write: nobody is accused."""
    # One store shows the first run; as a whole it is not proved.
    clock = _switch_off_and_set_back(sandbox, cells_of_two, journal, n_published=1)
    with connect(sandbox, clock=clock) as client:
        result = _switch(cells_of_two, client, journal, is_enabled=True)
        proof = kf.verify(result, client, journal=journal, progress=False)
        assert set(proof["proof"]) == {"not_visible_yet"}
        undo = kf.undo(result.run_id, client, journal=journal, progress=False)
    assert not undo.kept["reason"].str.startswith("the menu shows").any()
