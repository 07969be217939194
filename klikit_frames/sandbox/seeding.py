"""The first day of a sandbox, written into an empty state."""

from __future__ import annotations

from . import flags, orders, snapshots
from .app_context import AppContext


def open_app(app: AppContext) -> None:
    """Seed a new state; of an old one check that it is of this business."""
    found = dict(app.state.rows("SELECT name, value FROM meta"))
    if not found:
        with snapshots.write_transaction(app):
            seed_app(app)
    elif found != _sort(app):
        raise ValueError(
            f"the store file holds a sandbox of seed={found['seed']}, scale={found['scale']!r}; "
            "ask for these, or name another file"
        )


def seed_app(app: AppContext) -> None:
    """Write the first day."""
    app.state.write_many("INSERT INTO meta VALUES (?, ?)", _sort(app).items())
    flags.seed_flags(app.state, app.catalogue)
    orders.seed_orders(app.state, app.catalogue, now=app.clock.moment())
    snapshots.rebuild(app, app.catalogue.stores)


def _sort(app: AppContext) -> dict[str, str]:
    return {"seed": str(app.catalogue.seed), "scale": app.catalogue.scale}
