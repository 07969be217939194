"""Single Python values as JSON and back, each with its exact type."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import numpy as np
import pandas as pd

from klikit_frames.errors import KlikitFramesError

Json = Any

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
    >>> from klikit_frames.frames.scalars import dump_value, load_value
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
    >>> from klikit_frames.frames.scalars import load_value
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
