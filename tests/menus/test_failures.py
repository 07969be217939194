"""What could not be read, as a frame."""

from __future__ import annotations

import pandas as pd

import klikit_frames as kf
from klikit_frames.menus.failures import Failure, in_words


def test_failures__of_a_frame_without_notes() -> None:
    """A frame that lost its notes has no failures, with the right columns."""
    assert kf.failures(pd.DataFrame()).columns.tolist() == list(Failure._fields)


def test_words__ten_cases_then_the_count() -> None:
    """Ten cases are named, then how many more there are."""
    many = [Failure(1, n, f"menu of store 1/{n}", None, None, "away", None) for n in range(12)]
    told = in_words(many)
    assert "menu of store 1/9: away" in told
    assert "1/10" not in told
    assert told.endswith("menu of store 1/9: away; and 2 more.")


def test_words__end_as_a_sentence() -> None:
    """What the API said ends in one full stop, whether it had one or not."""
    said = [Failure(1, n, f"menu {n}", None, None, text, None) for n, text in enumerate(("away", "gone."))]
    assert in_words(said) == "menu 0: away; menu 1: gone."
    assert in_words(said[:1]) == "menu 0: away."
