"""Options that commands share: tables, plan files, journals, and files to write, checked before a request."""

from __future__ import annotations

import io
import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import klikit_frames as kf

from .. import edge
from ..errors import ConfigError
from . import outputs
from .exit_codes import ExitCode
from .outputs import exit_with

if TYPE_CHECKING:
    import pandas as pd

    from .option_groups import ConnectionOptions

Source = Annotated[
    str,
    typer.Argument(metavar="FILE", help="CSV, TSV, XLSX, Parquet or JSON Lines; `-` reads standard input."),
]
Profile = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="The business by its name in your profiles.")
]
Journal = Annotated[Path | None, typer.Option("--journal", help="The journal to use instead of your own.")]
StateFile = Annotated[
    Path | None,
    typer.Option("--state", help="A snapshot of live flags to compare with: a .csv or .parquet of `state`."),
]
Live = Annotated[
    bool,
    typer.Option(
        "--live",
        help="Read the live flags; rows that hold already are sent only to save a request.",
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="HEADER=COLUMN",
        help="Read the column under HEADER as COLUMN, such as `Artikel-Nr.=item_id`; repeat for more.",
    ),
]
Names = Annotated[
    bool,
    typer.Option("--names", help="Look up dishes, brands and branches by name in the live menu."),
]
StoreList = Annotated[
    list[str] | None,
    typer.Option("--store", metavar="BRAND/BRANCH", help="This store, such as 5297/1293; repeat for more."),
]
AllStores = Annotated[bool, typer.Option("--all-stores", help="Every store of the business.")]
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN_ID", help="As `klikit-frames runs` lists it: its first digits do, and so does `last`."
    ),
]


def open_source(name: str) -> Path | io.BytesIO:
    """Return what `name` names: a file that is there, or the bytes of standard input."""
    if name == "-":
        return io.BytesIO(sys.stdin.buffer.read())
    path = Path(name)
    if path.is_dir():
        raise exit_with(ExitCode.USAGE, f"{name} is a folder; name a file in it.")
    if not path.is_file():
        raise exit_with(ExitCode.USAGE, f"{name}: there is no such file.")
    return path


def table_options(columns: list[str] | None, connection: ConnectionOptions, *, names: bool) -> dict[str, Any]:
    """Return how a table is to be read: its columns, and the live menu if names are to be looked up."""
    table = {"columns": parse_columns(columns)}
    if not names:
        return table
    with connection.connect() as client:
        return {**table, "names": True, "state": kf.read_state(client), "stores": kf.stores(client)}


def table_words(columns: list[str] | None, *, names: bool) -> str:
    """Return the words with which another command reads the same table in the same way."""
    assigned = "".join(f" --column {shlex.quote(text)}" for text in columns or ())
    return f"{assigned}{' --names' if names else ''}"


def parse_columns(texts: list[str] | None) -> dict[str, str] | None:
    """Return the columns that ``--column HEADER=COLUMN`` assigns; a header may have a ``=`` in it."""
    from ..frames.headers import check_assignments

    pairs = [text.rpartition("=") for text in texts or ()]
    bad = [repr(text) for text in texts or () if not all(text.rpartition("=")[::2])]
    if bad:
        raise exit_with(
            ExitCode.USAGE,
            f"--column takes HEADER=COLUMN, such as 'Artikel-Nr.=item_id', not {', '.join(bad[:10])}. "
            "Nothing was sent.",
        )
    columns = {header.strip(): column.strip() for header, _, column in pairs}
    try:
        check_assignments(columns)
    except ConfigError as error:
        raise exit_with(ExitCode.USAGE, f"--column: {error} Nothing was sent.") from None
    return columns or None


def load_plan_if_it_is_one(source: Path | io.BytesIO) -> kf.Plan | None:
    """Return the plan in a plan file, known by its content, or None for any other file."""
    from ..planning.plan import parse_plan
    from ..planning.plan_files import is_plan

    content = edge.read_file(source) if isinstance(source, Path) else source.getvalue()
    if not is_plan(content):
        return None
    return kf.load_plan(source) if isinstance(source, Path) else parse_plan(content)


def read_live_state(client: kf.Client, toggles: pd.DataFrame, *, journal: Path | None = None) -> pd.DataFrame:
    """Return the live flags of the business and of the stores that `toggles` names.

    What the journal wrote, and no menu shows yet, counts as live.
    """
    pairs = toggles[["brand_id", "branch_id"]].dropna().drop_duplicates()
    return kf.read_state(client, stores=pairs, with_business=True, journal=journal)


def state_of(
    toggles: pd.DataFrame, connection: ConnectionOptions, *, snapshot: Path | None, journal: Path | None
) -> pd.DataFrame:
    """Return the state to hold `toggles` against: the snapshot if one is named, else the live flags."""
    if snapshot is not None:
        return kf.load_state(snapshot)
    with connection.connect() as client:
        return read_live_state(client, toggles, journal=journal)


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
    if suffix not in outputs.SUFFIXES:
        known = ", ".join(outputs.SUFFIXES)
        raise typer.BadParameter(f"{path}: the suffix {suffix!r} is not one of {known}. Nothing was sent.")
    module, extra = outputs.EXTRAS.get(suffix, ("pandas", ""))
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
TemplateFile = Annotated[
    Path, typer.Argument(metavar="FILE", callback=check_table, help="The .csv or .xlsx to write.")
]
PlanFile = Annotated[Path | None, _file("--out", check=check_folder, help="Save the plan, for `apply FILE`.")]
TakebackFile = Annotated[
    Path | None,
    _file("--save", check=check_folder, help="Save the plan that takes it back; send nothing."),
]
PageFile = Annotated[Path, _file("--out", check=check_folder, help="The HTML file to write.")]


def parse_stores(texts: list[str]) -> list[tuple[int, int]]:
    """Return the pairs of ids that BRAND/BRANCH texts name, or end the command."""
    parts = [text.split("/") for text in texts]
    bad = [
        text for text, part in zip(texts, parts, strict=True) if len(part) != 2 or not all(map(_is_id, part))
    ]
    if bad:
        raise exit_with(
            ExitCode.USAGE, f"--store takes BRAND/BRANCH, such as 5297/1293, not {', '.join(bad[:10])}."
        )
    return [(int(brand), int(branch)) for brand, branch in parts]


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit()
