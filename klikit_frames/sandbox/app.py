"""The ASGI application: HTTP in, calls out, answers back."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from .calls import MAX_BODY, Call
from .gate import Gate
from .idempotency import Recorded
from .receipts import Receipts
from .world import World

BASE = "/v1/partner"


class PartnerApi:
    """The API below its base path, as an ASGI application."""

    def __init__(self, world: World, receipts: Receipts) -> None:
        self._world = world
        self._gate = Gate(world)
        self._receipts = receipts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        call = read_call(scope, await read_body(receive))
        receipt = self._receipts.open(call, time=self._world.clock.moment())
        answer, headers, receipt.replayed = self._gate.answer(call)
        receipt.status, receipt.request_id = answer.status, answer.request_id
        await send_answer(send, answer, headers={"date": self._world.clock.http_date()} | headers)


async def read_body(receive: Receive) -> bytes:
    """Return the request's body, cut just above the size that is refused."""
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        chunk = message.get("body", b"")
        if size <= MAX_BODY:
            chunks.append(chunk)
        size += len(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def read_call(scope: Scope, body: bytes) -> Call:
    """Return an ASGI request as a call."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return Call(scope["method"], path, scope["query_string"].decode("latin-1"), headers, body)


async def send_answer(send: Send, answer: Recorded, *, headers: dict[str, str]) -> None:
    """Send a whole answer."""
    plain = {"content-type": "application/json", "content-length": str(len(answer.body))} | headers
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in plain.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    await send({"type": "http.response.body", "body": answer.body})


def build_app(world: World, receipts: Receipts) -> Starlette:
    """Return the whole application."""
    return Starlette(routes=[Mount(BASE, PartnerApi(world, receipts))])
