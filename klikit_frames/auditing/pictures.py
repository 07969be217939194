"""What every picture shares: colours, sizes, the names on its axes, and how a page shows it."""

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

import pandas as pd

from .. import edge
from ..errors import ConfigError, as_path, check_type
from ..html import escape
from ..menus.state_arrays import TEXT
from ..wording import visible_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

BUSINESS = "business level"
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
        return rows["brand_id"].map(keys).astype(TEXT).fillna(BUSINESS)

    def store_keys(self, rows: pd.DataFrame) -> pd.Series:
        """Return a key per row that says its store; business rows have one of their own."""
        pairs = zip(rows["brand_id"], rows["branch_id"], strict=True)
        keys = [BUSINESS if pd.isna(pair[0]) else key(self._store(*pair), pair) for pair in pairs]
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
