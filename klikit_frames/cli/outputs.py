"""Data on stdout, messages on stderr."""

from __future__ import annotations

import io
import logging
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import klikit_frames as kf
from klikit_frames.cli import formats, screens
from klikit_frames.cli.exit_codes import ExitCode
from klikit_frames.cli.terminal_words import to_terminal
from klikit_frames.errors import KlikitFramesError
from klikit_frames.terminal_text import visible_text
from klikit_frames.wording import counted

if TYPE_CHECKING:
    import pandas as pd

AsJson = Annotated[bool, typer.Option("--json", help="Print the data as one JSON array.")]
AsJsonLines = Annotated[bool, typer.Option("--jsonl", help="Print the data as one JSON object a line.")]


# Columns that hold sentences of the library; a message beside a hint is one too, else it is the API's.
_SENTENCES = ("hint", "advice", "proof_note")


def accept_any_letter() -> None:
    """Print a letter that the terminal's encoding lacks as an escape, instead of breaking off."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def echo(text: str) -> None:
    """Print a message on stderr, between words on a terminal; nothing in it can move or colour one."""
    said = visible_text(to_terminal(text), multiline=True)
    if sys.stderr.isatty():
        screens.print_text(said, to_stderr=True)
    else:
        typer.echo(said, err=True)


def echo_next(why: str, command: str) -> None:
    """Print what a person may want next, and the command for it, which no new line breaks."""
    line = f"{why}: klikit-frames {command}"
    if sys.stderr.isatty() and len(line) > screens.width():
        line = f"{why}:\n  klikit-frames {command}"
    typer.echo(visible_text(line, multiline=True), err=True)


class EchoingHandler(logging.Handler):
    """Prints what the library logs as warnings like any other message."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one; where stderr takes nothing, because its disk is full, the run goes on."""
        try:
            echo(record.getMessage())
        except Exception:  # noqa: BLE001 - as the handlers of the standard library do
            self.handleError(record)


@contextmanager
def echoed_warnings() -> Iterator[None]:
    """Print what the library logs as warnings, once each, until the end of the block."""
    logger, handler = logging.getLogger("klikit_frames"), EchoingHandler(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def is_screen(*, json: bool, jsonl: bool, out: Path | None) -> bool:
    """Tell whether a person looks at what goes to stdout."""
    return not (json or jsonl or out) and sys.stdout.isatty()


def exit_with(ending: ExitCode, text: str) -> typer.Exit:
    """Say why the command ends, and return the exception that ends it."""
    echo(text)
    return typer.Exit(ending)


def write(
    frame: pd.DataFrame, *, json: bool = False, jsonl: bool = False, out: Path | None = None, again: str = ""
) -> None:
    """Write `frame` to a file, or print it: a table on a terminal, CSV in a pipe, JSON if asked.

    Where that breaks off, `again` is the command that tells the same once more.
    """
    frame = _in_terminal_words(frame)
    with writing(out, again=again):
        if out is not None:
            formats.write_frame(frame, out)
            echo(f"{counted(len(frame), 'row')} written to {out}")
        elif json or jsonl:
            typer.echo(formats.to_json(frame, lines=jsonl), nl=not jsonl)
        elif sys.stdout.isatty():
            screens.print_frame(frame)
        else:
            typer.echo(formats.to_csv(frame), nl=False)


def _in_terminal_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the library's sentences said for a terminal."""
    names = [name for name in _SENTENCES if name in frame.columns]
    names += ["message"] if "hint" in names and "message" in frame.columns else []
    return frame.assign(**{name: frame[name].map(_say, na_action="ignore") for name in names})


def _say(sentence: object) -> object:
    return to_terminal(sentence) if isinstance(sentence, str) else sentence


@contextmanager
def writing(out: Path | None, *, again: str = "") -> Iterator[None]:
    """End the command with an exit code of its own if what is done inside cannot be written or printed."""
    try:
        yield
    except (KlikitFramesError, BrokenPipeError):
        # The one says itself what to do; the other is a reader, such as head, that has had enough.
        raise
    except Exception as error:
        what = "The data could not be printed" if out is None else f"{out} could not be written"
        how = f" To have it again: {again}" if again else ""
        raise exit_with(ExitCode.NOT_WRITTEN, f"{what}: {str(error).rstrip('.')}.{how}") from error


def save_plan(made: kf.Plan, path: Path) -> None:
    """Save a plan; a disk that takes no more is no fault of the plan."""
    try:
        made.save(path)
    except kf.PlanError as error:
        raise exit_with(ExitCode.NOT_WRITTEN, str(error)) from error


def count_values(column: pd.Series[Any]) -> str:
    """Return how many rows there are of each value, in one sentence."""
    return ", ".join(f"{count:,} {name}" for name, count in column.value_counts().items()) + "."


def quote(path: str | Path) -> str:
    """Return a path as a shell takes it."""
    return shlex.quote(str(path))


def journal_option(journal: Path | None) -> str:
    """Return the words that name a journal in a command, if it is not the person's own."""
    return "" if journal is None else f" --journal {quote(journal)}"
