"""How a command ends that ran something: what became of it, its rows, what a person needs next."""

from __future__ import annotations

from pathlib import Path

import typer

import klikit_frames as kf
from klikit_frames.cli import exit_codes, screens
from klikit_frames.cli.option_groups import ConnectionOptions, OutputOptions
from klikit_frames.cli.outputs import echo, echo_next, journal_option
from klikit_frames.wording import SHORT_ID


def finish(
    result: kf.Result,
    output: OutputOptions,
    *,
    journal: Path | None,
    connection: ConnectionOptions | None = None,
    is_brief: bool = False,
) -> None:
    """Show how the run ended, print its rows, and end with the exit code."""
    # The rows come last: a full disk may take them, but not the counts and the way on.
    name = f"{result.run_id[:SHORT_ID]}{journal_option(journal)}"
    again = f"klikit-frames status {name} --out FILE"
    name += connection.words if connection else ""
    if output.is_screen:
        screens.print_overview(result.overview, is_brief=is_brief)
        show_next(result, name)
    else:
        echo(f"{result.overview.headline}.\n{result.account}")
        show_next(result, name)
        output.write(result.frame, again=again)
    raise typer.Exit(exit_codes.of_result(result))


def show_next(result: kf.Result, name: str) -> None:
    """Print the commands that a person needs after a run, one a line."""
    if result.resume_hint:
        echo(f"klikit-frames resume {name}")
    if result.counts["applied"]:
        if "published" not in result.frame.columns:
            echo_next("To show it to guests", f"publish --run {name}")
        echo_next("To prove it", f"verify {name}")
        echo_next("To take it back", f"undo {name}")
