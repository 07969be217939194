"""Checked toggles, and the mark that spares a second check."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames import checked
from klikit_frames.frames.checked import is_checked
from klikit_frames.frames.schemas import RESULT_COLUMNS
from tests.executed_lines import count_lines
from tests.frames.cases import CASCADED, GOOD, HEAD, lines

N_COLUMNS = 3_000


def wide(*names: str) -> bytes:
    """Return a file of one good row with many own columns."""
    return lines(",".join([HEAD, *names]), ",".join([GOOD, *["1"] * len(names)]))


@pytest.mark.parametrize(
    ("name", "first_names"),
    [("note", ["note", "note_2", "note_3"]), ("code", ["input_code", "input_code_2", "input_code_3"])],
)
def test_own_columns__thousands_of_one_name(name: str, first_names: list[str]) -> None:
    """Each of many equal headers comes back under a name of its own, for as little work as different ones."""
    equal, different = wide(*[name] * N_COLUMNS), wide(*(f"own {place}" for place in range(N_COLUMNS)))
    toggles = kf.check_toggles(equal).toggles
    n_lines = [count_lines(partial(kf.check_toggles, source)) for source in (different, equal)]
    assert toggles.columns.is_unique
    assert not {*toggles.columns} & {*RESULT_COLUMNS}
    assert toggles.columns[5:8].tolist() == first_names
    assert n_lines[1] < 4 * n_lines[0]


def checked_frame() -> pd.DataFrame:
    """Return toggles with an own column of texts and one of numbers."""
    rows = ["item,5,663,1062,off,yes,663|664,a,1", "item,6,663,1062,on,no,,b,2"]
    return kf.read_toggles(lines(f"{CASCADED},note,rank", *rows))


def set_cell(name: str, value: Any) -> Callable[[pd.DataFrame], None]:
    """Return an edit of one cell in place."""

    def edit(frame: Any) -> None:
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
    key = id(frame)
    assert key in checked.MARKS
    del frame
    gc.collect()
    assert key not in checked.MARKS


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
