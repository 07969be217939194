"""The cached store menus (`store_full_menus`): what a store showed when it was last published."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from . import flags, visibilities
from .catalogue import KINDS
from .flags import Link, Store
from .visibilities import Maps
from .world import World


@dataclass(frozen=True)
class Shown:
    """What differs in one menu from a catalogue in which all is on and visible."""

    off: dict[str, set[int]]
    links_off: set[Link]
    maps: Maps
    hours: dict[int, tuple[int | None, dict[str, object] | None]]


def rebuild(world: World, stores: Sequence[Store], *, time: float | None = None) -> None:
    """Take what is live in each store as its cached menu, and note when."""
    world.history.note_copy(stores, time=world.clock.now() if time is None else time)
    inherited = flags.business_off(world.state)
    world.state.write_many(
        "INSERT OR REPLACE INTO store_full_menus VALUES (?, ?, ?)",
        [(*store, _dump(world, store, shown=live(world, store, inherited=inherited))) for store in stores],
    )


@contextmanager
def write_transaction(world: World) -> Iterator[None]:
    """Make what is written inside happen whole or not at all, in the history too.

    Queued publishes whose moment has come are made before, so that they copy nothing of it.
    """
    with world.state.held():
        rebuild_due(world)
        n_events = world.history.n_events
        try:
            with world.state.transaction():
                yield
        except BaseException:
            world.history.truncate(n_events)
            raise


def schedule(world: World, stores: Iterable[Store], *, due: float) -> None:
    """Note stores whose menus are to be rebuilt later."""
    world.state.write_many(
        "INSERT INTO scheduled_publishes VALUES (?, ?, ?)", ((due, *store) for store in stores)
    )


def finish(world: World, stores: Iterable[Store]) -> None:
    """Let queued publishes of some stores be due now."""
    world.state.write_many(
        "UPDATE scheduled_publishes SET due = ? WHERE brand_id = ? AND branch_id = ?",
        ((world.clock.now(), *store) for store in stores),
    )
    rebuild_due(world)


def rebuild_due(world: World) -> None:
    """Rebuild the menus whose moment has come."""
    if not world.state.rows("SELECT 1 FROM scheduled_publishes LIMIT 1"):
        return
    now = (world.clock.now(),)
    due = world.state.rows(
        "SELECT due, brand_id, branch_id FROM scheduled_publishes WHERE due <= ? ORDER BY due, rowid", now
    )
    if due:
        with world.state.transaction():
            for moment, stores in groupby(due, key=itemgetter(0)):
                rebuild(world, [(brand_id, branch_id) for _, brand_id, branch_id in stores], time=moment)
            world.state.write("DELETE FROM scheduled_publishes WHERE due <= ?", now)


def read(world: World, store: Store) -> Shown:
    """Return what a store's menu shows: as of its last publish, or live if so switched."""
    if world.switches.store_read == "live":
        return live(world, store)
    rebuild_due(world)
    ((text,),) = world.state.rows(
        "SELECT snapshot FROM store_full_menus WHERE brand_id = ? AND branch_id = ?", store
    )
    return _load(json.loads(text))


def live(world: World, store: Store, *, inherited: dict[str, set[int]] | None = None) -> Shown:
    """Return what holds in one store at this moment."""
    found = flags.store_flags(world.state, store, inherited=inherited)
    hours = {
        section_id: (sequence, json.loads(times) if times else None)
        for section_id, sequence, times in world.state.rows(
            "SELECT section_id, sequence, available_times FROM store_section_hours"
            " WHERE brand_id = ? AND branch_id = ?",
            store,
        )
    }
    return Shown(found.off, found.links_off, visibilities.read_maps(world.state, store), hours)


def _dump(world: World, store: Store, *, shown: Shown) -> str:
    menu, options = world.catalogue.brand_entities[store[0]], world.catalogue.brand_options[store[0]]
    cut = {kind: shown.off[kind].intersection(menu[kind]) for kind in KINDS}
    cut["item"] |= shown.off["item"].intersection(options)
    return json.dumps(
        {
            "off": {kind: sorted(ids) for kind, ids in cut.items()},
            "links_off": sorted(shown.links_off),
            "maps": [(kind, id_, shows) for (kind, id_), shows in shown.maps.items() if id_ in menu[kind]],
            "hours": shown.hours,
        }
    )


def _load(snapshot: dict[str, Any]) -> Shown:
    return Shown(
        {kind: set(ids) for kind, ids in snapshot["off"].items()},
        {(group, option) for group, option in snapshot["links_off"]},
        {(kind, entity_id): shows for kind, entity_id, shows in snapshot["maps"]},
        {int(section_id): tuple(hours) for section_id, hours in snapshot["hours"].items()},
    )
