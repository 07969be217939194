"""What a cell of an XLSX file can hold, said before one is written."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd

from klikit_frames.errors import ConfigError

# Microsoft's list of Excel's limits; a sign beyond U+FFFF counts as two.
_MOST_CHARACTERS = 32_767
_NO_XML = re.compile("[\ufffe\uffff]")
_MOST_SHOWN = 10


def confirm_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` if an XLSX file can hold all of its texts as they are.

    Touches neither network nor disk.

    Raises
    ------
    ConfigError
        If a text would be cut or altered; the message names column and row (1 is the first data row).

    Examples
    --------
    >>> import pandas as pd
    >>> from klikit_frames.frames.sheets import confirm_cells
    >>> confirm_cells(pd.DataFrame({"note": ["fine", "x" * 40_000]}))
    Traceback (most recent call last):
    klikit_frames.errors.ConfigError: XLSX files cannot hold 1 of these texts; save them with to_csv instead.
    - column 'note', row 2: 40,000 characters, of which Excel keeps 32,767
    """
    faults = list(_faults(frame))
    if faults:
        rest = [f"- and {len(faults) - _MOST_SHOWN:,} more"] if len(faults) > _MOST_SHOWN else []
        head = f"XLSX files cannot hold {len(faults):,} of these texts; save them with to_csv instead."
        raise ConfigError("\n".join([head, *faults[:_MOST_SHOWN], *rest]))
    return frame


def _faults(frame: pd.DataFrame) -> Iterator[str]:
    for place, name in enumerate(frame.columns):
        fault = _fault(name) if isinstance(name, str) else ""
        if fault:
            yield f"- the name of column {place + 1}: {fault}"
        for row, cell in enumerate(frame.iloc[:, place].astype(object), 1):
            fault = _fault(cell) if isinstance(cell, str) else ""
            if fault:
                yield f"- column {str(name)[:60]!r}, row {row:,}: {fault}"


def _fault(text: str) -> str:
    size = len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
    if size > _MOST_CHARACTERS:
        return f"{size:,} characters, of which Excel keeps {_MOST_CHARACTERS:,}"
    found = _NO_XML.search(text)
    return f"the sign U+{ord(found[0]):04X}, which XML does not have" if found else ""
