"""Sources of every kind, and the options that say what a file does not."""

from __future__ import annotations

import contextlib
import io
import sqlite3
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.frames.cell_values import FLAG_WORDS, LARGEST_ID
from tests.fixtures import wrong
from tests.frames.cases import GOOD, HEAD, TYPED, lines, result_csv, sheet

TWO_SHEETS = pd.DataFrame([["item", 5, 663, 1062, False]], columns=TYPED)


def test_source__path(tmp_path: Path) -> None:
    """A path is read, as text or as a Path, whatever its name ends in."""
    path = tmp_path / "toggles.xlsx"
    path.write_bytes(lines(HEAD, GOOD))
    pd.testing.assert_frame_equal(kf.read_toggles(path), kf.read_toggles(str(path)))


def test_source__standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash is standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines(HEAD, GOOD))))
    assert kf.read_toggles("-")["entity_id"].tolist() == [5]


def test_source__not_there(tmp_path: Path) -> None:
    """A file that is not there is the builtin error that a reader would guess."""
    with pytest.raises(FileNotFoundError):
        kf.check_toggles(tmp_path / "none.csv")


@pytest.mark.parametrize("name", ["no\0such.csv", "cut \ud83d.csv"], ids=ascii)
def test_source__no_path(name: str) -> None:
    """A name that no file can have is refused in words."""
    with pytest.raises(kf.ConfigError, match="is no path of a file"):
        kf.check_toggles(name)


def test_source__no_table() -> None:
    """What is no table at all is refused by its type."""
    with pytest.raises(TypeError, match="A int is not a table"):
        kf.check_toggles(5)
    with pytest.raises(TypeError, match="A Series is not a table"):
        kf.check_toggles(pd.Series([5]))


def test_source__plan_journal_or_pdf(tmp_path: Path) -> None:
    """A plan, a journal or a PDF in the place of a table is called what it is, with what to give instead."""
    kf.plan(kf.business_toggles("item", [1], is_enabled=True)).save(tmp_path / "monday.plan.json")
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as database:
        database.execute("CREATE TABLE runs (run_no)")
    (tmp_path / "menu.pdf").write_bytes(b"%PDF-1.7\n")
    names = ["monday.plan.json", "journal.sqlite3", "menu.pdf"]
    problems = pd.concat([kf.check_toggles(tmp_path / name).problems for name in names])
    assert problems["code"].tolist() == ["file_unreadable"] * 3
    assert problems["message"].tolist() == [
        "This is a plan, not a table.",
        "This is a journal, or another SQLite file, and not a table.",
        "This is a PDF, not a table.",
    ]
    assert problems["hint"].str.contains("Give|Save").all()


def test_encoding__as_asked() -> None:
    """The person's word counts, and is noted."""
    content = f"{HEAD},note\n{GOOD},Žluťoučký\n".encode("cp1250")
    checked = kf.check_toggles(content, encoding="cp1250")
    assert checked.toggles["note"].tolist() == ["Žluťoučký"]
    assert "Read as cp1250, as asked." in checked.notes


def test_encoding__unknown() -> None:
    """An encoding that does not exist is said so."""
    with pytest.raises(kf.ConfigError, match="no encoding 'klingon'"):
        kf.check_toggles(lines(HEAD, GOOD), encoding="klingon")


def test_sheet__by_name_and_place() -> None:
    """A sheet can be named or counted; without it the one with the best header is read."""
    buffer = io.BytesIO()
    with pd.ExcelWriter(buffer, engine="xlsxwriter") as book:
        for place, name in enumerate(["July", "August"]):
            TWO_SHEETS.assign(entity_id=7 + place).to_excel(book, sheet_name=name, index=False)
    content = buffer.getvalue()
    ids = [kf.read_toggles(content, sheet=name)["entity_id"].item() for name in ("August", 1, -1, 0, None)]
    assert ids == [8, 8, 8, 7, 7]


def test_sheet__unknown() -> None:
    """A sheet that is not there is refused with those that are."""
    with pytest.raises(kf.ConfigError, match="no sheet 'May'; the file has 'Sheet1'"):
        kf.check_toggles(sheet(TYPED), sheet="May")


def test_result__rows() -> None:
    """A result file gives its input back, all of it or what did not come true, formulas as they were."""
    content = result_csv("applied", "failed", "unchanged", "unknown", "rejected", "not_sent")
    every = kf.read_toggles(content)
    failed = kf.check_toggles(content, rows="failed")
    assert every.columns.tolist()[:6] == [*TYPED, "note"]
    assert set(every["note"]) == {"=1+1"}
    assert failed.toggles["entity_id"].tolist() == [6, 8, 9, 10]
    assert "failed rows were taken: 4 of 6" in failed.notes[-1]


def test_result__rows_keep_their_count() -> None:
    """A problem in a result is named at the row and line of the file, not of what was taken."""
    content = result_csv("applied", "failed").replace(b"item,6", b"item,x")
    problems = kf.check_toggles(content, rows="failed").problems
    assert problems[["row", "line", "code"]].to_numpy().tolist() == [[2, 3, "id_not_number"]]


def test_result__rows_of_another_table() -> None:
    """Failed rows can only be asked of a result, and of nothing else."""
    with pytest.raises(kf.ConfigError, match="no outcome of ours"):
        kf.check_toggles(lines(HEAD, GOOD), rows="failed")
    with pytest.raises(kf.ConfigError, match="'all', 'failed'"):
        kf.check_toggles(lines(HEAD, GOOD), rows=wrong("bad"))


def test_result__round_trip(client: kf.Client, tmp_path: Path) -> None:
    """A result that was written as a file gives the very toggles that were run."""
    toggles = kf.cross_toggles("item", [289379, 289380], [(5297, 1293)], is_enabled=False)
    toggles = toggles.assign(note=["=1+1", "'quoted"], code=["a", "b"])
    result = kf.run(kf.plan(toggles), client, journal=":memory:", progress=False)
    result.to_csv(tmp_path / "result.csv")
    result.to_excel(tmp_path / "result.xlsx")
    expected = toggles.rename(columns={"code": "input_code"})
    for name in ("result.csv", "result.xlsx"):
        pd.testing.assert_frame_equal(kf.read_toggles(tmp_path / name), expected)


def test_own_columns__kept() -> None:
    """Own columns come back untouched and in place; names that are ours get a prefix."""
    content = lines("note,code,item_id,store,is_enabled,note", "007,,5,663/1062,off, two ")
    toggles = kf.read_toggles(content)
    assert toggles.columns.tolist()[:6] == [
        "note",
        "input_code",
        "entity_id",
        "store",
        "is_enabled",
        "note_2",
    ]
    assert toggles[["note", "input_code", "note_2"]].iloc[0].tolist() == ["007", "", " two "]


def test_annotated__input_with_reasons() -> None:
    """The input comes back as it was with the reason beside each bad row, and can be checked again."""
    content = lines("Item ID,store,is_enabled,problem", "5,663/1062,off,old", "6.0,,maybe,old")
    annotated = kf.check_toggles(content).annotated
    expected = pd.DataFrame(
        {
            "Item ID": ["5", "6.0"],
            "store": ["663/1062", ""],
            "is_enabled": ["off", "maybe"],
            "problem": [
                "",
                "entity_id: '6.0': An id is a whole number and has no decimal point. "
                "Write 6 if that is the id. brand_id: No store is given. "
                "Fill in brand_id and branch_id in each row, also where cells were merged, or write "
                "business in a column scope. "
                "is_enabled: 'maybe' is not known. Write one of: false, true.",
            ],
        }
    )
    pd.testing.assert_frame_equal(annotated, expected)


def test_annotated__of_a_frame() -> None:
    """A frame keeps its index and dtypes."""
    frame = pd.DataFrame({"item_id": [5], "store": ["663/1062"], "is_enabled": [True]}, index=["x"])
    pd.testing.assert_frame_equal(kf.check_toggles(frame).annotated, frame.assign(problem=""))


def test_annotated__nested_columns() -> None:
    """Columns of several levels, of which nothing can be read, come back as they were."""
    frame = pd.DataFrame({("a", "item_id"): [5]})
    annotated = kf.check_toggles(frame).annotated
    pd.testing.assert_frame_equal(annotated, pd.DataFrame({("a", "item_id"): [5], ("problem", ""): [""]}))


CELLS = st.text(alphabet=st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["5", "on", "item", "", "NA"]
)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=7), max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
@example(b"PK\x03\x04")
@example(b"\x1f\x8b")
@example(b"{")
@example(b"[1")
@example(b"\xff\xfe\x00")
@example(b'"')
def test_any_bytes__no_exception(content: bytes) -> None:
    """Any bytes at all are a table or a problem, never an exception."""
    checked = kf.check_toggles(content)
    assert len(checked.toggles) == 0


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_any_text__no_exception(rows: list[list[str]]) -> None:
    """Any rows under a good header give toggles and problems, and no row is lost without a word."""
    text = HEAD + "\n" + "\n".join(",".join(row) for row in rows)
    checked = kf.check_toggles(io.StringIO(text))
    refused = checked.problems.loc[checked.problems["severity"] == "error", "row"].nunique()
    assert len(checked.annotated) == len(checked.toggles) + refused


@settings(max_examples=60, deadline=None)
@given(entity_id=CELLS | st.integers().map(str), flag=CELLS | st.sampled_from(sorted(FLAG_WORDS)))
def test_any_cell__exact_or_a_problem(entity_id: str, flag: str) -> None:
    """An id and a flag are read as just what they say, or are a problem."""
    frame = pd.DataFrame({"item_id": [entity_id], "store": ["663/1062"], "is_enabled": [flag]})
    checked = kf.check_toggles(frame)
    word = entity_id.strip()
    is_id = word.isascii() and word.isdigit() and str(int(word)) == word and 0 < int(word) <= LARGEST_ID
    meant = FLAG_WORDS.get(flag.strip().casefold())
    expected = [(int(word), meant)] if is_id and meant is not None else []
    assert list(checked.toggles[["entity_id", "is_enabled"]].itertuples(index=False, name=None)) == expected


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, LARGEST_ID), st.booleans()), max_size=5, unique_by=lambda row: row[0])
)
def test_any_toggles__same_as_file_and_frame(rows: list[tuple[int, bool]]) -> None:
    """The same toggles come out of a frame and out of the CSV that pandas makes of it."""
    frame = pd.DataFrame(rows, columns=["entity_id", "is_enabled"]).astype(
        {"entity_id": "int64", "is_enabled": bool}
    )
    frame = frame.assign(entity_type="item", scope="store", brand_id=663, branch_id=1062)
    as_file = kf.read_toggles(frame.to_csv(index=False).encode())
    pd.testing.assert_frame_equal(as_file, kf.read_toggles(frame), check_index_type=False)
