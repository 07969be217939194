"""Odd answers and odd moments: half characters, dates beyond the calendar, clients closed in mid-wait."""

from __future__ import annotations

import json
import threading
from datetime import datetime

import httpx
import pytest

import klikit_frames as kf
from klikit_frames.api.wire import explain, read_answer

from .scripts import FakeClock, Script, connect, error, ok, write


@pytest.mark.parametrize("half", [rb"\ud83c", rb"\uDF55", rb"\ud83cx\udf55"])
def test_half_a_character__is_replaced_wherever_it_stands(half: bytes) -> None:
    """A text that a server cut in mid-emoji still fits every file: message, request_id and data."""
    body = b'{"request_id":"r%s","data":["d%s"],"error":{"code":"X%s","message":"m%s"}}' % ((half,) * 4)
    answer = read_answer(400, body)
    for text in (answer.message, answer.request_id or "", *answer.data):
        assert text[1:2] in {"?", "\N{REPLACEMENT CHARACTER}"}
        assert text.encode("utf-8")
    assert answer.code == "request_invalid"


def test_whole_character__is_kept_beside_a_half() -> None:
    """Two halves that belong together are one character, and stay it."""
    body = json.dumps({"request_id": "r", "data": ["\N{SLICE OF PIZZA}", "cut \ud83c"]}).encode()
    assert read_answer(200, body).data == ["\N{SLICE OF PIZZA}", "cut ?"]


@pytest.mark.parametrize(
    "date",
    ["Mon, 01 Jan 99999999999 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -0100", "yesterday", ""],
)
def test_date__beyond_the_calendar_is_none(date: str) -> None:
    """A server's clock that no calendar holds is no clock."""
    assert read_answer(200, b'{"request_id":"r","data":null}', date=date).server_at is None


def test_redirect__is_explained() -> None:
    """A redirect has no words of the API's: what it means is said, with the variable to look at."""
    answer = read_answer(307, b"")
    assert explain(answer).startswith("the server sends requests elsewhere")
    assert "KLIKIT_BASE_URL" in explain(answer)
    with connect(httpx.Response(307)) as client, pytest.raises(kf.ApiError, match="elsewhere"):
        client.read("/brands")


class ClosingClock(FakeClock):
    """A clock on which somebody closes the client during the first wait."""

    client: kf.Client

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Close the client, then jump."""
        self.client.close()
        super().sleep(seconds, stop=stop)


def test_write__of_a_client_closed_in_a_pause() -> None:
    """A write that waits out a 429 when its client is closed was never taken, and says why it ended."""
    clock, script = ClosingClock(), Script(error(429, Retry_After="7"), ok())
    clock.client = connect(transport=script, clock=clock)
    settled = write(clock.client)
    assert (settled.answer, settled.was_sent, settled.trouble) == (None, False, "the client was closed")
    assert len(script.received) == 1


@pytest.mark.parametrize("n_before", [0, 1])
def test_on_attempt__that_returns_false_keeps_the_try_from_being_sent(n_before: int) -> None:
    """Whoever is told of a try may forbid it; what was met before it is still told."""
    script = Script(error(503, request_id="r-1"), ok())

    def allow(n: int, _at: datetime) -> bool:
        return n <= n_before

    with connect(transport=script) as client:
        settled = write(client, on_attempt=allow)
    assert (len(script.received), settled.attempts, settled.was_sent) == (n_before, n_before, bool(n_before))
    assert (settled.answer.http_status if settled.answer else None) == (503 if n_before else None)
    assert settled.trouble == "stopped"
