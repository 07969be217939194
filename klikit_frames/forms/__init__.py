"""Forms for quick changes in a notebook: pick what, pick where, see what will happen, press."""

from klikit_frames.forms.pickers import EntityPicker, StorePicker

__all__ = ["EntityPicker", "StorePicker"]
