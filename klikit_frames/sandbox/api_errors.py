"""The API's error codes, and the exception that carries one to the envelope."""

from __future__ import annotations

# lower spelling -> HTTP status, upper spelling; the two tables of the documentation, merged
CODES = {
    "auth_missing": (401, "MISSING_AUTH"),
    "auth_invalid_credential": (401, "INVALID_CREDENTIALS"),
    "auth_revoked": (403, "INVALID_CREDENTIALS"),
    "auth_forbidden": (403, "FORBIDDEN_SCOPE"),
    "request_invalid": (400, "REQUEST_INVALID"),
    "request_missing_idempotency_key": (400, "REQUEST_MISSING_IDEMPOTENCY_KEY"),
    "request_invalid_range": (400, "REQUEST_INVALID_RANGE"),
    "resource_not_found": (404, "RESOURCE_NOT_FOUND"),
    "not_found": (404, "NOT_FOUND"),
    "resource_unmapped": (404, "RESOURCE_UNMAPPED"),
    "state_invalid_transition": (409, "INVALID_TRANSITION"),
    "state_idempotency_conflict": (409, "IDEMPOTENCY_KEY_CONFLICT"),
    "rate_limit_exceeded": (429, "RATE_LIMITED"),
    "downstream_unavailable": (502, "DOWNSTREAM_UNAVAILABLE"),
    "internal": (500, "INTERNAL"),
}


class ApiError(Exception):
    """One error answer of the API.

    Parameters
    ----------
    code : str
        The code in its lower spelling.
    message : str
        What the caller reads.
    status : int, optional
        HTTP status, if not the usual one of the code.
    headers : dict, optional
        Further headers of the answer.
    """

    def __init__(
        self, code: str, message: str, *, status: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or CODES[code][0]
        self.headers = headers or {}


def invalid(message: str) -> ApiError:
    """Return the error of a request that is malformed."""
    return ApiError("request_invalid", message)
