"""Pickers: search and tick entities or stores, and get their keys as a frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import traitlets as t

from .base_widget import BaseWidget, Command, apply_command, brief_table_html, script
from .item_index import ItemIndex, Key, entity_index, require_columns, store_index
from .selections import Selection, page_rows, summary, view_dict

MAX_CHOICES = 300
_FIRST_ROWS = 5
_NO_WIDGETS = "To tick rows here, install ipywidgets and anywidget where the notebook runs."
ENTITY_KEYS = ("entity_type", "entity_id")
STORE_KEYS = ("brand_id", "branch_id")


class PickList:
    """A list of rows to tick, as part of a page: what is drawn, what a command does, the keys as a frame.

    Knows no widget; touches neither network nor disk. `on_change` is called when the ticks change.

    Parameters
    ----------
    index : ItemIndex
        The rows.
    caption : str
        What they are.
    names : pair of str
        The columns of ``selected``.
    page_size : int
        Rows on one page.
    """

    def __init__(self, index: ItemIndex, *, caption: str, names: tuple[str, str], page_size: int) -> None:
        self.selection = Selection(index, page_size=page_size)
        self.caption = caption
        self.on_change: Callable[[], None] = lambda: None
        self._names = names

    @property
    def n_ticked(self) -> int:
        """How many rows are ticked."""
        return len(self.selection.ticked)

    @property
    def selected(self) -> pd.DataFrame:
        """The keys of what is ticked, in the order of the frame that was handed in."""
        return _key_frame(self.selection.in_order, names=self._names)

    @selected.setter
    def selected(self, keys: pd.DataFrame) -> None:
        require_columns(keys, self._names, source="the property selected")
        first, second = self._names
        self.selection.replace(zip(keys[first].tolist(), keys[second].tolist(), strict=True))
        self.on_change()

    def apply(self, command: Command) -> None:
        """Carry out one command of the page."""
        before = self.selection.n_changes
        apply_command(self.selection, command)
        if self.selection.n_changes != before:
            self.on_change()

    def face(self) -> dict[str, object]:
        """Return the parts of the table that hardly ever change: caption, columns and filters."""
        index = self.selection.index
        columns = [{"name": name, "label": column.label} for name, column in index.columns.items()]
        facets = {
            name: {"label": facet.label, "choices": facet.choices[:MAX_CHOICES]}
            for name, facet in index.facets.items()
        }
        sizes = {"page_size": self.selection.page_size, "n_rows": len(index.keys)}
        return {"caption": self.caption, "noun": index.noun, "columns": columns, "facets": facets, **sizes}

    def part(self) -> dict[str, object]:
        """Return the page of rows that is shown, and how it is looked at."""
        return {
            "rows": page_rows(self.selection),
            "summary": summary(self.selection),
            "view": view_dict(self.selection),
        }


def entity_list(state: pd.DataFrame, *, page_size: int) -> PickList:
    """Return the entities of a state, to tick."""
    return PickList(
        entity_index(state), caption="Entities of the menu", names=ENTITY_KEYS, page_size=page_size
    )


def store_list(stores: pd.DataFrame, *, page_size: int) -> PickList:
    """Return stores to tick."""
    return PickList(store_index(stores), caption="Stores", names=STORE_KEYS, page_size=page_size)


class PickerTable(BaseWidget):
    """One page of an index, with search, filters, order and ticks.

    Traits to observe: ``n_ticked``, ``n_hidden``, ``n_matching``, and ``ticks``, which grows with every
    change of what is ticked.
    """

    _esm = script("picker.js", "table.js")

    face = t.Dict().tag(sync=True)
    rows: Any = t.List().tag(sync=True)
    summary = t.Unicode().tag(sync=True)
    view = t.Dict().tag(sync=True)
    n_rows = t.Int().tag(sync=True)
    n_matching = t.Int().tag(sync=True)
    n_ticked = t.Int().tag(sync=True)
    n_hidden = t.Int().tag(sync=True)
    ticks = t.Int()

    def __init__(self, listed: PickList) -> None:
        self.listed = listed
        super().__init__(face=listed.face(), n_rows=len(listed.selection.index.keys))
        listed.on_change = self.redraw

    @property
    def selection(self) -> Selection:
        """What is ticked, and how the rows are looked at."""
        return self.listed.selection

    @property
    def selected(self) -> pd.DataFrame:
        """The keys of what is ticked, in the order of the frame that was handed in."""
        return self.listed.selected

    @selected.setter
    def selected(self, keys: pd.DataFrame) -> None:
        self.listed.selected = keys

    def apply_command(self, command: Command) -> None:
        """Carry out one command of the page."""
        apply_command(self.selection, command)

    def draw(self) -> None:
        """Show the selection as it is now."""
        selection, part = self.selection, self.listed.part()
        self.rows, self.summary, self.view = part["rows"], part["summary"], part["view"]  # type: ignore[assignment]
        self.n_matching, self.n_hidden = selection.n_matching, selection.n_hidden
        self.n_ticked = self.listed.n_ticked
        self.ticks = selection.n_changes

    def static_html(self) -> str:
        """Return a static first page, for where no widget can be drawn."""
        frame = _first_rows_frame(self.selection.index)
        rows = frame.itertuples(index=False, name=None)
        caption = f"{type(self).__name__}: {summary(self.selection)} {_NO_WIDGETS}"
        return brief_table_html(frame.columns, rows, caption=caption)

    def static_text(self) -> str:
        """Return text for a terminal: the counts, what to do without widgets, and the first rows."""
        frame = _first_rows_frame(self.selection.index).head(_FIRST_ROWS)
        counts = f"{type(self).__name__}: {summary(self.selection)}"
        rows = frame.to_string(index=False, header=False)
        return counts if frame.empty else f"{counts} {_NO_WIDGETS}\n{rows}"


class EntityPicker(PickerTable):
    """A table of entities to search, filter, sort and tick; 50,000 rows are fine.

    Touches neither network nor disk. All rows stay in Python; the page gets one page of them at a time.
    What is ticked is a set of keys, apart from search, filters, order and page.

    Parameters
    ----------
    state : pandas.DataFrame
        At least ``entity_type, entity_id, scope, brand_id, branch_id, is_enabled, title``, as
        ``kf.read_state`` returns it; ``sku``, ``path`` and ``brand_title`` are searched too. Several rows
        of one entity are one row here, and its flag says where it is on and off. A flag in ``pending``
        counts as the live one.
    page_size : int
        Rows on one page.

    Raises
    ------
    ConfigError
        A column is missing, or `page_size` is below 1.

    Examples
    --------
    >>> import pandas as pd
    >>> state = pd.DataFrame({"entity_type": ["item", "item"], "entity_id": [7, 8], "scope": "business",
    ...     "brand_id": pd.NA, "branch_id": pd.NA, "is_enabled": [True, False], "title": ["Rice", "Noodles"]})
    >>> picker = kf.forms.EntityPicker(state)
    >>> picker.selection.search("noo")
    >>> picker.selection.tick_matching()
    >>> picker.selected
      entity_type  entity_id
    0        item          8
    """

    def __init__(self, state: pd.DataFrame, *, page_size: int = 25) -> None:
        super().__init__(entity_list(state, page_size=page_size))


class StorePicker(PickerTable):
    """A table of stores to tick, filtered by brand, branch and city: "tick all that match" takes a whole one.

    Touches neither network nor disk.

    Parameters
    ----------
    stores : pandas.DataFrame
        At least ``brand_id`` and ``branch_id``, as ``kf.stores`` returns it; ``brand_title``,
        ``branch_title`` and ``city`` are shown and searched too. A city of which only the number is known
        goes by the words that the names of its branches begin with, or by the first of these names.
    page_size : int
        Rows on one page.

    Raises
    ------
    ConfigError
        A column is missing, or `page_size` is below 1.

    Examples
    --------
    >>> import pandas as pd
    >>> stores = {"brand_id": [5297, 5297], "branch_id": [1293, 1294], "city": ["Ubud", "Kuta"]}
    >>> picker = kf.forms.StorePicker(pd.DataFrame(stores))
    >>> picker.selection.narrow("city", choice="Kuta")
    >>> picker.selection.tick_matching()
    >>> picker.selected
       brand_id  branch_id
    0      5297       1294
    """

    def __init__(self, stores: pd.DataFrame, *, page_size: int = 25) -> None:
        super().__init__(store_list(stores, page_size=page_size))


def _key_frame(keys: list[Key], *, names: tuple[str, str]) -> pd.DataFrame:
    firsts: pd.Series[Any] = pd.Series(
        [key[0] for key in keys], dtype="str" if names[0] == "entity_type" else "int64"
    )
    return pd.DataFrame({names[0]: firsts, names[1]: pd.Series([key[1] for key in keys], dtype="int64")})


def _first_rows_frame(index: ItemIndex) -> pd.DataFrame:
    """Return the first rows, short: this is saved with the notebook."""
    columns = {name: column for name, column in index.columns.items() if name != "path"}
    return pd.DataFrame(
        {column.label: [text[:40] for text in column.texts[:_FIRST_ROWS]] for column in columns.values()}
    )
