"""Sending one request: answers of another request, a stop while the server hangs, forked processes."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest

import klikit_frames as kf
from klikit_frames.errors import JournalError, TransportError
from klikit_frames.running.journal import open_journal
from tests.running.fault_scenarios import run_in_child

from .scripts import PARTNER_KEY, SECRET_KEY, FakeClock, Script, connect, ok, write

Handler = Callable[[socket.socket, int], None]


@contextmanager
def listen(handle: Handler) -> Iterator[str]:
    """Serve on loopback: `handle` is called with each request's line and its number on this server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, handle), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def _accept(server: socket.socket, handle: Handler) -> None:
    n_requests = 0
    while True:
        try:
            line, _ = server.accept()
        except OSError:
            return
        # The client may have closed its end meanwhile.
        with line, suppress(OSError):
            while received := line.recv(65536):
                # A body may come in a piece of its own.
                if received.startswith(b"PATCH") and b"\r\n\r\n{" not in received:
                    line.recv(65536)
                n_requests += 1
                handle(line, n_requests)


def answer(number: int) -> bytes:
    """Return a whole answer with an id of its own."""
    body = b'{"request_id":"r-%d","data":[]}' % number
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def connect_to(url: str) -> kf.Client:
    """Return a client that would wait for ten minutes, on one connection."""
    keys: dict[str, Any] = {"partner_key": PARTNER_KEY, "secret_key": SECRET_KEY}
    return kf.connect(url, **keys, timeout=600.0, max_connections=1, clock=FakeClock())


def test_answer__of_another_request_is_not_believed() -> None:
    """One request_id under two keys: the connection is dropped, and the second request is asked again."""

    def double_the_first(line: socket.socket, number: int) -> None:
        line.sendall(answer(number) * (2 if number == 1 else 1))

    with listen(double_the_first) as url, connect_to(url) as client:
        settled = [write(client, key=f"key-{n}") for n in range(3)]
    assert [result.answer and result.answer.request_id for result in settled] == ["r-1", "r-3", "r-4"]
    assert [result.attempts for result in settled] == [1, 2, 1]


def test_answer__of_another_read_is_not_believed() -> None:
    """Answers to reads are kept apart too, though reads have no key."""
    script = Script(ok([1], request_id="r-1"), ok([1], request_id="r-1"), ok([2], request_id="r-2"))
    with connect(transport=script) as client:
        assert [client.read("/brands"), client.read("/branches")] == [[1], [2]]


def test_answer__that_is_always_anothers_settles_nothing() -> None:
    """A row is not called applied on an answer that never was its own."""
    with connect(ok(request_id="r-1")) as client:
        assert write(client, key="key-1").answer
        settled = write(client, key="key-2")
    assert (settled.answer, settled.was_sent, settled.had_silence) == (None, True, True)
    assert "another request" in (settled.trouble or "")


def test_replay__under_its_own_key_is_believed() -> None:
    """The API's stored answer has the id that it had: under the same key that is as it should be."""
    with connect(ok(request_id="r-1")) as client:
        assert [write(client).attempts for _ in range(2)] == [1, 1]


def test_stop__is_heard_while_a_server_hangs() -> None:
    """A write that was sent when its run was stopped returns, and says that it was sent."""
    stop = threading.Event()
    with listen(lambda _line, _number: stop.set()) as url, connect_to(url) as client:
        settled = write(client, stop=stop)
    assert (settled.answer, settled.was_sent, settled.attempts) == (None, True, 1)
    assert (settled.trouble or "").startswith("stopped before an answer came")


def test_stop__is_heard_by_a_read() -> None:
    """So does a read."""
    stop = threading.Event()
    with (
        listen(lambda _line, _number: stop.set()) as url,
        connect_to(url) as client,
        pytest.raises(TransportError, match="stopped"),
    ):
        client.read("/brands", stop=stop)


def test_stop__is_heard_in_somebody_elses_transport() -> None:
    """A transport that blocks is left behind."""
    stop, never = threading.Event(), threading.Event()

    def block(_request: httpx.Request) -> httpx.Response:
        stop.set()
        never.wait()
        return ok()

    with connect(block) as client:
        settled = write(client, stop=stop)
        assert (settled.was_sent, settled.answer) == (True, None)
        never.set()


def test_stop__leaves_an_answer_that_is_on_its_way_time_to_come() -> None:
    """What was done is not called unknown because the run was stopped in the same moment."""
    stop = threading.Event()

    def answer_after_stop(line: socket.socket, number: int) -> None:
        stop.set()
        line.sendall(answer(number))

    with listen(answer_after_stop) as url, connect_to(url) as client:
        assert write(client, stop=stop).answer


FORK = """
import os, sys
import klikit_frames as kf
client = kf.connect(sys.argv[1], partner_key=sys.argv[2], secret_key=sys.argv[3])
client.read("/brands")
for _ in range(3):
    if (child := os.fork()) == 0:
        try:
            with client:
                client.read("/brands")
        except kf.ConfigError as error:
            os.write(1, f"{type(error).__name__} {error}\\n".encode())
        os._exit(0)
    os.waitpid(child, 0)
print(len(client.read("/brands")))
"""


def test_client__in_a_forked_worker_refuses(sandbox: kf.sandbox.Sandbox) -> None:
    """A child would read the answers of its parent: the error says to connect, and the parent goes on."""
    call = [sys.executable, "-W", "ignore", "-c", FORK, sandbox.url, sandbox.partner_key, sandbox.secret_key]
    lines = subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["ConfigError"] * 3 + ["1"]
    assert all("call connect() in each worker" in line for line in lines[:3])


def test_journal__in_a_forked_worker_refuses() -> None:
    """The thread that writes stayed with the parent: the error in a child says to open the journal again."""
    with open_journal(":memory:") as journal:

        def ask() -> None:
            with pytest.raises(JournalError, match="open it again in each worker"):
                journal.runs()

        assert run_in_child(ask) is False
        assert journal.runs() is not None
