"""The exceptions: one tree, each also the builtin that a reader would guess."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from .wording import visible_text

if TYPE_CHECKING:
    import pandas as pd


class KlikitFramesError(Exception):
    """Root of every exception that this package raises on purpose.

    Its text holds nothing that a terminal would obey or hide, whatever titles, files and answers it quotes;
    ``args`` has them as they came.
    """

    def __str__(self) -> str:
        return visible_text(self._text(), multiline=True)

    def _text(self) -> str:
        # Frames and results follow the message in some.
        return super().__str__() if len(self.args) < 2 else str(self.args[0])


class ConfigError(KlikitFramesError, ValueError):
    """A setting or a credential is missing, malformed or not allowed; nothing was sent."""


class InvalidToggles(KlikitFramesError, ValueError):
    """A table of toggles has bad rows; nothing was sent.

    Attributes
    ----------
    problems : pandas.DataFrame
        One row per problem: ``row, line, column, value, code, message, hint, severity``.
    """

    def __init__(self, message: str, problems: pd.DataFrame) -> None:
        super().__init__(message, problems)
        self.problems = problems


class StateError(KlikitFramesError, ValueError):
    """A frame or a snapshot that should hold a state does not."""


class PlanError(KlikitFramesError, ValueError):
    """A plan cannot be made, loaded, trusted or confirmed; nothing was sent."""


class TooManyChanges(PlanError):
    """More rows differ from a wanted table than `reconcile` may change; nothing was sent.

    Attributes
    ----------
    counts : pandas.DataFrame
        One row per place, the most changes first: ``brand_id, branch_id`` (Int64; missing business-wide) and
        ``n_changes``.
    """

    def __init__(self, message: str, counts: pd.DataFrame) -> None:
        super().__init__(message, counts)
        self.counts = counts


class JournalError(KlikitFramesError, OSError):
    """The journal cannot be read, written or locked; nothing further was sent."""


class FileError(KlikitFramesError, OSError):
    """A file that was named cannot be read or written; one that is not there is a FileNotFoundError as well.

    Attributes
    ----------
    errno : int or None
        The system's number of the reason.
    strerror : str
        The reason and the cure.
    filename : str
        The file.
    """

    def _text(self) -> str:
        # The system's number is for programs.
        return str(self.args[0])

    def __reduce__(self) -> tuple[object, ...]:
        kept = {"errno": self.errno, "strerror": self.strerror, "filename": self.filename}
        return type(self), self.args, kept


class MissingFileError(FileError, FileNotFoundError):
    """A file that was named to be read is not there, or the folder of one that was to be written."""


class RunFailed(KlikitFramesError, RuntimeError):
    """Some rows did not end as ``applied`` or ``unchanged``; raised only when asked for.

    Attributes
    ----------
    result : Result
        The whole result, good rows included.
    """

    def __init__(self, message: str, result: object) -> None:
        super().__init__(message, result)
        self.result = result


class RequestError(KlikitFramesError, RuntimeError):
    """A request did not get the answer it needed."""


class TransportError(RequestError, ConnectionError):
    """No usable answer came: the connection failed, broke or timed out."""


class ApiError(RequestError):
    """The API answered with an error.

    Attributes
    ----------
    http_status : int
        Status of the answer.
    code : str
        The API's code, in the one lower-case spelling of this package.
    message : str
        The API's own words.
    request_id : str or None
        The id to quote to klikit's support; None if the answer had none.
    """

    def __init__(
        self, message: str, *, http_status: int = 0, code: str = "", request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.http_status = http_status
        self.code = code
        self.request_id = request_id

    def _text(self) -> str:
        said = f"{self.http_status} {self.code}: {self.message}"
        # A line of an answer is no line of this package.
        return visible_text(f"{said} (request_id {self.request_id})" if self.request_id else said)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message,), self.__dict__


class AuthError(ApiError, PermissionError):
    """The credential is missing, wrong, revoked, or lacks the scope (401, 403)."""


class NotFoundError(ApiError, LookupError):
    """An id or a store is not of this business (404)."""


class IdempotencyConflict(ApiError):
    """A key was used for another body (409); this is a bug on the sender's side and never retried."""


class RateLimited(ApiError, TimeoutError):
    """The rate cap was hit and waiting for it was not possible (429)."""


class ServerError(ApiError):
    """The API failed on its own side (5xx) and went on failing."""


def as_file_error(error: OSError, path: str | PathLike[str], *, is_written: bool) -> FileError:
    """Return the system's error about a file in words, with the cure.

    Examples
    --------
    >>> from klikit_frames.errors import as_file_error
    >>> as_file_error(FileNotFoundError(2, "No such file or directory"), "june.csv", is_written=False)
    MissingFileError('june.csv could not be read: there is no such file; look at its name and folder.')
    """
    why = _why_not_written(error, Path(path)) if is_written else _why_not_read(error)
    kind = MissingFileError if isinstance(error, FileNotFoundError) else FileError
    file_error = kind(f"{path} could not be {'written' if is_written else 'read'}: {why}.")
    file_error.errno, file_error.strerror, file_error.filename = error.errno, why, str(path)
    return file_error


_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL = (errno.ENOSPC, errno.EDQUOT)


def _why_not_read(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "there is no such file; look at its name and folder"
    if error.errno == errno.EISDIR:
        return "it is a folder; name a file in it"
    if error.errno == errno.ENODEV:
        return "it is a device; name a file"
    if error.errno == errno.ENOTDIR:
        return "what should be its folder is a file; look at its name"
    if error.errno in _NOT_ALLOWED:
        return "you are not allowed to; ask whoever owns it"
    return f"{_reason(error)}; try again, or name another file"


def _why_not_written(error: OSError, path: Path) -> str:
    if error.errno == errno.ENOENT:
        is_there = os.path.isdir(path.parent)  # noqa: PTH112 - it raises for no name
        missing = f"there is no folder {path.parent}; make it, or name another"
        return "no file can be made there; name another place" if is_there else missing
    if error.errno == errno.EISDIR:
        return "it is a folder; name a file in it"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return "what should be its folder is a file; name another place"
    if error.errno in _NOT_ALLOWED:
        return "you are not allowed to; name another place"
    if error.errno in _FULL:
        return "the disk is full; make room, or name a place on another"
    return f"{_reason(error)}; name another place"


def _reason(error: OSError) -> str:
    said = error.strerror if error.errno is None else os.strerror(error.errno)
    words = (said or str(error) or type(error).__name__).rstrip(".")
    return f"{words[:1].lower()}{words[1:]}"


def check_choice(
    name: str, choice: object, *, among: Sequence[str], error: type[KlikitFramesError] = ConfigError
) -> None:
    """Refuse, by the name of the parameter, a choice that is not `among` the known ones.

    Examples
    --------
    >>> from klikit_frames.errors import check_choice
    >>> check_choice("by", "city", among=("brand", "section"))
    Traceback (most recent call last):
    klikit_frames.errors.ConfigError: by='city' is none of 'brand', 'section'.
    """
    # A frame has no truth, so that it cannot be looked for.
    if not isinstance(choice, str) or choice not in among:
        raise error(f"{name}={_shown(choice)} is none of {', '.join(map(repr, among))}.")


def check_yes_or_no(name: str, choice: object, *, error: type[KlikitFramesError] = ConfigError) -> None:
    """Refuse, by the name of the parameter, what is neither True nor False.

    Examples
    --------
    >>> from klikit_frames.errors import check_yes_or_no
    >>> check_yes_or_no("names", "yes")
    Traceback (most recent call last):
    klikit_frames.errors.ConfigError: names='yes' is neither True nor False.
    """
    if type(choice).__name__ not in {"bool", "bool_"}:
        raise error(f"{name}={_shown(choice)} is neither True nor False.")


def as_path(name: str, value: object) -> Path:
    """Return the path of a file; refuse anything else by the name of the parameter.

    Examples
    --------
    >>> from klikit_frames.errors import as_path
    >>> as_path("path", "result.csv").name
    'result.csv'
    >>> as_path("path", None)
    Traceback (most recent call last):
    klikit_frames.errors.ConfigError: path=None is no path of a file: give a name such as 'monday.csv'.
    """
    path = value.__fspath__() if isinstance(value, PathLike) else value
    if not isinstance(path, str) or not path or "\0" in path:
        raise ConfigError(f"{name}={_shown(value)} is no path of a file: give a name such as 'monday.csv'.")
    return Path(path)


def check_number(name: str, value: object, *, least: float = 0) -> None:
    """Refuse, by the name of the parameter, what is no number from `least` on.

    Examples
    --------
    >>> from klikit_frames.errors import check_number
    >>> check_number("timeout_s", "soon")
    Traceback (most recent call last):
    klikit_frames.errors.ConfigError: timeout_s='soon' is no number from 0.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
        raise ConfigError(f"{name}={_shown(value)} is no number from {least:,}.")


def check_stop(stop: object) -> None:
    """Refuse what is no event that ends a wait; None is none."""
    if stop is not None:
        check_type("stop", stop, threading.Event, made_by="threading.Event()")


def as_texts(name: str, values: object, *, example: str) -> list[str]:
    """Return texts as a list; refuse, by the name of the parameter, what is not one text or several.

    Examples
    --------
    >>> from klikit_frames.errors import as_texts
    >>> as_texts("run_id", "3f9c2a10", example="last")
    ['3f9c2a10']
    >>> as_texts("run_id", 7, example="last")
    Traceback (most recent call last):
    klikit_frames.errors.ConfigError: run_id=7 is neither a text such as 'last' nor a list of such.
    """
    several = [values] if isinstance(values, str) or not isinstance(values, Iterable) else [*values]
    texts = [text for text in several if isinstance(text, str)]
    if len(texts) < len(several) or isinstance(values, bytes):
        shown = _shown(values)
        raise ConfigError(f"{name}={shown} is neither a text such as {example!r} nor a list of such.")
    return texts


def check_mapping(name: str, value: object, *, example: str) -> None:
    """Refuse, by the name of the parameter, what is no dict with texts as keys.

    Examples
    --------
    >>> from klikit_frames.errors import check_mapping
    >>> check_mapping("plans", [], example="{'depok': plan}")
    Traceback (most recent call last):
    klikit_frames.errors.ConfigError: plans=[] is no dict such as {'depok': plan}.
    """
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{name}={_shown(value)} is no dict such as {example}.")


def check_type(name: str, value: object, kind: type, *, made_by: str) -> None:
    """Refuse, by the name of the parameter, a value of another type; the cure is how one is made.

    Examples
    --------
    >>> from klikit_frames.errors import check_type
    >>> check_type("text", 5, str, made_by="str()")
    Traceback (most recent call last):
    klikit_frames.errors.ConfigError: text is a int, not a str: give what str() returns.
    """
    if not isinstance(value, kind):
        given = type(value).__name__
        raise ConfigError(f"{name} is a {given}, not a {kind.__name__}: give what {made_by} returns.")


def _shown(value: object) -> str:
    """Return a wrong value in one line: a frame has many."""
    return " ".join(f"{value!r:.80}".split())
