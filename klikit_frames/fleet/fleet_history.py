"""How the last run of each business of a fleet ended."""

from __future__ import annotations

import pandas as pd

from ..errors import KlikitFramesError
from ..running.runs import runs
from .each_business import journals_in
from .fleet_plans import COLUMN
from .fleet_runs import Folder, fleet_folder


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
            last = {"status": str(error)}
        rows.append({COLUMN: business, **last})
    return pd.DataFrame(rows, columns=[COLUMN, *columns])
