"""The API's words, in and out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.api.wire import (
    CANONICAL_CODES,
    ENABLE_PATHS,
    ApiResponse,
    encode_enable,
    error_text,
    exception_for,
    normalise_code,
    parse_response,
)
from tests.fixtures import column

from .scripts import connect

# The two tables of codes on the API's pages, side by side.
UPPER_SPELLINGS = {
    "MISSING_AUTH": "auth_missing",
    "INVALID_CREDENTIALS": "auth_invalid_credential",
    "FORBIDDEN_SCOPE": "auth_forbidden",
    "REQUEST_INVALID": "request_invalid",
    "RESOURCE_NOT_FOUND": "resource_not_found",
    "INVALID_TRANSITION": "state_invalid_transition",
    "IDEMPOTENCY_KEY_CONFLICT": "state_idempotency_conflict",
    "RATE_LIMITED": "rate_limit_exceeded",
    "DOWNSTREAM_UNAVAILABLE": "downstream_unavailable",
    "INTERNAL": "internal",
    "not_found": "resource_not_found",
}
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@pytest.mark.parametrize(("upper", "canonical"), UPPER_SPELLINGS.items())
def test_codes__have_one_spelling(upper: str, canonical: str) -> None:
    """Whichever table the server follows, one code comes out."""
    assert normalise_code(upper, http_status=500) == canonical
    assert normalise_code(upper.lower(), http_status=500) == canonical


@pytest.mark.parametrize("code", sorted(CANONICAL_CODES))
def test_codes__keep_the_lower_spelling(code: str) -> None:
    """The first table's spelling is already ours, in any case."""
    assert normalise_code(code, http_status=599) == code
    assert normalise_code(f" {code.upper()} ", http_status=599) == code


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "request_invalid"),
        (401, "auth_invalid_credential"),
        (403, "auth_forbidden"),
        (404, "resource_not_found"),
        (409, "state_idempotency_conflict"),
        (422, "request_invalid"),
        (429, "rate_limit_exceeded"),
        (500, "internal"),
        (502, "downstream_unavailable"),
        (503, "downstream_unavailable"),
        (504, "downstream_unavailable"),
        (307, "http_307"),
        (418, "http_418"),
    ],
)
@pytest.mark.parametrize("unknown", ["TEAPOT", "", None, 7, ["x"]])
def test_codes__fall_back_to_the_status(status: int, code: str, unknown: object) -> None:
    """A code that nobody knows is named by its HTTP status."""
    assert normalise_code(unknown, http_status=status) == code


def test_answer__keeps_an_unknown_code_in_the_message() -> None:
    """The API's own word is not lost when its code is unknown."""
    body = json.dumps({"request_id": "r", "error": {"code": "MENU_LOCKED", "message": "try later"}}).encode()
    answer = parse_response(400, body)
    assert (answer.code, answer.message) == ("request_invalid", "try later (code MENU_LOCKED)")


def test_answer__tells_the_servers_time() -> None:
    """The Date header is the server's clock, in UTC."""
    answer = parse_response(200, b"", date="Mon, 23 Nov 2026 15:00:00 GMT")
    assert answer.server_at == datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 99 Nov 2026 15:00:00 GMT"])
def test_answer__lives_without_a_date(date: str | None) -> None:
    """A missing or senseless Date is no reason to fail."""
    assert parse_response(200, b"", date=date).server_at is None


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (204, b"", ApiResponse(204, "ok")),
        (200, b"", ApiResponse(200, "ok", is_readable=False)),
        (
            207,
            b'{"request_id": "a", "data": {}}',
            ApiResponse(207, "ok", request_id="a", data={}, is_readable=False),
        ),
        (202, b'{"data": null}', ApiResponse(202, "ok", is_readable=False)),
        (200, b'{"data": {}, "error": {"code": "x"}}', ApiResponse(200, "ok", data={}, is_readable=False)),
        (200, b'{"request_id":"r","data":null}', ApiResponse(200, "ok", request_id="r")),
        (
            200,
            b'{"request_id":"r","data":{"message":"done"}}',
            ApiResponse(200, "ok", "done", "r", {"message": "done"}),
        ),
        (200, b'{"data":[]}', ApiResponse(200, "ok", data=[])),
        (200, b'{"request_id":7,"data":{}}', ApiResponse(200, "ok", data={})),
        (200, b'{"request_id":"r","da', ApiResponse(200, "ok", is_readable=False)),
        (200, HTML, ApiResponse(200, "ok", is_readable=False)),
        (200, b"[1,2]", ApiResponse(200, "ok", is_readable=False)),
        (
            200,
            b'{"request_id":"r","error":{"code":"internal"}}',
            ApiResponse(200, "ok", "", "r", None, None, False),
        ),
        (200, b'{"request_id":"r","data":{},"error":null}', ApiResponse(200, "ok", "", "r", {})),
        (200, b"\xff\xfe\x00", ApiResponse(200, "ok", is_readable=False)),
        (200, b"[" * 100_000, ApiResponse(200, "ok", is_readable=False)),
        (502, HTML, ApiResponse(502, "downstream_unavailable", is_readable=False)),
        (404, b"", ApiResponse(404, "resource_not_found", is_readable=False)),
        (404, b'{"message":"no Route matched"}', ApiResponse(404, "resource_not_found", is_readable=False)),
        (403, b'{"error":{"code":"FORBIDDEN_SCOPE"}}', ApiResponse(403, "auth_forbidden")),
        (403, b'{"error":"no"}', ApiResponse(403, "auth_forbidden")),
        (307, b"", ApiResponse(307, "http_307", is_readable=False)),
    ],
)
def test_answer__survives_any_body(status: int, body: bytes, expected: ApiResponse) -> None:
    """Whatever a proxy or a broken line leaves of a body, the answer is read as far as it goes."""
    assert parse_response(status, body) == expected


@given(status=st.integers(100, 599), body=st.binary(max_size=60))
def test_answer__never_raises(status: int, body: bytes) -> None:
    """No body at all can break the reader."""
    assert parse_response(status, body).http_status == status


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, kf.ApiError),
        (401, kf.AuthError),
        (403, kf.AuthError),
        (404, kf.NotFoundError),
        (409, kf.IdempotencyConflict),
        (422, kf.ApiError),
        (429, kf.RateLimited),
        (500, kf.ServerError),
        (503, kf.ServerError),
    ],
)
def test_errors__fit_the_status(status: int, kind: type[kf.ApiError]) -> None:
    """Each status has its exception, with all of the evidence."""
    error = exception_for(ApiResponse(status, "some_code", "some words", "r-1"))
    assert type(error) is kind
    assert (error.http_status, error.code, error.request_id) == (status, "some_code", "r-1")
    assert "some words" in error.message


def test_errors__say_what_a_status_without_words_means() -> None:
    """A proxy that takes no such large body mostly gives no reason; its status does."""
    assert "too large" in str(exception_for(ApiResponse(413, "http_413", is_readable=False)))


def test_errors__name_the_variables_of_a_wrong_credential() -> None:
    """The error of a mistyped key says where it comes from."""
    assert "KLIKIT_SECRET_KEY" in str(exception_for(ApiResponse(401, "auth_invalid_credential", "no")))


def test_errors__name_the_variable_of_an_address_that_redirects() -> None:
    """The error of an old address says where it comes from."""
    assert "KLIKIT_BASE_URL" in str(exception_for(ApiResponse(307, "http_307")))


def test_paths__are_the_three_enable_endpoints() -> None:
    """Each entity type has its own path, of one pattern."""
    assert ENABLE_PATHS == {
        "section": "/menus/sections/enable",
        "category": "/menus/categories/enable",
        "item": "/menus/items/enable",
    }


def test_enable__writes_the_documented_fields() -> None:
    """The body of a full request, byte for byte."""
    body = encode_enable(
        np.array([41254, 41255]),
        [(663, 1062)],
        is_enabled=False,
        cascade_to_modifier_groups=True,
        cascade_brand_ids=(663,),
    )
    assert body == (
        b'{"ids":[41254,41255],"isEnabled":false,"zoneStores":[{"brandID":663,"branchID":1062}],'
        b'"brandIDsToCascade":[663],"isCascadeToModifierGroups":true}'
    )


@pytest.mark.parametrize(
    ("ids", "stores", "flag"),
    [
        ([], None, True),
        ([1], [], True),
        ([1], (), False),
        ([1], None, None),
        ([1], None, "false"),
        ([1], None, 0),
        ([1], None, np.True_),
    ],
)
def test_enable__refuses_what_the_api_would_misread(ids: list[int], stores: Any, flag: Any) -> None:
    """No ids, no stores or no clear flag never become a request."""
    with pytest.raises(kf.PlanError):
        encode_enable(ids, stores, is_enabled=flag)


@pytest.mark.parametrize("id_", [1.0, "1", None])
def test_enable__refuses_an_id_that_is_no_integer(id_: object) -> None:
    """An id is never made from a float or a text."""
    with pytest.raises(TypeError):
        encode_enable(column(id_), None, is_enabled=True)


@given(
    ids=st.lists(st.integers(1, 2**62), min_size=1, max_size=8),
    stores=st.none()
    | st.lists(st.tuples(st.integers(1, 2**62), st.integers(1, 2**62)), min_size=1, max_size=8),
    is_enabled=st.booleans(),
)
def test_enable__says_exactly_what_was_asked(
    ids: list[int], stores: list[tuple[int, int]] | None, is_enabled: bool
) -> None:
    """Ids, stores and flag are read back unchanged, and nothing was added."""
    said = json.loads(encode_enable(ids, stores, is_enabled=is_enabled))
    assert said.pop("ids") == ids
    assert said.pop("isEnabled") is is_enabled
    pairs = said.pop("zoneStores", None)
    assert (pairs and [(pair["brandID"], pair["branchID"]) for pair in pairs]) == stores
    assert not said


@pytest.mark.parametrize("half", [rb"\ud83c", rb"\uDF55", rb"\ud83cx\udf55"])
def test_half_a_character__is_replaced_wherever_it_stands(half: bytes) -> None:
    """A text that a server cut in mid-emoji still fits every file: message, request_id and data."""
    body = b'{"request_id":"r%s","data":["d%s"],"error":{"code":"X%s","message":"m%s"}}' % ((half,) * 4)
    answer = parse_response(400, body)
    for text in (answer.message, answer.request_id or "", *answer.data):
        assert text[1:2] in {"?", "\N{REPLACEMENT CHARACTER}"}
        assert text.encode("utf-8")
    assert answer.code == "request_invalid"


def test_whole_character__is_kept_beside_a_half() -> None:
    """Two halves that belong together are one character, and stay it."""
    body = json.dumps({"request_id": "r", "data": ["\N{SLICE OF PIZZA}", "cut \ud83c"]}).encode()
    assert parse_response(200, body).data == ["\N{SLICE OF PIZZA}", "cut ?"]


@pytest.mark.parametrize(
    "date",
    ["Mon, 01 Jan 99999999999 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -0100", "yesterday", ""],
)
def test_date__beyond_the_calendar_is_none(date: str) -> None:
    """A server's clock that no calendar holds is no clock."""
    assert parse_response(200, b'{"request_id":"r","data":null}', date=date).server_at is None


def test_redirect__is_explained() -> None:
    """A redirect has no words of the API's: what it means is said, with the variable to look at."""
    answer = parse_response(307, b"")
    assert error_text(answer).startswith("the server sends requests elsewhere")
    assert "KLIKIT_BASE_URL" in error_text(answer)
    with connect(httpx.Response(307)) as client, pytest.raises(kf.ApiError, match="elsewhere"):
        client.read("/brands")
