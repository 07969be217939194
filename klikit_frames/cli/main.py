"""The command line: its commands, and the exit code of what goes wrong in one."""

from __future__ import annotations

import sys
import textwrap
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from ..errors import InvalidToggles
from . import (
    exit_codes,
    fleet_commands,
    place_commands,
    promise_commands,
    read_commands,
    screens,
    send_commands,
    wanted_commands,
)
from .options import expand_groups
from .outputs import accept_any_letter, echo, echoed_warnings

_EXIT_CODES = "\n".join(
    textwrap.fill(text, 76, initial_indent=f"{ending.value:>4}  ", subsequent_indent=" " * 6)
    for ending, text in exit_codes.MEANINGS.items()
)


def print_version(is_wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    """Print the version and end, if it is asked for."""
    if is_wanted:
        typer.echo(f"klikit-frames {__version__}")
        raise typer.Exit


# The commands that send nothing, whatever happens.
READING = (
    *(
        "check",
        "plan",
        "status",
        "runs",
        "doctor",
        "profiles",
        "stores",
        "state",
        "template",
        "diff",
        "effect",
    ),
    *("drift", "align", "schedule", "agenda", "verify", "audit", "approve", "report"),
)
_READ_ONLY = "Interrupted: this command sends nothing, so nothing has changed."
_MAY_HAVE_SENT = (
    "Interrupted: nothing more is sent. What was sent before, if anything, is in the journal: "
    "klikit-frames runs lists it."
)


def _named(context: Any) -> str:
    """Return the words of the command that is run, without the program's own."""
    words = str(context.command_path).split()[1:]
    return " ".join([*words, context.invoked_subcommand or ""]).strip()


class _Commands(TyperGroup):
    """The commands; after Ctrl-C each says what is left behind, where typer would end in silence."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            echo(_READ_ONLY if _named(ctx) in READING else _MAY_HAVE_SENT)
            raise
        except Exception as error:
            # What typer finds wrong with the words of a command; it would print it in one line, however long.
            tell = getattr(error, "format_message", None)
            if tell is None:
                raise
            context = getattr(error, "ctx", None) or ctx
            echo(f"{context.get_usage()}\n{tell()}\nFor all options: {context.command_path} --help")
            raise typer.Exit(exit_codes.ExitCode.USAGE) from None


# Rich tracebacks would print local variables, and with them a secret.
app = typer.Typer(
    name="klikit-frames",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=f"\b\nExit codes:\n{_EXIT_CODES}",
    help="Takes a table of on/off changes for a restaurant menu and makes them true.",
)


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take what stands before the command."""


for _command, _examples in (
    (place_commands.demo, ["demo", "demo --out result.csv"]),
    (place_commands.sandbox, ["sandbox", "sandbox --port 8000 --store business.sqlite3"]),
    (read_commands.check, ["check changes.csv", "check changes.xlsx --annotated mend.csv"]),
    (read_commands.plan, ["plan changes.csv", "plan changes.csv --live --out monday.plan.json"]),
    (send_commands.apply, ["apply changes.csv", "apply monday.plan.json --yes --out result.csv"]),
    (send_commands.resume, ["resume last", "resume 3f9c2a10 --writes-per-minute 60"]),
    (read_commands.status, ["status last", "status 3f9c2a10 --out result.xlsx"]),
    (read_commands.runs, ["runs", "runs --json"]),
    (send_commands.publish, ["publish --run last", "publish --store 5297/1293 --store 5297/1294"]),
    (place_commands.doctor, ["doctor", "doctor --profile depok --json"]),
    (place_commands.profiles, ["profiles", "profiles --json"]),
    (read_commands.stores, ["stores", "stores --out stores.csv"]),
    (read_commands.state, ["state", "state --all-stores --out monday.csv"]),
    (read_commands.template, ["template changes.xlsx"]),
    (read_commands.diff, ["diff changes.csv", "diff changes.csv --state monday.csv"]),
    (read_commands.effect, ["effect changes.csv", "effect monday.plan.json --state monday.csv"]),
    (read_commands.drift, ["drift monday.csv", "drift monday.csv tuesday.csv"]),
    (read_commands.align, ["align --like 5297/1293 --store 5297/1294 --out align.csv"]),
    (
        promise_commands.schedule,
        ["schedule lunch.csv --timezone Asia/Jakarta", "schedule lunch.csv --publish"],
    ),
    (promise_commands.tick, ["tick", "tick --follow"]),
    (promise_commands.agenda, ["agenda", "agenda --overdue --json", "agenda --cancel 3f9c2a10"]),
    (read_commands.verify, ["verify last", "verify 3f9c2a10 --out proof.csv"]),
    (wanted_commands.audit, ["audit wanted/", "audit wanted/ --exit-code --report drift.html"]),
    (
        wanted_commands.reconcile,
        ["reconcile wanted/", "reconcile wanted/ --max-changes 20% --yes --publish --report night.html"],
    ),
    (wanted_commands.approve, ["approve monday.plan.json --by Siti"]),
    (send_commands.undo, ["undo last", "undo 3f9c2a10 --save back.plan.json"]),
    (
        read_commands.report,
        ["report last --out report.html", "report last --verify --file changes.csv --out report.html"],
    ),
):
    _lines = "\n".join(f"  klikit-frames {example}" for example in _examples)
    app.command(epilog=f"\b\nExamples:\n{_lines}")(expand_groups(_command))


fleet = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Many businesses at once. Each has its profile, its credential, its caps and its journal.",
)
for _fleet_command, _examples in (
    (fleet_commands.apply, ["apply changes.csv --jobs 8", "apply monday/ --yes --out result.csv"]),
    (fleet_commands.audit, ["audit wanted/ --exit-code", "audit wanted.csv --json"]),
    (fleet_commands.tick, ["tick", "tick --journal-folder journals"]),
    (fleet_commands.status, ["status", "status --journal-folder journals --json"]),
):
    _lines = "\n".join(f"  klikit-frames fleet {example}" for example in _examples)
    fleet.command(epilog=f"\b\nExamples:\n{_lines}")(expand_groups(_fleet_command))
app.add_typer(fleet, name="fleet")


def main() -> None:
    """Run the command line; known errors end it with one message and their exit code."""
    accept_any_letter()
    try:
        with echoed_warnings():
            app()
    except Exception as error:
        exit_code = exit_codes.of_error(error)
        if exit_code is None:
            raise
        if isinstance(error, InvalidToggles) and sys.stderr.isatty():
            screens.print_problems(error.problems, to_stderr=True)
            echo("\nNothing was sent.")
        else:
            echo(exit_codes.describe(error))
        sys.exit(exit_code)
