"""The files that a command writes: one that cannot be written is refused before anything is read or sent."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from klikit_frames.cli import formats
from klikit_frames.errors import ConfigError


def check_folder(path: Path | None) -> Path | None:
    """Return `path` if its folder is there and can be written to."""
    if path is None:
        return None
    if not path.parent.is_dir():
        raise typer.BadParameter(f"{path}: there is no folder {path.parent}. Nothing was sent.")
    if not os.access(path.parent, os.W_OK):
        raise typer.BadParameter(f"{path}: the folder {path.parent} is read-only. Nothing was sent.")
    return path


def check_table(path: Path | None) -> Path | None:
    """Return `path` if its suffix names a format that can be written here, and its folder is there."""
    if path is None:
        return None
    suffix = path.suffix.lower()
    if suffix not in formats.SUFFIXES:
        known = ", ".join(formats.SUFFIXES)
        raise typer.BadParameter(f"{path}: the suffix {suffix!r} is not one of {known}. Nothing was sent.")
    module, extra = formats.EXTRAS.get(suffix, ("pandas", ""))
    if find_spec(module) is None:
        raise ConfigError(f"{path} needs an extra: pip install 'klikit-frames[{extra}]'. Nothing was sent.")
    return check_folder(path)


def _file(*names: str, check: Any, **options: Any) -> Any:
    return typer.Option(*names, dir_okay=False, writable=True, callback=check, **options)


OutFile = Annotated[
    Path | None,
    _file(
        "--out",
        check=check_table,
        help="Write the data to FILE: .csv, .tsv, .xlsx, .parquet, .json or .jsonl.",
    ),
]
AnnotatedFile = Annotated[
    Path | None,
    _file("--annotated", check=check_table, help="Write the input with a `problem` column to FILE."),
]
PlanFile = Annotated[Path | None, _file("--out", check=check_folder, help="Save the plan, for `apply FILE`.")]
TakebackFile = Annotated[
    Path | None,
    _file("--save", check=check_folder, help="Save the plan that takes it back; send nothing."),
]
PageFile = Annotated[Path, _file("--out", check=check_folder, help="The HTML file to write.")]
