"""Pictures of live flags: entities against stores, and bars of what is dark and of what changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from ..errors import StateError, check_choice, check_type
from ..frames.cell_keys import Codes
from ..frames.schemas import ENTITY_TYPES
from ..menus.state_arrays import TEXT, check_state, flags
from ..menus.visibility import effective
from .pictures import (
    ABSENT,
    INK,
    OFF,
    ON,
    UNKNOWN,
    Labels,
    Picture,
    inches_of,
    key,
    name_of,
    new_figure,
    read_labels,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What a page can show with labels that can be read.
_MOST_ROWS = 100
_MOST_COLUMNS = 60
_ABSENT, _UNKNOWN, _OFF, _ON = range(4)
_MEANINGS = {
    _ON: ("on", ON),
    _OFF: ("off", OFF),
    _UNKNOWN: ("not known", UNKNOWN),
    _ABSENT: ("not in the menu", ABSENT),
}
_LINES = f"{INK}60"
_PLURALS = {
    "section": "sections",
    "category": "categories",
    "item": "items",
    "brand": "brands",
    "store": "stores",
}

# Bars of a page; what has less to show is left out, and the title says how many.
_MOST_BARS = 40


@dataclass(frozen=True)
class FlagGrid:
    """What a heat map shows: a value per row and column, and what rows, columns and values are."""

    values: Codes
    rows: list[str]
    columns: list[str]
    row_kind: str
    column_kind: str
    is_share: bool
    n_left_out: int = 0


def plot_matrix(
    state: pd.DataFrame, *, entity_type: str = "item", stores: pd.DataFrame | None = None
) -> Picture:
    """Return a heat map of what is on and off: entities down, stores across.

    Up to 100 entities and 60 stores each cell is one flag. Above that, entities are put together by category,
    section or brand and stores by brand, and a cell is the share that is on. Needs the extra ``[plots]``.

    Parameters
    ----------
    state : DataFrame
        From `klikit_frames.read_state` with store rows, or from `klikit_frames.effective`, whose
        ``is_effective`` is then shown.
    entity_type : {"section", "category", "item"}
        What to show.
    stores : DataFrame, optional
        From `klikit_frames.stores`, for names in place of ids.

    Raises
    ------
    StateError
        `state` is not a state.
    ConfigError
        `entity_type` is no such type, or matplotlib is not installed.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     stores = kf.stores(client)
    ...     state = kf.read_state(client, stores=stores.head(5))
    >>> kf.plot_matrix(state, entity_type="section", stores=stores)
    <Picture: Sections on and off: ... sections × 5 stores, ... of ... on>
    """
    check_choice("entity_type", entity_type, among=ENTITY_TYPES)
    is_shown = (check_state(state)["scope"] == "store") & (state["entity_type"] == entity_type)
    grid = make_grid(state[is_shown], labels=read_labels(stores), entity_type=entity_type)
    return _draw(grid, entity_type)


def make_grid(rows: pd.DataFrame, *, labels: Labels, entity_type: str) -> FlagGrid:
    """Return the finest grid of these store rows that still fits a page."""
    down, row_kind = _fitting(_row_keys(rows, labels, entity_type), limit=_MOST_ROWS)
    across, column_kind = _fitting(_column_keys(rows, labels), limit=_MOST_COLUMNS)
    is_share = (row_kind, column_kind) != (entity_type, "store")
    column = "is_effective" if "is_effective" in rows.columns else "is_enabled"
    cells = pd.DataFrame({"row": down.to_numpy(), "column": across.to_numpy(), "flag": flags(rows[column])})
    table = (_shares if is_share else _single)(cells)
    kept = table.iloc[:_MOST_ROWS, :_MOST_COLUMNS]
    return FlagGrid(
        values=kept.to_numpy(),
        rows=[name_of(label) for label in kept.index],
        columns=[name_of(label) for label in kept.columns],
        row_kind=row_kind,
        column_kind=column_kind,
        is_share=is_share,
        n_left_out=table.size - kept.size,
    )


def _row_keys(rows: pd.DataFrame, labels: Labels, entity_type: str) -> dict[str, pd.Series]:
    """Return the ways to label the rows of the picture, from fine to coarse."""
    brand = labels.brand_keys(rows)
    own_keys = key("", "") + rows["entity_id"].astype(str)
    ways = {entity_type: rows["title"].fillna("") + own_keys}
    if entity_type != "section" and "path" in rows.columns:
        places = rows["path"].fillna("").str.split(" | ", n=1, regex=False).str[0].str.split(" › ")
        above = {"category": places.str[-1], "section": places.str[0]}
        kinds = ("category", "section") if entity_type == "item" else ("section",)
        ways |= {kind: above[kind].fillna("") + key("", "") + brand for kind in kinds}
    return ways | {"brand": brand}


def _column_keys(rows: pd.DataFrame, labels: Labels) -> dict[str, pd.Series]:
    return {"store": labels.store_keys(rows), "brand": labels.brand_keys(rows)}


def _fitting(ways: dict[str, pd.Series], *, limit: int) -> tuple[pd.Series, str]:
    """Return the finest way that has few enough labels, or the coarsest there is."""
    for kind, keys in ways.items():
        if keys.nunique() <= limit:
            return keys, kind
    return keys, kind


def _single(cells: pd.DataFrame) -> pd.DataFrame:
    flag = np.select([cells["flag"] == 1, cells["flag"] == 0], [_ON, _OFF], default=_UNKNOWN)
    return _table(cells.assign(flag=flag), how="max").fillna(_ABSENT)


def _shares(cells: pd.DataFrame) -> pd.DataFrame:
    return _table(cells[cells["flag"] >= 0], how="mean")


def _table(cells: pd.DataFrame, *, how: Literal["max", "mean"]) -> pd.DataFrame:
    """Return cells as a table, rows and columns in the order in which they first come."""
    return cells.pivot_table(index="row", columns="column", values="flag", aggfunc=how, sort=False)


def _draw(grid: FlagGrid, entity_type: str) -> Picture:
    n_rows, n_columns = grid.values.shape
    width = float(np.clip(4.2 + 0.17 * n_columns, 7, 15))
    # Title and legend, the names below, and rows that are high enough to be seen where they are few.
    height = 1.4 + inches_of(grid.columns, size=_size(n_columns)) + max(0.15 * n_rows, min(0.3 * n_rows, 3))
    figure = new_figure(width=width, height=height)
    axes = figure.add_subplot()
    (_draw_shares if grid.is_share else _draw_flags)(figure, axes, grid)
    text = _title(grid, entity_type)
    axes.set_title(text.replace(": ", "\n", 1), loc="left", fontsize=11)
    _label(axes, grid)
    return Picture(figure, text)


def _draw_flags(figure: Figure, axes: Axes, grid: FlagGrid) -> None:
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.patches import Patch

    colours = ListedColormap([_MEANINGS[code][1] for code in range(4)])
    norm = BoundaryNorm(range(5), 4)
    axes.pcolormesh(grid.values, cmap=colours, norm=norm, edgecolors=_LINES, linewidth=0.4)
    shown = [_MEANINGS[code] for code in _MEANINGS if (grid.values == code).any()]
    patches = [Patch(facecolor=colour, edgecolor=INK, label=word) for word, colour in shown]
    figure.legend(handles=patches, loc="outside lower left", ncols=4, frameon=False, fontsize=9)


def _draw_shares(figure: Figure, axes: Axes, grid: FlagGrid) -> None:
    mesh = axes.pcolormesh(
        100 * grid.values, cmap="cividis", vmin=0, vmax=100, edgecolors=_LINES, linewidth=0.4
    )
    bar = figure.colorbar(mesh, ax=axes, fraction=0.03, pad=0.02)
    bar.set_label("share that is on (%); empty: not in the menu")


def _label(axes: Axes, grid: FlagGrid) -> None:
    n_rows, n_columns = grid.values.shape
    down, across = np.arange(n_rows) + 0.5, np.arange(n_columns) + 0.5
    # A price in a title is no formula.
    axes.set_yticks(down, grid.rows, fontsize=9 if n_rows <= 40 else 7, parse_math=False)
    axes.set_xticks(across, grid.columns, rotation=90, fontsize=_size(n_columns), parse_math=False)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.set_ylabel(grid.row_kind)
    axes.set_xlabel(grid.column_kind)


def _size(n_columns: int) -> int:
    """Return the size of the letters below so many columns."""
    return 8 if n_columns <= 40 else 7


def _title(grid: FlagGrid, entity_type: str) -> str:
    size = (
        f"{len(grid.rows):,} {_PLURALS[grid.row_kind]} × {len(grid.columns):,} {_PLURALS[grid.column_kind]}"
    )
    rest = f"; {grid.n_left_out:,} more cells are not shown" if grid.n_left_out else ""
    if grid.is_share:
        return f"Share of {_PLURALS[entity_type]} that is on: {size}{rest}"
    known_flags = grid.values[grid.values >= _OFF]
    n_on = int((known_flags == _ON).sum())
    return (
        f"{_PLURALS[entity_type].capitalize()} on and off: {size}, {n_on:,} of {known_flags.size:,} on{rest}"
    )


def plot_dark(
    state: pd.DataFrame, *, by: Literal["brand", "section"] = "brand", stores: pd.DataFrame | None = None
) -> Picture:
    """Return bars of the share of items that guests cannot see, by brand or by section.

    An item is dark if it, or everything above it, is off; see `klikit_frames.effective`. Needs the extra
    ``[plots]``.

    Parameters
    ----------
    state : DataFrame
        From `klikit_frames.read_state`: its store rows, or its business rows if there are no others.
    by : {"brand", "section"}
        What a bar stands for. The same item in two stores counts twice.
    stores : DataFrame, optional
        From `klikit_frames.stores`, for names in place of ids.

    Raises
    ------
    StateError
        `state` is not a state.
    ConfigError
        `by` is something else, or matplotlib is not installed.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     stores = kf.stores(client)
    ...     state = kf.read_state(client, stores=stores)
    >>> kf.plot_dark(state, stores=stores)
    <Picture: Items that are dark, by brand: ... % of ... items; most in ...>
    """
    check_choice("by", by, among=("brand", "section"))
    seen = effective(state)
    items = seen[(seen["entity_type"] == "item") & seen["is_effective"].notna()]
    if (items["scope"] == "store").any():
        items = items[items["scope"] == "store"]
    groups = read_labels(stores).brand_keys(items) if by == "brand" else _by_section(items)
    shares = (~items["is_effective"].astype(bool)).groupby(groups, sort=False).agg(["mean", "size"])
    shares = shares.sort_values(["mean", "size"], ascending=False, kind="stable")
    return _draw_dark(shares, by=by)


def plot_drift(changes: pd.DataFrame, *, stores: pd.DataFrame | None = None) -> Picture:
    """Return bars of what was switched off and on between two snapshots, store by store.

    Above 40 stores the bars stand for brands. Needs the extra ``[plots]``.

    Parameters
    ----------
    changes : DataFrame
        From `klikit_frames.drift`.
    stores : DataFrame, optional
        From `klikit_frames.stores`, for names in place of ids.

    Raises
    ------
    StateError
        `changes` is not such a frame.
    ConfigError
        matplotlib is not installed.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     before = kf.read_state(client)
    ...     sections = before.loc[before["entity_type"] == "section", "entity_id"].head(1)
    ...     _ = kf.run(kf.plan(kf.business_toggles("section", sections, is_enabled=False)), client)
    ...     kf.plot_drift(kf.drift(before, kf.read_state(client)))
    <Picture: Switched between two snapshots: 1 off, 0 on>
    """
    check_type("changes", changes, pd.DataFrame, made_by="kf.drift(before, after)")
    if "drift" not in changes.columns:
        raise StateError("plot_drift draws what klikit_frames.drift returns; this frame has no column drift.")
    switched = changes[changes["drift"].isin(["switched_off", "switched_on"])]
    groups = read_labels(stores).store_keys(switched)
    if groups.nunique() > _MOST_BARS:
        groups = read_labels(stores).brand_keys(switched)
    counts = pd.crosstab(groups, switched["drift"]).reindex(
        columns=["switched_off", "switched_on"], fill_value=0
    )
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    return _draw_drift(counts)


def _by_section(items: pd.DataFrame) -> pd.Series:
    """Return the section of each item; an item of several counts in its first."""
    first = items["path"].astype(TEXT).str.split(r" [|›] ", n=1, regex=True).str[0]
    return first.fillna("no section")


def _draw_dark(shares: pd.DataFrame, *, by: str) -> Picture:
    shown = shares.head(_MOST_BARS)
    text = _say_dark(shares, by=by)
    figure, axes = _page(list(shown.index), text=text, xlabel="share of items (%)")
    dark, at = 100 * shown["mean"].to_numpy(), np.arange(len(shown))
    axes.barh(at, 100 - dark, left=dark, color=ON, label="seen by guests")
    axes.barh(at, dark, color=OFF, label="dark")
    axes.set_xlim(0, 100)
    for y, share, n_items in zip(at, dark, shown["size"], strict=True):
        axes.annotate(
            f"{share:.0f} % of {n_items:,}", (101, y), va="center", fontsize=8, annotation_clip=False
        )
    _add_legend(figure)
    return Picture(figure, text)


def _say_dark(shares: pd.DataFrame, *, by: str) -> str:
    n_items = int(shares["size"].sum())
    share = float((shares["mean"] * shares["size"]).sum() / max(n_items, 1))
    most = f"; most in {name_of(shares.index[0])}" if len(shares) else ""
    text = f"{100 * share:.0f} % of {n_items:,} items{most}{_rest(shares)}"
    return f"Items that are dark, by {by}: {text}"


def _draw_drift(counts: pd.DataFrame) -> Picture:
    n_off, n_on = (int(counts[name].sum()) for name in ("switched_off", "switched_on"))
    text = f"Switched between two snapshots: {n_off:,} off, {n_on:,} on{_rest(counts)}"
    shown = counts.head(_MOST_BARS)
    figure, axes = _page(list(shown.index), text=text, xlabel="flags switched off (left) and on (right)")
    _draw_side(axes, -shown["switched_off"].to_numpy(), colour=OFF, label="switched off")
    _draw_side(axes, shown["switched_on"].to_numpy(), colour=ON, label="switched on")
    axes.axvline(0, color=INK, linewidth=0.8)
    reach = 1.15 * max(1, int(shown.to_numpy().max(initial=0)))
    axes.set_xlim(-reach, reach)
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    _add_legend(figure)
    return Picture(figure, text)


def _draw_side(axes: Axes, lengths: Codes, *, colour: str, label: str) -> None:
    """Draw the bars of one side, each with its number at the end."""
    bars = axes.barh(np.arange(len(lengths)), lengths, color=colour, label=label)
    axes.bar_label(bars, [f"{abs(n):,}" if n else "" for n in lengths], padding=3, fontsize=8)


def _page(labels: list[str], *, text: str, xlabel: str) -> tuple[Figure, Axes]:
    """Return an empty page for bars, the first at the top."""
    figure = new_figure(width=8.5, height=2 + 0.24 * max(len(labels), 2))
    axes = figure.add_subplot()
    # A price in a name is no formula.
    axes.set_title(text.replace(": ", "\n", 1), loc="left", fontsize=11, parse_math=False)
    names = [name_of(label) for label in labels]
    axes.set_yticks(np.arange(len(labels)), names, fontsize=9, parse_math=False)
    axes.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    axes.set_xlabel(xlabel)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure, axes


def _add_legend(figure: Figure) -> None:
    figure.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=9)


def _rest(table: pd.DataFrame) -> str:
    n_more = len(table) - _MOST_BARS
    return f"; {n_more:,} more are not shown" if n_more > 0 else ""
