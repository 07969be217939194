"""The commands for keeping menus as they shall be: audit, reconcile, approve, schedule, tick, agenda."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import klikit_frames as kf

from .. import edge
from ..wording import SHORT_ID, count_each, counted, visible_text
from . import options, outputs, screens, send_commands
from .exit_codes import ExitCode
from .options import ConnectionOptions, ConsentOptions, NotifyOptions, OutputOptions, WriteOptions
from .outputs import echo, echo_next, exit_with, journal_option, quote

if TYPE_CHECKING:
    import pandas as pd

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
    return Path(wanted) if wanted != "-" and edge.is_folder(wanted) else options.open_source(wanted)


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


_GOOD = ["applied", "unchanged"]


def schedule(
    source: options.Source,
    *,
    column: options.Columns = None,
    names: options.Names = False,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", metavar="ZONE", help="Whose clock times are by, such as Asia/Jakarta."),
    ] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish the stores after each start and each end.")
    ] = False,
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="CODE", help="The code that the guard of a real host names."),
    ] = None,
    journal: options.Journal = None,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Note a table with starts_at and ends_at as promises. Sends nothing; `tick` keeps them."""
    content = options.open_source(source)
    table = options.table_options(column, connection, names=names)
    with connection.connect() as client:
        try:
            promised = kf.schedule(
                content,
                client,
                journal=journal,
                timezone=timezone,
                publish=publish,
                confirm=confirm,
                **table,
            )
        except kf.PlanError as error:
            raise exit_with(ExitCode.USAGE, str(error)) from None
    _show(promised, output)
    echo(f"{counted(promised['promise_id'].nunique(), 'promise')} noted, nothing sent.")
    for note in promised.attrs["notes"]:
        echo(note)
    echo(f"The line for cron: {cron_line(journal)}")


def tick(
    *,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on: sleep until the next promise is due, until Ctrl-C.")
    ] = False,
    journal: options.Journal = None,
    notice: NotifyOptions,
    connection: WriteOptions,
    output: OutputOptions,
) -> None:
    """Keep the promises that are due: send their starts and ends. For cron, every minute."""
    with notice.watch("tick") as on_finish, connection.connect() as client:
        if follow:
            from ..scheduling.ticks import follow_ticks

            echo("Ticking until Ctrl-C.")
            follow_ticks(client, journal=journal, report=_report, on_finish=on_finish)
            return
        kept = kf.tick(client, journal=journal, on_finish=on_finish)
    _show(kept, output)
    _report(kept)
    echo_next("What is promised", f"agenda{journal_option(journal)}")
    if kept.attrs["is_interrupted"]:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if not kept["outcome"].isin(_GOOD).all():
        raise typer.Exit(ExitCode.SOME_ROWS_NOT)


def agenda(
    *,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what should have been done.")] = False,
    cancel: Annotated[
        list[str] | None,
        typer.Option("--cancel", metavar="ID", help="Cancel this promise, and list it; repeat for more."),
    ] = None,
    extend: Annotated[
        list[str] | None,
        typer.Option("--extend", metavar="ID", help="Give this promise the end of --until; repeat for more."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="The new end, such as 2026-03-09T18:00+07:00."),
    ] = None,
    journal: options.Journal = None,
    output: OutputOptions,
) -> None:
    """List what is promised, overdue first. Exit 10 if something is overdue."""
    if bool(extend) != (until is not None) or (cancel and extend):
        raise exit_with(ExitCode.USAGE, "Give --cancel ID, or --extend ID with --until TIME.")
    if cancel:
        listed = kf.cancel_promises(cancel, journal=journal)
    elif extend and until:
        listed = kf.extend_promises(extend, ends_at=until, journal=journal)
    else:
        listed = kf.agenda(journal=journal)
    n_overdue = int(listed["is_overdue"].sum())
    shown = listed[listed["is_overdue"]] if overdue else listed
    _show(shown, output)
    statuses = ", ".join(f"{n:,} {status}" for status, n in count_each(listed["status"]).items())
    echo(f"{counted(len(listed), 'promise')}: {statuses}." if len(listed) else "Nothing is promised.")
    where = journal_option(journal)
    if not n_overdue and listed["status"].isin(["waiting", "active"]).any():
        echo_next("To change your mind", f"agenda{where} --cancel PROMISE")
    if n_overdue:
        echo_next(f"{n_overdue:,} overdue. To keep them", f"tick{where}")
        raise typer.Exit(ExitCode.CHANGES)


def cron_line(journal: Path | None) -> str:
    """Return the line that keeps promises every minute, with this very program."""
    program = Path(sys.argv[0])
    name = str(program.resolve()) if program.name == "klikit-frames" and program.is_file() else program.name
    where = None if journal is None else journal.resolve()
    return f"* * * * * {name if 'klikit' in name else 'klikit-frames'} tick{journal_option(where)}"


def _report(kept: pd.DataFrame) -> None:
    """Say what a tick has done."""
    for note in kept.attrs["notes"]:
        echo(note)
    if not len(kept):
        echo("Nothing was due.")
        return
    ends = (kept["action"] + " " + kept["outcome"].str.replace("_", " ")).value_counts(sort=False)
    done = [f"{n:,} {end}" for end, n in ends.items()]
    echo(f"{counted(len(kept), 'promise')} due: {', '.join(done)}.")


def _show(promises: pd.DataFrame, output: OutputOptions) -> None:
    """Print promises as a person looks for them, and each note once below; else write the data."""
    if not output.is_screen:
        output.write(promises)
        return
    screens.print_frame(_by_name(promises), what="promises")
    for note, n in count_each(promises["note"].replace("", None)).head(screens.MOST_ROWS).items():
        screens.print_text(f"{counted(n, 'promise')}: {visible_text(str(note))}.")


def _minutes(times: pd.Series[Any]) -> pd.Series[Any]:
    """Return times to the minute, with the year where one of them is of another year than now."""
    is_of_this_year = times.dropna().dt.year.eq(edge.now().year).all()
    shown: pd.Series[Any] = times.dt.strftime("%m-%d %H:%M" if is_of_this_year else "%Y-%m-%d %H:%M")
    return shown.fillna("for good")


def _by_name(promises: pd.DataFrame) -> pd.DataFrame:
    """Return one row per promise: what, where, off or on, from when and until when, in UTC."""
    named = screens.with_names(promises)
    flags = ["on" if is_enabled else "off" for is_enabled in named["is_enabled"]]
    times = {name: _minutes(named[f"{name}s_at"]) for name in ("start", "end")}
    shown = named.assign(promise=named["promise_id"].str[:SHORT_ID], flag=flags, **times)
    columns = ["promise", "what", "where", "flag", "start", "end", "status"]
    return shown[columns].rename(columns={"start": "from (UTC)", "end": "until (UTC)"})
