"""The exceptions: one tree, picklable, with their evidence."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

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


@pytest.mark.parametrize("call", [kf.diff, kf.plan, kf.check_toggles], ids=lambda call: call.__name__)
@pytest.mark.parametrize("state", [7, "state.csv", ...], ids=str)
def test_wrong_value__in_place_of_a_state(call: Callable[..., object], state: object) -> None:
    """Whatever is handed in as a state, the error is one of this package's and says what is wanted."""
    toggles = kf.cross_toggles("item", [7], [(1, 2)], is_enabled=False)
    with pytest.raises(kf.KlikitFramesError, match="read_state"):
        call(toggles, state=state)


@pytest.mark.parametrize("path", [None, 7, "\0", "\ud800", b"\xff", ...], ids=repr)
def test_wrong_value__in_place_of_a_path(path: Any) -> None:
    """What is no path is refused in words where a plan, a snapshot or a journal is named."""
    number: Any = 0
    for call in (kf.load_plan, kf.load_state, lambda path: kf.runs(journal=path or number)):
        with pytest.raises(kf.KlikitFramesError):
            call(path)


def test_wrong_value__a_frame_or_a_number() -> None:
    """A frame in place of a journal, and a number in place of a run's id, are refused in words."""
    with pytest.raises(kf.JournalError, match="is not the path of a file"):
        kf.agenda(journal=pd.DataFrame({"x": [1]}))  # type: ignore[arg-type]
    for run_id in (None, -1, True):
        with pytest.raises(kf.JournalError, match="knows no run"):
            kf.attach(run_id)  # type: ignore[arg-type]
    for call in (kf.failures, kf.mixed, kf.effective):
        with pytest.raises(kf.StateError, match="not a NoneType"):
            call(None)  # type: ignore[arg-type]
