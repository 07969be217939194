"""The commands for tables of how the menus shall always be: audit, reconcile, and approve for their plans."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

import klikit_frames as kf

from . import options, outputs, screens, send_commands
from .exit_codes import ExitCode
from .options import (
    ConnectionOptions,
    ConsentOptions,
    NotifyOptions,
    OutputOptions,
    WriteOptions,
)
from .outputs import echo, echo_next, exit_with, quote

Wanted = Annotated[
    str,
    typer.Argument(metavar="WANTED", help="A table, or a folder of tables; `-` reads standard input."),
]
ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        dir_okay=False,
        writable=True,
        callback=options.check_folder,
        help="Write one HTML file to mail or to keep: what differed, by store and name.",
    ),
]


def audit(
    wanted: Wanted,
    *,
    column: options.Columns = None,
    names: options.Names = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 10 if something has drifted.")] = False,
    report: ReportFile = None,
    journal: options.Journal = None,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Say where the live menus differ from a wanted table. And since when; changes no menu."""
    with connection.connect() as client:
        audited = kf.audit(
            _open(wanted), client, journal=journal, columns=options.parse_columns(column), names=names
        )
    if report is not None:
        with outputs.writing(report):
            kf.report(report, title="Held against the wanted table", audit=audited, file=_name(wanted))
        echo(f"Written to {report}")
    if output.is_screen:
        screens.print_drifted(audited)
    else:
        output.write(audited)
    echo(kf.summary(audited))
    has_drifted = bool(audited["change"].eq("change").any())
    if has_drifted and wanted != "-":
        table = options.table_words(column, names=names)
        echo_next("To put it right", f"reconcile {quote(wanted)}{table}{connection.words}")
    if has_drifted and exit_code:
        raise typer.Exit(ExitCode.CHANGES)
    lost = kf.failures(audited)
    if audited["change"].eq("unknown").any() and len(lost):
        raise exit_with(ExitCode.SERVICE, f"Not all menus could be read: {lost['message'].iloc[0]}")


def reconcile(
    wanted: Wanted,
    *,
    max_changes: Annotated[
        str,
        typer.Option(
            "--max-changes",
            metavar="N|N%",
            help="The most rows to change: a share of the table such as 20%, a count such as 40, or `none`.",
        ),
    ] = "20%",
    column: options.Columns = None,
    names: options.Names = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish what was written, so that guests see it.")
    ] = False,
    report: ReportFile = None,
    agreed: ConsentOptions,
    journal: options.Journal = None,
    notice: NotifyOptions,
    connection: WriteOptions,
    output: OutputOptions,
) -> None:
    """Make the live menus as a wanted table says. Not if that is too much; sends nothing if it is so."""
    limit, columns = parse_limit(max_changes), options.parse_columns(column)
    content = _open(wanted)
    with notice.watch("reconcile") as on_finish, connection.connect() as client:
        if not (agreed.is_given or client.needs_confirmation):
            _ask(content, client, agreed, journal=journal, columns=columns, names=names)
        try:
            result = kf.reconcile(
                content,
                client,
                max_changes=limit,
                publish=publish,
                journal=journal,
                confirm=agreed.confirm,
                columns=columns,
                names=names,
                on_finish=on_finish,
            )
        except kf.PlanError as error:
            if client.needs_confirmation and not isinstance(error, kf.TooManyChanges):
                raise exit_with(ExitCode.USAGE, str(error)) from error
            raise
    if report is not None:
        with outputs.writing(report):
            kf.report(report, title="Made as the wanted table says", result=result, file=_name(wanted))
        echo(f"Written to {report}")
    outputs.finish(result, output, journal=journal, connection=connection)


def approve(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan file, as `plan --out` writes it.")],
    *,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves; never the plan's maker.")],
    connection: ConnectionOptions,
) -> None:
    """Approve somebody else's plan. Writes the approval beside its file, and sends nothing."""
    made = kf.load_plan(plan)
    with connection.connect() as client:
        send_commands.show(made, client)
        beside = kf.approve(plan, client, by=by)
    echo(f"Approved by {by}: {beside}")
    echo_next("To send it", f"apply {quote(plan)} --require-approval{connection.words}")


def parse_limit(text: str) -> float | int | None:
    """Return the limit that ``--max-changes`` names: a share, a count, or none."""
    said = text.strip().lower()
    if said == "none":
        return None
    number = said.removesuffix("%").strip()
    try:
        if number != said:
            return _in_range(float(number) / 100, most=1.0)
        return _in_range(float(number), most=1.0) if "." in number else int(_in_range(int(number)))
    except ValueError:
        raise exit_with(
            ExitCode.USAGE,
            f"--max-changes takes a share above 0% and up to 100%, a count from 1, or `none`, not {text!r}. "
            "Nothing was sent.",
        ) from None


def _in_range(number: float, *, most: float = float("inf")) -> float:
    if not 0 < number <= most:
        raise ValueError
    return number


def _open(wanted: str) -> Path | io.BytesIO:
    return Path(wanted) if wanted != "-" and Path(wanted).is_dir() else options.open_source(wanted)


def _name(wanted: str) -> str | None:
    return None if wanted == "-" else wanted


def _ask(
    content: Path | io.BytesIO,
    client: kf.Client,
    agreed: ConsentOptions,
    *,
    journal: Path | None,
    columns: dict[str, str] | None,
    names: bool,
) -> None:
    """Show what differs to whoever has not agreed yet, and ask."""
    if sys.stdin.isatty():
        audited = kf.audit(content, client, journal=journal, columns=columns, names=names)
        screens.print_drifted(audited, to_stderr=True)
        echo(kf.summary(audited))
        if not audited["change"].isin(["change", "unknown"]).any():
            return
    send_commands.ask(f"Put it right on {client.host}?", agreed)
