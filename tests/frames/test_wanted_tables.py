"""Folders of wanted tables: name order, sources, and contradictions between files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames.wanted_tables import read_wanted

_HEAD = "item_id,store,is_enabled\n"


def _folder(tmp_path: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = tmp_path / name.replace("__", "/").replace("_csv", ".csv")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_read_wanted__name_order_and_source(tmp_path: Path) -> None:
    """Tables of folders in it are read too, all in the order of their names; hidden ones are not."""
    folder = _folder(
        tmp_path,
        b_csv=f"{_HEAD}2,5/6,off\n",
        a_csv=f"{_HEAD}1,5/6,on\n",
        east__c_csv=f"{_HEAD}3,5/7,off\n",
    )
    (folder / ".hidden.csv").write_text("nonsense")
    (folder / "~$a.csv").write_text("nonsense")
    wanted = read_wanted(folder)
    assert wanted[["entity_id", "source"]].values.tolist() == [[1, "a.csv"], [2, "b.csv"], [3, "east/c.csv"]]
    assert wanted.index.tolist() == [0, 1, 2]


def test_read_wanted__of_one_table(tmp_path: Path) -> None:
    """A file is named too; a frame has no source, and an own column of that name is kept."""
    folder = _folder(tmp_path, a_csv=f"{_HEAD}1,5/6,on\n")
    assert read_wanted(folder / "a.csv")["source"].tolist() == ["a.csv"]
    frame = pd.DataFrame({"item_id": [1], "store": ["5/6"], "is_enabled": [True], "source": ["mine"]})
    wanted = read_wanted(frame)
    assert wanted["source"].isna().all()
    assert wanted["input_source"].tolist() == ["mine"]


def test_read_wanted__contradictions_between_files(tmp_path: Path) -> None:
    """Files that want opposite flags are problems that name both files and lines; repeats are warnings."""
    folder = _folder(
        tmp_path,
        a_csv=f"{_HEAD}1,5/6,on\n2,5/6,on\n",
        b_csv=f"{_HEAD}\n9,5/6,on\n2,5/6,on\n1,5/6,off\n",
    )
    with pytest.raises(kf.InvalidToggles) as error:
        read_wanted(folder)
    problems = error.value.problems
    columns = ["source", "row", "line", "code", "message"]
    assert problems[columns].values.tolist() == [
        ["a.csv", 1, 2, "contradiction", "Row 4 (line 5) of b.csv wants the same entity and place off."],
        ["b.csv", 3, 4, "duplicate", "The row repeats row 2 (line 3) of a.csv."],
        ["b.csv", 4, 5, "contradiction", "Row 1 (line 2) of a.csv wants the same entity and place on."],
    ]
    assert "a.csv: contradiction in is_enabled, row 1 (line 2)" in str(error.value)
    assert "Nothing was sent." in str(error.value)


def test_read_wanted__all_problems_at_once(tmp_path: Path) -> None:
    """Problems of all files come together, those of one file once."""
    folder = _folder(
        tmp_path,
        a_csv=f"{_HEAD}1,5/6,mabye\n",
        b_csv=f"{_HEAD}1,5/6,on\n1,5/6,off\n",
        c_csv="nothing here that is a table\n",
    )
    with pytest.raises(kf.InvalidToggles) as error:
        read_wanted(folder)
    counts = error.value.problems.groupby(["source", "code"]).size().to_dict()
    assert counts.pop(("c.csv", "column_missing")) >= 3
    assert counts == {("a.csv", "flag_unknown"): 1, ("b.csv", "contradiction"): 2}


@pytest.mark.parametrize("hidden", [False, True])
def test_read_wanted__an_empty_folder(tmp_path: Path, *, hidden: bool) -> None:
    """A folder without a table is a problem: it is not the same as a table without rows."""
    if hidden:
        (tmp_path / ".gitkeep").write_text("")
    with pytest.raises(kf.InvalidToggles, match="There is no table in"):
        read_wanted(tmp_path)


def test_read_wanted__nothing_wanted(tmp_path: Path) -> None:
    """Tables with a header and no rows want nothing."""
    assert read_wanted(_folder(tmp_path, a_csv=_HEAD, b_csv=_HEAD)).empty
