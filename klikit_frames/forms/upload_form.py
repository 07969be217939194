"""The form for a file: choose it, name its columns, see problems and plan, apply, take the result home."""

from __future__ import annotations

import base64
import binascii
import io
import tempfile
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import traitlets as t

from ..api.client_arguments import check_is_client
from ..frames.headers import name_places, read_header
from ..frames.problems import problems_html
from ..frames.templates import template
from ..frames.toggles import CheckedToggles, check_toggles
from ..html import paragraph_html
from ..overview import NO_NAMES, Names
from ..planning.planner import plan
from ..running.live_state import read_state
from ..running.results import write_csv
from ..wording import counted
from .base_widget import Command, script
from .button_words import to_buttons
from .menu_cache import MenuCache
from .run_panel import PanelForm, store_pairs_of

if TYPE_CHECKING:
    from ..api.client import Client
    from ..running.journal import JournalPath

ACCEPTED = ".csv,.tsv,.txt,.xlsx,.parquet,.jsonl"
_FIRST_WORDS = "Choose a file of changes, or fill in a template."
_ASK_COLUMNS = "Nothing is planned: say what the columns mean, or mend the file and choose it again."
_ASK_ROWS = "Nothing is planned while rows are wrong: mend them in the file and choose it again."
_MOST_COLUMNS = 40
_WORDS = ("message", "hint")
_OWN = ""
# What a column can mean, in words, in the order of the choice.
MEANINGS = {
    _OWN: "(a column of your own)",
    "entity_id": "id",
    "item_id": "id of a dish",
    "category_id": "id of a category",
    "section_id": "id of a section",
    "entity_type": "level: item, category, section",
    "title": "name of the dish",
    "sku": "SKU",
    "store": "store, as brand/branch ids",
    "brand_id": "id of the brand",
    "brand_title": "name of the brand",
    "branch_id": "id of the branch",
    "branch_title": "name of the branch",
    "is_enabled": "on or off",
    "scope": "scope: store or business",
    "cascade_to_modifier_groups": "modifier groups too",
    "cascade_brand_ids": "brands of the modifier groups",
}

MOST_BYTES = 50_000_000


class UploadForm(PanelForm):
    r"""A form for a CSV, XLSX, Parquet or JSON Lines file, for those who write no code.

    Takes up to 50 MB, in pieces. Reads the business menu once a file is there, for names, and the menus of
    the file's stores; sends the previewed plan when Apply is pressed. Also good as an app:
    ``voila notebook.ipynb``.

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

    _esm = script("panel.js", "upload.js")

    accepted = t.Unicode(ACCEPTED).tag(sync=True)
    limit = t.Int(MOST_BYTES).tag(sync=True)
    piece = t.Dict().tag(sync=True, echo_update=False)
    received = t.Dict().tag(sync=True)
    file = t.Dict().tag(sync=True)

    def __init__(self, client: Client, *, journal: JournalPath = None) -> None:
        check_is_client(client)
        self.checked: CheckedToggles | None = None
        self.columns: dict[str, str] = {}
        self.is_good_only = False
        self._content, self._name, self._note = b"", "", ""
        self._menus: MenuCache | None = None
        self._problems = ""
        self._arriving = PiecewiseFile()
        super().__init__(client, journal=journal)
        self.controller.on_written = self._written
        self.observe(self._on_piece, names="piece")
        self.show_hint(_FIRST_WORDS)

    @property
    def names(self) -> Names:
        """The titles of entities, brands and branches, once a file is there."""
        return NO_NAMES if self._menus is None else self._menus.names

    def take(self, content: bytes, *, name: str, columns: Mapping[str, str] | None = None) -> None:
        """Check and plan a file, as if it had been uploaded.

        Parameters
        ----------
        content : bytes
            What is in it.
        name : str
            What it is called.
        columns : dict, optional
            As for `check_toggles`: what columns of other names mean.
        """
        self._content, self._name, self.columns = content, name, dict(columns or {})
        self._note = f"Reading {name} …"
        self.show_hint("")
        self.worker.ask(self.careful(self._check, show=self._refuse))

    def apply_command(self, command: Command) -> None:
        """Carry out one command of the page."""
        match command:
            case {"type": "too_large", "name": str(name), "size": int(size)}:
                self._refuse(too_large(name, size))
            case {"type": "unreadable", "name": str(name), "why": str(why)}:
                self._refuse(f"{name} could not be read by the page: {why}.")
            case {"part": "file", "type": "columns", "columns": dict(columns)} if self._content:
                self.take(self._content, name=self._name, columns=_assigned(columns))
            case {"part": "file", "type": "good_only", "on": bool(is_on)}:
                self.is_good_only = is_on
                self.worker.ask(self.careful(self._plan, show=self._refuse))
            case {"part": "file", "type": "problems"} if self.checked is not None:
                self.hand_over(annotated_csv(self.checked), name="problems.csv")
            case {"part": "file", "type": "template", "brand_id": int(brand_id)}:
                self.worker.ask(self.careful(partial(self._hand_over_template, brand_id), show=self._refuse))
            case _:
                super().apply_command(command)

    def draw(self) -> None:
        """Show everything as it is now."""
        super().draw()
        self.file = {
            "note": self._note,
            "share": self._arriving.n_bytes / max(1, self._arriving.size) if self._is_arriving else None,
            "problems": self._problems,
            "is_choice": self._is_choice,
            "good_only": self.is_good_only,
            "has_problems": self.checked is not None and len(self.checked.problems) > 0,
            "columns": self._column_view(),
            "meanings": [[value, text] for value, text in MEANINGS.items()],
            "asks": self._asks_for_columns,
            "templates": self._templates(),
        }

    @property
    def _is_arriving(self) -> bool:
        return bool(self._arriving.file_id) and not self._arriving.is_whole

    @property
    def _is_choice(self) -> bool:
        return self.checked is not None and not self.checked.is_valid and len(self.checked.toggles) > 0

    @property
    def _asks_for_columns(self) -> bool:
        return self.checked is not None and lacks_columns(self.checked)

    def _on_piece(self, change: Mapping[str, Any]) -> None:
        arriving = self._arriving
        arriving.take(change["new"])
        self._note = (
            f"{arriving.name}: {arriving.n_bytes / 1e6:.1f} of {arriving.size / 1e6:.1f} MB are here."
        )
        if arriving.is_whole:
            self._arriving = PiecewiseFile()
            self.take(arriving.content, name=arriving.name)
        self.received = {"id": arriving.file_id, "n_bytes": arriving.n_bytes}
        self.redraw()

    def _check(self) -> None:
        self._menus = self._menus or MenuCache(self.client, journal=self.journal)
        self.checked = self._checked(self._menus.state())
        # What is not on the menu of its store is known once these menus are read.
        pairs = store_pairs_of(self.checked.toggles)
        if pairs:
            self.checked = self._checked(self._menus.state(pairs))
        self._note = f"{self._name}: {counted(len(self.checked.toggles), 'good row')}."
        has_words = len(self.checked.problems) or self.checked.notes
        self._problems = self._problem_html() if has_words else ""
        self.is_good_only = False
        self._plan()

    def _checked(self, state: pd.DataFrame) -> CheckedToggles:
        stores = None if self._menus is None else self._menus.stores
        return check_file(self._content, columns=self.columns, state=state, stores=stores)

    def _plan(self) -> None:
        checked, menus = self.checked, self._menus
        if checked is None or menus is None:
            return
        if not checked.is_valid and not self.is_good_only:
            self.show_hint(_ASK_COLUMNS if self._asks_for_columns else _ASK_ROWS)
            return
        if checked.toggles.empty:
            self.show_hint("The file has no rows to send.")
            return
        made = plan(checked.toggles, state=menus.state(store_pairs_of(checked.toggles)), progress=False)
        self.controller.set_plan(made.with_named(menus.names))

    def _problem_html(self) -> str:
        """Return what is wrong with the file; where columns are to be named, which of them are missing."""
        checked = self.checked
        missing = [] if checked is None else missing_columns(checked)
        if missing:
            words = "; ".join(MEANINGS.get(name, name) for name in missing)
            return paragraph_html(f"No column says: {words}. Names of dishes and stores do in place of ids.")
        if checked is None:
            return ""
        texts = {name: checked.problems[name].map(to_buttons, na_action="ignore") for name in _WORDS}
        return problems_html(checked.problems.assign(**texts), notes=[*map(to_buttons, checked.notes)])

    def _refuse(self, text: str) -> None:
        self._note = to_buttons(text)
        self.show_hint("")

    def _written(self, written: pd.DataFrame) -> None:
        if self._menus is not None:
            self._menus.forget(written)
        self.hint = "Choose the next file."

    def _column_view(self) -> list[dict[str, str]]:
        if self.checked is None:
            return []
        frame = self.checked.annotated.drop(columns="problem", errors="ignore")
        if frame.columns.nlevels > 1:
            return []
        names = [str(name) for name in frame.columns]
        meant = _meanings(names, self.columns)
        firsts = frame.head(1).astype(object).fillna("").iloc[0].tolist() if len(frame) else [""] * len(names)
        return [
            {"name": name, "sample": str(first)[:40], "meaning": meant.get(place, _OWN)}
            for place, (name, first) in enumerate(zip(names, firsts, strict=True))
        ][:_MOST_COLUMNS]

    def _templates(self) -> list[list[str]]:
        choices = [["0", "every store, no dishes yet"]]
        if self._menus is not None:
            brands = self._menus.stores.drop_duplicates("brand_id")
            titled = zip(brands["brand_id"], brands["brand_title"], strict=True)
            choices += [[str(brand_id), f"{title}: its dishes in its stores"] for brand_id, title in titled]
        return choices

    def _hand_over_template(self, brand_id: int) -> None:
        self._note = "Making the template …"
        self.redraw()
        menus = self._menus = self._menus or MenuCache(self.client, journal=self.journal)
        stores = menus.stores if not brand_id else menus.stores[menus.stores["brand_id"] == brand_id]
        state = (
            read_state(self.client, stores=stores, journal=self.journal, progress=False) if brand_id else None
        )
        name = f"template.{'xlsx' if find_spec('xlsxwriter') else 'csv'}"
        with tempfile.TemporaryDirectory() as folder:
            content = template(Path(folder) / name, state=state, stores=stores).read_bytes()
        self._note = f"{name}: fill in the column is_enabled, and choose the file here."
        self.hand_over(content, name=name)
        self.redraw()


def annotated_csv(checked: CheckedToggles) -> bytes:
    """Return a file's rows with a column that says what is wrong with each."""
    with tempfile.TemporaryDirectory() as folder:
        return write_csv(checked.annotated, Path(folder) / "problems.csv").read_bytes()


def _assigned(columns: Mapping[str, object]) -> dict[str, str]:
    """Return the columns that a person has given a meaning."""
    return {
        name: str(meaning) for name, meaning in columns.items() if meaning in MEANINGS and meaning != _OWN
    }


def _meanings(names: list[str], columns: Mapping[str, str]) -> dict[int, str]:
    """Return what each column is read as, by its place."""
    header = read_header(names, columns)
    meant = {place: meaning for meaning, place in name_places(names, columns).items()}
    meant |= {place: meaning for meaning, place in header.places.items()}
    if header.entity_type and "entity_id" in header.places:
        meant[header.places["entity_id"]] = f"{header.entity_type}_id"
    return meant


def too_large(name: str, size: int) -> str:
    """Return the message for a file above the limit, before any of it is sent.

    Examples
    --------
    >>> from klikit_frames.forms.upload_form import too_large
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
    >>> from klikit_frames.forms.upload_form import PiecewiseFile
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
        """How many bytes were received."""
        return len(self._content)

    @property
    def is_whole(self) -> bool:
        """Whether all of it was received."""
        return bool(self.file_id) and self.n_bytes == self.size

    @property
    def content(self) -> bytes:
        """The bytes received so far."""
        return bytes(self._content)

    def take(self, piece: Mapping[str, object]) -> None:
        """Take one piece; ignore what is no piece, or would exceed the limit."""
        match piece:
            case {"id": str(file_id), "name": str(name), "size": int(size), "at": int(at), "data": str(data)}:
                if at == 0 and file_id != self.file_id and size <= MOST_BYTES:
                    self.file_id, self.name, self.size, self._content = file_id, name, size, bytearray()
                if file_id == self.file_id and at == self.n_bytes:
                    self._append(data)
            case _:
                pass

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
    """Check a file as it is; by names where it lacks ids and has names.

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
    """Tell whether a table cannot be read at all, for want of columns, say."""
    is_of_table = checked.problems["row"].isna() & (checked.problems["severity"] == "error")
    return bool(is_of_table.any())


def missing_columns(checked: CheckedToggles) -> list[str]:
    """Return the columns that a table lacks; none where something else is wrong with the table as well."""
    errors = checked.problems[checked.problems["severity"] == "error"]
    is_only = len(errors) > 0 and (errors["code"] == "column_missing").all()
    return errors["column"].drop_duplicates().tolist() if is_only else []
