"""The timeline of a run."""

from __future__ import annotations

import numpy as np
import pandas as pd

import klikit_frames as kf
from klikit_frames.auditing.timelines import find_waits, read_requests


def _result(*requests: tuple[str, float, float | None, int]) -> kf.Result:
    """Return a result whose requests have two rows each: outcome, start, end, attempts."""
    origin = pd.Timestamp("2026-11-23", tz="UTC")
    rows = [
        {
            "outcome": outcome,
            "idempotency_key": f"k{n}",
            "attempts": attempts,
            "sent_at": origin + pd.Timedelta(start, "s"),
            "settled_at": None if end is None else origin + pd.Timedelta(end, "s"),
        }
        for n, (outcome, start, end, attempts) in enumerate(requests)
        for _ in range(2)
    ]
    columns = ["outcome", "idempotency_key", "attempts", "sent_at", "settled_at"]
    frame = pd.DataFrame(rows, columns=columns).astype(
        {"sent_at": "datetime64[us, UTC]", "settled_at": "datetime64[us, UTC]", "attempts": "Int64"}
    )
    return kf.Result(frame, "r", "p", "h")


def test_requests__one_row_each() -> None:
    """Rows of one request are one bar; a request without an end has no length."""
    told = read_requests(_result(("unknown", 2, None, 5), ("applied", 1, 1.5, 1)).frame)
    assert told[["outcome", "start_s", "end_s"]].to_numpy().tolist() == [
        ["applied", 0, 0.5],
        ["unknown", 1, 1],
    ]


def test_waits__where_nothing_is_under_way() -> None:
    """A wait is where no request is under way, also behind one that takes longer than its successors."""
    starts, ends = np.array([0.0, 0.1, 6.0, 6.05, 12.0]), np.array([5.0, 0.3, 6.1, 6.2, 12.1])
    np.testing.assert_allclose(find_waits(starts, ends), [[5.0, 6.0], [6.2, 12.0]])
    assert find_waits(np.array([]), np.array([])).shape == (0, 2)


def test_timeline__says_what_is_to_be_seen() -> None:
    """Requests, seconds, outcomes and waiting are in the title; outcomes, waits and retries in the legend."""
    picture = kf.plot_timeline(_result(("applied", 0, 1, 1), ("failed", 4, 9, 3)))
    assert picture.text == "Timeline of a run: 2 requests in 9.0 s, 1 applied, 1 failed; 3.0 s of waiting"
    legend = [text.get_text() for text in picture.figure.legends[0].get_texts()]
    assert set(legend) == {"waiting: nothing under way", "applied", "failed", "retried"}


def test_timeline__many_requests() -> None:
    """More requests than can be told apart are drawn as curves of sent and answered."""
    many = [("applied", n / 10, n / 10 + 0.05, 1) for n in range(151)]
    axes = kf.plot_timeline(_result(*many)).figure.axes[0]
    assert axes.get_ylabel() == "requests so far"
    assert [np.asarray(line.get_ydata())[-1] for line in axes.lines] == [151, 151]


def test_timeline__nothing_was_sent() -> None:
    """A run that sent nothing says so."""
    assert kf.plot_timeline(_result()).text == "Timeline of a run: nothing was sent"
