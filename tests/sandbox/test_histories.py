"""Any history of writes ends in the state that a few lines of Python expect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import klikit_frames as kf

from .conftest import PLAIN

STORES = [(5297, 1293), (5297, 1294), (5297, 1062)]
IDS = {"section": [6825, 6826], "category": [39118, 39119], "item": [289379, 289380, 289381]}
PATHS = {"section": "sections", "category": "categories", "item": "items"}


@dataclass(frozen=True)
class Write:
    """One enable call; no stores is the business."""

    kind: str
    ids: list[int]
    stores: list[tuple[int, int]]
    is_enabled: bool


@dataclass
class Model:
    """Business rows, and store rows over them."""

    business: dict[tuple[str, int], bool] = field(default_factory=dict)
    stores: dict[tuple[str, int, int, int], bool] = field(default_factory=dict)

    def apply(self, write: Write) -> None:
        """Do what the call does."""
        for entity_id in write.ids:
            if not write.stores:
                self.business[write.kind, entity_id] = write.is_enabled
            for store in write.stores:
                self.stores[(write.kind, entity_id, *store)] = write.is_enabled


def writes() -> st.SearchStrategy[Write]:
    """Draw one call."""
    return st.sampled_from(list(IDS)).flatmap(
        lambda kind: st.builds(
            Write,
            st.just(kind),
            st.lists(st.sampled_from(IDS[kind]), min_size=1, max_size=3),
            st.lists(st.sampled_from(STORES), max_size=3),
            st.booleans(),
        )
    )


def send(http: httpx.Client, write: Write) -> None:
    """Send the call; it must be accepted."""
    body: dict[str, object] = {"ids": write.ids, "isEnabled": write.is_enabled}
    if write.stores:
        body["zoneStores"] = [{"brandID": brand, "branchID": branch} for brand, branch in write.stores]
    assert http.patch(f"/menus/{PATHS[write.kind]}/enable", json=body).status_code == 200


def read_model(sandbox: kf.sandbox.Sandbox) -> Model:
    """Return the truth as business rows and store rows."""
    state = sandbox.state()
    business, overrides = state[state["scope"] == "business"], state[state["is_override"]]
    return Model(
        {
            (row.entity_type, row.entity_id): row.is_enabled
            for row in cast("Iterable[Any]", business.itertuples())
        },
        {
            (row.entity_type, row.entity_id, row.brand_id, row.branch_id): row.is_enabled
            for row in cast("Iterable[Any]", overrides.itertuples())
        },
    )


@settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(history=st.lists(writes(), max_size=12))
def test_history__ends_as_expected(shared_sandbox: kf.sandbox.Sandbox, history: list[Write]) -> None:
    """The last write of each row wins, and no other row changes."""
    shared_sandbox.reset()
    model = read_model(shared_sandbox)
    auth = (shared_sandbox.partner_key, shared_sandbox.secret_key)
    with httpx.Client(base_url=shared_sandbox.url, auth=auth, **PLAIN) as http:
        for write in history:
            send(http, write)
            model.apply(write)
    assert read_model(shared_sandbox) == model


def test_large__takes_500_ids_in_500_stores() -> None:
    """One request of 250,000 overrides is written whole, as a store of that brand shows."""
    with kf.sandbox.serve(scale="large", store_read="live") as sandbox:
        auth = (sandbox.partner_key, sandbox.secret_key)
        with httpx.Client(base_url=sandbox.url, auth=auth, **PLAIN) as http:
            branches = http.get("/branches").json()["data"]["results"]
            items = http.get("/menus/items", params={"size": 535}).json()["data"]["results"]
            pairs = sorted((brand, branch["id"]) for branch in branches for brand in branch["brand_ids"])
            ids = [item["id"] for item in items if not item["onlyModifier"]]
            send(http, Write("item", ids, pairs[:500], is_enabled=False))
            brand, branch = pairs[0]
            menu = http.get("/menus", params={"brand_id": brand, "branch_id": branch}).json()["data"]["menu"]
    categories = [category for section in menu["sections"] for category in section["categories"]]
    shown = {item["id"]: item["enabled"] for category in categories for item in category["items"]}
    assert len(ids) == 500
    assert {shown[item_id] for item_id in ids} == {False}
