"""The picture of a plan: each request a block of one colour."""

from __future__ import annotations

import numpy as np
import pandas as pd

import klikit_frames as kf


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
