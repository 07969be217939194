"""The commands for tables that send nothing: template, check, plan, diff, effect, align."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

import klikit_frames as kf
from klikit_frames.cli import options, outputs, screens
from klikit_frames.cli.exit_codes import ExitCode
from klikit_frames.cli.option_groups import ConnectionOptions, OutputOptions
from klikit_frames.cli.outputs import echo, echo_next, exit_with, quote
from klikit_frames.wording import counted

if TYPE_CHECKING:
    import pandas as pd

MaxIds = Annotated[int, typer.Option(min=1, help="Most entity ids in one request.")]
MaxStores = Annotated[int, typer.Option(min=1, help="Most stores in one request.")]
Combine = Annotated[bool, typer.Option(help="`--no-combine` sends one request per row.")]
TimeBudget = Annotated[float, typer.Option(min=0, help="Most seconds spent on the search for a better plan.")]
# Problems of cells that may hold a name.
_NAMES_FOR_IDS = ("store_unreadable", "id_not_number")
ShowRequests = Annotated[bool, typer.Option("--requests", help="Show the requests, not what they change.")]


def template(
    path: options.TemplateFile,
    *,
    store: options.StoreList = None,
    all_stores: options.AllStores = False,
    empty: Annotated[bool, typer.Option("--empty", help="Only the headers; needs no credentials.")] = False,
    connection: ConnectionOptions,
) -> None:
    """Write a table to fill in, with the right headers. It has the menu's dishes, names beside ids."""
    if empty:
        kf.template(path)
    else:
        with connection.connect() as client:
            listed = kf.stores(client)
            pairs = listed if all_stores else options.parse_stores(store) if store else None
            kf.template(
                path, state=kf.read_state(client, stores=pairs), stores=None if pairs is None else listed
            )
    echo(f"Written to {path}. Fill in is_enabled, and delete the rows that are not meant.")
    echo_next("Then", f"check {quote(path)}")


def check(
    source: options.Source,
    annotated: options.AnnotatedFile = None,
    *,
    column: options.Columns = None,
    names: options.Names = False,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Read a table and list every problem in it. Sends nothing; only `--names` needs credentials."""
    content = options.open_source(source)
    checked = kf.check_toggles(content, **options.table_options(column, connection, names=names))
    for note in checked.notes:
        echo(note)
    if annotated is not None:
        outputs.write(checked.annotated, out=annotated)
    if len(checked.problems) and output.is_screen:
        screens.print_problems(checked.problems)
    else:
        output.write(checked.problems)
    n_errors = int(checked.problems["severity"].eq("error").sum())
    echo(f"{counted(len(checked.toggles), 'good row')}, {counted(n_errors, 'problem')}.")
    table = f"{quote(source)}{options.table_words(column, names=names)}"
    if n_errors:
        if not names and checked.problems["code"].isin(_NAMES_FOR_IDS).any():
            echo_next("If there are names where ids are asked for", f"check {table} --names")
        echo_next("To mend them beside their rows", f"check {table} --annotated FILE.csv")
        raise typer.Exit(ExitCode.PROBLEMS)
    echo_next("Next", f"plan {table}{connection.words}")


def plan(
    source: options.Source,
    *,
    column: options.Columns = None,
    names: options.Names = False,
    state: options.StateFile = None,
    live: options.Live = False,
    max_ids: MaxIds = 500,
    max_stores: MaxStores = 500,
    combine: Combine = True,
    time_budget_s: TimeBudget = 5.0,
    requests: ShowRequests = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 10 if there is something to send.")
    ] = False,
    out: options.PlanFile = None,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
    connection: ConnectionOptions,
) -> None:
    """Show the fewest requests that carry a table. Sends nothing."""
    if live and state is not None:
        raise exit_with(
            ExitCode.USAGE, "Either --live or --state: a plan is made against one state. Nothing was sent."
        )
    content = options.open_source(source)
    toggles = kf.read_toggles(content, **options.table_options(column, connection, names=names))
    made = kf.plan(
        toggles,
        state=options.state_of(toggles, connection, snapshot=state) if live or state is not None else None,
        limits=kf.Limits(max_ids=max_ids, max_stores=max_stores),
        combine=combine,
        time_budget_s=time_budget_s,
    )
    is_screen = outputs.is_screen(json=json, jsonl=jsonl, out=out) and not requests
    if is_screen:
        screens.print_overview(made.overview)
    else:
        echo(f"{made.overview.headline}.\n{made}")
    if out is not None:
        outputs.save_plan(made, out)
        echo_next("Saved. To send exactly this plan", f"apply {quote(out)}{connection.words}")
    else:
        if requests and outputs.is_screen(json=json, jsonl=jsonl, out=out):
            screens.print_requests(made.requests)
        elif not is_screen:
            outputs.write(made.requests, json=json, jsonl=jsonl)
        how = f"{options.table_words(column, names=names)}{' --live' if live else ''}{connection.words}"
        echo_next("To send it", f"apply {quote(source)}{how}")
    if exit_code and made.n_requests:
        raise typer.Exit(ExitCode.CHANGES)


def diff(
    source: options.Source,
    *,
    column: options.Columns = None,
    names: options.Names = False,
    snapshot: options.StateFile = None,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Compare a table with the live flags. Sends nothing that changes anything."""
    content = options.open_source(source)
    toggles = kf.read_toggles(content, **options.table_options(column, connection, names=names))
    live = options.state_of(toggles, connection, snapshot=snapshot)
    found = kf.diff(toggles, live)
    if output.is_screen:
        screens.print_toggles(found[found["change"].eq("change")], live)
    else:
        output.write(found)
    echo(kf.summary(found))
    if found["change"].eq("change").any() and source != "-":
        table = f"{quote(source)}{options.table_words(column, names=names)}"
        echo_next("To make it true", f"apply {table} --live{connection.words}")


def effect(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="A plan file or a table; `-` reads standard input.")
    ],
    *,
    column: options.Columns = None,
    names: options.Names = False,
    snapshot: options.StateFile = None,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Show what guests would see differently, dish by dish. Sends nothing that changes anything."""
    content = options.open_source(source)
    changes: kf.Plan | pd.DataFrame | None = options.load_plan_if_it_is_one(content)
    if changes is None:
        changes = kf.read_toggles(content, **options.table_options(column, connection, names=names))
    toggles = changes.toggles if isinstance(changes, kf.Plan) else changes
    found = kf.effect(changes, options.state_of(toggles, connection, snapshot=snapshot))
    if output.is_screen:
        screens.print_effect(found)
    else:
        output.write(found)
        echo(kf.summary(found))
    if source != "-":
        table = f"{quote(source)}{options.table_words(column, names=names)}"
        echo_next("To make it true", f"apply {table}{connection.words}")


def align(
    like: Annotated[str, typer.Option("--like", metavar="BRAND/BRANCH", help="The store that is right.")],
    *,
    store: options.StoreList = None,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Make the table that brings stores in line with one store. Sends nothing."""
    pattern = options.parse_stores([like])[0]
    if not store:
        raise exit_with(ExitCode.USAGE, "Name the stores to bring in line: --store BRAND/BRANCH.")
    others = options.parse_stores(store)
    with connection.connect() as client:
        state = kf.read_state(client, stores=list(dict.fromkeys([pattern, *others])))
    toggles = kf.align(state, like=pattern)
    if output.is_screen:
        screens.print_toggles(toggles, state)
    else:
        output.write(toggles)
    echo(kf.summary(toggles))
    if output.out is None:
        echo_next("Keep it with --out FILE.csv, then send it", f"apply FILE.csv{connection.words}")
    else:
        echo_next("To send it", f"apply {quote(output.out)}{connection.words}")
