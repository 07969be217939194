"""Results to look at, to save and to raise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames.schemas import RESULT_COLUMNS

NOTES = ["=1+1", "+2", "-3", "@SUM(A1)", "\tx", "\rx", 'a "b", c', "line\nbreak", "lone\rreturn", "plain"]


@pytest.fixture
def result(client: kf.Client, sandbox: kf.sandbox.Sandbox) -> kf.Result:
    """Ten rows with notes of every nasty kind, two of them of nobody's items."""
    state = sandbox.state()
    items = state[(state["scope"] == "business") & (state["entity_type"] == "item")]["entity_id"].head(8)
    toggles = kf.business_toggles("item", [*items, 990_000_000, 990_000_001], is_enabled=False)
    return kf.run(kf.plan(toggles.assign(note=NOTES)), client, journal=":memory:")


def test_to_csv__round_trip(result: kf.Result, tmp_path: Path) -> None:
    """A saved result shows no formula, tears no line, and is read back with its notes as they were."""
    before = result.frame.copy()
    path = result.to_csv(tmp_path / "result.csv")
    text = path.read_bytes().decode()
    assert not any(line.startswith(("=", "+", "-", "@")) for line in text.split(","))
    assert "'=1+1" in text
    back = kf.check_toggles(path, rows="all").toggles
    assert back["note"].tolist() == NOTES
    assert back["entity_id"].tolist() == result.frame["entity_id"].tolist()
    pd.testing.assert_frame_equal(result.frame, before)


def test_to_csv__failed_rows(result: kf.Result, tmp_path: Path) -> None:
    """The rows that failed are a table to go on with."""
    path = result.to_csv(tmp_path / "result.csv")
    assert kf.check_toggles(path, rows="failed").toggles["entity_id"].tolist() == [990_000_000, 990_000_001]


def test_to_excel__round_trip(result: kf.Result, tmp_path: Path) -> None:
    """A workbook holds the same rows, texts as texts."""
    path = result.to_excel(tmp_path / "result.xlsx")
    back = kf.check_toggles(path, rows="all").toggles
    assert back["entity_id"].tolist() == result.frame["entity_id"].tolist()
    assert back["note"].tolist()[:4] == NOTES[:4]


def test_raise_for_failures(result: kf.Result) -> None:
    """The exception names the rows, and holds the whole result."""
    with pytest.raises(
        kf.RunFailed, match=r"2 rows rejected: resource_not_found: .* item 990000000"
    ) as caught:
        result.raise_for_failures()
    assert caught.value.result is result
    assert "8 applied, 2 rejected" in str(caught.value)


def test_raise_for_failures__one_line_per_cause(client: kf.Client) -> None:
    """What many rows have in common is said once, with the first of them and what to do."""
    toggles = kf.business_toggles("item", range(990_000_000, 990_000_014), is_enabled=False)
    result = kf.run(kf.plan(toggles), client, journal=":memory:")
    with pytest.raises(kf.RunFailed) as caught:
        result.raise_for_failures()
    _, *causes = str(caught.value).splitlines()
    assert len(causes) == 1
    assert causes[0].startswith("- 14 rows rejected: resource_not_found: ")
    assert causes[0].endswith(
        "item 990000000 business-wide; item 990000001 business-wide; item 990000002 business-wide; "
        "and 11 more. The id or the store is not of this business. Mend it in the table."
    )


def test_raise_for_failures__ten_causes(result: kf.Result) -> None:
    """Ten causes are listed, then the count."""
    rows = pd.concat([result.frame.tail(1)] * 14, ignore_index=True)
    many = replace(result, frame=rows.assign(message=[f"reason {n}" for n in range(14)]))
    with pytest.raises(kf.RunFailed) as caught:
        many.raise_for_failures()
    lines = str(caught.value).splitlines()
    assert len(lines) == 12
    assert lines[-1] == "- and 4 more causes"


def test_failed(result: kf.Result) -> None:
    """What failed keeps its index and its columns."""
    assert result.failed.index.tolist() == [8, 9]
    assert list(result.failed.columns) == list(result.frame.columns)
    assert tuple(result.failed.columns[-10:]) == RESULT_COLUMNS


def test_views(result: kf.Result) -> None:
    """Counts come first, failures before the rest, at most twenty rows, and nothing runs."""
    html = result._repr_html_()
    assert html.index("8 applied, 2 rejected") < html.index("990000000")
    assert html.index("rejected</td>") < html.index("applied</td>")
    assert "<script" not in html
    assert repr(result) == f"<Result of run {result.run_id[:8]}: 10 rows: 8 applied, 2 rejected.>"
