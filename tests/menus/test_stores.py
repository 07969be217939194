"""The table of stores."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.menus.stores import STORE_COLUMNS, store_pairs
from tests.api.scripts import PARTNER_KEY, SECRET_KEY, URL, Script, ok


def _branch(branch_id: int, brand_ids: list[int], **fields: Any) -> dict[str, Any]:
    return {"id": branch_id, "title": f"Branch {branch_id}", "brand_ids": brand_ids} | fields


def _connect(*pages: dict[str, Any]) -> kf.Client:
    brands = [{"brands": [{"id": 1, "title": "Zest"}, {"id": 2, "title": "Apple"}]}]
    script = Script(ok(brands), *(ok(page) for page in pages))
    return kf.connect(URL, partner_key=PARTNER_KEY, secret_key=SECRET_KEY, transport=script)


def test_stores__names_by_the_list_of_brands() -> None:
    """A store's brand title is that of its id, whatever the order of the branch's own brand_titles."""
    branch = _branch(
        7, [1, 2], brand_titles=["Apple", "Zest"], city_title="Bogor", country_code="ID", currency_code="IDR"
    )
    with _connect({"total": 1, "results": [branch]}) as client:
        stores = kf.stores(client)
    rows = [
        (1, 7, "Zest", "Branch 7", "Bogor", "ID", "IDR"),
        (2, 7, "Apple", "Branch 7", "Bogor", "ID", "IDR"),
    ]
    pd.testing.assert_frame_equal(stores, pd.DataFrame(rows, columns=list(STORE_COLUMNS)))


def test_stores__all_pages() -> None:
    """Pages are read until all branches are there, also from a server whose pages are small."""
    pages = [{"total": 3, "results": [_branch(number, [1])]} for number in (1, 2, 3)]
    with _connect(*pages) as client:
        assert kf.stores(client)["branch_id"].tolist() == [1, 2, 3]


def test_stores__pages_that_end_too_soon() -> None:
    """A list that is shorter than the API's own count is refused: a part would make good rows look wrong."""
    with (
        _connect({"total": 3, "results": [_branch(1, [1])]}, {"total": 3, "results": []}) as client,
        pytest.raises(kf.RequestError, match="counts 3 branches but its pages hold 1"),
    ):
        kf.stores(client)


def test_stores__pages_that_repeat() -> None:
    """A server that counts more than it has, and gives its last page for ever, is not asked for ever."""
    with (
        _connect({"total": 10**25, "results": [_branch(1, [1])]}) as client,
        pytest.raises(kf.RequestError, match="its pages hold 1"),
    ):
        kf.stores(client)


def test_stores__none() -> None:
    """A business without a branch has an empty table with the right dtypes."""
    with _connect({"total": 0, "results": []}) as client:
        stores = kf.stores(client)
    assert list(stores.columns) == list(STORE_COLUMNS)
    assert stores.dtypes.astype(str).tolist()[:2] == ["int64", "int64"]


def test_stores__of_the_sandbox(sandbox: kf.sandbox.Sandbox, client: kf.Client) -> None:
    """The table has exactly the stores of which the sandbox knows the truth."""
    truth = sandbox.state()[["brand_id", "branch_id"]].dropna().drop_duplicates().astype("int64")
    expected = truth.sort_values(["brand_id", "branch_id"], ignore_index=True)
    pd.testing.assert_frame_equal(kf.stores(client)[["brand_id", "branch_id"]], expected)


def test_pairs__from_frame_and_from_pairs() -> None:
    """A frame and a list of pairs mean the same; doubles are one."""
    frame = pd.DataFrame({"brand_id": [1, 1, 2], "branch_id": [7, 7, 8]}).astype("Int64")
    assert store_pairs(frame) == store_pairs([(1, 7), (2, 8)]) == [(1, 7), (2, 8)]


@pytest.mark.parametrize("pair", [(1,), (1, None), ("1", 2), 7, (1.0, 2), (1, 2, 3)])
def test_pairs__no_pair_of_ids(pair: Any) -> None:
    """What is no pair of ids is named."""
    with pytest.raises(kf.StateError, match="is not a store"):
        store_pairs([pair])


def test_pairs__frame_without_the_columns() -> None:
    """A frame that is no table of stores says what it needs."""
    with pytest.raises(kf.StateError, match="needs the columns brand_id and branch_id"):
        store_pairs(pd.DataFrame({"store": ["1/2"]}))
