"""Makes ``python -m klikit_frames.cli`` the same as ``klikit-frames``."""

from klikit_frames.cli.main import main

main()
