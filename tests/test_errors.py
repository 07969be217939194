"""The exceptions: one tree, picklable, with their evidence."""

from __future__ import annotations

import pickle

import pandas as pd
import pytest

import klikit_frames as kf

GUESSED = [
    (kf.ConfigError, ValueError),
    (kf.InvalidToggles, ValueError),
    (kf.PlanError, ValueError),
    (kf.JournalError, OSError),
    (kf.RunFailed, RuntimeError),
    (kf.RequestError, RuntimeError),
    (kf.TransportError, ConnectionError),
    (kf.AuthError, PermissionError),
    (kf.NotFoundError, LookupError),
    (kf.RateLimited, TimeoutError),
]


@pytest.mark.parametrize(("ours", "builtin"), GUESSED)
def test_exceptions__inherit_the_builtin_a_reader_would_guess(ours: type, builtin: type) -> None:
    """Each exception is caught by the package's root and by the builtin beside it."""
    assert issubclass(ours, kf.KlikitFramesError)
    assert issubclass(ours, builtin)


@pytest.mark.parametrize(
    "ours", [kf.AuthError, kf.NotFoundError, kf.IdempotencyConflict, kf.RateLimited, kf.ServerError]
)
def test_api_error__keeps_its_evidence_through_a_pickle(ours: type[kf.ApiError]) -> None:
    """An answer's status, code, words and request_id come back from another process."""
    error = ours("no such id", http_status=404, code="resource_not_found", request_id="abc")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is ours
    assert (copy.http_status, copy.code, copy.message, copy.request_id) == (
        404,
        "resource_not_found",
        "no such id",
        "abc",
    )
    assert str(copy) == "404 resource_not_found: no such id (request_id abc)"


def test_api_error__without_a_request_id_says_none() -> None:
    """A missing request_id leaves no trace in the text."""
    assert str(kf.ServerError("bad gateway", http_status=502, code="downstream_unavailable")) == (
        "502 downstream_unavailable: bad gateway"
    )


def test_errors_with_evidence__say_only_their_message() -> None:
    """The text of an error is its sentence; the evidence hangs on an attribute."""
    problems = pd.DataFrame({"row": [1]})
    error = kf.InvalidToggles("1 problem", problems)
    assert str(error) == "1 problem"
    assert error.problems is problems
    failed = kf.RunFailed("2 rows failed", "the result")
    assert str(failed) == "2 rows failed"
    assert failed.result == "the result"
