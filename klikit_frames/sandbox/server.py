"""The API as an ASGI application: HTTP in, calls out, answers and faults back; and the server of it.

The server is uvicorn on loopback, in a thread of its own.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from asyncio import Transport
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import pairwise
from threading import Event, Thread

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from . import pipeline
from .app_context import AppContext
from .calls import MAX_BODY, ApiError, Call
from .faults import Fault
from .pipeline import KeyLocks, Pipeline, Recorded, RequestContext

DRIPS = 20


@dataclass(frozen=True)
class Wire:
    """The two channels of one request, receive and send, as ASGI gives them."""

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
    """Send what is written inside as one TCP segment, where the system can."""
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
    # A 204 has no body, so it must have no length and no content type either.
    described = {"content-type": "application/json", "content-length": str(len(answer.body))}
    plain = (described if answer.status != HTTPStatus.NO_CONTENT else {}) | headers
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in plain.items()]
    return {"type": "http.response.start", "status": answer.status, "headers": pairs}


BASE = "/v1/partner"
_NO_FAULT = Fault("latency", seconds=0)


class PartnerApi:
    """Everything below the API's base path."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._pipeline = Pipeline(app)
        self._turns = KeyLocks()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await _read_body(receive)
        if body is not None:
            await self._exchange(Wire(scope, receive, send), RequestContext(_read_call(scope, body)))

    async def _exchange(self, wire: Wire, request: RequestContext) -> None:
        logged = self._app.request_log.open(request.call, time=self._app.clock.moment())
        struck = self._app.faults.draw(request.call)
        wait_s = sum(fault.length_s for fault in struck if fault.name == "latency")
        fault = next((fault for fault in struck if fault.name != "latency"), _NO_FAULT)
        if fault.name == "reset_before":
            await reset_connection(wire)
            return
        answer = await self._answer_in_turn(request, fault, wait_s=wait_s)
        logged.replayed = request.is_replay
        if fault.name != "reset_after":
            logged.status, logged.request_id = answer.status, answer.request_id or None
        await self._deliver(wire, request, answer=answer, fault=fault)

    async def _answer_in_turn(self, request: RequestContext, fault: Fault, *, wait_s: float) -> Recorded:
        try:
            async with self._turns.take(self._app, request.call):
                await self._app.pauses.wait(wait_s)
                answer = self._answer(request, fault)
        except ApiError as error:
            answer = self._pipeline.error_answer(error)
        return pipeline.alter_answer(request, answer, fault=fault)

    def _answer(self, request: RequestContext, fault: Fault) -> Recorded:
        pipeline.prepare(request, fault=fault)
        answer = self._pipeline.answer(request) if pipeline.reaches_api(fault) else None
        instead = pipeline.answer_instead(self._pipeline, request, fault=fault)
        return (
            instead or answer or self._pipeline.error_answer(ApiError("internal", "the fault left no answer"))
        )

    async def _deliver(self, wire: Wire, request: RequestContext, *, answer: Recorded, fault: Fault) -> None:
        headers = self._date() | request.headers
        if fault.name == "reset_after":
            await reset_connection(wire)
        elif fault.name == "truncated":
            await send_half(wire, answer, headers=headers)
        elif fault.name == "doubled_answer":
            await send_twice(wire, answer, headers=headers)
        elif fault.name == "slow_drip":
            wait = partial(self._app.pauses.wait, fault.length_s / DRIPS)
            await send_drips(wire, answer, headers=headers, wait=wait)
        else:
            await send_answer(wire, answer, headers=headers)

    def _date(self) -> dict[str, str]:
        switches = self._app.switches
        if switches.date_header == "missing":
            return {}
        return {"date": self._app.clock.http_date(after_s=switches.date_skew_s)}


async def _read_body(receive: Receive) -> bytes | None:
    """Return the request's body, cut just above the size that is refused; None if it never came whole."""
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        if size <= MAX_BODY:
            chunks.append(chunk)
        size += len(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _read_call(scope: Scope, body: bytes) -> Call:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return Call(scope["method"], path, scope["query_string"].decode("latin-1"), headers, body)


HOST = "127.0.0.1"
_MALFORMED = json.dumps(
    {"request_id": "0" * 32, "error": {"code": "request_invalid", "message": "not HTTP", "details": {}}}
)


class Server(uvicorn.Server):
    """One ASGI application behind one port; once made, it is started and ready to answer.

    Parameters
    ----------
    app : ASGI application
        What answers.
    port : int
        The port; 0 takes a free one.
    on_stop : callable
        Called on the event loop when the server stops, so that waits there can end.
    """

    def __init__(self, app: ASGIApp, *, port: int, on_stop: Callable[[], None] = lambda: None) -> None:
        super().__init__(_config(app))
        self._on_stop = on_stop
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self._is_ready = Event()
        self._thread = Thread(target=self.run, args=([self._socket],), name="klikit sandbox", daemon=True)
        self._thread.start()
        self._is_ready.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        self._loop, self._is_over = asyncio.get_running_loop(), asyncio.Event()
        self._is_ready.set()

    async def main_loop(self) -> None:
        """Wait to be stopped; uvicorn's own loop looks only ten times a second, and so stops later."""
        await self._is_over.wait()
        self._on_stop()

    def stop(self) -> None:
        """Stop, and wait until it has; open connections are closed."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._is_over.set)
            self._thread.join()
        self._socket.close()


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's own, but the application can reach its connection, to break it under a fault."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.app_state = {"transport": transport}

    def send_400_response(self, msg: str) -> None:
        """Answer what is not even HTTP in the envelope too."""
        head = f"content-type: application/json\r\ncontent-length: {len(_MALFORMED)}\r\nconnection: close"
        self.transport.write(f"HTTP/1.1 400 Bad Request\r\n{head}\r\n\r\n{_MALFORMED}".encode())
        self.transport.close()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        loop="asyncio",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
    )


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only on sockets that say TCP; left on, each answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OverflowError:
        listener.close()
        raise ValueError(f"port is from 0 to 65535, not {port}") from None
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"port {port} is taken or not allowed; port=0 finds a free one") from error
    listener.listen(512)
    return listener
