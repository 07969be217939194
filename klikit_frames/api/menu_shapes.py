"""The parts of an answer about menus, each checked for what the documentation says it is."""

from __future__ import annotations

from typing import Any, TypeGuard

from ..errors import RequestError


def title_of(raw: Any) -> str | None:
    """Return a plain title, or that of a locale map: English if there is one, else the first that is."""
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
        raise misfit(f"{at}.id", "an integer of 64 bits", value)
    return value


def is_id(value: Any) -> TypeGuard[int]:
    """Say whether a value is an integer of 64 bits."""
    return type(value) is int and -(2**63) <= value < 2**63


def listed_if_any(holder: dict[str, Any], key: str, *, at: str) -> list[dict[str, Any]]:
    """Return the objects under a key, none where there is no such key."""
    return [] if holder.get(key) is None else listed(holder, key, at=at)


def listed(holder: Any, key: str, *, at: str) -> list[dict[str, Any]]:
    """Return the objects under a key; refuse what is no list of objects."""
    found = object_of(holder, at=at).get(key)
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise misfit(f"{at}.{key}", "a list of objects", found)
    return found


def object_of(raw: Any, *, at: str) -> dict[str, Any]:
    """Return an object; refuse anything else."""
    if not isinstance(raw, dict):
        raise misfit(at, "an object", raw)
    return raw


def misfit(place: str, wanted: str, got: object) -> RequestError:
    """Return the error for a part that is not what the documentation says."""
    shown = repr(got)
    return RequestError(
        f"The answer does not fit the API's documentation: {place} should be {wanted}, "
        f"but is {shown if len(shown) <= 60 else shown[:60] + '…'}."
    )
