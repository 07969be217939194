"""The whole site: the API, its document, the admin calls, the page for people, and whom it answers.

It answers programs of this machine and its own page, and no other web page. A browser sends requests for any
page that is open in it. Two things give these away: the ``Host`` that the page's own name resolved to (DNS
rebinding), and the ``Origin`` that a page cannot choose. The calls under ``/admin`` also need a token, in a
header that a foreign page cannot set.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from . import state
from .admin import Admin, admin_routes
from .app_context import AppContext
from .calls import LoggedRequest
from .demo_data import BUSINESS_ID, BUSINESS_TITLE, KINDS
from .server import BASE, PartnerApi

TOKEN_HEADER = "x-sandbox-token"  # noqa: S105 - the header's name
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class OriginGuard:
    """Passes on what comes from this machine, and refuses what a foreign web page sent.

    Parameters
    ----------
    app : ASGI application
        What answers.
    admin_token : str
        What calls under ``/admin`` must carry in ``X-Sandbox-Token``.
    """

    def __init__(self, app: ASGIApp, *, admin_token: str) -> None:
        self._app = app
        self._admin_token = admin_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request, or refuse it before anything looks at its body."""
        reason = self._refusal(scope)
        answer = self._app if reason is None else _refuse_page(*reason)
        await answer(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        """Return status, code and message for a request that may not pass."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if not hosts or not all(_is_loopback(host) for host in hosts):
            return 403, "host_forbidden", "the sandbox answers to 127.0.0.1 and localhost only"
        if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in headers.getlist("origin")):
            return 403, "origin_forbidden", "the sandbox takes no requests from other web pages"
        if not _is_admin(scope["path"]):
            return None
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "origin_forbidden", "the sandbox takes no orders from other web pages"
        if not hmac.compare_digest(headers.get(TOKEN_HEADER, "").encode(), self._admin_token.encode()):
            return 401, "token_missing", f"calls under /admin need the header {TOKEN_HEADER}; see admin_token"
        return None


def _is_admin(path: str) -> bool:
    return path == "/admin" or path.startswith("/admin/")


def _is_loopback(host: str) -> bool:
    """Tell whether a Host is this machine; the port may be that of a tunnel."""
    try:
        return urlsplit(f"//{host}").hostname in _LOOPBACK
    except ValueError:
        return False


def _refuse_page(status: int, code: str, message: str) -> JSONResponse:
    error = {"code": code, "message": message, "details": {}}
    return JSONResponse({"request_id": "0" * 32, "error": error}, status_code=status)


_LAST = 12
_STYLE = """
:root { color-scheme: light dark; --line: #bbb; --stripe: #f6f6f6; --off: #a40000 }
@media (prefers-color-scheme: dark) { :root { --line: #666; --stripe: #242424; --off: #ff8a80 } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem }
div { overflow-x: auto; margin: .5rem 0 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .2rem .6rem; vertical-align: top }
th { border-bottom: 2px solid var(--line) } tr:nth-child(even) { background: var(--stripe) }
.off { color: var(--off) }
td code { display: block; min-width: 14ch; overflow-wrap: anywhere }
"""
# Fetches the same address again and swaps the body, so that a run can be watched without a flicker; what
# takes long to draw is drawn less often.
_SCRIPT = """
const refresh = async () => {
  const begin = performance.now();
  try {
    const text = await (await fetch(location)).text();
    const page = new DOMParser().parseFromString(text, "text/html");
    document.querySelector("main").replaceWith(page.querySelector("main"));
  } catch { document.querySelector("h1").textContent = "The sandbox has stopped"; }
  setTimeout(refresh, Math.max(1000, 10 * (performance.now() - begin)));
};
setTimeout(refresh, 1000);
document.querySelector("#reset").onclick = async () => {
  if (!confirm("Bring data, credentials, requests, faults and switches back to the start?")) return;
  const token = document.querySelector("meta[name=sandbox-token]").content;
  await fetch("/admin/reset", {method: "POST", headers: {"X-Sandbox-Token": token}});
};
"""
# Nothing is loaded from elsewhere, and no other page shows this one in a frame to steal clicks.
PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def draw_page(app: AppContext, *, query: dict[str, str], admin_token: str) -> str:
    """Return the page; `brand_id` and `branch_id` in the query choose a store to be shown in full."""
    store = _chosen(app, query)
    main = _business(app) + _requests(app) + (_store(app, store) if store else _stores(app))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'><title>klikit sandbox</title>"
        f"<meta name=sandbox-token content={admin_token}><style>{_STYLE}</style>"
        f"<main>{main}</main><button id=reset>Reset the sandbox</button><script>{_SCRIPT}</script></html>"
    )


def _chosen(app: AppContext, query: dict[str, str]) -> state.Store | None:
    texts = (query.get("brand_id", ""), query.get("branch_id", ""))
    matching = [store for store in app.catalogue.stores if (str(store[0]), str(store[1])) == texts]
    return matching[0] if matching else None


def _business(app: AppContext) -> str:
    off = state.business_off(app.state)
    rows = [(kind, len(app.catalogue.ids[kind]), _red(len(off[kind]))) for kind in KINDS]
    return (
        f"<h1>{escape(BUSINESS_TITLE)}</h1><p>Business {BUSINESS_ID}, {len(app.catalogue.brands)} brands, "
        f"{len(app.catalogue.stores)} stores. Time here: {app.clock.http_date()}. "
        "The API is below <code>/v1/partner</code>, described in <a href=/openapi.json>openapi.json</a>.</p>"
        + _table(("business level", "in all", "off"), rows)
    )


def _stores(app: AppContext) -> str:
    inherited = state.business_off(app.state)
    rows = [_store_row(app, store, inherited=inherited) for store in app.catalogue.stores]
    heads = ("brand", "branch", "sections off", "categories off", "items off", "rows of its own")
    return "<h2>Stores</h2>" + _table(heads, rows)


def _store_row(app: AppContext, store: state.Store, *, inherited: dict[str, set[int]]) -> tuple[object, ...]:
    live = state.store_flags(app.state, store, inherited=inherited)
    menu = app.catalogue.brand_entities[store[0]]
    counts = [_red(len(live.off[kind].intersection(menu[kind]))) for kind in KINDS]
    brand, branch = (escape(title) for title in _titles(app, store))
    link = f'<a href="/?brand_id={store[0]}&amp;branch_id={store[1]}">{brand}</a>'
    return link, branch, *counts, sum(len(ids) for ids in live.own.values())


def _store(app: AppContext, store: state.Store) -> str:
    live = state.store_flags(app.state, store)
    rows = [
        (
            kind,
            entity_id,
            escape(next(iter(app.catalogue.ids[kind][entity_id].values()))),
            "<b class=off>off</b>" if entity_id in live.off[kind] else "on",
            "its own" if entity_id in live.own[kind] else "inherited",
        )
        for kind in KINDS
        for entity_id in app.catalogue.brand_entities[store[0]][kind]
    ]
    heads = ("kind", "id", "title", "now", "row")
    return f"<h2>{escape(' at '.join(_titles(app, store)))}</h2><p><a href=/>All stores</a></p>" + _table(
        heads, rows
    )


def _requests(app: AppContext) -> str:
    rows = [_request_row(logged) for logged in app.request_log.last(_LAST)]
    return "<h2>Last requests</h2>" + _table(("time", "request", "body", "key", "status", "request id"), rows)


def _request_row(logged: LoggedRequest) -> tuple[object, ...]:
    body = logged.body if len(logged.body) <= 200 else f"{logged.body[:200]}…"
    texts = (f"{logged.method} {logged.path}", body, logged.key, logged.request_id)
    request, body, key, request_id = (f"<code>{escape(text or '')}</code>" for text in texts)
    return logged.time.strftime("%H:%M:%S.%f")[:-3], request, body, key, _status(logged), request_id


def _status(logged: LoggedRequest) -> str:
    said = "no answer" if logged.status is None else f"{logged.status}{' again' * logged.replayed}"
    return said if logged.status in range(200, 300) else f"<b class=off>{said}</b>"


def _titles(app: AppContext, store: state.Store) -> tuple[str, str]:
    return app.catalogue.brands[store[0]].title, app.catalogue.branches[store[1]].title


def _red(count: int) -> str:
    return f"<b class=off>{count}</b>" if count else "0"


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = "".join(f"<th>{text}" for text in heads)
    lines = "".join("<tr>" + "".join(f"<td>{cell}" for cell in row) for row in rows)
    return f"<div><table><tr>{head}{lines}</table></div>"


DOCUMENT = "openapi.json"


def build_site(admin: Admin) -> ASGIApp:
    """Return the ASGI application of one sandbox."""

    async def show_page(request: Request) -> Response:
        query = dict(request.query_params)
        html = draw_page(admin.app, query=query, admin_token=admin.admin_token)
        return HTMLResponse(html, headers=PAGE_HEADERS)

    async def show_document(request: Request) -> Response:
        return JSONResponse(read_document())

    site = Starlette(
        routes=[
            Route("/", show_page),
            Route(f"/{DOCUMENT}", show_document),
            Route(f"{BASE}/{DOCUMENT}", show_document),
            Mount("/admin", routes=admin_routes(admin)),
            Mount(BASE, PartnerApi(admin.app)),
        ],
        exception_handlers={404: _nothing_here, 405: _not_so},
    )
    # The API does not redirect, so the base path without its last slash does not either.
    site.router.redirect_slashes = False
    return OriginGuard(site, admin_token=admin.admin_token)


def read_document() -> dict[str, object]:
    """Return the OpenAPI document that ships with the package."""
    document: dict[str, object] = json.loads(files(__package__).joinpath(DOCUMENT).read_text("utf-8"))
    return document


async def _nothing_here(request: Request, error: Exception) -> Response:
    return _refuse("resource_not_found", "nothing here", status=404)


async def _not_so(request: Request, error: Exception) -> Response:
    return _refuse("request_invalid", "method is not allowed here", status=405)


def _refuse(code: str, what: str, *, status: int) -> Response:
    said = {"code": code, "message": f"{what}; the API is below {BASE}", "details": {}}
    return JSONResponse({"request_id": "0" * 32, "error": said}, status_code=status)
