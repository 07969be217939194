"""Exit codes: of every error and of every result."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from .. import errors
from ..wording import visible_text

if TYPE_CHECKING:
    from ..running.results import Result


class ExitCode(IntEnum):
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
    ExitCode.DONE: "all rows are applied or unchanged",
    ExitCode.SOME_ROWS_NOT: "some rows are not",
    ExitCode.USAGE: "wrong usage, a file that is not there or of no use, more changes than `--max-changes`, "
    "or not confirmed; nothing was sent",
    ExitCode.PROBLEMS: "the input has problems; nothing was sent",
    ExitCode.CONFIGURATION: "configuration or credentials; nothing more was sent",
    ExitCode.SERVICE: "the service cannot be reached, or refuses",
    ExitCode.STALE_PLAN: "the plan is stale, edited or for another host; nothing was sent",
    ExitCode.NOT_WRITTEN: "the data were not written; what was sent is in the journal, and `status` shows it",
    ExitCode.CHANGES: "`plan --exit-code` found changes to make, `audit --exit-code` drift; `agenda` found "
    "promises overdue",
    ExitCode.INTERRUPTED: "interrupted; the line that resumes it, or lists what was sent, was printed",
}

# The first class that fits decides, so a subclass stands before its parent.
_OF_ERRORS: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (errors.InvalidToggles, ExitCode.PROBLEMS),
    (errors.ConfigError, ExitCode.CONFIGURATION),
    (errors.AuthError, ExitCode.CONFIGURATION),
    (errors.JournalError, ExitCode.CONFIGURATION),
    (errors.TooManyChanges, ExitCode.USAGE),
    (errors.PlanError, ExitCode.STALE_PLAN),
    (errors.RequestError, ExitCode.SERVICE),
    (errors.StateError, ExitCode.USAGE),
    (errors.FileError, ExitCode.USAGE),
    (errors.KlikitFramesError, ExitCode.PROBLEMS),
    (OSError, ExitCode.USAGE),
)
_REFUSALS = {401, 403}
# The extra that brings a module which is not installed.
_EXTRAS = {
    "starlette": "sandbox",
    "uvicorn": "sandbox",
    "python_calamine": "excel",
    "xlsxwriter": "excel",
    "pyarrow": "parquet",
    "matplotlib": "plots",
    "highspy": "optimal",
    "keyring": "keyring",
}


def of_error(error: BaseException) -> ExitCode | None:
    """Return the exit code of an error, or None for an unexpected one."""
    if missing_extra(error) is not None:
        return ExitCode.CONFIGURATION
    return next((ending for kind, ending in _OF_ERRORS if isinstance(error, kind)), None)


def missing_extra(error: BaseException) -> str | None:
    """Return the extra that brings the module which could not be imported, if that is the error."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    return _EXTRAS.get(error.name.partition(".")[0])


def describe(error: BaseException) -> str:
    """Return the message of an error; of a system error only file and reason, without its number."""
    if (extra := missing_extra(error)) is not None:
        return f"This needs the extra [{extra}]: pip install 'klikit-frames[{extra}]'"
    if isinstance(error, errors.ApiError):
        return _describe_answer(error)
    if isinstance(error, OSError) and not isinstance(error, errors.KlikitFramesError) and error.filename:
        return f"{visible_text(str(error.filename))}: {error.strerror}."
    return str(error)


def _describe_answer(error: errors.ApiError) -> str:
    """Return what the API said, its code behind it, and the id for klikit's support on a line of its own."""
    message, request_id = (visible_text(text or "") for text in (error.message, error.request_id))
    said = f"{message.rstrip('.')}. The API's answer: {error.http_status} {error.code}."
    support = f"\nFor klikit's support: request_id {request_id}" if request_id else ""
    return f"{said[:1].upper()}{said[1:]}{support}"


def of_result(result: Result) -> ExitCode:
    """Return the exit code of a run: whether all rows hold, and if none does, who is at fault."""
    if result.is_interrupted:
        return ExitCode.INTERRUPTED
    counts = result.counts
    if result.status == "running" or result.n_unpublished:
        return ExitCode.SOME_ROWS_NOT
    n_good = counts["applied"] + counts["unchanged"]
    if result.failed.empty:
        return ExitCode.DONE
    if n_good or counts["rejected"]:
        return ExitCode.SOME_ROWS_NOT
    return _of_a_run_without_success(result)


def _of_a_run_without_success(result: Result) -> ExitCode:
    statuses = set(result.frame["http_status"].dropna())
    if statuses & _REFUSALS:
        return ExitCode.CONFIGURATION
    no_answer_about_a_row = not statuses or min(statuses) >= 500
    return ExitCode.SERVICE if no_answer_about_a_row else ExitCode.SOME_ROWS_NOT
