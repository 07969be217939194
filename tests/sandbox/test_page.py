"""The page for people."""

from __future__ import annotations

import httpx

import klikit_frames as kf

from .conftest import PLAIN, Call


def page(sandbox: kf.sandbox.Sandbox, **query: object) -> str:
    """Return the page's HTML."""
    return httpx.get(sandbox.page_url, params=query, **PLAIN).text


def test_page__shows_business_stores_and_counts(sandbox: kf.sandbox.Sandbox) -> None:
    """The business, and each store as a link."""
    text = page(sandbox)
    assert "(DEMO) klikit Indonesia" in text
    assert text.count("?brand_id=") == 60


def test_page__shows_a_run_arrive(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """Requests with body, key, status and id; a replay is told, and so is an answer that never left."""
    for _ in range(2):
        request_id = enable([289379], key="the-key").json()["request_id"]
    sandbox.inject("reset_after", count=1)
    try:
        enable([289380])
    except httpx.TransportError:
        text = page(sandbox)
    for said in ("PATCH /menus/items/enable", "the-key", "200 again", request_id, "no answer"):
        assert said in text


def test_page__shows_one_store(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """Every flag of its menu, and whether it is the store's own."""
    enable([289379], isEnabled=False, zoneStores=[{"brandID": 5297, "branchID": 1293}])
    text = page(sandbox, brand_id=5297, branch_id=1293)
    row = "<tr><td>item<td>289379<td>Cimol Beef Porsi Besar<td><b class=off>off</b><td>its own"
    assert row in text


def test_page__can_be_read_in_the_dark_and_on_a_phone(sandbox: kf.sandbox.Sandbox) -> None:
    """It takes the colours that the browser prefers, and its width."""
    text = page(sandbox)
    assert "prefers-color-scheme: dark" in text
    assert "width=device-width" in text


def test_page__of_an_unknown_store_is_that_of_all(sandbox: kf.sandbox.Sandbox) -> None:
    """Nothing odd in the query breaks it."""
    assert page(sandbox, brand_id="<x>", branch_id="'").count("?brand_id=") == 60


def test_page__escapes_what_was_sent_and_shows_no_secret(
    sandbox: kf.sandbox.Sandbox, http: httpx.Client
) -> None:
    """A body is text, never markup."""
    http.patch("/menus/items/enable", content=b"<script>alert(1)</script>")
    text = page(sandbox)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert sandbox.secret_key not in text
