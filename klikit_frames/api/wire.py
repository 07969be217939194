"""The API's words for errors and for the enable endpoints; other modules see neutral records only."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, SupportsIndex

from ..errors import (
    ApiError,
    AuthError,
    IdempotencyConflict,
    NotFoundError,
    PlanError,
    RateLimited,
    ServerError,
)

ENABLE_PATHS = {
    "section": "/menus/sections/enable",
    "category": "/menus/categories/enable",
    "item": "/menus/items/enable",
}

# The API's pages publish two tables of codes; this is the one spelling that leaves this package.
CANONICAL_CODES = frozenset(
    {
        "auth_missing",
        "auth_invalid_credential",
        "auth_revoked",
        "auth_forbidden",
        "request_invalid",
        "request_missing_idempotency_key",
        "request_invalid_range",
        "resource_not_found",
        "resource_unmapped",
        "state_invalid_transition",
        "state_idempotency_conflict",
        "rate_limit_exceeded",
        "downstream_unavailable",
        "internal",
    }
)
_CODE_ALIASES = {
    "missing_auth": "auth_missing",
    "invalid_credentials": "auth_invalid_credential",
    "forbidden_scope": "auth_forbidden",
    "invalid_transition": "state_invalid_transition",
    "idempotency_key_conflict": "state_idempotency_conflict",
    "rate_limited": "rate_limit_exceeded",
    "not_found": "resource_not_found",
}
_CODE_OF_STATUS = {
    400: "request_invalid",
    401: "auth_invalid_credential",
    403: "auth_forbidden",
    404: "resource_not_found",
    409: "state_idempotency_conflict",
    422: "request_invalid",
    429: "rate_limit_exceeded",
    500: "internal",
    502: "downstream_unavailable",
    503: "downstream_unavailable",
    504: "downstream_unavailable",
}
# A text may be cut in the midst of a character; no file and no terminal takes the half that is left.
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
_SUCCESSES = {200, 201, 204}
_NO_CONTENT = 204
_ELSEWHERE = "the server sends requests elsewhere, which is not followed; check KLIKIT_BASE_URL"
_TOO_LARGE = "the request is too large for the server, or for a proxy before it"
_ERROR_OF_STATUS: dict[int, type[ApiError]] = {
    401: AuthError,
    403: AuthError,
    404: NotFoundError,
    409: IdempotencyConflict,
    429: RateLimited,
}


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """One answer of the API, in this package's words.

    Attributes
    ----------
    http_status : int
        Status of the answer.
    code : str
        ``ok`` on any 2xx, otherwise the canonical lower-case code.
    message : str
        The API's own words; empty if it gave none.
    request_id : str or None
        The id to quote to klikit's support.
    data : Any
        The envelope's ``data``; None if there was none.
    server_at : datetime or None
        The server's clock (its ``Date`` header), UTC.
    is_readable : bool
        False if it does not say what was done: a body that is not the API's (a proxy's page, a cut-off body),
        none where one is due, or a 2xx that the API's pages do not know.
    """

    http_status: int
    code: str
    message: str = ""
    request_id: str | None = None
    data: Any = None
    server_at: datetime | None = None
    is_readable: bool = True

    @property
    def is_ok(self) -> bool:
        """Whether the API accepted the request (2xx)."""
        return 200 <= self.http_status < 300


def normalise_code(code: object, *, http_status: int) -> str:
    """Return the canonical spelling of an error code; an unknown one falls back to its HTTP status.

    Touches neither network nor disk.

    Examples
    --------
    >>> from klikit_frames.api.wire import normalise_code
    >>> normalise_code("IDEMPOTENCY_KEY_CONFLICT", http_status=409)
    'state_idempotency_conflict'
    >>> normalise_code("BRAND_NEW_CODE", http_status=404)
    'resource_not_found'
    >>> normalise_code(None, http_status=418)
    'http_418'
    """
    lower = code.strip().lower() if isinstance(code, str) else ""
    lower = _CODE_ALIASES.get(lower, lower)
    if lower in CANONICAL_CODES:
        return lower
    return _CODE_OF_STATUS.get(http_status, f"http_{http_status}")


def parse_response(http_status: int, body: bytes, *, date: str | None = None) -> ApiResponse:
    """Return what an HTTP answer says, whatever its body holds; never raises.

    Touches neither network nor disk.

    Examples
    --------
    >>> from klikit_frames.api.wire import parse_response
    >>> parse_response(502, b"<html>Bad Gateway</html>").code
    'downstream_unavailable'
    """
    envelope = _parse_object(body)
    is_ok = 200 <= http_status < 300
    code, message = (
        ("ok", _read_message(envelope)) if is_ok else _read_error(envelope, http_status=http_status)
    )
    request_id = envelope.get("request_id")
    return ApiResponse(
        http_status=http_status,
        code=code,
        message=message,
        request_id=request_id if isinstance(request_id, str) and request_id else None,
        data=envelope.get("data"),
        server_at=_parse_date(date),
        is_readable=_is_telling(envelope, http_status=http_status, is_empty=not body.strip()),
    )


def error_text(answer: ApiResponse) -> str:
    """Return the API's own words, or what a status without any means: a redirect, or too large a body."""
    if 300 <= answer.http_status < 400:
        return _ELSEWHERE
    return answer.message or (_TOO_LARGE if answer.http_status == 413 else "")


def exception_for(answer: ApiResponse) -> ApiError:
    """Return (not raise) the exception that says what a failing answer says."""
    fallback = ServerError if answer.http_status >= 500 else ApiError
    kind = _ERROR_OF_STATUS.get(answer.http_status, fallback)
    said = error_text(answer) or "the API gave no reason"
    if answer.http_status == 401:
        said = f"{said}; check KLIKIT_PARTNER_KEY and KLIKIT_SECRET_KEY"
    return kind(said, http_status=answer.http_status, code=answer.code, request_id=answer.request_id)


def encode_enable(
    ids: Iterable[SupportsIndex],
    stores: Iterable[tuple[SupportsIndex, SupportsIndex]] | None,
    *,
    is_enabled: bool,
    cascade_to_modifier_groups: bool = False,
    cascade_brand_ids: Iterable[SupportsIndex] = (),
) -> bytes:
    """Return the body of one enable request; equal arguments give equal bytes.

    Touches neither network nor disk. The API reads a missing flag as "off" and may read an empty store
    list as "everywhere" (page bulk-enable-disable-categories), so neither can be encoded.

    Parameters
    ----------
    ids : ints
        At least one id of one entity type.
    stores : pairs of (brand_id, branch_id), or None
        None writes the business row.
    is_enabled : bool
        The target flag; nothing but True and False is taken.
    cascade_to_modifier_groups : bool
        Also flip the modifier links attached to the ids.
    cascade_brand_ids : ints
        Narrows the cascade to these brands.

    Raises
    ------
    PlanError
        On no ids, an empty store list, or a flag that is not a bool.

    Examples
    --------
    >>> from klikit_frames.api.wire import encode_enable
    >>> encode_enable([41254], None, is_enabled=False)
    b'{"ids":[41254],"isEnabled":false}'
    >>> encode_enable([41254], [(663, 1062)], is_enabled=True)
    b'{"ids":[41254],"isEnabled":true,"zoneStores":[{"brandID":663,"branchID":1062}]}'
    """
    body: dict[str, Any] = {"ids": _list_ids(ids), "isEnabled": _check_flag(is_enabled)}
    if not body["ids"]:
        raise PlanError("A request without ids cannot be sent.")
    if stores is not None:
        body["zoneStores"] = _list_stores(stores)
    if brand_ids := _list_ids(cascade_brand_ids):
        body["brandIDsToCascade"] = brand_ids
    if _check_flag(cascade_to_modifier_groups):
        body["isCascadeToModifierGroups"] = True
    return json.dumps(body, separators=(",", ":")).encode()


def decode_enable(body: bytes) -> dict[str, Any]:
    """Return what `encode_enable` made a body of.

    Touches neither network nor disk.

    Returns
    -------
    dict
        ``scope, is_enabled, ids, stores, cascade_to_modifier_groups, cascade_brand_ids``; no stores where the
        scope is ``business``.

    Raises
    ------
    PlanError
        It is not such a body.

    Examples
    --------
    >>> from klikit_frames.api.wire import decode_enable, encode_enable
    >>> found = decode_enable(encode_enable([41254], [(663, 1062)], is_enabled=True))
    >>> found["scope"], found["ids"], found["stores"]
    ('store', (41254,), ((663, 1062),))
    """
    try:
        content = json.loads(body)
        has_stores = "zoneStores" in content
        pairs = [(store["brandID"], store["branchID"]) for store in content.get("zoneStores", [])]
        fields: dict[str, Any] = {
            "scope": "store" if has_stores else "business",
            "is_enabled": content["isEnabled"],
            "ids": tuple(content["ids"]),
            "stores": tuple(pairs),
            "cascade_to_modifier_groups": content.get("isCascadeToModifierGroups", False),
            "cascade_brand_ids": tuple(content.get("brandIDsToCascade", [])),
        }
        again = encode_enable(
            fields["ids"],
            fields["stores"] if has_stores else None,
            is_enabled=fields["is_enabled"],
            cascade_to_modifier_groups=fields["cascade_to_modifier_groups"],
            cascade_brand_ids=fields["cascade_brand_ids"],
        )
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise PlanError("This is not the body of an enable request.") from error
    if again != body:
        raise PlanError("This is not the body of an enable request as this version writes it.")
    return fields


def _check_flag(flag: object) -> bool:
    if not isinstance(flag, bool):
        raise PlanError(f"A flag must be True or False, not {flag!r}.")
    return flag


def _list_ids(ids: Iterable[SupportsIndex]) -> list[int]:
    return [operator.index(entity_id) for entity_id in ids]


def _list_stores(stores: Iterable[tuple[SupportsIndex, SupportsIndex]]) -> list[dict[str, int]]:
    pairs = [
        {"brandID": operator.index(brand_id), "branchID": operator.index(branch_id)}
        for brand_id, branch_id in stores
    ]
    if not pairs:
        raise PlanError("An empty store list cannot be sent: the API may read it as every store.")
    return pairs


def _is_telling(envelope: Mapping[str, Any], *, http_status: int, is_empty: bool) -> bool:
    """Tell whether an answer is the API's own and says what was done; a proxy's page does not.

    The page on the envelope has three statuses of success, 204 alone without a body.
    """
    if not 200 <= http_status < 300:
        return "error" in envelope
    if http_status not in _SUCCESSES or envelope.get("error"):
        return False
    return bool(envelope.keys() & {"data", "request_id"}) or (is_empty and http_status == _NO_CONTENT)


def _parse_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
        if _HALF_CHARACTER.search(body):
            parsed = json.loads(json.dumps(parsed, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _parse_date(text: str | None) -> datetime | None:
    try:
        at = parsedate_to_datetime(text or "")
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _read_message(envelope: Mapping[str, Any]) -> str:
    data = envelope.get("data")
    message = data.get("message") if isinstance(data, dict) else None
    return message if isinstance(message, str) else ""


def _read_error(envelope: Mapping[str, Any], *, http_status: int) -> tuple[str, str]:
    error = envelope.get("error")
    error = error if isinstance(error, dict) else {}
    raw, message = error.get("code"), error.get("message")
    message = message if isinstance(message, str) else ""
    if isinstance(raw, str) and normalise_code(raw, http_status=0) == "http_0":
        # The caller sees a known code; the API's own word for it is not lost.
        message = f"{message} (code {raw[:100]})".strip()
    return normalise_code(raw, http_status=http_status), message
