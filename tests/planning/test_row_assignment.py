"""The order of sending."""

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
    """Business-wide writes come first, as a run sends them, however few rows they settle."""
    wide = kf.business_toggles("item", [102], is_enabled=True)
    more = kf.business_toggles("section", range(1, 4), is_enabled=True)
    stores = toggles_of(np.ones((3, 4), dtype=bool))
    requests = kf.plan(pd.concat([stores, wide, more])).requests
    expected = pd.DataFrame(
        {
            "request_no": [1, 2, 3],
            "entity_type": pd.Series(["section", "item", "item"], dtype="str"),
            "scope": pd.Series(["business", "business", "store"], dtype="str"),
            "n_rows": [3, 1, 12],
        }
    )
    pd.testing.assert_frame_equal(requests[list(expected)], expected)
