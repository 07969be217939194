"""The exceptions: one tree, each also the builtin that a reader would guess."""

from __future__ import annotations

from collections.abc import Sequence
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
