"""The command line: its commands, and the exit code of what goes wrong in one."""

from __future__ import annotations

import sys

import typer

from klikit_frames.cli import changes, endings, reads, sandboxes
from klikit_frames.cli.outputs import accept_any_letter, say

_EXIT_CODES = "\n".join(f"{ending.value:>4}  {text}" for ending, text in endings.MEANINGS.items())

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
    sandboxes.demo,
    sandboxes.sandbox,
    changes.check,
    changes.plan,
    changes.apply,
    changes.resume,
    reads.status,
    reads.runs,
    reads.state,
    reads.diff,
    reads.verify,
    changes.undo,
    reads.report,
):
    app.command()(_command)


def main() -> None:
    """Run the command line; known errors end it with one message and their exit code."""
    accept_any_letter()
    try:
        app()
    except Exception as error:
        ending = endings.of_error(error)
        if ending is None:
            raise
        say(endings.describe(error))
        sys.exit(ending)
