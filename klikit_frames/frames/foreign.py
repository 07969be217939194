"""Frames of other libraries, and Parquet, to pandas: whole numbers stay whole numbers, blanks or not."""

from __future__ import annotations

import io
from typing import Any

import narwhals as nw
import pandas as pd

from klikit_frames.errors import ConfigError
from klikit_frames.frames.findings import table_finding
from klikit_frames.frames.tables import Table, failed_table, frame_table


def parquet_table(content: bytes) -> Table:
    """Return the table in a Parquet file; touches neither network nor disk."""
    _import_pyarrow()
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    try:
        arrow = pq.read_table(io.BytesIO(content))
    except (OSError, ValueError) as error:
        return failed_table(
            table_finding("file_unreadable", message=f"The Parquet file is damaged: {error}.")
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
