"""A few worlds on virtual time; the command plays many more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Set
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.running.lifecycle import TRANSITIONS, Event, RequestState

from . import __main__
from .former_defects import FORMER_DEFECTS
from .guard_oracle import check_guards, check_requests
from .model_api import ITEMS, STORES, Call, Cell, ModelApi
from .oracle import SECRET_KEY, DefectError, check_rows, check_secret
from .own_defects import OWN_DEFECTS
from .shrinking import play_once, shrink
from .virtual_clock import VirtualClock
from .visits import unvisited
from .world import SimulatedWorld
from .world_parts import RunRecord, WorldCounts, to_toggles

pytestmark = pytest.mark.filterwarnings("ignore")

SEEDS = (3,)
# The first seed of the year, and how many worlds it has.
YEAR = (15, 42)
# Worlds beyond the year that found something, with the steps that it takes.
FORMER_FINDS = {1045: {16, 17}, 1077: {0, 6}, 1182: {1, 2, 3, 5, 6, 7, 9, 10}, 1291: {2, 5, 9, 13}}
# Where a change of the steps makes another world of a known seed.
FIRST_SEEDS = 30
DEFECTS = {name: defect for name, defect in (OWN_DEFECTS | FORMER_DEFECTS).items() if defect.kind}


def test_worlds__all_that_is_told_is_so() -> None:
    """Whatever befalls a business, what is reported is true, also of what was lost and asked for again."""
    counts = WorldCounts()
    for seed in SEEDS:
        world = play_once(seed)
        assert world.defect is None, world.trace
        counts.add(world.counts)
    lost = (RequestState.IN_FLIGHT.name, Event.LOSE.name)
    accepted = (RequestState.IN_FLIGHT.name, Event.ACCEPT.name)
    asked_again = (RequestState.UNKNOWN.name, Event.SEND.name)
    assert {lost, accepted, asked_again} <= counts.visits.keys()


# It is worth a minute of two cores that are free, and as many times more as others work there.
@pytest.mark.timeout(3600)
def test_worlds__a_year_of_accidents() -> None:
    """A thousand runs and ten thousand accidents in a year show nothing wrong, and all steps of a request."""
    played = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--first", str(YEAR[0]), "--seeds", str(YEAR[1])],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=7_000,
    )
    assert played.returncode == 0, played.stdout
    figures = re.search(r"([\d,]+) simulated days, ([\d,]+) runs, ([\d,]+) accidents", played.stdout)
    assert figures is not None
    n_days, n_runs, n_accidents = (int(figure.replace(",", "")) for figure in figures.groups())
    assert (n_days >= 365, n_runs >= 1_000, n_accidents >= 10_000) == (True, True, True), played.stdout
    assert "not visited" not in played.stdout, played.stdout


@pytest.mark.parametrize(("seed", "steps"), FORMER_FINDS.items())
def test_world__that_found_something_finds_it_no_more(seed: int, steps: set[int]) -> None:
    """What a world of many hours has found is mended; only the steps that it takes are played."""
    world = play_once(seed, kept=steps)
    assert world.defect is None, world.trace


def test_world__plays_again() -> None:
    """One seed gives one trace, in whatever folder and process it is played, however that one hashes."""
    trace = play_once(3, n_steps=8).trace
    assert trace == play_once(3, n_steps=8).trace
    played = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", "3", "--steps", "8", "--trace"],
        env=os.environ | {"PYTHONHASHSEED": "7"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=7_000,
    )
    assert (played.stdout.splitlines(), played.stderr, played.returncode) == (trace, "", 0)


@pytest.mark.parametrize("name", DEFECTS)
def test_own_defect__is_found(name: str) -> None:
    """What is put in on purpose shows in the world of its seed, or in one of the first."""
    world = DEFECTS[name].find(range(FIRST_SEEDS))
    assert world is not None


def test_shrink__a_defect_that_is_there() -> None:
    """What is printed of a world that fails fails in the same way, and no step of it can be left out."""
    defect = OWN_DEFECTS["a key is drawn anew for each try"]
    with defect.put_in():
        whole = next(world for world in map(play_once, range(FIRST_SEEDS)) if world.defect is not None)
        small = shrink(whole, whole.seed)
        assert whole.defect is not None
        assert small.defect is not None
        assert small.defect.kind == whole.defect.kind
        assert len(small.kept) < len(whole.kept)
        assert len(small.trace) <= len(whole.trace)
        shorter = (play_once(whole.seed, kept={*small.kept} - {step}) for step in small.kept)
        assert all(world.defect is None for world in shorter)


def test_readme__lists_each_defect() -> None:
    """The README has a line for each, with its seed and with what the oracle calls it."""
    text = (Path(__file__).parent / "README.md").read_text()
    for name, defect in (OWN_DEFECTS | FORMER_DEFECTS).items():
        assert f"| {name} | {defect.seed} | {defect.kind} |" if defect.kind else f"| {name} | |" in text


class _Played(SimulatedWorld):
    """A world whose trouble needs its steps 3 and 5, and one accident of step 3."""

    def __init__(self, kept: set[int], spared: set[tuple[int, int]]) -> None:
        self.trace = [f"step {step}" for step in sorted(kept)]
        self.n_steps_played = 8
        self.counts = WorldCounts()
        self.kept = kept
        self.happened = [
            accident
            for accident in ((1, 1), (3, 1), (3, 2))
            if accident[0] in kept and accident not in spared
        ]
        fails = {3, 5} <= kept and (3, 2) in self.happened
        self.defect = DefectError("doubled", "a key") if fails else None


def test_shrink__keeps_what_it_needs() -> None:
    """Steps and accidents that a defect does not need are left out."""
    whole = _Played(set(range(9)), set())
    small = shrink(whole, 7, play=lambda _, *, kept, spared: _Played(kept, spared))
    assert (small.trace, small.happened) == (["step 3", "step 5"], [(3, 2)])


@pytest.mark.parametrize(("most_steps", "n_tries"), [(0, 0), (5, 1), (40, 8)])
def test_shrink__is_bounded(most_steps: int, n_tries: int) -> None:
    """It gives up once so many steps were played, with the smallest world that it found."""
    played: list[int] = []

    def play(_: int, *, kept: set[int], spared: set[tuple[int, int]]) -> SimulatedWorld:
        played.append(len(kept))
        return _Played(kept, spared)

    whole = _Played(set(range(9)), set())
    small = shrink(whole, 7, play=play, most_steps=most_steps)
    assert small.defect is not None
    assert sum(played) <= most_steps
    assert len(played) == n_tries


def _play_wrongly(
    _: int,
    *,
    n_steps: int = 0,
    kept: Set[int] | None = None,
    spared: Set[tuple[int, int]] = frozenset(),
) -> SimulatedWorld:
    """Play a world in which something is wrong."""
    return _Played({*range(9)} if kept is None else {*kept}, {*spared})


@pytest.fixture
def _wrong_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(__main__, "play_once", _play_wrongly)
    monkeypatch.setattr(__main__, "shrink", partial(shrink, play=_play_wrongly))
    monkeypatch.setattr(__main__, "be_quiet", lambda: None)


@pytest.mark.usefixtures("_wrong_worlds")
@pytest.mark.parametrize(("options", "n_lines"), [([], 2), (["--trace"], 9), (["--whole"], 9)])
def test_main__one_world_with_something_wrong(
    options: list[str], n_lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shortest trace is printed, or all of it where that is asked for, and it ends with 1."""
    assert __main__.main(["--seed", "7", *options]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == n_lines
    assert {"step 3", "step 5"} <= {*printed}


@pytest.mark.usefixtures("_wrong_worlds")
def test_play_all__names_the_seed() -> None:
    """What is printed of a world that fails begins with its seed, then the steps that it needs."""
    assert __main__.play_all([7])[1] == ["seed 7\n    step 3\n    step 5"]


@pytest.mark.parametrize("options", [["--seeds", "0"], ["--jobs", "-1"], ["--steps", "x"]])
def test_main__refuses_what_is_no_number_of_worlds(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be played is refused before any world is."""
    with pytest.raises(SystemExit, match="2"):
        __main__.main(options)
    assert options[0] in capsys.readouterr().err


def _result(outcomes: Iterable[str], **columns: Any) -> Any:
    """Return what a run tells of items one after the other, each sent a second after the one before."""
    rows = to_toggles({("item", no, "store", 11, 101): False for no, _ in enumerate(outcomes, start=1)})
    sent_at = pd.Timestamp("2027-01-04", tz="UTC") + pd.to_timedelta(range(len(rows)), unit="s")
    keys, numbers = map(str, rows["entity_id"]), rows["entity_id"]
    results: dict[str, Any] = {
        "outcome": list(outcomes),
        "idempotency_key": list(keys),
        "request_no": numbers,
        "message": "",
    }
    return SimpleNamespace(frame=rows.assign(**results, sent_at=sent_at, settled_at=sent_at, **columns))


@pytest.mark.parametrize(
    ("rules", "outcomes", "is_wrong"),
    [
        ({"on_error": "stop"}, ["applied", "failed"], False),
        ({"on_error": "stop"}, ["failed", "applied"], True),
        ({"max_failures": 1}, ["failed", "applied", "unknown"], False),
        ({"max_failures": 1}, ["failed", "unknown", "applied"], True),
        ({}, ["failed", "failed", "applied"], False),
    ],
)
def test_check_guards__stops_after_so_many(
    rules: dict[str, Any], outcomes: list[str], is_wrong: bool
) -> None:
    """What is sent after the failure that was to end the run is a defect."""
    seen = pytest.raises(DefectError, match="went on") if is_wrong else nullcontext()
    with seen:
        check_guards(_result(outcomes), rules, known_keys=set(), is_clock_set=False)


@pytest.mark.parametrize("is_copied", [True, False])
def test_check_rows__published_is_what_a_menu_shows(is_copied: bool) -> None:
    """A row that is reported as published is a defect while the menu is older than its write."""
    api, cell = ModelApi(VirtualClock()), ("item", ITEMS[0], "store", *STORES[0])
    store = {"brandID": STORES[0][0], "branchID": STORES[0][1]}
    api.handle(
        httpx.Request(
            "PATCH",
            "http://api/v1/partner/menus/items/enable",
            headers={"Idempotency-Key": "1"},
            json={"ids": [ITEMS[0]], "zoneStores": [store], "isEnabled": False},
        )
    )
    if is_copied:
        api.publish([STORES[0]])
    result = _result(["applied"], published=pd.array([True], dtype="boolean"))
    result.frame = result.frame.assign(
        entity_id=cell[1], brand_id=cell[3], branch_id=cell[4], http_status=200
    )
    with nullcontext() if is_copied else pytest.raises(DefectError, match="false_publish"):
        check_rows(result, [(cell, False)], api)


def test_check_secret__finds_it_anywhere(tmp_path: Path) -> None:
    """A key in any file of a world, or in a word of its trace, is a defect."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "journal").write_text("nothing")
    check_secret(tmp_path, ["a word"])
    with pytest.raises(DefectError, match="secret"):
        check_secret(tmp_path, [f"a word {SECRET_KEY}"])
    (tmp_path / "deep" / "journal").write_text(f"some {SECRET_KEY}")
    with pytest.raises(DefectError, match="secret"):
        check_secret(tmp_path, [])


def test_unvisited__names_each_step_of_the_table() -> None:
    """Every event in every state where it can happen is looked for."""
    assert len(unvisited({})) == len(TRANSITIONS)
    seen = (RequestState.IN_FLIGHT.name, Event.ACCEPT.name)
    assert seen not in unvisited({seen: 1})


@pytest.mark.parametrize(("statuses", "is_wrong"), [([200, 200], True), ([404, 200], False)])
def test_check_requests__only_what_is_refused_is_cut(statuses: list[int], is_wrong: bool) -> None:
    """A second request is one too many, unless the first was refused as a whole."""
    cells: dict[Cell, bool] = {("item", item, "store", *STORES[0]): False for item in ITEMS[:2]}
    api, record = ModelApi(VirtualClock()), RunRecord(kf.plan(to_toggles(cells), progress=False))
    for no, status in enumerate(statuses):
        api.calls.append(Call(api.clock.true_s, "PATCH", 1, str(no), status=status))
        api.asked_by_key[str(no)] = record.asked
    with pytest.raises(DefectError, match="too_many") if is_wrong else nullcontext():
        check_requests(record, api, client_no=1, since=0)
