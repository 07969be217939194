"""The terminal: parse words, call the public functions, print frames."""

from klikit_frames.cli.main import main

__all__ = ["main"]
