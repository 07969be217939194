"""The terminal: parse words, call the public functions, print frames."""

from .main import main

__all__ = ["main"]
