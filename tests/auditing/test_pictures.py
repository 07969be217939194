"""Pictures: what they show, taken from their own axes."""

from __future__ import annotations

import builtins
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import klikit_frames as kf
from klikit_frames.auditing.pictures import ABSENT, OFF, ON, PALETTE, UNKNOWN, new_figure
from tests.auditing.samples import in_store, state_of

# How red, green and blue look to the three kinds of the colour-blind (Machado, Oliveira and Fernandes, 2009).
_SIGHTS = {
    "protanopia": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deuteranopia": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritanopia": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}
STATE = state_of(in_store((1, 1), "item", 7, True), in_store((1, 2), "item", 7, False)).assign(path=None)


def test_picture__is_drawn_by_a_notebook_and_saved(tmp_path: Path) -> None:
    """A picture is a PNG to a notebook, a file of any kind, and words to those who do not see it."""
    picture = kf.plot_matrix(STATE)
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert picture.save(tmp_path / "m.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert repr(picture) == "<Picture: Items on and off: 1 items × 2 stores, 1 of 2 on>"


def test_picture__without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without matplotlib the extra to install is named."""
    load = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(name)
        return load(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(kf.ConfigError, match=r"klikit-frames\[plots\]"):
        new_figure(width=1, height=1)


@pytest.mark.parametrize("sight", sorted(_SIGHTS))
@pytest.mark.parametrize("colours", [(ON, OFF, ABSENT, UNKNOWN), tuple(PALETTE.values())])
def test_colours__are_told_apart_with_any_colour_vision(sight: str, colours: tuple[str, ...]) -> None:
    """No two colours of a picture look alike to those who do not see red, green or blue."""
    seen = [_SIGHTS[sight] @ _rgb(colour) for colour in colours]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 0.2


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
