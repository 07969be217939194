"""The running sandbox: the object through which Python steers it."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .app import BASE
from .catalogue import build_catalogue
from .credentials import Credential
from .desk import Desk
from .faults import Fault, Faults, read_faults
from .seeding import open_world
from .server import HOST, Server
from .site import build_site
from .state import State
from .switches import Switches, change_switches
from .truth import link_frame, state_frame
from .world import World

if TYPE_CHECKING:
    import pandas as pd

    from klikit_frames import Client


class Sandbox:
    """A running sandbox; `serve` makes one.

    Use it as a context manager, or call `close` when done. Everything that happens over HTTP under ``/admin``
    is also a method here.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox:
    ...     len(sandbox.requests)
    0
    """

    def __init__(self, world: World, *, port: int) -> None:
        self._world = world
        self._desk = Desk(world)
        self._server = Server(build_site(self._desk), port=port, on_stop=world.pauses.end)

    @property
    def url(self) -> str:
        """Base URL of the API, for ``klikit_frames.connect`` and ``KLIKIT_BASE_URL``."""
        return f"{self.page_url}{BASE}"

    @property
    def page_url(self) -> str:
        """Address of the page for people."""
        return f"http://{HOST}:{self._server.port}"

    @property
    def partner_key(self) -> str:
        """Key of the credential that is there from the start, with every scope."""
        return self._desk.credential.partner_key

    @property
    def secret_key(self) -> str:
        """Secret of that credential."""
        return self._desk.credential.secret_key

    @property
    def switches(self) -> Switches:
        """The switches in force."""
        return self._world.switches

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults in force, with the counts that are left."""
        return self._world.faults.live()

    @property
    def requests(self) -> pd.DataFrame:
        """All that the API received, oldest first, the last 100,000 at most.

        Returns
        -------
        pandas.DataFrame
            One row per request: ``time`` (UTC, the sandbox's clock), ``method``, ``path`` (below the base
            URL, with the query), ``body``, ``key`` (of idempotency), ``status`` and ``request_id`` (missing
            if no answer left), ``replayed``.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        ...     brands = client.read("/brands")
        ...     sandbox.requests[["method", "path", "status"]]
          method     path  status
        0    GET  /brands     200
        """
        return self._world.receipts.frame()

    def state(self) -> pd.DataFrame:
        """Return the truth: what is on and what is off at this moment, published or not.

        Returns
        -------
        pandas.DataFrame
            One row per entity at business level, then one per store and entity of its menu:
            ``entity_type, entity_id, scope, brand_id, branch_id, is_enabled, title, is_override``.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     sandbox.state()["scope"].value_counts().to_dict()
        {'store': 5440, 'business': 696}
        """
        return state_frame(self._world)

    def links(self) -> pd.DataFrame:
        """Return the truth of what a cascade flips: the links between modifier groups and their options.

        Returns
        -------
        pandas.DataFrame
            One row per link of each brand, then one per link that a store has of its own:
            ``brand_id, branch_id, modifier_group_id, modifier_id, is_enabled``; ``branch_id`` is missing
            on the brand's rows.
        """
        return link_frame(self._world)

    def set(self, **switches: object) -> None:
        """Turn switches while running; their names and values are those of `Switches`.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     sandbox.set(code_spelling="upper")
        ...     sandbox.switches.code_spelling
        'upper'
        """
        self._desk.set(switches)

    def inject(self, name: str, **options: object) -> None:
        """Call up a fault; names and options are those of `klikit_frames.sandbox.faults`.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     sandbox.inject("error_503", count=2, match="/brands")
        ...     with sandbox.connect() as client:
        ...         brands = client.read("/brands")
        ...     sandbox.requests["status"].to_list()
        [503, 503, 200]
        """
        self._desk.inject(name, **options)

    def clear_faults(self) -> None:
        """Take all faults out of force."""
        self._world.faults.clear()

    def move_clock(self, seconds: float) -> None:
        """Move the sandbox's time: its ``Date`` header, rate windows, and the age of keys go with it."""
        self._world.clock.move(seconds)

    def reset(self) -> None:
        """Bring data, credentials, keys, requests, faults, switches and clock back to the start."""
        self._desk.reset()

    def issue_credential(self, *, scopes: Iterable[str] | None = None) -> Credential:
        """Issue one more credential, with every scope if none are named.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     credential = sandbox.issue_credential(scopes=["brands:read"])
        ...     credential.secret_key.startswith("sk_")
        True
        """
        return self._desk.issue(scopes)

    def rotate(self, partner_key: str | None = None) -> Credential:
        """Give a credential a new secret, by default the first one; the old secret stops at once."""
        return self._desk.rotate(partner_key or self.partner_key)

    def revoke(self, partner_key: str | None = None) -> None:
        """End a credential for good, by default the first one."""
        self._desk.revoke(partner_key or self.partner_key)

    def rescope(self, partner_key: str | None = None, *, scopes: Iterable[str]) -> None:
        """Change a credential's scopes, by default those of the first one, from the next request on."""
        self._desk.rescope(partner_key or self.partner_key, scopes=scopes)

    def connect(self, **options: Any) -> Client:
        """Return a client of this sandbox; the options are those of `klikit_frames.connect`."""
        import klikit_frames

        own: dict[str, Any] = {"partner_key": self.partner_key, "secret_key": self.secret_key}
        return klikit_frames.connect(self.url, **(own | options))

    def close(self) -> None:
        """Stop the server and close its store."""
        self._server.stop()
        self._world.state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Sandbox {self.url} partner_key={self.partner_key}>"


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
        If the port is taken.

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
