"""Pickers: search and tick entities or stores, and get their keys as a frame."""

from __future__ import annotations

from typing import Any

import pandas as pd
import traitlets as t

from .base_widget import STYLE, BaseWidget, script
from .form_html import brief_table_html
from .item_index import ItemIndex, Key, entity_index, require_columns, store_index
from .page_commands import Command, apply_command
from .selections import Selection, page_rows, summary, view_dict

MAX_CHOICES = 300


def table_header(index: ItemIndex, *, caption: str) -> dict[str, object]:
    """Return the parts of a table that never change: caption, columns and filters."""
    columns = [{"name": name, "label": column.label} for name, column in index.columns.items()]
    facets = {
        name: {"label": facet.label, "choices": facet.choices[:MAX_CHOICES]}
        for name, facet in index.facets.items()
    }
    return {"caption": caption, "noun": index.noun, "columns": columns, "facets": facets}


class PickerTable(BaseWidget):
    """One page of an index, with search, filters, order and ticks.

    Traits to observe: ``n_ticked``, ``n_hidden``, ``n_matching``, and ``ticks``, which grows with every
    change of what is ticked.
    """

    _esm = script("table.js")
    _css = STYLE

    face = t.Dict().tag(sync=True)
    n_rows = t.Int().tag(sync=True)
    n_matching = t.Int().tag(sync=True)
    n_ticked = t.Int().tag(sync=True)
    n_hidden = t.Int().tag(sync=True)
    ticks = t.Int()

    def __init__(self, index: ItemIndex, *, caption: str, page_size: int) -> None:
        self.selection = Selection(index, page_size=page_size)
        super().__init__(face=table_header(index, caption=caption), n_rows=len(index.keys))

    def apply_command(self, command: Command) -> None:
        """Carry out one command of the page."""
        apply_command(self.selection, command)

    def draw(self) -> None:
        """Show the selection as it is now."""
        with self.hold_sync():
            self.rows = page_rows(self.selection)
            self.summary = summary(self.selection)
            self.view = view_dict(self.selection)
            self.n_matching = self.selection.n_matching
            self.n_hidden = self.selection.n_hidden
            self.n_ticked = len(self.selection.ticked)
        self.ticks = self.selection.n_changes


_FIRST_ROWS = 8


class _Picker(PickerTable):
    """What both pickers share: the keys as a frame, and how they look without a front end."""

    _names: tuple[str, str]

    @property
    def selected(self) -> pd.DataFrame:
        """The keys of what is ticked, in the order of the frame that was handed in."""
        return _key_frame(self.selection.in_order, names=self._names)

    @selected.setter
    def selected(self, keys: pd.DataFrame) -> None:
        require_columns(keys, self._names, source=f"{type(self).__name__}.selected")
        first, second = self._names
        self.selection.replace(zip(keys[first].tolist(), keys[second].tolist(), strict=True))
        self.draw()

    def _repr_html_(self) -> str:
        """Return a static first page, for where no widget can be drawn."""
        frame = _first_rows_frame(self.selection.index)
        rows = frame.itertuples(index=False, name=None)
        return brief_table_html(
            frame.columns, rows, caption=f"{type(self).__name__}: {summary(self.selection)}"
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle: Any = super()._repr_mimebundle_(**kwargs)
        data, *rest = bundle if isinstance(bundle, tuple) else (bundle,)
        data = {**data, "text/plain": repr(self), "text/html": self._repr_html_()}
        return (data, *rest) if rest else data

    def __repr__(self) -> str:
        """Return text for a terminal: the counts, and the first rows."""
        frame = _first_rows_frame(self.selection.index).head(_FIRST_ROWS)
        told = f"{type(self).__name__}: {summary(self.selection)}"
        return told if frame.empty else f"{told}\n{frame.to_string(index=False, header=False)}"


class EntityPicker(_Picker):
    """A table of entities to search, filter, sort and tick; 50,000 rows are fine.

    Touches neither network nor disk. All rows stay in Python; the page gets one page of them at a time.
    What is ticked is a set of keys, apart from search, filters, order and page.

    Parameters
    ----------
    state : pandas.DataFrame
        At least ``entity_type, entity_id, scope, brand_id, branch_id, is_enabled, title``, as
        ``kf.read_state`` returns it; ``sku``, ``path`` and ``brand_title`` are searched too. Several rows
        of one entity are one row here, told as ``on``, ``off``, ``mixed`` or ``unknown``.
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

    _names = ("entity_type", "entity_id")

    def __init__(self, state: pd.DataFrame, *, page_size: int = 25) -> None:
        super().__init__(entity_index(state), caption="Entities of the menu", page_size=page_size)


class StorePicker(_Picker):
    """A table of stores to tick, filtered by brand, branch and city: "tick all that match" takes a whole one.

    Touches neither network nor disk.

    Parameters
    ----------
    stores : pandas.DataFrame
        At least ``brand_id`` and ``branch_id``, as ``kf.stores`` returns it; ``brand_title``,
        ``branch_title`` and ``city`` are shown and searched too.
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

    _names = ("brand_id", "branch_id")

    def __init__(self, stores: pd.DataFrame, *, page_size: int = 25) -> None:
        super().__init__(store_index(stores), caption="Stores", page_size=page_size)


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
