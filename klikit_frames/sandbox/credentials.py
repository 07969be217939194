"""Credentials: issued with the secret shown once, rotated, revoked, scoped; and the rate cap of each."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .calls import ApiError

if TYPE_CHECKING:
    from .app_context import AppContext

SCOPES = (
    "brands:read",
    "menus:read",
    "menus:write",
    "menus:oos",
    "orders:read",
    "orders:write",
    "visibility:write",
    "webhooks:read",
)


class Credential(NamedTuple):
    """A key and its secret, as the caller of an issue or a rotation gets them; its repr hides the secret.

    Examples
    --------
    >>> kf.sandbox.Credential("pk", "sk")
    Credential(partner_key='pk', secret_key=<hidden>)
    """

    partner_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"Credential(partner_key={self.partner_key!r}, secret_key=<hidden>)"


def first_credential(seed: int) -> Credential:
    """Return the credential that is there from the start; it depends only on the seed."""
    digest = hashlib.sha256(f"klikit sandbox {seed}".encode()).hexdigest()
    return Credential(f"pk_sandbox_{digest[:16]}", f"sk_sandbox_{digest[16:48]}")


def issue(app: AppContext, credential: Credential, *, scopes: Iterable[str] = SCOPES) -> None:
    """Make a credential valid for some scopes; only a hash of its secret is kept."""
    app.state.write(
        "INSERT OR REPLACE INTO credentials (partner_key, secret_hash, scopes) VALUES (?, ?, ?)",
        (credential.partner_key, _hash(credential.secret_key), " ".join(_checked(scopes))),
    )


def rotate(app: AppContext, credential: Credential) -> None:
    """Replace a credential's secret; the old one is kept for the overlap, if there is one."""
    _require(app, credential.partner_key)
    app.state.write(
        "UPDATE credentials SET old_hash = secret_hash, secret_hash = ?, rotated_at = ?"
        " WHERE partner_key = ?",
        (_hash(credential.secret_key), app.clock.now(), credential.partner_key),
    )


def revoke(app: AppContext, partner_key: str) -> None:
    """End a credential for good."""
    _require(app, partner_key)
    app.state.write("UPDATE credentials SET is_revoked = 1 WHERE partner_key = ?", (partner_key,))


def rescope(app: AppContext, partner_key: str, *, scopes: Iterable[str]) -> None:
    """Change what a credential may do."""
    _require(app, partner_key)
    values = (" ".join(_checked(scopes)), partner_key)
    app.state.write("UPDATE credentials SET scopes = ? WHERE partner_key = ?", values)


def _require(app: AppContext, partner_key: str) -> None:
    if not app.state.rows("SELECT 1 FROM credentials WHERE partner_key = ?", (partner_key,)):
        raise LookupError(f"there is no credential {partner_key!r}")


def check(app: AppContext, authorization: str | None) -> tuple[str, frozenset[str]]:
    """Return the key and the scopes of a request, or refuse it."""
    partner_key, secret_key = _decode(authorization)
    rows = app.state.rows(
        "SELECT secret_hash, old_hash, rotated_at, scopes, is_revoked FROM credentials WHERE partner_key = ?",
        (partner_key,),
    )
    if not rows or not _fits(app, _hash(secret_key), *rows[0][:3]):
        raise ApiError("auth_invalid_credential", "partner key or secret key is wrong", headers=_CHALLENGE)
    scopes, is_revoked = rows[0][3:]
    if is_revoked:
        raise ApiError("auth_revoked", "credential is revoked", status=app.switches.revoked_status)
    return partner_key, frozenset(scopes.split())


def _fits(
    app: AppContext, given: str, secret_hash: str, old_hash: str | None, rotated_at: float | None
) -> bool:
    if hmac.compare_digest(given, secret_hash):
        return True
    # The old secret, as long as the two overlap.
    is_old = old_hash is not None and hmac.compare_digest(given, old_hash)
    return is_old and app.clock.now() < (rotated_at or 0) + app.switches.rotation_overlap_s


_CHALLENGE = {"www-authenticate": 'Basic realm="klikit partner"'}


def _decode(authorization: str | None) -> tuple[str, str]:
    scheme, _, token = (authorization or "").partition(" ")
    try:
        partner_key, colon, secret_key = (
            base64.b64decode(token.strip(), validate=True).decode().partition(":")
        )
    except (binascii.Error, ValueError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise ApiError("auth_missing", "Authorization header is missing or not Basic", headers=_CHALLENGE)
    return partner_key, secret_key


def _hash(secret_key: str) -> str:
    return hashlib.sha256(secret_key.encode(errors="surrogatepass")).hexdigest()


def _checked(scopes: Iterable[str]) -> list[str]:
    names = list(scopes)
    for name in names:
        if name not in SCOPES:
            raise ValueError(f"there is no scope {name!r}; there are: {', '.join(SCOPES)}")
    return names


WINDOW_S = 60.0
ABSURD_S = 10**9


@dataclass(frozen=True)
class Reading:
    """Where a credential stands after one request."""

    is_allowed: bool
    remaining: int
    wait_s: float


class Window(Protocol):
    """Counts requests against a cap."""

    def take(self, now: float) -> Reading:
        """Ask for a slot at this time; `wait_s` is the time until the next slot is free, or all are."""


@dataclass
class FixedWindow:
    """So many in each minute of the clock."""

    cap: int
    _minute: float = -1.0
    _count: int = 0

    def take(self, now: float) -> Reading:
        """Count the request into the current minute."""
        minute = now // WINDOW_S
        if minute != self._minute:
            self._minute, self._count = minute, 0
        is_allowed = self._count < self.cap
        self._count += is_allowed
        return Reading(is_allowed, self.cap - self._count, (minute + 1) * WINDOW_S - now)


@dataclass
class SlidingWindow:
    """So many in any 60 seconds."""

    cap: int
    _times: deque[float] = field(default_factory=deque)

    def take(self, now: float) -> Reading:
        """Count the request with those of the last 60 seconds."""
        while self._times and not now - WINDOW_S < self._times[0] <= now:
            self._times.popleft()
        is_allowed = len(self._times) < self.cap
        if is_allowed:
            self._times.append(now)
        return Reading(is_allowed, self.cap - len(self._times), self._times[0] + WINDOW_S - now)


@dataclass
class TokenBucket:
    """So many at once, refilled evenly over 60 seconds."""

    cap: int
    _level: float = -1.0
    _filled_at: float = 0.0

    def take(self, now: float) -> Reading:
        """Take one token if there is one."""
        rate = self.cap / WINDOW_S
        refill = max(0.0, now - self._filled_at) * rate
        self._level = self.cap if self._level < 0 else min(float(self.cap), self._level + refill)
        self._filled_at = now
        is_allowed = self._level >= 1
        self._level -= is_allowed
        return Reading(is_allowed, int(self._level), max(0.0, 1 - self._level) / rate)


# The credential, whether it writes, the kind of window and the cap.
Place = tuple[str, bool, str, int]
WINDOWS: dict[str, Callable[[int], Window]] = {
    "fixed": FixedWindow,
    "sliding": SlidingWindow,
    "bucket": TokenBucket,
}


class Limits:
    """One window for each credential and each of reads and writes."""

    def __init__(self) -> None:
        self._windows: dict[Place, Window] = {}

    def take(self, place: Place, *, now: float) -> Reading:
        """Count one request; a change of the cap or of its kind starts a new window."""
        window = self._windows.setdefault(place, WINDOWS[place[2]](place[3]))
        return window.take(now)

    def clear(self) -> None:
        """Forget what was counted."""
        self._windows.clear()


def retry_after(form: str, *, wait_s: float, date: str) -> dict[str, str]:
    """Return the header ``Retry-After`` in one of its forms; `date` is the moment when the wait is over."""
    values = {"seconds": str(max(1, math.ceil(wait_s))), "date": date, "absurd": str(ABSURD_S)}
    return {"retry-after": values[form]} if form in values else {}


def cap_headers(reading: Reading, *, cap: int, now: float) -> dict[str, str]:
    """Return the headers that tell where a credential stands."""
    reset = math.ceil(now + reading.wait_s)
    values = {"limit": cap, "remaining": max(0, reading.remaining), "reset": reset}
    return {f"x-ratelimit-{name}": str(value) for name, value in values.items()}
