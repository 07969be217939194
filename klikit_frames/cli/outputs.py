"""Data on stdout, messages on stderr: frames as text or as files, and how a run ended."""

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

from .. import edge
from ..errors import FileError, KlikitFramesError
from ..wording import SHORT_ID, count_each, counted, outcome_words, visible_text
from . import exit_codes, screens
from .exit_codes import ExitCode
from .terminal_words import to_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from .options import ConnectionOptions, OutputOptions

# What a format needs beyond the package itself: the module, and the extra that brings it.
EXTRAS = {".xlsx": ("xlsxwriter", "excel"), ".parquet": ("pyarrow", "parquet")}
AsJson = Annotated[bool, typer.Option("--json", help="Print the data as one JSON array.")]
AsJsonLines = Annotated[bool, typer.Option("--jsonl", help="Print the data as one JSON object a line.")]
# Columns that hold sentences of the library. So does `message` where there is a `hint`; else it is the API's.
_SENTENCES = ("hint", "advice", "found", "note", "proof_note")


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` to `path` in the format that its suffix names."""
    _WRITERS[path.suffix.lower()](frame, path)


def to_json(frame: pd.DataFrame, *, lines: bool) -> str:
    """Return `frame` as JSON records, times in ISO 8601."""
    return frame.to_json(orient="records", date_format="iso", date_unit="us", lines=lines)


def to_csv(frame: pd.DataFrame, *, separator: str = ",") -> str:
    """Return `frame` as CSV, formulas made harmless."""
    from ..running.results import csv_text

    return csv_text(frame, separator=separator)


def _write_excel(frame: pd.DataFrame, path: Path) -> None:
    from ..running.results import write_excel

    write_excel(frame, path)


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    # A Parquet column has one type; an analyst's own may hold numbers beside words.
    mixed = {name: _as_text(column) for name, column in frame.items() if _is_mixed(column)}
    edge.write_file(path, frame.assign(**mixed).to_parquet(index=False))  # type: ignore[arg-type]


def _is_mixed(column: pd.Series[Any]) -> bool:
    return column.dtype == object and column.dropna().map(type).nunique() > 1


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.map(str, na_action="ignore").astype("string")


def _write(text: Callable[..., str], **options: Any) -> Callable[[pd.DataFrame, Path], object]:
    return lambda frame, path: edge.write_file(path, text(frame, **options))


_WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    ".csv": _write(to_csv),
    ".tsv": _write(to_csv, separator="\t"),
    ".xlsx": _write_excel,
    ".parquet": _write_parquet,
    ".json": _write(to_json, lines=False),
    ".jsonl": _write(to_json, lines=True),
}
SUFFIXES = tuple(_WRITERS)


def accept_any_letter() -> None:
    """Print a letter that the terminal's encoding lacks as an escape, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def echo(text: str) -> None:
    """Print a message on stderr, wrapped between words on a terminal, which nothing in it can control."""
    said = visible_text(to_terminal(text), multiline=True)
    if sys.stderr.isatty():
        screens.print_text(said, to_stderr=True)
    else:
        typer.echo(said, err=True)


def echo_next(why: str, command: str) -> None:
    """Print what a person may want next, and the command for it, which is never wrapped."""
    line = f"{why}: klikit-frames {command}"
    if sys.stderr.isatty() and len(line) > screens.width():
        line = f"{why}:\n  klikit-frames {command}"
    typer.echo(visible_text(line, multiline=True), err=True)


class EchoingHandler(logging.Handler):
    """Prints what the library logs as warnings like any other message."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record; where stderr cannot take it, because its disk is full, the run goes on."""
        try:
            echo(record.getMessage())
        except Exception:  # noqa: BLE001 - as the handlers of the standard library do
            self.handleError(record)


@contextmanager
def echoed_warnings() -> Iterator[None]:
    """Print what the library logs as warnings, once each, until the end of the block."""
    logger, handler = logging.getLogger("klikit_frames"), EchoingHandler(logging.WARNING)
    # How a run ended is a screen of its own.
    handler.addFilter(lambda record: record.name != "klikit_frames.endings")
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

    If that fails, `again` is the command that shows the same again.
    """
    frame = _in_terminal_words(frame)
    with writing(out, again=again):
        if out is not None:
            write_frame(frame, out)
            echo(f"{counted(len(frame), 'row')} written to {out}")
        elif json or jsonl:
            typer.echo(to_json(frame, lines=jsonl), nl=not jsonl)
        elif sys.stdout.isatty():
            screens.print_frame(frame)
        else:
            typer.echo(to_csv(frame), nl=False)


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
    except BrokenPipeError:
        # A reader, such as head, has had enough.
        raise
    except Exception as error:
        if isinstance(error, KlikitFramesError) and not isinstance(error, FileError):
            # It says itself what to do.
            raise
        what = "The data could not be printed" if out is None else f"{out} could not be written"
        how = f" To have it again: {again}" if again else ""
        why = getattr(error, "strerror", None) or str(error)
        raise exit_with(ExitCode.NOT_WRITTEN, f"{what}: {why.rstrip('.')}.{how}") from error


def save_plan(made: kf.Plan, path: Path) -> None:
    """Save a plan; a full disk is not reported as a fault of the plan."""
    try:
        made.save(path)
    except kf.PlanError as error:
        raise exit_with(ExitCode.NOT_WRITTEN, str(error)) from error


def count_values(column: pd.Series[Any]) -> str:
    """Return how many rows there are of each value, in one sentence."""
    counts = count_each(column.astype("object").fillna("not known"))
    return ", ".join(f"{n:,} {outcome_words(str(name), n=n)}" for name, n in counts.items()) + "."


def quote(path: str | Path) -> str:
    """Return a path as a shell takes it."""
    return shlex.quote(str(path))


def journal_option(journal: Path | None) -> str:
    """Return the words that name a journal in a command, if it is not the person's own."""
    return "" if journal is None else f" --journal {quote(journal)}"


def finish(
    result: kf.Result,
    output: OutputOptions,
    *,
    journal: Path | None,
    connection: ConnectionOptions | None = None,
    is_brief: bool = False,
) -> None:
    """Show how the run ended, print its rows, and end with the exit code."""
    # The rows come last: a full disk may cost them, but not the counts and the next commands.
    name = f"{result.run_id[:SHORT_ID]}{journal_option(journal)}"
    again = f"klikit-frames status {name} --out FILE"
    words = connection.words if connection else ""
    name += words
    if output.is_screen:
        screens.print_overview(result.overview, is_brief=is_brief)
        show_next(result, name, words=words)
    else:
        echo(f"{result.overview.headline}.\n{result.account}")
        show_next(result, name, words=words)
        output.write(result.frame, again=again)
    raise typer.Exit(exit_codes.of_result(result))


def _is_published(result: kf.Result) -> bool:
    from ..running.publishes import is_published_since

    return is_published_since(result.run_id, journal=result.journal)


def show_next(result: kf.Result, name: str, *, words: str = "") -> None:
    """Print the commands that a person needs after a run, one a line."""
    if result.status == "running":
        echo_next("To look again", f"status {name}")
        return
    if result.resume_hint:
        echo(f"To go on:\nklikit-frames resume {name}")
    elif len(result.failed):
        where = journal_option(None if result.journal is None else Path(result.journal))
        echo_next("The rows, to mend them", f"status {result.run_id[:SHORT_ID]}{where} --out FILE.csv")
    if result.counts["applied"]:
        is_of_store = result.frame["scope"].eq("store") & result.frame["outcome"].eq("applied")
        if "published" not in result.frame.columns and not (is_of_store.any() and _is_published(result)):
            # A business-wide write reaches guests with each store's own publish.
            which = f"--run {name}" if is_of_store.any() else f"--all-stores{words}"
            echo_next("To show it to guests", f"publish {which}")
        echo_next("To prove it", f"verify {name}")
        echo_next("To take it back", f"undo {name}")
