"""Forms for quick changes in a notebook: pick what, pick where, see what will happen, press.

Each form loads on first use, so that a face without a screen never loads widgets.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .matrices import MatrixEditor
    from .pickers import EntityPicker, StorePicker
    from .toggle_forms import ToggleForm
    from .upload_forms import UploadForm

_HOMES = {
    "EntityPicker": "pickers",
    "MatrixEditor": "matrices",
    "StorePicker": "pickers",
    "ToggleForm": "toggle_forms",
    "UploadForm": "upload_forms",
}

__all__ = ["EntityPicker", "MatrixEditor", "StorePicker", "ToggleForm", "UploadForm"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'klikit_frames.forms' has no attribute {name!r}")
    return getattr(import_module(f"klikit_frames.forms.{_HOMES[name]}"), name)
