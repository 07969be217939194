"""Results to files and back: every text of the person's own comes back as it was."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.frames.schemas import RESULT_COLUMNS
from klikit_frames.running.results import csv_text, write_csv, write_excel
from tests.frames.test_unsafe_text import UNSEEN, WIDE

WRITERS = {"csv": write_csv, "xlsx": write_excel}
TEXTS = st.text(alphabet=f"'\"=+-@a1,;{WIDE}{UNSEEN}", max_size=6)
ANY_TEXTS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\ufffe\uffff"), max_size=6)


def result_of(**columns: list[object]) -> pd.DataFrame:
    """Return a result frame with own columns."""
    n_rows = len(next(iter(columns.values())))
    toggles = kf.business_toggles("item", range(1, n_rows + 1), is_enabled=False)
    series = {name: pd.Series(cells, dtype=object) for name, cells in columns.items()}
    return toggles.assign(**series, **dict.fromkeys(RESULT_COLUMNS, "x"))


@pytest.mark.parametrize("kind", WRITERS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS | ANY_TEXTS, min_size=1, max_size=20))
def test_texts__come_back(kind: str, texts: list[object], tmp_path: Path) -> None:
    """Whatever texts a result has, reading its file gives the same ones."""
    path = WRITERS[kind](result_of(note=texts), tmp_path / f"result.{kind}")
    assert kf.read_toggles(path)["note"].tolist() == texts


def test_csv__signs_of_formulas() -> None:
    """No cell of the file begins with what a spreadsheet runs."""
    texts: list[object] = ["\n=1+1", "\uff1d1+1", "\u3000=1", "\ufeff=1", "plain"]
    rows = csv_text(result_of(note=texts)[["note"]])
    assert rows == "note\n\"'\n=1+1\"\n'\uff1d1+1\n'\u3000=1\n'\ufeff=1\nplain\n"


@pytest.mark.parametrize("kind", WRITERS)
def test_file__half_of_a_character(kind: str, tmp_path: Path) -> None:
    """A frame that holds half of a character is written with U+FFFD in its place, in lists as well."""
    frame = result_of(note=["cut \ud83d", "whole"], tags=[("\ude00", "b"), ()])
    back = kf.read_toggles(WRITERS[kind](frame, tmp_path / f"result.{kind}"))
    assert back[["note", "tags"]].to_numpy().tolist() == [["cut \ufffd", "\ufffd|b"], ["whole", ""]]


def test_excel__text_that_does_not_fit(tmp_path: Path) -> None:
    """Nothing is written if a text would be cut."""
    with pytest.raises(kf.ConfigError, match=r"column 'note', row 1: 40,000 characters"):
        write_excel(result_of(note=["x" * 40_000]), tmp_path / "result.xlsx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("brands", [(), (663,), (663, 664)])
def test_toggles__saved_with_pandas(kind: str, brands: tuple[int, ...], tmp_path: Path) -> None:
    """Toggles that were saved with pandas are the same when read again."""
    made = kf.cross_toggles(
        "item",
        [5, 6],
        [(663, 1)],
        is_enabled=False,
        cascade_to_modifier_groups=bool(brands),
        cascade_brand_ids=brands,
    )
    path = tmp_path / f"mine.{kind}"
    made.to_csv(path, index=False) if kind == "csv" else made.to_excel(path, index=False, engine="xlsxwriter")
    pd.testing.assert_frame_equal(kf.read_toggles(path), made)
