"""The sandbox answers as the examples of the API's documentation, retold in `tests/examples`, say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

import klikit_frames as kf

from .conftest import PLAIN

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.exchange.json"))


def lacks(answer: object, example: object, *, at: str = "answer") -> list[str]:
    """Return where an answer lacks a member of the example, or has it in another type."""
    if type(answer) is not type(example):
        return [f"{at} is {type(answer).__name__}, not {type(example).__name__}"]
    if isinstance(example, dict) and isinstance(answer, dict):
        missing = [f"{at}.{name} is missing" for name in example if name not in answer]
        shared = [(name, example[name]) for name in example if name in answer]
        return missing + [
            said for name, value in shared for said in lacks(answer[name], value, at=f"{at}.{name}")
        ]
    if isinstance(example, list) and isinstance(answer, list) and example:
        # Of an array the entry that fits best is compared: not every item has modifier groups.
        lacking = [lacks(entry, example[0], at=f"{at}[]") for entry in answer]
        return min(lacking, key=len, default=[f"{at} is empty"])
    return []


def credential(sandbox: kf.sandbox.Sandbox, kind: str) -> tuple[str, str] | None:
    """Return the credential that an example is sent with."""
    if kind in ("none", "full"):
        return None if kind == "none" else (sandbox.partner_key, sandbox.secret_key)
    if kind == "wrong":
        return sandbox.partner_key, "wrong"
    issued = sandbox.issue_credential(scopes=None if kind == "revoked" else [kind])
    if kind == "revoked":
        sandbox.revoke(issued.partner_key)
    return issued


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name.split(".")[0] for path in EXAMPLES])
def test_example__is_answered_as_documented(path: Path, sandbox: kf.sandbox.Sandbox) -> None:
    """Status, error code and every documented member of the answer are there, each in its type."""
    example: dict[str, Any] = json.loads(path.read_text("utf-8"))
    request = example["request"]
    auth = credential(sandbox, request["credential"])
    sent = {"json": request.get("body"), "headers": request.get("headers"), "auth": auth}
    answer = httpx.request(request["method"], sandbox.url + request["path"], **PLAIN, **sent)
    assert answer.status_code == example["status"]
    assert lacks(answer.json(), example["answer"]) == []
    assert answer.json().get("error", {}).get("code") == example["answer"].get("error", {}).get("code")


def read(name: str) -> Any:
    """Return the example of a single body."""
    return json.loads((EXAMPLES[0].parent / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("brands", "/brands"),
        ("branches", "/branches"),
        ("menu_store", "/menus?brand_id=5297&branch_id=1293"),
        ("error_request_invalid", "/menus?brand_id=5297"),
    ],
)
def test_answer__has_all_that_is_printed(http: httpx.Client, name: str, path: str) -> None:
    """The printed answers, member by member."""
    assert lacks(http.get(path).json(), read(f"{name}.answer")) == []


@pytest.mark.parametrize("name", ["enable_business", "enable_stores"])
def test_request__that_is_printed_is_accepted(http: httpx.Client, name: str) -> None:
    """The printed bodies can be sent as they are."""
    answer = http.patch("/menus/categories/enable", json=read(f"{name}.request"))
    assert answer.status_code == 200
    assert lacks(answer.json(), read("enable.answer")) == []
