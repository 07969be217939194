"""Steering a sandbox over HTTP: its first day, faults, switches, credentials, its clock."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import credentials, menus, publishing, small_endpoints, state
from .app_context import AppContext
from .credentials import SCOPES, Credential
from .demo_data import KINDS
from .faults import Fault, make_fault
from .state import Store
from .switches import Switches, change_switches


def open_app(app: AppContext) -> None:
    """Seed a new state; of an old one check that it is of this business."""
    seeded = dict(app.state.rows("SELECT name, value FROM meta"))
    if not seeded:
        with publishing.write_transaction(app):
            seed_app(app)
    elif seeded != _sort(app):
        raise ValueError(
            f"the store file holds a sandbox of seed={seeded['seed']}, scale={seeded['scale']!r}; "
            "ask for these, or name another file"
        )


def seed_app(app: AppContext) -> None:
    """Write the first day."""
    app.state.write_many("INSERT INTO meta VALUES (?, ?)", _sort(app).items())
    state.seed_flags(app.state, app.catalogue)
    small_endpoints.seed_orders(app.state, app.catalogue, now=app.clock.moment())
    publishing.rebuild(app, app.catalogue.stores)


def _sort(app: AppContext) -> dict[str, str]:
    return {"seed": str(app.catalogue.seed), "scale": app.catalogue.scale}


Body = dict[str, object]
Action = Callable[["Admin", Body, dict[str, str]], object]


def admin_routes(admin: Admin) -> list[Route]:
    """Return the routes below ``/admin``."""
    return [Route(path, _endpoint(admin, action), methods=[method]) for method, path, action in _ACTIONS]


def _endpoint(admin: Admin, action: Action) -> Callable[[Request], object]:
    async def answer(request: Request) -> Response:
        try:
            body = _read(await request.body())
            data = action(admin, body, request.path_params)
        except LookupError as error:
            return JSONResponse({"error": {"message": str(error.args[0])}}, status_code=404)
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": {"message": str(error)}}, status_code=400)
        return JSONResponse({"data": data})

    return answer


def _read(text: bytes) -> Body:
    try:
        body = json.loads(text or b"{}")
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return body


def _issue(admin: Admin, body: Body, path: dict[str, str]) -> object:
    return admin.issue(_scopes(body) if "scopes" in body else None)._asdict()


def _rotate(admin: Admin, body: Body, path: dict[str, str]) -> object:
    return admin.rotate(path["partner_key"])._asdict()


def _revoke(admin: Admin, body: Body, path: dict[str, str]) -> object:
    admin.revoke(path["partner_key"])
    return None


def _rescope(admin: Admin, body: Body, path: dict[str, str]) -> object:
    admin.rescope(path["partner_key"], scopes=_scopes(body))
    return None


def _set(admin: Admin, body: Body, path: dict[str, str]) -> object:
    return asdict(admin.set(body))


def _list_faults(admin: Admin, body: Body, path: dict[str, str]) -> object:
    return [asdict(fault) for fault in admin.app.faults.live()]


def _inject(admin: Admin, body: Body, path: dict[str, str]) -> object:
    options = dict(body)
    return asdict(admin.inject(str(options.pop("name", "")), **options))


def _clear_faults(admin: Admin, body: Body, path: dict[str, str]) -> object:
    admin.app.faults.clear()
    return None


def _move_clock(admin: Admin, body: Body, path: dict[str, str]) -> object:
    admin.move_clock(body.get("seconds"))
    return {"now": admin.app.clock.http_date()}


def _reset(admin: Admin, body: Body, path: dict[str, str]) -> object:
    admin.reset()
    return None


def _scopes(body: Body) -> list[str]:
    scopes = body.get("scopes")
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise TypeError("scopes must be an array of strings")
    return scopes


_ACTIONS: tuple[tuple[str, str, Action], ...] = (
    ("POST", "/credentials", _issue),
    ("POST", "/credentials/{partner_key}/rotate", _rotate),
    ("POST", "/credentials/{partner_key}/revoke", _revoke),
    ("PUT", "/credentials/{partner_key}/scopes", _rescope),
    ("PATCH", "/switches", _set),
    ("GET", "/faults", _list_faults),
    ("POST", "/faults", _inject),
    ("DELETE", "/faults", _clear_faults),
    ("POST", "/clock", _move_clock),
    ("POST", "/reset", _reset),
)


class Admin:
    """Steers a sandbox; its Python side and the HTTP paths under ``/admin`` both sit here."""

    def __init__(self, app: AppContext) -> None:
        self.app = app
        self.admin_token = secrets.token_urlsafe(32)
        self._first_switches = app.switches
        self.credential = self._issue_first()

    def issue(self, scopes: Iterable[str] | None = None) -> Credential:
        """Issue a credential; its secret is shown only here."""
        token = secrets.token_hex(24)
        credential = Credential(f"pk_sandbox_{token[:16]}", f"sk_sandbox_{token[16:]}")
        credentials.issue(self.app, credential, scopes=SCOPES if scopes is None else scopes)
        return credential

    def rotate(self, partner_key: str) -> Credential:
        """Give a credential a new secret; the old one stops at once unless an overlap is switched on."""
        credential = Credential(partner_key, f"sk_sandbox_{secrets.token_hex(16)}")
        credentials.rotate(self.app, credential)
        if partner_key == self.credential.partner_key:
            self.credential = credential
        return credential

    def revoke(self, partner_key: str) -> None:
        """End a credential for good."""
        credentials.revoke(self.app, partner_key)

    def rescope(self, partner_key: str, *, scopes: Iterable[str]) -> None:
        """Change a credential's scopes, from its next request on."""
        credentials.rescope(self.app, partner_key, scopes=scopes)

    def set(self, changes: dict[str, object]) -> Switches:
        """Turn switches; return all of them."""
        self.app.switches = change_switches(self.app.switches, changes)
        return self.app.switches

    def inject(self, name: str, **options: object) -> Fault:
        """Inject a fault."""
        fault = make_fault(name, **options)
        self.app.faults.inject(fault)
        return fault

    def edit(
        self, kind: str, ids: Iterable[int], *, stores: Iterable[Store] | None, is_enabled: bool
    ) -> None:
        """Write flags as klikit's own people do in their app."""
        if kind not in KINDS:
            raise ValueError(f"entity_type is one of {', '.join(KINDS)}; not {kind!r}")
        pairs = None if stores is None else [(int(brand), int(branch)) for brand, branch in stores]
        if pairs == []:
            raise ValueError("stores must name at least one store, or be None for the business")
        menus.edit(self.app, kind, ids=[int(i) for i in ids], stores=pairs or [], is_enabled=is_enabled)

    def publish(self, stores: Iterable[Store] | None = None) -> None:
        """Copy the menus of stores now, of all by default."""
        with publishing.write_transaction(self.app):
            publishing.rebuild(self.app, self._stores(stores))

    def finish_publishes(self, stores: Iterable[Store] | None = None) -> None:
        """Copy the menus whose publishes are queued."""
        with self.app.state.held():
            publishing.finish(self.app, self._stores(stores))

    def move_clock(self, seconds: object) -> None:
        """Move the sandbox's time; publishes that are then due happen."""
        with self.app.state.held():
            self.app.clock.move(seconds)
            publishing.rebuild_due(self.app)

    def _stores(self, stores: Iterable[Store] | None) -> list[Store]:
        if stores is None:
            return list(self.app.catalogue.stores)
        pairs = [(int(brand), int(branch)) for brand, branch in stores]
        strangers = sorted(set(pairs).difference(self.app.catalogue.store_set))
        if strangers:
            raise LookupError(f"not of this business: stores {strangers}")
        return pairs

    def reset(self) -> None:
        """Bring everything back to how it was when the sandbox was started on an empty store."""
        with publishing.write_transaction(self.app):
            self.app.history.clear()
            self.app.state.clear()
            self.app.clock.reset()
            seed_app(self.app)
            self.credential = self._issue_first()
        self.app.switches = self._first_switches
        self.app.limits.clear()
        self.app.faults.reset()
        self.app.request_log.clear()

    def _issue_first(self) -> Credential:
        credential = credentials.first_credential(self.app.catalogue.seed)
        credentials.issue(self.app, credential)
        return credential
