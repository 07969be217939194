"""The Partner API as a real HTTP server on loopback, written from its contract alone."""

from .server import Sandbox, serve

__all__ = ["Sandbox", "serve"]
