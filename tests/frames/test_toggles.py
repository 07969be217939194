"""Toggles: tables checked, their rows chosen, and tables made from ids."""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames.problems import KINDS
from klikit_frames.frames.schemas import PROBLEM_COLUMNS, TOGGLE_COLUMNS
from tests.fixtures import column, wrong
from tests.frames.cases import GOOD, HEAD, OTHER, Case, lines
from tests.frames.corpus import CASES


def format_toggle(row: Mapping[Any, Any]) -> str:
    """Say one toggle as the corpus does."""
    place = "business" if row["scope"] == "business" else f"{row['brand_id']}/{row['branch_id']}"
    flag = "on" if row["is_enabled"] else "off"
    cascade = " cascade " + "|".join(map(str, row["cascade_brand_ids"]))
    said = f"{row['entity_type']} {row['entity_id']} {place} {flag}"
    return (said + cascade).rstrip() if row["cascade_to_modifier_groups"] else said


def format_problem(row: Mapping[Any, Any]) -> str:
    """Say one problem as the corpus does."""
    numbers = ["-" if pd.isna(row[name]) else str(row[name]) for name in ("row", "line")]
    warning = "?" if row["severity"] == "warning" else ""
    return f"{':'.join(numbers)} {row['column']} {row['code']}{warning}"


def rewound(source: object) -> object:
    """Return a file object from its start, and anything else as it is."""
    if isinstance(source, (io.BytesIO, io.StringIO)):
        source.seek(0)
    return source


@pytest.mark.parametrize("case", CASES, ids=str)
def test_corpus__toggles_and_problems(case: Case) -> None:
    """Each source gives just the toggles, problems, rows, lines and notes that it should."""
    checked = kf.check_toggles(rewound(case.source))
    assert [format_toggle(row) for row in checked.toggles.to_dict("records")] == case.toggles
    assert [format_problem(row) for row in checked.problems.to_dict("records")] == case.problems
    assert case.note in " ".join(checked.notes)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_corpus__contracts(case: Case) -> None:
    """Whatever comes in, what comes out has its columns and dtypes, and goes in again unchanged."""
    checked = kf.check_toggles(rewound(case.source))
    text = pd.Series(["text"]).dtype
    kinds = [text, "int64", text, "Int64", "Int64", "bool", "bool", "object"]
    for name, kind in zip(TOGGLE_COLUMNS, kinds, strict=True):
        assert checked.toggles[name].dtype == kind, name
    assert tuple(checked.problems.columns) == PROBLEM_COLUMNS
    assert checked.problems[["message", "hint"]].ne(wrong("")).all(axis=None)
    if len(checked.toggles):
        pd.testing.assert_frame_equal(kf.read_toggles(checked.toggles), checked.toggles)


@pytest.mark.parametrize("case", [case for case in CASES if isinstance(case.source, pd.DataFrame)], ids=str)
def test_corpus__frames_stay(case: Case) -> None:
    """A frame that is read is not changed, and good rows keep their index."""
    before = copy.deepcopy(case.source)
    checked = kf.check_toggles(case.source)
    pd.testing.assert_frame_equal(case.source, before)
    assert checked.toggles.index.isin(before.index).all()


def test_corpus__every_code() -> None:
    """Each code of the table is shown by a case, but for those of a state, a folder or promises."""
    shown = {problem.rpartition(" ")[2].rstrip("?") for case in CASES for problem in case.problems}
    names = {"name_unknown", "name_ambiguous", "name_mismatch"}
    promises = {code for code in KINDS if code.startswith(("time_", "end_", "start_", "promise_"))}
    assert shown == set(KINDS) - names - promises - {"section_and_item", "not_on_menu", "folder_empty"}
    assert len(CASES) >= 100


def expected(**columns: object) -> pd.DataFrame:
    """Return a frame of toggles in canonical order and dtypes."""
    frame = pd.DataFrame(columns)
    frame["entity_id"] = frame["entity_id"].astype("int64")
    for name in ("brand_id", "branch_id"):
        frame[name] = frame[name].astype("Int64")
    return frame


def test_cross__ids_by_stores() -> None:
    """Each id meets each store, id by id, with the cascade that was asked for."""
    toggles = kf.cross_toggles(
        "item",
        [6, 5],
        [(663, 1), (664, 2)],
        is_enabled=False,
        cascade_to_modifier_groups=True,
        cascade_brand_ids=[664, 663],
    )
    frame = expected(
        entity_type=["item"] * 4,
        entity_id=[6, 6, 5, 5],
        scope=["store"] * 4,
        brand_id=[663, 664] * 2,
        branch_id=[1, 2] * 2,
        is_enabled=[False] * 4,
        cascade_to_modifier_groups=[True] * 4,
        cascade_brand_ids=[(663, 664)] * 4,
    )
    pd.testing.assert_frame_equal(toggles, frame)


def test_cross__stores_as_a_frame() -> None:
    """Stores may be a frame, with whatever else and whatever index."""
    stores = pd.DataFrame(
        {"branch_id": [1, 2], "brand_id": [663, 664], "city": ["Bogor", "Depok"]}, index=[7, 7]
    )
    pairs = kf.cross_toggles("item", [5], [(663, 1), (664, 2)], is_enabled=True)
    pd.testing.assert_frame_equal(kf.cross_toggles("item", [5], stores, is_enabled=True), pairs)


def test_business__wide_rows() -> None:
    """Business rows name no store."""
    toggles = kf.business_toggles("section", pd.Series([5, 6]), is_enabled=True)
    frame = expected(
        entity_type=["section"] * 2,
        entity_id=[5, 6],
        scope=["business"] * 2,
        brand_id=[None, None],
        branch_id=[None, None],
        is_enabled=[True] * 2,
        cascade_to_modifier_groups=[False] * 2,
        cascade_brand_ids=[()] * 2,
    )
    pd.testing.assert_frame_equal(toggles, frame)


@pytest.mark.parametrize("ids", [[], range(0)])
def test_making__nothing(ids: list[int]) -> None:
    """No ids or no stores make no toggles, and never a business-wide one."""
    assert kf.cross_toggles("item", ids, [(663, 1)], is_enabled=True).empty
    assert kf.cross_toggles("item", [5], [], is_enabled=True).empty
    assert kf.business_toggles("item", ids, is_enabled=True).empty


@pytest.mark.parametrize(
    ("entity_type", "ids", "stores", "code"),
    [
        ("dish", [5], [(663, 1)], "entity_type_unknown"),
        ("item", ["5.0"], [(663, 1)], "id_fraction"),
        ("item", [True], [(663, 1)], "id_not_number"),
        ("item", [5], [(663, None)], "store_half"),
        ("item", [5], [(663, 0)], "id_not_positive"),
    ],
)
def test_making__bad_values(
    entity_type: str, ids: list[int], stores: list[tuple[int, int]], code: str
) -> None:
    """Bad ids, stores and levels are refused as in any other table."""
    with pytest.raises(kf.InvalidToggles) as refusal:
        kf.cross_toggles(entity_type, ids, stores, is_enabled=False)
    assert refusal.value.problems["code"].tolist() == [code]


@pytest.mark.parametrize("stores", [[(663, 1, 2)], [663], pd.DataFrame({"brand_id": [663]})])
def test_making__no_stores(stores: Any) -> None:
    """What is no pair of brand and branch is said so."""
    with pytest.raises(kf.ConfigError, match="A store is a pair of brand_id and branch_id"):
        kf.cross_toggles("item", [5], stores, is_enabled=True)


@pytest.mark.parametrize(("ids", "said"), [("123", "'123'"), (b"12", "b'12'"), (5, "5"), (None, "None")])
def test_making__no_list_of_ids(ids: Any, said: str) -> None:
    """A text or a single number is no list of ids, and is never taken for one of letters."""
    refused = f"entity_ids is {said}, which is no list; give one such as [289379, 289380]."
    with pytest.raises(kf.ConfigError) as cross:
        kf.cross_toggles("item", ids, [(663, 1)], is_enabled=True)
    with pytest.raises(kf.ConfigError) as business:
        kf.business_toggles("item", ids, is_enabled=True)
    assert str(cross.value) == str(business.value) == refused


@pytest.mark.parametrize("brands", ["663", 663])
def test_making__no_list_of_brands(brands: Any) -> None:
    """Brands to cascade to are a list as well."""
    with pytest.raises(kf.ConfigError, match=f"cascade_brand_ids is {brands!r}, which is no list"):
        kf.business_toggles(
            "item",
            [5],
            is_enabled=True,
            cascade_to_modifier_groups=True,
            cascade_brand_ids=brands,
        )


@pytest.mark.parametrize("stores", ["12", "5297/1293", 5297])
def test_making__no_list_of_stores(stores: Any) -> None:
    """Stores given as one text or number are refused by name."""
    with pytest.raises(kf.ConfigError, match=f"stores is {stores!r}, which is no list"):
        kf.cross_toggles("item", [5], stores, is_enabled=True)


def test_making__store_as_text() -> None:
    """A store of two letters is not a pair of ids."""
    with pytest.raises(kf.ConfigError, match=r"A store is a pair .*: '12' is text"):
        kf.cross_toggles("item", [5], column("12"), is_enabled=True)


def test_making__flag_that_is_none() -> None:
    """A flag must be said."""
    with pytest.raises(kf.InvalidToggles, match="flag_blank"):
        kf.business_toggles("item", [5], is_enabled=wrong(None))


def test_making__brands_without_cascade() -> None:
    """Brands to cascade to are nothing without the cascade."""
    with pytest.raises(kf.InvalidToggles, match="cascade_brands_unused"):
        kf.business_toggles("item", [5], is_enabled=True, cascade_brand_ids=[663])


@pytest.mark.parametrize(
    "last",
    ["Total,,,,", ",,,,TOTAL: 2", "Summe,,,,2", "Jumlah,,,,", "Total general,,,,3"],
)
def test_totals__at_the_end(last: str) -> None:
    """A row of totals at the end is left out, and the notes say which it was."""
    checked = kf.check_toggles(lines(HEAD, GOOD, OTHER, "", last, ",,,,"))
    assert checked.is_valid, checked.problems
    assert len(checked.toggles) == 2
    assert any(note.startswith("A row of totals at the end was left out: row 4 (") for note in checked.notes)


@pytest.mark.parametrize("row", ["Total,,,,off", "Gesamt:,12,,,", "total juice,,,,", "Totally new,,,,1"])
def test_totals__that_are_none(row: str) -> None:
    """A row that may be meant as a toggle is a problem, and never left out."""
    assert not kf.check_toggles(lines(HEAD, GOOD, row)).is_valid


def test_totals__between_rows() -> None:
    """Totals between other rows are problems: what comes below may belong to another table."""
    checked = kf.check_toggles(lines(HEAD, GOOD, "Total,,,,1", OTHER))
    assert checked.problems["row"].unique().tolist() == [2]


def test_totals__of_a_pivot() -> None:
    """Below a pivot the totals of each store are left out, though 1 and 0 are flags as well."""
    checked = kf.check_toggles(lines("item_id,663/1,663/2", "5,on,", "6,,off", "Total,1,1"))
    assert checked.is_valid, checked.problems
    assert len(checked.toggles) == 2


@pytest.mark.parametrize("dtypes", [{}, {"brand_id": "int64", "entity_id": "Int64"}, {"branch_id": "int32"}])
@pytest.mark.parametrize("name", TOGGLE_COLUMNS[:6])
def test_frame__shares_no_cell(name: str, dtypes: Any) -> None:
    """A column that is as it should be comes back as it is; no edit of one frame shows in the other."""
    edits: dict[str, Any] = dict(zip(TOGGLE_COLUMNS, ("section", 7, "business", 7, 7, True), strict=False))
    whole = kf.cross_toggles("item", [5, 6], [(663, 1062)], is_enabled=False)[[*TOGGLE_COLUMNS[:6]]]
    first = whole.astype(dtypes)
    before = first.copy()
    toggles = kf.read_toggles(first)
    pd.testing.assert_frame_equal(toggles[[*TOGGLE_COLUMNS[:6]]], whole)
    toggles.loc[0, name] = edits[name]
    pd.testing.assert_frame_equal(first, before)
    first.loc[1, name] = edits[name]
    assert toggles[name].iloc[1] == whole[name].iloc[1]
