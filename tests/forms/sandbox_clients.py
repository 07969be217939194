"""Lines to the sandbox for the tests of this folder: one without waits, one that looks like a real host."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx

import klikit_frames as kf

HOST = "https://api.dev.shadowchef.co"
FREE: dict[str, Any] = {"writes_per_minute": 1_000_000, "reads_per_minute": 1_000_000}


class HastyClock:
    """The real time, without the waits between tries."""

    def time(self) -> float:
        """Return the present."""
        return time.time()

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Return at once."""


class Detour(httpx.HTTPTransport):
    """Carries what is meant for a real host to the sandbox."""

    def __init__(self, sandbox: kf.sandbox.Sandbox) -> None:
        super().__init__()
        self._there = httpx.URL(sandbox.url)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` to the sandbox."""
        there = {"scheme": self._there.scheme, "host": self._there.host, "port": self._there.port}
        url = request.url.copy_with(**there)
        # The sandbox answers only to names of this machine.
        headers = httpx.Headers(request.headers)
        headers["Host"] = url.netloc.decode()
        return super().handle_request(
            httpx.Request(
                request.method,
                url,
                headers=headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        )


class Gate(httpx.HTTPTransport):
    """Lets writes wait while a file is there: a run stays under way, however slow who looks on is."""

    def __init__(self, shut: Path) -> None:
        super().__init__()
        self._shut = shut

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`, once it may pass."""
        while request.method == "PATCH" and self._shut.exists():
            threading.Event().wait(0.02)
        return super().handle_request(request)


def hasty_client(sandbox: kf.sandbox.Sandbox, **options: object) -> kf.Client:
    """Return a client that tries again at once."""
    return sandbox.connect(clock=HastyClock(), **FREE, **options)


def gated_client(sandbox: kf.sandbox.Sandbox, *, shut: Path) -> kf.Client:
    """Return a client whose writes wait while the file `shut` is there."""
    return hasty_client(sandbox, transport=Gate(shut), timeout=600.0)


def guarded_client(sandbox: kf.sandbox.Sandbox) -> kf.Client:
    """Return a client for which the sandbox is a real business."""
    keys: dict[str, Any] = {"partner_key": sandbox.partner_key, "secret_key": sandbox.secret_key}
    return kf.connect(HOST, transport=Detour(sandbox), clock=HastyClock(), **keys, **FREE)
