"""Who may talk to the sandbox: programs of this machine, and its own page; no other web page.

A browser sends requests for any page that is open in it. Two things give these away: the ``Host`` that the
page's own name resolved to (DNS rebinding), and the ``Origin`` that a page cannot choose. The calls under
``/admin`` also need a token, in a header that a foreign page cannot set.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

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
        answer = self._app if reason is None else _refuse(*reason)
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


def _refuse(status: int, code: str, message: str) -> JSONResponse:
    error = {"code": code, "message": message, "details": {}}
    return JSONResponse({"request_id": "0" * 32, "error": error}, status_code=status)
