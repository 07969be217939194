"""Options that come together: how to connect, where the data go, whether a person has agreed.

A command takes a group as one parameter; `expand_groups` makes of it the single options that typer knows.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

import klikit_frames as kf
from klikit_frames.cli import options, outputs
from klikit_frames.cli.terminal_words import to_terminal

if TYPE_CHECKING:
    import pandas as pd

    from klikit_frames.running.notifications import OnFinish


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
        """Whether nobody has to be asked."""
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
        """Give what a run calls when it ends; an error before there is a run is told as well."""
        from klikit_frames.running.notifications import CommandNotifier, notify, summarise_error

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
        """Write `frame` where and as the person asked; `again` is the command that tells it once more."""
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
