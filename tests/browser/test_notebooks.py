"""Notebooks in JupyterLab: the first that a person opens, and that of the forms, with what they draw.

`tests/test_notebooks.py` runs every notebook; only what a page adds to that is tried here.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.lab import ROOT, Lab

NOTEBOOKS = [ROOT / "notebooks" / name for name in ("01_first_run.ipynb", "04_forms.ipynb")]


@pytest.fixture(scope="module")
def notebooks(session_lab: Lab) -> Path:
    """The folder of the server, with copies of the notebooks and of the data that they read."""
    for name in ("notebooks", "sample_data"):
        shutil.copytree(ROOT / name, session_lab.work / name)
    return session_lab.work / "notebooks"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook__runs_in_the_lab(lab: Lab, notebooks: Path, path: Path) -> None:
    """A person who opens it and runs all cells sees no error."""
    lab.open(f"{notebooks.name}/{path.name}")
    lab.run()
    assert lab.errors() == []
    if path.stem == "04_forms":
        expect(lab.find(".kf-toggle-form")).to_be_attached()
