"""How the sandbox's tests talk to it: plain HTTP, with nothing of the client in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

import klikit_frames as kf

Call = Callable[..., httpx.Response]
# No proxies of whoever runs the tests, and no certificates: to load these takes longer than most tests.
# A busy machine may answer late: only a server that hangs is to be noticed.
PLAIN: dict[str, Any] = {"trust_env": False, "verify": False, "timeout": 300.0}


@pytest.fixture
def http(sandbox: kf.sandbox.Sandbox) -> Iterator[httpx.Client]:
    """A bare HTTP client with the sandbox's first credential."""
    auth = (sandbox.partner_key, sandbox.secret_key)
    with httpx.Client(base_url=sandbox.url, auth=auth, **PLAIN) as client:
        yield client


@pytest.fixture
def enable(http: httpx.Client) -> Call:
    """Sends one enable call of items, or of another kind."""

    def send(
        ids: list[int], *, kind: str = "items", key: str | None = None, **body: object
    ) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return http.patch(f"/menus/{kind}/enable", json={"ids": ids, **body}, headers=headers)

    return send
