"""The paths under ``/admin``, which the real API does not have: the desk over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .desk import Desk

Body = dict[str, object]
Action = Callable[[Desk, Body, dict[str, str]], object]


def admin_routes(desk: Desk) -> list[Route]:
    """Return the routes below ``/admin``."""
    return [Route(path, _endpoint(desk, action), methods=[method]) for method, path, action in _ACTIONS]


def _endpoint(desk: Desk, action: Action) -> Callable[[Request], object]:
    async def answer(request: Request) -> Response:
        try:
            body = _read(await request.body())
            data = action(desk, body, request.path_params)
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


def _issue(desk: Desk, body: Body, path: dict[str, str]) -> object:
    return desk.issue(_scopes(body) if "scopes" in body else None)._asdict()


def _rotate(desk: Desk, body: Body, path: dict[str, str]) -> object:
    return desk.rotate(path["partner_key"])._asdict()


def _revoke(desk: Desk, body: Body, path: dict[str, str]) -> object:
    desk.revoke(path["partner_key"])
    return None


def _rescope(desk: Desk, body: Body, path: dict[str, str]) -> object:
    desk.rescope(path["partner_key"], scopes=_scopes(body))
    return None


def _set(desk: Desk, body: Body, path: dict[str, str]) -> object:
    return asdict(desk.set(body))


def _list_faults(desk: Desk, body: Body, path: dict[str, str]) -> object:
    return [asdict(fault) for fault in desk.world.faults.live()]


def _inject(desk: Desk, body: Body, path: dict[str, str]) -> object:
    options = dict(body)
    return asdict(desk.inject(str(options.pop("name", "")), **options))


def _clear_faults(desk: Desk, body: Body, path: dict[str, str]) -> object:
    desk.world.faults.clear()
    return None


def _move_clock(desk: Desk, body: Body, path: dict[str, str]) -> object:
    desk.move_clock(body.get("seconds"))
    return {"now": desk.world.clock.http_date()}


def _reset(desk: Desk, body: Body, path: dict[str, str]) -> object:
    desk.reset()
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
