"""What was received, as it is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Event, Thread

import pytest

from klikit_frames.sandbox import request_log
from klikit_frames.sandbox.calls import Call
from klikit_frames.sandbox.request_log import RequestLog

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_receipts__can_be_read_while_a_run_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person looks at the requests whenever they like, also in the middle of many."""
    monkeypatch.setattr(request_log, "KEPT", 2000)
    kept, is_over = RequestLog(), Event()

    def arrive() -> None:
        while not is_over.is_set():
            kept.open(Call("GET", "/brands"), time=NOON)

    arriving = Thread(target=arrive)
    arriving.start()
    try:
        seen = [len(kept.frame()) for _ in range(8)]
    finally:
        is_over.set()
        arriving.join()
    assert max(seen) <= 2000


def test_receipts__are_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither many requests nor large ones fill the memory; the oldest go."""
    monkeypatch.setattr(request_log, "KEPT", 3)
    monkeypatch.setattr(request_log, "KEPT_CHARACTERS", 10)
    kept = RequestLog()
    for body in (b"1", b"2", b"3", b"4"):
        kept.open(Call("POST", "/", body=body), time=NOON)
    assert kept.frame()["body"].to_list() == ["2", "3", "4"]
    kept.open(Call("POST", "/", body=b"x" * 9), time=NOON)
    assert kept.frame()["body"].to_list() == ["4", "x" * 9]
    kept.open(Call("POST", "/", body=b"y" * 20), time=NOON)
    assert kept.frame()["body"].to_list() == ["y" * 20]
    kept.clear()
    kept.open(Call("POST", "/", body=b"z" * 10), time=NOON)
    assert [logged.body for logged in kept.last(5)] == ["z" * 10]
