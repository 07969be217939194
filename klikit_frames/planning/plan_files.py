"""Plan files: JSON that is known by its content, versioned, and refused when changed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ..errors import PlanError

_FORMAT = "klikit_frames plan"
_VERSION = 1


def seal(content: dict[str, Any]) -> bytes:
    """Return `content` as the bytes of a plan file."""
    body = _canonical(content)
    head = {"format": _FORMAT, "version": _VERSION, "checksum": _checksum(body)}
    return b'%s,"plan":%s}\n' % (_canonical(head)[:-1], body)


def is_plan(data: bytes) -> bool:
    """Return whether `data` is a plan file by its content, be it intact or not."""
    return _load(data) is not None


def unseal(data: bytes) -> dict[str, Any]:
    """Return the content of a plan file.

    Raises
    ------
    PlanError
        If it is not a plan file, is of a later version, or was changed by hand.
    """
    found = _load(data)
    if found is None:
        raise PlanError("This is not a plan file; plan files are written by plan.save().")
    if found.get("version") != _VERSION:
        raise PlanError(
            f"This plan file has version {found.get('version')!r}; this klikit_frames reads {_VERSION}."
            " Load it with the klikit_frames that wrote it, or plan again."
        )
    content = found.get("plan")
    if not isinstance(content, dict) or found.get("checksum") != _checksum(_canonical(content)):
        raise PlanError(
            "This plan file was changed after it was saved; plan again from the table of toggles."
        )
    return content


def _load(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("format") == _FORMAT else None


def _canonical(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()


def _checksum(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
