"""Rows of the journal as frames."""

from __future__ import annotations

import pandas as pd

from klikit_frames.running.journal_codec import times
from tests.fixtures import column


def test_times__tell_a_gap_as_a_gap() -> None:
    """A run that was killed has no end, and the history says so beside runs that have one."""
    ends = times(pd.Series([1_763_900_000_000_000, None]))
    wanted = pd.Series(pd.to_datetime(column("2025-11-23T12:13:20Z", None)).as_unit("us"))
    pd.testing.assert_series_equal(ends, wanted)
