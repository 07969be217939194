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
from klikit_frames.auditing.pictures import (
    INK,
    OFF,
    ON,
    PALETTE,
    UNKNOWN,
    find_waits,
    new_figure,
    read_requests,
)
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


def test_plot_plan__colours_each_request() -> None:
    """Cells of one request have one colour, cells that nothing is sent for the background's."""
    toggles = pd.concat(
        [
            kf.cross_toggles("item", [1, 2], [(1, 11), (1, 12)], is_enabled=False),
            kf.cross_toggles("item", [3], [(1, 13)], is_enabled=True),
            kf.business_toggles("section", [4], is_enabled=True),
        ],
        ignore_index=True,
    )
    plan = kf.plan(toggles)
    picture = kf.plot_plan(plan)
    drawn = np.asarray(picture.figure.axes[0].images[0].get_array())
    assert drawn.shape == (4, 4)
    assert len(np.unique(drawn[drawn > 0])) == plan.n_requests == 3
    assert (drawn > 0).sum() == 6
    assert picture.text == "A plan: 6 rows in 3 requests, 4 entities × 4 places"


def test_plot_plan__names_what_there_is_room_for() -> None:
    """At most forty names on a side, and none is a formula."""
    toggles = kf.cross_toggles("item", range(1, 101), [(1, 11)], is_enabled=False).assign(title="$a$ $b$")
    axes = kf.plot_plan(kf.plan(toggles)).figure.axes[0]
    assert len(axes.get_yticks()) <= 40
    assert axes.get_yticklabels()[0].get_text() == "$a$ $b$"


def test_plot_plan__of_nothing() -> None:
    """A plan that sends nothing is an empty picture."""
    toggles = kf.business_toggles("section", [4], is_enabled=True)
    assert (
        kf.plot_plan(kf.plan(toggles.head(0))).text == "A plan: 0 rows in 0 requests, 0 entities × 0 places"
    )


def _result(*requests: tuple[str, float, float | None, int]) -> kf.Result:
    """Return a result whose requests have two rows each: outcome, start, end, attempts."""
    origin = pd.Timestamp("2026-11-23", tz="UTC")
    rows = [
        {
            "outcome": outcome,
            "idempotency_key": f"k{n}",
            "attempts": attempts,
            "sent_at": origin + pd.Timedelta(start, "s"),
            "settled_at": None if end is None else origin + pd.Timedelta(end, "s"),
        }
        for n, (outcome, start, end, attempts) in enumerate(requests)
        for _ in range(2)
    ]
    columns = ["outcome", "idempotency_key", "attempts", "sent_at", "settled_at"]
    frame = pd.DataFrame(rows, columns=columns).astype(
        {"sent_at": "datetime64[us, UTC]", "settled_at": "datetime64[us, UTC]", "attempts": "Int64"}
    )
    return kf.Result(frame, "r", "p", "h")


def test_requests__one_row_each() -> None:
    """Rows of one request are one bar; a request without an end has no length."""
    bars = read_requests(_result(("unknown", 2, None, 5), ("applied", 1, 1.5, 1)).frame)
    assert bars[["outcome", "start_s", "end_s"]].to_numpy().tolist() == [
        ["applied", 0, 0.5],
        ["unknown", 1, 1],
    ]


def test_waits__where_nothing_is_under_way() -> None:
    """A wait is where no request is under way, also behind one that takes longer than its successors."""
    starts, ends = np.array([0.0, 0.1, 6.0, 6.05, 12.0]), np.array([5.0, 0.3, 6.1, 6.2, 12.1])
    np.testing.assert_allclose(find_waits(starts, ends), [[5.0, 6.0], [6.2, 12.0]])
    assert find_waits(np.array([]), np.array([])).shape == (0, 2)


def test_timeline__says_what_is_to_be_seen() -> None:
    """Requests, seconds, outcomes and waiting are in the title; outcomes, waits and retries in the legend."""
    picture = kf.plot_timeline(_result(("applied", 0, 1, 1), ("failed", 4, 9, 3)))
    assert picture.text == "Timeline of a run: 2 requests in 9.0 s, 1 applied, 1 failed; 3.0 s of waiting"
    legend = [text.get_text() for text in picture.figure.legends[0].get_texts()]
    assert set(legend) == {"waiting: nothing under way", "applied", "failed", "retried"}


def test_timeline__many_requests() -> None:
    """More requests than the eye can separate are drawn as curves of sent and answered."""
    many = [("applied", n / 10, n / 10 + 0.05, 1) for n in range(151)]
    axes = kf.plot_timeline(_result(*many)).figure.axes[0]
    assert axes.get_ylabel() == "requests so far"
    assert [np.asarray(line.get_ydata())[-1] for line in axes.lines] == [151, 151]


def test_timeline__nothing_was_sent() -> None:
    """A run that sent nothing says so."""
    assert kf.plot_timeline(_result()).text == "Timeline of a run: nothing was sent"
