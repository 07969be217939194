"""The commands on the place that runs are made from, and on the sandbox: doctor, profiles, demo, sandbox."""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import klikit_frames as kf

from ..wording import counted
from . import exit_codes, options, outputs, screens
from .exit_codes import ExitCode
from .options import ConnectionOptions, OutputOptions
from .outputs import echo, exit_with

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


def _report(found: pd.DataFrame, output: OutputOptions, *, what: str) -> None:
    """Write what was found: a line each for a person, else data. A problem exits with 1."""
    is_problem = found["status"] == "problem"
    if output.is_screen:
        screens.print_findings(found)
    else:
        output.write(found)
    echo(f"{counted(len(found), what)}: {counted(int(is_problem.sum()), 'problem')}.")
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
