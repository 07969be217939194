"""Wanted tables: how the menus shall always be, in one table or in a folder of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .. import edge
from .checked import CheckedToggles, mark_checked, raise_for_errors
from .frame_codec import text_series
from .problems import problems_frame, table_problem
from .row_checks import ValidRows, row_problems
from .schemas import TOGGLE_COLUMNS
from .toggles import check_toggles, read_toggles

SOURCE = "source"
_NO_ROWS = np.empty(0, dtype=np.int64)
_NO_TABLE = "If it is no table, take the file out of the folder, or begin its name with a dot."


def read_wanted(wanted: Any, **options: Any) -> pd.DataFrame:
    r"""Return the toggles of a wanted table, or of all tables of a folder in name order, all or nothing.

    Reads the disk if `wanted` is a path; never the network. Files and folders whose names begin with a dot
    or with ``~$`` are left out, and so is nothing else: a file that is no table is a problem.

    Parameters
    ----------
    wanted : path of a folder, or whatever `read_toggles` takes
        What the menus shall be like.
    **options
        Of `read_toggles`: ``columns``, ``names``, ``state``, ``stores``.

    Returns
    -------
    pandas.DataFrame
        As `read_toggles` returns it, with ``source`` (text) last: the table's name, below the folder;
        missing where it is no file. An own column of that name comes back as ``input_source``.

    Raises
    ------
    InvalidToggles
        A row is bad, a file is no table, the folder has none, or two tables contradict each other: the
        message names both with row and line. ``.problems`` of a folder has ``source`` first.
    FileError, ConfigError
        As `read_toggles`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from klikit_frames.frames.wanted_tables import read_wanted
    >>> Path("wanted").mkdir()
    >>> _ = Path("wanted/lunch.csv").write_text("item_id,store,is_enabled\n289379,5297/1293,on\n")
    >>> read_wanted("wanted")[["entity_id", "is_enabled", "source"]].values.tolist()
    [[289379, True, 'lunch.csv']]
    """
    folder = _folder(wanted)
    if folder is None:
        return _with_source(read_toggles(wanted, **options), _name(wanted))
    tables = [
        _WantedTable(path.relative_to(folder).as_posix(), check_toggles(path, **options))
        for path in _paths(folder)
    ]
    raise_for_errors(_problems(tables, folder))
    toggles = pd.concat(
        [_with_source(table.checked.toggles, table.name) for table in tables], ignore_index=True
    )
    mark_checked(toggles)
    return toggles


@dataclass(frozen=True, eq=False)
class _WantedTable:
    """One file of a folder, by its name below it."""

    name: str
    checked: CheckedToggles

    @property
    def problems(self) -> pd.DataFrame:
        """What is wrong in it; for a file that is no table, also how to leave it out."""
        problems = self.checked.problems.copy()
        is_of_table = problems["row"].isna() & problems["severity"].eq("error")
        problems.loc[is_of_table, "hint"] += f" {_NO_TABLE}"
        problems.insert(0, SOURCE, self.name)
        return problems


def _folder(wanted: Any) -> Path | None:
    if not isinstance(wanted, (str, os.PathLike)) or str(wanted) == "-" or "\0" in str(wanted):
        return None
    path = Path(wanted).expanduser()
    return path if edge.is_folder(path) else None


def _name(wanted: Any) -> str | None:
    is_path = isinstance(wanted, (str, os.PathLike)) and str(wanted) != "-"
    return Path(wanted).name if is_path else None


def _paths(folder: Path) -> list[Path]:
    """Return the files of a folder and of those in it, in the order of their names."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    seen = [path for path in paths if not any(map(_is_hidden, path.relative_to(folder).parts))]
    return sorted(seen, key=lambda path: path.relative_to(folder).as_posix())


def _is_hidden(name: str) -> bool:
    # A spreadsheet that is open has a companion that begins so.
    return name.startswith((".", "~$"))


def _with_source(toggles: pd.DataFrame, name: str | None) -> pd.DataFrame:
    kept = toggles.rename(columns={SOURCE: f"input_{SOURCE}"})
    kept[SOURCE] = text_series([name] * len(kept)).array
    mark_checked(kept)
    return kept


def _problems(tables: list[_WantedTable], folder: Path) -> pd.DataFrame:
    """Return what is wrong in each table, and where tables contradict or repeat each other."""
    if not tables:
        message = f"There is no table in {folder}."
        nothing = [table_problem("folder_empty", message=message)]
        return problems_frame(nothing, rows=_NO_ROWS, lines=None)
    within = pd.concat([table.problems for table in tables], ignore_index=True)
    every = pd.concat([within, _between(tables)], ignore_index=True)
    # Problems within one table were found when it was read; they are not repeated here.
    return every.drop_duplicates([SOURCE, "row", "line", "column", "code", "value"], ignore_index=True)


def _between(tables: list[_WantedTable]) -> pd.DataFrame:
    """Return contradictions between rows of different tables: one problem for each of the two rows."""
    toggles = pd.concat([table.checked.toggles[list(TOGGLE_COLUMNS)] for table in tables], ignore_index=True)
    numbers = [table.checked.numbers for table in tables]
    rows = np.concatenate([row_numbers.rows for row_numbers in numbers])
    # Not every kind of file has lines.
    lines = np.concatenate(
        [
            np.zeros_like(row_numbers.rows) if row_numbers.lines is None else row_numbers.lines
            for row_numbers in numbers
        ]
    )
    names = np.array([table.name for table in tables], dtype=object)
    sources = np.repeat(names, [len(table.checked.toggles) for table in tables])
    places = np.arange(len(toggles))
    valid = ValidRows(toggles=toggles, positions=places, rows=rows, lines=lines, sources=sources)
    # Told by place first, so that each problem finds its table.
    problems = problems_frame(row_problems(valid), rows=places, lines=None)
    at = problems["row"].to_numpy(dtype=np.int64)
    line = pd.arrays.IntegerArray(lines[at].astype(np.int64), lines[at] <= 0)
    numbered = problems.assign(row=pd.array(rows[at], dtype="Int64"), line=line)
    numbered.insert(0, SOURCE, sources[at])
    return numbered
