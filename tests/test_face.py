"""The public face: one sorted list, loaded on first use, free of side effects."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import klikit_frames as kf

PACKAGE = Path(kf.__file__).parent


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_face__is_sorted_and_every_name_is_there() -> None:
    """Each name of the list can be had, and the list is in order."""
    assert list(kf.__all__) == sorted(kf.__all__)
    assert all(getattr(kf, name) is not None for name in kf.__all__)


def test_face__is_the_same_for_type_checkers() -> None:
    """The stub file offers exactly the names of the list."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    assert sorted(alias.name for node in imports for alias in node.names) == list(kf.__all__)


def test_face__refuses_other_names() -> None:
    """A name that is not public is an AttributeError that names it."""
    with pytest.raises(AttributeError, match="'klikit_frames' has no attribute 'plann'"):
        _ = kf.plann  # type: ignore[attr-defined]


def test_import__loads_no_library() -> None:
    """Importing the package loads neither pandas nor any effect library."""
    heavy = {"pandas", "httpx", "tqdm", "ipywidgets", "typer", "sqlite3", "starlette", "logging"}
    loaded = _python("import sys, klikit_frames; print(*sys.modules)").split()
    assert heavy.isdisjoint(loaded)


def test_import_of_everything__draws_configures_and_reads_nothing() -> None:
    """Loading every public name prints nothing, adds no log handler and reads no variable of the package."""
    code = """
import os
read = []
class Watched(dict):
    def __getitem__(self, key): read.append(key); return dict.__getitem__(self, key)
    def get(self, key, default=None): read.append(key); return dict.get(self, key, default)
os.environ = Watched(os.environ)
import logging, klikit_frames as kf
[getattr(kf, name) for name in kf.__all__]
print(logging.getLogger().handlers, [key for key in read if str(key).startswith("KLIKIT")])
"""
    assert _python(code) == "[] []\n"


@pytest.mark.parametrize("name", [name for name in kf.__all__ if name not in {"fleet", "forms", "sandbox"}])
def test_public_names__have_a_docstring_with_an_example(name: str) -> None:
    """Whoever asks for help gets text, and for a function an example that runs."""
    value = getattr(kf, name)
    text = inspect.getdoc(value) or ""
    assert text
    if inspect.isfunction(value):
        assert ">>>" in text, f"{name} has no example"
