"""The example bodies of the API's documentation, as they are printed there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from klikit_frames.api.wire import ApiResponse, encode_enable, parse_response

EXAMPLES = Path(__file__).parent.parent / "examples"


def read(name: str) -> Any:
    """Return an example, parsed."""
    return json.loads((EXAMPLES / f"{name}.json").read_text())


def test_enable__business_wide() -> None:
    """The page bulk-enable-disable-categories shows this body for a write everywhere."""
    assert json.loads(encode_enable([41254], None, is_enabled=False)) == read("enable_business.request")


def test_enable__of_stores_with_cascade() -> None:
    """All documented fields together, in their spelling."""
    body = encode_enable(
        [41254, 41255],
        [(663, 1062)],
        is_enabled=False,
        cascade_to_modifier_groups=True,
        cascade_brand_ids=[663],
    )
    assert json.loads(body) == read("enable_stores.request")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "enable.answer",
            ApiResponse(200, "ok", "...", "e35321ccab165d147bd584900966dc16", data={"message": "..."}),
        ),
        ("envelope_empty.answer", ApiResponse(200, "ok", "", "e35321ccab165d147bd584900966dc16", data={})),
        (
            "error_request_invalid.answer",
            ApiResponse(
                400,
                "request_invalid",
                "brand_id and branch_id must be passed together or omitted together",
                "43c5ad17b9e660b4d463b512e2bf2346",
            ),
        ),
        (
            "error_forbidden_scope.answer",
            ApiResponse(403, "auth_forbidden", "credential is not scoped for menus:oos"),
        ),
    ],
)
def test_answer__of_the_documentation(name: str, expected: ApiResponse) -> None:
    """The printed answers are understood, the one without a request_id too."""
    assert parse_response(expected.http_status, (EXAMPLES / f"{name}.json").read_bytes()) == expected


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.answer.json")), ids=lambda path: path.stem)
def test_answer__is_an_envelope(path: Path) -> None:
    """Each example answer, whoever put it there, has data or an error and is read as the API's own."""
    body = path.read_bytes()
    answer = parse_response(400 if b'"error"' in body else 200, body)
    assert answer.is_readable
    assert answer.data == json.loads(body).get("data")
