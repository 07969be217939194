"""Any table that an analyst has: read rightly, or refused with the place and the reason."""

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
from tests.frames.cases import Case
from tests.frames.corpus import CASES


def say_toggle(row: Mapping[Any, Any]) -> str:
    """Say one toggle as the corpus does."""
    place = "business" if row["scope"] == "business" else f"{row['brand_id']}/{row['branch_id']}"
    flag = "on" if row["is_enabled"] else "off"
    cascade = " cascade " + "|".join(map(str, row["cascade_brand_ids"]))
    said = f"{row['entity_type']} {row['entity_id']} {place} {flag}"
    return (said + cascade).rstrip() if row["cascade_to_modifier_groups"] else said


def say_problem(row: Mapping[Any, Any]) -> str:
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
    assert [say_toggle(row) for row in checked.toggles.to_dict("records")] == case.toggles
    assert [say_problem(row) for row in checked.problems.to_dict("records")] == case.problems
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
    assert checked.problems[["message", "hint"]].ne("").all(axis=None)
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
