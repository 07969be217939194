"""Options that come together are written once, and reach the command as one value."""

from __future__ import annotations

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from klikit_frames.cli.option_groups import ConsentOptions, OutputOptions, WriteOptions, expand_groups


def test_expand_groups__hands_each_group_over_as_one_value() -> None:
    """What stands on the command line comes as the fields of its group, what does not as their defaults."""
    seen: list[object] = []

    def send(
        name: Annotated[str, typer.Argument()], *, agreed: ConsentOptions, connection: WriteOptions
    ) -> None:
        seen.extend([name, agreed, connection])

    app = typer.Typer()
    app.command()(expand_groups(send))
    done = CliRunner().invoke(app, ["changes.csv", "-y", "--writes-per-minute", "60", "--profile", "depok"])
    assert done.exit_code == 0, done.output
    assert seen == [
        "changes.csv",
        ConsentOptions(yes=True),
        WriteOptions(writes_per_minute=60, profile="depok"),
    ]


@pytest.mark.parametrize("words", [["--writes-per-minute", "0"], ["--json", "yes"], ["--name"]])
def test_expand_groups__keeps_what_each_option_takes(words: list[str]) -> None:
    """An option in a group is as strict as one by itself."""

    def send(*, connection: WriteOptions, output: OutputOptions) -> None:
        raise AssertionError((connection, output))

    app = typer.Typer()
    app.command()(expand_groups(send))
    assert CliRunner().invoke(app, words).exit_code == 2
