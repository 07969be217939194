"""What every picture shares: colours, sizes, names, how a page shows it; and those of a plan and its run."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import edge
from ..errors import ConfigError, as_path, check_type
from ..frames.cell_keys import Codes
from ..html import escape
from ..menus.state_arrays import TEXT
from ..overview import BUSINESS, Names
from ..planning.plan import Plan
from ..running.results import Result
from ..wording import visible_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

BUSINESS_LEVEL = "business level"
# Stands between a name and the id behind it, which keeps two of the same name apart; only the name is shown.
_APART = "\n"
# What fits beside a picture; of a store's two names the branch is what tells the stores of a brand apart.
_LONGEST = 44
_LONGEST_BRANCH = 24
NEEDS_PLOTS = "Pictures need an extra: pip install 'klikit-frames[plots]'."


@dataclass(frozen=True)
class Labels:
    """The titles of brands and branches, as far as they are known."""

    brands: dict[int, str]
    branches: dict[int, str]

    def brand_keys(self, rows: pd.DataFrame) -> pd.Series:
        """Return a key per row that says its brand; business rows have one of their own."""
        keys = {
            brand_id: key(self.brands.get(brand_id, f"brand {brand_id}"), brand_id)
            for brand_id in rows["brand_id"].dropna().unique()
        }
        return rows["brand_id"].map(keys).astype(TEXT).fillna(BUSINESS_LEVEL)

    def store_keys(self, rows: pd.DataFrame) -> pd.Series:
        """Return a key per row that says its store; business rows have one of their own."""
        pairs = zip(rows["brand_id"], rows["branch_id"], strict=True)
        keys = [BUSINESS_LEVEL if pd.isna(pair[0]) else key(self._store(*pair), pair) for pair in pairs]
        return pd.Series(keys, index=rows.index, dtype=TEXT)

    def _store(self, brand_id: int, branch_id: int) -> str:
        if brand_id in self.brands and branch_id in self.branches:
            branch = shorten(self.branches[branch_id], limit=_LONGEST_BRANCH)
            brand = shorten(self.brands[brand_id], limit=_LONGEST - len(" · ") - len(branch))
            return f"{brand} · {branch}"
        return f"{brand_id}/{branch_id}"


def read_labels(stores: pd.DataFrame | None) -> Labels:
    """Return the titles in a frame of `klikit_frames.stores`; without one, nothing but ids."""
    if stores is None:
        return Labels({}, {})
    check_type("stores", stores, pd.DataFrame, made_by="kf.stores()")
    names = ("brand_id", "branch_id", "brand_title", "branch_title")
    if missing := [name for name in names if name not in stores.columns]:
        raise ConfigError(f"stores has no column {', '.join(missing)}: give what kf.stores() returns.")
    return Labels(_titles(stores, "brand"), _titles(stores, "branch"))


def key(name: str, own_id: object) -> str:
    """Return a name with the id behind it that makes it unique."""
    return f"{name}{_APART}{own_id}"


def name_of(text: object) -> str:
    """Return the name in a key, short enough to stand beside a picture."""
    name, apart, _ = str(text).rpartition(_APART)
    return shorten(name if apart else str(text))


def shorten(text: str, *, limit: int = _LONGEST) -> str:
    """Return a text of at most `limit` characters, with a sign where it was cut, and nothing hidden."""
    shown = visible_text(text)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _titles(stores: pd.DataFrame, kind: str) -> dict[int, str]:
    rows = stores[[f"{kind}_id", f"{kind}_title"]].drop_duplicates().dropna()
    return dict(rows.itertuples(index=False, name=None))


# Okabe and Ito's palette, chosen to be distinct under any colour vision.
ON = "#56B4E9"
OFF = "#D55E00"
# The page itself, be it light or dark.
ABSENT = "none"
UNKNOWN = "#7F7F7F"
PALETTE = {
    "applied": "#009E73",
    "unchanged": "#BBBBBB",
    "rejected": "#CC79A7",
    "failed": "#D55E00",
    "unknown": "#F0E442",
    "not_sent": "#4D4D4D",
}
# Can be read on white and on black alike: a picture has no ground of its own.
INK = "#7A7A7A"
_DPI = 110
_LEAST = 0.58


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture: a notebook draws it by itself, `save` writes it, ``.figure`` is matplotlib's.

    It is made last, of a figure that has all its texts: they get the ink that any page lets read.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        To change what you like.
    text : str
        What is to be seen, in words; also for those who do not see the picture.
    """

    figure: Figure
    text: str

    def __post_init__(self) -> None:
        _lay_bare(self.figure)
        _thin_labels(self.figure)

    @cached_property
    def png(self) -> bytes:
        """The picture as the bytes of a PNG file."""
        buffer = io.BytesIO()
        with _any_sign():
            self.figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Description": self.text})
        return buffer.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write the picture and return its path; the ending says how: ``.png``, ``.svg`` or ``.pdf``."""
        there, buffer = as_path("path", path), io.BytesIO()
        ending = there.suffix.lower().removeprefix(".")
        if ending not in self.figure.canvas.get_supported_filetypes():
            raise ConfigError(f"{there.name}: a picture ends in .png, .svg or .pdf.")
        with _any_sign():
            self.figure.savefig(buffer, format=ending, dpi=_DPI)
        edge.write_file(there, buffer.getvalue())
        return there

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode()
        width = round(self.figure.get_figwidth() * _DPI)
        # A narrow page shows it smaller as long as its labels can be read, and scrolls below that.
        style = f"width:100%;max-width:{width}px;min-width:{round(_LEAST * width)}px;height:auto"
        return (
            f'<div style="overflow-x:auto"><img alt="{escape(self.text)}" width="{width}" '
            f'style="{style}" src="data:image/png;base64,{data}"></div>'
        )

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return f"<Picture: {self.text}>"


def inches_of(labels: Sequence[str], *, size: float) -> float:
    """Return about how much room the longest label takes, in inches, at a size of letters in points."""
    return max(map(len, labels), default=0) * 0.6 * size / 72


def _lay_bare(figure: Figure) -> None:
    """Take away the ground, and write in an ink that any page lets read."""
    from matplotlib.axes import Axes
    from matplotlib.spines import Spine
    from matplotlib.text import Text

    figure.patch.set_alpha(0)
    for axes in figure.findobj(Axes):
        axes.patch.set_alpha(0)
        axes.tick_params(colors=INK)
    for text in figure.findobj(Text):
        text.set_color(INK)
    for spine in figure.findobj(Spine):
        spine.set_color(INK)


def _thin_labels(figure: Figure) -> None:
    """Leave out every second label, and every second again, until no two of an axis touch."""
    if not figure.axes:
        return
    with _any_sign():
        figure.draw_without_rendering()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        labels = [label for label in axis.get_ticklabels() if label.get_text()]
        while _touch(labels):
            for label in labels[1::2]:
                label.set_visible(False)
            labels = labels[::2]


@contextmanager
def _any_sign() -> Iterator[None]:
    """Draw a sign that the font lacks as a box, without a word on each, which would hold the sign itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _touch(labels: list[Text]) -> bool:
    boxes = [label.get_window_extent() for label in labels]
    return any(box.overlaps(other) for box, other in pairwise(boxes))


def can_draw() -> bool:
    """Tell whether pictures can be drawn here."""
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def new_figure(*, width: float, height: float) -> Figure:
    """Return an empty figure, in inches, that belongs to no global state of matplotlib.

    Raises
    ------
    ConfigError
        matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ConfigError(NEEDS_PLOTS) from error
    return Figure(figsize=(width, height), layout="constrained")


# Colours that follow each other are far apart in hue, so that neighbouring requests look different.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7F7F7F", "#F0E442")
# A name needs this much of the picture's side to be read.
_MOST_NAMES = 40
_LONGEST_TITLE = 32

# More bars than this look alike; then only the curves are drawn.
_MOST_BARS = 150
_SHORTEST_WAIT_S = 0.1


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
    check_type("plan", plan, Plan, made_by="kf.plan(toggles)")
    rows = plan.rows
    rows = rows[rows["request_no"].notna()].sort_values("request_no", kind="stable")
    grid, entities, places = _grid(rows)
    size = f"{len(entities):,} entities × {len(places):,} places"
    requests = f"{plan.n_requests:,} request{'' if plan.n_requests == 1 else 's'}"
    text = f"A plan: {len(rows):,} rows in {requests}, {size}"
    names = plan.names
    across = [shorten(_place(key, names), limit=_LONGEST_TITLE) for key in places]
    # Title and names below, and rows that are high enough to be seen where they are few.
    height = 1 + inches_of(across, size=8) + float(np.clip(0.16 * len(entities), 1, 6))
    figure = new_figure(width=9, height=height)
    axes = figure.add_subplot()
    if grid.size:
        _draw(axes, grid)
    axes.set_title(text.replace(": ", "\n", 1), loc="left", fontsize=11)
    _label(axes, [shorten(names.entity(*key), limit=_LONGEST_TITLE) for key in entities], places=across)
    return Picture(figure, text)


def _grid(rows: pd.DataFrame) -> tuple[Codes, list[tuple[str, int]], list[tuple[int, int]]]:
    """Return the request of each cell, 0 for none, and what rows and columns are; -1 stands for no store."""
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


def plot_timeline(result: Result) -> Picture:
    """Return the timeline of a run: when each request left and was answered, and when nothing was under way.

    A stretch in which no request is under way is a wait for the rate cap, or for a retry. Above 150 requests
    only the curves of sent and answered requests are drawn. Needs the extra ``[plots]``.

    Parameters
    ----------
    result : Result
        From `klikit_frames.run`.

    Raises
    ------
    ConfigError
        matplotlib is not installed.

    Examples
    --------
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     section = kf.read_state(client).head(1)
    ...     plan = kf.plan(kf.business_toggles("section", section["entity_id"], is_enabled=False))
    ...     kf.plot_timeline(kf.run(plan, client))
    <Picture: Timeline of a run: 1 request in ... s, 1 applied; ... s of waiting>
    """
    check_type("result", result, Result, made_by="kf.run(plan, client)")
    requests = read_requests(result.frame)
    waits = find_waits(requests["start_s"].to_numpy(), requests["end_s"].to_numpy())
    figure, text = new_figure(width=9, height=4.5), _say(requests, waits)
    axes = figure.add_subplot()
    for begin, end in waits:
        axes.axvspan(begin, end, color=f"{INK}30", linewidth=0, label="waiting: nothing under way")
    (_draw_bars if len(requests) <= _MOST_BARS else _draw_curves)(axes, requests)
    axes.set_title(text.replace(": ", "\n", 1), loc="left", fontsize=11)
    _explain(figure, axes)
    return Picture(figure, text)


def _explain(figure: Figure, axes: Axes) -> None:
    axes.set_xlabel("seconds since the first request left")
    axes.spines[["top", "right"]].set_visible(False)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    if handles:
        figure.legend(handles.values(), handles, loc="outside lower left", ncols=4, frameon=False, fontsize=9)


def read_requests(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per request that left: ``start_s, end_s, outcome, attempts``, by the time it left."""
    sent = frame[frame["sent_at"].notna()].drop_duplicates("idempotency_key")
    requests = pd.DataFrame({"outcome": sent["outcome"], "attempts": sent["attempts"]})
    origin = sent["sent_at"].min()
    requests["start_s"] = (sent["sent_at"] - origin).dt.total_seconds()
    requests["end_s"] = (sent["settled_at"] - origin).dt.total_seconds().fillna(requests["start_s"])
    return requests.sort_values("start_s", kind="stable", ignore_index=True)


def find_waits(starts: Codes, ends: Codes) -> Codes:
    """Return the stretches of time, as (begin, end), in which no request was under way."""
    order = np.argsort(starts, kind="stable")
    begins, busy_until = ends[order], starts[order][1:]
    begins = np.maximum.accumulate(begins)[:-1] if len(begins) else begins
    is_wait = busy_until - begins > _SHORTEST_WAIT_S
    return np.column_stack([begins[is_wait], busy_until[is_wait]])


def _draw_bars(axes: Axes, requests: pd.DataFrame) -> None:
    for outcome, colour in PALETTE.items():
        rows = requests[requests["outcome"] == outcome]
        if len(rows):
            lengths = (rows["end_s"] - rows["start_s"]).clip(lower=0.002)
            axes.barh(rows.index + 1, lengths, left=rows["start_s"], color=colour, height=0.8, label=outcome)
    retried = requests[requests["attempts"] > 1]
    if len(retried):
        axes.plot(retried["end_s"], retried.index + 1, "|", color=INK, markersize=9, label="retried")
    axes.set_ylim(max(len(requests), 1) + 0.5, 0.5)
    axes.locator_params(axis="y", integer=True)
    axes.set_ylabel("request, in the order in which they left")


def _draw_curves(axes: Axes, requests: pd.DataFrame) -> None:
    count = np.arange(1, len(requests) + 1)
    axes.step(requests["start_s"], count, where="post", color=UNKNOWN, linestyle="--", label="sent")
    for outcome, colour in PALETTE.items():
        ends = np.sort(requests.loc[requests["outcome"] == outcome, "end_s"])
        if len(ends):
            axes.step(ends, np.arange(1, len(ends) + 1), where="post", color=colour, label=outcome)
    axes.set_ylabel("requests so far")


def _say(requests: pd.DataFrame, waits: Codes) -> str:
    n = len(requests)
    if not n:
        return "Timeline of a run: nothing was sent"
    counts = requests["outcome"].value_counts(sort=False)
    outcomes = ", ".join(f"{int(counts[name]):,} {name}" for name in PALETTE if name in counts.index)
    seconds = float(requests["end_s"].max())
    waited = float((waits[:, 1] - waits[:, 0]).sum())
    size = "1 request" if n == 1 else f"{n:,} requests"
    return f"Timeline of a run: {size} in {seconds:.1f} s, {outcomes}; {waited:.1f} s of waiting"
