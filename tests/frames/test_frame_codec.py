"""Frames survive a trip through JSON text, whatever is in them."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klikit_frames.errors import KlikitFramesError
from klikit_frames.frames.frame_codec import dump_frame, load_frame
from tests.fixtures import column, wrong


def round_trip(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what is left of `frame` after a trip through JSON text."""
    return load_frame(json.loads(json.dumps(dump_frame(frame), allow_nan=False)))


def refusal(frame: pd.DataFrame) -> str:
    """Return what is said of a frame that cannot be stored."""
    with pytest.raises(KlikitFramesError) as error:
        dump_frame(frame)
    return str(error.value)


DAYS = pd.period_range("2026-01-01", periods=2, freq="D")
ZONE = dt.timezone(dt.timedelta(hours=7))
COLUMNS = {
    "int": pd.Series([1, 2**63 - 1, -5]),
    "uint": pd.Series([1, 2**64 - 1, 0], dtype="uint64"),
    "small": pd.Series([1, 2, 3], dtype="int8"),
    "float": pd.Series([0.1, np.nan, np.inf]),
    "bool": pd.Series([True, False, True]),
    "Int64": pd.Series([1, None, 2**63 - 1], dtype="Int64"),
    "Float64": pd.Series([1.5, None, 2.5], dtype="Float64"),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "text": pd.Series(["a", None, "ü\n"]),
    "string": pd.Series(["a", None, ""], dtype="string"),
    "string_python": pd.Series(["a", None, ""], dtype="string[python]"),
    "object": pd.Series([1, True, "x"], dtype=object),
    "missing": pd.Series([None, pd.NA, np.nan], dtype=object),
    "tuples": pd.Series([(), (1,), (1, (2,))], dtype=object),
    "nested": pd.Series([[1], {"a": [1.5]}, {3}], dtype=object),
    "odd": pd.Series([Decimal("1.10"), b"\x00\xff", dt.date(2026, 1, 2)], dtype=object),
    "numpy": pd.Series([np.int64(5), np.float32(0.5), np.bool_(True)], dtype=object),
    "moments": pd.Series(
        [dt.time(1, 2), dt.datetime(2026, 1, 2, tzinfo=ZONE), dt.timedelta(1)], dtype=object
    ),
    "pandas_moments": pd.Series(
        [pd.Timestamp("2026-01-02", tz="Asia/Jakarta"), pd.NaT, pd.Timedelta("1h")], dtype=object
    ),
    "naive": pd.Series(pd.to_datetime(column("2026-01-02", None, "2026-01-03"))),
    "zoned": pd.Series(pd.to_datetime(column("2026-01-02", None, "2026-01-03"))).dt.tz_localize(
        "Asia/Jakarta"
    ),
    "fixed": pd.Series(pd.to_datetime(["2026-01-02", "2026-01-02", "2026-01-03"])).dt.tz_localize(ZONE),
    "seconds": pd.Series(pd.to_datetime(column("2026-01-02", None, "2026-01-03"))).astype("datetime64[s]"),
    "spans": pd.Series(pd.to_timedelta(["1h", None, "2h"])),
    "category": pd.Series(["a", None, "b"], dtype=pd.CategoricalDtype(["b", "a"], ordered=True)),
    "number_category": pd.Series([1, 2, 1], dtype="category"),
    "arrow": pd.Series([1, None, 3], dtype="int64[pyarrow]"),
    "arrow_text": pd.Series(["1", None, "3"], dtype="string[pyarrow]"),
}
INDEXES = {
    "default": pd.RangeIndex(3),
    "range": pd.RangeIndex(10, 40, 10, name="n"),
    "numbers": pd.Index([5, 3, 3]),
    "texts": pd.Index(["a", "b", "a"], name="label"),
    "times": pd.to_datetime(["2026-01-02", "2026-01-02", "2026-01-03"]).rename("day"),
    "nested": pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["x", None]),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_column__any_dtype(kind: str) -> None:
    """A column of every kind that analysts have comes back equal, its dtype included."""
    frame = pd.DataFrame({kind: COLUMNS[kind]})
    pd.testing.assert_frame_equal(round_trip(frame), frame, check_freq=False)
    kept = list(round_trip(frame)[kind])
    assert [type(value) for value in kept] == [type(value) for value in frame[kind]]


@pytest.mark.parametrize("kind", INDEXES)
def test_index__any_kind(kind: str) -> None:
    """The index comes back with its values, its kind and its names."""
    frame = pd.DataFrame({"a": [1, 2, 3]}, index=INDEXES[kind])  # type: ignore[call-overload]
    pd.testing.assert_frame_equal(round_trip(frame), frame, check_index_type=wrong("exact"), check_freq=False)


def test_frame__names_of_any_type() -> None:
    """Column names may be numbers, doubles or missing, and ``attrs`` are kept."""
    frame = pd.DataFrame([[1, 2, 3]], columns=pd.Index([1, 1, None], name="names", dtype=object))
    frame.attrs["stores"] = ((1, 2), (1, 3))
    again = round_trip(frame)
    pd.testing.assert_frame_equal(again, frame)
    assert again.attrs == frame.attrs


@pytest.mark.parametrize("frame", [pd.DataFrame(), pd.DataFrame({"a": []}), pd.DataFrame(index=[1, 2])])
def test_frame__empty(frame: pd.DataFrame) -> None:
    """Nothing comes back as nothing of the same shape."""
    pd.testing.assert_frame_equal(round_trip(frame), frame)


def test_frame__repeated_cells() -> None:
    """A text or tuple that many rows have is kept once."""
    frame = pd.DataFrame({"entity_type": ["category"] * 1_000, "cascade_brand_ids": [(663, 664)] * 1_000})
    kept = json.dumps(dump_frame(frame))
    assert kept.count("category") == kept.count("664") == 1
    pd.testing.assert_frame_equal(load_frame(json.loads(kept)), frame)


def test_cell__unknown_type() -> None:
    """A value that JSON cannot carry is refused with its column and the cure."""
    assert refusal(pd.DataFrame({"a": pd.Series([pd.Index([1])], dtype=object)})) == (
        "Column 'a': A value of type Index cannot be stored in a plan or journal. "
        "Turn it into text first: frame['a'].astype(str)."
    )


def test_column__unknown_dtype() -> None:
    """A dtype that a file cannot keep is refused with its column and the cure."""
    assert refusal(pd.DataFrame({"a": DAYS})) == (
        "Column 'a': Values of dtype period[D] cannot be stored in a plan or journal. "
        "Turn it into text first: frame['a'].astype(str)."
    )


@pytest.mark.parametrize("index", [DAYS, pd.interval_range(0, 2)])
def test_index__unknown_dtype(index: pd.Index) -> None:
    """An index that a file cannot keep is said to be the index."""
    assert refusal(pd.DataFrame({"a": [1, 2]}, index=index)) == (
        f"The index: Values of dtype {index.dtype} cannot be stored in a plan or journal. "
        "Make it a column first, frame.reset_index(), or drop it."
    )


def test_frame__unknown_names_and_attrs() -> None:
    """Column names and attrs that a file cannot keep are said to be these."""
    frame = pd.DataFrame([[1, 2]], columns=DAYS)
    assert refusal(frame).startswith("The column names: Values of dtype period[D]")
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["a"] = object()
    assert refusal(frame).startswith("The frame's attrs: A value of type object")


def test_column__sparse() -> None:
    """A sparse column comes back dense."""
    frame = pd.DataFrame({"a": pd.arrays.SparseArray([0, 1]), "b": pd.arrays.SparseArray(column(None, 0.5))})
    pd.testing.assert_frame_equal(round_trip(frame), pd.DataFrame({"a": [0, 1], "b": [None, 0.5]}))


def test_cell__arrays() -> None:
    """Arrays, as Parquet gives for lists, come back as lists of plain values, however deep."""
    table = np.array([[1, 2], [3, 4]])
    days = np.array(["2026-01-02"], dtype="datetime64[ns]")
    nested = np.array([np.array(["a"], dtype=object), None], dtype=object)
    frame = pd.DataFrame({"a": pd.Series([table[0], table, days, nested], dtype=object)})
    kept = round_trip(frame)["a"].tolist()
    assert kept == [[1, 2], [[1, 2], [3, 4]], [pd.Timestamp("2026-01-02")], [["a"], None]]
    assert type(kept[0][0]) is int


SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False) | st.dates()


@settings(max_examples=60, deadline=None)
@given(st.lists(SCALARS | st.lists(SCALARS, max_size=3) | st.tuples(SCALARS, SCALARS), max_size=6))
def test_objects__any_values(values: list[object]) -> None:
    """Any mixture of plain values in an object column comes back as it was."""
    column: Any = pd.Series([None] * len(values), dtype=object)
    for position, value in enumerate(values):
        column.iat[position] = value
    frame = pd.DataFrame({"a": column})
    kept = round_trip(frame)["a"].tolist()
    assert [(type(value), value) for value in kept] == [(type(value), value) for value in values]
