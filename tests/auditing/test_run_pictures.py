"""Pictures of a plan and of its run."""

from __future__ import annotations

import numpy as np
import pandas as pd

import klikit_frames as kf
from klikit_frames.auditing.run_pictures import find_waits, read_requests


def test_plot_plan__colours_each_request() -> None:
    """Cells of one request have one colour, cells that nothing is sent for the background's."""
    toggles = pd.concat(
        [
            kf.cross_toggles("item", [1, 2], [(1, 11), (1, 12)], is_enabled=False),
            kf.cross_toggles("item", [3], [(1, 13)], is_enabled=True),
            kf.business_toggles("section", [4], is_enabled=True),
        ],
        ignore_index=True,
    )
    plan = kf.plan(toggles)
    picture = kf.plot_plan(plan)
    drawn = np.asarray(picture.figure.axes[0].images[0].get_array())
    assert drawn.shape == (4, 4)
    assert len(np.unique(drawn[drawn > 0])) == plan.n_requests == 3
    assert (drawn > 0).sum() == 6
    assert picture.text == "A plan: 6 rows in 3 requests, 4 entities × 4 places"


def test_plot_plan__names_what_there_is_room_for() -> None:
    """At most forty names on a side, and none is a formula."""
    toggles = kf.cross_toggles("item", range(1, 101), [(1, 11)], is_enabled=False).assign(title="$a$ $b$")
    axes = kf.plot_plan(kf.plan(toggles)).figure.axes[0]
    assert len(axes.get_yticks()) <= 40
    assert axes.get_yticklabels()[0].get_text() == "$a$ $b$"


def test_plot_plan__of_nothing() -> None:
    """A plan that sends nothing is an empty picture."""
    toggles = kf.business_toggles("section", [4], is_enabled=True)
    assert (
        kf.plot_plan(kf.plan(toggles.head(0))).text == "A plan: 0 rows in 0 requests, 0 entities × 0 places"
    )


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
    bars = read_requests(_result(("unknown", 2, None, 5), ("applied", 1, 1.5, 1)).frame)
    assert bars[["outcome", "start_s", "end_s"]].to_numpy().tolist() == [
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
    """More requests than the eye can separate are drawn as curves of sent and answered."""
    many = [("applied", n / 10, n / 10 + 0.05, 1) for n in range(151)]
    axes = kf.plot_timeline(_result(*many)).figure.axes[0]
    assert axes.get_ylabel() == "requests so far"
    assert [np.asarray(line.get_ydata())[-1] for line in axes.lines] == [151, 151]


def test_timeline__nothing_was_sent() -> None:
    """A run that sent nothing says so."""
    assert kf.plot_timeline(_result()).text == "Timeline of a run: nothing was sent"
