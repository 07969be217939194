"""What all pictures share: matplotlib on first use, and colours that the colour-blind can tell apart."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette, made to be told apart with any colour vision.
ON = "#56B4E9"
OFF = "#D55E00"
ABSENT = "#F2F2F2"
UNKNOWN = "#7F7F7F"
PALETTE = {
    "applied": "#009E73",
    "unchanged": "#BBBBBB",
    "rejected": "#CC79A7",
    "failed": "#D55E00",
    "unknown": "#F0E442",
    "not_sent": "#000000",
}
_DPI = 110


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture: a notebook draws it by itself, `save` writes it, ``.figure`` is matplotlib's.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        To change what you like.
    text : str
        What is to be seen, in words; also for those who do not see the picture.
    """

    figure: Figure
    text: str

    @cached_property
    def png(self) -> bytes:
        """The picture as the bytes of a PNG file."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=_DPI)
        return buffer.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write the picture and return its path; the ending says how: ``.png``, ``.svg`` or ``.pdf``."""
        self.figure.savefig(path, dpi=_DPI)
        return Path(path)

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return f"<Picture: {self.text}>"


def check_choice(name: str, choice: object, *, among: Sequence[str]) -> None:
    """Refuse, by the name of the parameter, a choice that is not `among` the known ones."""
    if choice not in among:
        raise ConfigError(f"{name}={choice!r} is none of {', '.join(map(repr, among))}.")


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
        raise ConfigError("Pictures need an extra: pip install 'klikit-frames[plots]'.") from error
    return Figure(figsize=(width, height), layout="constrained")
