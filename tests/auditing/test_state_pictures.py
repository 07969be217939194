"""Pictures of live flags: the heat map, and bars of what is dark and what changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.auditing.pictures import read_labels
from klikit_frames.auditing.state_pictures import make_grid
from tests.auditing.samples import business, in_store, state_of
from tests.fixtures import column, wrong

STORES = pd.DataFrame(
    {"brand_id": [1, 1], "branch_id": [1, 2], "brand_title": "Noodle Bar", "branch_title": ["Bogor", "Bogor"]}
)

STATE = state_of(
    in_store((1, 1), "item", 1, True),
    in_store((1, 1), "item", 2, False),
    in_store((2, 1), "item", 3, True),
    business("item", 3, False),
).assign(path=column("Lunch › A", "Lunch › B | Dinner › B", "Dinner › C", None))


def _state(*, n_items: int, n_stores: int) -> pd.DataFrame:
    rows = [
        in_store((1 + store % 3, 1 + store // 3), "item", item, (item + store) % 4 > 0)
        for store in range(n_stores)
        for item in range(1, n_items + 1)
    ]
    state = state_of(*rows)
    number = state["entity_id"] % 10
    return state.assign(path="Menu › Category " + number.astype(str))


def test_grid__one_cell_per_flag() -> None:
    """A small state is shown flag by flag, and what has the same name stays apart."""
    state = state_of(
        in_store((1, 1), "item", 7, True),
        in_store((1, 1), "item", 8, None),
        in_store((1, 2), "item", 7, False),
    ).assign(title="Tea", path=None)
    grid = make_grid(state, labels=read_labels(STORES), entity_type="item")
    np.testing.assert_array_equal(grid.values, [[3, 2], [1, 0]])
    assert (grid.rows, grid.columns) == (["Tea", "Tea"], ["Noodle Bar · Bogor"] * 2)
    assert not grid.is_share


@pytest.mark.parametrize(
    ("n_items", "n_stores", "kinds", "shape"),
    [
        (100, 60, ("item", "store"), (100, 60)),
        (101, 60, ("category", "store"), (30, 60)),
        (100, 61, ("item", "brand"), (100, 3)),
        (120, 61, ("category", "brand"), (30, 3)),
    ],
)
def test_grid__is_put_together_when_it_does_not_fit(
    n_items: int, n_stores: int, kinds: tuple[str, str], shape: tuple[int, int]
) -> None:
    """Up to 100 × 60 single flags are shown; above that the share that is on, by category and by brand."""
    state = _state(n_items=n_items, n_stores=n_stores)
    grid = make_grid(state, labels=read_labels(None), entity_type="item")
    assert ((grid.row_kind, grid.column_kind), grid.values.shape) == (kinds, shape)
    assert grid.is_share == (kinds != ("item", "store"))
    assert np.nanmax(grid.values) <= (1 if grid.is_share else 3)


def test_matrix__effective_state() -> None:
    """Of a state that tells what guests see, that is shown."""
    state = state_of(
        in_store((1, 1), "category", 2, False), in_store((1, 1), "item", 7, True, path="2")
    ).assign(path=None)
    assert kf.plot_matrix(state).text.endswith("1 of 1 on")
    assert kf.plot_matrix(kf.effective(state)).text.endswith("0 of 1 on")


def test_matrix__draws_legend_units_and_labels() -> None:
    """A picture of single flags has a legend of what occurs; one of shares says its unit."""
    single = kf.plot_matrix(_state(n_items=5, n_stores=4)).figure
    assert [text.get_text() for text in single.legends[0].get_texts()] == ["on", "off"]
    assert single.axes[0].get_xlabel() == "store"
    shares = kf.plot_matrix(_state(n_items=101, n_stores=4)).figure
    assert shares.axes[1].get_ylabel().startswith("share that is on (%)")


@pytest.mark.parametrize("title", ["Beef_$5 ^$", "2 for $5_ or $6"])
def test_matrix__prices_in_names(title: str) -> None:
    """Dollar signs in the names of dishes and stores are drawn as they are, never as mathematics."""
    state = state_of(in_store((1, 1), "item", 7, True)).assign(title=title, path=None)
    picture = kf.plot_matrix(state, stores=STORES.assign(brand_title="$_", branch_title="^$"))
    assert picture.png.startswith(b"\x89PNG")
    labels = (picture.figure.axes[0].get_yticklabels(), picture.figure.axes[0].get_xticklabels())
    assert [[text.get_text() for text in side] for side in labels] == [[title], ["$_ · ^$"]]


def test_matrix__nothing_to_show() -> None:
    """A state without store rows is an empty picture that says so."""
    assert "0 items × 0 stores" in kf.plot_matrix(state_of()).text


def test_matrix__unknown_type() -> None:
    """An unknown type of entity is refused, with the list of the known ones."""
    with pytest.raises(kf.ConfigError, match="entity_type='dish' is none of 'section'"):
        kf.plot_matrix(_state(n_items=1, n_stores=1), entity_type="dish")


def test_labels__stores_of_one_brand() -> None:
    """However long the names are, the label of a store says its branch."""
    rows = _state(n_items=1, n_stores=1)
    stores = STORES.assign(
        brand_title="(DEMO) Ayam Geprek Nusantara Kitchen", branch_title="(DEMO) Jakarta Barat"
    )
    grid = make_grid(rows, labels=read_labels(stores), entity_type="item")
    assert grid.columns == ["(DEMO) Ayam Geprek N… · (DEMO) Jakarta Barat"]


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
        kf.plot_dark(STATE, by=wrong("city"))
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
