"""The server: uvicorn on loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from threading import Event, Thread

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

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
