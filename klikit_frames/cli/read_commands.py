"""The commands that look: state, diff, verify, runs, status, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import klikit_frames as kf
from klikit_frames.cli import options, outputs, send_commands
from klikit_frames.cli.exit_codes import ExitCode
from klikit_frames.cli.outputs import echo, exit_with


def state(
    *,
    store: Annotated[
        list[str] | None,
        typer.Option("--store", metavar="BRAND/BRANCH", help="Read this store; repeat for more."),
    ] = None,
    all_stores: Annotated[bool, typer.Option("--all-stores", help="Read every store.")] = False,
    json: outputs.AsJson = False,
    jsonl: outputs.AsJsonLines = False,
    out: options.OutFile = None,
) -> None:
    """Print the live flags: of the business, or of stores."""
    with kf.connect() as client:
        pairs = kf.stores(client) if all_stores else _parse_stores(store)
        outputs.write(kf.read_state(client, stores=pairs), json=json, jsonl=jsonl, out=out)


def template(
    path: options.TemplateFile,
    *,
    store: Annotated[
        list[str] | None,
        typer.Option("--store", metavar="BRAND/BRANCH", help="Rows of this store; repeat for more."),
    ] = None,
    all_stores: Annotated[bool, typer.Option("--all-stores", help="Rows of every store.")] = False,
    empty: Annotated[bool, typer.Option("--empty", help="Only the headers; needs no credentials.")] = False,
) -> None:
    """Write a table to fill in: the right headers, and the menu's dishes with names beside ids."""
    if empty:
        kf.template(path)
    else:
        with kf.connect() as client:
            listed = kf.stores(client)
            pairs = listed if all_stores else _parse_stores(store)
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
    found = kf.diff(toggles, options.state_of(toggles, snapshot=snapshot))
    outputs.write(found, json=json, jsonl=jsonl, out=out)
    echo(_counted(found["change"]))


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
    with kf.connect() as client:
        proof = kf.verify(result, client, journal=journal)
    outputs.write(proof, json=json, jsonl=jsonl, out=out)
    echo(_counted(proof["proof"]))
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
    outputs.write(history, json=json, jsonl=jsonl, out=out)
    if history.empty:
        echo("There is no run yet.")


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
    journal: options.Journal = None,
) -> None:
    """Write one HTML file on a run, to mail to whoever asked for it."""
    result = _ended(run_id, journal=journal)
    with outputs.writing(out):
        kf.report(out, result=result)
    echo(f"Written to {out}")


def _ended(run_id: str, *, journal: Path | None) -> kf.Result:
    """Return the result of a run that has ended; one that goes on is said to, not waited for."""
    job = kf.attach(run_id, journal=journal)
    if not job.is_done:
        raise exit_with(
            ExitCode.SOME_ROWS_NOT,
            f"Run {run_id} has not ended. {job.progress}; `klikit-frames status {run_id}` tells more.",
        )
    return job.result()


def _parse_stores(texts: list[str] | None) -> list[tuple[int, int]] | None:
    if not texts:
        return None
    parts = [text.split("/") for text in texts]
    bad = [
        text for text, part in zip(texts, parts, strict=True) if len(part) != 2 or not all(map(_is_id, part))
    ]
    if bad:
        raise exit_with(
            ExitCode.USAGE, f"--store takes BRAND/BRANCH, such as 5297/1293, not {', '.join(bad[:10])}."
        )
    return [(int(brand), int(branch)) for brand, branch in parts]


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _counted(column: object) -> str:
    counts = column.value_counts()  # type: ignore[attr-defined]
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) + "."
