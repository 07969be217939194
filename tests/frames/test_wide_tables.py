"""Wide tables to toggles and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from tests.fixtures import SAMPLE_DATA, wrong
from tests.frames.cases import lines, sheet

CELLS = {(5, "663/1"): True, (5, "664/2"): False, (6, "business"): True, (6, "664/2"): True}
PLACES = st.tuples(st.integers(1, 4), st.sampled_from(["business", "663/1", "664/1", "664/2"]))


def cells_of(toggles: pd.DataFrame) -> dict[tuple[int, str], bool]:
    """Return the flag of each entity and place."""
    return {
        (
            row.entity_id,
            "business" if row.scope == "business" else f"{row.brand_id}/{row.branch_id}",
        ): row.is_enabled
        for row in cast("Iterable[Any]", toggles.itertuples())
    }


def test_from_matrix__cells() -> None:
    """Each filled cell is a toggle, row by row; blanks leave a place alone, own columns are kept."""
    content = lines("item_id,title,663/1,664/2,Business", "5,Soto,on,OFF,", "6,Bakso,,x,yes")
    toggles = kf.from_matrix(content)
    assert cells_of(toggles) == CELLS
    assert toggles["title"].tolist() == ["Soto", "Soto", "Bakso", "Bakso"]
    assert set(toggles["entity_type"]) == {"item"}
    pd.testing.assert_index_equal(toggles.index, pd.RangeIndex(4))


@pytest.mark.parametrize("flag", [True, False])
def test_from_matrix__what_x_means(flag: bool) -> None:
    """An x is the flag that was said for it."""
    toggles = kf.from_matrix(lines("item_id,663/1", "5,X"), is_enabled=flag)
    assert toggles["is_enabled"].tolist() == [flag]


PIVOTED = pd.DataFrame({"663/1": [1.0, None], "664/2": [0.0, 1.0]}, index=pd.Index([5, 6], name="item_id"))
PAIRS = pd.MultiIndex.from_tuples([(663, 1), (664, 2)], names=["brand_id", "branch_id"])
PIVOTED_CELLS = {(5, "663/1"): True, (5, "664/2"): False, (6, "664/2"): True}


@pytest.mark.parametrize(
    "frame", [PIVOTED, PIVOTED.rename_axis(None), PIVOTED.set_axis(PAIRS, axis=1), PIVOTED.reset_index()]
)
def test_from_matrix__pivoted(frame: pd.DataFrame) -> None:
    """What pandas makes by pivoting is understood: ids in the index, pairs as columns, 1 and 0 as floats."""
    before = frame.copy(deep=True)
    assert cells_of(kf.from_matrix(frame, entity_type="item")) == PIVOTED_CELLS
    pd.testing.assert_frame_equal(frame, before)


def test_from_matrix__index_of_no_ids() -> None:
    """A frame's own index is no id beside a column that is, nor where it may count rows."""
    frame = PIVOTED.reset_index().set_axis([7, 7])
    assert cells_of(kf.from_matrix(frame)) == PIVOTED_CELLS
    with pytest.raises(kf.InvalidToggles, match="no column 'entity_id'"):
        kf.from_matrix(frame.drop(columns="item_id").assign(title="Soto"), entity_type="item")
    with pytest.raises(kf.InvalidToggles, match="no column 'entity_id'"):
        kf.from_matrix(PIVOTED.rename_axis("week"), entity_type="item")


def test_from_matrix__level_in_the_index() -> None:
    """Level and id may both stand in the index."""
    index = pd.MultiIndex.from_tuples([("item", 5), ("item", 6)], names=["entity_type", "entity_id"])
    assert cells_of(kf.from_matrix(PIVOTED.set_axis(index))) == PIVOTED_CELLS


def test_from_matrix__level() -> None:
    """The level is the caller's, unless a column says it."""
    content = lines("entity_id,663/1", "5,on")
    assert kf.from_matrix(content, entity_type="section")["entity_type"].tolist() == ["section"]
    content = lines("entity_type,entity_id,663/1", "category,5,on")
    assert kf.from_matrix(content, entity_type="section")["entity_type"].tolist() == ["category"]


def test_from_matrix__problems_where_they_are() -> None:
    """Bad cells are listed by the row, line and column of the matrix, each once."""
    content = lines("a title", "item_id,663/1,664/2", "5,mabye,on", ",on,on", "7,,2")
    with pytest.raises(kf.InvalidToggles) as refusal:
        kf.from_matrix(content)
    assert "'mabye' is not known. Write true, false or x, or leave the cell blank." in str(refusal.value)
    expected = [
        [1, 3, "663/1", "mabye", "flag_unknown"],
        [2, 4, "entity_id", "", "id_blank"],
        [3, 5, "664/2", "2", "flag_unknown"],
    ]
    problems = refusal.value.problems[["row", "line", "column", "value", "code"]]
    assert problems.to_numpy().tolist() == expected


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (lines("item_id,note", "5,on"), "column_missing"),
        (lines("entity_id,663/1", "5,on"), "column_missing"),
        (lines("item_id,663/1", "5,on,off"), "row_too_long"),
        (lines("item_id,663/0", "5,on"), "id_not_positive"),
        (lines("item_id,663/1", "5,on", "5,off"), "contradiction"),
        (b"", "file_empty"),
    ],
)
def test_from_matrix__refused(content: bytes, code: str) -> None:
    """What cannot be a matrix is refused with the reason."""
    with pytest.raises(kf.InvalidToggles) as refusal:
        kf.from_matrix(content)
    assert set(refusal.value.problems["code"]) == {code}


@pytest.mark.parametrize("dtype", ["object", "boolean", "category", "string"])
def test_from_matrix__dtypes(dtype: str) -> None:
    """Cells may have any dtype."""
    matrix = pd.DataFrame({"item_id": [5, 6], "663/1": pd.Series([True, None], dtype="object").astype(dtype)})  # type: ignore[call-overload]
    assert cells_of(kf.from_matrix(matrix)) == {(5, "663/1"): True}


def test_from_matrix__sheet() -> None:
    """A spreadsheet of crosses with a title row is a matrix as well."""
    content = sheet(["Lunch"], ["item_id", "663/1", "664/2"], [5, "x", None], [6, "", 0])
    assert cells_of(kf.from_matrix(content)) == {(5, "663/1"): True, (6, "664/2"): False}


def test_from_matrix__sample() -> None:
    """The sample matrix is read whole."""
    matrix = pd.read_csv(SAMPLE_DATA / "matrix.csv", dtype=str, keep_default_na=False)
    toggles = kf.from_matrix(SAMPLE_DATA / "matrix.csv", entity_type="item")
    assert len(toggles) == matrix.filter(like="/").ne(wrong("")).to_numpy().sum()


def test_to_matrix__frame() -> None:
    """Entities go down and stores across in their own order, business first, blanks missing."""
    toggles = kf.from_matrix(lines("item_id,title,664/2,663/1,business", "5,Soto,off,on,", "6,Bakso,on,,on"))
    expected = pd.DataFrame(
        {
            "entity_type": ["item", "item"],
            "entity_id": [5, 6],
            "title": ["Soto", "Bakso"],
            "business": pd.array([None, True], dtype="boolean"),
            "664/2": pd.array([False, True], dtype="boolean"),
            "663/1": pd.array([True, None], dtype="boolean"),
        }
    )
    pd.testing.assert_frame_equal(kf.to_matrix(toggles), expected)


def test_to_matrix__state(client: kf.Client) -> None:
    """A state is a matrix too; a flag that is not known is a blank cell."""
    state = kf.read_state(client)
    state.loc[0, "is_enabled"] = pd.NA
    matrix = kf.to_matrix(state)
    assert matrix.columns.tolist() == ["entity_type", "entity_id", "title", "business"]
    assert len(matrix) == state["is_enabled"].notna().sum()


def test_to_matrix__cascade() -> None:
    """A matrix cannot say that a row cascades, so it is not left out silently."""
    toggles = kf.business_toggles("item", [5], is_enabled=True, cascade_to_modifier_groups=True)
    with pytest.raises(kf.ConfigError, match="take those rows out first"):
        kf.to_matrix(toggles)


def test_to_matrix__contradiction() -> None:
    """Two rows that disagree about a cell have no matrix."""
    toggles = kf.business_toggles("item", [5], is_enabled=True)
    with pytest.raises(kf.InvalidToggles, match="contradiction"):
        kf.to_matrix(pd.concat([toggles, toggles.assign(is_enabled=False)]))


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(PLACES, st.booleans(), min_size=1))
def test_matrix__inverse(cells: dict[tuple[int, str], bool]) -> None:
    """What goes into a matrix comes out of it, through a file as well."""
    rows = [
        ("item", entity, "business", None, None, flag)
        if place == "business"
        else ("item", entity, "store", *map(int, place.split("/")), flag)
        for (entity, place), flag in cells.items()
    ]
    names = ["entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled"]
    matrix = kf.to_matrix(pd.DataFrame(rows, columns=names))
    assert cells_of(kf.from_matrix(matrix)) == cells
    assert cells_of(kf.from_matrix(matrix.to_csv(index=False).encode())) == cells
