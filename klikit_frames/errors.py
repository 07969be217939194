"""The exceptions: one tree, each also the builtin that a reader would guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class KlikitFramesError(Exception):
    """Root of every exception that this package raises on purpose."""


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

    def __str__(self) -> str:
        return str(self.args[0])


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

    def __str__(self) -> str:
        return str(self.args[0])


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

    def __str__(self) -> str:
        return str(self.args[0])


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

    def __str__(self) -> str:
        said = f"{self.http_status} {self.code}: {self.message}"
        return f"{said} (request_id {self.request_id})" if self.request_id else said

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
