"""Options that come together: how to connect, where the data go, whether a person has agreed.

A command takes a group as one parameter; `expand_groups` makes of it the single options that typer knows.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

import klikit_frames as kf

from ..wording import counted
from . import options, outputs, screens
from .exit_codes import ExitCode
from .outputs import echo, exit_with
from .terminal_words import to_terminal

if TYPE_CHECKING:
    import pandas as pd

    from ..overview import Names
    from ..running.notifications import OnFinish


@dataclass(frozen=True, kw_only=True)
class ConnectionOptions:
    """How to reach the business."""

    profile: options.Profile = None
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
    out: options.OutFile = None

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


def ask(question: str, agreed: ConsentOptions) -> None:
    """Go on only if the person has agreed, by an option or here."""
    if agreed.is_given:
        return
    if not sys.stdin.isatty():
        raise exit_with(ExitCode.USAGE, "Nothing was sent: off a terminal, say --yes.")
    try:
        is_agreed = typer.confirm(question, err=True)
    except typer.Abort:
        # Ctrl-C at the question; the answer has no end of line of its own.
        raise exit_with(ExitCode.INTERRUPTED, "\nNothing was sent.") from None
    if not is_agreed:
        raise exit_with(ExitCode.USAGE, "Nothing was sent.")


def agree_on(made: kf.Plan, client: kf.Client, agreed: ConsentOptions, *, before: str) -> kf.Plan:
    """Show the plan, go on only if the person has agreed to it, and return it with the stores' names."""
    n_reads = 0 if before in {"none", "plan"} else None
    if client.needs_confirmation and made.n_requests and agreed.confirm is None:
        show(made, client, n_reads=n_reads)
        raise exit_with(
            ExitCode.USAGE,
            f"{client.host} is a real host, so nothing was sent yet. "
            f"To send {requests_of(made)} add --confirm {made.confirm_code(client)}",
        )
    if agreed.is_given or sys.stderr.isatty():
        made = named(made, client)
    show(made, client, n_reads=n_reads)
    if made.n_requests:
        ask(f"Send {requests_of(made)} to {client.host}?", agreed)
    return made


def show(made: kf.Plan, client: kf.Client, *, n_reads: int | None = None) -> None:
    """Show what a plan changes, and the time that it takes at the client's own caps."""
    if sys.stderr.isatty():
        screens.print_overview(made.overview, to_stderr=True)
    else:
        echo(f"{made.overview.headline}.\n{made}")
    if made.n_requests:
        echo(f"Sent to {client.host}, it takes {made.estimate(client=client, n_reads=n_reads)}.")


def named(made: kf.Plan, client: kf.Client) -> kf.Plan:
    """Return the plan with its stores' names, or with their ids where names cannot be read."""
    try:
        return made.with_names(kf.stores(client))
    except kf.RequestError:
        return made


def read_store_names(client: kf.Client) -> Names:
    """Return the names of all stores; none where they cannot be read."""
    from ..overview import read_names

    try:
        return read_names(kf.stores(client))
    except kf.RequestError:
        return read_names()


def requests_of(made: kf.Plan) -> str:
    """Return how many requests a plan sends, and how many of them reach every store."""
    is_all = made.n_business_wide == made.n_requests
    which = "business-wide," if is_all else f"{made.n_business_wide:,} of them business-wide,"
    wide = f", {which}" if made.n_business_wide else ""
    return f"{counted(made.n_requests, 'request')}{wide}"
