"""Headers: which line they are on, and what their columns mean."""

from __future__ import annotations

import pytest

import klikit_frames as kf
from klikit_frames.frames.headers import count_known, find_header, read_header
from tests.frames.cases import lines

# One header in each language; each says item id, brand, branch and flag.
LANGUAGES = {
    "english": "Dish,Item No.,Brand No.,Branch Number,Status",
    "indonesian": "Hidangan,ID Menu,ID Merek,ID Cabang,Aktif",
    "german": "Gericht,Artikel-Nr.,Marken-Nr.,Filialnummer,An/Aus",
    "spanish": "Plato,Nº de artículo,ID Marca,ID Sucursal,Activo",
}
SPANISH = {"Nº de artículo": "item_id"}


@pytest.mark.parametrize(("language", "header"), LANGUAGES.items(), ids=str)
def test_header__in_other_languages(language: str, header: str) -> None:
    """Headers in four languages are understood, and the notes say how each was read."""
    checked = kf.check_toggles(
        lines("March,,,,", header, "Soto,5,663,1062,off"), columns=SPANISH if language == "spanish" else None
    )
    assert checked.is_valid, checked.problems
    assert checked.toggles[
        ["entity_type", "entity_id", "brand_id", "branch_id", "is_enabled"]
    ].to_numpy().tolist() == [["item", 5, 663, 1062, False]]
    names = header.split(",")
    assert sum(repr(name) in note and "was read as" in note for name in names for note in checked.notes) == 4


def test_header__surest_name_counts() -> None:
    """A column of the package's own name is never replaced by one that only means the same."""
    header = read_header(["Status", "Artikel-Nr.", "entity_id", "is_enabled", "Aktiv"])
    assert header.places == {"entity_id": 2, "is_enabled": 3}
    assert not header.problems


def test_header__two_guesses() -> None:
    """Two columns that may both be the flag are a problem, and neither is chosen."""
    checked = kf.check_toggles(lines("item_id,store,Status,Aktiv", "5,1/1,on,off"))
    assert checked.problems[["column", "code"]].to_numpy().tolist() == [["is_enabled", "column_double"]]


def test_columns__assigned() -> None:
    """What a person assigns counts before every name, and the other column stays an own one."""
    table = lines("Nr,item_id,Ort,Aktiv,is_enabled", "7,5,663/1062,ja,nein")
    checked = kf.check_toggles(table, columns={"nr": "item_id", "Ort": "store", "Aktiv": "is_enabled"})
    assert checked.is_valid, checked.problems
    assert checked.toggles[["entity_type", "entity_id", "is_enabled"]].to_numpy().tolist() == [
        ["item", 7, True]
    ]
    assert {"item_id", "is_enabled_2"} <= {*checked.toggles.columns}


def test_columns__find_the_header() -> None:
    """Assigned names tell which line is the header, in whatever language."""
    table = lines("x,y,z", "запись,магазин,вкл", "5,663/1062,on")
    columns = {"запись": "item_id", "магазин": "store", "вкл": "is_enabled"}
    assert kf.read_toggles(table, columns=columns)["entity_id"].tolist() == [5]


def test_columns__not_there() -> None:
    """An assigned column that the table lacks is a problem that lists the columns, with the likely one."""
    problems = kf.check_toggles(
        lines("Artikel,store,is_enabled", "5,1/1,on"), columns={"Artikel-Nr.": "item_id"}
    ).problems
    assert problems["code"].unique().tolist() == ["column_missing"]
    assert "'Artikel', 'store', 'is_enabled'" in problems["message"].iloc[0]
    assert problems["hint"].iloc[0] == "Did you mean 'Artikel'?"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": "entity"}, "no column.*Did you mean 'entity_id'"),
        ({"a": "item_id", "b": "entity_id"}, "two columns for 'entity_id'"),
        ("a=item_id", "give a dict"),
        ({"a": "shop"}, "The columns are entity_type"),
    ],
)
def test_columns__that_cannot_be(columns: dict[str, str], message: str) -> None:
    """An assignment to no column, or of two, is refused before anything is read."""
    with pytest.raises(kf.ConfigError, match=message):
        kf.check_toggles(b"", columns=columns)


def test_missing__lists_columns_and_the_likely_one() -> None:
    """Each missing column is named with the columns that are there and the one that is probably meant."""
    problems = kf.check_toggles(lines("Artikelnumer,Wert,Ort", "5,on,here")).problems
    by_column = problems.set_index("column")
    assert by_column.loc["entity_id", "message"] == (
        "There is no column 'entity_id'. The columns are 'Artikelnumer', 'Wert', 'Ort'."
    )
    assert str(by_column.loc["entity_id", "hint"]).startswith("If 'Artikelnumer' is meant, give columns=")
    assert len(by_column) == 5


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ([["Menu, March"], ["Gericht", "Artikel-Nr.", "Marke"], ["Soto", "5", "663"]], 1),
        ([["Menu"], ["a", "b", "c"], ["1", "2", "3"]], 1),
        ([["Menu", "", ""], ["by Ayu", "", ""], ["блюдо", "номер", "вкл"], ["Soto", "5", "on"]], 2),
        ([["a", "b", "c"], ["1", "2", "3"]], 0),
        ([["item", "5", "663", "1062", "off"]], 0),
        ([["", "5297", ""], ["item_id", "1293", "1294"], ["5", "on", "off"]], 1),
    ],
)
def test_find_header__of_lines(rows: list[list[str]], place: int) -> None:
    """A title above a table is not taken for its header where a later line fits better."""
    assert find_header(rows) == place


def test_count_known__cells_are_no_headers() -> None:
    """Words that stand in cells, such as item and aktif, do not make a line the header."""
    assert count_known(["item", "aktif", "on", "5"]) == 0
