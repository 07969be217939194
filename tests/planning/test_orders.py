"""The order of requests."""

from __future__ import annotations

import numpy as np
import pandas as pd

import klikit_frames as kf
from tests.planning.tables import toggles_of


def test_order__most_rows_first() -> None:
    """The request that settles most rows is sent first."""
    cells = np.zeros((9, 9), dtype=bool)
    cells[0, 0] = cells[1:3, 1:3] = cells[3:9, 3:9] = True
    assert kf.plan(toggles_of(cells)).requests["n_rows"].tolist() == [36, 4, 1]


def test_order__business_first() -> None:
    """A business-wide write comes before the store overrides of its entity, pulled forward by these."""
    overrides = toggles_of(np.ones((3, 4), dtype=bool))
    wide = kf.business_toggles("item", [102], is_enabled=True)
    other = kf.cross_toggles("category", range(1, 9), [(1, 11)], is_enabled=False)
    requests = kf.plan(pd.concat([overrides, other, wide])).requests
    assert requests[["entity_type", "scope"]].to_numpy().tolist() == [
        ["category", "store"],
        ["item", "business"],
        ["item", "store"],
    ]


def test_order__same_id_of_another_type() -> None:
    """A section's number says nothing of the item with the same number."""
    overrides = toggles_of(np.ones((3, 4), dtype=bool))
    requests = kf.plan(
        pd.concat([overrides, kf.business_toggles("section", [102], is_enabled=True)])
    ).requests
    assert requests["scope"].tolist() == ["store", "business"]
