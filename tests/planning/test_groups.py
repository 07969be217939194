"""Groups of rows that may share a request."""

from __future__ import annotations

import pandas as pd

import klikit_frames as kf
from klikit_frames.planning.groups import split_groups


def test_split_groups__by_all_that_requests_share() -> None:
    """Rows part by type, scope, flag and cascade, in a fixed order; rows that are not sent are in none."""
    store = [(1, 11)]
    toggles = pd.concat(
        [
            kf.cross_toggles("item", [2, 1], store, is_enabled=True),
            kf.cross_toggles("item", [3], store, is_enabled=False),
            kf.cross_toggles("item", [4], store, is_enabled=False, cascade_to_modifier_groups=True),
            kf.business_toggles("item", [5], is_enabled=True),
            kf.cross_toggles("section", [6], store, is_enabled=True),
        ],
        ignore_index=True,
    )
    groups = split_groups(toggles, (toggles["entity_id"] != 6).to_numpy())
    assert [(*group.key, group.ids.tolist()) for group in groups] == [
        ("item", "business", True, False, (), [5]),
        ("item", "store", False, False, (), [3]),
        ("item", "store", False, True, (), [4]),
        ("item", "store", True, False, (), [1, 2]),
    ]
    assert groups[3].rows.tolist() == [0, 1]
    assert groups[3].cell_of_row.tolist() == [1, 0]
