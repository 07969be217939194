"""The form for a file: drop it, see problems and plan, apply, take the result home."""

from __future__ import annotations

import io
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as w  # type: ignore[import-untyped]
import pandas as pd

from ..frames.toggles import CheckedToggles, check_toggles
from ..planning.planner import plan
from ..running.exports import write_csv
from .form_html import block_html, download_html, error_html, note_html
from .item_index import entity_index
from .menu_cache import LiveFlags
from .run_panel import PanelForm, RunPanel, told

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.journal import JournalPath

ACCEPTED = ".csv,.tsv,.txt,.xlsx,.parquet,.jsonl"


class UploadForm(PanelForm):
    r"""A form for a CSV, XLSX, Parquet or JSON Lines file, for those who write no code.

    Reads the menus of the file's stores once a file is there; sends the previewed plan when Apply is pressed.
    Also good as an app: ``voila notebook.ipynb``.

    Parameters
    ----------
    client : Client
        Where to read and to send.
    journal : path, optional
        As for ``kf.run``.

    Examples
    --------
    >>> csv = b"entity_type,entity_id,brand_id,branch_id,is_enabled\nsection,6801,663,1062,maybe\n"
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     form = kf.forms.UploadForm(client)
    ...     form.take(csv, name="toggles.csv")
    ...     form.wait()
    ...     form.checked.problems[["line", "value", "code"]]
       line  value      code
    0     2  maybe  flag_unknown
    """

    def __init__(self, client: Client, *, journal: JournalPath = None) -> None:
        self.client = client
        self.panel = RunPanel(client, journal=journal)
        self.panel.controller.on_written = self._note
        self.checked: CheckedToggles | None = None
        self._live: LiveFlags | None = None
        self.upload = w.FileUpload(accept=ACCEPTED, description="Choose a file").add_class("kf-upload")
        self.file_note = w.HTML().add_class("kf-file-note")
        self.found = w.HTML().add_class("kf-problems")
        self.good_only = w.Checkbox(description="Send the good rows all the same", indent=False)
        self.good_only.add_class("kf-good-only").layout.display = "none"
        super().__init__([self.upload, self.file_note, self.found, self.good_only, self.panel])
        self.add_class("kf-upload-form")
        self.upload.observe(self._uploaded, names="value")
        self.good_only.observe(self._offer, names="value")
        self.panel.say("Choose a CSV, XLSX, Parquet or JSON Lines file of toggles.")

    def take(self, content: bytes, *, name: str) -> None:
        """Check and plan a file, as if it had been uploaded."""
        self.file_note.value = note_html(f"Reading {name} …")
        self.panel.say("")
        self.panel.worker.ask(told(partial(self._check, content, name=name), say=self._refuse))

    def _uploaded(self, _: object) -> None:
        for file in self.upload.value:
            self.take(bytes(file["content"]), name=file["name"])

    def _check(self, content: bytes, *, name: str) -> None:
        self.checked = check_toggles(io.BytesIO(content))
        self.file_note.value = note_html(f"{name}: {len(self.checked.toggles):,} good rows.")
        self.found.value = block_html(problems_html(self.checked)) if len(self.checked.problems) else ""
        is_choice = not self.checked.is_valid and len(self.checked.toggles) > 0
        self.good_only.layout.display = None if is_choice else "none"
        self.good_only.value = False
        self._plan()

    def _offer(self, _: object) -> None:
        self.panel.worker.ask(told(self._plan, say=self._refuse))

    def _plan(self) -> None:
        if self.checked is None:
            return
        if not self.checked.is_valid and not self.good_only.value:
            self.panel.say(
                "Nothing is planned while rows are wrong: mend them in the file and choose it again."
            )
            return
        toggles = self.checked.toggles
        live = self._live = self._live or LiveFlags(self.client)
        self.panel.index = entity_index(live.business)
        self.panel.controller.set_plan(plan(toggles, state=live.state(_pairs(toggles)), progress=False))

    def _refuse(self, text: str) -> None:
        self.file_note.value = error_html(text)
        self.panel.say("")

    def _note(self, written: pd.DataFrame) -> None:
        if self._live is not None:
            self._live.note(written)


def problems_html(checked: CheckedToggles) -> str:
    """Return the problems of a file, and a link to the file with a column that says them."""
    with tempfile.TemporaryDirectory() as folder:
        content = write_csv(checked.annotated, Path(folder) / "problems.csv").read_bytes()
    link = download_html(content, name="problems.csv", text="Download the rows with their problems (CSV)")
    return f"{link}{checked._repr_html_()}"


def _pairs(toggles: pd.DataFrame) -> list[tuple[int, int]]:
    stores = toggles.loc[toggles["scope"] == "store", ["brand_id", "branch_id"]].drop_duplicates()
    return [(int(brand), int(branch)) for brand, branch in stores.itertuples(index=False)]
