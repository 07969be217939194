"""What cells hold: the flags from before a run, and later writes by others."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.menus.readings import ReadingStopped
from klikit_frames.model import Cell
from klikit_frames.running.before_images import BeforeImages, find_before, later_write
from klikit_frames.running.evidence import StoreHistory, Write
from klikit_frames.running.journal import open_journal
from klikit_frames.running.menu_history import MenuHistory
from klikit_frames.running.records import CellFlag
from tests.api.scripts import PARTNER_KEY, SECRET_KEY, URL, FakeClock, Script, error, ok

from .conftest import CELL
from .doubles import Bar
from .fault_scenarios import SkippingClock, connect

Flags = Literal["plan", "read"]
STORE = (5, 8)


@pytest.mark.parametrize("before", ["plan", "read"])
def test_before_images__noted(
    client: kf.Client,
    sandbox: kf.sandbox.Sandbox,
    narrow: pd.DataFrame,
    journal: Path,
    before: Flags,
) -> None:
    """What the cells held is noted from the plan's state, or read before the first write."""
    stores = narrow[["brand_id", "branch_id"]].drop_duplicates()
    truth = sandbox.state().merge(narrow[CELL]).set_index("entity_id")["is_enabled"]
    state = kf.read_state(client, stores=stores, progress=False) if before == "plan" else None
    result = kf.run(kf.plan(narrow, state=state), client, journal=journal, before=before)
    with open_journal(journal) as opened:
        noted = {flag.cell.entity_id: flag.is_enabled for flag in opened.flags(result.run_id, "before")}
    expected = truth if before == "read" else truth[truth]
    assert noted == expected.astype(bool).to_dict()


def test_before_images__nobody_there(
    sandbox: kf.sandbox.Sandbox, singles: kf.Plan, wide: pd.DataFrame, journal: Path
) -> None:
    """Where the flags are to be read first and the server is away, that is said and nothing is noted."""

    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody is there")

    with connect(sandbox, transport=httpx.MockTransport(refuse)) as client:
        for plan in (singles, kf.plan(wide)):
            with pytest.raises(kf.TransportError, match="nobody is there"):
                kf.run(plan, client, journal=journal, before="read", progress=False)
    assert kf.runs(journal=journal).empty
    assert sandbox.requests.empty


def test_run__sends_nothing_where_a_menu_cannot_be_read(
    sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """A menu that answers 5xx ends the run before it is recorded, and the error says how to go without."""
    store = narrow["branch_id"].iloc[0]
    sandbox.inject("error_500", match=f"branch_id={store}")
    with connect(sandbox) as client, pytest.raises(kf.ServerError, match='before="none"'):
        kf.run(kf.plan(narrow), client, journal=journal, progress=False)
    assert kf.runs(journal=journal).empty
    assert "PATCH" not in set(sandbox.requests["method"])


def test_run__a_store_that_is_not_there_is_no_failed_reading(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, narrow: pd.DataFrame, journal: Path
) -> None:
    """Rows of a store that the API does not know go without flags from before; the others have theirs."""
    foreign = narrow.head(1).assign(branch_id=999_999)
    result = kf.run(kf.plan(pd.concat([narrow, foreign], ignore_index=True)), client, journal=journal)
    assert result.counts["applied"] == len(narrow)
    with open_journal(journal) as opened:
        noted = {flag.cell.branch_id for flag in opened.flags(result.run_id, "before")}
    assert noted == set(narrow["branch_id"])


def test_run__trusts_a_fresh_state_only(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, narrow: pd.DataFrame, journal: Path
) -> None:
    """A plan's state is enough where it tells every cell and was read a short while ago."""
    stores = narrow[["brand_id", "branch_id"]].drop_duplicates()
    state = kf.read_state(client, stores=stores, progress=False)
    old = state.copy()
    old.attrs["read_at"] = "2026-01-01T00:00:00+00:00"
    n_reads = [_count_reads(sandbox)]
    for given in (state, old):
        plan = kf.plan(narrow, state=given)
        kf.run(plan, client, journal=journal, progress=False)
        n_reads.append(_count_reads(sandbox))
    assert n_reads[1] == n_reads[0]
    assert n_reads[2] > n_reads[1]


def _count_reads(sandbox: kf.sandbox.Sandbox) -> int:
    return int((sandbox.requests["method"] == "GET").sum())


class _NoWrites(httpx.HTTPTransport):
    """A line over which menus can be read, and that breaks before each write."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a reading."""
        if request.method != "GET":
            raise httpx.ConnectError("nobody is there")
        return super().handle_request(request)


@pytest.mark.parametrize(("waited_s", "is_renewed"), [(14 * 60, False), (16 * 60, True)])
def test_resume__reads_again_after_a_quarter_of_an_hour(
    sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path, waited_s: float, is_renewed: bool
) -> None:
    """Flags from before that are older than 15 minutes are read again, and undo stands on the newer ones."""
    live = narrow[CELL].merge(sandbox.state()[[*CELL, "is_enabled"]])
    narrow = live[live["is_enabled"]].assign(is_enabled=False).reset_index(drop=True)
    first, store = narrow["entity_id"].iloc[:1], [(narrow["brand_id"].iloc[0], narrow["branch_id"].iloc[0])]
    with connect(sandbox, transport=_NoWrites()) as client:
        result = kf.run(kf.plan(narrow, combine=False), client, journal=journal, progress=False)
    assert (result.status, result.counts["not_sent"]) == ("unreachable", len(narrow))
    sandbox.edit("item", first, is_enabled=False, stores=store)
    sandbox.publish(store)
    clock = SkippingClock()
    clock.sleep(waited_s)
    with connect(sandbox, clock=clock) as client:
        kf.resume(result.run_id, client, journal=journal, progress=False)
        kf.publish(store, client, journal=journal)
        restored = kf.undo(result.run_id, client, journal=journal, progress=False)
    assert restored.n_rows == len(narrow) - is_renewed


@pytest.mark.parametrize("fault", ["error_500", "reset_before"])
def test_resume__sends_nothing_where_a_menu_cannot_be_read_again(
    sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path, fault: str
) -> None:
    """A menu that fails while flags are read again ends the stretch: its rows wait, and a note says why."""
    with connect(sandbox, transport=_NoWrites()) as client:
        left = kf.run(kf.plan(narrow), client, journal=journal, progress=False)
    clock = SkippingClock()
    clock.sleep(16 * 60)
    sandbox.inject(fault, match="/menus")
    with connect(sandbox, clock=clock) as client:
        result = kf.resume(left.run_id, client, journal=journal, progress=False)
        assert (result.status, result.counts["not_sent"]) == ("unread", len(narrow))
        assert result.notes
        assert result.resume_hint
        assert "PATCH" not in set(sandbox.requests["method"])
        sandbox.clear_faults()
        whole = kf.resume(left.run_id, client, journal=journal, progress=False)
    assert (whole.status, whole.counts["applied"]) == ("finished", len(narrow))


def test_run__sends_nothing_where_what_is_pending_is_not_known(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """A damaged earlier run hides what is not published yet: menus alone tell no flags from before."""
    kf.run(kf.plan(narrow), client, journal=journal, progress=False)
    with closing(sqlite3.connect(journal)) as file, file:
        file.execute("UPDATE request_status SET digest = zeroblob(8)")
    n_writes = (sandbox.requests["method"] == "PATCH").sum()
    again = kf.plan(narrow.assign(is_enabled=True))
    with pytest.raises(kf.JournalError, match="damaged"):
        kf.run(again, client, journal=journal, progress=False)
    assert (sandbox.requests["method"] == "PATCH").sum() == n_writes
    assert kf.run(again, client, journal=journal, progress=False, before="none").counts["applied"] == 12


def test_run__a_state_that_lost_its_time(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """What pandas took the time from is not believed over this journal's last write; of other rows it is."""
    stores = narrow[["brand_id", "branch_id"]].drop_duplicates()
    state = kf.read_state(client, stores=stores, progress=False)
    timeless = pd.DataFrame({name: state[name].array for name in state})
    kept, others = narrow.head(3), narrow.iloc[3:6].assign(is_enabled=True)
    kf.run(kf.plan(kept, state=state), client, journal=journal)
    on_again = kf.plan(kept.assign(is_enabled=True), state=timeless)
    with pytest.raises(kf.PlanError, match=r"does not say whether it was read after run \w+ wrote off"):
        kf.run(on_again, client, journal=journal)
    still_on = others.merge(sandbox.state().query("is_enabled")[CELL])
    result = kf.run(kf.plan(still_on, state=timeless), client, journal=journal)
    assert result.counts["unchanged"] == len(still_on) > 0


def _menus(flags: Mapping[int, bool]) -> Script:
    """Return a server of one store whose items have these flags there, and the opposite ones everywhere."""

    def answer(request: httpx.Request) -> httpx.Response:
        params, flag_name = request.url.params, "isEnabled"
        shown = {item: not flag for item, flag in flags.items()}
        info: dict[str, Any] = {}
        if params.get("brand_id"):
            if (int(params["brand_id"]), int(params["branch_id"])) != STORE:
                return error(404, "resource_not_found")
            shown, flag_name = dict(flags), "enabled"
            info = {"branchInfo": {"brandID": STORE[0], "branchID": STORE[1]}}
        items = [{"id": item, "title": {"en": "Nasi"}, flag_name: flag} for item, flag in shown.items()]
        node = {"id": 1, "title": {"en": "Menu"}, flag_name: True}
        return ok({"menu": info | {"sections": [node | {"categories": [node | {"items": items}]}]}})

    return Script(answer)


def _find(script: Script, toggles: pd.DataFrame, *, state: pd.DataFrame | None = None, **options: Any) -> Any:
    """Return the flags from before of a table, as this server tells them."""
    settings: dict[str, Any] = {"partner_key": PARTNER_KEY, "secret_key": SECRET_KEY, "clock": FakeClock()}
    with kf.connect(URL, transport=script, **settings) as client:
        return find_before(
            kf.plan(toggles, state=state), client, **{"journal": ":memory:", "before": "read"} | options
        )


def _menus_read(script: Script) -> list[dict[str, str]]:
    return [dict(request.url.params) for request in script.received if request.url.path.endswith("/menus")]


def _image(item: int, store: tuple[int, int] | None, *, is_enabled: bool) -> CellFlag:
    brand_id, branch_id = store or (None, None)
    return CellFlag(Cell("item", item, brand_id, branch_id), is_enabled)


def test_find_before__reads_the_menus_that_it_needs() -> None:
    """Flags of stores are read there, business-wide ones in their own menu, and no other flag is kept."""
    here = kf.cross_toggles("item", [1, 2], [STORE], is_enabled=True)
    wide = kf.business_toggles("item", [2], is_enabled=True)
    script = _menus({1: True, 2: False, 3: True})
    assert _find(script, here) == BeforeImages(
        [_image(1, STORE, is_enabled=True), _image(2, STORE, is_enabled=False)]
    )
    assert _menus_read(script) == [{"brand_id": "5", "branch_id": "8"}]
    script = _menus({1: True, 2: False, 3: True})
    assert _find(script, wide) == BeforeImages([_image(2, None, is_enabled=True)])
    assert _menus_read(script) == [{}]
    both = _find(_menus({1: True, 2: False}), pd.concat([here, wide], ignore_index=True))
    assert set(both.live) == {
        _image(1, STORE, is_enabled=True),
        _image(2, STORE, is_enabled=False),
        _image(2, None, is_enabled=True),
    }


def test_find_before__tells_the_titles_that_it_read() -> None:
    """A run that read the menus can say by name what it did."""
    images = _find(_menus({1: True}), kf.cross_toggles("item", [1], [STORE], is_enabled=False))
    assert images.names.entity("item", 1) == "Nasi"


def test_run__keeps_the_titles_that_it_read(client: kf.Client, tmp_path: Path) -> None:
    """A run whose plan knew no titles is described by name, also when its history is looked at later."""
    journal, read = tmp_path / "titled.sqlite3", kf.read_state(client).head(1)
    plan = kf.plan(kf.business_toggles("section", read["entity_id"].tolist(), is_enabled=False))
    run = kf.run(plan, client, journal=journal)
    wanted = f"{read['title'].iloc[0]} (section)"
    titles = [
        result.overview.entities["title"].tolist()
        for result in (run, kf.attach("last", journal=journal).so_far())
    ]
    assert titles == [[wanted], [wanted]]
    assert kf.run(plan, client, journal=journal).run_id == run.run_id


def test_find_before__store_that_nobody_knows() -> None:
    """Where the API knows none of the stores nothing is noted, and that is no failed reading."""
    elsewhere = kf.cross_toggles("item", [1], [(6, 6)], is_enabled=True)
    assert _find(_menus({1: True}), elsewhere) == BeforeImages()


def test_find_before__has_a_bar_and_hears_a_stop() -> None:
    """Each menu is a step of the bar; who stops the reading gets no flags at all."""
    here, bar, stop = kf.cross_toggles("item", [1], [STORE], is_enabled=True), Bar(), threading.Event()
    _find(_menus({1: True}), here, progress=bar)
    assert bar.n == 1
    stop.set()
    with pytest.raises(ReadingStopped):
        _find(_menus({1: True}), here, stop=stop)


def test_find_before__of_what_is_sent_alone() -> None:
    """A plan's state is taken where it tells every flag that is sent; each cell has one image."""
    toggles = kf.business_toggles("item", [1, 1, 2, 3], is_enabled=False)
    flags = pd.array([True, True, False], dtype="boolean")
    state = kf.business_toggles("item", [1, 2, 3], is_enabled=True).assign(is_enabled=flags, title="Nasi")
    state.attrs["read_at"] = pd.Timestamp(FakeClock().now, unit="s", tz="UTC").isoformat()
    plan = kf.plan(toggles, state=state, unchanged="skip")
    assert plan.rows["request_no"].notna().tolist() == [True, True, True, False]
    script = _menus({1: False, 2: False, 3: True})
    settings: dict[str, Any] = {"partner_key": PARTNER_KEY, "secret_key": SECRET_KEY, "clock": FakeClock()}
    with kf.connect(URL, transport=script, **settings) as client:
        for before in ("plan", "auto"):
            images = find_before(plan, client, before=before, journal=":memory:")  # type: ignore[arg-type]
            assert images.live == [_image(1, None, is_enabled=True), _image(2, None, is_enabled=True)]
        assert find_before(plan, client, before="none") == BeforeImages()
        skipping = kf.plan(toggles.tail(1), state=state, unchanged="skip")
        assert find_before(skipping, client, before="read") == BeforeImages()
    assert not script.received


def test_find_before__a_plan_whose_state_lacks_a_flag() -> None:
    """With "auto" one missing flag has all of them read; with "plan" those that there are must do."""
    toggles = kf.business_toggles("item", [1, 2], is_enabled=False)
    flags = pd.array([True, None], dtype="boolean")
    state = kf.business_toggles("item", [1, 2], is_enabled=True).assign(is_enabled=flags, title="Nasi")
    state.attrs["read_at"] = pd.Timestamp(FakeClock().now, unit="s", tz="UTC").isoformat()
    live = {
        before: set(_find(_menus({1: False, 2: False}), toggles, state=state, before=before).live)
        for before in ("plan", "auto")
    }
    from_state, read = _image(1, None, is_enabled=True), _image(2, None, is_enabled=True)
    assert live == {"plan": {from_state}, "auto": {from_state, read}}


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (
            503,
            "downstream_unavailable",
            'business menu: 503 it is. Try again, or pass before="none" to run without them; such a run '
            "cannot be undone.",
        ),
        (403, "auth_revoked", "business menu: 403 it is."),
    ],
)
def test_find_before__says_what_the_api_answered(
    status: int, code: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A menu that cannot be read is named once, in the API's own words, with the way without it."""

    def answer(request: httpx.Request) -> httpx.Response:
        return error(status, code, request_id=request.url.path)

    with pytest.raises(kf.ApiError) as caught:
        _find(Script(answer), kf.business_toggles("item", [1], is_enabled=False))
    raised = caught.value
    assert raised.message.startswith("The flags from before the run could not be read, so nothing was sent. ")
    assert raised.message.endswith(said)
    assert (raised.http_status, raised.code, raised.request_id) == (status, code, "/v1/partner/menus")
    assert caplog.messages == []


def test_find_before__says_that_nobody_is_there() -> None:
    """Where no connection is opened the error says so, and names the way without."""
    said = r"^The flags from before .* nothing was sent\. .*away.* Try again, or pass before=\"none\" to run"
    with pytest.raises(kf.TransportError, match=said):
        _find(Script(httpx.ConnectError("away")), kf.business_toggles("item", [1], is_enabled=False))


def test_find_before__what_no_menu_shows_yet(
    client: kf.Client, sandbox: kf.sandbox.Sandbox, narrow: pd.DataFrame, journal: Path
) -> None:
    """What was written and is not published is live; what the menu shows in its place is kept beside."""
    live = narrow[CELL].merge(sandbox.state()[[*CELL, "is_enabled"]])
    row = live[live["is_enabled"]].head(1)
    kf.run(kf.plan(row.assign(is_enabled=False)), client, journal=journal, progress=False)
    images = find_before(kf.plan(row), client, before="read", journal=journal)
    cell = Cell("item", *(int(row[name].iloc[0]) for name in ("entity_id", "brand_id", "branch_id")))
    assert images == BeforeImages([CellFlag(cell, False)], [CellFlag(cell, True)])


BUSINESS_CELL = Cell("item", 7, None, None)
NOON = datetime(2027, 1, 4, 12, tzinfo=UTC)
OWN = Write(("own", "1"), is_enabled=False, sent_at=NOON, settled_at=NOON + timedelta(seconds=1))
EARLIER = replace(
    OWN,
    key=("other", "1"),
    sent_at=NOON - timedelta(hours=2),
    settled_at=NOON - timedelta(hours=1),
)
UNSEEN = replace(EARLIER, is_repeated=True, is_certain=False, settled_at=NOON + timedelta(hours=1))


@pytest.mark.parametrize(
    ("other", "is_later"),
    [
        (EARLIER, False),
        (replace(EARLIER, is_repeated=True), False),
        (replace(EARLIER, sent_at=NOON), True),
        # As a copy of a journal knows it: not sent yet when the copy was made.
        (UNSEEN, True),
        (replace(UNSEEN, settled_at=None), True),
        (replace(UNSEEN, settled_at=NOON - timedelta(hours=1)), False),
    ],
)
def test_later_write__may_have_been_done_by_any_try(other: Write, *, is_later: bool) -> None:
    """A write that was tried more than once came later if its last try may have."""
    writes = StoreHistory()
    for write in (OWN, other):
        writes.add((BUSINESS_CELL.entity_type, BUSINESS_CELL.entity_id), write)
    writes.sort()
    history = MenuHistory(writes={None: writes})
    later = later_write(history, BUSINESS_CELL, run_ids=["own"])
    assert later == (other if is_later else None)
