"""Names in place of ids: resolved by themselves, and in tables of every shape."""

from __future__ import annotations

import pandas as pd
import pytest

import klikit_frames as kf
from tests.frames.cases import lines, sheet

STATE = pd.DataFrame(
    [
        ("item", 5, "Nasi Goreng", "A-1"),
        ("item", 6, "Nasi Goreng", "A-2"),
        ("item", 7, "Soto Ayam", None),
        ("category", 5, "Soto Ayam", None),
        ("section", 8, "Lunch", None),
        ("section", 8, "Lunch", None),
        ("section", 9, None, None),
    ],
    columns=["entity_type", "entity_id", "title", "sku"],
)
STORES = pd.DataFrame(
    [
        (663, 1, "Kopi", "Senopati"),
        (663, 2, "Kopi", "Depok"),
        (664, 1, "Mie", "Senopati"),
        (664, 3, "Mie", "Bogor-2"),
    ],
    columns=["brand_id", "branch_id", "brand_title", "branch_title"],
)
CELLS = ["entity_type", "entity_id", "brand_id", "branch_id", "is_enabled"]


def resolved(header: str, *rows: str) -> list[list[object]]:
    """Return level, entity, brand and branch of each row."""
    frame = kf.resolve(lines(header, *rows), STATE, stores=STORES)
    columns = ["entity_type", "entity_id", "brand_id", "branch_id"]
    return frame.reindex(columns=columns).astype(object).where(frame.notna(), None).to_numpy().tolist()


def refused(header: str, *rows: str) -> list[list[object]]:
    """Return the problems in short."""
    with pytest.raises(kf.InvalidToggles) as refusal:
        kf.resolve(lines(header, *rows), STATE, stores=STORES)
    return refusal.value.problems[["line", "column", "value", "code"]].to_numpy().tolist()


def test_resolve__whole_frame() -> None:
    """The input's columns stay, ids follow, and what was resolved is said."""
    frame = pd.DataFrame(
        {
            "title": ["soto  AYAM", "lunch"],
            "entity_type": ["item", ""],
            "brand": "Kopi",
            "branch": ["Depok", "SENOPATI"],
        },
        index=[7, 7],
    )
    expected = frame.assign(
        entity_type=["item", "section"],
        entity_id=[7, 8],
        brand_id=663,
        branch_id=[2, 1],
        resolved=[
            "item 7 Soto Ayam; brand 663 Kopi; branch 2 Depok",
            "section 8 Lunch; brand 663 Kopi; branch 1 Senopati",
        ],
    )
    pd.testing.assert_frame_equal(kf.resolve(frame, STATE, stores=STORES), expected)


def test_resolve__sku_and_level() -> None:
    """A SKU, a level, or the name of the column tells things of the same title apart."""
    assert resolved("title,sku", "Nasi Goreng,A-2", ",a-1") == [
        ["item", 6, None, None],
        ["item", 5, None, None],
    ]
    frame = kf.resolve(lines("sku", "a-1"), STATE)
    assert frame["resolved"].tolist() == ["item 5 Nasi Goreng"]
    assert resolved("item", "Soto Ayam") == [["item", 7, None, None]]
    assert resolved("category", "Soto Ayam") == [["category", 5, None, None]]
    assert resolved("title,entity_type", "Soto Ayam,category") == [["category", 5, None, None]]


def test_resolve__ids_stay() -> None:
    """A row that has an id keeps it, whatever its title says."""
    frame = kf.resolve(lines("entity_type,entity_id,title", "item,77,Lunch", ",,Lunch"), STATE)
    assert frame["entity_id"].astype(str).tolist() == ["77", "8"]
    assert frame["entity_type"].tolist() == ["item", "section"]
    assert frame["resolved"].tolist() == ["", "section 8 Lunch"]


def test_resolve__brands_and_branches_by_id() -> None:
    """A column that may hold names or ids is read as ids where it holds numbers; one of names never is."""
    header = "Gericht,Marke,Filiale"
    assert resolved(header, "Soto Ayam,663,1", "Soto Ayam,664,3") == [
        ["item", 7, "663", "1"],
        ["item", 7, "664", "3"],
    ]
    assert resolved(header, "Soto Ayam,663,Depok") == [["item", 7, "663", 2]]
    assert refused("dish,brand_name,branch_name", "Soto Ayam,663,1") == [
        [2, "brand_title", "663", "name_unknown"],
        [2, "branch_title", "1", "name_unknown"],
    ]
    rows = ["Soto Ayam,663,1,off"]
    checked = kf.check_toggles(lines(f"{header},Status", *rows), names=True, state=STATE, stores=STORES)
    assert checked.toggles[CELLS].to_numpy().tolist() == [["item", 7, 663, 1, False]]
    assert "Column 'Marke' holds numbers and no names, so it was read as 'brand_id'." in checked.notes


def test_resolve__branch_of_its_brand() -> None:
    """A branch name is looked up among the branches of its brand, named or numbered."""
    assert resolved("brand,branch", "Mie,Senopati", "kopi,Depok") == [
        [None, None, 664, 1],
        [None, None, 663, 2],
    ]
    assert resolved("brand_id,branch_title", "664,Bogor-2")[0][3] == 3
    assert refused("brand_id,branch_title", "663,Bogor") == [[2, "branch_title", "Bogor", "name_unknown"]]


def test_resolve__problems() -> None:
    """Unknown names and names of several things are refused, all at once."""
    assert refused(
        "title,brand,branch", "Nasi Goreng,Kopi,Depok", "Soto,Kopie,Depok", "Soto Ayam,Mie,Depok"
    ) == [
        [2, "title", "Nasi Goreng", "name_ambiguous"],
        [3, "title", "Soto", "name_unknown"],
        [3, "brand_title", "Kopie", "name_unknown"],
        [4, "title", "Soto Ayam", "name_ambiguous"],
        [4, "branch_title", "Depok", "name_unknown"],
    ]


def test_resolve__candidates() -> None:
    """A problem names the candidates, or the nearest names."""
    with pytest.raises(kf.InvalidToggles) as refusal:
        kf.resolve(lines("title", "Nasi Goreng", "Soto Ayem"), STATE)
    problems = refusal.value.problems
    assert problems.loc[0, "message"] == "'Nasi Goreng' may be 'item 5 Nasi Goreng', 'item 6 Nasi Goreng'."
    assert problems.loc[1, "message"] == "'Soto Ayem' is not known here."
    assert str(problems.loc[1, "hint"]).startswith(
        "The nearest names are 'item 7 Soto Ayam', 'category 5 Soto Ayam'"
    )


def test_resolve__flood() -> None:
    """Beyond some hundred misspelt names the nearest ones are no longer searched."""
    rows = [f"Soto {place}" for place in range(300)]
    with pytest.raises(kf.InvalidToggles) as refusal:
        kf.resolve(lines("title", *rows), STATE)
    hints = refusal.value.problems["hint"]
    assert hints.str.startswith("The nearest").sum() == 200
    assert hints.iloc[-1] == "Look the name up again, or write the id."


def test_resolve__nothing_to_do() -> None:
    """A table without names comes back as it is."""
    frame = pd.DataFrame({"entity_type": ["item"], "entity_id": [5]})
    pd.testing.assert_frame_equal(kf.resolve(frame, STATE), frame)


def test_resolve__no_stores() -> None:
    """Names of stores without anything that tells them are refused with the cure."""
    with pytest.raises(kf.ConfigError, match=r"give stores=kf.stores\(client\)"):
        kf.resolve(lines("brand,branch", "Kopi,Depok"), STATE)


def test_resolve__live(client: kf.Client) -> None:
    """Names of the sandbox's own menu and stores become toggles that can be planned."""
    state, stores = kf.read_state(client), kf.stores(client)
    titles = state.loc[state["entity_type"] == "item", "title"]
    title = titles[~titles.duplicated(keep=False)].iloc[0]
    store = stores.iloc[0]
    named = pd.DataFrame(
        {
            "item": [title],
            "brand": [store["brand_title"]],
            "branch": [store["branch_title"]],
            "is_enabled": ["off"],
        }
    )
    toggles = kf.read_toggles(kf.resolve(named, state, stores=stores))
    assert toggles[["brand_id", "branch_id"]].iloc[0].tolist() == [store["brand_id"], store["branch_id"]]
    assert toggles["entity_id"].tolist() == state.loc[state["title"] == title, "entity_id"].tolist()[:1]


def check(source: object) -> kf.CheckedToggles:
    """Check a table of names against the menu above."""
    return kf.check_toggles(source, names=True, state=STATE, stores=STORES)


def cells_of(checked: kf.CheckedToggles) -> list[list[object]]:
    """Return what each toggle is for."""
    rows = checked.toggles[CELLS].itertuples(index=False, name=None)
    return [["" if pd.isna(value) else value for value in row] for row in rows]


@pytest.mark.parametrize(
    "header",
    [
        "Dish,Brand,Branch,Status",
        "Hidangan,Merek,Cabang,Aktif",
        "Gericht,Marke,Filiale,An/Aus",
        "Plato,Marca,Sucursal,Activo",
        "item,brand_title,branch_title,is_enabled",
    ],
)
def test_check__names_down(header: str) -> None:
    """Dishes, brands and branches are found by name, under headers of any of the languages."""
    checked = check(lines(header, "soto  ayam,Kopi,DEPOK,off"))
    assert checked.is_valid, checked.problems
    assert cells_of(checked) == [["item", 7, 663, 2, False]]
    assert checked.toggles["resolved"].tolist() == ["item 7 Soto Ayam; brand 663 Kopi; branch 2 Depok"]


@pytest.mark.parametrize(
    "across",
    ["Kopi / Depok,Mie / Senopati", "Depok - Kopi,senopati – mie", "663/2,664/1", "Kopi | Depok,664/1"],
)
def test_check__names_across(across: str) -> None:
    """Stores across are recognised by brand and branch, in either order and with any sign between."""
    checked = check(lines(f"item,{across}", "Soto Ayam,off,on"))
    assert checked.is_valid, checked.problems
    assert cells_of(checked) == [["item", 7, 663, 2, False], ["item", 7, 664, 1, True]]


def test_check__branches_across() -> None:
    """A branch alone is its store if it has one brand, or with the brand of the row."""
    assert cells_of(check(lines("item,Depok", "Soto Ayam,off"))) == [["item", 7, 663, 2, False]]
    checked = check(lines("item,brand,Senopati", "Soto Ayam,Mie,off"))
    assert cells_of(checked) == [["item", 7, 664, 1, False]]
    problems = check(lines("item,Senopati", "Soto Ayam,off")).problems
    assert problems[["row", "code"]].to_numpy().tolist() == [[1, "name_ambiguous"]]


def test_check__brands_above_branches() -> None:
    """Two header lines, brands merged over their branches, are read as stores."""
    branches, flags = ["Senopati", "Depok", "Bogor-2"], ["off", "on", "off"]
    content = sheet(["March"], ["", "Kopi", "", "Mie"], ["item", *branches], ["Soto Ayam", *flags])
    assert [row[2:] for row in cells_of(check(content))] == [[663, 1, False], [663, 2, True], [664, 3, False]]


def test_check__problems_of_names() -> None:
    """Each name that is not one thing is a problem of its row with the candidates; other rows are planned."""
    checked = check(
        lines(
            "item,brand,branch,is_enabled",
            "Soto Ayem,Kopi,Depok,off",
            "Nasi Goreng,Kopi,Depok,off",
            "Soto Ayam,Kopie,Depok,off",
            "Soto Ayam,Kopi,Depok,off",
        )
    )
    problems = checked.problems
    assert problems[["row", "line", "column", "code"]].to_numpy().tolist() == [
        [1, 2, "title", "name_unknown"],
        [2, 3, "title", "name_ambiguous"],
        [3, 4, "brand_title", "name_unknown"],
    ]
    assert problems["hint"].iloc[0].startswith("The nearest names are 'item 7 Soto Ayam'")
    assert "'item 5 Nasi Goreng', 'item 6 Nasi Goreng'" in problems["message"].iloc[1]
    assert cells_of(checked) == [["item", 7, 663, 2, False]]
    assert checked.annotated.columns.tolist() == ["item", "brand", "branch", "is_enabled", "problem"]


@pytest.mark.parametrize(
    ("header", "row", "column"),
    [
        ("item_id,title,store,is_enabled", "7,Nasi Goreng,663/1,off", "title"),
        ("item_id,sku,store,is_enabled", "7,a-2,663/1,off", "sku"),
        ("item_id,brand_id,brand,branch_id,is_enabled", "7,663,Mie,1,off", "brand_title"),
        ("item_id,brand_id,branch_id,branch,is_enabled", "7,663,1,Depok,off", "branch_title"),
    ],
)
def test_check__name_of_another(header: str, row: str, column: str) -> None:
    """An id beside the name of another dish, brand or branch is a problem, here and in resolve."""
    problems = check(lines(header, row)).problems
    assert problems[["column", "code"]].to_numpy().tolist() == [[column, "name_mismatch"]]
    with pytest.raises(kf.InvalidToggles, match="name_mismatch"):
        kf.resolve(lines(header, row), STATE, stores=STORES)


@pytest.mark.parametrize("title", ["Nasi Goreng", "nasi  goreng", "", "Our fried rice"])
def test_check__name_of_the_same(title: str) -> None:
    """An id beside its own name, an unknown name or none is taken."""
    assert check(lines("item_id,title,store,is_enabled", f"6,{title},663/1,off")).is_valid


def test_check__names_without_a_menu() -> None:
    """Names cannot be looked up without a state."""
    with pytest.raises(kf.ConfigError, match="give state="):
        kf.check_toggles(lines("item"), names=True)
