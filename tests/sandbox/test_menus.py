"""The menus: trees and flat lists, and the enable endpoints: scopes, inheritance, the cascade, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pandas as pd
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


CIMOL_IN_DAGO = {"brandID": 5297, "branchID": 1293}
CIMOL_IN_BRAGA = {"brandID": 5297, "branchID": 1294}


def flags(sandbox: kf.sandbox.Sandbox, kind: str, entity_id: int) -> pd.DataFrame:
    """Return the truth about one entity."""
    state = sandbox.state()
    return state[(state["entity_type"] == kind) & (state["entity_id"] == entity_id)]


def changes(sandbox: kf.sandbox.Sandbox, before: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose flag or origin is not what it was."""
    after = sandbox.state()
    differs = (after["is_enabled"] != before["is_enabled"]) | (after["is_override"] != before["is_override"])
    return after[differs]


def test_business_write__is_inherited_where_no_store_has_its_own(
    sandbox: kf.sandbox.Sandbox, enable: Call
) -> None:
    """Off at business level is off in every store, except in one with a row of its own."""
    enable([289379], isEnabled=True, zoneStores=[CIMOL_IN_DAGO])
    assert enable([289379], isEnabled=False).status_code == 200
    rows = flags(sandbox, "item", 289379)
    assert rows.loc[rows["scope"] == "business", "is_enabled"].to_list() == [False]
    on = rows[rows["is_enabled"]]
    assert on[["brand_id", "branch_id", "is_override"]].to_numpy().tolist() == [[5297, 1293, True]]


def test_store_write__leaves_everything_else(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """A row of one store changes neither the business row nor another store."""
    before = sandbox.state()
    enable([289379, 289380], isEnabled=False, zoneStores=[CIMOL_IN_DAGO, CIMOL_IN_BRAGA])
    changed = changes(sandbox, before)
    cells = changed[["entity_id", "brand_id", "branch_id"]].to_numpy().tolist()
    assert cells == [[289379, 5297, 1293], [289380, 5297, 1293], [289379, 5297, 1294], [289380, 5297, 1294]]
    assert changed["is_override"].all()


def test_store_write__of_the_same_value_still_makes_a_row(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """The store keeps its value when the business changes later."""
    enable([289379], isEnabled=True, zoneStores=[CIMOL_IN_DAGO])
    enable([289379], isEnabled=False)
    rows = flags(sandbox, "item", 289379)
    assert rows.loc[rows["branch_id"] == 1293, "is_enabled"].to_list() == [True]


@pytest.mark.parametrize(("kind", "entity_id"), [("section", 6825), ("category", 39118), ("item", 289379)])
def test_kinds__have_ids_of_their_own(
    sandbox: kf.sandbox.Sandbox, enable: Call, kind: str, entity_id: int
) -> None:
    """Each endpoint flips its own kind, and not what stands below."""
    before = sandbox.state()
    plural = {"section": "sections", "category": "categories", "item": "items"}[kind]
    enable([entity_id], kind=plural, isEnabled=False)
    changed = changes(sandbox, before)
    assert set(changed["entity_type"]) == {kind}
    assert set(changed["entity_id"]) == {entity_id}


@pytest.mark.parametrize("body", [{}, {"isEnabled": None}, {"isEnabled": False}])
def test_flag__missing_or_null_is_false(
    sandbox: kf.sandbox.Sandbox, enable: Call, body: dict[str, object]
) -> None:
    """As documented, a write without a flag switches off."""
    assert enable([289379], **body).status_code == 200
    assert not flags(sandbox, "item", 289379).iloc[0]["is_enabled"]


@pytest.mark.parametrize(
    "body",
    [
        {"ids": [289379, 1]},
        {"ids": [289379], "zoneStores": [CIMOL_IN_DAGO, {"brandID": 5297, "branchID": 5913}]},
        {"ids": [289379], "zoneStores": [{"brandID": 1, "branchID": 1}]},
        {"ids": [289379], "isCascadeToModifierGroups": True, "brandIDsToCascade": [5297, 9]},
    ],
)
def test_stranger__refuses_the_whole_call(
    sandbox: kf.sandbox.Sandbox, enable: Call, body: dict[str, object]
) -> None:
    """An id, a store or a brand of nobody is a 404, and nothing is written."""
    before = sandbox.state()
    answer = enable(**{"isEnabled": False} | body)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "resource_not_found"
    pd.testing.assert_frame_equal(sandbox.state(), before)


def test_duplicates__are_accepted(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """An id or a store named twice counts once."""
    assert enable([289379, 289379], isEnabled=False, zoneStores=[CIMOL_IN_DAGO] * 2).status_code == 200


def test_cascade__flips_the_links_of_every_brand(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """Without a filter a shared group goes off wherever it is attached."""
    enable([289380], isEnabled=False, isCascadeToModifierGroups=True)
    links = sandbox.links()
    off = links[~links["is_enabled"]]
    assert set(off["modifier_group_id"]) == {6801, 6808}
    assert set(off["brand_id"]) == {663, 1615, 1616, 5297}
    assert off["branch_id"].isna().all()


def test_cascade__is_narrowed_by_brand(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """Named brands only; the groups' options stay as they are as items."""
    enable([289380], isEnabled=False, isCascadeToModifierGroups=True, brandIDsToCascade=[5297])
    links = sandbox.links()
    assert set(links.loc[~links["is_enabled"], "brand_id"]) == {5297}


def test_cascade__in_stores_stays_in_stores(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """With stores the links get rows of the stores, of the named brands only."""
    stores = [CIMOL_IN_DAGO, {"brandID": 663, "branchID": 1293}]
    cascade = {"isCascadeToModifierGroups": True, "brandIDsToCascade": [5297]}
    enable([289380], isEnabled=False, zoneStores=stores, **cascade)
    links = sandbox.links()
    off = links[~links["is_enabled"]]
    assert off[["brand_id", "branch_id"]].drop_duplicates().to_numpy().tolist() == [[5297, 1293]]


def test_cascade__from_a_section_reaches_what_stands_below(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """All groups of all items under the section are meant."""
    enable([6825], kind="sections", isEnabled=True, isCascadeToModifierGroups=True)
    enable([6825], kind="sections", isEnabled=False, isCascadeToModifierGroups=True, brandIDsToCascade=[5297])
    links = sandbox.links()
    assert set(links.loc[~links["is_enabled"], "modifier_group_id"]) == {6801, 6808, 6811}


def test_no_cascade__leaves_the_links(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """A brand filter alone does nothing."""
    before = sandbox.links()
    enable([289380], isEnabled=False, brandIDsToCascade=[5297])
    pd.testing.assert_frame_equal(sandbox.links(), before)


def test_option__is_an_item_too(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """The items endpoint takes the id of a modifier option."""
    before = sandbox.state()
    assert enable([39100], isEnabled=False).status_code == 200
    pd.testing.assert_frame_equal(sandbox.state(), before)
