"""The API's spelling of brands, branches, menu trees and publishing, decoded into plain records and back.

Unknown fields are ignored. A flag that is not there, or is not a boolean, is None: never guessed. The same
holds for a text that is not a text. What has no id of 64 bits, or is no list where the documentation has one,
does not fit, and the error names the place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, TypeGuard

from ..errors import RequestError
from ..model import Store

BRANDS_PATH = "/brands"
BRANCHES_PATH = "/branches"
MENUS_PATH = "/menus"
PUBLISH_PATH = "/menus/publish"
# Klikit's own marketplace; it is the only provider that every business has.
KLIKIT_PROVIDER_ID = 1


class Brand(NamedTuple):
    """One brand."""

    brand_id: int
    title: str | None


class Branch(NamedTuple):
    """One branch, with the brands that it sells."""

    branch_id: int
    title: str | None
    brand_ids: tuple[int, ...]
    city: str | None
    country_code: str | None
    currency_code: str | None


class BranchPage(NamedTuple):
    """One page of branches, and how many there are in all."""

    branches: tuple[Branch, ...]
    total: int


class Node(NamedTuple):
    """One place of one entity in a menu tree; `parents` and `parent_titles` run from the section down."""

    entity_type: str
    entity_id: int
    title: str | None
    is_enabled: bool | None
    parents: tuple[int, ...]
    parent_titles: tuple[str, ...]
    sku: str | None
    is_item_enabled: bool | None
    is_in_stock: bool | None
    is_available: bool | None
    visible_on: str | None
    hidden_on: str | None
    is_modifier_option: bool


class PublishCounts(NamedTuple):
    """How many stores a publish request reached; None where the answer does not tell."""

    n_published: int | None
    n_failed: int | None


def decode_brands(data: Any) -> tuple[Brand, ...]:
    """Return the brands; the answer is an odd one, a list of one object that holds them."""
    holders = data if isinstance(data, list) else [data]
    brands = (brand for holder in holders for brand in listed(holder, "brands", at="data[0]"))
    return tuple(Brand(id_of(brand, at="data[0].brands"), title_of(brand.get("title"))) for brand in brands)


def decode_branches(data: Any) -> BranchPage:
    """Return one page of branches.

    ``brand_titles`` is left alone: it is sorted by title and does not go with ``brand_ids``.
    """
    branches = tuple(_branch(result) for result in listed(data, "results", at="data"))
    total = data.get("total")
    return BranchPage(branches, total if type(total) is int else len(branches))


def decode_menu(data: Any, *, store: Store | None) -> list[Node]:
    """Return every place of every section, category and item of a menu, parents before their children.

    The business level tells modifier options too, marked as such.

    Parameters
    ----------
    data : object
        What the API answered.
    store : tuple of int, or None
        The (brand_id, branch_id) asked for, checked against the answer's own; None is the business level.

    Raises
    ------
    RequestError
        The tree does not fit the API's documentation; the message names the place.
    """
    menu = object_of(object_of(data, at="data").get("menu"), at="data.menu")
    if store is not None:
        _check_store(menu, store)
    sections = listed(menu, "sections", at="data.menu")
    return list(_Walk(menu, is_business=store is None).places(sections))


def encode_publish(stores: Iterable[Store], *, provider_ids: Iterable[int]) -> bytes:
    """Return the body of a publish request; refuses to name no store or no provider."""
    body = {
        "providerIDs": sorted(set(provider_ids)),
        "stores": [{"brandID": brand_id, "branchID": branch_id} for brand_id, branch_id in stores],
    }
    if not body["stores"] or not body["providerIDs"]:
        raise ValueError("A publish request needs at least one store and one provider.")
    return json.dumps(body, separators=(",", ":")).encode()


def decode_publish(data: Any) -> PublishCounts:
    """Return how many stores were published and how many failed; the API does not say which."""
    answer = data if isinstance(data, dict) else {}
    counts = (answer.get("success"), answer.get("failed"))
    return PublishCounts(*(count if type(count) is int else None for count in counts))


def _branch(result: dict[str, Any]) -> Branch:
    brand_ids = result.get("brand_ids")
    if not isinstance(brand_ids, list) or not all(map(is_id, brand_ids)):
        raise unexpected_shape("data.results.brand_ids", "a list of ids", brand_ids)
    city = result.get("city_title", result.get("city", result.get("city_id")))
    return Branch(
        branch_id=id_of(result, at="data.results"),
        title=title_of(result.get("title")),
        brand_ids=tuple(brand_ids),
        city=city if isinstance(city, str) else str(city) if type(city) is int else None,
        country_code=text_of(result.get("country_code")),
        currency_code=text_of(result.get("currency_code")),
    )


def _check_store(menu: dict[str, Any], store: Store) -> None:
    """Refuse a tree of another store."""
    info = menu.get("branchInfo")
    if isinstance(info, dict) and "brandID" in info and "branchID" in info:
        shown_store = (info["brandID"], info["branchID"])
        if shown_store != store:
            raise unexpected_shape("data.menu.branchInfo", f"store {store[0]}/{store[1]}", shown_store)


class _Walk:
    """A walk through one tree; where children are only linked by id, the menu's flat lists have them."""

    def __init__(self, menu: dict[str, Any], *, is_business: bool) -> None:
        self._flat = {key: _by_id(menu, key) for key in ("categories", "items")}
        self._seen: dict[str, set[int]] = {"categories": set(), "items": set(), "options": set()}
        # Every item of a store repeats its options; the business level tells them all.
        self._has_options = is_business

    def places(self, sections: list[dict[str, Any]]) -> Iterator[Node]:
        """Yield every place; what no section leads to comes last, without a path."""
        for section in sections:
            top = _node("section", section, parents=(), titles=())
            yield top
            for category in self._children(section, "categories", link="linkedCategories"):
                yield from self._category(category, parents=(top.entity_id,), titles=(top.title or "",))
        for category_id in self._flat["categories"].keys() - self._seen["categories"]:
            yield from self._category(self._flat["categories"][category_id], parents=(), titles=())
        for item_id in self._flat["items"].keys() - self._seen["items"]:
            yield _node("item", self._flat["items"][item_id], parents=(), titles=())

    def _category(
        self, category: dict[str, Any], *, parents: tuple[int, ...], titles: tuple[str, ...]
    ) -> Iterator[Node]:
        node = _node("category", category, parents=parents, titles=titles)
        self._seen["categories"].add(node.entity_id)
        yield node
        parents, titles = (*parents, node.entity_id), (*titles, node.title or "")
        for item in self._children(category, "items", link="linkedItems"):
            leaf = _node("item", item, parents=parents, titles=titles)
            self._seen["items"].add(leaf.entity_id)
            yield leaf
            yield from self._options(item) if self._has_options else ()

    def _options(self, item: dict[str, Any]) -> Iterator[Node]:
        """Yield the options of an item's groups, each once: items, but only ever chosen inside another."""
        for group in listed_if_any(item, "groups", at="item"):
            for option in listed_if_any(group, "groupedModifiers", at="item.groups"):
                option_id = id_of(option, at="option")
                if option_id not in self._seen["options"]:
                    self._seen["options"].add(option_id)
                    yield _node("item", option, parents=(), titles=())._replace(is_modifier_option=True)

    def _children(self, parent: dict[str, Any], key: str, *, link: str) -> list[dict[str, Any]]:
        if parent.get(key) is not None:
            return listed(parent, key, at=f"{key} of {parent['id']}")
        linked = parent.get(link) or ()
        if not isinstance(linked, list | tuple):
            raise unexpected_shape(f"{link} of {parent['id']}", "a list of ids", linked)
        return [self._flat[key][child] for child in linked if type(child) is int and child in self._flat[key]]


def _by_id(menu: dict[str, Any], key: str) -> dict[int, dict[str, Any]]:
    entries = listed_if_any(menu, key, at="data.menu")
    return {id_of(entry, at=f"data.menu.{key}"): entry for entry in entries}


def _node(
    entity_type: str, raw: dict[str, Any], *, parents: tuple[int, ...], titles: tuple[str, ...]
) -> Node:
    visible_on, hidden_on = _visibility(raw.get("visibilities"))
    stock = raw.get("oos")
    return Node(
        entity_type=entity_type,
        entity_id=id_of(raw, at=entity_type),
        title=title_of(raw.get("title")),
        is_enabled=flag_of(raw.get("isEnabled", raw.get("enabled"))),
        parents=parents,
        parent_titles=titles,
        sku=text_of(raw.get("skuID")),
        is_item_enabled=flag_of(raw.get("itemIsEnabled")),
        is_in_stock=flag_of(stock.get("available")) if isinstance(stock, dict) else None,
        is_available=flag_of(raw.get("isAvailable")),
        visible_on=visible_on,
        hidden_on=hidden_on,
        is_modifier_option=raw.get("onlyModifier") is True,
    )


def _visibility(raw: Any) -> tuple[str | None, str | None]:
    """Return the providers that show an entity and those that hide it, as ``1|6|9``."""
    if isinstance(raw, list):
        raw = {str(entry.get("providerID")): entry.get("status") for entry in raw if isinstance(entry, dict)}
    if not isinstance(raw, dict):
        return None, None
    shown = ((key, bool(status)) for key, status in raw.items() if key.isdecimal() and len(key) < 20)
    return _shown_and_hidden(tuple(shown))


@lru_cache(maxsize=1024)  # Most entities of a business are visible alike, and share these texts.
def _shown_and_hidden(statuses: tuple[tuple[str, bool], ...]) -> tuple[str | None, str | None]:
    statuses = tuple(sorted(statuses, key=lambda status: int(status[0])))
    shown, hidden = ("|".join(key for key, is_on in statuses if is_on is flag) for flag in (True, False))
    return shown or None, hidden or None


def title_of(raw: Any) -> str | None:
    """Return a plain title, or one of a locale map: English if it is there, else the first."""
    if isinstance(raw, dict):
        raw = next((text for text in (raw.get("en"), *raw.values()) if text_of(text)), None)
    return text_of(raw)


def text_of(raw: Any) -> str | None:
    """Return a text, or None for anything else and for an empty one."""
    return raw if isinstance(raw, str) and raw else None


def flag_of(raw: Any) -> bool | None:
    """Return a flag, or None for anything else: a flag is never guessed."""
    return raw if isinstance(raw, bool) else None


def id_of(raw: dict[str, Any], *, at: str) -> int:
    """Return the id of an object; refuse one that no column of ids can hold."""
    value = raw.get("id")
    if not is_id(value):
        raise unexpected_shape(f"{at}.id", "an integer of 64 bits", value)
    return value


def is_id(value: Any) -> TypeGuard[int]:
    """Say whether a value is an integer of 64 bits."""
    return type(value) is int and -(2**63) <= value < 2**63


def listed_if_any(holder: dict[str, Any], key: str, *, at: str) -> list[dict[str, Any]]:
    """Return the objects under a key, none where there is no such key."""
    return [] if holder.get(key) is None else listed(holder, key, at=at)


def listed(holder: Any, key: str, *, at: str) -> list[dict[str, Any]]:
    """Return the objects under a key; refuse what is no list of objects."""
    entries = object_of(holder, at=at).get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise unexpected_shape(f"{at}.{key}", "a list of objects", entries)
    return entries


def object_of(raw: Any, *, at: str) -> dict[str, Any]:
    """Return an object; refuse anything else."""
    if not isinstance(raw, dict):
        raise unexpected_shape(at, "an object", raw)
    return raw


def unexpected_shape(place: str, wanted: str, got: object) -> RequestError:
    """Return the error for a part that is not what the documentation says."""
    shown = repr(got)
    return RequestError(
        f"The answer does not fit the API's documentation: {place} should be {wanted}, "
        f"but is {shown if len(shown) <= 60 else shown[:60] + '…'}."
    )
