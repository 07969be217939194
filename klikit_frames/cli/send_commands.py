"""The commands that change something: apply, resume, undo, publish."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import klikit_frames as kf

from .. import edge
from ..wording import SHORT_ID, count_each, counted
from . import options, outputs, screens
from .exit_codes import ExitCode
from .options import (
    ConsentOptions,
    FlagsBefore,
    NotifyOptions,
    OutputOptions,
    RunOptions,
    WhatBefore,
    WriteOptions,
)
from .outputs import echo, echo_next, exit_with

if TYPE_CHECKING:
    import pandas as pd

    from ..overview import Names


NO_PLAN_FILE = (
    "--require-approval is for a plan file: save one with `klikit-frames plan TABLE --out PLAN`, and have it "
    "approved with `klikit-frames approve PLAN --by NAME`. Nothing was sent."
)


def apply(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="A plan file or a table; `-` reads standard input.")
    ],
    *,
    column: options.Columns = None,
    names: options.Names = False,
    agreed: ConsentOptions,
    live: options.Live = False,
    journal: options.Journal = None,
    rules: RunOptions,
    notice: NotifyOptions,
    connection: WriteOptions,
    output: OutputOptions,
) -> None:
    """Make a table or a plan true. Prints what became of every row."""
    with notice.watch("apply") as on_finish:
        content = options.open_source(source)
        made = options.load_plan_if_it_is_one(content)
        if made is None and rules.require_approval:
            raise exit_with(ExitCode.USAGE, NO_PLAN_FILE)
        if made is not None and live:
            raise exit_with(
                ExitCode.USAGE,
                "--live is for a table; a plan is sent as it was saved. Nothing was sent: "
                "drop --live, or plan the table again with `klikit-frames plan TABLE --live`.",
            )
        if made is not None and (column or names):
            raise exit_with(
                ExitCode.USAGE,
                "--column and --names are for a table; a plan is sent as it was saved. Nothing was sent.",
            )
        if made is None:
            toggles = kf.read_toggles(content, **options.table_options(column, connection, names=names))
        with connection.connect() as client:
            if made is None:
                state = options.read_live_state(client, toggles, journal=journal) if live else None
                made = kf.plan(toggles, state=state)
            made = agree_on(made, client, agreed, before=rules.before.value)
            result = kf.run(
                made,
                client,
                journal=journal,
                confirm=agreed.confirm,
                on_finish=on_finish,
                **rules.as_arguments(),
            )
    outputs.finish(result, output, journal=journal, connection=connection, is_brief=True)


def resume(
    run_id: options.RunId,
    *,
    journal: options.Journal = None,
    notice: NotifyOptions,
    connection: WriteOptions,
    output: OutputOptions,
) -> None:
    """Go on with a run that was interrupted or killed. Sends only what is not settled."""
    with notice.watch("resume") as on_finish, connection.connect() as client:
        before = kf.attach(run_id, journal=journal).so_far()
        result = kf.resume(run_id, client, journal=journal, on_finish=on_finish)
    if before.is_settled:
        echo(f"Run {result.run_id[:SHORT_ID]} had ended: nothing was left to send.")
    outputs.finish(result, output, journal=journal, connection=connection, is_brief=before.is_settled)


def undo(
    run_id: options.RunId,
    *,
    agreed: ConsentOptions,
    before: WhatBefore = FlagsBefore.AUTO,
    journal: options.Journal = None,
    save: options.TakebackFile = None,
    notice: NotifyOptions,
    connection: WriteOptions,
    output: OutputOptions,
) -> None:
    """Take a run back, sparing what others have changed since."""
    with notice.watch("undo") as on_finish, connection.connect() as client:
        made = kf.undo(run_id, client, journal=journal)
        if not made.n_rows:
            show(made, client)
            echo("Nothing is left to take back.")
            return
        if save is not None:
            show(made, client)
            outputs.save_plan(made, save)
            echo_next("Saved. To take it back", f"apply {outputs.quote(save)}{connection.words}")
            return
        shown = agree_on(made, client, agreed, before=before.value)
        result = kf.run(
            shown,
            client,
            journal=journal,
            before=before.value,
            confirm=agreed.confirm,
            on_finish=on_finish,
        )
    outputs.finish(result, output, journal=journal, connection=connection, is_brief=True)


def publish(
    *,
    store: options.StoreList = None,
    all_stores: options.AllStores = False,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN_ID", help="Publish the stores that this run wrote.")
    ] = None,
    agreed: ConsentOptions,
    journal: options.Journal = None,
    notice: NotifyOptions,
    connection: WriteOptions,
    output: OutputOptions,
) -> None:
    """Show guests what was changed: make the menus of stores anew."""
    if sum([bool(store), all_stores, run is not None]) != 1:
        raise exit_with(ExitCode.USAGE, "Name the stores: one of --store, --all-stores or --run.")
    with notice.watch("publish") as on_finish, connection.connect() as client:
        pairs = _stores_to_publish(client, store=store, run=run, journal=journal)
        if not pairs:
            echo("No store to publish: the run wrote to none by itself.")
            echo_next("What is business-wide reaches guests by", f"publish --all-stores{connection.words}")
            return
        if not client.needs_confirmation:
            ask(f"Publish {counted(len(pairs), 'store')} on {client.host}?", agreed)
        # After Ctrl-C nobody waits for names.
        names = read_store_names(client) if output.is_screen else None
        published = _publish(pairs, client, confirm=agreed.confirm, journal=journal)
        if names is None:
            output.write(published)
        else:
            screens.print_publishes(published, names)
        n_done = int(published["outcome"].eq("published").sum())
        said = f"{n_done:,} of {counted(len(published), 'store')} published."
        echo(said)
        if on_finish is not None:
            on_finish(_summarise(published, said, host=client.host))
    if run is not None:
        name = f"{run}{outputs.journal_option(journal)}{connection.words}"
        _show_next(name, n_done=n_done, n_stores=len(published))
    if published.attrs["is_interrupted"]:
        echo("Interrupted: the same command again publishes all of them, which does no harm.")
        raise typer.Exit(ExitCode.INTERRUPTED)
    if n_done < len(published):
        raise typer.Exit(ExitCode.SOME_ROWS_NOT)


def _publish(
    pairs: list[tuple[int, int]], client: kf.Client, *, confirm: str | None, journal: Path | None
) -> pd.DataFrame:
    try:
        return kf.publish(pairs, client, confirm=confirm, journal=journal)
    except kf.PlanError as error:
        if confirm is not None:
            raise
        raise exit_with(ExitCode.USAGE, str(error)) from None


def _show_next(name: str, *, n_done: int, n_stores: int) -> None:
    """Print what to do about a run whose stores were published, as far as they were."""
    if n_done < n_stores:
        echo_next("To publish again, which does no harm", f"publish --run {name}")
    if n_done:
        echo_next("To prove it", f"verify {name}")


def _summarise(published: pd.DataFrame, said: str, *, host: str) -> dict[str, Any]:
    """Return what became of the stores in values that JSON knows, with the names of a run's summary."""
    counts = {str(outcome): int(n) for outcome, n in count_each(published["outcome"]).items()}
    return {
        "host": host,
        "status": "interrupted" if published.attrs["is_interrupted"] else "finished",
        "is_complete": set(counts) == {"published"},
        "counts": counts,
        "account": said,
        "error": None,
        "ended_at": edge.now().isoformat(),
    }


def _stores_to_publish(
    client: kf.Client, *, store: list[str] | None, run: str | None, journal: Path | None
) -> list[tuple[int, int]]:
    """Return the stores that were named, those that a run wrote, or all."""
    from ..auditing.verification import check_account

    if store:
        return options.parse_stores(store)
    if run is None:
        frame = kf.stores(client)
    else:
        result = kf.attach(run, journal=journal).so_far()
        # Stores of another business may have the same ids.
        check_account(result, client, journal=result.journal)
        frame = result.frame
        frame = frame[frame["outcome"].isin(["applied", "unknown"]) & frame["scope"].eq("store")]
    pairs = frame[["brand_id", "branch_id"]].drop_duplicates()
    return list(zip(pairs["brand_id"].tolist(), pairs["branch_id"].tolist(), strict=True))


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
