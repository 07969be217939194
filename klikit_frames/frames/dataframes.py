"""DataFrames of any library, and Parquet, to source tables; whole numbers stay whole numbers."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from ..errors import ConfigError
from .lone_surrogates import replace_in_frame, replace_in_name
from .problems import table_problem
from .source_tables import Table, failed_table


def frame_table(frame: pd.DataFrame, *, notes: list[str] | None = None) -> Table:
    """Return a table of a frame that a person has in memory; it is not changed."""
    repaired, problems = replace_in_frame(frame)
    rows = np.arange(1, len(frame) + 1)
    return Table(frame=repaired, rows=rows, notes=list(notes or []), problems=problems)


def records_table(records: Any, *, index: Any = None) -> Table:
    """Return a table of plain Python values, in which a whole number beside a blank stays a whole number."""
    try:
        frame = pd.DataFrame(records, dtype=object, index=index)
    except UnicodeEncodeError:
        frame = pd.DataFrame(_mend_names(records), dtype=object, index=index)
    table = frame_table(frame)
    return replace(table, frame=_infer_types(table.frame))


def _mend_names(records: Any) -> Any:
    if isinstance(records, Mapping):
        return {replace_in_name(name): cells for name, cells in records.items()}
    return [_mend_names(record) if isinstance(record, Mapping) else record for record in records]


def _infer_types(frame: pd.DataFrame) -> pd.DataFrame:
    inferred = frame.infer_objects()
    for name in inferred.columns[inferred.dtypes == "float64"]:
        if pd.api.types.infer_dtype(frame[name], skipna=True) != "floating":
            inferred[name] = frame[name]
    return inferred


def parquet_table(content: bytes) -> Table:
    """Return the table in a Parquet file; touches neither network nor disk."""
    _import_pyarrow()
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    try:
        arrow = pq.read_table(io.BytesIO(content))
    except (OSError, ValueError) as error:
        return failed_table(
            table_problem("file_unreadable", message=f"The Parquet file is damaged: {error}.")
        )
    return frame_table(_to_pandas(arrow), notes=["Read as Parquet."])


def is_foreign(source: object) -> bool:
    """Tell whether this is a frame of another library."""
    return hasattr(source, "__arrow_c_stream__") or nw.from_native(source, pass_through=True) is not source


def foreign_table(source: Any) -> Table:
    """Return the table in a frame of polars, pyarrow, DuckDB, Dask or the like."""
    name = f"{type(source).__module__.partition('.')[0]}.{type(source).__name__}"
    arrow = source if hasattr(source, "__arrow_c_stream__") else _collect(source)
    frame = _to_pandas(_import_pyarrow().table(arrow))
    return frame_table(frame, notes=[f"A {name} was taken over as a pandas frame."])


def _collect(source: Any) -> Any:
    frame = nw.from_native(source)
    return (frame.collect() if isinstance(frame, nw.LazyFrame) else frame).to_arrow()


def _import_pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise ConfigError("This source needs an extra: pip install 'klikit-frames[parquet]'") from error
    return pyarrow


def _to_pandas(arrow: Any) -> pd.DataFrame:
    """Turn whole numbers and flags into nullable ones; NumPy would make floats and objects of blanks."""
    pa = _import_pyarrow()
    kinds = {pa.bool_(): pd.BooleanDtype()}
    for bits in (8, 16, 32, 64):
        kinds[getattr(pa, f"int{bits}")()] = getattr(pd, f"Int{bits}Dtype")()
        kinds[getattr(pa, f"uint{bits}")()] = getattr(pd, f"UInt{bits}Dtype")()
    frame: pd.DataFrame = arrow.to_pandas(types_mapper=kinds.get)
    return frame.reset_index(drop=True)
