"""Ctrl-C in every command that talks to the API, while the answer that it waits for never comes."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

import klikit_frames as kf
from klikit_frames import edge
from klikit_frames.cli.main import READING
from tests.cli.conftest import Terminal, item_rows
from tests.cli.test_main import COMMANDS
from tests.fixtures import not_none
from tests.fleet.conftest import write_profiles
from tests.running.doubles import HoldingTransport, press_ctrl_c, wait_for_threads

MENUS, ENABLE, PUBLISH, ANY = "GET /menus", "/enable", "/publish", "/"
# The first two bring an API of their own; the others read only files.
OFFLINE = {("demo",), ("sandbox",), ("runs",), ("status",), ("agenda",), ("approve",), ("fleet", "status")}
_NEVER_S = 3600.0
# Only ends a test that would hang: who does not hear Ctrl-C waits for an answer that never comes.
_HANGS_S = 60.0


class Case(NamedTuple):
    """The words of a command, and the request that is never answered."""

    words: str
    hangs: str = ANY


CASES = [
    Case("check changes.csv --names"),
    Case("plan changes.csv --live", MENUS),
    Case("diff changes.csv", MENUS),
    Case("effect changes.csv", MENUS),
    Case("apply changes.csv --yes", MENUS),
    Case("apply changes.csv --yes --before none", ENABLE),
    Case("apply wide.csv --yes --before none --first 1", MENUS),
    Case("apply changes.csv --yes --before none --publish", PUBLISH),
    Case("resume unfinished", MENUS),
    Case("resume unfinished", ENABLE),
    Case("publish --run finished --yes", PUBLISH),
    Case("doctor"),
    Case("profiles"),
    Case("stores"),
    Case("state --all-stores", MENUS),
    Case("template new.csv --store 663/1062"),
    Case("drift monday.csv", MENUS),
    Case("align --like 663/1062 --store 664/1062", MENUS),
    Case("schedule promises.csv"),
    Case("tick", MENUS),
    Case("tick", ENABLE),
    Case("tick --follow", ENABLE),
    Case("verify finished", MENUS),
    Case("report finished --verify --out report.html", MENUS),
    Case("undo finished --yes", MENUS),
    Case("undo finished --yes", ENABLE),
    Case("audit changes.csv", MENUS),
    Case("reconcile changes.csv --yes --max-changes 100%", MENUS),
    Case("reconcile changes.csv --yes --max-changes 100%", ENABLE),
    Case("reconcile changes.csv --yes --max-changes 100% --publish", PUBLISH),
    Case("fleet apply fleet.csv --yes", MENUS),
    Case("fleet apply fleet.csv --yes --before none", ENABLE),
    Case("fleet apply fleet.csv --yes --live", MENUS),
    Case("fleet audit fleet.csv", MENUS),
    Case("fleet tick --journal-folder .", MENUS),
    Case("fleet tick --journal-folder .", ENABLE),
]


class HastyWorld(edge.World):
    """A clock on which the moments that a stop leaves to requests under way are over at once."""

    def monotonic(self) -> float:
        """Return seconds that go by twenty times as fast."""
        return super().monotonic() * 20


class Shop(NamedTuple):
    """A sandbox, a folder of tables and a journal, and the ids of a run that ended and one that did not."""

    sandbox: kf.sandbox.Sandbox
    folder: Path
    run_ids: dict[str, str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One sandbox and one set of files for all commands; each works on a copy."""
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch, kf.sandbox.serve() as sandbox:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        journal = folder / "alpha.sqlite3"
        rows = item_rows(sandbox, n=4)
        rows.to_csv(folder / "changes.csv", index=False)
        rows.assign(business="alpha").to_csv(folder / "fleet.csv", index=False)
        state = sandbox.state().query("scope == 'business'").groupby("entity_type").head(2)
        wide = state[["entity_type", "entity_id", "scope"]].assign(is_enabled=False)
        wide.to_csv(folder / "wide.csv", index=False)
        with sandbox.connect() as client:
            done = kf.run(kf.plan(item_rows(sandbox, n=6).tail(2)), client, journal=journal, progress=False)
            taken_back = kf.undo(done.run_id, client, journal=journal)
        transport = HoldingTransport(press_ctrl_c, method="GET", nth=1, match="/menus")
        with sandbox.connect(transport=transport) as client:
            left = kf.run(taken_back, client, journal=journal, progress=False)
            transport.let_go.set()
            wait_for_threads("klikit-frames-")
        with sandbox.connect() as client:
            kf.save_state(kf.read_state(client, journal=journal, progress=False), folder / "monday.csv")
            promised = rows.assign(starts_at="2020-01-01T00:00Z", ends_at="2099-01-01T00:00Z")
            promised.to_csv(folder / "promises.csv", index=False)
            kf.schedule(promised, client, journal=journal)
        yield Shop(sandbox, folder, {"finished": done.run_id, "unfinished": left.run_id})


@pytest.fixture
def at_work(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A person in a folder of their own, whose client waits for an answer as long as it takes."""
    for file in filter(Path.is_file, shop.folder.iterdir()):
        shutil.copy(file, tmp_path)
    write_profiles({"alpha": shop.sandbox}, tmp_path / "profiles.toml", monkeypatch)
    monkeypatch.setenv("KLIKIT_BASE_URL", shop.sandbox.url)
    monkeypatch.setenv("KLIKIT_PARTNER_KEY", shop.sandbox.partner_key)
    monkeypatch.setenv("KLIKIT_SECRET_KEY", shop.sandbox.secret_key)
    monkeypatch.setenv("KLIKIT_JOURNAL", str(tmp_path / "alpha.sqlite3"))
    monkeypatch.setitem(not_none(kf.connect.__kwdefaults__), "timeout", 20 * _NEVER_S)
    monkeypatch.chdir(tmp_path)
    with edge.use(HastyWorld()):
        yield shop
    shop.sandbox.clear_faults()


def interrupt_when_hung(
    case: Case, sandbox: kf.sandbox.Sandbox, *, pressed: threading.Event, ended: threading.Event
) -> None:
    """Press Ctrl-C once the request of a case hangs; end it all if that is not heard."""
    n_before, pause = len(sandbox.requests), threading.Event()

    def hangs() -> bool:
        late = sandbox.requests.iloc[n_before:]
        lines = late["method"] + " " + late["path"]
        return any(case.hangs in line for line in lines[late["status"].isna()])

    while not ended.is_set():
        if hangs():
            pressed.set()
            press_ctrl_c()
            if not ended.wait(_HANGS_S):
                sandbox.close()
            return
        pause.wait(0.01)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.words} {case.hangs}")
def test_ctrl_c__is_heard_while_an_answer_is_waited_for(
    terminal: Terminal, at_work: Shop, case: Case
) -> None:
    """Each command ends with 130 without the answer, and says what is left behind."""
    sandbox, pressed, ended = at_work.sandbox, threading.Event(), threading.Event()
    sandbox.inject("latency", seconds=_NEVER_S, match=case.hangs)
    pressing = partial(interrupt_when_hung, case, sandbox, pressed=pressed, ended=ended)
    presser = edge.make_thread(pressing, name="presser")
    presser.start()
    try:
        done = terminal(*(at_work.run_ids.get(word, word) for word in case.words.split()))
    finally:
        ended.set()
        presser.join()
    assert pressed.is_set(), "nothing hung"
    assert done.code == 130, done.err
    sends_nothing = case.words.split()[0] in READING
    assert ("sends nothing" if sends_nothing else "klikit-frames ") in done.err
    # What was noted before stands.
    assert ("nothing has changed" in done.err) == (sends_nothing and "schedule" not in case.words)
    assert sandbox.faults, "the server had to be closed to end it"


def test_ctrl_c__is_tried_in_every_command() -> None:
    """A new command is added to the cases above, or to those that talk to no API."""
    tried = {
        words for words in COMMANDS for case in CASES if tuple(case.words.split())[: len(words)] == words
    }
    assert tried | OFFLINE == set(COMMANDS)
    assert tried & OFFLINE == set()
