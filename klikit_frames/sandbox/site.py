"""The whole site: the API, its document, the operator's paths and the page for people."""

from __future__ import annotations

import json
from importlib.resources import files

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from .admin import Admin, admin_routes
from .app import BASE, PartnerApi
from .origin_guard import OriginGuard
from .page import PAGE_HEADERS, draw_page

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
