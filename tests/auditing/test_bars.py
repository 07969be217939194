"""Bars of what is dark and of what changed."""

from __future__ import annotations

import pandas as pd
import pytest

import klikit_frames as kf
from tests.auditing.samples import business, in_store, state_of

STATE = state_of(
    in_store((1, 1), "item", 1, True),
    in_store((1, 1), "item", 2, False),
    in_store((2, 1), "item", 3, True),
    business("item", 3, False),
).assign(path=["Lunch › A", "Lunch › B | Dinner › B", "Dinner › C", None])


def _labels(picture: object) -> list[str]:
    return [text.get_text() for text in picture.figure.axes[0].get_yticklabels()]  # type: ignore[attr-defined]


def test_dark__by_brand() -> None:
    """The brand with the largest dark share comes first; business rows are left aside."""
    picture = kf.plot_dark(STATE)
    assert picture.text == "Items that are dark, by brand: 33 % of 3 items; most in brand 1"
    assert _labels(picture) == ["brand 1", "brand 2"]
    notes = [text.get_text() for text in picture.figure.axes[0].texts]
    assert notes == ["50 % of 2", "0 % of 1"]


def test_dark__by_section() -> None:
    """By section an item counts in the first of its sections."""
    assert _labels(kf.plot_dark(STATE, by="section")) == ["Lunch", "Dinner"]


def test_dark__business_level() -> None:
    """Business rows alone are one bar."""
    assert _labels(kf.plot_dark(STATE.tail(1))) == ["business level"]


def test_dark__names() -> None:
    """With a table of stores brands have their names."""
    stores = pd.DataFrame(
        {"brand_id": [1, 2], "branch_id": [1, 1], "brand_title": ["X", "Y"], "branch_title": "Z"}
    )
    assert _labels(kf.plot_dark(STATE, stores=stores)) == ["X", "Y"]


def test_drift__by_store() -> None:
    """Off is to the left and on to the right, with numbers, the store with most changes first."""
    flipped = STATE.assign(is_enabled=~STATE["is_enabled"])
    picture = kf.plot_drift(kf.drift(STATE, flipped))
    assert picture.text == "Switched between two snapshots: 2 off, 2 on"
    assert _labels(picture) == ["1/1", "2/1", "business level"]
    off, on = ([bar.get_width() for bar in bars] for bars in picture.figure.axes[0].containers)
    assert (off, on) == ([-1, -1, 0], [1, 0, 1])


@pytest.mark.parametrize(("n_stores", "n_bars"), [(40, 40), (41, 2)])
def test_drift__many_stores_are_put_together(n_stores: int, n_bars: int) -> None:
    """Above 40 stores the bars stand for brands."""
    before = state_of(*(in_store((1 + n % 2, n + 1), "item", 1, True) for n in range(n_stores)))
    picture = kf.plot_drift(kf.drift(before, before.assign(is_enabled=False)))
    assert len(_labels(picture)) == n_bars


def test_drift__nothing() -> None:
    """Nothing changed is a picture too."""
    assert kf.plot_drift(kf.drift(STATE, STATE)).text == "Switched between two snapshots: 0 off, 0 on"


def test_bars__what_cannot_be_drawn() -> None:
    """Another frame and an unknown grouping are refused in words."""
    with pytest.raises(kf.ConfigError, match="by='city' is none of 'brand', 'section'"):
        kf.plot_dark(STATE, by="city")
    with pytest.raises(kf.StateError, match="this frame has no column drift"):
        kf.plot_drift(STATE)


def test_bars__prices_in_names() -> None:
    """Dollar signs in the names of brands are drawn as they are, never as mathematics."""
    brands = pd.DataFrame(
        {"brand_id": [1], "branch_id": [1], "brand_title": "Any $5_ ^$", "branch_title": "^$"}
    )
    dark = kf.plot_dark(STATE, stores=brands)
    assert dark.text.endswith("most in Any $5_ ^$")
    drift = kf.plot_drift(kf.drift(STATE, STATE.assign(is_enabled=~STATE["is_enabled"])), stores=brands)
    assert [picture.png[:4] for picture in (dark, drift)] == [b"\x89PNG"] * 2
