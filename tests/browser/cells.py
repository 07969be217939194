"""Cells that the tests of this folder put into notebooks."""

from __future__ import annotations

# One sandbox serves all tests of a kernel; each test finds it as new.
# So is the journal, in a state folder of its own: what an earlier test wrote is not pending in this one.
SANDBOX = """
import os
import tempfile
import klikit_frames as kf
from pathlib import Path
from tests.forms.sandbox_clients import gated_client, hasty_client
if not hasattr(kf, "kept_sandbox"):
    kf.kept_sandbox = kf.sandbox.serve()
sandbox = kf.kept_sandbox
sandbox.reset()
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp()
sandbox.set(store_read="live")
client = hasty_client(sandbox)
"""
# Writes wait for as long as this file lies beside the notebook.
SHUT = "gate.shut"
GATED = f"{SANDBOX}client = gated_client(sandbox, shut=Path({SHUT!r}))\n"
TOGGLE_FORM = GATED + "form = kf.forms.ToggleForm(client)"
