"""The Partner API as a real HTTP server on loopback, written from its contract alone."""

from .credentials import SCOPES, Credential
from .faults import Fault
from .sandboxes import Sandbox, serve
from .switches import Switches

__all__ = ["SCOPES", "Credential", "Fault", "Sandbox", "Switches", "serve"]
