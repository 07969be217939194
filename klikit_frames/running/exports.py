"""Result frames as files that a spreadsheet opens without running, rounding or tearing anything."""

from __future__ import annotations

import csv
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ..errors import ConfigError
from ..frames.csv_injection import neutralise_formulas
from ..frames.excel_files import validate_cells
from ..frames.lone_surrogates import replace_in_frame

# Excel keeps 15 digits of a number; a longer id is written as text.
_EXCEL_EXACT_BELOW = 10**15
_SHEET = "result"
_AS_WRITTEN = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def write_csv(frame: pd.DataFrame, path: str | PathLike[str]) -> Path:
    """Write `frame` as UTF-8 CSV, formulas made harmless, and return its path."""
    Path(path).write_bytes(csv_text(frame).encode("utf-8"))
    return Path(path)


def csv_text(frame: pd.DataFrame, *, separator: str = ",") -> str:
    """Return `frame` as CSV, formulas made harmless."""
    plain = _plain(frame)
    # The csv module leaves a lone CR unquoted, and readers take it for the end of a line.
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if _has_returns(plain) else csv.QUOTE_MINIMAL
    return plain.to_csv(index=False, sep=separator, quoting=quoting, lineterminator="\n")


def write_excel(frame: pd.DataFrame, path: str | PathLike[str]) -> Path:
    """Write `frame` as an XLSX file, formulas made harmless, and return its path.

    Raises
    ------
    ConfigError
        The extra ``[excel]`` is not installed, or a text is one that an XLSX file cannot hold.
    """
    plain = validate_cells(_map_columns(_plain(frame), _without_long_numbers))
    try:
        with pd.ExcelWriter(path, engine="xlsxwriter", engine_kwargs={"options": _AS_WRITTEN}) as writer:
            plain.to_excel(writer, sheet_name=_SHEET, index=False)
    except ModuleNotFoundError as error:
        raise ConfigError("to_excel needs an extra: pip install 'klikit-frames[excel]'.") from error
    return Path(path)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Say lists as ``663|664`` and times as text, then make formulas harmless.

    UTF-8 has no halves of characters; frames that were read by hand may.
    """
    whole, _ = replace_in_frame(frame)
    return neutralise_formulas(_map_columns(whole, _as_text))


def _map_columns(frame: pd.DataFrame, change: Any) -> pd.DataFrame:
    # By place, not by name: an analyst's own columns may share one.
    columns = [change(frame.iloc[:, place]) for place in range(frame.shape[1])]
    return pd.concat(columns, axis=1) if columns else frame


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.map(pd.Timestamp.isoformat, na_action="ignore").astype(object)
    return column.map(_joined) if column.dtype == object else column


def _joined(value: Any) -> Any:
    return "|".join(map(str, value)) if isinstance(value, (tuple, list)) else value


def _has_returns(frame: pd.DataFrame) -> bool:
    columns = (frame.iloc[:, place].astype(object) for place in range(frame.shape[1]))
    return any(isinstance(value, str) and "\r" in value for column in columns for value in column)


def _without_long_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    if not pd.api.types.is_integer_dtype(column.dtype):
        return column
    is_long = (column.abs() >= _EXCEL_EXACT_BELOW).fillna(value=False).any()
    return column.astype("string").astype(object) if is_long else column
