"""Publish and sync."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

import klikit_frames as kf

from .conftest import Call

ZONE = [{"brandID": 5297, "branchID": 1293}]


def section(http: httpx.Client, section_id: int) -> dict[str, Any]:
    """Return one section as the store shows it."""
    menu = http.get("/menus", params={"brand_id": 5297, "branch_id": 1293}).json()["data"]["menu"]
    shown: dict[str, Any] = next(node for node in menu["sections"] if node["id"] == section_id)
    return shown


def test_publish__counts_stores_and_hides_which_failed(http: httpx.Client) -> None:
    """A store of nobody is a failure in the count, not a 404."""
    stores = [*ZONE, {"brandID": 5297, "branchID": 5913}]
    answer = http.post("/menus/publish", json={"stores": stores, "providerIDs": [1, 6]})
    assert (answer.status_code, answer.json()["data"]) == (200, {"success": 1, "failed": 1})


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%f123+00:00"])
def test_publish__can_wait_for_its_moment(
    sandbox: kf.sandbox.Sandbox, http: httpx.Client, enable: Call, form: str
) -> None:
    """A publish scheduled for later, to the second or the nanosecond, shows when the clock is there."""
    enable([6825], kind="sections", isEnabled=False, zoneStores=ZONE)
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime(form)
    http.post("/menus/publish", json={"stores": ZONE, "providerIDs": [1], "scheduledAt": later})
    assert section(http, 6825)["enabled"]
    sandbox.move_clock(3700)
    assert not section(http, 6825)["enabled"]


def test_publish__at_the_zero_time_is_now(http: httpx.Client, enable: Call) -> None:
    """The moment that a program writes for none at all."""
    enable([6825], kind="sections", isEnabled=False, zoneStores=ZONE)
    body = {"stores": ZONE, "providerIDs": [1], "scheduledAt": "0001-01-01T00:00:00Z"}
    assert http.post("/menus/publish", json=body).status_code == 200
    assert not section(http, 6825)["enabled"]


@pytest.mark.parametrize(
    "body",
    [
        {"stores": [], "providerIDs": [1]},
        {"stores": ZONE},
        {"stores": ZONE, "providerIDs": [2]},
        {"stores": ZONE, "providerIDs": [1], "scheduledAt": "tomorrow"},
        {"stores": ZONE, "providerIDs": [1], "scheduledAt": 5},
    ],
)
def test_publish__refuses_what_it_cannot_read(http: httpx.Client, body: dict[str, object]) -> None:
    """Stores and known providers are needed, and a moment must be one."""
    assert http.post("/menus/publish", json=body).status_code == 400


def sync(http: httpx.Client, times: object, **body: object) -> httpx.Response:
    """Sync one section into one store."""
    sections = {"6826": {"sequence": 4, "availableTimes": times}}
    return http.post("/menus/sync", json={"stores": ZONE, "sections": sections, **body})


def test_sync__brings_hours_that_show_after_publish(http: httpx.Client) -> None:
    """Hours and place of a section reach the store's menu with the next publish."""
    times = {"0": {"disabled": False, "slots": [{"startTime": 700, "endTime": 900}]}}
    assert sync(http, times).status_code == 200
    assert section(http, 6826)["sequence"] == 2
    http.post("/menus/publish", json={"stores": ZONE, "providerIDs": [1]})
    assert (section(http, 6826)["sequence"], section(http, 6826)["availableTimes"]) == (4, times)


@pytest.mark.parametrize(("forced", "is_enabled"), [([], False), (["isEnabled"], True)])
def test_sync__keeps_a_stores_own_flag_unless_named(
    sandbox: kf.sandbox.Sandbox, http: httpx.Client, enable: Call, forced: list[str], is_enabled: bool
) -> None:
    """`isEnabled` takes the business's value only when the sync names it."""
    enable([6826], kind="sections", isEnabled=True)
    enable([6826], kind="sections", isEnabled=False, zoneStores=ZONE)
    assert sync(http, {}, fieldIncludeOnSync=forced).status_code == 200
    state = sandbox.state().query("entity_type == 'section' and entity_id == 6826 and branch_id == 1293")
    assert state["is_enabled"].to_list() == [is_enabled]


def test_sync__drops_a_stores_own_visibility_when_named(http: httpx.Client) -> None:
    """`visibilities` too takes the business's value only when named."""
    http.patch("/menus/sections/6826/visibilities", json={"visibilities": {}, "zoneStores": ZONE})
    sync(http, {}, fieldIncludeOnSync=["visibilities"])
    http.post("/menus/publish", json={"stores": ZONE, "providerIDs": [1]})
    assert set(section(http, 6826)["visibilities"].values()) == {True}


def test_sync__drops_a_stores_own_hours_when_named(http: httpx.Client) -> None:
    """`availableTimes` of an earlier sync stay, until a sync names them and brings no others."""
    before = section(http, 6826)["availableTimes"]
    for forced, is_own in [([], True), (["availableTimes"], False)]:
        if is_own:
            sync(http, slots((700, 900)))
        sync(http, {}, fieldIncludeOnSync=forced)
        http.post("/menus/publish", json={"stores": ZONE, "providerIDs": [1]})
        assert (section(http, 6826)["availableTimes"] != before) is is_own


def test_sync__can_bring_a_section_to_place_zero(http: httpx.Client) -> None:
    """Zero is a place like any other."""
    http.post("/menus/sync", json={"stores": ZONE, "sections": {"6826": {"sequence": 0}}})
    http.post("/menus/publish", json={"stores": ZONE, "providerIDs": [1]})
    assert section(http, 6826)["sequence"] == 0


def slots(*spans: tuple[int, int]) -> dict[str, object]:
    """Return the hours of a Monday."""
    return {"1": {"slots": [{"startTime": start, "endTime": end} for start, end in spans]}}


@pytest.mark.parametrize(
    ("times", "status"),
    [
        (slots((700, 900), (900, 1000)), 200),
        (slots((700, 900), (830, 1000)), 400),
        (slots((900, 700)), 400),
        ({"7": {"slots": []}}, 400),
        ({"1": {"slots": 5}}, 400),
        ("always", 400),
    ],
)
def test_sync__checks_that_hours_do_not_overlap(http: httpx.Client, times: object, status: int) -> None:
    """Overlapping or impossible hours are a 400; hours that touch are fine."""
    assert sync(http, times).status_code == status


def test_sync__of_strangers_is_a_404(http: httpx.Client) -> None:
    """A section or a store of nobody."""
    stranger = {"stores": [{"brandID": 1, "branchID": 1}], "sections": {"6826": {}}}
    assert http.post("/menus/sync", json=stranger).status_code == 404
    assert http.post("/menus/sync", json={"stores": ZONE, "sections": {"1": {}}}).status_code == 404


def publish(http: httpx.Client, n_stores: int = 1) -> httpx.Response:
    """Publish the first stores of the brand."""
    branches = (1293, 1294, 1301, 1062, 1071)[:n_stores]
    stores = [{"brandID": 5297, "branchID": branch_id} for branch_id in branches]
    return http.post("/menus/publish", json={"stores": stores, "providerIDs": [1]})


def test_publish_delay__shows_after_that_time(
    sandbox: kf.sandbox.Sandbox, http: httpx.Client, enable: Call
) -> None:
    """The answer is the usual one; the copy has what was live when its time had come."""
    sandbox.set(publish_delay_s=60)
    enable([6825], kind="sections", isEnabled=False, zoneStores=ZONE)
    assert publish(http).json()["data"] == {"success": 1, "failed": 0}
    assert section(http, 6825)["enabled"]
    sandbox.move_clock(61)
    enable([6825], kind="sections", isEnabled=True, zoneStores=ZONE)
    assert not section(http, 6825)["enabled"]


def test_publish_delay__can_wait_for_word(
    sandbox: kf.sandbox.Sandbox, http: httpx.Client, enable: Call
) -> None:
    """No time is enough until it is said, of that store."""
    sandbox.set(publish_delay_s=float("inf"))
    enable([6825], kind="sections", isEnabled=False, zoneStores=ZONE)
    publish(http)
    sandbox.move_clock(10**6)
    sandbox.finish_publishes([(5297, 1294)])
    assert section(http, 6825)["enabled"]
    sandbox.finish_publishes()
    assert not section(http, 6825)["enabled"]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("exact", {"success": 5, "failed": 0}),
        ("short", {"success": 2, "failed": 0}),
        ("zero", {"success": 0, "failed": 0}),
        ("over", {"success": 5, "failed": 3}),
        ("negative", {"success": -1, "failed": 0}),
        ("missing", {}),
        ("text", {"success": "5", "failed": "0"}),
    ],
)
def test_publish_counts__may_not_add_up(
    sandbox: kf.sandbox.Sandbox, http: httpx.Client, kind: str, data: dict[str, object]
) -> None:
    """Whatever the counts of five stores say, all five are copied."""
    sandbox.set(publish_counts=kind)
    assert publish(http, 5).json()["data"] == data
    assert len(sandbox.history(since=1)) == 5


@pytest.mark.parametrize(
    ("fault", "n_copied"),
    [
        ({"name": "error_503", "written": "none"}, 0),
        ({"name": "error_503", "written": "half"}, 2),
        ({"name": "error_503", "written": "all"}, 4),
        ({"name": "reset_after", "written": "half"}, 2),
        ({"name": "unwritten_200"}, 0),
    ],
)
def test_publish__may_be_done_in_part(
    sandbox: kf.sandbox.Sandbox, http: httpx.Client, fault: dict[str, str], n_copied: int
) -> None:
    """Some stores are copied and the answer is an error, lost, or a lie."""
    sandbox.inject(**fault)
    with contextlib.suppress(httpx.TransportError):
        publish(http, 4)
    assert len(sandbox.history(since=1)) == n_copied
