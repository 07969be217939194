"""The Partner API as a real HTTP server on loopback, with a demo business behind it.

It is written from the API's documentation alone. `serve` starts one; the `Sandbox` that it returns tells what
was received (`requests`) and what is true (`state`, `links`), and injects faults (`inject`; the names are
listed in `klikit_frames.sandbox.faults`). `Switches` lists how it can behave where the documentation is
silent. A page for people is at `page_url`, an OpenAPI document at ``/openapi.json``.
"""

from .credentials import SCOPES, Credential
from .faults import Fault

try:
    from .sandbox import Sandbox, serve
except ModuleNotFoundError as error:
    message = "The sandbox needs an extra: pip install 'klikit-frames[sandbox]'."
    raise ModuleNotFoundError(message, name=error.name) from error
from .switches import Switches

__all__ = ["SCOPES", "Credential", "Fault", "Sandbox", "Switches", "serve"]
