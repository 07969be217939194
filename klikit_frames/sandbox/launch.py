"""The way to start a sandbox."""

from __future__ import annotations

from .catalogue import build_catalogue
from .faults import Faults, read_faults
from .sandboxes import Sandbox
from .seeding import open_world
from .state import State
from .switches import Switches, change_switches
from .world import World


def serve(
    *,
    seed: int = 7,
    scale: str = "demo",
    port: int = 0,
    store_path: str = ":memory:",
    faults: object = None,
    **switches: object,
) -> Sandbox:
    """Start the Partner API on 127.0.0.1, with a demo business, and return the running sandbox.

    Parameters
    ----------
    seed : int
        Draws prices, what is off on the first day, and the chance of faults; ids and titles never change.
    scale : {"demo", "large"}
        8 brands, 25 branches, 60 stores, 600 items; or 40, 500, 1,500 and 20,000.
    port : int
        Port on loopback; 0 takes a free one.
    store_path : str
        SQLite file that keeps the state; in memory by default.
    faults : str or list, optional
        Faults from the start: ``"error_503:count=3,match=items;latency:seconds=0.1"``, or mappings with
        ``name``.
    **switches
        How it behaves where the documentation is silent; see `klikit_frames.sandbox.Switches`.

    Returns
    -------
    Sandbox
        Running already; a context manager.

    Raises
    ------
    ValueError, TypeError
        If a value, a switch or a fault is none that there is, or the store file holds another business.
    OSError
        If the port is taken, or the store file cannot be used or is held by another sandbox.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox:
    ...     sandbox.url
    'http://127.0.0.1:.../v1/partner'
    """
    turned = change_switches(Switches(), switches)
    trouble = Faults(read_faults(faults), seed=seed)
    catalogue = build_catalogue(seed=seed, scale=scale)
    state = State(store_path)
    try:
        world = World(catalogue, state, turned, trouble)
        open_world(world)
        return Sandbox(world, port=port)
    except BaseException:
        state.close()
        raise
