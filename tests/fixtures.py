"""What every test and doctest stands on: a home of its own, and one sandbox that is reset between tests."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pandas as pd
import pytest
from hypothesis import settings

import klikit_frames as kf

Value = TypeVar("Value")

SAMPLE_DATA = Path(__file__).parent.parent / "sample_data"

# The suite tries the same examples each time: who changes a colour should not meet the planner's rarest case.
# New ones are drawn by `--hypothesis-profile=search`.
settings.register_profile("search", derandomize=False)
settings.register_profile("suite", derandomize=True)
settings.load_profile("suite")


def not_none(value: Value | None) -> Value:
    """Return what must be there."""
    assert value is not None
    return value


def column(*cells: Any) -> list[Any]:
    """Return the cells of a column, of whatever kind: the stubs of pandas know fewer."""
    return [*cells]


def wrong(value: object) -> Any:
    """Return a value of a type that its taker does not name: the test is about that."""
    return value


def pytest_configure() -> None:
    """Hear Ctrl-C also where the suite was started in the background, which leaves it ignored."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


# xdist reads the groups in a hook of this name too.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests in a browser on one worker: they share one JupyterLab and one page.

    They and the few that take minutes begin first, so that nobody waits for them at the end.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("browser"))
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("browser", "timeout"))))


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep journals, caches and credentials of the person who runs the tests out of reach."""
    home = tmp_path_factory.mktemp("home")
    for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(home / variable.lower()))
    # Homes of tests are temporary, and meant to be.
    monkeypatch.setattr(logging.getLogger("klikit_frames.journal"), "disabled", True)
    for variable in (
        "KLIKIT_BASE_URL",
        "KLIKIT_PARTNER_KEY",
        "KLIKIT_SECRET_KEY",
        "KLIKIT_PROFILE",
        "KLIKIT_PROFILES",
        "KLIKIT_JOURNAL",
        "KLIKIT_JOURNAL_MIRROR",
    ):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(autouse=True)
def _no_handlers_left() -> Iterator[None]:
    """No test leaves a handler at the package's logger: the next one in this process would hear it."""
    logger = logging.getLogger("klikit_frames")
    before = list(logger.handlers)
    yield
    assert logger.handlers == before


@pytest.fixture(autouse=True)
def _doctest_names(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give doctests `kf`, and an empty folder to write into."""
    if "doctest_namespace" in request.fixturenames or request.node.__class__.__name__ == "DoctestItem":
        request.getfixturevalue("doctest_namespace")["kf"] = kf
        monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[kf.sandbox.Sandbox]:
    """One demo sandbox for the whole session; use `sandbox`, which resets it."""
    with kf.sandbox.serve() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: kf.sandbox.Sandbox) -> kf.sandbox.Sandbox:
    """The demo sandbox as new: no overrides, no faults, no requests noted, default switches."""
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def client(sandbox: kf.sandbox.Sandbox) -> Iterator[kf.Client]:
    """A client of the demo sandbox, without a cap worth waiting for."""
    with sandbox.connect(writes_per_minute=1_000_000, reads_per_minute=1_000_000) as client:
        yield client


class Desk(NamedTuple):
    """A run that has ended, all that it was made of, and a folder of its own."""

    folder: Path
    sandbox: kf.sandbox.Sandbox
    client: kf.Client
    state: pd.DataFrame
    stores: pd.DataFrame
    toggles: pd.DataFrame
    plan: kf.Plan
    result: kf.Result

    @property
    def journal(self) -> Path:
        """The journal of the run."""
        return self.folder / "journal.sqlite3"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A run that has ended, its plan and its state, and a folder of their files."""
    folder = tmp_path_factory.mktemp("desk")
    journal = folder / "journal.sqlite3"
    with kf.sandbox.serve() as sandbox, sandbox.connect(writes_per_minute=10**6) as client:
        pairs = [(663, 1062), (664, 1062)]
        state = kf.read_state(client, stores=pairs, with_business=True, journal=journal, progress=False)
        items = state[state["scope"].eq("store") & state["entity_type"].eq("item") & state["is_enabled"]]
        cell = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]
        toggles = items.head(3)[cell].assign(is_enabled=False)
        plan = kf.plan(toggles, state=state)
        plan.save(folder / "plan.json")
        kf.save_state(state, folder / "state.csv")
        result = kf.run(plan, client, journal=journal, progress=False)
        yield Desk(folder, sandbox, client, state, kf.stores(client), toggles, plan, result)
