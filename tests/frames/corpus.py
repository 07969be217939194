"""Nasty files and frames, all of them."""

from __future__ import annotations

from tests.frames.cell_corpus import CELLS, ROWS, SCOPES
from tests.frames.file_corpus import FILES, HEADERS
from tests.frames.frame_corpus import FRAMES, JSONS, SHEETS
from tests.frames.odd_value_corpus import ODD_VALUES

CASES = [*CELLS, *SCOPES, *ROWS, *FILES, *HEADERS, *SHEETS, *JSONS, *FRAMES, *ODD_VALUES]
