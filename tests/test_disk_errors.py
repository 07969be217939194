"""A disk that refuses: each function that reads or writes a named file says so in the package's own words."""

from __future__ import annotations

import errno
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.errors import as_file_error

from .fixtures import Desk

PAIRS = [(663, 1062), (664, 1062)]
TOMORROW = pd.Timestamp.now("UTC").ceil("D") + pd.Timedelta(days=1)
LUNCH = {"starts_at": TOMORROW, "ends_at": TOMORROW + pd.Timedelta(hours=2)}


Use = Callable[[Desk, Path], object]

WRITES: dict[str, Use] = {
    "Result.to_csv .csv": lambda at, path: at.result.to_csv(path),
    "Result.to_excel .xlsx": lambda at, path: at.result.to_excel(path),
    "FleetResult.to_csv .csv": lambda at, path: kf.fleet.FleetResult({"depok": at.result}).to_csv(path),
    "FleetResult.to_excel .xlsx": lambda at, path: kf.fleet.FleetResult({"depok": at.result}).to_excel(path),
    "FleetResult.report .html": lambda at, path: kf.fleet.FleetResult({"depok": at.result}).report(path),
    "report .html": lambda at, path: kf.report(path, result=at.result),
    "save_state .csv": lambda at, path: kf.save_state(at.state, path),
    "save_state .parquet": lambda at, path: kf.save_state(at.state, path),
    "Plan.save .json": lambda at, path: at.plan.save(path),
    "template .csv": lambda _, path: kf.template(path),
    "template .xlsx": lambda _, path: kf.template(path),
    "Picture.save .png": lambda at, path: kf.plot_plan(at.plan).save(path),
    "export_journal .sqlite3": lambda at, path: kf.export_journal(path, journal=at.journal),
}
READS: dict[str, Use] = {
    "load_state .csv": lambda _, path: kf.load_state(path),
    "load_state .parquet": lambda _, path: kf.load_state(path),
    "load_plan .json": lambda _, path: kf.load_plan(path),
    "approve .json": lambda at, path: kf.approve(path, at.client, by="Siti"),
    "read_toggles .csv": lambda _, path: kf.read_toggles(path),
    "check_toggles .csv": lambda _, path: kf.check_toggles(path),
    "from_matrix .csv": lambda _, path: kf.from_matrix(path, entity_type="item"),
    "resolve .csv": lambda at, path: kf.resolve(path, at.state),
    "audit .csv": lambda at, path: kf.audit(path, at.client, journal=at.journal, progress=False),
    "reconcile .csv": lambda at, path: kf.reconcile(path, at.client, journal=at.journal, progress=False),
    "fleet.plan .csv": lambda _, path: kf.fleet.plan(path),
    "fleet.audit .csv": lambda at, path: kf.fleet.audit(path, journal_folder=at.folder / "fleet"),
    "import_journal .sqlite3": lambda at, path: kf.import_journal(path, journal=at.journal),
}
# Each makes its journal, and the folders on the way to it, if they are not there.
JOURNALS: dict[str, Use] = {
    "run": lambda at, path: kf.run(at.plan, at.client, journal=path, progress=False),
    "start": lambda at, path: kf.start(at.plan, at.client, journal=path, progress=False),
    "resume": lambda at, path: kf.resume(at.result.run_id, at.client, journal=path, progress=False),
    "undo": lambda at, path: kf.undo(at.result.run_id, at.client, journal=path, progress=False),
    "attach": lambda at, path: kf.attach(at.result.run_id, journal=path),
    "publish": lambda at, path: kf.publish(PAIRS, at.client, journal=path),
    "schedule": lambda at, path: kf.schedule(at.toggles.assign(**LUNCH), at.client, journal=path),
    "tick": lambda at, path: kf.tick(at.client, journal=path, progress=False),
    "runs": lambda _, path: kf.runs(journal=path),
    "agenda": lambda _, path: kf.agenda(journal=path),
    "prune_runs": lambda _, path: kf.prune_runs("90d", journal=path),
}


def refusing_places(folder: Path, suffix: str) -> dict[str, Path]:
    """Return a path for each way in which a disk refuses, whoever asks."""
    file, taken, full = folder / "file", folder / f"taken{suffix}", folder / f"full{suffix}"
    file.write_text("no folder")
    taken.mkdir()
    full.symlink_to("/dev/full")
    return {
        "no folder": folder / "nowhere" / f"a{suffix}",
        "a folder": taken,
        "in a file": file / f"a{suffix}",
        "no room for anybody": Path(f"/proc/a{suffix}"),
        "a full disk": full,
        "too long": folder / f"{'a' * 260}{suffix}",
    }


def refusals(desk: Desk, use: Use, places: dict[str, Path]) -> dict[str, str]:
    """Return what is wrong with how a function tells each refusal; nothing if all is well."""
    faults = {}
    for why, path in places.items():
        n_before = len(desk.sandbox.requests)
        try:
            use(desk, path)
            faults[why] = "nothing was raised"
        except kf.KlikitFramesError as error:
            # The path, or its beginning, a reason, and what to do.
            _, named, said = str(error).partition(str(path)[:20])
            if not named or len(said) < 45:
                faults[why] = f"{error}"
        except OSError as error:
            faults[why] = repr(error)
        if not desk.sandbox.requests.iloc[n_before:]["method"].eq("GET").all():
            faults[why] = "something was sent"
    return faults


pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the devices of Linux")


@pytest.mark.parametrize("name", WRITES)
def test_disk_errors__of_what_is_written(desk: Desk, tmp_path: Path, name: str) -> None:
    """No folder, a folder or a file in the place, no right, no room: the package's error with the cure."""
    suffix = name.split()[1]
    assert refusals(desk, WRITES[name], refusing_places(tmp_path, suffix)) == {}


@pytest.mark.parametrize("name", READS)
def test_disk_errors__of_what_is_read(desk: Desk, tmp_path: Path, name: str) -> None:
    """The same of what is read; an endless device is not tried."""
    places = refusing_places(tmp_path, name.split()[1])
    del places["a full disk"]
    if name.startswith("fleet.audit"):
        # A folder is one of tables, and has none.
        del places["a folder"]
    assert refusals(desk, READS[name], places) == {}


@pytest.mark.parametrize("name", JOURNALS)
def test_disk_errors__of_a_journal(desk: Desk, tmp_path: Path, name: str) -> None:
    """A journal that cannot be there is refused before anything is sent."""
    places = refusing_places(tmp_path, ".sqlite3")
    if name in ("runs", "agenda", "prune_runs", "tick"):
        # Where there is no journal, there is nothing to tell.
        for why in ("no folder", "in a file", "no room for anybody"):
            del places[why]
    else:
        del places["no folder"]
    del places["a full disk"]
    assert refusals(desk, JOURNALS[name], places) == {}


def test_disk_errors__of_a_folder_that_keeps_trees(desk: Desk, tmp_path: Path) -> None:
    """The cache of a reading is named like any other file."""
    places = refusing_places(tmp_path, "")
    places = {why: places[why] for why in ("in a file", "no room for anybody", "too long")}

    def read(at: Desk, path: Path) -> object:
        return kf.read_state(at.client, stores=PAIRS, cache=path, progress=False)

    for path in places.values():
        with pytest.raises(kf.FileError, match=r"could not be written: .*; .*\."):
            read(desk, path)


def test_file_error__is_the_builtin_that_a_reader_would_catch(desk: Desk, tmp_path: Path) -> None:
    """What is not there is a FileNotFoundError; number, reason and file come back from another process."""
    with pytest.raises(FileNotFoundError) as read:
        kf.read_toggles(tmp_path / "nowhere.csv")
    assert isinstance(read.value, kf.FileError)
    assert str(read.value) == (
        f"{tmp_path / 'nowhere.csv'} could not be read: there is no such file; look at its name and folder."
    )
    with pytest.raises(kf.FileError) as written:
        desk.result.to_csv(tmp_path)
    copy = pickle.loads(pickle.dumps(written.value))
    assert (str(copy), copy.errno, copy.filename) == (str(written.value), 21, str(tmp_path))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EIO])
def test_file_error__of_any_reason_has_a_cure(number: int) -> None:
    """What cannot be had from a disk here: not allowed, read-only, full, broken; each says what to do."""
    for is_written in (True, False):
        error = as_file_error(OSError(number, os.strerror(number)), "june.csv", is_written=is_written)
        assert re.fullmatch(r"june\.csv could not be (read|written): [a-z/ ]+; [a-z ,]+\.", str(error))
