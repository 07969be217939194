"""Pictures of the forms, in light and in dark, to be looked at.

They go into a temporary folder, or into the one that KLIKIT_FRAMES_PICTURES names. Those of the README are
made by ``KLIKIT_FRAMES_PICTURES=notebooks pytest tests/browser/test_pictures.py -k 'toggle_form or sample'``,
and are held to what the form says today.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import expect

import klikit_frames as kf
from klikit_frames.auditing.pictures import Picture
from tests.browser.cells import SANDBOX
from tests.browser.lab import ROOT, Lab
from tests.forms.user_actions import look_of

# The usual caps, so that the minutes are those of a real host; and noon, so that 17:00 is that of today.
FORM = (
    SANDBOX
    + """
import pandas as pd
noon = pd.Timestamp("2026-03-09 12:00", tz="Asia/Jakarta")
sandbox.move_clock((noon - pd.Timestamp.now("UTC")).total_seconds())
form = kf.forms.ToggleForm(sandbox.connect())
"""
)
TOGGLES = str(ROOT / "sample_data" / "toggles.csv")
PLAN = f"import klikit_frames as kf\nplan = kf.plan(kf.read_toggles({TOGGLES!r}))"
MOST_BYTES = 150_000
_COLOURS = 128


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the pictures go."""
    return Path(os.environ.get("KLIKIT_FRAMES_PICTURES", tmp_path))


@pytest.fixture(params=["Light", "Dark"])
def dressed(lab: Lab, request: pytest.FixtureRequest) -> Iterator[tuple[Lab, str]]:
    """The page in a theme, and what its pictures' names end with."""
    lab.put("1")
    lab.dress(request.param)
    yield lab, {"Light": ".png", "Dark": "_dark.png"}[request.param]
    lab.undress()


def take(lab: Lab, selector: str, path: Path, *, height: int = 1_400) -> None:
    """Take a picture; it stays small enough for a README."""
    box = lab.find(selector).first.bounding_box()
    assert box is not None
    lab.page.screenshot(path=path, clip={**box, "height": min(box["height"], height)})
    metadata = PngInfo()
    metadata.add_text("Description", lab.find(selector).first.inner_text())
    metadata.add_text("Source", look_of(kf.forms.ToggleForm))
    with Image.open(path) as picture:
        picture.quantize(_COLOURS).save(path, pnginfo=metadata, optimize=True)
    assert 5_000 < path.stat().st_size < MOST_BYTES


def test_picture__toggle_form(dressed: tuple[Lab, str], folder: Path) -> None:
    """The toggle form with a plan that is ready to go."""
    lab, suffix = dressed
    lab.show(FORM, "form")
    lab.find(".kf-entities .kf-search").fill("item kremes dada")
    lab.find(".kf-entities .kf-tick-matching").click()
    lab.find(".kf-stores .kf-search").fill("jakarta 663")
    lab.find(".kf-stores .kf-tick-matching").click()
    lab.find(".kf-how .kf-until").select_option("17:00")
    expect(lab.find(".kf-headline")).to_contain_text("until 17:00, then back to what they were")
    name = f"toggle_form{suffix}"
    take(lab, ".kf-toggle-form", folder / name)
    with Image.open(folder / name) as now, Image.open(ROOT / "notebooks" / name) as shown:
        assert shown.info["Description"] == now.info["Description"]


def test_picture__plan(dressed: tuple[Lab, str], folder: Path) -> None:
    """A plan as a cell shows it."""
    lab, suffix = dressed
    lab.page.set_viewport_size({"width": 1600, "height": 1000})
    lab.show(PLAN, "plan")
    take(lab, ".jp-RenderedHTMLCommon", folder / f"plan_in_a_cell{suffix}", height=560)


def test_picture__of_the_sample_plan(folder: Path) -> None:
    """The requests of the sample as blocks of colour; one picture for light pages and for dark ones."""
    with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        plan = kf.plan(kf.read_toggles(TOGGLES)).with_names(kf.stores(client))
    # As wide as the README shows it, so that its names are read there; and sharp on any screen.
    picture = kf.plot_plan(plan)
    picture.figure.set_size_inches(4.4, 3.9)
    picture.figure.axes[0].set_title(f"{plan.n_rows:,} rows in {plan.n_requests} requests", loc="left")
    path = folder / "plan.png"
    metadata = {"Description": picture.text}
    Picture(picture.figure, picture.text).figure.savefig(path, dpi=220, metadata=metadata)
    assert 5_000 < path.stat().st_size < MOST_BYTES


def test_picture__matrix_editor(dressed: tuple[Lab, str], folder: Path) -> None:
    """The matrix editor with changed cells."""
    lab, suffix = dressed
    lab.show(
        SANDBOX + "editor = kf.forms.MatrixEditor(kf.read_state(client, stores=kf.stores(client).head(7)))",
        "editor",
    )
    lab.find(".kf-search-entities").fill("kremes")
    expect(lab.find("tbody tr")).to_have_count(6)
    for place in (0, 8, 9):
        lab.find("tbody .kf-cell").nth(place).click()
    expect(lab.find(".kf-changed")).to_have_count(3)
    take(lab, ".kf-matrix", folder / f"matrix_editor{suffix}")
