"""The server: uvicorn in a thread of its own, and the object through which Python steers it."""

from __future__ import annotations

import hashlib
import logging
import socket
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import uvicorn

from . import credentials
from .app import BASE, build_app
from .catalogue import build_catalogue
from .credentials import Credential
from .receipts import Receipts
from .state import State
from .switches import Switches, change_switches
from .truth import state_frame
from .world import World

if TYPE_CHECKING:
    import pandas as pd

    from klikit_frames import Client

HOST = "127.0.0.1"


class Sandbox:
    """A running sandbox.

    Attributes
    ----------
    url : str
        Base URL of the API, for ``connect`` and ``KLIKIT_BASE_URL``.
    partner_key, secret_key : str
        The credential that is there from the start, with every scope.
    """

    def __init__(self, world: World, *, port: int) -> None:
        self._world = world
        self._receipts = Receipts()
        self._credential = self._first_credential = _first_credential(world.catalogue.seed)
        if not world.state.rows("SELECT 1 FROM flags LIMIT 1"):
            world.seed()
        credentials.issue(world, self._credential)
        self._first_switches = world.switches
        self._server = _ThreadedServer(build_app(world, self._receipts), port=port)

    @property
    def url(self) -> str:
        """Base URL of the API."""
        return f"http://{HOST}:{self._server.port}{BASE}"

    @property
    def partner_key(self) -> str:
        """Key of the credential that is there from the start."""
        return self._credential.partner_key

    @property
    def secret_key(self) -> str:
        """Secret of that credential."""
        return self._credential.secret_key

    @property
    def requests(self) -> pd.DataFrame:
        """All that the API received, oldest first: one row per request."""
        return self._receipts.frame()

    @property
    def switches(self) -> Switches:
        """The switches in force."""
        return self._world.switches

    def state(self) -> pd.DataFrame:
        """Return the truth: business rows, then for every store each entity of its menu, live."""
        return state_frame(self._world)

    def set(self, **switches: object) -> None:
        """Turn switches while running."""
        self._world.switches = change_switches(self._world.switches, switches)

    def move_clock(self, seconds: float) -> None:
        """Move the sandbox's time forward; its ``Date`` header goes with it."""
        self._world.clock.move(seconds)

    def reset(self) -> None:
        """Bring everything back to the first day."""
        self._world.state.clear()
        self._world.clock.reset()
        self._world.switches = self._first_switches
        self._world.seed()
        self._credential = self._first_credential
        credentials.issue(self._world, self._credential)
        self._receipts.clear()

    def connect(self, **options: Any) -> Client:
        """Return a client of this sandbox; the options are those of ``klikit_frames.connect``."""
        import klikit_frames

        own = {"partner_key": self.partner_key, "secret_key": self.secret_key}
        return klikit_frames.connect(self.url, **(own | options))

    def close(self) -> None:
        """Stop the server and close the database."""
        self._server.stop()
        self._world.state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Sandbox {self.url} partner_key={self.partner_key}>"


def serve(
    *,
    seed: int = 7,
    scale: str = "demo",
    port: int = 0,
    store_path: str = ":memory:",
    faults: object = None,
    **switches: object,
) -> Sandbox:
    """Start the Partner API on 127.0.0.1 and return the running sandbox.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox:
    ...     sandbox.url
    'http://127.0.0.1:.../v1/partner'
    """
    turned = change_switches(Switches(), switches)
    world = World(build_catalogue(seed=seed, scale=scale), State(store_path), switches=turned)
    return Sandbox(world, port=port)


def _first_credential(seed: int) -> Credential:
    digest = hashlib.sha256(f"klikit sandbox {seed}".encode()).hexdigest()
    return Credential(f"pk_sandbox_{digest[:16]}", f"sk_sandbox_{digest[16:48]}")


class _ThreadedServer(uvicorn.Server):
    """uvicorn in a thread; made is started, and ready to answer."""

    def __init__(self, app: object, *, port: int) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        config = uvicorn.Config(
            app,  # type: ignore[arg-type]
            loop="asyncio",
            lifespan="off",
            ws="none",
            log_config=None,
            log_level=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self._is_ready = Event()
        self._thread = Thread(target=self.run, args=([self._socket],), name="klikit sandbox", daemon=True)
        self._thread.start()
        self._is_ready.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        self._is_ready.set()

    def stop(self) -> None:
        """Stop, and wait until it has."""
        self.should_exit = True
        self._thread.join()
        self._socket.close()


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only on sockets that say TCP; left on, each answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    listener.listen(512)
    return listener
