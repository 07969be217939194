"""A grid as plain values for the page, and the page's commands on a grid. Pure."""

from __future__ import annotations

from ..wording import counted
from .commands import Command
from .grids import Cell, Grid, Side

_WORDS = {True: "on", False: "off", None: "unknown"}


def grid_stores(grid: Grid) -> list[dict[str, str]]:
    """Return the stores of the shown page: key and title."""
    return [
        {"key": f"{key[0]}:{key[1]}", "title": _store_title(grid.stores, key)} for key in grid.stores.shown
    ]


def grid_rows(grid: Grid) -> list[dict[str, object]]:
    """Return the rows of the shown page: key, title, type, and a word per cell, starred if changed."""
    return [
        {
            "key": f"{entity[0]}:{entity[1]}",
            "title": grid.entities.title(entity),
            "type": entity[0],
            "cells": [_word(grid, (entity, store)) for store in grid.stores.shown],
        }
        for entity in grid.entities.shown
    ]


def grid_view(grid: Grid) -> dict[str, object]:
    """Return how `grid` is looked at, as plain values."""
    sides = {"entities": grid.entities, "stores": grid.stores}
    return {name: _side(side) for name, side in sides.items()} | {"can_undo": grid.can_undo}


def grid_summary(grid: Grid) -> str:
    """Say what was changed, what of it cannot be seen, and what matches."""
    hidden = f", {grid.n_hidden:,} of them hidden by a search" if grid.n_hidden else ""
    n_entities, n_stores = len(grid.entities.keys), len(grid.stores.keys)
    nothing = "" if n_entities and n_stores else " Nothing matches: change a search."
    shown = f"{counted(n_entities, 'entity', many='entities')} in {counted(n_stores, 'store')}"
    return f"{counted(len(grid.wanted), 'cell')} changed{hidden}. Shown: {shown}.{nothing}"


def obey_grid(grid: Grid, command: Command) -> None:
    """Carry out one command of the page on `grid`; one that makes no sense changes nothing."""
    sides = {"entities": grid.entities, "stores": grid.stores}
    entities, stores = grid.entities.listing.by_token, grid.stores.listing.by_token
    match command:
        case {"type": "search", "side": str(name), "text": str(text)} if name in sides:
            sides[name].search(text)
        case {"type": "turn", "side": str(name), "step": int(step)} if name in sides:
            sides[name].turn(step)
        case {"type": "press", "entity": str(row), "store": str(column)} if (
            row in entities and column in stores
        ):
            grid.press([(entities[row], stores[column])])
        case {"type": "press", "entity": str(row)} if row in entities:
            grid.press_entity(entities[row])
        case {"type": "press", "store": str(column)} if column in stores:
            grid.press_store(stores[column])
        case {"type": "undo"}:
            grid.undo()
        case {"type": "clear"}:
            grid.clear()


def _side(side: Side) -> dict[str, object]:
    return {"text": side.text, "page": side.page, "n_pages": side.n_pages}


def _store_title(side: Side, key: tuple[str | int, int]) -> str:
    position = side.listing.positions[key]
    shown = [side.listing.columns[name].texts[position] for name in ("brand", "branch")]
    return " / ".join(shown)


def _word(grid: Grid, cell: Cell) -> str:
    if cell not in grid.live:
        return ""
    return _WORDS[grid.flag(cell)] + ("*" if cell in grid.wanted else "")
