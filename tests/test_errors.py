"""The exceptions: one tree, picklable, with their evidence."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from tests.fixtures import wrong

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


_FRAME = pd.DataFrame({"a": [1, 2]})
_ODD: list[Any] = [_FRAME, [_FRAME], {"a": 1}, -1, 1.5, object(), pd.NA, b"x", print]


@pytest.mark.parametrize("odd", _ODD, ids=lambda odd: type(odd).__name__)
def test_wrong_values__are_refused_in_words(odd: Any) -> None:
    """Whatever is given for an option, the package's own exception names it; pandas' own never comes out."""
    ids, pairs = [289379], [(5297, 1293)]
    toggles = kf.cross_toggles("item", ids, pairs, is_enabled=True)
    calls: dict[str, Callable[[], object]] = {
        "client": lambda: kf.stores(odd),
        "client of a run": lambda: kf.run(odd, odd),
        "client of a reading": lambda: kf.read_state(client=odd),
        "client of an undo": lambda: kf.undo("last", odd),
        "entity_type": lambda: kf.business_toggles(odd, ids, is_enabled=True),
        "is_enabled": lambda: kf.cross_toggles("item", ids, pairs, is_enabled=odd),
        "rows": lambda: kf.check_toggles(b"", rows=odd),
        "rows of a table": lambda: kf.read_toggles(b"", rows=odd),
        "names": lambda: kf.check_toggles(b"", names=odd),
        "columns": lambda: kf.check_toggles(b"", columns={"a": odd}),
        "unchanged": lambda: kf.plan(toggles, unchanged=odd),
        "combine": lambda: kf.plan(toggles, combine=odd),
        "on_interrupt": lambda: kf.plan(toggles, on_interrupt=odd),
        "profile": lambda: kf.connect(profile=odd),
        "ids": lambda: kf.cancel_promises(odd),
        "plan of a picture": lambda: kf.plot_plan(odd),
        "result of a picture": lambda: kf.plot_timeline(odd),
        "changes of a picture": lambda: kf.plot_drift(odd),
        "result of a report": lambda: kf.report("page.html", result=odd),
        "proof of a report": lambda: kf.report("page.html", proof=[odd]),  # type: ignore[arg-type]
        "name in a report": lambda: kf.report("page.html", by=[odd]),  # type: ignore[arg-type]
        "frame of a summary": lambda: kf.summary(odd),
        "frame of a matrix": lambda: kf.to_matrix(odd),
    }
    for name, call in calls.items():
        with pytest.raises(kf.KlikitFramesError) as caught:
            call()
        assert "truth value" not in str(caught.value), name
        assert "ambiguous" not in str(caught.value), name


@pytest.mark.parametrize("odd", [_FRAME, [_FRAME], {"a": 1}, -1, None], ids=lambda odd: type(odd).__name__)
def test_wrong_values__paths_of_journals(odd: Any, tmp_path: Path) -> None:
    """What is no path of a copy of a journal is refused by its name, whatever it is."""
    journal = tmp_path / "journal.sqlite3"
    for call in (kf.export_journal, kf.import_journal):
        with pytest.raises(kf.ConfigError, match="path="):
            call(odd, journal=journal)


def test_wrong_values__stores_that_are_no_list(client: kf.Client) -> None:
    """A number is no list of stores, and a dict of single values no table: the cure is named."""
    with pytest.raises(kf.StateError, match="no list of stores: give pairs of ids"):
        kf.read_state(client, stores=wrong(-1))
    with pytest.raises(kf.ConfigError, match="a dict with a list for each column"):
        kf.check_toggles({"item_id": 289379, "is_enabled": "off"})
    for name in ("names", "progress"):
        with pytest.raises(kf.ConfigError, match=f"{name}="):
            kf.audit(b"", client, **{name: wrong(_FRAME)})
    with pytest.raises(kf.ConfigError, match="with_business="):
        kf.read_state(client, with_business=wrong(_FRAME))
