"""What several tests of runs look with."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import httpx
import pandas as pd

import klikit_frames as kf
from klikit_frames.edge import SystemClock


class Bar:
    """A progress bar that does something at its first step."""

    def __init__(self, action: object = None) -> None:
        self.n = 0
        self.is_closed = False
        self._action = action

    def update(self, n: int = 1, /) -> None:
        """Count, and do the action once."""
        action, self._action = self._action, None
        self.n += n
        if callable(action):
            action()

    def close(self) -> None:
        """Note that it was closed."""
        self.is_closed = True


class Milestone(Bar):
    """A progress bar that tells when it has come to its third step."""

    def __init__(self) -> None:
        super().__init__()
        self.is_reached = threading.Event()

    def update(self, n: int = 1, /) -> None:
        """Count."""
        super().update(n)
        if self.n >= 3:
            self.is_reached.set()


class HoldingTransport(httpx.HTTPTransport):
    """Keeps the `nth` request of a method until it is let go, and does something when it comes.

    Only requests with `match` in their URL count.
    """

    def __init__(
        self,
        action: Callable[[], object] = lambda: None,
        *,
        nth: int = 4,
        method: str = "PATCH",
        match: str = "",
    ) -> None:
        super().__init__()
        self.has_come = threading.Event()
        self.let_go = threading.Event()
        self._action = action
        self._n_left = nth
        self._method = method
        self._match = match
        self._is_closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        is_counted = self._method == request.method and self._match in str(request.url)
        self._n_left -= is_counted
        if is_counted and not self._n_left:
            self.has_come.set()
            self._action()
            assert self.let_go.wait(600)
        if self._is_closed:
            # A thread may be let go after its client was closed: nobody would close its connection.
            raise httpx.ConnectError("closed", request=request)
        return super().handle_request(request)

    def close(self) -> None:
        """Close all connections, and open no more."""
        self._is_closed = True
        super().close()


class WaitingClock(SystemClock):
    """A clock whose waits end with the stop alone: what does not hear one waits in vain."""

    def __init__(self, action: Callable[[], object] = lambda: None) -> None:
        self.has_come = threading.Event()
        self.has_heard = threading.Event()
        self._action = action

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Do something the first time, and wait for the stop."""
        if not self.has_come.is_set():
            self.has_come.set()
            self._action()
        assert stop is not None
        assert stop.wait(600)
        self.has_heard.set()


def is_running(name: str) -> bool:
    """Tell whether a thread that bears a name is still at something."""
    return any(thread.name.startswith(name) for thread in threading.enumerate())


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, and fail where it does not within ten minutes."""
    pause = threading.Event()
    for _ in range(60_000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("what was waited for has not come in ten minutes")


class AnsweringTransport(httpx.HTTPTransport):
    """Sends what it gets; the first `count` writes get another answer than the API's, after some action."""

    def __init__(
        self,
        status: int,
        content: bytes = b"",
        *,
        count: int = 10**6,
        action: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__()
        self._answer = (status, content)
        self._n_left = count
        self._action = action

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        response = super().handle_request(request)
        if request.method == "GET" or not self._n_left:
            return response
        response.read()
        self._n_left -= 1
        self._action()
        return httpx.Response(self._answer[0], content=self._answer[1])


def interrupt() -> None:
    """Do as Ctrl-C does."""
    raise KeyboardInterrupt


def writes(sandbox: kf.sandbox.Sandbox) -> pd.DataFrame:
    """Return the writes that the sandbox received."""
    return sandbox.requests[sandbox.requests["method"] == "PATCH"]


def press_ctrl_c() -> None:
    """Do as Ctrl-C in the terminal does, from whatever thread."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def wait_for_threads(name: str) -> None:
    """Wait until the threads that bear a name, left behind by whoever was interrupted, have ended.

    One thread may leave another behind, which sends the request that was held: none is left to open a
    connection of a client that is closed.
    """
    while left := [thread for thread in threading.enumerate() if thread.name.startswith(name)]:
        for thread in left:
            thread.join(600)
            assert not thread.is_alive()
