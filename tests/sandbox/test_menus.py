"""The menu trees, and the cached store menu that lags until publish."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import klikit_frames as kf

from .conftest import Call

STORE = {"brand_id": 5297, "branch_id": 1293}
ZONE = [{"brandID": 5297, "branchID": 1293}]


def nodes(menu: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    """Yield every node of one kind, repeated as often as it stands in the tree."""
    for section in menu["sections"]:
        yield from [section] if kind == "section" else []
        for category in section["categories"]:
            yield from [category] if kind == "category" else category["items"] if kind == "item" else []


def read(http: httpx.Client, **query: int) -> dict[str, Any]:
    """Return one menu."""
    menu: dict[str, Any] = http.get("/menus", params=query).json()["data"]["menu"]
    return menu


def shown(http: httpx.Client, kind: str, entity_id: int, **query: int) -> set[object]:
    """Return the flags under which an entity shows."""
    name = "enabled" if query else "isEnabled"
    return {node[name] for node in nodes(read(http, **query), kind) if node["id"] == entity_id}


def test_store_menu__is_its_brands_sections(http: httpx.Client) -> None:
    """Head and sections of one store; providerIDs is one text."""
    menu = read(http, **STORE)
    assert menu["branchInfo"]["branchID"] == 1293
    assert menu["branchInfo"]["providerIDs"] == "1,6,9,11,16,17"
    assert [section["id"] for section in menu["sections"]] == [6825, 6826, 6827, 6828]


def test_business_menu__has_every_section_and_no_store_fields(http: httpx.Client) -> None:
    """All sections with linkedCategories; nothing that only a store has."""
    menu = read(http)
    assert len(menu["sections"]) == 32
    assert menu["sections"][24]["linkedCategories"] == [39125, 39118, 39119, 39120, 39121, 39122]
    assert not {"enabled", "isAvailable", "stockEnabled", "attachedWithStore"} & set(menu["sections"][0])


def test_store_menu__lags_until_publish(http: httpx.Client, enable: Call) -> None:
    """A write is not seen in the store's menu until it is published."""
    enable([289379], isEnabled=False, zoneStores=ZONE)
    assert shown(http, "item", 289379, **STORE) == {True}
    answer = http.post("/menus/publish", json={"stores": ZONE, "providerIDs": [1]})
    assert answer.json()["data"] == {"success": 1, "failed": 0}
    assert shown(http, "item", 289379, **STORE) == {False}


def test_store_menu__can_be_live(sandbox: kf.sandbox.Sandbox, http: httpx.Client, enable: Call) -> None:
    """With the switch on, a write is seen at once."""
    sandbox.set(store_read="live")
    enable([289379], isEnabled=False, zoneStores=ZONE)
    assert shown(http, "item", 289379, **STORE) == {False}


def test_business_menu__is_live_and_without_stores(http: httpx.Client, enable: Call) -> None:
    """A business write shows at once; a store's row never."""
    enable([289379], isEnabled=False, zoneStores=ZONE)
    assert shown(http, "item", 289379) == {True}
    enable([289379], isEnabled=False)
    assert shown(http, "item", 289379) == {False}


def test_business_menu__names_its_flag_as_switched(sandbox: kf.sandbox.Sandbox, http: httpx.Client) -> None:
    """The flag can be called `enabled` there too."""
    sandbox.set(tree_flag="enabled")
    assert {"enabled" in node for node in nodes(read(http), "category")} == {True}


def test_menu__agrees_with_the_truth(sandbox: kf.sandbox.Sandbox, http: httpx.Client) -> None:
    """On the first day a store's menu shows each flag of `state()`, overrides included."""
    state = sandbox.state()
    here = state[(state["brand_id"] == 5297) & (state["branch_id"] == 1293)]
    truth = {(row.entity_type, row.entity_id): row.is_enabled for row in here.itertuples()}
    menu = read(http, **STORE)
    kinds = ("section", "category", "item")
    assert truth == {(kind, node["id"]): node["enabled"] for kind in kinds for node in nodes(menu, kind)}


def test_cascade__shows_in_the_links(http: httpx.Client, enable: Call) -> None:
    """The links under an item tell what the cascade did, in the brand's menu only."""
    enable([289380], isEnabled=False, isCascadeToModifierGroups=True, brandIDsToCascade=[5297])
    off = {
        (group["id"], link["id"])
        for item in nodes(read(http), "item")
        for group in item["groups"]
        for link in group["groupedModifiers"]
        if not link["isEnabled"]
    }
    assert {group for group, _ in off} == {6801, 6808}


@pytest.mark.parametrize("query", [{"brand_id": 5297}, {"branch_id": 1293}])
def test_one_parameter__is_refused(http: httpx.Client, query: dict[str, int]) -> None:
    """Both or neither, in the words of the documentation."""
    answer = http.get("/menus", params=query)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "brand_id and branch_id must be passed together or omitted together"
    )


def test_unknown_pair__is_not_there(http: httpx.Client) -> None:
    """A brand and a branch that do not belong together are no store."""
    assert http.get("/menus", params={"brand_id": 5297, "branch_id": 5913}).status_code == 404


def test_flat_lists__have_business_rows_and_options(http: httpx.Client) -> None:
    """Items come flat, modifier options among them."""
    data = http.get("/menus/items", params={"size": 40}).json()["data"]
    assert (data["page"], data["size"], data["total"]) == (1, 40, 635)
    assert [entry["onlyModifier"] for entry in data["results"]] == [True] * 35 + [False] * 5
    totals = {path: http.get(f"/menus/{path}").json()["data"]["total"] for path in ("sections", "categories")}
    assert totals == {"sections": 32, "categories": 64}
    groups = http.get("/menus/modifier-groups").json()["data"]["results"]
    assert [link["id"] for link in groups[0]["groupedModifiers"]] == [39100, 39101, 39102, 39103]
