"""Brands, branches and providers, in their documented shapes."""

from __future__ import annotations

import httpx


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
