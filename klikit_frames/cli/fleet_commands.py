"""The commands of many businesses: fleet apply, fleet status, fleet tick."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import klikit_frames as kf

from .. import edge
from ..wording import counted
from . import exit_codes, options, screens, send_commands
from .exit_codes import ExitCode
from .options import ConsentOptions, NotifyOptions, OutputOptions, RunOptions
from .outputs import echo, echo_next, exit_with, quote
from .send_commands import NO_PLAN_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

JournalFolder = Annotated[
    Path | None,
    typer.Option("--journal-folder", metavar="FOLDER", help="Where each business has its PROFILE.sqlite3."),
]


@dataclass(frozen=True, kw_only=True)
class CapOptions:
    """How fast to write to each business, and to read from it."""

    writes_per_minute: Annotated[int, typer.Option(min=1, help="The write cap of each business.")] = 300
    reads_per_minute: Annotated[int, typer.Option(min=1, help="The read cap of each business.")] = 600


def apply(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|TABLE",
            help="A table with a column `business`, or a folder of PROFILE.csv and PROFILE.plan.json files.",
        ),
    ],
    *,
    column: options.Columns = None,
    names: options.Names = False,
    live: options.Live = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="How many businesses at a time.")] = 16,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Send without asking.")] = False,
    confirm: Annotated[
        list[str] | None,
        typer.Option("--confirm", metavar="BUSINESS=CODE", help="The code of a business on a real host."),
    ] = None,
    journal_folder: JournalFolder = None,
    mirror_folder: Annotated[
        Path | None,
        typer.Option("--mirror-folder", metavar="FOLDER", help="Keep a copy of each journal here."),
    ] = None,
    rules: RunOptions,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", callback=options.check_folder, help="Write an HTML report."),
    ] = None,
    notice: NotifyOptions,
    caps: CapOptions,
    output: OutputOptions,
) -> None:
    """Make the tables of many businesses true, side by side. Trouble of one leaves the others alone."""
    with notice.watch("fleet apply") as on_finish:
        reader = TableReader(column, names=names, live=live, journal_folder=journal_folder)
        plans = _read_plans(source, reader)
        if rules.require_approval and any(plan.path is None for plan in plans.values()):
            raise exit_with(ExitCode.USAGE, NO_PLAN_FILE)
        codes = _parse_codes(confirm, plans)
        _agree(plans, codes, is_agreed=yes or bool(codes), left_out=reader.unread | reader.unnamed)
        with edge.make_pool(jobs) as executor:
            result = kf.fleet.run(
                plans,
                executor=executor,
                journal_folder=journal_folder,
                mirror_folder=mirror_folder,
                confirm=codes,
                left_out=reader.unread,
                on_finish=on_finish,
                writes_per_minute=caps.writes_per_minute,
                reads_per_minute=caps.reads_per_minute,
                **rules.as_arguments(),
            )
    _finish(result, output, report=report, journal_folder=journal_folder, unnamed=reader.unnamed)


def status(*, journal_folder: JournalFolder = None, output: OutputOptions) -> None:
    """Print how the last run of each business ended. Exits as `fleet apply` would: the worst of all."""
    businesses = kf.fleet.status(journal_folder=journal_folder)
    if output.is_screen:
        shown = ["business", "started_at", "host", "n_rows", "applied", "unchanged", "status"]
        screens.print_frame(businesses[shown], what="businesses")
    else:
        output.write(businesses)
    echo(f"{counted(len(businesses), 'business', many='businesses')}.")
    if len(businesses):
        name = str(businesses["business"].iloc[0])
        echo_next("The last run of one", f"status last {_journal_words(name, journal_folder)}")
    raise typer.Exit(_worst(_code_of_status(row) for row in businesses.to_dict("records")))


def audit(
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|TABLE",
            help="A table with a column `business`, or a folder with PROFILE.csv or PROFILE/ for each.",
        ),
    ],
    *,
    column: options.Columns = None,
    names: options.Names = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 10 if something has drifted.")] = False,
    journal_folder: JournalFolder = None,
    reads_per_minute: Annotated[int, typer.Option(min=1, help="The read cap of each business.")] = 600,
    output: OutputOptions,
) -> None:
    """Say where live menus differ from what is wanted. Of many businesses; changes no menu."""
    source = wanted if edge.is_folder(wanted) else options.open_source(wanted)
    try:
        audited = kf.fleet.audit(
            source,
            journal_folder=journal_folder,
            reads_per_minute=reads_per_minute,
            columns=options.parse_columns(column),
            names=names,
        )
    except kf.ConfigError as error:
        raise exit_with(ExitCode.USAGE, str(error)) from None
    if output.is_screen:
        screens.print_drifted_of(audited.frames)
        _tell_errors(audited.errors)
    else:
        _show_frame(audited, output, what="rows")
    for business, frame in audited.frames.items():
        echo(f"{business}: {kf.summary(frame)}")
    has_drifted = any(frame["change"].eq("change").any() for frame in audited.frames.values())
    if has_drifted and wanted != "-":
        table = f"{quote(wanted)}{options.table_words(column, names=names)}"
        echo_next("To put it right", f"fleet apply {table} --live{_folder_option(journal_folder)}")
    is_lost = any(len(kf.failures(frame)) for frame in audited.frames.values())
    codes = [*map(_code_of, audited.errors.values()), *([ExitCode.SERVICE] if is_lost else [])]
    raise typer.Exit(ExitCode.CHANGES if has_drifted and exit_code else _worst(codes))


def tick(*, journal_folder: JournalFolder = None, caps: CapOptions, output: OutputOptions) -> None:
    """Keep the promises that are due, of every business. Those with a journal in the folder; for cron."""
    kept = kf.fleet.tick(
        journal_folder=journal_folder,
        writes_per_minute=caps.writes_per_minute,
        reads_per_minute=caps.reads_per_minute,
    )
    _show_frame(kept, output, what="promises")
    n_due = sum(map(len, kept.frames.values()))
    echo(f"{counted(n_due, 'promise')} due in {counted(len(kept.frames), 'business', many='businesses')}.")
    if names := [*kept.frames, *kept.errors]:
        echo_next("What one has promised", f"agenda {_journal_words(names[0], journal_folder)}")
    if kept.is_interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)
    raise typer.Exit(
        _worst([*map(_code_of_tick, kept.frames.values()), *map(_code_of, kept.errors.values())])
    )


class TableReader:
    """Reads and plans the table of a business: own columns, names for ids, live flags.

    Parameters
    ----------
    column : list of str or None
        What ``--column`` names.
    names, live : bool
        Whether the business's menu is read for names, and for the flags that hold already.
    journal_folder : path or None
        The folder of the journals, which know what is written and not yet published.

    Attributes
    ----------
    unread : dict of KlikitFramesError
        By business, why its live flags could not be read.
    unnamed : dict of KlikitFramesError
        By business, why its names could not be read: there is no plan of it.
    """

    def __init__(
        self, column: list[str] | None, *, names: bool, live: bool, journal_folder: Path | None
    ) -> None:
        self.columns = options.parse_columns(column)
        self.unread: dict[str, kf.KlikitFramesError] = {}
        self.unnamed: dict[str, kf.KlikitFramesError] = {}
        self._names = names
        self._live = live
        self._journal_folder = journal_folder

    @property
    def is_for_tables(self) -> bool:
        """Whether an option was given that no saved plan takes."""
        return self._names or self._live or self.columns is not None

    @property
    def look_up(self) -> Callable[[str], tuple[pd.DataFrame, pd.DataFrame] | None] | None:
        """The function that returns a business's menu and stores, for names; None where ids are used."""
        return self._read_menu if self._names else None

    def read(self, business: str, file: Path) -> kf.Plan | None:
        """Return the plan of a business's own table; None where its names could not be read."""
        menu = self._read_menu(business) if self._names else (None, None)
        if menu is None:
            return None
        state, stores = menu
        toggles = kf.read_toggles(file, columns=self.columns, names=self._names, state=state, stores=stores)
        return self.plan(business, toggles)

    def plan(self, business: str, toggles: pd.DataFrame) -> kf.Plan:
        """Return the plan of toggles, against the live flags if these are asked for.

        Where they cannot be read, that is noted, and the plan only serves to say what was not sent.
        """
        return kf.plan(toggles, state=self._read_live(business, toggles) if self._live else None)

    def _read_live(self, business: str, toggles: pd.DataFrame) -> pd.DataFrame | None:
        from ..fleet.business_tasks import connect_business
        from ..fleet.fleet_runs import fleet_folder

        journal = fleet_folder(self._journal_folder) / f"{business}.sqlite3"
        try:
            with connect_business(business) as client:
                return options.read_live_state(client, toggles, journal=journal)
        except (kf.ConfigError, kf.RequestError) as error:
            self.unread[business] = error
            return None

    def _read_menu(self, business: str) -> tuple[pd.DataFrame, pd.DataFrame] | None:
        from ..fleet.business_tasks import connect_business

        try:
            with connect_business(business) as client:
                return kf.read_state(client), kf.stores(client)
        except (kf.ConfigError, kf.RequestError) as error:
            self.unnamed[business] = error
            return None


def _read_plans(source: str, reader: TableReader) -> dict[str, kf.Plan]:
    """Return the plan of each business that a table, or the files of a folder, tell."""
    from ..fleet.each_business import files_of
    from ..fleet.fleet_runs import split_toggles

    path = Path(source)
    if edge.is_folder(path):
        try:
            return _plan_files(files_of(path), reader)
        except kf.ConfigError as error:
            raise exit_with(ExitCode.USAGE, str(error)) from None
    content = options.open_source(source)
    tables = split_toggles(content, columns=reader.columns, look_up=reader.look_up)
    return {business: reader.plan(business, rows) for business, rows in tables.items()}


def _plan_files(files: Mapping[str, Path], reader: TableReader) -> dict[str, kf.Plan]:
    """Return the plan of each file, or end the command with the problems of all."""
    plans, problems = {}, []
    for business, file in files.items():
        try:
            made = options.load_plan_if_it_is_one(file)
            if made is not None and reader.is_for_tables:
                problems.append(f"{file.name}: --column, --names and --live are for tables, not for plans.")
            if (plan := reader.read(business, file) if made is None else made) is not None:
                plans[business] = plan
        except (kf.InvalidToggles, kf.PlanError) as error:
            problems.append(f"{file.name}: {error}")
    if problems:
        raise exit_with(ExitCode.PROBLEMS, "\n".join(problems))
    return plans


def _parse_codes(texts: list[str] | None, plans: Mapping[str, kf.Plan]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts or ()]
    bad = [name for name, is_given, code in pairs if not (is_given and code) or name not in plans]
    if bad:
        raise exit_with(
            ExitCode.USAGE, f"--confirm takes BUSINESS=CODE, of a business of this table: not {bad[0]!r}."
        )
    return {name: code for name, _, code in pairs}


def _agree(
    plans: Mapping[str, kf.Plan],
    codes: Mapping[str, str],
    *,
    is_agreed: bool,
    left_out: Mapping[str, kf.KlikitFramesError],
) -> None:
    """Show what each business gets, and go on only if the person has agreed."""
    from ..fleet.business_tasks import connect_business

    for business, error in left_out.items():
        echo(f"{business}: {error} Nothing is sent to it.")
    missing, sent = [], {name: plan for name, plan in plans.items() if name not in left_out}
    for business, plan in sent.items():
        try:
            with connect_business(business) as client:
                where, needs_code = client.host, client.needs_confirmation
                code = plan.confirm_code(client)
        except kf.KlikitFramesError as error:
            echo(f"{business}: {error}")
            continue
        size = send_commands.requests_of(plan).rstrip(",")
        echo(f"{business} on {where}: {plan.overview.headline}, in {size}.")
        if needs_code and plan.n_requests and codes.get(business) != code:
            missing.append(f"--confirm {business}={code}")
    if missing:
        raise exit_with(
            ExitCode.USAGE, f"Real hosts, so nothing was sent yet. To send it add {' '.join(missing)}"
        )
    n_requests = sum(plan.n_requests for plan in sent.values())
    if not n_requests:
        return
    size = f"{counted(n_requests, 'request')} to {counted(len(sent), 'business', many='businesses')}"
    send_commands.ask(f"Send {size}?", ConsentOptions(yes=is_agreed))


def _finish(
    result: kf.fleet.FleetResult,
    output: OutputOptions,
    *,
    report: Path | None,
    journal_folder: Path | None,
    unnamed: Mapping[str, kf.KlikitFramesError],
) -> None:
    if report is not None:
        result.report(report)
        echo(f"The report is in {report}")
    if output.is_screen:
        screens.print_overview(result.overview, is_brief=True)
        screens.print_frame(result.businesses.drop(columns=["run_id", "reason"]), what="businesses")
        _tell_errors(result.errors)
    else:
        echo(f"{result.overview.headline}.\n{result.summary}")
        _tell_errors(result.errors)
        output.write(result.frame, again="klikit-frames fleet status")
    echo_next("How each ended", f"fleet status{_folder_option(journal_folder)}")
    _echo_way_on(result, journal_folder)
    codes = [
        _code_of(result.errors[business]) if business in result.errors else exit_codes.of_result(run_result)
        for business, run_result in result.results.items()
    ]
    if unnamed:
        echo(f"Not in this result, for their names could not be read: {', '.join(unnamed)}.")
    raise typer.Exit(_worst([*codes, *map(_code_of, unnamed.values())]))


def _echo_way_on(result: kf.fleet.FleetResult, journal_folder: Path | None) -> None:
    """Print the commands that resume or undo one business, with its own journal and profile."""
    open_ones = [name for name, run_result in result.results.items() if run_result.resume_hint]
    done = [name for name, run_result in result.results.items() if run_result.counts["applied"]]
    for why, command, names in (
        ("To go on with one", "resume", open_ones),
        ("To take one back", "undo", done),
    ):
        if names:
            echo_next(why, f"{command} last --profile {names[0]} {_journal_words(names[0], journal_folder)}")


def _journal_words(business: str, journal_folder: Path | None) -> str:
    from ..fleet.fleet_runs import fleet_folder

    return f"--journal {quote(fleet_folder(journal_folder) / f'{business}.sqlite3')}"


def _folder_option(journal_folder: Path | None) -> str:
    return "" if journal_folder is None else f" --journal-folder {quote(journal_folder)}"


def _show_frame(fleet_frame: kf.fleet.FleetFrame, output: OutputOptions, *, what: str) -> None:
    if output.is_screen:
        screens.print_frame(fleet_frame.frame, what=what)
    else:
        output.write(fleet_frame.frame)
    _tell_errors(fleet_frame.errors)


def _tell_errors(errors: Mapping[str, kf.KlikitFramesError]) -> None:
    for business, error in errors.items():
        echo(f"{business}: {error}")


def _code_of(error: kf.KlikitFramesError) -> ExitCode:
    return exit_codes.of_error(error) or ExitCode.SOME_ROWS_NOT


def _code_of_tick(kept: pd.DataFrame) -> ExitCode:
    if kept.attrs.get("is_interrupted"):
        return ExitCode.INTERRUPTED
    is_good = kept["outcome"].isin(["applied", "unchanged"]).all()
    return ExitCode.DONE if is_good else ExitCode.SOME_ROWS_NOT


def _code_of_status(row: Mapping[object, object]) -> ExitCode:
    """Return the exit code of the last run of a business, from its counts."""
    if row["n_rows"] != row["n_rows"]:  # missing: a journal without a run, or one that cannot be read
        return ExitCode.CONFIGURATION if row["status"] == row["status"] else ExitCode.DONE
    if row["status"] in {"interrupted", "cancelled", "deadline"}:
        return ExitCode.INTERRUPTED
    n_good = int(str(row["applied"]).partition(".")[0]) + int(str(row["unchanged"]).partition(".")[0])
    return ExitCode.DONE if n_good == row["n_rows"] else ExitCode.SOME_ROWS_NOT


def _worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the worst exit code: the higher, the less was done."""
    return max(codes, default=ExitCode.DONE)
