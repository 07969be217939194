"""What a command is given: a table, a plan file, a list of stores, or standard input."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import klikit_frames as kf
from klikit_frames.cli.endings import Ending
from klikit_frames.cli.outputs import stop

if TYPE_CHECKING:
    import pandas as pd

Source = Annotated[
    str,
    typer.Argument(metavar="FILE", help="CSV, TSV, XLSX, Parquet or JSON Lines; `-` reads standard input."),
]
Journal = Annotated[Path | None, typer.Option("--journal", help="The journal to use instead of your own.")]
StateFile = Annotated[
    Path | None,
    typer.Option("--state", help="A snapshot of live flags to compare with: a .csv or .parquet of `state`."),
]
Live = Annotated[bool, typer.Option("--live", help="Read the live flags and skip rows that already hold.")]
RunId = Annotated[str, typer.Argument(metavar="RUN_ID", help="As `klikit-frames runs` lists it.")]


def open_source(name: str) -> Path | io.BytesIO:
    """Return what `name` names: a file that is there, or the bytes of standard input."""
    if name == "-":
        return io.BytesIO(sys.stdin.buffer.read())
    path = Path(name)
    if path.is_dir():
        raise stop(Ending.USAGE, f"{name} is a folder; name a file in it.")
    if not path.is_file():
        raise stop(Ending.USAGE, f"{name}: there is no such file.")
    return path


def load_plan_if_it_is_one(source: Path | io.BytesIO) -> kf.Plan | None:
    """Return the plan in a plan file, known by its content, or None for any other file."""
    from klikit_frames.planning.files import is_plan
    from klikit_frames.planning.plans import parse_plan

    content = source.read_bytes() if isinstance(source, Path) else source.getvalue()
    return parse_plan(content) if is_plan(content) else None


def read_live_state(client: kf.Client, toggles: pd.DataFrame) -> pd.DataFrame:
    """Return the live flags of the business and of the stores that `toggles` names."""
    pairs = toggles[["brand_id", "branch_id"]].dropna().drop_duplicates()
    return kf.read_state(client, stores=pairs, with_business=True)


def state_of(toggles: pd.DataFrame, *, snapshot: Path | None) -> pd.DataFrame:
    """Return the state to hold `toggles` against: the snapshot if one is named, else the live flags."""
    if snapshot is not None:
        return kf.load_state(snapshot)
    with kf.connect() as client:
        return read_live_state(client, toggles)
