"""The commands that check, plan and change: check, plan, apply, resume, undo, publish."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import klikit_frames as kf
from klikit_frames.cli import exit_codes, options, outputs, screens
from klikit_frames.cli.exit_codes import ExitCode
from klikit_frames.cli.outputs import echo, exit_with
from klikit_frames.wording import SHORT_ID, counted


class OnError(StrEnum):
    """What a run does when a row fails."""

    CONTINUE = "continue"
    STOP = "stop"


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Send without asking.")]
Confirm = Annotated[
    str | None,
    typer.Option("--confirm", metavar="CODE", help="The code that the guard of a real host names."),
]
MaxIds = Annotated[int, typer.Option(min=1, help="Most entity ids in one request.")]
MaxStores = Annotated[int, typer.Option(min=1, help="Most stores in one request.")]
Combine = Annotated[bool, typer.Option(help="`--no-combine` sends one request per row.")]
TimeBudget = Annotated[float, typer.Option(min=0, help="Most seconds spent on the search for a better plan.")]
WhatOnError = Annotated[OnError, typer.Option(help="Go on, or stop at the first row that fails.")]
MaxFailures = Annotated[int | None, typer.Option(min=0, help="Stop once more rows than this have failed.")]
First = Annotated[
    int | None, typer.Option(min=1, help="Send this many requests, read them back, then the rest.")
]
WritesPerMinute = Annotated[int, typer.Option(min=1, help="The write cap to keep.")]
ReadsPerMinute = Annotated[int, typer.Option(min=1, help="The read cap to keep.")]
ShowRequests = Annotated[bool, typer.Option("--requests", help="Show the requests, not what they change.")]


def check(
    source: options.Source,
    annotated: options.AnnotatedFile = None,
    *,
    column: options.Columns = None,
    names: options.Names = False,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
    out: options.OutFile = None,
) -> None:
    """Read a table and list every problem in it. Sends nothing; only `--names` needs credentials."""
    content = options.open_source(source)
    checked = kf.check_toggles(content, **options.table_options(column, names=names))
    for note in checked.notes:
        echo(note)
    if annotated is not None:
        outputs.write(checked.annotated, out=annotated)
    if len(checked.problems) and outputs.is_screen(json=json, jsonl=jsonl, out=out):
        # The whole list is a file here, where a notebook has an attribute.
        echo(str(checked).replace("see .problems for all", "--out FILE.csv writes all"))
    else:
        outputs.write(checked.problems, json=json, jsonl=jsonl, out=out)
    n_errors = int(checked.problems["severity"].eq("error").sum())
    echo(f"{counted(len(checked.toggles), 'good row')}, {counted(n_errors, 'problem')}.")
    if n_errors:
        echo(f"To mend them beside their rows: klikit-frames check {quote(source)} --annotated FILE.csv")
        raise typer.Exit(ExitCode.PROBLEMS)
    echo(f"Next: klikit-frames plan {quote(source)}")


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
) -> None:
    """Show the fewest requests that carry a table. Sends nothing."""
    if live and state is not None:
        raise exit_with(
            ExitCode.USAGE, "Either --live or --state: a plan is made against one state. Nothing was sent."
        )
    content = options.open_source(source)
    toggles = kf.read_toggles(content, **options.table_options(column, names=names))
    made = kf.plan(
        toggles,
        state=options.state_of(toggles, snapshot=state) if live or state is not None else None,
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
        save_plan(made, out)
        echo(f"Saved. `klikit-frames apply {quote(out)}` sends exactly this plan.")
    else:
        if requests and outputs.is_screen(json=json, jsonl=jsonl, out=out):
            screens.print_requests(made.requests)
        elif not is_screen:
            outputs.write(made.requests, json=json, jsonl=jsonl)
        echo(f"To send it: klikit-frames apply {quote(source)}")
    if exit_code and made.n_requests:
        raise typer.Exit(ExitCode.CHANGES)


def apply(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="A plan file or a table; `-` reads standard input.")
    ],
    *,
    column: options.Columns = None,
    names: options.Names = False,
    yes: Yes = False,
    confirm: Confirm = None,
    live: options.Live = False,
    journal: options.Journal = None,
    on_error: WhatOnError = OnError.CONTINUE,
    max_failures: MaxFailures = None,
    first: First = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish the stores that were written, so that guests see it.")
    ] = False,
    writes_per_minute: WritesPerMinute = 300,
    reads_per_minute: ReadsPerMinute = 600,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
    out: options.OutFile = None,
) -> None:
    """Make a table or a plan true, and print what became of every row."""
    content = options.open_source(source)
    made = options.load_plan_if_it_is_one(content)
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
        toggles = kf.read_toggles(content, **options.table_options(column, names=names))
    with kf.connect(writes_per_minute=writes_per_minute, reads_per_minute=reads_per_minute) as client:
        if made is None:
            state = options.read_live_state(client, toggles) if live else None
            made = kf.plan(toggles, state=state)
        made = approve(made, client, yes=yes, code=confirm)
        result = kf.run(
            made,
            client,
            journal=journal,
            on_error=on_error.value,
            confirm=confirm,
            max_failures=max_failures,
            first=first,
            publish=publish,
        )
    finish(result, journal=journal, json=json, jsonl=jsonl, out=out, is_brief=True)


def resume(
    run_id: options.RunId,
    *,
    journal: options.Journal = None,
    writes_per_minute: WritesPerMinute = 300,
    reads_per_minute: ReadsPerMinute = 600,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
    out: options.OutFile = None,
) -> None:
    """Go on with a run that was interrupted or killed: only what is not settled is sent."""
    with kf.connect(writes_per_minute=writes_per_minute, reads_per_minute=reads_per_minute) as client:
        result = kf.resume(run_id, client, journal=journal)
    finish(result, journal=journal, json=json, jsonl=jsonl, out=out)


def undo(
    run_id: options.RunId,
    *,
    yes: Yes = False,
    confirm: Confirm = None,
    journal: options.Journal = None,
    save: options.TakebackFile = None,
    writes_per_minute: WritesPerMinute = 300,
    reads_per_minute: ReadsPerMinute = 600,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
    out: options.OutFile = None,
) -> None:
    """Take a run back, sparing what others have changed since."""
    with kf.connect(writes_per_minute=writes_per_minute, reads_per_minute=reads_per_minute) as client:
        made = kf.undo(run_id, client, journal=journal)
        if save is not None:
            echo(str(made))
            save_plan(made, save)
            echo(f"Saved. `klikit-frames apply {quote(save)}` takes it back.")
            return
        agreed = approve(made, client, yes=yes, code=confirm)
        result = kf.run(agreed, client, journal=journal, confirm=confirm)
    finish(result, journal=journal, json=json, jsonl=jsonl, out=out, is_brief=True)


def publish(
    *,
    store: options.StoreList = None,
    all_stores: options.AllStores = False,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN_ID", help="Publish the stores that this run wrote.")
    ] = None,
    yes: Yes = False,
    confirm: Confirm = None,
    journal: options.Journal = None,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
    out: options.OutFile = None,
) -> None:
    """Make the menus of stores anew, so that guests see what was changed."""
    if sum([bool(store), all_stores, run is not None]) != 1:
        raise exit_with(ExitCode.USAGE, "Name the stores: one of --store, --all-stores or --run.")
    with kf.connect() as client:
        pairs = _stores_to_publish(client, store=store, run=run, journal=journal)
        if not pairs:
            echo("No store to publish.")
            return
        if not (yes or confirm is not None or client.needs_confirmation):
            if not sys.stdin.isatty():
                raise exit_with(ExitCode.USAGE, "Nothing was sent: off a terminal, say --yes.")
            if not typer.confirm(f"Publish {counted(len(pairs), 'store')} on {client.host}?", err=True):
                raise exit_with(ExitCode.USAGE, "Nothing was sent.")
        published = kf.publish(pairs, client, confirm=confirm, journal=journal)
    outputs.write(published, json=json, jsonl=jsonl, out=out)
    n_done = int(published["outcome"].eq("published").sum())
    echo(f"{n_done:,} of {counted(len(published), 'store')} published.")
    if run is not None:
        echo(f"To prove it: klikit-frames verify {run}{journal_option(journal)}")
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


def save_plan(made: kf.Plan, path: Path) -> None:
    """Save a plan; a disk that takes no more is no fault of the plan."""
    try:
        made.save(path)
    except kf.PlanError as error:
        raise exit_with(ExitCode.NOT_WRITTEN, str(error)) from error


def approve(made: kf.Plan, client: kf.Client, *, yes: bool, code: str | None) -> kf.Plan:
    """Show the plan, go on only if the person has agreed to it, and return it with the stores' names."""
    if client.needs_confirmation and code is None:
        show(made, client)
        raise exit_with(
            ExitCode.USAGE,
            f"{client.host} is a real host, so nothing was sent yet. "
            f"To send it {requests_of(made)} add --confirm {made.confirm_code(client)}",
        )
    if yes or code is not None or sys.stderr.isatty():
        made = named(made, client)
    show(made, client)
    if yes or code is not None:
        return made
    if not sys.stdin.isatty():
        raise exit_with(ExitCode.USAGE, "Nothing was sent: off a terminal, say --yes.")
    if not typer.confirm(f"Send {requests_of(made)} to {client.host}?", err=True):
        raise exit_with(ExitCode.USAGE, "Nothing was sent.")
    return made


def show(made: kf.Plan, client: kf.Client) -> None:
    """Show what a plan changes, and the time that it takes at the client's own cap."""
    if sys.stderr.isatty():
        screens.print_overview(made.overview, to_stderr=True)
    else:
        echo(f"{made.overview.headline}.\n{made}")
    echo(f"Sent to {client.host}, it takes {made.estimate(client=client)}.")


def named(made: kf.Plan, client: kf.Client) -> kf.Plan:
    """Return the plan with its stores' names; where they cannot be read, their ids do."""
    try:
        return made.with_names(kf.stores(client))
    except kf.RequestError:
        return made


def requests_of(made: kf.Plan) -> str:
    """Return how many requests a plan sends, and how many of them reach every store."""
    wide = f", {made.n_business_wide:,} of them business-wide," if made.n_business_wide else ""
    return f"{counted(made.n_requests, 'request')}{wide}"


def finish(
    result: kf.Result,
    *,
    journal: Path | None,
    json: bool,
    jsonl: bool,
    out: Path | None,
    is_brief: bool = False,
) -> None:
    """Show how the run ended, print its rows, and end with the exit code."""
    # The rows come last: a full disk may take them, but not the counts and the way on.
    name = f"{result.run_id[:SHORT_ID]}{journal_option(journal)}"
    again = f"klikit-frames status {name} --out FILE"
    if outputs.is_screen(json=json, jsonl=jsonl, out=out):
        screens.print_overview(result.overview, is_brief=is_brief)
        show_next(result, name)
    else:
        echo(f"{result.overview.headline}.\n{result.account}")
        show_next(result, name)
        outputs.write(result.frame, json=json, jsonl=jsonl, out=out, again=again)
    raise typer.Exit(exit_codes.of_result(result))


def show_next(result: kf.Result, name: str) -> None:
    """Print the commands that a person needs after a run, one a line."""
    if result.resume_hint:
        echo(f"klikit-frames resume {name}")
    if result.counts["applied"]:
        if "published" not in result.frame.columns:
            echo(f"To show it to guests: klikit-frames publish --run {name}")
        echo(f"To prove it: klikit-frames verify {name}. To take it back: klikit-frames undo {name}")


def quote(path: str | Path) -> str:
    """Return a path as a shell takes it."""
    return shlex.quote(str(path))


def journal_option(journal: Path | None) -> str:
    """Return the words that name a journal in a command, if it is not the person's own."""
    return "" if journal is None else f" --journal {quote(journal)}"
