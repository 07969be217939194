"""The first day of a sandbox, written into an empty state."""

from __future__ import annotations

from . import flags, orders, snapshots
from .world import World


def open_world(world: World) -> None:
    """Seed a new state; of an old one check that it is of this business."""
    found = dict(world.state.rows("SELECT name, value FROM meta"))
    if not found:
        with snapshots.write_transaction(world):
            seed_world(world)
    elif found != _sort(world):
        raise ValueError(
            f"the store file holds a sandbox of seed={found['seed']}, scale={found['scale']!r}; "
            "ask for these, or name another file"
        )


def seed_world(world: World) -> None:
    """Write the first day."""
    world.state.write_many("INSERT INTO meta VALUES (?, ?)", _sort(world).items())
    flags.seed_flags(world.state, world.catalogue)
    orders.seed_orders(world.state, world.catalogue, now=world.clock.moment())
    snapshots.rebuild(world, world.catalogue.stores)


def _sort(world: World) -> dict[str, str]:
    return {"seed": str(world.catalogue.seed), "scale": world.catalogue.scale}
