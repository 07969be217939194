"""The OpenAPI document tells the truth: schemathesis holds the running sandbox against it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

import klikit_frames as kf
from klikit_frames.sandbox.credentials import first_credential
from klikit_frames.sandbox.pipeline import ENDPOINTS
from klikit_frames.sandbox.site import read_document

from .conftest import PLAIN

KEY, SECRET = first_credential(seed=7)
CONFIG = {"auth": {"basic": {"username": KEY, "password": SECRET}}}
schema = schemathesis.openapi.from_dict(
    read_document(), config=schemathesis.config.SchemathesisConfig.from_dict(CONFIG)
)
# What OpenAPI cannot say: two parameters go together, and a range has at most 90 days.
UNSAYABLE = ("/menus", "/orders")


@schema.hook
def map_body(context: schemathesis.HookContext, body: object) -> object:
    """Write whole numbers without a fraction; to JSON Schema 22.0 is an integer, to the API it is not."""
    if isinstance(body, float) and body.is_integer():
        return int(body)
    if isinstance(body, list):
        return [map_body(context, value) for value in body]
    if isinstance(body, dict):
        return {name: map_body(context, value) for name, value in body.items()}
    return body


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[kf.sandbox.Sandbox]:
    """A sandbox of its own, which no other test has to find in order."""
    with kf.sandbox.serve() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Connections that are kept, for a new one takes longer than most requests."""
    with requests.Session() as session:
        yield session


@schema.parametrize()
@settings(
    max_examples=10, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_document__holds_for_any_request(
    case: schemathesis.Case[Any], fuzzed: kf.sandbox.Sandbox, session: requests.Session
) -> None:
    """Whatever is sent, good or bad, the answer is one that the document allows, and never a 5xx."""
    excluded: list[Any] = [positive_data_acceptance] if case.operation.path in UNSAYABLE else []
    case.call_and_validate(base_url=fuzzed.url, excluded_checks=excluded, session=session)


def documented_paths() -> dict[str, dict[str, Any]]:
    """Return the document's operations by path and method."""
    return cast("dict[str, dict[str, Any]]", read_document()["paths"])


def test_document__names_every_endpoint() -> None:
    """The document has exactly the endpoints that the sandbox has."""
    paths = documented_paths()
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == {
        (endpoint.method, endpoint.path) for endpoint in ENDPOINTS
    }


def test_document__is_served_beside_the_api(sandbox: kf.sandbox.Sandbox) -> None:
    """It can be fetched without a credential from the host's root and from the API's base."""
    for address in (f"{sandbox.page_url}/openapi.json", f"{sandbox.url}/openapi.json"):
        assert httpx.get(address, **PLAIN).json() == read_document()


def test_document__examples_are_accepted(sandbox: kf.sandbox.Sandbox, http: httpx.Client) -> None:
    """Each example of a write is one that the demo business answers with 200."""
    for path, methods in documented_paths().items():
        for method, operation in methods.items():
            if "requestBody" in operation:
                body = operation["requestBody"]["content"]["application/json"]["example"]
                path_values = {p["name"]: p["example"] for p in operation["parameters"] if p["in"] == "path"}
                key = {"Idempotency-Key": f"{method} {path}"}
                assert (
                    http.request(method, path.format(**path_values), json=body, headers=key).status_code
                    == 200
                )
