"""Snapshots: a state kept as a file, and read back the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import ConfigError, KlikitFramesError, StateError
from ..frames.csv_injection import neutralise_formulas, restore_formulas
from ..frames.schemas import STATE_COLUMNS
from .state_arrays import DTYPES, PENDING_DTYPES, TEXT, freeze

# A CSV has no place for the notes of a state; they go into a first line that other programs can skip.
_NOTES = "# klikit_frames state "


def save_state(state: pd.DataFrame, path: str | Path) -> Path:
    """Write a state to a file and return its path; an existing file is replaced.

    Parameters
    ----------
    state : DataFrame
        From `klikit_frames.read_state`, or a part of one.
    path : path
        Ends in ``.parquet`` (small and quick; needs the extra ``[parquet]``) or ``.csv``, which begins with a
        comment line that holds the state's notes.

    Raises
    ------
    StateError
        The ending is another one, or the frame is not a state.
    ConfigError
        The ending is ``.parquet`` and pyarrow is not installed.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client)
    >>> _ = kf.save_state(state, "monday.csv")
    >>> kf.load_state("monday.csv").equals(state)
    True
    """
    _check_columns(state, source="This frame")
    path = Path(path)
    write = _by_ending(path, parquet=_write_parquet, csv=_write_csv)
    write(state, path)
    return path


def load_state(path: str | Path) -> pd.DataFrame:
    """Return the state that a file of `save_state` holds, with its dtypes and notes.

    Raises
    ------
    StateError
        The file is not a snapshot: another ending, missing columns, or cells that do not fit.
    FileNotFoundError
        There is no such file.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     _ = kf.save_state(kf.read_state(client), "monday.csv")
    >>> kf.load_state("monday.csv").attrs["host"].startswith("127.0.0.1")
    True
    """
    path = Path(path)
    read = _by_ending(path, parquet=_read_parquet, csv=_read_csv)
    try:
        state = _typed(_check_columns(read(path), source=str(path)))
    except KlikitFramesError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise StateError(f"{path} is not a snapshot of a state: {error}") from None
    state.attrs = {name: freeze(value) for name, value in state.attrs.items()}
    return state


def _check_columns(state: pd.DataFrame, *, source: str) -> pd.DataFrame:
    missing = [name for name in STATE_COLUMNS if name not in state.columns]
    if missing:
        raise StateError(f"{source} is no state: it has no column {', '.join(missing)}.")
    return state


def _typed(state: pd.DataFrame) -> pd.DataFrame:
    """Return the state with its dtypes; text cells that are no id or flag raise ValueError."""
    told = {name: _column(column) for name, column in state.items()}
    typed = pd.DataFrame(told, index=state.index)
    typed.attrs = state.attrs
    return typed


def _column(column: pd.Series) -> pd.Series:
    dtype = (DTYPES | PENDING_DTYPES).get(str(column.name))
    if dtype == TEXT:
        return column.astype(object).where(column.notna(), None).astype(TEXT)
    if dtype is None or column.dtype == dtype:
        return column
    if dtype == "boolean" and not pd.api.types.is_bool_dtype(column.dtype):
        flags = column.map({"True": True, "False": False})
        _check(column, ~(flags.isna() & column.notna()), wanted="True, False or blank")
        return flags.astype("boolean")
    if dtype in ("Int64", "int64"):
        is_id = column.astype(str).str.fullmatch("[0-9]{1,19}") | (column.isna() & (dtype == "Int64"))
        _check(column, is_id, wanted="an id" if dtype == "int64" else "an id or blank")
    return column.astype(dtype)


def _check(column: pd.Series, is_good: pd.Series, *, wanted: str) -> None:
    if not is_good.all():
        bad = ", ".join(map(repr, column[~is_good].unique()[:10].tolist()))
        raise ValueError(f"column {column.name} should hold {wanted}, but has {bad}.")


def _by_ending(path: Path, *, parquet: Callable[..., Any], csv: Callable[..., Any]) -> Callable[..., Any]:
    found = {".parquet": parquet, ".csv": csv}.get(path.suffix.lower())
    if found is None:
        raise StateError(f"{path.name}: a snapshot ends in .parquet or .csv.")
    return found


def _write_parquet(state: pd.DataFrame, path: Path) -> None:
    _need_pyarrow()
    state.to_parquet(path, index=False)


def _read_parquet(path: Path) -> pd.DataFrame:
    _need_pyarrow()
    return pd.read_parquet(path)


def _need_pyarrow() -> None:
    if find_spec("pyarrow") is None:
        raise ConfigError("A Parquet snapshot needs an extra: pip install 'klikit-frames[parquet]'.")


def _write_csv(state: pd.DataFrame, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(_NOTES + json.dumps(state.attrs) + "\n")
        neutralise_formulas(state).to_csv(file, index=False)


def _read_csv(path: Path) -> pd.DataFrame:
    with path.open(encoding="utf-8", newline="") as file:
        first = file.readline()
        if not first.startswith(_NOTES):
            file.seek(0)
        # Only a blank is missing: there are dishes called NA.
        state = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""])
    state = restore_formulas(state)
    if first.startswith(_NOTES):
        state.attrs = json.loads(first.removeprefix(_NOTES))
    return state
