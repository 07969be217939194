"""Each switch acts, and a wrong one is refused."""

from __future__ import annotations

from dataclasses import asdict

import httpx
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.sandbox.calls import CODES

from .conftest import Call


def code(answer: httpx.Response) -> str:
    """Return the error code of an answer."""
    said: str = answer.json()["error"]["code"]
    return said


def test_code_spelling__upper_is_the_other_table(
    sandbox: kf.sandbox.Sandbox, http: httpx.Client, enable: Call
) -> None:
    """Every code has its upper spelling."""
    sandbox.set(code_spelling="upper")
    assert code(enable([1])) == "RESOURCE_NOT_FOUND"
    assert code(enable([])) == "REQUEST_INVALID"
    assert code(http.get("/brands", auth=("no", "no"))) == "INVALID_CREDENTIALS"
    assert {upper for _, upper in CODES.values()} >= {"MISSING_AUTH", "FORBIDDEN_SCOPE", "RATE_LIMITED"}


def test_unknown_id__can_be_spelt_otherwise(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """404 `not_found`, still with nothing written."""
    before = sandbox.state()
    sandbox.set(unknown_id="not_found")
    answer = enable([289379, 1], isEnabled=False)
    assert (answer.status_code, code(answer)) == (404, "not_found")
    pd.testing.assert_frame_equal(sandbox.state(), before)


def test_unknown_id__can_write_the_good_ones(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """The call is a 404 although a part was written."""
    sandbox.set(unknown_id="partial")
    assert enable([289379, 1], isEnabled=False).status_code == 404
    state = sandbox.state().query("entity_id == 289379 and scope == 'business'")
    assert state["is_enabled"].to_list() == [False]


@pytest.mark.parametrize(
    ("value", "data"),
    [("message", {"message": "status updated"}), ("null", None), ("object", {}), ("list", [])],
)
def test_enable_data__is_as_switched(
    sandbox: kf.sandbox.Sandbox, enable: Call, value: str, data: object
) -> None:
    """The answer's data can be anything."""
    sandbox.set(enable_data=value)
    assert enable([289379]).json()["data"] == data


def test_max__ids_and_stores(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """More than the cap is a 400, as much as the cap is not."""
    zone = [{"brandID": 5297, "branchID": branch} for branch in (1293, 1294)]
    sandbox.set(max_ids=2, max_stores=1)
    assert enable([289379, 289380], zoneStores=zone[:1]).status_code == 200
    assert code(enable([289379, 289380, 289381])) == "request_invalid"
    assert code(enable([289379], zoneStores=zone)) == "request_invalid"


def test_empty_stores__is_business_or_refused(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """An empty list is read as left out, which is dangerous; or it is a 400."""
    enable([289379], isEnabled=False, zoneStores=[])
    state = sandbox.state().query("entity_id == 289379 and scope == 'business'")
    assert state["is_enabled"].to_list() == [False]
    sandbox.set(empty_stores="reject")
    assert code(enable([289379], isEnabled=False, zoneStores=[])) == "request_invalid"


def test_transition_status__is_409_or_422(sandbox: kf.sandbox.Sandbox, http: httpx.Client) -> None:
    """The status of a forbidden transition."""
    for key, status in (("one", 409), ("two", 422)):
        sandbox.set(transition_status=status)
        answer = http.patch(
            "/orders/7400001/status", json={"status": "delivered"}, headers={"Idempotency-Key": key}
        )
        assert (answer.status_code, code(answer)) == (status, "state_invalid_transition")


def test_switches__can_be_given_at_the_start_and_come_back_with_a_reset() -> None:
    """A reset goes back to the switches of the start."""
    with kf.sandbox.serve(code_spelling="upper") as sandbox:
        sandbox.set(code_spelling="lower", max_ids=5)
        sandbox.reset()
        assert (sandbox.switches.code_spelling, sandbox.switches.max_ids) == ("upper", None)


def test_set__refuses_unknown_names_and_values(sandbox: kf.sandbox.Sandbox) -> None:
    """A near name is offered; nothing is turned."""
    before = asdict(sandbox.switches)
    with pytest.raises(TypeError, match="did you mean 'code_spelling'"):
        sandbox.set(code_speling="upper")
    with pytest.raises(TypeError, match="there are: code_spelling, missing_key"):
        sandbox.set(zzz=1)
    for name, value in {
        "code_spelling": "UPPER",
        "revoked_status": 404,
        "max_ids": 0,
        "writes_per_minute": 1.5,
        "rotation_overlap_s": -1,
    }.items():
        with pytest.raises(ValueError, match=name):
            sandbox.set(**{name: value})
    assert asdict(sandbox.switches) == before
