"""Forms for quick changes in a notebook: pick what, pick where, see what will happen, press.

Each form loads on first use, so that a face without a screen never loads widgets.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .matrix_editor import MatrixEditor
    from .pickers import EntityPicker, StorePicker
    from .toggle_form import ToggleForm
    from .upload_form import UploadForm

_EXPORTS = {
    "EntityPicker": "pickers",
    "MatrixEditor": "matrix_editor",
    "StorePicker": "pickers",
    "ToggleForm": "toggle_form",
    "UploadForm": "upload_form",
}

__all__ = ["EntityPicker", "MatrixEditor", "StorePicker", "ToggleForm", "UploadForm"]


def __getattr__(name: str) -> object:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'klikit_frames.forms' has no attribute {name!r}")
    return getattr(import_module(f"klikit_frames.forms.{_EXPORTS[name]}"), name)
