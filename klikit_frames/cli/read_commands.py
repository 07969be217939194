"""The commands that read the menus (stores, state, drift) and past runs (runs, status, verify, report)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import klikit_frames as kf
from klikit_frames.cli import options, outputs, screens
from klikit_frames.cli.exit_codes import ExitCode
from klikit_frames.cli.option_groups import ConnectionOptions, OutputOptions
from klikit_frames.cli.outputs import echo, echo_next, exit_with
from klikit_frames.wording import SHORT_ID, counted

if TYPE_CHECKING:
    import pandas as pd


def stores(*, connection: ConnectionOptions, output: OutputOptions) -> None:
    """List the stores of the business by brand and branch."""
    with connection.connect() as client:
        found = kf.stores(client)
    if output.is_screen:
        ids = found["brand_id"].astype(str) + "/" + found["branch_id"].astype(str)
        shown = found[["brand_title", "branch_title"]].assign(store=ids)
        screens.print_frame(
            shown.rename(columns={"brand_title": "brand", "branch_title": "branch"}), limit=200
        )
    else:
        output.write(found)
    echo(f"{counted(len(found), 'store')} of {counted(found['brand_id'].nunique(), 'brand')}.")
    echo_next("The flags of one", f"state --store BRAND/BRANCH{connection.words}")


def state(
    *,
    store: options.StoreList = None,
    all_stores: options.AllStores = False,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Print the live flags: of the business, or of stores."""
    with connection.connect() as client:
        pairs = kf.stores(client) if all_stores else options.parse_stores(store) if store else None
        found = kf.read_state(client, stores=pairs)
    if output.is_screen:
        screens.print_state(found)
    else:
        output.write(found)
    echo(kf.summary(found))
    if output.out is None:
        echo_next(
            "To keep it and compare later, add --out FILE.csv, then", f"drift FILE.csv{connection.words}"
        )
    elif output.out.suffix in {".csv", ".parquet"}:
        echo_next("To compare later", f"drift {outputs.quote(output.out)}{connection.words}")


def drift(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="A snapshot: `state --out FILE.csv`.")],
    after: Annotated[
        Path | None, typer.Argument(metavar="[AFTER]", help="A later snapshot; the live flags if left out.")
    ] = None,
    *,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Show what changed between two snapshots, or since one."""
    earlier = kf.load_state(before)
    later = _live_like(earlier, connection) if after is None else kf.load_state(after)
    found = kf.drift(earlier, later)
    if output.is_screen:
        shown = screens.with_names(found)
        screens.print_frame(shown[["what", "where", "was", "now", "drift"]], what="changes")
    else:
        output.write(found)
    echo(kf.summary(found))
    if after is None:
        echo_next("To keep the flags of now", f"state --all-stores --out FILE.csv{connection.words}")


def _live_like(earlier: pd.DataFrame, connection: ConnectionOptions) -> pd.DataFrame:
    """Return the live flags of what an earlier snapshot holds."""
    pairs = earlier.loc[earlier["scope"].eq("store"), ["brand_id", "branch_id"]].drop_duplicates()
    with connection.connect() as client:
        if pairs.empty:
            return kf.read_state(client)
        return kf.read_state(client, stores=pairs, with_business=bool(earlier["scope"].eq("business").any()))


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
    """Return a run a row as a person looks for it: when, where, how much, how it ended."""
    bad = runs[["rejected", "failed", "unknown", "not_sent"]].sum(axis=1)
    told = runs.assign(run_id=runs["run_id"].str[:SHORT_ID], rows=runs["n_rows"], requests=runs["n_requests"])
    told = told.assign(started=runs["started_at"], **{"not done": bad})
    return told[["run_id", "started", "host", "rows", "requests", "not done", "status"]]


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
    from klikit_frames.planning.plan import parse_plan
    from klikit_frames.running.journal import read_journal

    with read_journal(journal) as opened:
        return parse_plan(opened.plan_body(result.run_id))


def _person_of(result: kf.Result, *, journal: Path | None) -> str | None:
    """Return who ran it, and on which machine, as the journal noted it."""
    history = kf.runs(journal=journal)
    run = history[history["run_id"] == result.run_id]
    return None if run.empty else f"{run['user'].iloc[0]} on {run['machine'].iloc[0]}"


def _ended(run_id: str, *, journal: Path | None) -> kf.Result:
    """Return the result of a run that has ended; one that goes on is said to, not waited for."""
    job = kf.attach(run_id, journal=journal)
    if not job.is_done:
        raise exit_with(
            ExitCode.SOME_ROWS_NOT,
            f"Run {run_id} has not ended. {job.progress}; `klikit-frames status {run_id}` shows more.",
        )
    return job.result()
