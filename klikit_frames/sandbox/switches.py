"""A switch for each point on which the documentation is silent or contradicts itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from typing import TypeGuard

_CHOICES: dict[str, tuple[object, ...]] = {
    "code_spelling": ("lower", "upper"),
    "missing_key": ("accept", "reject"),
    "unknown_id": ("resource_not_found", "not_found", "partial"),
    "enable_data": ("message", "null", "object", "list"),
    "store_read": ("stale", "live"),
    "tree_flag": ("isEnabled", "enabled"),
    "rate_window": ("fixed", "sliding", "bucket"),
    "retry_after": ("seconds", "date", "absent", "absurd"),
    "revoked_status": (403, 401),
    "empty_stores": ("business", "reject"),
    "write_scope": ("menus:write", None),
    "transition_status": (409, 422),
    "stored_answers": ("success", "all"),
    "same_key": ("wait", "conflict"),
    "enable_keys": ("honoured", "ignored"),
    "publish_counts": ("exact", "short", "zero", "over", "negative", "missing", "text"),
    "date_header": ("sent", "missing"),
}
_YEARS_S = 10 * 365 * 24 * 60 * 60
# What counts seconds: the least and the most.
_SECONDS = {
    "rotation_overlap_s": (0, _YEARS_S),
    "publish_delay_s": (0, float("inf")),
    "date_skew_s": (-_YEARS_S, _YEARS_S),
}
_COUNTS = ("max_ids", "max_stores", "writes_per_minute", "reads_per_minute")


@dataclass(frozen=True)
class Switches:
    """How the sandbox behaves where the documentation leaves it open; the defaults are the likeliest reading.

    Attributes
    ----------
    code_spelling : {"lower", "upper"}
        Spelling of error codes.
    missing_key : {"accept", "reject"}
        A write without ``Idempotency-Key``: carried out, or 400 ``request_missing_idempotency_key``.
    unknown_id : {"resource_not_found", "not_found", "partial"}
        An enable with an id of nobody: 404 in either spelling with nothing written, or 404 with the good
        ids written.
    enable_data : {"message", "null", "object", "list"}
        What ``data`` is after an enable.
    store_read : {"stale", "live"}
        Whether the store menu shows a change only after a publish, or at once.
    tree_flag : {"isEnabled", "enabled"}
        Name of the flag in the business menu.
    max_ids, max_stores : int or None
        Most ids and most stores in one enable; more is 400.
    writes_per_minute, reads_per_minute : int or None
        Rate cap for each credential; None is off.
    rate_window : {"fixed", "sliding", "bucket"}
        How the cap counts.
    retry_after : {"seconds", "date", "absent", "absurd"}
        Form of ``Retry-After`` on the cap's 429.
    revoked_status : {403, 401}
        Status of ``auth_revoked``.
    rotation_overlap_s : float
        How long the old secret works after a rotation.
    empty_stores : {"business", "reject"}
        ``zoneStores: []`` is a business-level write, or 400.
    write_scope : {"menus:write", None}
        Scope that menu writes need.
    transition_status : {409, 422}
        Status of ``state_invalid_transition``.
    stored_answers : {"success", "all"}
        Which answers a key replays: those of writes that were made, or refusals and failures too.
    same_key : {"wait", "conflict"}
        A second request with the key of one that is still under way: waits for its answer, or 409.
    enable_keys : {"honoured", "ignored"}
        Whether an enable replays the answer of its ``Idempotency-Key``, or is carried out each time.
    publish_delay_s : float
        How long a publish is only queued before the store menus are copied, by the sandbox's clock;
        ``inf`` waits for `Sandbox.finish_publishes`.
    publish_counts : {"exact", "short", "zero", "over", "negative", "missing", "text"}
        What a publish of n stores answers: the true counts; 2 at most and 0; 0 and 0; n and 3; -1 and 0;
        none; or the true ones as text. The menus are copied all the same.
    date_header : {"sent", "missing"}
        Whether answers have a ``Date``.
    date_skew_s : float
        By how much that ``Date`` is ahead of the sandbox's clock; negative is behind.

    Examples
    --------
    >>> kf.sandbox.Switches().code_spelling
    'lower'
    """

    code_spelling: str = "lower"
    missing_key: str = "accept"
    unknown_id: str = "resource_not_found"
    enable_data: str = "message"
    store_read: str = "stale"
    tree_flag: str = "isEnabled"
    max_ids: int | None = None
    max_stores: int | None = None
    writes_per_minute: int | None = None
    reads_per_minute: int | None = None
    rate_window: str = "fixed"
    retry_after: str = "seconds"
    revoked_status: int = 403
    rotation_overlap_s: float = 0.0
    empty_stores: str = "business"
    write_scope: str | None = "menus:write"
    transition_status: int = 409
    stored_answers: str = "success"
    same_key: str = "wait"
    enable_keys: str = "honoured"
    publish_delay_s: float = 0.0
    publish_counts: str = "exact"
    date_header: str = "sent"
    date_skew_s: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            _check(name, value)


def change_switches(switches: Switches, changes: dict[str, object]) -> Switches:
    """Return the switches with some changed; raise TypeError for an unknown name."""
    names = [field.name for field in fields(Switches)]
    for name in changes:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(names)}"
            raise TypeError(f"the sandbox has no switch {name!r}{hint}")
    return replace(switches, **changes)  # type: ignore[arg-type]


def _check(name: str, value: object) -> None:
    if name in _CHOICES and not any(value == c and type(value) is type(c) for c in _CHOICES[name]):
        raise ValueError(f"{name} is one of {', '.join(map(repr, _CHOICES[name]))}; not {value!r}")
    if name in _COUNTS and value is not None and (type(value) is not int or value < 1):
        raise ValueError(f"{name} is a whole number from 1, or None; not {value!r}")
    if name in _SECONDS and not (_is_number(value) and _SECONDS[name][0] <= value <= _SECONDS[name][1]):
        raise ValueError(f"{name} is a number of seconds from {_SECONDS[name][0]:g}; not {value!r}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
