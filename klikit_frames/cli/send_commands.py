"""The commands that change something: apply, resume, undo, publish."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import klikit_frames as kf
from klikit_frames.cli import consent, endings, options, outputs
from klikit_frames.cli.exit_codes import ExitCode
from klikit_frames.cli.option_groups import ConsentOptions, NotifyOptions, OutputOptions, WriteOptions
from klikit_frames.cli.outputs import echo, exit_with
from klikit_frames.wording import counted


class OnError(StrEnum):
    """What a run does when a row fails."""

    CONTINUE = "continue"
    STOP = "stop"


class Before(StrEnum):
    """Where the flags from before come from."""

    AUTO = "auto"
    PLAN = "plan"
    READ = "read"
    NONE = "none"


WhatBefore = Annotated[
    Before,
    typer.Option(
        help="Where the flags from before come from, on which undo stands: the plan where it is fresh, a "
        "reading, or nowhere."
    ),
]
WhatOnError = Annotated[OnError, typer.Option(help="Go on, or stop at the first row that fails.")]
MaxFailures = Annotated[int | None, typer.Option(min=0, help="Stop once more rows than this have failed.")]
_NO_FILE = (
    "--require-approval is for a plan file: save one with `klikit-frames plan TABLE --out PLAN`, and have it "
    "approved with `klikit-frames approve PLAN --by NAME`. Nothing was sent."
)
First = Annotated[
    int | None, typer.Option(min=1, help="Send this many requests, read them back, then the rest.")
]


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
    before: WhatBefore = Before.AUTO,
    on_error: WhatOnError = OnError.CONTINUE,
    max_failures: MaxFailures = None,
    first: First = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish the stores that were written, so that guests see it.")
    ] = False,
    require_approval: Annotated[
        bool,
        typer.Option("--require-approval", help="Send only a plan that somebody else has approved."),
    ] = False,
    notice: NotifyOptions,
    connection: WriteOptions,
    output: OutputOptions,
) -> None:
    """Make a table or a plan true, and print what became of every row."""
    with notice.watch("apply") as on_finish:
        content = options.open_source(source)
        made = options.load_plan_if_it_is_one(content)
        if made is None and require_approval:
            raise exit_with(ExitCode.USAGE, _NO_FILE)
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
                state = options.read_live_state(client, toggles) if live else None
                made = kf.plan(toggles, state=state)
            made = consent.agree_on(made, client, agreed, before=before.value)
            result = kf.run(
                made,
                client,
                journal=journal,
                before=before.value,
                on_error=on_error.value,
                confirm=agreed.confirm,
                max_failures=max_failures,
                first=first,
                publish=publish,
                require_approval=require_approval,
                on_finish=on_finish,
            )
    endings.finish(result, output, journal=journal, is_brief=True)


def resume(
    run_id: options.RunId,
    *,
    journal: options.Journal = None,
    notice: NotifyOptions,
    connection: WriteOptions,
    output: OutputOptions,
) -> None:
    """Go on with a run that was interrupted or killed: only what is not settled is sent."""
    with notice.watch("resume") as on_finish, connection.connect() as client:
        result = kf.resume(run_id, client, journal=journal, on_finish=on_finish)
    endings.finish(result, output, journal=journal)


def undo(
    run_id: options.RunId,
    *,
    agreed: ConsentOptions,
    before: WhatBefore = Before.AUTO,
    journal: options.Journal = None,
    save: options.TakebackFile = None,
    notice: NotifyOptions,
    connection: WriteOptions,
    output: OutputOptions,
) -> None:
    """Take a run back, sparing what others have changed since."""
    with notice.watch("undo") as on_finish, connection.connect() as client:
        made = kf.undo(run_id, client, journal=journal)
        if save is not None:
            echo(str(made))
            outputs.save_plan(made, save)
            echo(f"Saved. `klikit-frames apply {outputs.quote(save)}` takes it back.")
            return
        shown = consent.agree_on(made, client, agreed, before=before.value)
        result = kf.run(
            shown,
            client,
            journal=journal,
            before=before.value,
            confirm=agreed.confirm,
            on_finish=on_finish,
        )
    endings.finish(result, output, journal=journal, is_brief=True)


def publish(
    *,
    store: options.StoreList = None,
    all_stores: options.AllStores = False,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN_ID", help="Publish the stores that this run wrote.")
    ] = None,
    agreed: ConsentOptions,
    journal: options.Journal = None,
    connection: WriteOptions,
    output: OutputOptions,
) -> None:
    """Make the menus of stores anew, so that guests see what was changed."""
    if sum([bool(store), all_stores, run is not None]) != 1:
        raise exit_with(ExitCode.USAGE, "Name the stores: one of --store, --all-stores or --run.")
    with connection.connect() as client:
        pairs = _stores_to_publish(client, store=store, run=run, journal=journal)
        if not pairs:
            echo("No store to publish.")
            return
        if not client.needs_confirmation:
            consent.ask(f"Publish {counted(len(pairs), 'store')} on {client.host}?", agreed)
        published = kf.publish(pairs, client, confirm=agreed.confirm, journal=journal)
    output.write(published)
    n_done = int(published["outcome"].eq("published").sum())
    echo(f"{n_done:,} of {counted(len(published), 'store')} published.")
    if run is not None:
        echo(f"To prove it: klikit-frames verify {run}{outputs.journal_option(journal)}")
    if n_done < len(published):
        raise typer.Exit(ExitCode.SOME_ROWS_NOT)


def _stores_to_publish(
    client: kf.Client, *, store: list[str] | None, run: str | None, journal: Path | None
) -> list[tuple[int, int]]:
    """Return the stores that were named, those that a run wrote, or all."""
    if store:
        return options.parse_stores(store)
    if run is None:
        frame = kf.stores(client)
    else:
        frame = kf.attach(run, journal=journal).so_far().frame
        frame = frame[frame["outcome"].isin(["applied", "unknown"]) & frame["scope"].eq("store")]
    pairs = frame[["brand_id", "branch_id"]].drop_duplicates()
    return list(zip(pairs["brand_id"].tolist(), pairs["branch_id"].tolist(), strict=True))
