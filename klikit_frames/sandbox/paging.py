"""Pages of a list: they start at 1 and hold 1000 if nothing else is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from .calls import Call, read_number
from .refusals import invalid

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page and its place in the whole."""

    number: int
    size: int
    total: int
    entries: Sequence[T]

    @property
    def numbers(self) -> dict[str, object]:
        """What the envelope tells of the page."""
        return {"page": self.number, "size": self.size, "total": self.total}


def page_of(entries: Sequence[T], call: Call) -> Page[T]:
    """Return the page that a call asks for by `page` and `size`."""
    number, size = _from_one(call, "page", default=1), _from_one(call, "size", default=1000)
    return Page(number, size, len(entries), entries[(number - 1) * size : number * size])


def _from_one(call: Call, name: str, *, default: int) -> int:
    text = call.arguments.get(name)
    number = default if text is None else read_number(text, name=name)
    if number < 1:
        raise invalid(f"{name} must be at least 1")
    return number
