"""Frames as text, and as files in the format that a suffix names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

# What a format needs beyond the package itself: the module, and the extra that brings it.
EXTRAS = {".xlsx": ("xlsxwriter", "excel"), ".parquet": ("pyarrow", "parquet")}


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` to `path` in the format that its suffix names."""
    _WRITERS[path.suffix.lower()](frame, path)


def to_json(frame: pd.DataFrame, *, lines: bool) -> str:
    """Return `frame` as JSON records, times in ISO 8601."""
    return frame.to_json(orient="records", date_format="iso", date_unit="us", lines=lines)


def to_csv(frame: pd.DataFrame, *, separator: str = ",") -> str:
    """Return `frame` as CSV, formulas made harmless."""
    from klikit_frames.running.results import csv_text

    return csv_text(frame, separator=separator)


def _write_excel(frame: pd.DataFrame, path: Path) -> None:
    from klikit_frames.running.results import write_excel

    write_excel(frame, path)


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    # A Parquet column has one type; an analyst's own may hold numbers beside words.
    mixed = {name: _as_text(column) for name, column in frame.items() if _is_mixed(column)}
    frame.assign(**mixed).to_parquet(path, index=False)  # type: ignore[arg-type]


def _is_mixed(column: pd.Series[Any]) -> bool:
    return column.dtype == object and column.dropna().map(type).nunique() > 1


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.map(str, na_action="ignore").astype("string")


def _write(text: Callable[..., str], **options: Any) -> Callable[[pd.DataFrame, Path], object]:
    return lambda frame, path: path.write_bytes(text(frame, **options).encode("utf-8"))


_WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    ".csv": _write(to_csv),
    ".tsv": _write(to_csv, separator="\t"),
    ".xlsx": _write_excel,
    ".parquet": _write_parquet,
    ".json": _write(to_json, lines=False),
    ".jsonl": _write(to_json, lines=True),
}
SUFFIXES = tuple(_WRITERS)
