"""Pivots: recognised and read as any other table, with problems where the person sees them."""

from __future__ import annotations

import pandas as pd

import klikit_frames as kf
from tests.frames.cases import lines, sheet

CELLS = ["entity_id", "scope", "brand_id", "branch_id", "is_enabled"]


def cells_of(checked: kf.CheckedToggles) -> list[list[object]]:
    """Return what each toggle is for."""
    rows = checked.toggles[CELLS].itertuples(index=False, name=None)
    return [["" if pd.isna(value) else value for value in row] for row in rows]


def test_check__pivot() -> None:
    """A table with stores across and no flag column is read cell by cell, and the notes say so."""
    checked = kf.check_toggles(lines("item_id,note,663/1,business", "5,a,off,", "6,b,,on"))
    assert cells_of(checked) == [[5, "store", 663, 1, False], [6, "business", "", "", True]]
    assert checked.toggles["note"].tolist() == ["a", "b"]
    assert "Stores stand across: each of 2 filled cells was read as a row." in checked.notes


def test_check__pivot_of_two_header_rows() -> None:
    """Brand ids above branch ids, the brand once over its branches, are the stores."""
    content = sheet(["", "March"], ["", 663, "", 664], ["item_id", 1, 2, 3], [5, "off", "on", "off"])
    checked = kf.check_toggles(content)
    assert [row[2:4] for row in cells_of(checked)] == [[663, 1], [663, 2], [664, 3]]


def test_check__pivoted_frame() -> None:
    """What pandas makes with pivot is read as well."""
    frame = pd.DataFrame({(663, 1): [True, None], (663, 2): [None, False]}, index=[5, 6], dtype=object)
    frame = frame.rename_axis(index="item_id")
    assert [row[0] for row in cells_of(kf.check_toggles(frame))] == [5, 6]


def test_check__problems_of_a_pivot() -> None:
    """Bad cells are reported by row, line and column of the pivot, each once; good cells are planned."""
    content = lines("item_id,663/1,663/2,664/3", "5,mabye,on,off", ",on,off,", "7,#N/A,x,on", "8,on,on,on,on")
    checked = kf.check_toggles(content)
    assert checked.problems[["row", "line", "column", "code"]].to_numpy().tolist() == [
        [1, 2, "663/1", "flag_unknown"],
        [2, 3, "entity_id", "id_blank"],
        [3, 4, "663/1", "formula_error"],
        [3, 4, "663/2", "flag_unknown"],
        [4, 5, "", "row_too_long"],
    ]
    assert [row[0] for row in cells_of(checked)] == [5, 5, 7]
    assert checked.annotated["664/3"].tolist() == ["off", "", "on", "on"]
    assert checked.annotated["problem"].ne("").all()


def test_check__flags_under_no_store() -> None:
    """A column of flags whose name is no store is kept, and a warning says that it switches nothing."""
    checked = kf.check_toggles(lines("item_id,663/1,Depok,note", "5,on,off,a", "6,on,,b"))
    assert checked.problems[["column", "code", "severity"]].to_numpy().tolist() == [
        ["Depok", "column_of_flags", "warning"]
    ]
    assert len(checked.toggles) == 2


def test_check__stores_across_beside_a_flag() -> None:
    """With a flag column of its own a table is no pivot, whatever else its columns are called."""
    assert len(kf.check_toggles(lines("item_id,store,is_enabled,663/1", "5,664/2,off,on")).toggles) == 1
