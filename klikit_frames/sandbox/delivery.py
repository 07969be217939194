"""How an answer leaves: whole, in drips, cut short, or not at all."""

from __future__ import annotations

import socket
import struct
from asyncio import Transport
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import pairwise

from starlette.types import Message, Receive, Scope, Send

from .idempotency import Recorded

DRIPS = 20


@dataclass(frozen=True)
class Wire:
    """One request's way in and out, as ASGI gives it."""

    scope: Scope
    receive: Receive
    send: Send

    @property
    def transport(self) -> Transport:
        """The connection itself; the server's protocol puts it there."""
        transport: Transport = self.scope["state"]["transport"]
        return transport

    async def gone(self) -> None:
        """Wait until the connection is known to be gone; uvicorn complains of leaving before."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


async def send_answer(wire: Wire, answer: Recorded, *, headers: dict[str, str]) -> None:
    """Send a whole answer."""
    await wire.send(_start(answer, headers))
    await wire.send(_body(answer.body))


async def send_drips(
    wire: Wire, answer: Recorded, *, headers: dict[str, str], wait: Callable[[], Awaitable[None]]
) -> None:
    """Send an answer in twenty pieces, with a wait before each."""
    await wire.send(_start(answer, headers))
    ends = [len(answer.body) * number // DRIPS for number in range(DRIPS + 1)]
    for begin, end in pairwise(ends):
        await wait()
        await wire.send(_body(answer.body[begin:end], more=True))
    await wire.send(_body(b""))


async def send_twice(wire: Wire, answer: Recorded, *, headers: dict[str, str]) -> None:
    """Send an answer, and once more, in one piece, so that the second is taken for the next request's."""
    connection = wire.transport.get_extra_info("socket")
    with _corked(connection):
        await send_answer(wire, answer, headers=headers)
        wire.transport.write(_raw(answer, headers))


@contextmanager
def _corked(connection: socket.socket) -> Iterator[None]:
    """Let the system send what is written inside as one segment, where it can."""
    cork = getattr(socket, "TCP_CORK", getattr(socket, "TCP_NOPUSH", None))
    if cork is None:
        yield
        return
    connection.setsockopt(socket.IPPROTO_TCP, cork, 1)
    try:
        yield
    finally:
        connection.setsockopt(socket.IPPROTO_TCP, cork, 0)


def _raw(answer: Recorded, headers: dict[str, str]) -> bytes:
    start = _start(answer, headers)
    lines = [b"HTTP/1.1 %d " % answer.status, *(b"%s: %s" % pair for pair in start["headers"])]
    return b"\r\n".join(lines) + b"\r\n\r\n" + answer.body


async def send_half(wire: Wire, answer: Recorded, *, headers: dict[str, str]) -> None:
    """Promise a whole answer, send half of it and hang up."""
    await wire.send(_start(answer, headers))
    await wire.send(_body(answer.body[: len(answer.body) // 2], more=True))
    wire.transport.close()
    await wire.gone()


async def reset_connection(wire: Wire) -> None:
    """Drop the connection so that the client sees a reset."""
    linger = struct.pack("ii", 1, 0)
    # A client that is gone already has nothing left to reset.
    with suppress(OSError):
        wire.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    wire.transport.abort()
    await wire.gone()


def _body(piece: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": piece, "more_body": more}


def _start(answer: Recorded, headers: dict[str, str]) -> Message:
    # A 204 has no body, so it must not tell a length or a kind either.
    described = {"content-type": "application/json", "content-length": str(len(answer.body))}
    plain = (described if answer.status != HTTPStatus.NO_CONTENT else {}) | headers
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in plain.items()]
    return {"type": "http.response.start", "status": answer.status, "headers": pairs}
