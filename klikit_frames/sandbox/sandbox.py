"""The running sandbox: how it is started, and the object through which Python steers it."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .admin import Admin, open_app
from .app_context import AppContext
from .credentials import Credential
from .demo_data import build_catalogue
from .faults import Fault, Faults, read_faults
from .publishing import link_frame, state_frame
from .server import BASE, HOST, Server
from .site import build_site
from .state import State
from .switches import Switches, change_switches

if TYPE_CHECKING:
    import pandas as pd

    from .. import Client


class Sandbox:
    """A running sandbox; `serve` makes one.

    Use it as a context manager, or call `close` when done. Everything that happens over HTTP under ``/admin``
    is also a method here. Other programs of this machine send `admin_token` in ``X-Sandbox-Token``; requests
    that a web page of elsewhere makes a browser send are refused.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox:
    ...     len(sandbox.requests)
    0
    """

    def __init__(self, app: AppContext, *, port: int) -> None:
        self._app = app
        self._admin = Admin(app)
        self._server = Server(build_site(self._admin), port=port, on_stop=app.pauses.end)

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
        return self._admin.credential.partner_key

    @property
    def secret_key(self) -> str:
        """Secret of that credential."""
        return self._admin.credential.secret_key

    @property
    def admin_token(self) -> str:
        """What calls under ``/admin`` carry in ``X-Sandbox-Token``; drawn at each start."""
        return self._admin.admin_token

    @property
    def switches(self) -> Switches:
        """The switches in force."""
        return self._app.switches

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults in force, with the counts that are left."""
        return self._app.faults.live()

    @property
    def requests(self) -> pd.DataFrame:
        """All that the API received, oldest first: the last 100,000 at most, with 128 MiB of bodies.

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
        return self._app.request_log.frame()

    def state(self, *, published: bool = False) -> pd.DataFrame:
        """Return the truth: what is on and what is off at this moment.

        Parameters
        ----------
        published : bool
            By default what was written last, published or not; True tells what the store menus show, as of
            each store's last copy. Business rows are the same in both.

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
        return state_frame(self._app, published=published)

    def history(self, *, since: int = 0) -> pd.DataFrame:
        """Return who wrote which flag, and when each store's menu was copied, in order.

        Parameters
        ----------
        since : int
            Leaves out the events up to this number.

        Returns
        -------
        pandas.DataFrame
            One row per cell of each write (``event`` is ``write``) and per store of each copy (``copy``),
            since the start or the last reset: ``no`` (events are numbered from 1, the first copies; the cells
            of one write share a number), ``time`` (UTC, the sandbox's clock; of a queued publish the moment
            that was due), ``event, entity_type, entity_id, scope, brand_id, branch_id, is_enabled``, ``by``
            (a partner key, or ``others``), ``key`` (of idempotency). The oldest go above 4 million ids.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     sandbox.edit("item", [289379], stores=[(5297, 1293)], is_enabled=False)
        ...     sandbox.publish([(5297, 1293)])
        ...     sandbox.history(since=1)[["no", "event", "entity_id", "branch_id"]]
           no  event  entity_id  branch_id
        0   2  write     289379       1293
        1   3   copy       <NA>       1293
        """
        return self._app.history.frame(since=since)

    def edit(
        self,
        entity_type: str,
        ids: Iterable[int],
        *,
        is_enabled: bool,
        stores: Iterable[tuple[int, int]] | None = None,
    ) -> None:
        """Switch entities as somebody else does in klikit's own app: no request is received.

        Parameters
        ----------
        entity_type : {"section", "category", "item"}
            The kind of the ids.
        ids : iterable of int
            What is switched.
        is_enabled : bool
            On or off.
        stores : iterable of (brand_id, branch_id), optional
            Where; by default at the business level.

        Raises
        ------
        LookupError
            If an id or a store is not of this business.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     sandbox.edit("item", [289379], is_enabled=False)
        ...     len(sandbox.requests)
        0
        """
        self._admin.edit(entity_type, ids, stores=stores, is_enabled=is_enabled)

    def publish(self, stores: Iterable[tuple[int, int]] | None = None) -> None:
        """Publish as somebody else does: the menus of these stores, or of all, show what is live now.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     sandbox.edit("item", [289379], stores=[(5297, 1293)], is_enabled=False)
        ...     sandbox.publish()
        ...     sandbox.state(published=True)["is_enabled"].equals(sandbox.state()["is_enabled"])
        True
        """
        self._admin.publish(stores)

    def finish_publishes(self, stores: Iterable[tuple[int, int]] | None = None) -> None:
        """Let publishes that are queued happen now, of these stores or of all.

        Examples
        --------
        >>> with kf.sandbox.serve(publish_delay_s=3600) as sandbox, sandbox.connect() as client:
        ...     body = b'{"stores": [{"brandID": 5297, "branchID": 1293}], "providerIDs": [1]}'
        ...     queued = client.write("POST", "/menus/publish", body, key="publish-1")
        ...     sandbox.finish_publishes()
        ...     int((sandbox.history(since=1)["event"] == "copy").sum())
        1
        """
        self._admin.finish_publishes(stores)

    def links(self) -> pd.DataFrame:
        """Return the truth of what a cascade flips: the links between modifier groups and their options.

        Returns
        -------
        pandas.DataFrame
            One row per link of each brand, then one per link that a store has of its own:
            ``brand_id, branch_id, modifier_group_id, modifier_id, is_enabled``; ``branch_id`` is missing
            on the brand's rows.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     bool(sandbox.links()["is_enabled"].all())
        True
        """
        return link_frame(self._app)

    def set(self, **switches: object) -> None:
        """Turn switches while running; their names and values are those of `Switches`.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     sandbox.set(code_spelling="upper")
        ...     sandbox.switches.code_spelling
        'upper'
        """
        self._admin.set(switches)

    def inject(self, name: str, **options: object) -> None:
        """Inject a fault; names and options are those of `klikit_frames.sandbox.faults`.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     sandbox.inject("error_503", count=2, match="/brands")
        ...     with sandbox.connect() as client:
        ...         brands = client.read("/brands")
        ...     sandbox.requests["status"].to_list()
        [503, 503, 200]
        """
        self._admin.inject(name, **options)

    def clear_faults(self) -> None:
        """Remove all faults.

        Examples
        --------
        >>> with kf.sandbox.serve(faults="html_502") as sandbox:
        ...     sandbox.clear_faults()
        ...     sandbox.faults
        ()
        """
        self._app.faults.clear()

    def move_clock(self, seconds: float) -> None:
        """Move the sandbox's time: its ``Date`` header, rate windows, and the age of keys go with it.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     sandbox.move_clock(25 * 60 * 60)  # every idempotency key of before is forgotten
        """
        self._admin.move_clock(seconds)

    def reset(self) -> None:
        """Bring data, credentials, keys, requests, faults, switches and clock back to the start.

        A journal does not notice: what it knows as written and not yet published is still `pending` there. Go
        on with a new journal.

        Examples
        --------
        >>> with kf.sandbox.serve(max_ids=100) as sandbox:
        ...     sandbox.set(max_ids=5)
        ...     sandbox.reset()
        ...     sandbox.switches.max_ids
        100
        """
        self._admin.reset()

    def issue_credential(self, *, scopes: Iterable[str] | None = None) -> Credential:
        """Issue one more credential, with every scope if none are named.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     credential = sandbox.issue_credential(scopes=["brands:read"])
        ...     credential.secret_key.startswith("sk_")
        True
        """
        return self._admin.issue(scopes)

    def rotate(self, partner_key: str | None = None) -> Credential:
        """Give a credential a new secret, by default the first one; the old secret stops at once.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     credential = sandbox.rotate()
        ...     credential.secret_key == sandbox.secret_key
        True
        """
        return self._admin.rotate(partner_key or self.partner_key)

    def revoke(self, partner_key: str | None = None) -> None:
        """End a credential for good, by default the first one.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        ...     sandbox.revoke()
        ...     client.read("/brands")
        Traceback (most recent call last):
        klikit_frames.errors.AuthError: 403 auth_revoked: ...
        """
        self._admin.revoke(partner_key or self.partner_key)

    def rescope(self, partner_key: str | None = None, *, scopes: Iterable[str]) -> None:
        """Change a credential's scopes, by default those of the first one, from the next request on.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox:
        ...     sandbox.rescope(scopes=["brands:read", "menus:read"])  # it may not write any more
        """
        self._admin.rescope(partner_key or self.partner_key, scopes=scopes)

    def connect(self, **options: Any) -> Client:
        """Return a client of this sandbox; the options are those of `klikit_frames.connect`.

        Examples
        --------
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        ...     client.read("/branches")["total"]
        25
        """
        import klikit_frames

        credentials: dict[str, Any] = {"partner_key": self.partner_key, "secret_key": self.secret_key}
        return klikit_frames.connect(self.url, **(credentials | options))

    def close(self) -> None:
        """Stop the server and close its store; whatever is under way is cut short.

        Examples
        --------
        >>> sandbox = kf.sandbox.serve()
        >>> sandbox.close()
        """
        self._server.stop()
        self._app.state.close()

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
        If a value, a switch or a fault is not known, or the store file holds another business.
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
        app = AppContext(catalogue, state, turned, trouble)
        open_app(app)
        return Sandbox(app, port=port)
    except BaseException:
        state.close()
        raise
