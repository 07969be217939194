"""Toggles made from ids rather than read."""

from __future__ import annotations

import pandas as pd
import pytest

import klikit_frames as kf


def expected(**columns: object) -> pd.DataFrame:
    """Return a frame of toggles in canonical order and dtypes."""
    frame = pd.DataFrame(columns)
    frame["entity_id"] = frame["entity_id"].astype("int64")
    for name in ("brand_id", "branch_id"):
        frame[name] = frame[name].astype("Int64")
    return frame


def test_cross__ids_by_stores() -> None:
    """Each id meets each store, id by id, with the cascade that was asked for."""
    toggles = kf.cross_toggles(
        "item",
        [6, 5],
        [(663, 1), (664, 2)],
        is_enabled=False,
        cascade_to_modifier_groups=True,
        cascade_brand_ids=[664, 663],
    )
    frame = expected(
        entity_type=["item"] * 4,
        entity_id=[6, 6, 5, 5],
        scope=["store"] * 4,
        brand_id=[663, 664] * 2,
        branch_id=[1, 2] * 2,
        is_enabled=[False] * 4,
        cascade_to_modifier_groups=[True] * 4,
        cascade_brand_ids=[(663, 664)] * 4,
    )
    pd.testing.assert_frame_equal(toggles, frame)


def test_cross__stores_as_a_frame() -> None:
    """Stores may be a frame, with whatever else and whatever index."""
    stores = pd.DataFrame(
        {"branch_id": [1, 2], "brand_id": [663, 664], "city": ["Bogor", "Depok"]}, index=[7, 7]
    )
    pairs = kf.cross_toggles("item", [5], [(663, 1), (664, 2)], is_enabled=True)
    pd.testing.assert_frame_equal(kf.cross_toggles("item", [5], stores, is_enabled=True), pairs)


def test_business__wide_rows() -> None:
    """Business rows name no store."""
    toggles = kf.business_toggles("section", pd.Series([5, 6]), is_enabled=True)
    frame = expected(
        entity_type=["section"] * 2,
        entity_id=[5, 6],
        scope=["business"] * 2,
        brand_id=[None, None],
        branch_id=[None, None],
        is_enabled=[True] * 2,
        cascade_to_modifier_groups=[False] * 2,
        cascade_brand_ids=[()] * 2,
    )
    pd.testing.assert_frame_equal(toggles, frame)


@pytest.mark.parametrize("ids", [[], range(0)])
def test_making__nothing(ids: list[int]) -> None:
    """No ids or no stores make no toggles, and never a business-wide one."""
    assert kf.cross_toggles("item", ids, [(663, 1)], is_enabled=True).empty
    assert kf.cross_toggles("item", [5], [], is_enabled=True).empty
    assert kf.business_toggles("item", ids, is_enabled=True).empty


@pytest.mark.parametrize(
    ("entity_type", "ids", "stores", "code"),
    [
        ("dish", [5], [(663, 1)], "entity_type_unknown"),
        ("item", ["5.0"], [(663, 1)], "id_fraction"),
        ("item", [True], [(663, 1)], "id_not_number"),
        ("item", [5], [(663, None)], "store_half"),
        ("item", [5], [(663, 0)], "id_not_positive"),
    ],
)
def test_making__bad_values(
    entity_type: str, ids: list[int], stores: list[tuple[int, int]], code: str
) -> None:
    """Bad ids, stores and levels are refused as in any other table."""
    with pytest.raises(kf.InvalidToggles) as refusal:
        kf.cross_toggles(entity_type, ids, stores, is_enabled=False)
    assert refusal.value.problems["code"].tolist() == [code]


@pytest.mark.parametrize("stores", [[(663, 1, 2)], [663], pd.DataFrame({"brand_id": [663]})])
def test_making__no_stores(stores: object) -> None:
    """What is no pair of brand and branch is said so."""
    with pytest.raises(kf.ConfigError, match="A store is a pair of brand_id and branch_id"):
        kf.cross_toggles("item", [5], stores, is_enabled=True)


@pytest.mark.parametrize(("ids", "said"), [("123", "'123'"), (b"12", "b'12'"), (5, "5"), (None, "None")])
def test_making__no_list_of_ids(ids: object, said: str) -> None:
    """A text or a single number is no list of ids, and is never taken for one of letters."""
    refused = f"entity_ids is {said}, which is no list; give one such as [289379, 289380]."
    with pytest.raises(kf.ConfigError) as cross:
        kf.cross_toggles("item", ids, [(663, 1)], is_enabled=True)
    with pytest.raises(kf.ConfigError) as business:
        kf.business_toggles("item", ids, is_enabled=True)
    assert str(cross.value) == str(business.value) == refused


@pytest.mark.parametrize("brands", ["663", 663])
def test_making__no_list_of_brands(brands: object) -> None:
    """Brands to cascade to are a list as well."""
    with pytest.raises(kf.ConfigError, match=f"cascade_brand_ids is {brands!r}, which is no list"):
        kf.business_toggles(
            "item",
            [5],
            is_enabled=True,
            cascade_to_modifier_groups=True,
            cascade_brand_ids=brands,
        )


@pytest.mark.parametrize("stores", ["12", "5297/1293", 5297])
def test_making__no_list_of_stores(stores: object) -> None:
    """Stores given as one text or number are refused by name."""
    with pytest.raises(kf.ConfigError, match=f"stores is {stores!r}, which is no list"):
        kf.cross_toggles("item", [5], stores, is_enabled=True)


def test_making__store_as_text() -> None:
    """A store of two letters is not a pair of ids."""
    with pytest.raises(kf.ConfigError, match=r"A store is a pair .*: '12' is text"):
        kf.cross_toggles("item", [5], ["12"], is_enabled=True)


def test_making__flag_that_is_none() -> None:
    """A flag must be said."""
    with pytest.raises(kf.InvalidToggles, match="flag_blank"):
        kf.business_toggles("item", [5], is_enabled=None)


def test_making__brands_without_cascade() -> None:
    """Brands to cascade to are nothing without the cascade."""
    with pytest.raises(kf.InvalidToggles, match="cascade_brands_unused"):
        kf.business_toggles("item", [5], is_enabled=True, cascade_brand_ids=[663])
