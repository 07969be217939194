"""Frames and values as JSON and back, with their exact dtypes: the format of plan files and journals."""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, cast

import numpy as np
import pandas as pd

from ..errors import KlikitFramesError

Json = Any

# From pandas 3 on frames can share a column: it is copied once one of them is changed.
COPIES_ON_WRITE = int(pd.__version__.partition(".")[0]) >= 3
_TUPLE = "tuple"
_SINGLETONS: dict[str, object] = {"NA": pd.NA, "NaT": pd.NaT, "nan": math.nan}

# What a JSON file says by itself, and what needs a tag beside it: type -> (tag, to JSON).
_PLAIN = (str, bool, int, type(None))
_TAGGED: dict[type, tuple[str, Callable[[Any], Json]]] = {
    Decimal: ("decimal", str),
    dt.datetime: ("datetime", dt.datetime.isoformat),
    dt.date: ("date", dt.date.isoformat),
    dt.time: ("time", dt.time.isoformat),
    dt.timedelta: ("timedelta", lambda span: [span.days, span.seconds, span.microseconds]),
    pd.Timedelta: ("Timedelta", lambda span: [span.value, span.unit]),
    bytes: ("bytes", bytes.hex),
}


def dump_value(value: object) -> Json:
    """Return `value` as JSON that `load_value` turns back into the same value of the same type.

    An array of NumPy comes back as a list.

    Raises
    ------
    KlikitFramesError
        For a type that JSON cannot carry; text can always be stored instead.

    Examples
    --------
    >>> from klikit_frames.frames.frame_codec import dump_value, load_value
    >>> dump_value((663, 664))
    {'tuple': [663, 664]}
    >>> load_value(dump_value((663, 664)))
    (663, 664)
    """
    if type(value) in _PLAIN or (type(value) is float and math.isfinite(value)):
        return value
    if type(value) in _TAGGED:
        tag, to_json = _TAGGED[type(value)]
        return {tag: to_json(value)}
    return _dump_missing(value) or _dump_number(value) or _dump_nested(value)


def load_value(value: Json) -> object:
    """Return the value that `dump_value` wrote.

    Examples
    --------
    >>> from klikit_frames.frames.frame_codec import load_value
    >>> load_value({"is": "NA"})
    <NA>
    """
    if not isinstance(value, dict):
        return value
    ((tag, content),) = value.items()
    return _UNTAGGED[tag](content)


def _dump_missing(value: object) -> Json:
    if value is pd.NA:
        return {"is": "NA"}
    if value is pd.NaT:
        return {"is": "NaT"}
    return {"is": "nan"} if type(value) is float and math.isnan(value) else None


def _dump_number(value: object) -> Json:
    if type(value) is float:
        return {"float": repr(value)}
    if isinstance(value, pd.Timestamp):
        return {"Timestamp": _timestamp_parts(value)}
    if isinstance(value, (np.bool_, np.number)) and not np.iscomplexobj(value):
        return {"numpy": [value.dtype.str, dump_value(value.item())]}
    return None


def _dump_nested(value: object) -> Json:
    if type(value) is dict:
        return {"dict": [[dump_value(key), dump_value(member)] for key, member in value.items()]}
    if isinstance(value, np.ndarray) and value.ndim:
        value = pd.Series(value).tolist() if value.ndim == 1 else list(value)
    for kind in (tuple, list, set):
        if isinstance(value, kind):
            return {kind.__name__: [dump_value(member) for member in cast("tuple[object, ...]", value)]}
    raise KlikitFramesError(f"A value of type {type(value).__name__} cannot be stored in a plan or journal.")


def _timestamp_parts(moment: pd.Timestamp) -> Json:
    zone = None if moment.tz is None else pd.DatetimeTZDtype(moment.unit, moment.tz).name
    return [moment.value, moment.unit, zone]


def _load_timestamp(parts: Json) -> pd.Timestamp:
    value, unit, zone = parts
    if zone is None:
        return pd.Timestamp(value, unit="ns").as_unit(unit)
    dtype: Any = pd.DatetimeTZDtype.construct_from_string(zone)
    return pd.Timestamp(value, unit="ns", tz="UTC").tz_convert(dtype.tz).as_unit(unit)


_UNTAGGED: dict[str, Callable[[Json], object]] = {
    "decimal": Decimal,
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "timedelta": lambda parts: dt.timedelta(*parts),
    "Timedelta": lambda parts: pd.Timedelta(parts[0], "ns").as_unit(parts[1]),
    "Timestamp": _load_timestamp,
    "bytes": bytes.fromhex,
    "float": float,
    "numpy": lambda parts: np.dtype(parts[0]).type(load_value(parts[1])),
    "is": _SINGLETONS.__getitem__,
    _TUPLE: lambda members: tuple(load_value(member) for member in members),
    "list": lambda members: [load_value(member) for member in members],
    "set": lambda members: {load_value(member) for member in members},
    "dict": lambda pairs: {load_value(key): load_value(value) for key, value in pairs},
}


_TEXT = "text"


def dump_frame(frame: pd.DataFrame) -> dict[str, Json]:
    """Return `frame` as plain JSON: every cell, dtype, column name, the index and its ``attrs``.

    Touches neither network nor disk.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any columns; dtypes of numpy, nullable, categorical, Arrow and time; objects that are numbers, texts,
        dates, bytes, or tuples, lists, sets and dicts of these. Sparse columns come back dense, and arrays in
        cells as lists.

    Raises
    ------
    KlikitFramesError
        If a cell has a type that JSON cannot carry; the message names its column.

    See Also
    --------
    load_frame : the inverse.

    Examples
    --------
    >>> import json, pandas as pd
    >>> from klikit_frames.frames.frame_codec import dump_frame, load_frame
    >>> frame = pd.DataFrame({"entity_id": [5297, 5298], "cascade_brand_ids": [(), (663,)]})
    >>> kept = json.dumps(dump_frame(frame))
    >>> pd.testing.assert_frame_equal(load_frame(json.loads(kept)), frame)
    """
    columns = []
    for position, name in enumerate(frame.columns):
        with _place(f"Column {name!r}", cure=f"Turn it into text first: frame[{name!r}].astype(str)"):
            columns.append(_dump_array(_dense(frame.iloc[:, position])))
    with _place("The column names", cure="Make them text first: frame.columns.astype(str)"):
        names = _dump_index(frame.columns)
    with _place("The index", cure="Make it a column first, frame.reset_index(), or drop it"):
        index = _dump_index(frame.index)
    with _place("The frame's attrs", cure="Clear them first: frame.attrs = {}"):
        attrs = dump_value(dict(frame.attrs))
    return {"columns": columns, "names": names, "index": index, "attrs": attrs}


def load_frame(stored: dict[str, Json]) -> pd.DataFrame:
    """Return the frame that `dump_frame` was given.

    Touches neither network nor disk.

    Parameters
    ----------
    stored : dict
        What `dump_frame` returned, also after a trip through JSON text.

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.frames.frame_codec import dump_frame, load_frame
    >>> load_frame(dump_frame(pd.DataFrame({"brand_id": pd.array([1, None], dtype="Int64")})))
       brand_id
    0         1
    1      <NA>
    """
    index = _load_index(stored["index"])
    columns = {
        position: _load_array(column).set_axis(index) for position, column in enumerate(stored["columns"])
    }
    frame = pd.DataFrame(columns, index=index, copy=False)
    frame.columns = _load_index(stored["names"])
    frame.attrs = load_value(stored["attrs"])  # type: ignore[assignment]
    return frame


@contextmanager
def _place(what: str, *, cure: str) -> Iterator[None]:
    """Say which part of a frame it is that cannot be stored, and what to do."""
    try:
        yield
    except KlikitFramesError as error:
        raise KlikitFramesError(f"{what}: {error} {cure}.") from None


def _dump_index(index: pd.Index[Any]) -> dict[str, Json]:
    if isinstance(index, pd.RangeIndex):
        return {"range": [index.start, index.stop, index.step], "name": dump_value(index.name)}
    levels = [index.get_level_values(level) for level in range(index.nlevels)]
    return {
        "levels": [{"name": dump_value(level.name), **_dump_array(level.to_series())} for level in levels],
        "is_nested": isinstance(index, pd.MultiIndex),
    }


def _load_index(stored: dict[str, Json]) -> pd.Index[Any]:
    if "range" in stored:
        start, stop, step = stored["range"]
        return pd.RangeIndex(start, stop, step, name=load_value(stored["name"]))
    names = [load_value(level["name"]) for level in stored["levels"]]
    levels = [_load_array(level) for level in stored["levels"]]
    if stored["is_nested"]:
        return pd.MultiIndex.from_arrays(levels, names=names)
    index: pd.Index[Any] = pd.Index(levels[0], name=names[0], dtype=levels[0].dtype)
    return index


def _dump_array(column: pd.Series[Any]) -> dict[str, Json]:
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _dump_categories(column)
    if isinstance(dtype, pd.ArrowDtype):
        return {"dtype": "arrow", "values": _dump_arrow(column)}
    if isinstance(dtype, pd.StringDtype):
        return _dump_text(column)
    if dtype.kind in "mM":
        return {"dtype": str(dtype), "values": column.to_numpy(_raw_time(dtype)).view("int64").tolist()}
    if dtype.kind in "biuf":
        return {"dtype": str(dtype), "values": _dump_numbers(column)}
    if dtype == np.dtype(object):
        return _dump_objects(column)
    raise KlikitFramesError(f"Values of dtype {dtype} cannot be stored in a plan or journal.")


def _dense(column: pd.Series[Any]) -> pd.Series[Any]:
    dtype: Any = column.dtype
    return column.astype(dtype.subtype) if isinstance(dtype, pd.SparseDtype) else column


def _load_array(stored: dict[str, Json]) -> pd.Series[Any]:
    dtype = stored["dtype"]
    load = _LOADERS.get(dtype)
    if load is not None:
        return load(stored)
    if dtype.startswith(("datetime64", "timedelta64")):
        return _load_times(stored)
    return _load_numbers(stored)


def _raw_time(dtype: Any) -> str:
    return f"datetime64[{dtype.unit}]" if isinstance(dtype, pd.DatetimeTZDtype) else str(dtype)


def _load_times(stored: dict[str, Json]) -> pd.Series[Any]:
    numbers = np.array(stored["values"], dtype="int64")
    if "," not in stored["dtype"]:
        return pd.Series(numbers.view(stored["dtype"]))
    dtype: Any = pd.DatetimeTZDtype.construct_from_string(stored["dtype"])
    return pd.Series(numbers.view(_raw_time(dtype))).dt.tz_localize("UTC").dt.tz_convert(dtype.tz)


def _dump_numbers(column: pd.Series[Any]) -> list[Json]:
    values = column.astype(object).tolist() if column.dtype.kind == "f" or column.hasnans else column.tolist()
    return (
        values
        if column.dtype.kind in "bui" and not column.hasnans
        else [dump_value(value) for value in values]
    )


def _load_numbers(stored: dict[str, Json]) -> pd.Series[Any]:
    values = stored["values"]
    if any(isinstance(value, dict) for value in values):
        values = [load_value(value) for value in values]
    return pd.Series(values, dtype=stored["dtype"])


def _dump_text(column: pd.Series[Any]) -> dict[str, Json]:
    codes, distinct = pd.factorize(column)
    dtype: Any = column.dtype
    storage = None if dtype.na_value is not pd.NA else dtype.storage
    return {"dtype": _TEXT, "values": distinct.tolist(), "codes": codes.tolist(), "storage": storage}


def _load_text(stored: dict[str, Json]) -> pd.Series[Any]:
    values = _spread([*stored["values"], None], stored["codes"])
    if stored["storage"] is None:
        return text_series(values)
    return pd.Series(values, dtype=pd.StringDtype(stored["storage"]))


def text_series(values: Any) -> pd.Series[Any]:
    """Return a column of pandas' own default text dtype: ``str`` from pandas 3 on, object before.

    Examples
    --------
    >>> from klikit_frames.frames.frame_codec import text_series
    >>> text_series(["item", None]).isna().tolist()
    [False, True]
    """
    default = pd.Series(["text"]).dtype
    return pd.Series(values, dtype=default)


def _dump_categories(column: pd.Series[Any]) -> dict[str, Json]:
    categories = column.cat.categories
    return {
        "dtype": "category",
        "values": column.cat.codes.tolist(),
        "categories": _dump_array(categories.to_series()),
        "is_ordered": bool(column.cat.ordered),
    }


def _load_categories(stored: dict[str, Json]) -> pd.Series[Any]:
    categories = pd.Index(_load_array(stored["categories"]))
    return pd.Series(pd.Categorical.from_codes(stored["values"], categories, ordered=stored["is_ordered"]))


def _dump_arrow(column: pd.Series[Any]) -> str:
    import pyarrow as pa  # type: ignore[import-untyped]

    table = pa.table({"values": pa.chunked_array(column.array.__arrow_array__())})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return base64.b64encode(sink.getvalue().to_pybytes()).decode("ascii")


def _load_arrow(stored: dict[str, Json]) -> pd.Series[Any]:
    import pyarrow as pa

    table = pa.ipc.open_stream(base64.b64decode(stored["values"])).read_all()
    return pd.Series(pd.arrays.ArrowExtensionArray(table.column("values")))


def _dump_objects(column: pd.Series[Any]) -> dict[str, Json]:
    """Say each object once: a column of tuples is mostly the very same few objects."""
    objects = {id(value): value for value in column}
    places = {number: place for place, number in enumerate(objects)}
    codes = [places[id(value)] for value in column]
    return {"dtype": "object", "values": [dump_value(value) for value in objects.values()], "codes": codes}


def _load_objects(stored: dict[str, Json]) -> pd.Series[Any]:
    values = [load_value(value) for value in stored["values"]]
    return pd.Series(_spread(values, stored["codes"]), dtype=object)


def _spread(values: list[Any], codes: list[int]) -> Any:
    """Return the value of each code; -1 stands for the last one."""
    distinct = np.fromiter(values, dtype=object, count=len(values))
    return distinct[np.array(codes, dtype=np.intp)]


_LOADERS: dict[str, Callable[[dict[str, Json]], pd.Series[Any]]] = {
    "arrow": _load_arrow,
    "category": _load_categories,
    "object": _load_objects,
    _TEXT: _load_text,
}
