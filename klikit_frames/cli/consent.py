"""Nothing is sent before a person has seen it and agreed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

import klikit_frames as kf
from klikit_frames.cli import screens
from klikit_frames.cli.exit_codes import ExitCode
from klikit_frames.cli.option_groups import ConsentOptions
from klikit_frames.cli.outputs import echo, exit_with
from klikit_frames.wording import counted

if TYPE_CHECKING:
    from klikit_frames.overview import Names


def ask(question: str, agreed: ConsentOptions) -> None:
    """Go on only if the person has agreed, by an option or here."""
    if agreed.is_given:
        return
    if not sys.stdin.isatty():
        raise exit_with(ExitCode.USAGE, "Nothing was sent: off a terminal, say --yes.")
    if not typer.confirm(question, err=True):
        raise exit_with(ExitCode.USAGE, "Nothing was sent.")


def agree_on(made: kf.Plan, client: kf.Client, agreed: ConsentOptions, *, before: str) -> kf.Plan:
    """Show the plan, go on only if the person has agreed to it, and return it with the stores' names."""
    n_reads = 0 if before in {"none", "plan"} else None
    if client.needs_confirmation and agreed.confirm is None:
        show(made, client, n_reads=n_reads)
        raise exit_with(
            ExitCode.USAGE,
            f"{client.host} is a real host, so nothing was sent yet. "
            f"To send it {requests_of(made)} add --confirm {made.confirm_code(client)}",
        )
    if agreed.is_given or sys.stderr.isatty():
        made = named(made, client)
    show(made, client, n_reads=n_reads)
    ask(f"Send {requests_of(made)} to {client.host}?", agreed)
    return made


def show(made: kf.Plan, client: kf.Client, *, n_reads: int | None = None) -> None:
    """Show what a plan changes, and the time that it takes at the client's own caps."""
    if sys.stderr.isatty():
        screens.print_overview(made.overview, to_stderr=True)
    else:
        echo(f"{made.overview.headline}.\n{made}")
    echo(f"Sent to {client.host}, it takes {made.estimate(client=client, n_reads=n_reads)}.")


def named(made: kf.Plan, client: kf.Client) -> kf.Plan:
    """Return the plan with its stores' names; where they cannot be read, their ids do."""
    try:
        return made.with_names(kf.stores(client))
    except kf.RequestError:
        return made


def read_store_names(client: kf.Client) -> Names:
    """Return the names of all stores; none where they cannot be read."""
    from klikit_frames.overview import read_names

    try:
        return read_names(kf.stores(client))
    except kf.RequestError:
        return read_names()


def requests_of(made: kf.Plan) -> str:
    """Return how many requests a plan sends, and how many of them reach every store."""
    wide = f", {made.n_business_wide:,} of them business-wide," if made.n_business_wide else ""
    return f"{counted(made.n_requests, 'request')}{wide}"
