"""One question to each business, and the runs of all their journals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from .. import edge
from ..auditing.audits import audit as audit_one
from ..errors import ConfigError, JournalError, KlikitFramesError, as_texts, check_yes_or_no
from ..menus.stores import stores as read_stores
from ..running.live_state import read_state
from ..running.runs import runs
from ..scheduling.ticks import tick as tick_one
from .business_tasks import MAX_THREADS, connect_business, in_fleet_words
from .fleet_results import COLUMN
from .fleet_runs import Folder, fleet_folder, split_toggles


@dataclass(frozen=True, eq=False)
class FleetFrame:
    """What one call gave for each business.

    Attributes
    ----------
    frames : dict of DataFrame
        By business, those for which the call succeeded.
    errors : dict of KlikitFramesError
        By business, why it did not.
    is_interrupted : bool
        Whether Ctrl-C ended it: those that it came too early for are among the errors.
    """

    frames: Mapping[str, pd.DataFrame]
    errors: Mapping[str, KlikitFramesError] = field(default_factory=dict)
    is_interrupted: bool = False

    @property
    def frame(self) -> pd.DataFrame:
        """All rows, ``business`` first."""
        parts = []
        for business, frame in self.frames.items():
            part = frame.rename(columns={COLUMN: f"input_{COLUMN}"}).reset_index(drop=True)
            part.attrs = {}
            part.insert(0, COLUMN, pd.Series(business, index=part.index, dtype="str"))
            parts.append(part)
        rows = [part for part in parts if len(part)] or parts[:1]
        return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame({COLUMN: []})


def tick(
    *,
    businesses: Iterable[str] | None = None,
    journal_folder: Folder = None,
    writes_per_minute: int = 300,
    reads_per_minute: int = 600,
) -> FleetFrame:
    """Keep the due promises of many businesses, each from its own journal.

    Uses the network and the journals, as ``kf.tick`` does, for up to 16 businesses at a time. Promises are
    noted business by business: ``kf.schedule(table, client, journal="FOLDER/PROFILE.sqlite3")``.

    Parameters
    ----------
    businesses : iterable of str, optional
        Names of profiles; None are those that have a journal in the folder.
    journal_folder : path, optional
        As given to `run` of the fleet.
    writes_per_minute, reads_per_minute : int
        Caps of each business, as of ``kf.connect``.

    Returns
    -------
    FleetFrame
        ``.frame`` with ``business`` and the columns of ``kf.tick``, ``.frames``, ``.errors``.

    Examples
    --------
    >>> kf.fleet.tick(journal_folder="journals").frames
    {}
    """
    folder = fleet_folder(journal_folder)
    names = journals_in(folder) if businesses is None else as_texts("businesses", businesses, example="depok")
    caps = {"writes_per_minute": writes_per_minute, "reads_per_minute": reads_per_minute}

    def work(business: str) -> pd.DataFrame:
        with connect_business(business, caps) as client:
            return tick_one(client, journal=folder / f"{business}.sqlite3", progress=False)

    return for_each(names, work)


def audit(
    wanted: Any,
    *,
    journal_folder: Folder = None,
    reads_per_minute: int = 600,
    columns: Mapping[str, str] | None = None,
    names: bool = False,
) -> FleetFrame:
    r"""Compare the menus of many businesses with what is wanted, and return what differs in each.

    Uses the disk and the network as ``kf.audit`` does, for up to 16 businesses at a time. Changes no menu.

    Parameters
    ----------
    wanted : path or DataFrame
        A table with a column ``business``; or a folder with a file or a folder for each business, named after
        its profile: ``depok.csv``, ``bali/``.
    journal_folder : path, optional
        As given to `run` of the fleet.
    reads_per_minute : int
        The cap of each business, as of ``kf.connect``.
    columns, names
        As for ``kf.read_toggles``; names are looked up in each business's own menu.

    Returns
    -------
    FleetFrame
        ``.frame`` with ``business`` and the columns of ``kf.audit``, ``.frames``, ``.errors``.

    Raises
    ------
    InvalidToggles
        The table has bad rows, or names no business; nothing was read. Bad rows of one business's own file
        are among ``.errors``.
    ConfigError
        The folder is empty, or two of its files are of one business.

    Examples
    --------
    >>> import pathlib
    >>> pathlib.Path("wanted").mkdir()
    >>> n = pathlib.Path("wanted/nobody.csv").write_text("item_id,store,is_enabled\n7,1/2,off\n")
    >>> list(kf.fleet.audit("wanted").errors)
    ['nobody']
    """
    check_yes_or_no("names", names)
    folder = fleet_folder(journal_folder)
    is_folder = isinstance(wanted, str | Path) and edge.is_folder(wanted)
    reading: dict[str, Any] = {"columns": columns, "names": names} if is_folder else {}

    def look_up(business: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        with connect_business(business) as client:
            return read_state(client, progress=False), read_stores(client)

    parts: dict[str, Any] = (
        dict(files_of(Path(wanted)))
        if is_folder
        else dict(split_toggles(wanted, columns=columns, look_up=look_up if names else None))
    )

    def work(business: str) -> pd.DataFrame:
        with connect_business(business, {"reads_per_minute": reads_per_minute}) as client:
            journal = folder / f"{business}.sqlite3"
            return audit_one(parts[business], client, journal=journal, progress=False, **reading)

    audited = for_each(parts, work)
    if audited.is_interrupted:
        # Who has not been looked at must not be taken for one whose menus are right.
        raise KeyboardInterrupt
    return audited


def files_of(folder: Path) -> dict[str, Path]:
    """Return the file or folder of each business in a folder, known by its name up to the first dot.

    An approval lies beside its plan and is no file of its own.

    Raises
    ------
    ConfigError
        There is none, or two are of one business.
    """
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(".") and not path.name.endswith(".approval.json"):
            files.setdefault(path.name.partition(".")[0], []).append(path)
    if not files:
        raise ConfigError(f"{folder} has no file of a business, such as PROFILE.csv. Nothing was sent.")
    if twice := [ours for ours in files.values() if len(ours) > 1]:
        names = " and ".join(path.name for path in twice[0])
        raise ConfigError(f"{names} in {folder} are of one business; one file each. Nothing was sent.")
    return {business: ours[0] for business, ours in files.items()}


def journals_in(folder: Path) -> list[str]:
    """Return the businesses that have a journal in a folder, by name."""
    return sorted(path.stem for path in folder.glob("*.sqlite3")) if edge.is_folder(folder) else []


def for_each(businesses: Iterable[str], work: Callable[[str], pd.DataFrame]) -> FleetFrame:
    """Call `work` for each business, and return what it gave or raised; Ctrl-C ends all of them."""
    names = list(dict.fromkeys(businesses))
    if not names:
        return FleetFrame({})
    stop = threading.Event()
    with edge.make_pool(min(len(names), MAX_THREADS)) as pool:
        futures = {name: pool.submit(_attempt, work, name, stop=stop) for name in names}
        try:
            wait(futures.values())
        except KeyboardInterrupt:
            stop.set()
    outcomes = {name: future.result() for name, future in futures.items()}
    frames = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, pd.DataFrame)}
    errors = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, KlikitFramesError)}
    return FleetFrame(frames, errors, is_interrupted=stop.is_set())


def _attempt(
    work: Callable[[str], pd.DataFrame], business: str, *, stop: threading.Event
) -> pd.DataFrame | KlikitFramesError:
    try:
        with edge.interruptible(stop):
            edge.check_interruption()
            return work(business)
    except JournalError as error:
        return in_fleet_words(error)
    except KlikitFramesError as error:
        return error
    except OSError as error:
        return ConfigError(str(error))
    except KeyboardInterrupt:
        return KlikitFramesError("It was stopped. What was sent before, if anything, is in its journal.")


def status(*, journal_folder: Folder = None) -> pd.DataFrame:
    """Return the last run of each business of a fleet, one row per journal in the folder, by name.

    Reads the journals, nothing else.

    Parameters
    ----------
    journal_folder : path, optional
        As given to `run` of the fleet.

    Returns
    -------
    DataFrame
        ``business``, then the columns of ``kf.runs``. A journal without a run has missing values; one that
        cannot be read has the reason in ``status``.

    Examples
    --------
    >>> len(kf.fleet.status(journal_folder="journals"))
    0
    """
    folder = fleet_folder(journal_folder)
    columns = runs(journal=":memory:").columns
    rows = []
    for business in journals_in(folder):
        try:
            history = runs(journal=folder / f"{business}.sqlite3")
            last = history.iloc[-1].to_dict() if len(history) else {}
        except KlikitFramesError as error:
            last = {"status": str(in_fleet_words(error) if isinstance(error, JournalError) else error)}
        rows.append({COLUMN: business, **last})
    return pd.DataFrame(rows, columns=[COLUMN, *columns])
