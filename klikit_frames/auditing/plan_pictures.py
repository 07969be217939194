"""The picture of a plan: entities against stores, each request a block of one colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..frames.cell_keys import Codes
from ..overview import BUSINESS, Names
from .pictures import ABSENT, Picture, inches_of, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..planning.plan import Plan

# Colours that follow each other are far apart in hue, so that neighbouring requests are told apart.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7F7F7F", "#F0E442")
# A name needs this much of the picture's side to be read.
_MOST_NAMES = 40
_LONGEST = 32


def plot_plan(plan: Plan) -> Picture:
    """Return a picture of a plan: entities down, stores across, each request a block of one colour.

    One sees why so many rows are so few requests: rows and columns stand in the order in which the requests
    take them. What is business-wide stands in a column of its own. Needs the extra ``[plots]``.

    Parameters
    ----------
    plan : Plan
        From `klikit_frames.plan`.

    Raises
    ------
    ConfigError
        matplotlib is not installed.

    Examples
    --------
    >>> stores = [(663, 1062), (663, 1063)]
    >>> kf.plot_plan(kf.plan(kf.cross_toggles("item", [1, 2, 3], stores, is_enabled=False)))
    <Picture: A plan: 6 rows in 1 request, 3 entities × 2 places>
    """
    rows = plan.rows
    rows = rows[rows["request_no"].notna()].sort_values("request_no", kind="stable")
    grid, entities, places = _grid(rows)
    size = f"{len(entities):,} entities × {len(places):,} places"
    requests = f"{plan.n_requests:,} request{'' if plan.n_requests == 1 else 's'}"
    text = f"A plan: {len(rows):,} rows in {requests}, {size}"
    names = plan.names
    across = [_place(key, names)[:_LONGEST] for key in places]
    # Title and names below, and rows that are high enough to be seen where they are few.
    height = 1 + inches_of(across, size=8) + float(np.clip(0.16 * len(entities), 1, 6))
    figure = new_figure(width=9, height=height)
    axes = figure.add_subplot()
    if grid.size:
        _draw(axes, grid)
    axes.set_title(text.replace(": ", "\n", 1), loc="left", fontsize=11)
    _label(axes, [names.entity(*key)[:_LONGEST] for key in entities], places=across)
    return Picture(figure, text)


def _grid(rows: pd.DataFrame) -> tuple[Codes, list[tuple[str, int]], list[tuple[int, int]]]:
    """Return the request of each cell, 0 for none, and what rows and columns are; a place of -1 is none."""
    keys = list(zip(rows["entity_type"], rows["entity_id"].tolist(), strict=True))
    filled = rows[["brand_id", "branch_id"]].astype("Int64").fillna(-1).astype("int64")
    pairs = list(zip(filled["brand_id"].tolist(), filled["branch_id"].tolist(), strict=True))
    entities, places = list(dict.fromkeys(keys)), sorted(set(pairs))
    row_of = {key: n for n, key in enumerate(entities)}
    column_of = {pair: n for n, pair in enumerate(places)}
    grid = np.zeros((len(entities), len(places)), dtype=np.int64)
    grid[[row_of[key] for key in keys], [column_of[pair] for pair in pairs]] = rows["request_no"].to_numpy()
    return grid, entities, places


def _draw(axes: Axes, grid: Codes) -> None:
    from matplotlib.colors import ListedColormap

    shown = np.where(grid > 0, (grid - 1) % len(_COLOURS) + 1, 0)
    axes.imshow(
        shown,
        aspect="auto",
        interpolation="nearest",
        cmap=ListedColormap([ABSENT, *_COLOURS]),
        vmin=0,
        vmax=len(_COLOURS),
    )


def _label(axes: Axes, entities: list[str], *, places: list[str]) -> None:
    """Name rows and columns where there is room; above that, an evenly spread part of them."""
    rows, columns = _spread(len(entities)), _spread(len(places))
    axes.set_yticks(rows, [entities[n] for n in rows], fontsize=8, parse_math=False)
    axes.set_xticks(columns, [places[n] for n in columns], rotation=90, fontsize=8, parse_math=False)
    axes.tick_params(length=0)


def _spread(n: int) -> list[int]:
    step = max(1, -(-n // _MOST_NAMES))
    return list(range(0, n, step))


def _place(key: tuple[int, int], names: Names) -> str:
    return BUSINESS if key[0] < 0 else names.store(*key)
