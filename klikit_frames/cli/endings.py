"""How a command ends: the exit code of every error and of every result."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from klikit_frames import errors

if TYPE_CHECKING:
    from klikit_frames.running.results import Result


class Ending(IntEnum):
    """The exit codes, as ``--help`` lists them."""

    DONE = 0
    SOME_ROWS_NOT = 1
    USAGE = 2
    PROBLEMS = 3
    CONFIGURATION = 4
    SERVICE = 5
    STALE_PLAN = 6
    NOT_WRITTEN = 7
    CHANGES = 10
    INTERRUPTED = 130


MEANINGS = {
    Ending.DONE: "all rows are applied or unchanged",
    Ending.SOME_ROWS_NOT: "some rows are not",
    Ending.USAGE: "wrong usage, a file that is not there or of no use, or not confirmed; nothing was sent",
    Ending.PROBLEMS: "the input has problems; nothing was sent",
    Ending.CONFIGURATION: "configuration or credentials; nothing more was sent",
    Ending.SERVICE: "the service cannot be reached, or refuses",
    Ending.STALE_PLAN: "the plan is stale, edited or for another host; nothing was sent",
    Ending.NOT_WRITTEN: "the result was not written; what was sent is in the journal, and `status` tells it",
    Ending.CHANGES: "`plan --exit-code` found changes to make",
    Ending.INTERRUPTED: "interrupted; the line that resumes it was printed",
}

# The first class that fits decides, so a subclass stands before its parent.
_OF_ERRORS: tuple[tuple[type[BaseException], Ending], ...] = (
    (errors.InvalidToggles, Ending.PROBLEMS),
    (errors.ConfigError, Ending.CONFIGURATION),
    (errors.AuthError, Ending.CONFIGURATION),
    (errors.JournalError, Ending.CONFIGURATION),
    (errors.PlanError, Ending.STALE_PLAN),
    (errors.RequestError, Ending.SERVICE),
    (errors.StateError, Ending.USAGE),
    (errors.KlikitFramesError, Ending.PROBLEMS),
    (OSError, Ending.USAGE),
    (KeyboardInterrupt, Ending.INTERRUPTED),
)
_REFUSALS = {401, 403}


def of_error(error: BaseException) -> Ending | None:
    """Return the exit code of an error, or None for one that nobody foresaw."""
    return next((ending for kind, ending in _OF_ERRORS if isinstance(error, kind)), None)


def describe(error: BaseException) -> str:
    """Return what to say of an error: of the system's own, the file and the reason without a number."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return str(error)


def of_result(result: Result) -> Ending:
    """Return the exit code of a run: whether all rows hold, and if none does, who is at fault."""
    if result.is_interrupted:
        return Ending.INTERRUPTED
    counts = result.counts
    if result.status == "running":
        return Ending.SOME_ROWS_NOT
    n_good = counts["applied"] + counts["unchanged"]
    if n_good == sum(counts.values()):
        return Ending.DONE
    if n_good or counts["rejected"]:
        return Ending.SOME_ROWS_NOT
    return _of_a_run_without_success(result)


def _of_a_run_without_success(result: Result) -> Ending:
    statuses = set(result.frame["http_status"].dropna())
    if statuses & _REFUSALS:
        return Ending.CONFIGURATION
    no_answer_about_a_row = not statuses or min(statuses) >= 500
    return Ending.SERVICE if no_answer_about_a_row else Ending.SOME_ROWS_NOT
