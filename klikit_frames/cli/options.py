"""Options of commands, checked before a request: tables, plan files, how to connect, where the data go.

Options that come together are a group, which a command takes as one parameter; `expand_groups` makes of it
the single options that typer knows.
"""

from __future__ import annotations

import inspect
import io
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

import klikit_frames as kf

from .. import edge
from ..errors import ConfigError
from . import outputs
from .exit_codes import ExitCode
from .outputs import exit_with
from .terminal_words import to_terminal

if TYPE_CHECKING:
    import pandas as pd

    from ..running.notifications import OnFinish

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
    if edge.is_folder(path):
        raise exit_with(ExitCode.USAGE, f"{name} is a folder; name a file in it.")
    if not edge.is_file(path):
        is_there = os.path.exists(path)  # noqa: PTH110 - pathlib's raises for a long name
        other = "it is no file; name one, or send it to standard input and name it -"
        raise exit_with(ExitCode.USAGE, f"{name}: {other if is_there else 'there is no such file'}.")
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
    if not edge.is_folder(path.parent):
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
        suffixes = ", ".join(outputs.SUFFIXES)
        raise typer.BadParameter(f"{path}: the suffix {suffix!r} is not one of {suffixes}. Nothing was sent.")
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


@dataclass(frozen=True, kw_only=True)
class ConnectionOptions:
    """How to reach the business."""

    profile: Profile = None
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="HOST", help="Send the credential to this host, too; repeat for more."
        ),
    ] = None
    reads_per_minute: Annotated[int, typer.Option(min=1, help="The read cap to keep.")] = 600

    def connect(self) -> kf.Client:
        """Return a client of the business."""
        given = asdict(self)
        hosts = given.pop("allow_host")
        return kf.connect(**given, allowed_hosts=tuple(hosts or ()))

    @property
    def words(self) -> str:
        """The words that name the same business in another command, if it is not the default one."""
        named = [("--profile", self.profile), *(("--allow-host", host) for host in self.allow_host or ())]
        return "".join(f" {option} {outputs.quote(value)}" for option, value in named if value)


@dataclass(frozen=True, kw_only=True)
class WriteOptions(ConnectionOptions):
    """How to reach the business, and how fast to write to it."""

    writes_per_minute: Annotated[int, typer.Option(min=1, help="The write cap to keep.")] = 300


@dataclass(frozen=True, kw_only=True)
class ConsentOptions:
    """Whether the person has agreed to what is sent."""

    yes: Annotated[bool, typer.Option("--yes", "-y", help="Send without asking.")] = False
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="CODE", help="The code that the guard of a real host names."),
    ] = None

    @property
    def is_given(self) -> bool:
        """Whether the person need not be asked."""
        return self.yes or self.confirm is not None


class OnError(StrEnum):
    """What a run does when a row fails."""

    CONTINUE = "continue"
    STOP = "stop"


class FlagsBefore(StrEnum):
    """Where the flags from before a run come from."""

    AUTO = "auto"
    PLAN = "plan"
    READ = "read"
    NONE = "none"


WhatBefore = Annotated[
    FlagsBefore,
    typer.Option(
        help="Where the flags from before come from, on which undo stands: the plan where it is fresh, a "
        "reading, or nowhere."
    ),
]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The rules of a run, named as `kf.run` names them."""

    on_error: Annotated[OnError, typer.Option(help="Go on, or stop at the first row that fails.")] = (
        OnError.CONTINUE
    )
    max_failures: Annotated[
        int | None, typer.Option(min=0, help="Stop once more rows than this have failed.")
    ] = None
    first: Annotated[
        int | None, typer.Option(min=1, help="Send this many requests, read them back, then the rest.")
    ] = None
    before: WhatBefore = FlagsBefore.AUTO
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish the stores that were written, so that guests see it.")
    ] = False
    require_approval: Annotated[
        bool, typer.Option("--require-approval", help="Send only a plan that somebody else has approved.")
    ] = False

    def as_arguments(self) -> dict[str, Any]:
        """Return the rules as the arguments of a run."""
        return asdict(self) | {"on_error": self.on_error.value, "before": self.before.value}


@dataclass(frozen=True, kw_only=True)
class NotifyOptions:
    """Who gets word of how it ended."""

    notify: Annotated[
        str | None,
        typer.Option(
            "--notify",
            metavar="CMD",
            help="Run this command at the end, the summary as JSON on its standard input; no shell reads it.",
        ),
    ] = None

    @contextmanager
    def watch(self, action: str) -> Iterator[OnFinish]:
        """Yield the function that a run calls when it ends; an error before the run is reported too."""
        from ..running.notifications import CommandNotifier, notify, summarise_error

        if self.notify is None:
            yield None
            return
        command = CommandNotifier.parse(self.notify)
        summaries: list[dict[str, Any]] = []

        def on_finish(summary: dict[str, Any]) -> None:
            summaries.append(summary)
            resume = to_terminal(summary.get("resume") or "").strip("`") or None
            command(summary | {"action": action, "resume": resume})

        try:
            yield on_finish
        except kf.KlikitFramesError as error:
            if not summaries and (
                note := notify(on_finish, summarise_error(error, action=action, host=None))
            ):
                outputs.echo(note)
            raise


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Where the data go, and in which format."""

    json: outputs.AsJson = False
    jsonl: outputs.AsJsonLines = False
    out: OutFile = None

    @property
    def is_screen(self) -> bool:
        """Whether a person looks at what goes to stdout."""
        return outputs.is_screen(json=self.json, jsonl=self.jsonl, out=self.out)

    def write(self, frame: pd.DataFrame, *, again: str = "") -> None:
        """Write `frame` where and as the person asked; `again` is the command that shows it again."""
        outputs.write(frame, json=self.json, jsonl=self.jsonl, out=self.out, again=again)


def expand_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with each group of options in its signature written out, in the group's place."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if is_dataclass(parameter.annotation)
    }

    @wraps(command)
    def expanded(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    parameters = [
        option
        for name, parameter in signature.parameters.items()
        for option in (_options_of(groups[name]) if name in groups else [parameter])
    ]
    expanded.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return expanded


def _options_of(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(field.name, keyword, default=field.default, annotation=hints[field.name])
        for field in fields(group)
    ]
