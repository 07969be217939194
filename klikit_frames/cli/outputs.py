"""Data on stdout, talk on stderr, frames to files by their suffix."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from klikit_frames.cli.endings import Ending

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

AsJson = Annotated[bool, typer.Option("--json", help="Print the data as one JSON array.")]
AsJsonLines = Annotated[bool, typer.Option("--jsonl", help="Print the data as one JSON object a line.")]
OutFile = Annotated[
    Path | None,
    typer.Option("--out", help="Write the data to FILE: .csv, .tsv, .xlsx, .parquet, .json or .jsonl."),
]

_SHOWN = 20


def say(text: str) -> None:
    """Tell the person something, on stderr."""
    typer.echo(text, err=True)


def stop(ending: Ending, text: str) -> typer.Exit:
    """Say why the command ends, and return the exception that ends it."""
    say(text)
    return typer.Exit(ending)


def put(frame: pd.DataFrame, *, json: bool = False, jsonl: bool = False, out: Path | None = None) -> None:
    """Write `frame` to a file, or print it: a table on a terminal, CSV in a pipe, JSON if asked."""
    if out is not None:
        write_frame(frame, out)
        say(f"{len(frame):,} rows written to {out}")
    elif json or jsonl:
        typer.echo(to_json(frame, lines=jsonl), nl=not jsonl)
    elif sys.stdout.isatty():
        put_table(frame)
    else:
        typer.echo(_to_csv(frame), nl=False)


def put_table(frame: pd.DataFrame, *, limit: int = _SHOWN) -> None:
    """Print the first rows in full width, and a sentence on the rest."""
    if frame.empty:
        return
    shown = frame.head(limit).astype(object)
    typer.echo(shown.where(shown.notna(), "").to_string(index=False, max_colwidth=60))
    if len(frame) > limit:
        say(f"The first {limit} of {len(frame):,} rows are shown.")


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` to `path` in the format that its suffix names."""
    if path.suffix not in _WRITERS:
        known = ", ".join(_WRITERS)
        raise stop(Ending.USAGE, f"{path}: the suffix {path.suffix!r} is not one of {known}.")
    _WRITERS[path.suffix](frame, path)


def to_json(frame: pd.DataFrame, *, lines: bool) -> str:
    """Return `frame` as JSON records, times in ISO 8601."""
    return frame.to_json(orient="records", date_format="iso", date_unit="us", lines=lines)


def _to_csv(frame: pd.DataFrame, *, separator: str = ",") -> str:
    from klikit_frames.running.exports import csv_text

    return csv_text(frame, separator=separator)


def _write_excel(frame: pd.DataFrame, path: Path) -> None:
    from klikit_frames.running.exports import write_excel

    write_excel(frame, path)


def _write(text: Callable[..., str], **options: Any) -> Callable[[pd.DataFrame, Path], object]:
    return lambda frame, path: path.write_bytes(text(frame, **options).encode("utf-8"))


_WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    ".csv": _write(_to_csv),
    ".tsv": _write(_to_csv, separator="\t"),
    ".xlsx": _write_excel,
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
    ".json": _write(to_json, lines=False),
    ".jsonl": _write(to_json, lines=True),
}
