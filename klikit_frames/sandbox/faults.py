"""Fault injection: what can go wrong between a client and an API, by chance, by count or by request.

=====================  ==========================================================  =====================
name                   what happens                                                the write was made
=====================  ==========================================================  =====================
``latency``            the answer comes `seconds` later (0.2)                      yes
``reset_before``       the connection is reset on arrival                          no
``reset_after``        the connection is reset instead of the answer               yes
``truncated``          the connection ends in the middle of the answer             yes
``slow_drip``          the answer takes `seconds` (1.0) to arrive, bit by bit      yes
``wrong_content_type`` the answer calls itself ``text/plain``                      yes
``no_request_id``      the envelope lacks its ``request_id``                       yes
``html_502``           a proxy's HTML page, status 502                             no
``redirect``           307 to another path of the sandbox                          no
``error_500``          500 ``internal``                                            no
``error_502``          502 ``downstream_unavailable``                              no
``stored_502``         the same, but kept under the key: a retry gets it again     no
``error_503``          503 ``downstream_unavailable``                              no
``error_504``          504 ``downstream_unavailable``                              no
``rate_limit``         429 with ``Retry-After`` of `seconds` (1) as `retry_after`  no
``empty_200``          200 without a body                                          yes
``no_content_204``     204 without a body                                          yes
``multi_status_207``   207, with a status for each id, some of them 500            half
``html_200``           a proxy's HTML page, status 200                             no
``unwritten_200``      the usual answer, but nothing was written                   no
``doubled_answer``     the answer comes twice on one connection                    yes
=====================  ==========================================================  =====================

`written` changes the last column: ``all``, ``half`` (the first half of the ids, or of the stores where
there is one id) or ``none``; ``reset_before``, ``redirect`` and ``rate_limit`` come before any work. A write
made by half is not kept under its key, except by ``stored_502``. ``error_504:written=all`` is a gateway that
did not wait for the end.

`retry_after` is one of ``seconds``, ``date``, ``absent`` and ``absurd``. Every fault also takes
`probability`, `count` (how often it strikes, then it is gone) and `match` (it strikes only where this text
occurs in the method, path, query or body).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from threading import Lock

from .calls import Call

SECONDS = {"latency": 0.2, "slow_drip": 1.0, "rate_limit": 1.0}
NAMES = (
    "latency",
    "reset_before",
    "reset_after",
    "truncated",
    "slow_drip",
    "wrong_content_type",
    "no_request_id",
    "html_502",
    "redirect",
    "error_500",
    "error_502",
    "stored_502",
    "error_503",
    "error_504",
    "rate_limit",
    "empty_200",
    "no_content_204",
    "multi_status_207",
    "html_200",
    "unwritten_200",
    "doubled_answer",
)
WRITTEN = ("all", "half", "none")
# How much of a write is made under a fault; all of it under those that are not listed.
_WRITTEN_BY_DEFAULT = {
    "reset_before": "none",
    "html_502": "none",
    "redirect": "none",
    "error_500": "none",
    "error_502": "none",
    "stored_502": "none",
    "error_503": "none",
    "error_504": "none",
    "rate_limit": "none",
    "multi_status_207": "half",
    "html_200": "none",
    "unwritten_200": "none",
}
# These come before any work is done.
_NEVER_WRITTEN = ("reset_before", "redirect", "rate_limit", "unwritten_200")
RETRY_AFTER = ("seconds", "date", "absent", "absurd")


@dataclass(frozen=True)
class Fault:
    """One fault and when it strikes; see `klikit_frames.sandbox.faults` for the names.

    Examples
    --------
    >>> with kf.sandbox.serve(faults="error_503:count=3,match=items") as sandbox:
    ...     sandbox.faults[0].count
    3
    """

    name: str
    probability: float = 1.0
    count: int | None = None
    match: str = ""
    seconds: float | None = None
    retry_after: str = "seconds"
    written: str | None = None

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ValueError(f"there is no fault {self.name!r}; there are: {', '.join(NAMES)}")
        if not _is_within(self.probability, most=1):
            raise ValueError(f"probability is from 0 to 1, not {self.probability!r}")
        if self.count is not None and (type(self.count) is not int or self.count < 1):
            raise ValueError(f"count is a whole number from 1, not {self.count!r}")
        if self.seconds is not None and not _is_within(self.seconds, most=3600):
            raise ValueError(f"seconds is from 0 to 3600, not {self.seconds!r}")
        if not isinstance(self.match, str):
            raise TypeError(f"match is text, not {self.match!r}")
        if self.retry_after not in RETRY_AFTER:
            raise ValueError(f"retry_after is one of {', '.join(RETRY_AFTER)}; not {self.retry_after!r}")
        if self.written not in (None, *WRITTEN):
            raise ValueError(f"written is one of {', '.join(WRITTEN)}; not {self.written!r}")
        if self.name in _NEVER_WRITTEN and self.written not in (None, "none"):
            raise ValueError(f"{self.name} writes nothing; written cannot be {self.written!r}")

    @property
    def length_s(self) -> float:
        """How long it lasts, for those that last."""
        return SECONDS.get(self.name, 0.0) if self.seconds is None else self.seconds

    @property
    def written_part(self) -> str:
        """What of the write is made: ``all``, ``half`` or ``none``."""
        return self.written or _WRITTEN_BY_DEFAULT.get(self.name, "all")


def _is_within(value: object, *, most: float) -> bool:
    return isinstance(value, int | float) and 0 <= value <= most


class Faults:
    """The faults in force, tried in the order in which they were injected; safe for threads."""

    def __init__(self, faults: Iterable[Fault] = (), *, seed: int = 7) -> None:
        self._first = tuple(faults)
        self._seed = seed
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        """Go back to the faults of the start, and draw from the seed again."""
        with self._lock:
            self._live = list(self._first)
            self._chance = random.Random(f"faults {self._seed}")  # noqa: S311 - chance, not secrets

    def inject(self, fault: Fault) -> None:
        """Put one more in force."""
        with self._lock:
            self._live.append(fault)

    def clear(self) -> None:
        """Remove all."""
        with self._lock:
            self._live.clear()

    def live(self) -> tuple[Fault, ...]:
        """Return those in force, with the counts that are left."""
        return tuple(self._live)

    def draw(self, call: Call) -> list[Fault]:
        """Return what strikes this request: every latency, and the first of the others."""
        with self._lock:
            return self._draw(call)

    def _draw(self, call: Call) -> list[Fault]:
        struck: list[Fault] = []
        for fault in self.live():
            is_second = fault.name != "latency" and any(other.name != "latency" for other in struck)
            if not is_second and self._strikes(fault, call):
                struck.append(fault)
                self._use(fault)
        return struck

    def _strikes(self, fault: Fault, call: Call) -> bool:
        if (
            fault.match
            and fault.match not in f"{call.method} {call.target}\n{call.body.decode(errors='replace')}"
        ):
            return False
        return fault.probability == 1 or self._chance.random() < fault.probability

    def _use(self, fault: Fault) -> None:
        if fault.count is None:
            return
        place = next(index for index, other in enumerate(self._live) if other is fault)
        left = [replace(fault, count=fault.count - 1)] if fault.count > 1 else []
        self._live[place : place + 1] = left


def make_fault(name: str, **options: object) -> Fault:
    """Return one fault; raise TypeError for an unknown option."""
    option_names = [field.name for field in fields(Fault)]
    for option in options:
        if option not in option_names:
            raise TypeError(f"a fault has no {option!r}; there are: {', '.join(option_names[1:])}")
    return Fault(name, **options)  # type: ignore[arg-type]


def parse_faults(text: str) -> list[Fault]:
    """Read faults as they are written in a command: ``error_503:count=3,match=items;latency:seconds=0.1``."""
    return [_parse(part.strip()) for part in text.split(";") if part.strip()]


def read_faults(source: object) -> list[Fault]:
    """Return faults given as text, as a Fault, as a mapping with ``name``, or as a list of these."""
    if source is None:
        return []
    if isinstance(source, str):
        return parse_faults(source)
    if isinstance(source, Fault):
        return [source]
    if isinstance(source, Mapping):
        return [make_fault(**source)]
    if isinstance(source, Iterable):
        return [fault for part in source for fault in read_faults(part)]
    raise TypeError(f"faults are text, or a list of text and mappings; not {source!r}")


def _parse(part: str) -> Fault:
    name, _, rest = part.partition(":")
    options: dict[str, object] = {}
    for pair in filter(None, rest.split(",")):
        option, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair!r} in {part!r} is not option=value")
        options[option.strip()] = _read_value(option.strip(), value.strip())
    return make_fault(name.strip(), **options)


def _read_value(option: str, text: str) -> object:
    try:
        return _NUMBERS.get(option, str)(text)
    except ValueError:
        raise ValueError(f"{option} is a number, not {text!r}") from None


_NUMBERS = {"probability": float, "count": int, "seconds": float}
