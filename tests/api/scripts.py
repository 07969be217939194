"""A server by the script and a clock that never waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import httpx

import klikit_frames as kf
from klikit_frames.api.request_executor import CallResult
from klikit_frames.edge import Clock, SystemClock

URL = "http://127.0.0.1:9/v1/partner"
PARTNER_KEY = "pk_canary_4d1f"
SECRET_KEY = "sk_canary_9c77"
PATH = "/menus/items/enable"

Step = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class FakeClock(SystemClock):
    """A clock that jumps instead of waiting."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def time(self) -> float:
        """Return the present."""
        return self.now

    def monotonic(self) -> float:
        """Return the same: nobody sets this clock."""
        return self.now

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Jump, unless stopped already."""
        if not (stop and stop.is_set()):
            self.slept.append(seconds)
            self.now += seconds


class Script(httpx.BaseTransport):
    """Answers with one step after the other, the last one for ever, and notes what it received."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.received: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return or raise the next step."""
        self.received.append(request)
        step = self.steps[min(len(self.received), len(self.steps)) - 1]
        if isinstance(step, Exception):
            raise step
        made = step(request) if callable(step) else step
        return httpx.Response(made.status_code, headers=made.headers, stream=made.stream)


def ok(data: object = None, *, request_id: str | None = None, **headers: str) -> httpx.Response:
    """Return a success, with an id if one is given: the API gives each request its own."""
    body = {"data": data} | ({"request_id": request_id} if request_id else {})
    return httpx.Response(200, json=body, headers=spell(headers))


def error(status: int, code: str = "", *, request_id: str | None = None, **headers: str) -> httpx.Response:
    """Return a failure, with an id of its own unless one is given."""
    body: dict[str, Any] = {"error": {"code": code, "message": f"{status} it is"}}
    if request_id:
        body["request_id"] = request_id
    return httpx.Response(status, json=body, headers=spell(headers))


def spell(headers: dict[str, str]) -> dict[str, str]:
    """Return headers whose names were given as Python names."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def connect(*steps: Step, clock: Clock | None = None, **options: Any) -> kf.Client:
    """Return a client whose server follows the script."""
    options.setdefault("transport", Script(*steps))
    return kf.connect(
        URL, partner_key=PARTNER_KEY, secret_key=SECRET_KEY, clock=clock or FakeClock(), **options
    )


def write(client: kf.Client, *, key: str = "key-1", **options: Any) -> CallResult:
    """Send one write."""
    return client.write("PATCH", PATH, b'{"ids":[1],"isEnabled":false}', key=key, **options)


def run(steps: Iterable[Step], **options: Any) -> tuple[CallResult, Script]:
    """Send one write to a scripted server; return its end, and the server."""
    script = Script(*steps)
    with connect(transport=script, **options) as client:
        return write(client), script
