"""Makes ``python -m klikit_frames`` the same as ``klikit-frames``, where the command is not on the path."""

from .cli import main

main()
