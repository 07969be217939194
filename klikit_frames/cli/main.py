"""The command line: its commands, and the exit code of what goes wrong in one."""

from __future__ import annotations

import sys

import typer

from klikit_frames.cli import exit_codes, read_commands, sandbox_commands, send_commands
from klikit_frames.cli.outputs import accept_any_letter, echo

_EXIT_CODES = "\n".join(f"{ending.value:>4}  {text}" for ending, text in exit_codes.MEANINGS.items())

# Rich tracebacks would print local variables, and with them a secret.
app = typer.Typer(
    name="klikit-frames",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=f"\b\nExit codes:\n{_EXIT_CODES}",
    help="Takes a table of on/off changes for a restaurant menu and makes them true.",
)
for _command in (
    sandbox_commands.demo,
    sandbox_commands.sandbox,
    send_commands.check,
    send_commands.plan,
    send_commands.apply,
    send_commands.resume,
    read_commands.status,
    read_commands.runs,
    read_commands.state,
    read_commands.template,
    read_commands.diff,
    read_commands.verify,
    send_commands.undo,
    read_commands.report,
):
    app.command()(_command)


def main() -> None:
    """Run the command line; known errors end it with one message and their exit code."""
    accept_any_letter()
    try:
        app()
    except Exception as error:
        ending = exit_codes.of_error(error)
        if ending is None:
            raise
        echo(exit_codes.describe(error))
        sys.exit(ending)
