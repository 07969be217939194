"""The commands that change nothing: for tables, for the menus, and for past runs.

For tables: template, check, plan, diff, effect, align. For the menus: stores, state, drift. For past runs:
runs, status, verify, report.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import klikit_frames as kf

from ..wording import SHORT_ID, counted
from . import options, outputs, screens
from .exit_codes import ExitCode
from .options import ConnectionOptions, OutputOptions
from .outputs import echo, echo_next, exit_with, journal_option, quote

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
    state = listed = None
    if not empty:
        with connection.connect() as client:
            listing = kf.stores(client)
            pairs = listing if all_stores else options.parse_stores(store) if store else None
            state, listed = kf.read_state(client, stores=pairs), None if pairs is None else listing
    with outputs.writing(path):
        kf.template(path, state=state, stores=listed)
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
        if annotated is not None:
            echo_next("Once they are mended", f"check {quote(annotated)}")
        elif checked.problems["row"].notna().any():
            echo_next("To mend them beside their rows", f"check {table} --annotated FILE.csv")
        else:
            echo_next("A table to fill in, with the right headers", "template FILE.csv")
        raise typer.Exit(ExitCode.PROBLEMS)
    if len(checked.toggles):
        echo_next("Next", f"plan {table}{connection.words}")


def plan(
    source: options.Source,
    *,
    column: options.Columns = None,
    names: options.Names = False,
    state: options.StateFile = None,
    live: options.Live = False,
    journal: options.Journal = None,
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
    is_held_against = live or state is not None
    made = kf.plan(
        toggles,
        state=options.state_of(toggles, connection, snapshot=state, journal=journal)
        if is_held_against
        else None,
        limits=kf.Limits(max_ids=max_ids, max_stores=max_stores),
        combine=combine,
        time_budget_s=time_budget_s,
    )
    is_screen = outputs.is_screen(json=json, jsonl=jsonl, out=out) and not requests
    if is_screen:
        screens.print_overview(made.overview)
    else:
        echo(f"{made.overview.headline}.\n{made}")
    where = f"{journal_option(journal)}{connection.words}"
    if out is not None:
        outputs.save_plan(made, out)
        echo_next("Saved. To send exactly this plan", f"apply {quote(out)}{where}")
    else:
        if requests and outputs.is_screen(json=json, jsonl=jsonl, out=out):
            screens.print_requests(made.requests)
        elif not is_screen:
            outputs.write(made.requests, json=json, jsonl=jsonl)
        how = f"{options.table_words(column, names=names)}{' --live' if live else ''}{where}"
        if made.n_requests:
            echo_next("To send it", f"apply {quote(source)}{how}")
    if exit_code and made.n_requests:
        raise typer.Exit(ExitCode.CHANGES)


def diff(
    source: options.Source,
    *,
    column: options.Columns = None,
    names: options.Names = False,
    snapshot: options.StateFile = None,
    journal: options.Journal = None,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Compare a table with the live flags. Sends nothing that changes anything."""
    content = options.open_source(source)
    toggles = kf.read_toggles(content, **options.table_options(column, connection, names=names))
    live = options.state_of(toggles, connection, snapshot=snapshot, journal=journal)
    compared = kf.diff(toggles, live)
    if output.is_screen:
        screens.print_toggles(compared[compared["change"].eq("change")], live)
        screens.print_not_compared(compared, live)
    else:
        output.write(compared)
    echo(kf.summary(compared))
    if compared["change"].eq("change").any() and source != "-":
        table = f"{quote(source)}{options.table_words(column, names=names)}"
        echo_next("To make it true", f"apply {table} --live{journal_option(journal)}{connection.words}")


def effect(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="A plan file or a table; `-` reads standard input.")
    ],
    *,
    column: options.Columns = None,
    names: options.Names = False,
    snapshot: options.StateFile = None,
    journal: options.Journal = None,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Show what guests would see differently, dish by dish. Sends nothing that changes anything."""
    content = options.open_source(source)
    changes: kf.Plan | pd.DataFrame | None = options.load_plan_if_it_is_one(content)
    if changes is None:
        changes = kf.read_toggles(content, **options.table_options(column, connection, names=names))
    toggles = changes.toggles if isinstance(changes, kf.Plan) else changes
    effects = kf.effect(changes, options.state_of(toggles, connection, snapshot=snapshot, journal=journal))
    if output.is_screen:
        screens.print_effect(effects)
    else:
        output.write(effects)
        echo(kf.summary(effects))
    if source != "-" and len(effects):
        table = f"{quote(source)}{options.table_words(column, names=names)}"
        echo_next("To make it true", f"apply {table}{journal_option(journal)}{connection.words}")


def align(
    like: Annotated[str, typer.Option("--like", metavar="BRAND/BRANCH", help="The store that is right.")],
    *,
    store: options.StoreList = None,
    journal: options.Journal = None,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Make the table that brings stores in line with one store. Sends nothing."""
    pattern = options.parse_stores([like])[0]
    if not store:
        raise exit_with(ExitCode.USAGE, "Name the stores to bring in line: --store BRAND/BRANCH.")
    others = options.parse_stores(store)
    with connection.connect() as client:
        state = kf.read_state(client, stores=list(dict.fromkeys([pattern, *others])), journal=journal)
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


def stores(*, connection: ConnectionOptions, output: OutputOptions) -> None:
    """List the stores of the business by brand and branch."""
    with connection.connect() as client:
        listed = kf.stores(client)
    if output.is_screen:
        ids = listed["brand_id"].astype(str) + "/" + listed["branch_id"].astype(str)
        shown = listed[["brand_title", "branch_title"]].assign(store=ids)
        screens.print_frame(
            shown.rename(columns={"brand_title": "brand", "branch_title": "branch"}), limit=200
        )
    else:
        output.write(listed)
    echo(f"{counted(len(listed), 'store')} of {counted(listed['brand_id'].nunique(), 'brand')}.")
    echo_next("The flags of one", f"state --store BRAND/BRANCH{connection.words}")


def state(
    *,
    store: options.StoreList = None,
    all_stores: options.AllStores = False,
    journal: options.Journal = None,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Print the live flags: of the business, or of stores."""
    with connection.connect() as client:
        pairs = kf.stores(client) if all_stores else options.parse_stores(store) if store else None
        flags = kf.read_state(client, stores=pairs, journal=journal)
    if output.is_screen:
        screens.print_state(flags)
    else:
        output.write(flags)
    echo(kf.summary(flags))
    how = f"{outputs.journal_option(journal)}{connection.words}"
    if output.out is None:
        echo_next("To keep it and compare later, add --out FILE.csv, then", f"drift FILE.csv{how}")
    elif output.out.suffix in {".csv", ".parquet"}:
        echo_next("To compare later", f"drift {outputs.quote(output.out)}{how}")


def drift(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="A snapshot: `state --out FILE.csv`.")],
    after: Annotated[
        Path | None, typer.Argument(metavar="[AFTER]", help="A later snapshot; the live flags if left out.")
    ] = None,
    *,
    journal: options.Journal = None,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Show what changed between two snapshots, or since one."""
    earlier = kf.load_state(before)
    later = _live_like(earlier, connection, journal=journal) if after is None else kf.load_state(after)
    changes = kf.drift(earlier, later)
    if output.is_screen:
        shown = screens.with_names(changes)
        screens.print_frame(shown[["what", "where", "was", "now", "drift"]], what="changes")
    else:
        output.write(changes)
    echo(kf.summary(changes))
    if after is None:
        echo_next(
            "To keep the flags of now",
            f"state --all-stores --out FILE.csv{outputs.journal_option(journal)}{connection.words}",
        )


def _live_like(earlier: pd.DataFrame, connection: ConnectionOptions, *, journal: Path | None) -> pd.DataFrame:
    """Return the live flags of what an earlier snapshot holds."""
    pairs = earlier.loc[earlier["scope"].eq("store"), ["brand_id", "branch_id"]].drop_duplicates()
    with connection.connect() as client:
        if pairs.empty:
            return kf.read_state(client, journal=journal)
        has_business = bool(earlier["scope"].eq("business").any())
        return kf.read_state(client, stores=pairs, with_business=has_business, journal=journal)


def runs(
    *,
    prune: Annotated[
        str | None,
        typer.Option(
            "--prune", metavar="AGE", help="Remove finished runs older than this, such as 90d, and list them."
        ),
    ] = None,
    journal: options.Journal = None,
    output: OutputOptions,
) -> None:
    """List the history, newest last."""
    if prune is not None:
        removed = kf.prune_runs(prune, journal=journal)
        output.write(removed)
        echo(f"{len(removed):,} runs removed.")
        return
    history = kf.runs(journal=journal)
    if output.is_screen:
        screens.print_frame(_history(history).tail(screens.MOST_ROWS), what="runs")
    else:
        output.write(history)
    if len(history):
        echo_next("One run by name", f"status last{outputs.journal_option(journal)}")
    else:
        echo("There is no run yet.")


def _history(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run: when, where, how much, how it ended."""
    bad = runs[["rejected", "failed", "unknown", "not_sent"]].sum(axis=1)
    shown = runs.assign(
        run_id=runs["run_id"].str[:SHORT_ID], rows=runs["n_rows"], requests=runs["n_requests"]
    )
    shown = shown.assign(started=runs["started_at"], **{"not done": bad})
    return shown[["run_id", "started", "host", "rows", "requests", "not done", "status"]]


def status(run_id: options.RunId, *, journal: options.Journal = None, output: OutputOptions) -> None:
    """Print how far a run is, row by row. Does not wait for it; exits as `apply` would."""
    result = kf.attach(run_id, journal=journal).so_far()
    outputs.finish(result, output, journal=journal)


def verify(
    run_id: options.RunId,
    *,
    journal: options.Journal = None,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Read back what a run wrote. Exit 1 if some of it differs now."""
    result = _ended(run_id, journal=journal)
    with connection.connect() as client:
        proof = kf.verify(result, client, journal=journal)
    if output.is_screen:
        screens.print_proof(proof, result.names)
    else:
        output.write(proof)
    echo(outputs.count_values(proof["proof"]))
    name = f"{run_id}{outputs.journal_option(journal)}{connection.words}"
    if proof["proof"].eq("not_visible_yet").any():
        echo_next("To show it to guests", f"publish --run {name}")
    else:
        echo_next("To mail it", f"report {name} --verify --out report.html")
    if proof["proof"].eq("differs").any():
        raise typer.Exit(ExitCode.SOME_ROWS_NOT)


def report(
    run_id: options.RunId,
    out: options.PageFile,
    *,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="The table that it came from; only its name is put on the page."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read back what the run wrote, and put that on the page.")
    ] = False,
    journal: options.Journal = None,
    connection: ConnectionOptions,
) -> None:
    """Write one HTML file on a run, to mail to whoever asked for it. Only `--verify` needs credentials."""
    result = _ended(run_id, journal=journal)
    plan, by = _plan_of(result, journal=journal), _person_of(result, journal=journal)
    proof = None
    if verify:
        with connection.connect() as client:
            proof = kf.verify(result, client, journal=journal)
    with outputs.writing(out):
        kf.report(out, plan=plan, result=result, proof=proof, by=by, file=file)
    echo(f"Written to {out}: open it in a browser, or mail it.")


def _plan_of(result: kf.Result, *, journal: Path | None) -> kf.Plan:
    """Return the plan of a run, as the journal keeps it."""
    from ..planning.plan import parse_plan
    from ..running.journal import read_journal

    with read_journal(journal) as opened:
        return parse_plan(opened.plan_body(result.run_id))


def _person_of(result: kf.Result, *, journal: Path | None) -> str | None:
    """Return who ran it, and on which machine, as the journal noted it."""
    history = kf.runs(journal=journal)
    run = history[history["run_id"] == result.run_id]
    return None if run.empty else f"{run['user'].iloc[0]} on {run['machine'].iloc[0]}"


def _ended(run_id: str, *, journal: Path | None) -> kf.Result:
    """Return the result of a run that has ended; of one that goes on say so, without waiting."""
    job = kf.attach(run_id, journal=journal)
    if not job.is_done:
        raise exit_with(
            ExitCode.SOME_ROWS_NOT,
            f"Run {job.run_id[:SHORT_ID]} has not ended: {job.progress}. "
            f"`klikit-frames status {run_id}{outputs.journal_option(journal)}` shows more.",
        )
    return job.result()
