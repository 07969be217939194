"""The sample tables: true to the demo business, and to each other."""

from __future__ import annotations

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames.schemas import TOGGLE_COLUMNS
from tests.fixtures import SAMPLE_DATA

OWN = ["title", "note"]


@pytest.fixture(scope="module")
def toggles() -> pd.DataFrame:
    """The sample change."""
    return kf.read_toggles(SAMPLE_DATA / "toggles.csv")


def test_toggles__are_clean(toggles: pd.DataFrame) -> None:
    """The sample has about 2,500 rows and not even a warning."""
    checked = kf.check_toggles(SAMPLE_DATA / "toggles.csv")
    assert checked.problems.empty
    assert 2_400 <= len(toggles) <= 2_600


def test_toggles__are_of_the_demo_business(toggles: pd.DataFrame, sandbox: kf.sandbox.Sandbox) -> None:
    """Every entity is there with that title, every store is there, and each stands on its store's menu."""
    truth = sandbox.state()
    business = truth[truth["scope"].eq("business")]
    matched = toggles.merge(business, on=["entity_type", "entity_id"], suffixes=("", "_live"))
    assert matched["title"].eq(matched["title_live"]).all()
    assert len(matched) == len(toggles)
    cells = toggles[toggles["scope"].eq("store")]
    keys = ["entity_type", "entity_id", "brand_id", "branch_id"]
    assert len(cells.merge(truth[truth["scope"].eq("store")], on=keys)) == len(cells)


def test_sheet__says_the_same_as_the_csv(toggles: pd.DataFrame) -> None:
    """The XLSX, title row and all, reads to the very same toggles."""
    sheet = kf.check_toggles(SAMPLE_DATA / "toggles.xlsx")
    columns = [*TOGGLE_COLUMNS, *OWN]
    read = sheet.toggles.rename(columns={"Title": "title", "Note": "note"})[columns]
    pd.testing.assert_frame_equal(read, toggles[columns])
    assert any("header is on line 2" in note for note in sheet.notes)


def test_matrix__says_the_same_as_the_csv(toggles: pd.DataFrame) -> None:
    """The pivot holds the dishes of single stores, cell for cell."""
    matrix = pd.read_csv(SAMPLE_DATA / "matrix.csv", dtype=str, keep_default_na=False)
    read = kf.from_matrix(matrix, entity_type="item")
    keys = ["entity_id", "brand_id", "branch_id", "is_enabled"]
    wanted = toggles[toggles["scope"].eq("store") & toggles["entity_type"].eq("item")]
    pd.testing.assert_frame_equal(
        read[keys].sort_values(keys, ignore_index=True), wanted[keys].sort_values(keys, ignore_index=True)
    )


def test_problems__shows_most_kinds(sandbox: kf.sandbox.Sandbox) -> None:
    """The table that is wrong on purpose is refused, names each line, and keeps its good rows."""
    checked = kf.check_toggles(SAMPLE_DATA / "toggles_with_problems.csv")
    with pytest.raises(kf.InvalidToggles) as refused:
        kf.read_toggles(SAMPLE_DATA / "toggles_with_problems.csv")
    pd.testing.assert_frame_equal(refused.value.problems, checked.problems)
    assert checked.problems["code"].nunique() >= 12
    assert checked.problems["line"].notna().all()
    assert len(checked.toggles) >= 5
