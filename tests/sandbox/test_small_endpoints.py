"""The small endpoints: brands, branches, providers, orders and stock, which carry three of the errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

import klikit_frames as kf


def test_brands__come_in_an_array_of_one(http: httpx.Client) -> None:
    """`data[0].brands`, with the business beside them."""
    data = http.get("/brands").json()["data"]
    assert [brand["id"] for brand in data[0]["brands"]] == [663, 664, 1100, 1615, 1616, 4111, 5297, 6120]
    assert (data[0]["business"]["id"], data[0]["business"]["title"]) == (398, "(DEMO) klikit Indonesia")


def test_branches__come_in_one_page_if_not_asked_otherwise(http: httpx.Client) -> None:
    """Page 1 of size 1000."""
    data = http.get("/branches").json()["data"]
    assert (data["page"], data["size"], data["total"], len(data["results"])) == (1, 1000, 25, 25)


def test_branches__are_paged(http: httpx.Client) -> None:
    """All pages together are all branches, and the page after the last is empty."""
    pages = [http.get("/branches", params={"page": page, "size": 10}).json()["data"] for page in (1, 2, 3, 4)]
    assert [len(page["results"]) for page in pages] == [10, 10, 5, 0]
    assert len({branch["id"] for page in pages for branch in page["results"]}) == 25


def test_branches__titles_of_brands_are_not_in_the_order_of_their_ids(http: httpx.Client) -> None:
    """The trap of the real API: brand_titles goes by title."""
    branches = {branch["id"]: branch for branch in http.get("/branches").json()["data"]["results"]}
    assert branches[5913]["brand_ids"] == [1100, 1615, 1616, 4111]
    assert branches[5913]["brand_titles"] == [
        "(DEMO) Klikit Dimsum",
        "(DEMO) Klikit Noodle",
        "(DEMO) Wine Boba",
        "TEST - Klikit Healthy Kitchen",
    ]
    assert branches[5913]["language_id"] == "3"


def test_branches__make_the_stores(http: httpx.Client) -> None:
    """Each branch times its brands: 60 stores."""
    branches = http.get("/branches").json()["data"]["results"]
    assert sum(len(branch["brand_ids"]) for branch in branches) == 60


def test_providers__have_ids_and_titles(http: httpx.Client) -> None:
    """The marketplace of klikit itself is 1."""
    assert http.get("/providers").json()["data"][0] == {"id": 1, "title": "klikit"}


def code(answer: httpx.Response) -> tuple[int, str]:
    """Return status and error code."""
    return answer.status_code, answer.json().get("error", {}).get("code", "ok")


def day(days_ago: int) -> str:
    """Return a date that lies some days back."""
    return (datetime.now(UTC) - timedelta(days=days_ago)).date().isoformat()


def move(http: httpx.Client, status: object, key: str | None = None) -> httpx.Response:
    """Bring the first order, which is placed, to another status."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return http.patch("/orders/7400001/status", json={"status": status}, headers=headers)


def test_list__has_pages_and_a_range(http: httpx.Client) -> None:
    """The orders of the last 30 days, newest first."""
    data = http.get("/orders", params={"size": 3}).json()["data"]
    assert (data["page"], data["size"], data["total"]) == (1, 3, 40)
    assert [order["id"] for order in data["orders"]] == [7400001, 7400002, 7400003]
    older = http.get("/orders", params={"start_date": day(400), "end_date": day(390)})
    assert older.json()["data"]["orders"] == []


@pytest.mark.parametrize(("days", "expected"), [(90, (200, "ok")), (91, (400, "request_invalid_range"))])
def test_list__takes_90_days_at_most(http: httpx.Client, days: int, expected: tuple[int, str]) -> None:
    """One more is request_invalid_range."""
    assert code(http.get("/orders", params={"start_date": day(days), "end_date": day(0)})) == expected


def test_order__is_read_or_not_found(http: httpx.Client) -> None:
    """One order by its id."""
    assert http.get("/orders/7400001").json()["data"]["status"] == "placed"
    assert code(http.get("/orders/1")) == (404, "resource_not_found")


def test_status__goes_its_way(http: httpx.Client) -> None:
    """Placed, accepted, ready, delivered; then nothing more."""
    for status in ("accepted", "ready", "delivered"):
        assert move(http, status, key=status).json()["data"]["status"] == status
    assert code(move(http, "cancelled", key="late")) == (409, "state_invalid_transition")


def test_status__needs_a_key_and_a_known_word(http: httpx.Client) -> None:
    """The one write whose key is required; an odd status is a plain 400."""
    assert code(move(http, "accepted")) == (400, "request_missing_idempotency_key")
    assert code(move(http, "eaten", key="one")) == (400, "request_invalid")
    assert code(move(http, [], key="one")) == (400, "request_invalid")


def test_availability__shows_in_menus_and_leaves_the_flag(http: httpx.Client) -> None:
    """Out of stock is another switch than off."""
    assert code(http.patch("/items/CBA001/availability", json={"available": False})) == (200, "ok")
    menu = http.get("/menus", params={"brand_id": 5297, "branch_id": 1293}).json()["data"]["menu"]
    item = menu["sections"][0]["categories"][0]["items"][0]
    assert (item["id"], item["enabled"], item["isAvailable"]) == (289379, True, False)
    assert item["oos"] == {"available": False}


@pytest.mark.parametrize("sku", ["NOPE", "cba001", "289379", "%00"])
def test_availability__of_an_unknown_sku_is_unmapped(http: httpx.Client, sku: str) -> None:
    """The partner's own id, not the item's."""
    answer = http.patch(f"/items/{sku}/availability", json={"available": False})
    assert code(answer) == (404, "resource_unmapped")


def test_availability__needs_a_boolean(http: httpx.Client) -> None:
    """Missing is not false here."""
    assert code(http.patch("/items/CBA001/availability", json={})) == (400, "request_invalid")


def test_visibilities__replace_the_whole_map(sandbox: kf.sandbox.Sandbox, http: httpx.Client) -> None:
    """What is left out is hidden; a store's own map goes before the business's."""
    sandbox.set(store_read="live")
    zone = [{"brandID": 5297, "branchID": 1293}]
    http.patch("/menus/items/289379/visibilities", json={"visibilities": {"1": True}})
    http.patch("/menus/categories/39118/visibilities", json={"visibilities": {"6": True}, "zoneStores": zone})

    def shown_on(node: dict[str, Any]) -> set[str]:
        return {name for name, is_shown in node["visibilities"].items() if is_shown}

    def maps(**query: int) -> tuple[set[str], set[str]]:
        menu = http.get("/menus", params=query).json()["data"]["menu"]
        section = next(node for node in menu["sections"] if node["id"] == 6825)
        category = next(node for node in section["categories"] if node["id"] == 39118)
        return shown_on(category), shown_on(category["items"][0])

    every = {"1", "6", "9", "11", "16", "17"}
    assert maps() == (every, {"1"})
    assert maps(brand_id=5297, branch_id=1293) == ({"6"}, {"1"})
    assert maps(brand_id=5297, branch_id=1294) == (every, {"1"})


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/menus/sections/1/visibilities", {"visibilities": {}}, (404, "resource_not_found")),
        ("/menus/sections/x/visibilities", {"visibilities": {}}, (400, "request_invalid")),
        ("/menus/sections/6825/visibilities", {}, (400, "request_invalid")),
        ("/menus/sections/6825/visibilities", {"visibilities": {"2": True}}, (400, "request_invalid")),
        ("/menus/sections/6825/visibilities", {"visibilities": {"1": "yes"}}, (400, "request_invalid")),
    ],
)
def test_visibilities__refuse_what_they_cannot_read(
    http: httpx.Client, path: str, body: object, expected: tuple[int, str]
) -> None:
    """A map of known providers to booleans, of an entity that there is."""
    assert code(http.patch(path, json=body)) == expected


def test_visibilities__of_no_store_can_be_refused(sandbox: kf.sandbox.Sandbox, http: httpx.Client) -> None:
    """The switch for an empty store list holds here too."""
    sandbox.set(empty_stores="reject")
    body: dict[str, object] = {"visibilities": {}, "zoneStores": []}
    assert code(http.patch("/menus/items/289379/visibilities", json=body)) == (400, "request_invalid")
