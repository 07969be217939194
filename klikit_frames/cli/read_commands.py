"""The commands that look: state, stores, diff, drift, align, verify, runs, status, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import klikit_frames as kf
from klikit_frames.cli import options, outputs, screens, send_commands
from klikit_frames.cli.exit_codes import ExitCode
from klikit_frames.cli.outputs import echo, exit_with
from klikit_frames.wording import SHORT_ID, counted

if TYPE_CHECKING:
    import pandas as pd


def state(
    *,
    store: options.StoreList = None,
    all_stores: options.AllStores = False,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
    out: options.OutFile = None,
) -> None:
    """Print the live flags: of the business, or of stores."""
    with kf.connect() as client:
        pairs = kf.stores(client) if all_stores else options.parse_stores(store) if store else None
        found = kf.read_state(client, stores=pairs)
    if outputs.is_screen(json=json, jsonl=jsonl, out=out):
        screens.print_state(found)
    else:
        outputs.write(found, json=json, jsonl=jsonl, out=out)
    echo(kf.summary(found))
    if out is None:
        echo("To keep it, and compare later: add --out FILE.csv, then klikit-frames drift FILE.csv")


def stores(
    *, json: outputs.AsJson = False, jsonl: outputs.AsJsonLines = False, out: options.OutFile = None
) -> None:
    """List the stores of the business by brand and branch."""
    with kf.connect() as client:
        found = kf.stores(client)
    if outputs.is_screen(json=json, jsonl=jsonl, out=out):
        ids = found["brand_id"].astype(str) + "/" + found["branch_id"].astype(str)
        shown = found[["brand_title", "branch_title"]].assign(store=ids)
        screens.print_frame(
            shown.rename(columns={"brand_title": "brand", "branch_title": "branch"}), limit=200
        )
    else:
        outputs.write(found, json=json, jsonl=jsonl, out=out)
    echo(f"{counted(len(found), 'store')} of {counted(found['brand_id'].nunique(), 'brand')}.")
    echo("The flags of one: klikit-frames state --store BRAND/BRANCH")


def drift(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="A snapshot: `state --out FILE.csv`.")],
    after: Annotated[
        Path | None, typer.Argument(metavar="[AFTER]", help="A later snapshot; the live flags if left out.")
    ] = None,
    *,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
    out: options.OutFile = None,
) -> None:
    """Show what changed between two snapshots, or since one."""
    earlier = kf.load_state(before)
    found = kf.drift(earlier, _live_like(earlier) if after is None else kf.load_state(after))
    if outputs.is_screen(json=json, jsonl=jsonl, out=out):
        shown = screens.with_names(found)
        screens.print_frame(shown[["what", "where", "was", "now", "drift"]], what="changes")
    else:
        outputs.write(found, json=json, jsonl=jsonl, out=out)
    echo(kf.summary(found))


def align(
    like: Annotated[str, typer.Option("--like", metavar="BRAND/BRANCH", help="The store that is right.")],
    *,
    store: options.StoreList = None,
    out: options.OutFile = None,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
) -> None:
    """Make the table that brings stores in line with one store. Sends nothing."""
    pattern = options.parse_stores([like])[0]
    if not store:
        raise exit_with(ExitCode.USAGE, "Name the stores to bring in line: --store BRAND/BRANCH.")
    others = options.parse_stores(store)
    with kf.connect() as client:
        state = kf.read_state(client, stores=list(dict.fromkeys([pattern, *others])))
    toggles = kf.align(state, like=pattern)
    if outputs.is_screen(json=json, jsonl=jsonl, out=out):
        screens.print_toggles(toggles, state)
    else:
        outputs.write(toggles, json=json, jsonl=jsonl, out=out)
    echo(kf.summary(toggles))
    where = "FILE.csv" if out is None else out
    first = "Keep it with --out FILE.csv, then send" if out is None else "To send"
    echo(f"{first} it: klikit-frames apply {where}")


def template(
    path: options.TemplateFile,
    *,
    store: options.StoreList = None,
    all_stores: options.AllStores = False,
    empty: Annotated[bool, typer.Option("--empty", help="Only the headers; needs no credentials.")] = False,
) -> None:
    """Write a table to fill in: the right headers, and the menu's dishes with names beside ids."""
    if empty:
        kf.template(path)
    else:
        with kf.connect() as client:
            listed = kf.stores(client)
            pairs = listed if all_stores else options.parse_stores(store) if store else None
            kf.template(
                path, state=kf.read_state(client, stores=pairs), stores=None if pairs is None else listed
            )
    echo(f"Written to {path}. Fill in is_enabled, delete the rows that are not meant, then check it.")


def diff(
    source: options.Source,
    *,
    snapshot: options.StateFile = None,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
    out: options.OutFile = None,
) -> None:
    """Compare a table with the live flags. Sends nothing that changes anything."""
    toggles = kf.read_toggles(options.open_source(source))
    live = options.state_of(toggles, snapshot=snapshot)
    found = kf.diff(toggles, live)
    if outputs.is_screen(json=json, jsonl=jsonl, out=out):
        screens.print_toggles(found[found["change"].eq("change")], live)
    else:
        outputs.write(found, json=json, jsonl=jsonl, out=out)
    echo(_counted(found["change"]))
    if found["change"].eq("change").any() and source != "-":
        echo(f"To make it true: klikit-frames apply {send_commands.quote(source)} --live")


def verify(
    run_id: options.RunId,
    *,
    journal: options.Journal = None,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
    out: options.OutFile = None,
) -> None:
    """Read back what a run wrote. Exit 1 if some of it differs now."""
    result = _ended(run_id, journal=journal)
    proof = _proof_of(result, journal=journal)
    if outputs.is_screen(json=json, jsonl=jsonl, out=out):
        screens.print_proof(proof, result.names)
    else:
        outputs.write(proof, json=json, jsonl=jsonl, out=out)
    echo(_counted(proof["proof"]))
    name = f"{run_id}{send_commands.journal_option(journal)}"
    if proof["proof"].eq("not_visible_yet").any():
        echo(f"To show it to guests: klikit-frames publish --run {name}")
    else:
        echo(f"To mail it: klikit-frames report {name} --verify --out report.html")
    if proof["proof"].eq("differs").any():
        raise typer.Exit(ExitCode.SOME_ROWS_NOT)


def runs(
    *,
    prune: Annotated[
        str | None,
        typer.Option(
            "--prune", metavar="AGE", help="Remove finished runs older than this, such as 90d, and list them."
        ),
    ] = None,
    journal: options.Journal = None,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
    out: options.OutFile = None,
) -> None:
    """List the history, newest last."""
    if prune is not None:
        removed = kf.prune_runs(prune, journal=journal)
        outputs.write(removed, json=json, jsonl=jsonl, out=out)
        echo(f"{len(removed):,} runs removed.")
        return
    history = kf.runs(journal=journal)
    if outputs.is_screen(json=json, jsonl=jsonl, out=out):
        screens.print_frame(_history(history).tail(screens.MOST_ROWS), what="runs")
    else:
        outputs.write(history, json=json, jsonl=jsonl, out=out)
    echo("One run by name: klikit-frames status last" if len(history) else "There is no run yet.")


def status(
    run_id: options.RunId,
    *,
    journal: options.Journal = None,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
    out: options.OutFile = None,
) -> None:
    """Print how far a run is, row by row, without waiting for it; exit as `apply` would."""
    result = kf.attach(run_id, journal=journal).so_far()
    send_commands.finish(result, journal=journal, json=json, jsonl=jsonl, out=out)


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
) -> None:
    """Write one HTML file on a run, to mail to whoever asked for it. Only `--verify` needs credentials."""
    result = _ended(run_id, journal=journal)
    plan, by = _plan_of(result, journal=journal), _person_of(result, journal=journal)
    proof = _proof_of(result, journal=journal) if verify else None
    with outputs.writing(out):
        kf.report(out, plan=plan, result=result, proof=proof, by=by, file=file)
    echo(f"Written to {out}")


def _plan_of(result: kf.Result, *, journal: Path | None) -> kf.Plan:
    """Return the plan of a run, as the journal keeps it."""
    from klikit_frames.planning.plan import parse_plan
    from klikit_frames.running.journal import read_journal

    with read_journal(journal) as book:
        return parse_plan(book.plan_body(result.run_id))


def _proof_of(result: kf.Result, *, journal: Path | None) -> pd.DataFrame:
    """Read back what a run wrote."""
    with kf.connect() as client:
        return kf.verify(result, client, journal=journal)


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


def _live_like(earlier: pd.DataFrame) -> pd.DataFrame:
    """Return the live flags of what an earlier snapshot holds."""
    pairs = earlier.loc[earlier["scope"].eq("store"), ["brand_id", "branch_id"]].drop_duplicates()
    with kf.connect() as client:
        if pairs.empty:
            return kf.read_state(client)
        return kf.read_state(client, stores=pairs, with_business=bool(earlier["scope"].eq("business").any()))


def _history(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a run a row as a person looks for it: when, where, how much, how it ended."""
    bad = runs[["rejected", "failed", "unknown", "not_sent"]].sum(axis=1)
    told = runs.assign(run_id=runs["run_id"].str[:SHORT_ID], rows=runs["n_rows"], requests=runs["n_requests"])
    told = told.assign(started=runs["started_at"], **{"not done": bad})
    return told[["run_id", "started", "host", "rows", "requests", "not done", "status"]]


def _counted(column: object) -> str:
    counts = column.value_counts()  # type: ignore[attr-defined]
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) + "."
