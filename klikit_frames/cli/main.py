"""The command line: its commands, those on the place itself, and the exit code of what goes wrong in one."""

from __future__ import annotations

import contextlib
import sys
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

import klikit_frames as kf

from .. import __version__
from ..errors import InvalidToggles
from ..wording import counted
from . import (
    exit_codes,
    fleet_commands,
    options,
    outputs,
    read_commands,
    screens,
    send_commands,
    upkeep_commands,
)
from .exit_codes import ExitCode
from .options import ConnectionOptions, OutputOptions, expand_groups
from .outputs import accept_any_letter, echo, echoed_warnings, exit_with

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = ["entity_type", "entity_id", "brand_id", "branch_id", "is_enabled", "outcome", "code", "request_id"]


def doctor(*, connection: ConnectionOptions, output: OutputOptions) -> None:
    """Say whether this place is fit for runs, and what to do. Exit 1 on a problem."""
    _report(_examine(connection), output, what="check")


def profiles(*, output: OutputOptions) -> None:
    """List your profiles and their hosts, and test each with a read. Exit 1 if one does not work."""
    from ..api.credentials import profile_hosts

    _report(_tried_profiles(profile_hosts()), output, what="profile")


def _examine(connection: ConnectionOptions) -> pd.DataFrame:
    """Return what the doctor finds; without credentials only of this machine, and that they are missing."""
    try:
        with connection.connect() as client:
            return kf.doctor(client)
    except kf.ConfigError as error:
        findings = kf.doctor()
        findings.loc[len(findings)] = ["credentials", "problem", str(error), ""]
        return findings


def _tried_profiles(hosts: dict[str, str]) -> pd.DataFrame:
    import pandas as pd

    rows = [(name, host, *_try_profile(name)) for name, host in hosts.items()]
    return pd.DataFrame(rows, columns=["profile", "host", "status", "found"], dtype="str")


def _try_profile(name: str) -> tuple[str, str]:
    """Return whether a profile works, and what a read of its stores shows."""
    try:
        with kf.connect(profile=name, read_only=True) as client:
            return "ok", counted(len(kf.stores(client)), "store")
    except kf.KlikitFramesError as error:
        return "problem", str(error)


def _report(findings: pd.DataFrame, output: OutputOptions, *, what: str) -> None:
    """Write what was found: a line each for a person, else data. A problem exits with 1."""
    is_problem = findings["status"] == "problem"
    if output.is_screen:
        screens.print_findings(findings)
    else:
        output.write(findings)
    echo(f"{counted(len(findings), what)}: {counted(int(is_problem.sum()), 'problem')}.")
    if is_problem.any():
        raise typer.Exit(ExitCode.SOME_ROWS_NOT)


def demo(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A table of the demo business; by default the sample."),
    ] = None,
    *,
    out: options.OutFile = None,
) -> None:
    """Do the whole job on a sample table, against a sandbox."""
    toggles = kf.read_toggles(source or sample_path())
    with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        echo(f"Sandbox at {sandbox.url}")
        plan = kf.plan(toggles).with_names(kf.stores(client))
        typer.echo(f"{plan.overview.headline}.\n{plan}")
        result = kf.run(plan, client, journal=":memory:")
    if sys.stdout.isatty():
        screens.print_overview(result.overview)
    else:
        typer.echo(result.account)
        typer.echo(result.frame[_SHOWN].head(10).to_string(index=False))
    if out is not None:
        outputs.write(result.frame, out=out)
    echo("Now on your own, in two terminals:\n  klikit-frames sandbox\n  klikit-frames check FILE")
    raise typer.Exit(exit_codes.of_result(result))


def sandbox(
    *,
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    store: Annotated[str, typer.Option(help="Keep the business in this SQLite file.")] = ":memory:",
    scale: Annotated[str, typer.Option(help="`demo` or `large`.")] = "demo",
    seed: Annotated[int, typer.Option(help="The demo business is the same for equal seeds.")] = 7,
    faults: Annotated[str | None, typer.Option(help="Trouble to make, such as `error_503:count=3`.")] = None,
    switch: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A switch of the API's open points; repeatable."),
    ] = None,
) -> None:
    """Serve the Partner API on this machine until Ctrl-C."""
    switches = dict(_split_switch(text) for text in switch or [])
    with _serve(seed=seed, scale=scale, port=port, store_path=store, faults=faults, **switches) as running:
        typer.echo(f"export KLIKIT_BASE_URL={running.url}")
        typer.echo(f"export KLIKIT_PARTNER_KEY={running.partner_key}")
        typer.echo(f"export KLIKIT_SECRET_KEY={running.secret_key}")
        echo(f"Watch it at {running.page_url}/ and stop it with Ctrl-C.")
        _wait_for_ctrl_c()


def _serve(**options: Any) -> kf.sandbox.Sandbox:
    try:
        return kf.sandbox.serve(**options)
    except (TypeError, ValueError, OSError) as error:
        raise exit_with(ExitCode.USAGE, str(error)) from None


def sample_path() -> Path:
    """Return the sample table: beside the package in a clone, inside it once installed."""
    package = Path(kf.__file__).parent
    paths = [
        folder / "toggles.csv"
        for folder in (package / "sample_data", package.parent / "sample_data")
        if (folder / "toggles.csv").is_file()
    ]
    if not paths:
        raise exit_with(ExitCode.USAGE, "The sample table is not installed; name a table of your own.")
    return paths[0]


def _split_switch(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise exit_with(ExitCode.USAGE, f"--switch takes NAME=VALUE, not {text!r}.")
    return name, _read_switch_value(value)


def _read_switch_value(text: str) -> object:
    if text.lower() == "none":
        return None
    for number in (int, float):
        with contextlib.suppress(ValueError):
            return number(text)
    return text


def _wait_for_ctrl_c() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        echo("Stopped.")


_EXIT_CODES = "\n".join(
    textwrap.fill(text, 76, initial_indent=f"{ending.value:>4}  ", subsequent_indent=" " * 6)
    for ending, text in exit_codes.MEANINGS.items()
)


def print_version(is_wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    """Print the version and end, if it is asked for."""
    if is_wanted:
        typer.echo(f"klikit-frames {__version__}")
        raise typer.Exit


# The commands that send nothing, whatever happens.
READING = (
    *(
        "check",
        "plan",
        "status",
        "runs",
        "doctor",
        "profiles",
        "stores",
        "state",
        "template",
        "diff",
        "effect",
    ),
    *("drift", "align", "schedule", "agenda", "verify", "audit", "approve", "report"),
)
# Those of them that change what is promised.
_NOTING = ("schedule", "agenda")
_READ_ONLY = "Interrupted: this command sends nothing, so nothing has changed."
_MAY_HAVE_NOTED = (
    "Interrupted: this command sends nothing. What it noted before, if anything, stands: "
    "klikit-frames agenda lists it."
)
_MAY_HAVE_SENT = (
    "Interrupted: nothing more is sent. What was sent before, if anything, is in the journal: "
    "klikit-frames runs lists it."
)


def _last_words(command: str) -> str:
    if command in _NOTING:
        return _MAY_HAVE_NOTED
    return _READ_ONLY if command in READING else _MAY_HAVE_SENT


def _named(context: Any) -> str:
    """Return the words of the command that is run, without the program's own."""
    # The program's own may be several words: python -m klikit_frames.
    words = str(context.command_path).removeprefix(str(context.find_root().command_path))
    return " ".join([*words.split(), context.invoked_subcommand or ""]).strip()


class _Commands(TyperGroup):
    """The commands; after Ctrl-C each says what is left behind, where typer would end in silence."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            echo(_last_words(_named(ctx)))
            raise
        except Exception as error:
            # What typer finds wrong with the words of a command; it would print it in one line, however long.
            tell = getattr(error, "format_message", None)
            if tell is None:
                raise
            context = getattr(error, "ctx", None) or ctx
            echo(f"{context.get_usage()}\n{tell()}\nFor all options: {context.command_path} --help")
            raise typer.Exit(exit_codes.ExitCode.USAGE) from None


# Rich tracebacks would print local variables, and with them a secret.
app = typer.Typer(
    name="klikit-frames",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=f"\b\nExit codes:\n{_EXIT_CODES}",
    help="Takes a table of on/off changes for a restaurant menu and makes them true.",
)


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take what stands before the command."""


for _command, _examples in (
    (demo, ["demo", "demo --out result.csv"]),
    (sandbox, ["sandbox", "sandbox --port 8000 --store business.sqlite3"]),
    (read_commands.check, ["check changes.csv", "check changes.xlsx --annotated mend.csv"]),
    (read_commands.plan, ["plan changes.csv", "plan changes.csv --live --out monday.plan.json"]),
    (send_commands.apply, ["apply changes.csv", "apply monday.plan.json --yes --out result.csv"]),
    (send_commands.resume, ["resume last", "resume 3f9c2a10 --writes-per-minute 60"]),
    (read_commands.status, ["status last", "status 3f9c2a10 --out result.xlsx"]),
    (read_commands.runs, ["runs", "runs --json"]),
    (send_commands.publish, ["publish --run last", "publish --store 5297/1293 --store 5297/1294"]),
    (doctor, ["doctor", "doctor --profile depok --json"]),
    (profiles, ["profiles", "profiles --json"]),
    (read_commands.stores, ["stores", "stores --out stores.csv"]),
    (read_commands.state, ["state", "state --all-stores --out monday.csv"]),
    (read_commands.template, ["template changes.xlsx"]),
    (read_commands.diff, ["diff changes.csv", "diff changes.csv --state monday.csv"]),
    (read_commands.effect, ["effect changes.csv", "effect monday.plan.json --state monday.csv"]),
    (read_commands.drift, ["drift monday.csv", "drift monday.csv tuesday.csv"]),
    (read_commands.align, ["align --like 5297/1293 --store 5297/1294 --out align.csv"]),
    (
        upkeep_commands.schedule,
        ["schedule lunch.csv --timezone Asia/Jakarta", "schedule lunch.csv --publish"],
    ),
    (upkeep_commands.tick, ["tick", "tick --follow"]),
    (upkeep_commands.agenda, ["agenda", "agenda --overdue --json", "agenda --cancel 3f9c2a10"]),
    (read_commands.verify, ["verify last", "verify 3f9c2a10 --out proof.csv"]),
    (upkeep_commands.audit, ["audit wanted/", "audit wanted/ --exit-code --report drift.html"]),
    (
        upkeep_commands.reconcile,
        ["reconcile wanted/", "reconcile wanted/ --max-changes 20% --yes --publish --report night.html"],
    ),
    (upkeep_commands.approve, ["approve monday.plan.json --by Siti"]),
    (send_commands.undo, ["undo last", "undo 3f9c2a10 --save back.plan.json"]),
    (
        read_commands.report,
        ["report last --out report.html", "report last --verify --file changes.csv --out report.html"],
    ),
):
    _lines = "\n".join(f"  klikit-frames {example}" for example in _examples)
    app.command(epilog=f"\b\nExamples:\n{_lines}")(expand_groups(_command))


fleet = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Many businesses at once. Each has its profile, its credential, its caps and its journal.",
)
for _fleet_command, _examples in (
    (fleet_commands.apply, ["apply changes.csv --jobs 8", "apply monday/ --yes --out result.csv"]),
    (fleet_commands.audit, ["audit wanted/ --exit-code", "audit wanted.csv --json"]),
    (fleet_commands.tick, ["tick", "tick --journal-folder journals"]),
    (fleet_commands.status, ["status", "status --journal-folder journals --json"]),
):
    _lines = "\n".join(f"  klikit-frames fleet {example}" for example in _examples)
    fleet.command(epilog=f"\b\nExamples:\n{_lines}")(expand_groups(_fleet_command))
app.add_typer(fleet, name="fleet")


def main() -> None:
    """Run the command line; known errors end it with one message and their exit code."""
    accept_any_letter()
    try:
        with echoed_warnings():
            app()
    except Exception as error:
        exit_code = exit_codes.of_error(error)
        if exit_code is None:
            raise
        if isinstance(error, InvalidToggles) and sys.stderr.isatty():
            screens.print_problems(error.problems, to_stderr=True)
            echo("\nNothing was sent.")
        else:
            echo(exit_codes.describe(error))
        sys.exit(exit_code)
