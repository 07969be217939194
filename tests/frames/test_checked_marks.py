"""Marks on checked frames: trusted until anything of the frame changes."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames import checked_marks
from klikit_frames.frames.checked_marks import is_checked
from tests.frames.cases import CASCADED, lines


def checked_frame() -> pd.DataFrame:
    """Return toggles with an own column of texts and one of numbers."""
    rows = ["item,5,663,1062,off,yes,663|664,a,1", "item,6,663,1062,on,no,,b,2"]
    return kf.read_toggles(lines(f"{CASCADED},note,rank", *rows))


def set_cell(name: str, value: object) -> Callable[[pd.DataFrame], None]:
    """Return an edit of one cell in place."""

    def edit(frame: pd.DataFrame) -> None:
        frame.at[0, name] = value

    return edit


def rename(frame: pd.DataFrame) -> None:
    """Change the name of a column in place."""
    frame.columns = [*frame.columns[:-1], "other"]


def swap(frame: pd.DataFrame) -> None:
    """Change the labels of the rows in place."""
    frame.index = pd.Index([1, 0])


EDITS = {
    "id": set_cell("entity_id", 7),
    "level": set_cell("entity_type", "dish"),
    "flag": set_cell("is_enabled", True),
    "brand": set_cell("brand_id", pd.NA),
    "brands": set_cell("cascade_brand_ids", (663.0, 664.0)),
    "flag among brands": set_cell("cascade_brand_ids", (663, True)),
    "note": set_cell("note", "c"),
    "name": rename,
    "index": swap,
    "new column": lambda frame: frame.insert(0, "more", 1),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_mark__broken_by_any_edit(edit: Callable[[pd.DataFrame], None]) -> None:
    """A frame that was edited in place is not taken for checked."""
    frame = checked_frame()
    assert is_checked(frame)
    edit(frame)
    assert not is_checked(frame)


def test_mark__bad_edit_is_refused() -> None:
    """An edit that makes a row bad is found, though the frame was checked before."""
    frame = checked_frame()
    frame["is_enabled"] = frame["is_enabled"].astype(object)
    frame.loc[1, "is_enabled"] = "maybe"
    with pytest.raises(kf.InvalidToggles):
        kf.plan(frame)


def test_mark__not_of_copies() -> None:
    """A copy, a part or another frame has no mark; marks go with their frames."""
    frame = checked_frame()
    assert not any(map(is_checked, (frame.copy(), frame.head(1), pd.DataFrame())))
    n_marks = len(checked_marks._MARKS)
    del frame
    gc.collect()
    assert len(checked_marks._MARKS) == n_marks - 1


def test_mark__same_frame_again() -> None:
    """What is read from a checked frame equals what is read from its copy, and shares no cells with it."""
    frame = checked_frame()
    again = kf.read_toggles(frame)
    pd.testing.assert_frame_equal(again, kf.read_toggles(frame.copy()))
    again.loc[0, "entity_id"] = 7
    assert frame.loc[0, "entity_id"] == 5


def test_mark__lists_in_cells() -> None:
    """A frame with cells that can change in place is never marked."""
    rows = [{"item_id": 5, "store": "663/1", "is_enabled": "off", "tags": ["a"]}]
    assert not is_checked(kf.read_toggles(rows))
