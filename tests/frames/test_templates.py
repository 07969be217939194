"""Templates: what is filled in is read as it is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf

STATE = pd.DataFrame(
    [
        ("section", 8, "business", None, None, "Lunch"),
        ("item", 5, "business", None, None, "=Soto"),
        ("item", 900719925474099312, "store", 663, 1, "Bakso"),
    ],
    columns=["entity_type", "entity_id", "scope", "brand_id", "branch_id", "title"],
).astype({"brand_id": "Int64", "branch_id": "Int64"})
STORES = pd.DataFrame(
    {"brand_id": [663, 664], "branch_id": [1, 2], "brand_title": ["Kopi", "Mie"], "branch_title": ["A", "B"]}
)


def fill(path: Path, flag: str = "off") -> None:
    """Type a flag into each row, as a person does."""
    if path.suffix == ".csv":
        pd.read_csv(path, dtype=str).assign(is_enabled=flag).to_csv(path, index=False)
        return
    filled = pd.read_excel(path, dtype=str, engine="calamine").assign(is_enabled=flag)
    as_text = {"options": {"strings_to_formulas": False}}
    with pd.ExcelWriter(path, engine="xlsxwriter", engine_kwargs=as_text) as book:
        filled.to_excel(book, index=False)


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_template__round_trip(tmp_path: Path, suffix: str) -> None:
    """Each entity of a state is a row with its ids and names, exact to the last digit."""
    path = kf.template(tmp_path / f"fill{suffix}", state=STATE)
    assert kf.check_toggles(path).problems["code"].unique().tolist() == ["flag_blank"]
    fill(path)
    toggles = kf.read_toggles(path)
    assert toggles["entity_id"].tolist() == STATE["entity_id"].tolist()
    assert toggles["scope"].tolist() == STATE["scope"].tolist()
    assert toggles["title"].str.removeprefix("'").tolist() == STATE["title"].tolist()


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_template__stores(tmp_path: Path, suffix: str) -> None:
    """Business rows are repeated for each store that is given, with the names of brand and branch."""
    path = kf.template(tmp_path / f"fill{suffix}", state=STATE, stores=STORES)
    fill(path)
    toggles = kf.read_toggles(path)
    assert toggles[["entity_id", "brand_id", "brand", "branch"]].to_numpy().tolist() == [
        [8, 663, "Kopi", "A"],
        [8, 664, "Mie", "B"],
        [5, 663, "Kopi", "A"],
        [5, 664, "Mie", "B"],
        [900719925474099312, 663, "Kopi", "A"],
    ]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_template__empty(tmp_path: Path, suffix: str) -> None:
    """Without a menu there are the headers, or a row per store, and nothing is wrong but the blanks."""
    assert kf.check_toggles(kf.template(tmp_path / f"empty{suffix}")).is_valid
    problems = kf.check_toggles(kf.template(tmp_path / f"stores{suffix}", stores=STORES)).problems
    assert set(problems["code"]) == {"entity_type_blank", "id_blank", "flag_blank"}


def test_template__drop_downs(tmp_path: Path) -> None:
    """Level, scope and flag are chosen from a list, in rows that a person adds as well."""
    import openpyxl

    page = openpyxl.load_workbook(kf.template(tmp_path / "fill.xlsx", state=STATE)).active
    choices = {str(rule.sqref): rule.formula1 for rule in page.data_validations.dataValidation}
    assert choices == {
        "A2:A1001": '"section,category,item"',
        "D2:D1001": '"business,store"',
        "I2:I1001": '"on,off"',
    }


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fill.parquet", {}, "ends in .csv or .xlsx"),
        ("fill.csv", {"state": STATE[["entity_id"]]}, "state has no column entity_type"),
        ("fill.csv", {"stores": STORES[["brand_id"]]}, "stores has no column branch_id"),
    ],
)
def test_template__refused(tmp_path: Path, name: str, options: dict[str, pd.DataFrame], message: str) -> None:
    """What cannot be written is refused in words, and no file is made."""
    with pytest.raises(kf.ConfigError, match=message):
        kf.template(tmp_path / name, **options)
    assert not (tmp_path / name).exists()


def test_excel__pandas_reads_it(tmp_path: Path) -> None:
    """With the extra for Excel both engines of pandas are there, and read the same."""
    path = kf.template(tmp_path / "fill.xlsx", state=STATE)
    openpyxl = pd.read_excel(path, dtype=str, engine="openpyxl")
    calamine = pd.read_excel(path, dtype=str, engine="calamine")
    pd.testing.assert_frame_equal(openpyxl, calamine)
