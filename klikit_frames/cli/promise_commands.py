"""The commands of timed rows: schedule, tick, agenda."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import klikit_frames as kf

from .. import edge
from ..wording import SHORT_ID, counted, visible_text
from . import options, screens
from .exit_codes import ExitCode
from .options import ConnectionOptions, NotifyOptions, OutputOptions, WriteOptions
from .outputs import echo, echo_next, exit_with, journal_option

if TYPE_CHECKING:
    import pandas as pd

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
            from ..scheduling.following import follow_ticks

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
    statuses = ", ".join(f"{n:,} {status}" for status, n in listed["status"].value_counts().items())
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
    for note, n in promises["note"].replace("", None).value_counts().head(screens.MOST_ROWS).items():
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
