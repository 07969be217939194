"""What holds a request back that was about to leave."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest

import klikit_frames as kf
from klikit_frames.api.ratelimits import RateLimits
from klikit_frames.running.departures import Departure
from klikit_frames.running.drawing import draw_all
from klikit_frames.running.records import Request

from .worlds import connect


@pytest.fixture
def request_of_one(singles: kf.Plan) -> Request:
    """A request that has not left yet."""
    return draw_all(singles)[0]


def test_departure__stopped_while_it_waits(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, request_of_one: Request
) -> None:
    """A request that waits for a seat when the run is stopped does not leave."""
    stop, noted = threading.Event(), []

    def note(attempt: int, _sent_at: datetime) -> None:
        noted.append(attempt)
        stop.set()

    assert Departure(client, threading.Semaphore(0), stop, note).send(request_of_one) is None
    assert noted == [1]
    assert sandbox.requests.empty


def test_departure__paused_while_it_waits(sandbox: kf.sandbox.Sandbox, request_of_one: Request) -> None:
    """A request that waits for a seat when another is answered with a 429 keeps the pause as well."""
    seats, noted = threading.Semaphore(1), []
    with connect(sandbox) as client:

        def note(attempt: int, sent_at: datetime) -> None:
            noted.append((attempt, sent_at))
            if len(noted) == 1:
                limits = RateLimits(retry_after_s=20.0, retry_after="20")
                client.pacing.note("write", duration_s=0.1, limits=limits, is_rate_limited=True)

        settled = Departure(client, seats, threading.Event(), note).send(request_of_one)
    assert settled is not None
    assert settled.attempts == 1
    assert [attempt for attempt, _ in noted] == [1, 1]
    assert (noted[1][1] - noted[0][1]).total_seconds() >= 20
    assert sandbox.requests["status"].tolist() == [200]
    assert seats.acquire(blocking=False)
