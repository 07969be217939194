"""The page for people: the business, its stores, the flags of now, and the last requests."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from . import flags
from .app_context import AppContext
from .demo_data import BUSINESS_ID, BUSINESS_TITLE, KINDS
from .request_log import LoggedRequest

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


def _chosen(app: AppContext, query: dict[str, str]) -> flags.Store | None:
    texts = (query.get("brand_id", ""), query.get("branch_id", ""))
    found = [store for store in app.catalogue.stores if (str(store[0]), str(store[1])) == texts]
    return found[0] if found else None


def _business(app: AppContext) -> str:
    off = flags.business_off(app.state)
    rows = [(kind, len(app.catalogue.ids[kind]), _red(len(off[kind]))) for kind in KINDS]
    return (
        f"<h1>{escape(BUSINESS_TITLE)}</h1><p>Business {BUSINESS_ID}, {len(app.catalogue.brands)} brands, "
        f"{len(app.catalogue.stores)} stores. Time here: {app.clock.http_date()}. "
        "The API is below <code>/v1/partner</code>, described in <a href=/openapi.json>openapi.json</a>.</p>"
        + _table(("business level", "in all", "off"), rows)
    )


def _stores(app: AppContext) -> str:
    inherited = flags.business_off(app.state)
    rows = [_store_row(app, store, inherited=inherited) for store in app.catalogue.stores]
    heads = ("brand", "branch", "sections off", "categories off", "items off", "rows of its own")
    return "<h2>Stores</h2>" + _table(heads, rows)


def _store_row(app: AppContext, store: flags.Store, *, inherited: dict[str, set[int]]) -> tuple[object, ...]:
    live = flags.store_flags(app.state, store, inherited=inherited)
    menu = app.catalogue.brand_entities[store[0]]
    counts = [_red(len(live.off[kind].intersection(menu[kind]))) for kind in KINDS]
    brand, branch = (escape(title) for title in _titles(app, store))
    link = f'<a href="/?brand_id={store[0]}&amp;branch_id={store[1]}">{brand}</a>'
    return link, branch, *counts, sum(len(ids) for ids in live.own.values())


def _store(app: AppContext, store: flags.Store) -> str:
    live = flags.store_flags(app.state, store)
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


def _titles(app: AppContext, store: flags.Store) -> tuple[str, str]:
    return app.catalogue.brands[store[0]].title, app.catalogue.branches[store[1]].title


def _red(count: int) -> str:
    return f"<b class=off>{count}</b>" if count else "0"


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = "".join(f"<th>{text}" for text in heads)
    lines = "".join("<tr>" + "".join(f"<td>{cell}" for cell in row) for row in rows)
    return f"<div><table><tr>{head}{lines}</table></div>"
