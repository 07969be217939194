"""A file that arrives in pieces, and what is in it. Pure."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping

import pandas as pd

from ..frames.toggles import CheckedToggles, check_toggles

MOST_BYTES = 50_000_000


def too_large(name: str, size: int) -> str:
    """Return what is said of a file above the limit, before any of it is sent.

    Examples
    --------
    >>> from klikit_frames.forms.uploads import too_large
    >>> too_large("all.csv", 61_400_000)
    'all.csv has 61.4 MB; this form takes up to 50 MB. Split the table, or save it as XLSX or Parquet.'
    """
    sizes = f"{size / 1e6:.1f} MB; this form takes up to {MOST_BYTES // 1_000_000} MB"
    return f"{name} has {sizes}. Split the table, or save it as XLSX or Parquet."


class PiecewiseFile:
    """Puts the pieces of one file together.

    A piece that starts where the last one ended is taken; one that came before is not taken again; the first
    piece of another file starts over.

    Examples
    --------
    >>> from klikit_frames.forms.uploads import PiecewiseFile
    >>> file = PiecewiseFile()
    >>> file.take({"id": "a", "name": "x.csv", "size": 4, "at": 0, "data": "YWI="})
    >>> file.take({"id": "a", "name": "x.csv", "size": 4, "at": 2, "data": "Y2Q="})
    >>> file.is_whole, file.content
    (True, b'abcd')
    """

    def __init__(self) -> None:
        self.file_id = ""
        self.name = ""
        self.size = 0
        self._content = bytearray()

    @property
    def n_bytes(self) -> int:
        """How much of it is here."""
        return len(self._content)

    @property
    def is_whole(self) -> bool:
        """Whether all of it is here."""
        return bool(self.file_id) and self.n_bytes == self.size

    @property
    def content(self) -> bytes:
        """What is here of it."""
        return bytes(self._content)

    def take(self, piece: Mapping[str, object]) -> None:
        """Take one piece; what is no piece, or would grow past the limit, is left."""
        match piece:
            case {"id": str(file_id), "name": str(name), "size": int(size), "at": int(at), "data": str(data)}:
                if at == 0 and file_id != self.file_id and size <= MOST_BYTES:
                    self.file_id, self.name, self.size, self._content = file_id, name, size, bytearray()
                if file_id == self.file_id and at == self.n_bytes:
                    self._append(data)

    def _append(self, data: str) -> None:
        try:
            content = base64.b64decode(data, validate=True)
        except binascii.Error:
            return
        if self.n_bytes + len(content) <= self.size:
            self._content += content


def check_file(
    content: bytes, *, columns: Mapping[str, str], state: pd.DataFrame, stores: pd.DataFrame | None
) -> CheckedToggles:
    """Check a file as it is; with names where it lacks ids and names can stand for them.

    Parameters
    ----------
    content : bytes
        What is in the file.
    columns : dict
        What columns of other names mean.
    state, stores : DataFrame
        As for `check_toggles`.
    """
    plain = check_toggles(io.BytesIO(content), columns=columns or None, state=state)
    if not lacks_columns(plain):
        return plain
    named = check_toggles(
        io.BytesIO(content), columns=columns or None, names=True, state=state, stores=stores
    )
    return plain if lacks_columns(named) else named


def lacks_columns(checked: CheckedToggles) -> bool:
    """Tell whether a table as a whole cannot be read: its columns do not tell what is needed, say."""
    is_of_table = checked.problems["row"].isna() & (checked.problems["severity"] == "error")
    return bool(is_of_table.any())


def missing_columns(checked: CheckedToggles) -> list[str]:
    """Return the columns that a table lacks; none where something else is wrong with the table as well."""
    errors = checked.problems[checked.problems["severity"] == "error"]
    is_only = len(errors) > 0 and (errors["code"] == "column_missing").all()
    return errors["column"].drop_duplicates().tolist() if is_only else []
