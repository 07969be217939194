"""The commands on the place that runs are made from: doctor, profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

import klikit_frames as kf
from klikit_frames.cli import screens
from klikit_frames.cli.exit_codes import ExitCode
from klikit_frames.cli.option_groups import ConnectionOptions, OutputOptions
from klikit_frames.cli.outputs import echo
from klikit_frames.wording import counted

if TYPE_CHECKING:
    import pandas as pd


def doctor(*, connection: ConnectionOptions, output: OutputOptions) -> None:
    """Say whether this place is fit for runs, and what to do. Exit 1 on a problem."""
    _report(_examine(connection), output, what="check")


def profiles(*, output: OutputOptions) -> None:
    """List your profiles and their hosts, and test each with a read. Exit 1 if one does not work."""
    from klikit_frames.api.profiles import profile_names

    _report(_tried_profiles(profile_names()), output, what="profile")


def _examine(connection: ConnectionOptions) -> pd.DataFrame:
    """Return what the doctor finds; without credentials, of this machine alone, and that they are missing."""
    try:
        with connection.connect() as client:
            return kf.doctor(client)
    except kf.ConfigError as error:
        found = kf.doctor()
        found.loc[len(found)] = ["credentials", "problem", str(error), "Set them, or name a --profile."]
        return found


def _tried_profiles(names: list[str]) -> pd.DataFrame:
    import pandas as pd

    rows = [(name, *_try_profile(name)) for name in names]
    return pd.DataFrame(rows, columns=["profile", "host", "status", "found"], dtype="str")


def _try_profile(name: str) -> tuple[str, str, str]:
    """Return the host of a profile, whether it works, and what a read of its stores shows."""
    host = ""
    try:
        with kf.connect(profile=name, read_only=True) as client:
            host = client.host
            return host, "ok", counted(len(kf.stores(client)), "store")
    except kf.KlikitFramesError as error:
        return host, "problem", str(error)


def _report(found: pd.DataFrame, output: OutputOptions, *, what: str) -> None:
    """Write what was found: a line each for a person, data else; a problem is exit 1."""
    is_problem = found["status"] == "problem"
    if output.is_screen:
        screens.print_findings(found)
    else:
        output.write(found)
    echo(f"{counted(len(found), what)}: {counted(int(is_problem.sum()), 'problem')}.")
    if is_problem.any():
        raise typer.Exit(ExitCode.SOME_ROWS_NOT)
