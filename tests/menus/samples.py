"""Small menu trees, written by hand after the API's documentation."""

from __future__ import annotations

from typing import Any


def item(entity_id: int, title: str, **fields: Any) -> dict[str, Any]:
    """Return an item of a store menu."""
    return {"id": entity_id, "title": {"en": title}, "enabled": True, "itemIsEnabled": True} | fields


def category(entity_id: int, title: str, *, items: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Return a category of a store menu."""
    return {"id": entity_id, "title": {"en": title}, "enabled": True, "items": items} | fields


def section(entity_id: int, title: str, *, categories: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Return a section of a store menu."""
    return {"id": entity_id, "title": {"en": title}, "enabled": True, "categories": categories} | fields


def store_menu(*sections: dict[str, Any], store: tuple[int, int] = (5297, 1293)) -> dict[str, Any]:
    """Return the data of a store-level answer."""
    info = {"branchID": store[1], "brandID": store[0], "businessID": 398, "providerIDs": "1,6,9"}
    return {"menu": {"branchInfo": info, "sections": list(sections)}}


def business_menu(*sections: dict[str, Any], **lists: Any) -> dict[str, Any]:
    """Return the data of a business-level answer, with flat lists beside the sections if there are any."""
    return {"menu": {"businessInfo": {"businessID": 398}, "sections": list(sections)} | lists}
