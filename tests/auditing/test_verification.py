"""Proof by reading back."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pandas as pd
import pytest

import klikit_frames as kf
from tests.api.scripts import FakeClock
from tests.auditing import scenarios
from tests.running.doubles import AnsweringTransport
from tests.running.fault_scenarios import KillPoint, SkippingClock, run_until_killed


def _run(
    client: kf.Client, journal: Path | str, *, with_state: bool = True
) -> tuple[kf.Result, list[tuple[int, int]]]:
    """Switch a few items off in a few stores and business-wide."""
    stores = scenarios.some_stores(client)
    cells = scenarios.some_cells(client, stores)
    toggles = scenarios.toggles_of(cells, is_enabled=False)
    state = cells if with_state else None
    return kf.run(kf.plan(toggles, state=state), client, journal=journal, progress=False), stores


def test_verify__not_visible_before_a_publish(client: kf.Client, journal: Path) -> None:
    """Business rows are confirmed at once, store rows only after a publish; nothing is called wrong."""
    result, stores = _run(client, journal)
    verified = kf.verify(result, client, journal=journal)
    assert verified.groupby("scope")["proof"].unique().map(set).to_dict() == {
        "business": {"confirmed"},
        "store": {"not_visible_yet"},
    }
    assert (
        verified.loc[verified["scope"] == "store", "proof_note"]
        .str.contains("publishing makes it anew")
        .all()
    )
    kf.publish(stores, client)
    after = kf.verify(result, client, journal=journal)
    expected = result.frame.assign(
        live=pd.array([False] * len(after), dtype="boolean"),
        proof="confirmed",
    )
    # The oldest pandas tells two missing values of a text apart.
    assert after.pop("proof_note").isna().all()
    pd.testing.assert_frame_equal(after, expected)


def test_verify__bar(client: kf.Client, journal: Path) -> None:
    """A bar counts every menu that is read, and is closed; for an undo too."""
    result, stores = _run(client, journal)
    bars = scenarios.CountingBar(), scenarios.CountingBar()
    kf.verify(result, client, journal=journal, progress=bars[0])
    kf.undo(result.run_id, client, journal=journal, progress=bars[1])
    assert [(bar.n, bar.is_closed) for bar in bars] == [(1 + len(stores), True)] * 2


def test_verify__live_reads(sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path) -> None:
    """Where reads do not lag, everything is confirmed at once."""
    sandbox.set(store_read="live")
    result, _ = _run(client, journal)
    assert kf.verify(result, client, journal=journal)["proof"].unique().tolist() == ["confirmed"]


def test_verify__changed_by_somebody_else(client: kf.Client, journal: Path) -> None:
    """A flag that somebody switched back differs, with what is seen; its neighbours are confirmed."""
    stores = scenarios.some_stores(client)
    cells = scenarios.some_cells(client, stores).query("scope == 'store'")
    plan = kf.plan(scenarios.toggles_of(cells, is_enabled=False), state=cells)
    result = kf.run(plan, client, journal=journal, progress=False)
    theirs = result.frame.query("scope == 'store'").head(1)
    scenarios.write(scenarios.toggles_of(theirs, is_enabled=True), client)
    kf.publish(stores, client)
    verified = kf.verify(result, client, journal=journal)
    differs = verified[verified["proof"] == "differs"]
    assert differs.index.tolist() == theirs.index.tolist()
    assert (
        differs["proof_note"]
        .str.fullmatch(r"the menu shows on; this run wrote off at 20\d\d-[^;]* UTC")
        .all()
    )
    assert verified["proof"].drop(theirs.index).unique().tolist() == ["confirmed"]


def test_verify__written_again_and_not_published(client: kf.Client, journal: Path) -> None:
    """A flag that somebody switched back, and that a later run has written again, may be live as asked."""
    stores = scenarios.some_stores(client)
    cells = scenarios.some_cells(client, stores).query("scope == 'store'")
    toggles = scenarios.toggles_of(cells, is_enabled=False)
    first = kf.run(kf.plan(toggles, state=cells), client, journal=journal, progress=False)
    theirs = toggles.head(1)
    scenarios.write(scenarios.toggles_of(theirs, is_enabled=True), client)
    kf.publish(stores, client)
    later = kf.run(kf.plan(theirs), client, journal=journal, progress=False)
    verified = kf.verify(first, client, journal=journal)
    assert verified["proof"].tolist() == ["not_visible_yet", *["confirmed"] * (len(verified) - 1)]
    note = rf"the menu shows on; run {later.run_id[:8]} wrote off at 20\d\d-[^;]* UTC"
    assert verified["proof_note"].str.fullmatch(note).tolist()[0]


def test_verify__rows_that_held_already_do_not_speak_for_the_store(client: kf.Client, journal: Path) -> None:
    """Rows that held before do not make a store look published: the others are not visible yet."""
    stores = scenarios.some_stores(client)[:1]
    cells = scenarios.some_cells(client, stores).query("scope == 'store'")
    scenarios.write(scenarios.toggles_of(cells.head(1), is_enabled=False), client)
    kf.publish(stores, client)
    state = kf.read_state(client, stores=stores)
    plan = kf.plan(scenarios.toggles_of(cells, is_enabled=False), state=state)
    result = kf.run(plan, client, journal=journal, progress=False)
    assert kf.verify(result, client, journal=journal)["proof"].tolist() == [
        "confirmed",
        *["not_visible_yet"] * 3,
    ]


def test_verify__without_flags_from_before(client: kf.Client) -> None:
    """Without a journal, a row that held already does not make its store look published."""
    cells = scenarios.some_cells(client, scenarios.some_stores(client)).query("scope == 'store'")
    scenarios.write(scenarios.toggles_of(cells.head(1), is_enabled=False), client)
    kf.publish(scenarios.some_stores(client), client)
    result, stores = _run(client, ":memory:", with_state=False)
    verified = kf.verify(result, client, journal=":memory:").query("scope == 'store'")
    assert verified["proof"].value_counts().to_dict() == {
        "not_visible_yet": len(verified) - 1,
        "confirmed": 1,
    }
    kf.publish(stores, client)
    assert kf.verify(result, client)["proof"].unique().tolist() == ["confirmed"]


def test_verify__bounded_polling(client: kf.Client, journal: Path) -> None:
    """Stores that do not show the change are looked at again until they do, or the time is over."""
    result, stores = _run(client, journal)
    now = 0.0
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        waits.append(seconds)
        if now >= 7:
            kf.publish(stores, client)

    verified = kf.verify(
        result, client, journal=journal, timeout_s=30, poll_every_s=3, clock=lambda: now, sleep=sleep
    )
    assert waits == [3, 3, 3]
    assert verified["proof"].unique().tolist() == ["confirmed"]


def test_verify__polling_ends(client: kf.Client, journal: Path) -> None:
    """A store that is never published counts as not visible when the time is over, not a moment later."""
    result, _ = _run(client, journal)
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    verified = kf.verify(
        result, client, journal=journal, timeout_s=5, poll_every_s=3, clock=lambda: now, sleep=sleep
    )
    assert now == 5
    assert "not_visible_yet" in set(verified["proof"])


def test_verify__rows_that_were_not_written(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path
) -> None:
    """A rejected row of nobody's id has no proof."""
    sandbox.set(store_read="live")
    stores = scenarios.some_stores(client)[:1]
    good = scenarios.toggles_of(
        scenarios.some_cells(client, stores).query("scope == 'store'").head(1), is_enabled=False
    )
    bad = good.assign(entity_id=999_999_999)
    result = kf.run(
        kf.plan(pd.concat([good, bad], ignore_index=True)), client, journal=journal, progress=False
    )
    assert result.frame["outcome"].tolist() == ["applied", "rejected"]
    verified = kf.verify(result, client, journal=journal)
    assert verified["proof"].fillna("-").tolist() == ["confirmed", "-"]


@pytest.mark.parametrize("scope", ["store", "business"])
def test_verify__rows_that_were_not_sent(sandbox: kf.sandbox.Sandbox, journal: Path, scope: str) -> None:
    """What no request carried is not called different, though it shows another flag: the note says why."""
    denial = b'{"request_id": "1", "error": {"code": "auth_forbidden", "message": "not in scope"}}'
    with sandbox.connect(transport=AnsweringTransport(403, denial), max_connections=1) as client:
        cells = scenarios.some_cells(client, scenarios.some_stores(client)[:1])
        cells = cells[cells["scope"] == scope].head(3)
        plan = kf.plan(scenarios.toggles_of(cells, is_enabled=False), state=cells, combine=False)
        result = kf.run(plan, client, journal=journal, progress=False)
        # The double has asked the API all the same: so it is as if others had written and published nothing.
        sandbox.reset()
        verified = kf.verify(result, client)
    assert set(result.frame["outcome"]) == {"failed", "not_sent"}
    assert verified["proof"].isna().all()
    assert verified["proof_note"].str.startswith("the menu shows on; ").all()


class _WithoutStores(httpx.HTTPTransport):
    """Opens no connection for a write to stores."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        if request.method == "PATCH" and b"zoneStores" in request.read():
            raise httpx.ConnectError("refused")
        return super().handle_request(request)


def test_verify__row_that_was_not_sent_beside_a_business_wide_one(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path
) -> None:
    """Only its own request speaks for a row: a business-wide one is no write of it."""
    stores = scenarios.some_stores(hasty)[:1]
    cells = scenarios.some_cells(hasty, stores)
    toggles = scenarios.toggles_of(cells[cells["entity_id"] == cells["entity_id"].iloc[0]], is_enabled=False)
    with sandbox.connect(transport=_WithoutStores(), clock=FakeClock(), max_connections=1) as client:
        result = kf.run(kf.plan(toggles, combine=False), client, journal=journal, progress=False)
    wide = scenarios.toggles_of(toggles[toggles["scope"] == "business"], is_enabled=True)
    kf.run(kf.plan(wide), hasty, journal=journal, progress=False)
    kf.publish(stores, hasty, journal=journal)
    verified = kf.verify(result, hasty, journal=journal)
    verified = verified.loc[verified["scope"] == "store", ["outcome", "proof", "proof_note"]].fillna("-")
    note = "the menu shows on; this run has not sent this row"
    assert verified.values.tolist() == [["not_sent", "-", note]]


@pytest.mark.parametrize("fault", ["error_500", "html_502"])
def test_verify__menu_that_cannot_be_read(
    sandbox: kf.sandbox.Sandbox, hasty: kf.Client, journal: Path, fault: str
) -> None:
    """Rows of a store whose menu cannot be read have no proof, and the failure is listed."""
    result, stores = _run(hasty, journal)
    kf.publish(stores, hasty)
    sandbox.inject(fault, match=f"branch_id={stores[0][1]}")
    verified = kf.verify(result, hasty, journal=journal)
    assert verified.loc[verified["proof"].isna(), "branch_id"].unique().tolist() == [stores[0][1]]
    assert kf.failures(verified)["branch_id"].tolist() == [stores[0][1]]


@pytest.mark.parametrize("skew_s", [0, -7_200, 7_200])
def test_verify__after_a_publish_that_shows_nothing(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path, *, skew_s: int
) -> None:
    """Where all was switched back before our publish, the note says so, and nothing waits for ever.

    Publishes and writes are held against each other by one clock, however the server's clock is set.
    """
    sandbox.set(date_skew_s=skew_s)
    stores = scenarios.some_stores(client)[:1]
    cells = scenarios.some_cells(client, stores).query("scope == 'store'")
    result = kf.run(kf.plan(scenarios.toggles_of(cells, is_enabled=False)), client, journal=journal)
    scenarios.write(scenarios.toggles_of(cells, is_enabled=True), client)
    kf.publish(stores, client)
    verified = kf.verify(result, client)
    assert verified["proof"].unique().tolist() == ["differs"]
    note = r"the menu still shows on, \d{1,2} s after the publish; this run wrote off at [^;]* UTC"
    assert verified["proof_note"].str.fullmatch(note).all()
    kept = kf.undo(result.run_id, client, journal=journal).kept
    assert kept["reason"].str.startswith("the menu shows on; this run wrote off at").all()


@pytest.mark.parametrize("is_written_wide", [False, True])
def test_verify__what_a_later_run_wrote_may_wait_in_a_queue(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path, *, is_written_wide: bool
) -> None:
    """Where a later run wrote the same flag, and only a publish says that it shows, the note says so.

    A business-wide write after that changes nothing: the store need not inherit it.
    """
    stores = scenarios.some_stores(client)[:1]
    cells = scenarios.some_cells(client, stores).query("scope == 'store'")
    toggles = scenarios.toggles_of(cells, is_enabled=False)
    first = kf.run(kf.plan(toggles), client, journal=journal)
    scenarios.write(scenarios.toggles_of(cells.head(1), is_enabled=True), client)
    kf.publish(stores, client, journal=journal)
    kf.verify(first, client)
    later = kf.run(kf.plan(toggles), client, journal=journal)
    if is_written_wide:
        first_cell = cells.iloc[0]
        wide = kf.business_toggles(first_cell["entity_type"], [first_cell["entity_id"]], is_enabled=True)
        kf.run(kf.plan(wide), client, journal=journal)
    sandbox.set(publish_delay_s=float("inf"))
    kf.publish(stores, client, journal=journal)
    verified = kf.verify(first, client)
    assert verified["proof"].tolist() == ["differs", *["confirmed"] * (len(cells) - 1)]
    assert "after the publish" in verified["proof_note"].iloc[0]
    assert f"run {later.run_id[:8]} wrote off" in verified["proof_note"].iloc[0]


def test_verify__published_half_way(client: kf.Client, journal: Path) -> None:
    """A store that somebody published between two runs proves nothing of the later one."""
    stores = scenarios.some_stores(client)[:1]
    cells = scenarios.some_cells(client, stores).query("scope == 'store'")
    first, second = cells.head(2), cells.tail(2)
    early = kf.run(kf.plan(scenarios.toggles_of(first, is_enabled=False)), client, journal=journal)
    kf.publish(stores, client)
    late = kf.run(kf.plan(scenarios.toggles_of(second, is_enabled=False)), client, journal=journal)
    assert kf.verify(early, client)["proof"].unique().tolist() == ["confirmed"]
    assert kf.verify(late, client)["proof"].unique().tolist() == ["not_visible_yet"]


def test_verify__published_between_two_attempts(sandbox: kf.sandbox.Sandbox, journal: Path) -> None:
    """A menu that shows the half that a first attempt wrote says nothing of what the second one wrote."""
    clock = _PublishingClock(sandbox)
    with sandbox.connect(clock=clock) as client:
        stores = scenarios.some_stores(client)[:1]
        cells = scenarios.some_cells(client, stores).query("scope == 'store' and entity_type == 'item'")
        clock.stores = stores
        sandbox.inject("error_504", written="half", match="PATCH", count=1)
        plan = kf.plan(scenarios.toggles_of(cells, is_enabled=False), state=cells)
        result = kf.run(plan, client, journal=journal, progress=False)
        verified = kf.verify(result, client, journal=journal)
        assert verified["attempts"].unique().tolist() == [2]
        assert set(verified["live"]) == {True, False}
        assert (
            verified["proof"].tolist()
            == verified["live"].map({False: "confirmed", True: "not_visible_yet"}).tolist()
        )
        undo = kf.undo(result.run_id, client, journal=journal, progress=False)
        assert undo.n_rows == len(cells)


def test_verify__killed_before_the_servers_clock_was_told(sandbox: kf.sandbox.Sandbox, journal: Path) -> None:
    """A write of a process that never learned the server's clock does not make its store's menu too new."""
    sandbox.set(date_header="missing")
    with sandbox.connect() as client:
        stores = scenarios.some_stores(client)[:1]
        cells = scenarios.some_cells(client, stores).query("scope == 'store' and entity_type == 'item'")
    plans = [
        kf.plan(scenarios.toggles_of(chosen, is_enabled=False)) for chosen in (cells.head(1), cells.tail(1))
    ]
    assert run_until_killed(sandbox, plans[0], journal, kill_point=KillPoint("after_answer", 1))
    sandbox.publish(stores)
    sandbox.set(date_header="sent", date_skew_s=-7_200)
    with sandbox.connect() as client:
        killed = kf.attach(kf.runs(journal=journal)["run_id"].iloc[0], journal=journal).result()
        verified = kf.verify(killed, client, journal=journal)
        assert verified["live"].tolist() == [False]
        result = kf.run(plans[1], client, journal=journal, progress=False)
        verified = kf.verify(result, client, journal=journal)
    assert verified["proof"].tolist() == ["not_visible_yet"]


class _PublishingClock(SkippingClock):
    """Somebody else publishes stores while this waits."""

    def __init__(self, sandbox: kf.sandbox.Sandbox) -> None:
        super().__init__()
        self._sandbox = sandbox
        self.stores: list[tuple[int, int]] = []

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Publish, and jump ahead."""
        if self.stores:
            self._sandbox.publish(self.stores)
        super().sleep(seconds, stop=stop)


def test_verify__unchanged_rows_are_not_proved_by_an_old_menu(client: kf.Client, journal: Path) -> None:
    """What shows as asked, while a later run wrote otherwise, is not confirmed: the menu is older."""
    stores = scenarios.some_stores(client)[:1]
    cells = scenarios.some_cells(client, stores).query("scope == 'store'")
    on = kf.run(kf.plan(scenarios.toggles_of(cells, is_enabled=True), state=cells), client, journal=journal)
    off = kf.run(kf.plan(scenarios.toggles_of(cells, is_enabled=False)), client, journal=journal)
    verified = kf.verify(on, client)
    assert verified["proof"].unique().tolist() == ["not_visible_yet"]
    assert verified["proof_note"].str.contains(f"run {off.run_id[:8]} wrote off at").all()


def test_verify__refuses_another_business(client: kf.Client, journal: Path) -> None:
    """A client of another host, or of another business, judges nothing."""
    result, _ = _run(client, journal)
    with (
        kf.sandbox.serve() as other,
        other.connect() as stranger,
        pytest.raises(kf.PlanError, match="was on"),
    ):
        kf.verify(result, stranger)


def test_verify__while_the_run_goes_on(sandbox: kf.sandbox.Sandbox, client: kf.Client, journal: Path) -> None:
    """Of a run that goes on, rows whose turn has not come have no proof, and none is called different."""
    cells = scenarios.some_cells(client, scenarios.some_stores(client)[:1])
    sandbox.inject("latency", seconds=3, match="/enable")
    plan = kf.plan(scenarios.toggles_of(cells, is_enabled=False), combine=False)
    job = kf.start(plan, client, journal=journal, progress=False)
    verified = kf.verify(job.so_far(), client, progress=False)
    sandbox.clear_faults()
    job.cancel()
    job.result()
    assert "differs" not in set(verified["proof"].dropna())
