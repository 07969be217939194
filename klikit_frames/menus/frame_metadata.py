"""What a state knows beside its rows."""

from __future__ import annotations

from typing import Any


class FrameMetadata(tuple[Any, ...]):
    """A tuple that frames share instead of copying: pandas copies ``attrs`` deeply at every operation."""

    __slots__ = ()

    def __deepcopy__(self, memo: object) -> FrameMetadata:
        return self


def freeze(value: Any) -> Any:
    """Return what JSON made of a fact as it was: lists become tuples, at every depth."""
    return FrameMetadata(freeze(member) for member in value) if isinstance(value, list) else value
