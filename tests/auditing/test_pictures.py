"""Pictures: what they show, taken from their own axes."""

from __future__ import annotations

import builtins
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

import klikit_frames as kf
from klikit_frames.auditing.pictures import INK, OFF, ON, PALETTE, UNKNOWN, new_figure
from tests.auditing.samples import in_store, state_of

# How red, green and blue look to the three kinds of the colour-blind (Machado, Oliveira and Fernandes, 2009).
_SIGHTS = {
    "protanopia": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deuteranopia": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritanopia": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}
PAGES = ("#FFFFFF", "#111111")
STATE = state_of(in_store((1, 1), "item", 7, True), in_store((1, 2), "item", 7, False)).assign(path=None)


def test_picture__is_drawn_by_a_notebook_and_saved(tmp_path: Path) -> None:
    """A picture is a PNG to a notebook, a file of any kind, and words to those who do not see it."""
    picture = kf.plot_matrix(STATE)
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert picture.save(tmp_path / "m.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert repr(picture) == "<Picture: Items on and off: 1 items × 2 stores, 1 of 2 on>"


def test_picture__without_matplotlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without matplotlib the extra to install is named."""
    load = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(name)
        return load(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(kf.ConfigError, match=r"klikit-frames\[plots\]"):
        new_figure(width=1, height=1)
    plan = kf.plan(kf.cross_toggles("item", [7], [(663, 1062)], is_enabled=False))
    page = kf.report(tmp_path / "page.html", plan=plan).read_text(encoding="utf-8")
    assert "1 dish off in 1 store" in page
    assert "<img" not in page
    assert "This page has no pictures. Pictures need an extra:" in page


@pytest.mark.parametrize("sight", sorted(_SIGHTS))
@pytest.mark.parametrize("colours", [(ON, OFF, UNKNOWN), tuple(PALETTE.values())])
def test_colours__are_told_apart_with_any_colour_vision(sight: str, colours: tuple[str, ...]) -> None:
    """No two colours look alike, nor like a page, to those who do not see red, green or blue."""
    seen = [_SIGHTS[sight] @ _rgb(colour) for colour in (*colours, *PAGES)]
    assert min(np.linalg.norm(colour - other) for colour, other in combinations(seen, 2)) > 0.2


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])


@pytest.mark.parametrize("page", PAGES)
def test_ink__is_read_on_any_page(page: str) -> None:
    """A picture has no ground of its own, and its letters stand out from a light page and from a dark one."""
    brighter, darker = sorted((_luminance(INK), _luminance(page)), reverse=True)
    assert (brighter + 0.05) / (darker + 0.05) > 4.2
    for picture in _one_of_each():
        assert picture.figure.patch.get_alpha() == 0
        assert {text.get_color() for text in picture.figure.findobj(Text)} == {INK}, picture.text


def _one_of_each() -> list[Any]:
    """Return a picture of each kind that has a legend, with all that a legend can tell."""
    sent = pd.to_datetime(["2026-03-09T05:00:00", "2026-03-09T05:00:09"], utc=True)
    frame = pd.DataFrame(
        {"outcome": ["applied", "failed"], "attempts": [1, 3], "idempotency_key": ["a", "b"]}
    )
    frame = frame.assign(sent_at=sent, settled_at=sent + pd.Timedelta("1s"))
    later = STATE.assign(is_enabled=~STATE["is_enabled"].astype(bool))
    return [
        kf.plot_matrix(STATE),
        kf.plot_dark(STATE),
        kf.plot_drift(kf.drift(STATE, later)),
        kf.plot_timeline(kf.Result(frame, "", "", "")),
    ]


def _luminance(colour: str) -> float:
    parts = np.where(_rgb(colour) <= 0.04045, _rgb(colour) / 12.92, ((_rgb(colour) + 0.055) / 1.055) ** 2.4)
    return float(parts @ [0.2126, 0.7152, 0.0722])


def test_picture__in_a_notebook() -> None:
    """It is shown at its own size, with words for those who do not see it; nothing in them is obeyed."""
    picture = kf.plot_matrix(STATE)
    width = int.from_bytes(picture.png[16:20], "big")
    shown = replace(picture, text='Tea & "Coffee" <b>')._repr_html_()
    assert f'width="{width}"' in shown
    assert f"max-width:{width}px" in shown
    assert 'alt="Tea &amp; &quot;Coffee&quot; &lt;b&gt;"' in shown


def test_matrix__few_rows_are_high_enough_to_be_seen() -> None:
    """However long the names below are, four rows take more room than a line each."""
    stores = pd.DataFrame({"brand_id": [1], "branch_id": [2], "brand_title": "Ayam Geprek Nusantara"})
    rows = [in_store((1, 2), "section", n, True) for n in range(4)]
    state = state_of(*rows).assign(title="Lunch", path=None)
    picture = kf.plot_matrix(state, entity_type="section", stores=stores.assign(branch_title="Kelapa Gading"))
    picture.figure.draw_without_rendering()
    assert picture.figure.axes[0].get_window_extent().height > 4 * 20


def test_matrix__signs_that_no_font_has(tmp_path: Path) -> None:
    """A title may hold anything: it is drawn without a warning, which would hold the very sign."""
    row = in_store((1, 2), "section", 1, True)
    picture = kf.plot_matrix(state_of(row).assign(title="Lunch\x1b[2J \U0001f35b", path=None))
    assert picture.png
    assert picture.save(tmp_path / "lunch.svg").exists()


@pytest.mark.parametrize(("n_items", "n_stores"), [(1, 1), (5, 4), (100, 60), (41, 41), (100, 8), (8, 60)])
def test_labels__do_not_touch(n_items: int, n_stores: int) -> None:
    """However many dishes and stores there are, each name that is shown stands free."""
    stores = [(1, branch) for branch in range(1, n_stores + 1)]
    rows = [in_store(store, "item", n, True) for store in stores for n in range(1, n_items + 1)]
    state = state_of(*rows).assign(title="Ayam Geprek Sambal Ijo Paha", path=None)
    plan = kf.plan(kf.cross_toggles("item", range(1, n_items + 1), stores, is_enabled=False))
    for picture in (kf.plot_matrix(state), kf.plot_plan(plan)):
        axes = picture.figure.axes[0]
        for axis in (axes.xaxis, axes.yaxis):
            shown = [label for label in axis.get_ticklabels() if label.get_visible()]
            boxes = [label.get_window_extent() for label in shown]
            assert shown[0].get_text()
            assert not any(box.overlaps(other) for box, other in pairwise(boxes))
