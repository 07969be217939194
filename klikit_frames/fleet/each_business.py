"""One call for each business of a fleet, side by side on threads; the trouble of one stays with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ..errors import ConfigError, KlikitFramesError
from ..scheduling.ticks import tick as tick_one
from .business_tasks import connect_business
from .dispatching import MAX_THREADS
from .fleet_plans import COLUMN
from .fleet_runs import Folder, fleet_folder


@dataclass(frozen=True, eq=False)
class FleetFrame:
    """What one call gave for each business.

    Attributes
    ----------
    frames : dict of DataFrame
        By business, those for which the call succeeded.
    errors : dict of KlikitFramesError
        By business, why it did not.
    """

    frames: Mapping[str, pd.DataFrame]
    errors: Mapping[str, KlikitFramesError] = field(default_factory=dict)

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
    """Keep the promises that are due of many businesses, each from its own journal.

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
    names = journals_in(folder) if businesses is None else list(businesses)
    caps = {"writes_per_minute": writes_per_minute, "reads_per_minute": reads_per_minute}

    def work(business: str) -> pd.DataFrame:
        with connect_business(business, caps) as client:
            return tick_one(client, journal=folder / f"{business}.sqlite3", progress=False)

    return for_each(names, work)


def journals_in(folder: Path) -> list[str]:
    """Return the businesses that have a journal in a folder, by name."""
    return sorted(path.stem for path in folder.glob("*.sqlite3")) if folder.is_dir() else []


def for_each(businesses: Iterable[str], work: Callable[[str], pd.DataFrame]) -> FleetFrame:
    """Call `work` for each business, and return what it gave or raised."""
    names = list(dict.fromkeys(businesses))
    if not names:
        return FleetFrame({})
    with ThreadPoolExecutor(min(len(names), MAX_THREADS)) as pool:
        outcomes = dict(zip(names, pool.map(lambda name: _attempt(work, name), names), strict=True))
    frames = {name: one for name, one in outcomes.items() if isinstance(one, pd.DataFrame)}
    errors = {name: one for name, one in outcomes.items() if isinstance(one, KlikitFramesError)}
    return FleetFrame(frames, errors)


def _attempt(work: Callable[[str], pd.DataFrame], business: str) -> pd.DataFrame | KlikitFramesError:
    try:
        return work(business)
    except KlikitFramesError as error:
        return error
    except OSError as error:
        return ConfigError(str(error))
