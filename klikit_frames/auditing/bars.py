"""Bars: how much is dark in each brand or section, and what changed in each store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from ..errors import StateError
from ..frames.cell_keys import Codes
from ..menus.state_arrays import TEXT
from ..menus.visibility import effective
from .pictures import INK, OFF, ON, Picture, check_choice, name_of, new_figure, read_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Bars of a page; what has less to show is left out, and the title says how many.
_MOST_BARS = 40


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
    shares = shares.sort_values(["mean", "size"], ascending=False)
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
    told = f"{100 * share:.0f} % of {n_items:,} items{most}{_rest(shares)}"
    return f"Items that are dark, by {by}: {told}"


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
