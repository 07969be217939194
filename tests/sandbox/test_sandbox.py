"""The running sandbox: start, stop, reset, store files, and what it tells."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.sandbox.credentials import Credential
from tests.running.doubles import wait_until

from .conftest import PLAIN, Call


def test_requests__tell_what_was_received(sandbox: kf.sandbox.Sandbox, http: httpx.Client) -> None:
    """One row per request, with dtypes of its own."""
    body = '{"ids":[289379]}'
    for _ in range(2):
        answer = http.patch("/menus/items/enable", content=body, headers={"Idempotency-Key": "one"})
    http.get("/branches?page=2")
    requests = sandbox.requests
    replayed = answer.json()["request_id"]
    expected = pd.DataFrame(
        {
            "method": ["PATCH", "PATCH", "GET"],
            "path": ["/menus/items/enable", "/menus/items/enable", "/branches?page=2"],
            "body": [body, body, ""],
            "key": ["one", "one", None],
            "replayed": [False, True, False],
        }
    ).astype({"key": requests["key"].dtype})
    pd.testing.assert_frame_equal(requests[list(expected.columns)], expected)
    assert requests["status"].to_list() == [200, 200, 200]
    assert requests["request_id"].to_list()[:2] == [replayed, replayed]
    assert requests["time"].is_monotonic_increasing
    assert str(requests["time"].dt.tz) == "UTC"


def test_requests__of_none_is_an_empty_frame_of_the_same_kind(sandbox: kf.sandbox.Sandbox) -> None:
    """Columns and dtypes do not depend on rows."""
    empty = sandbox.requests
    httpx.get(f"{sandbox.url}/brands", **PLAIN)
    pd.testing.assert_series_equal(sandbox.requests.dtypes, empty.dtypes)


def test_state__has_business_and_store_rows(sandbox: kf.sandbox.Sandbox) -> None:
    """696 business rows (options left out), then each store's menu; keys are unique."""
    state = sandbox.state()
    assert list(state.columns)[:7] == [
        "entity_type",
        "entity_id",
        "scope",
        "brand_id",
        "branch_id",
        "is_enabled",
        "title",
    ]
    business = state[state["scope"] == "business"]
    assert business["entity_type"].value_counts().to_dict() == {"item": 600, "category": 64, "section": 32}
    assert business[["brand_id", "branch_id"]].isna().all(axis=None)
    assert not state.duplicated(["entity_type", "entity_id", "brand_id", "branch_id"]).any()


def test_reset__brings_back_the_first_day(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """Flags, keys, requests, faults, switches, clock and credentials."""
    before, first = sandbox.state(), (sandbox.partner_key, sandbox.secret_key)
    enable([289379], key="one", isEnabled=False)
    sandbox.inject("latency", seconds=0)
    sandbox.move_clock(1000)
    sandbox.rotate()
    sandbox.reset()
    pd.testing.assert_frame_equal(sandbox.state(), before)
    assert (sandbox.partner_key, sandbox.secret_key) == first
    assert (len(sandbox.requests), sandbox.faults) == (0, ())
    assert enable([289379], key="one", isEnabled=True).status_code == 200


def test_clock__moves_the_date_header(sandbox: kf.sandbox.Sandbox, http: httpx.Client) -> None:
    """Whoever judges the age of a key by `Date` sees the sandbox's time."""
    dates = [parsedate_to_datetime(http.get("/brands").headers["date"])]
    sandbox.move_clock(86_400)
    dates.append(parsedate_to_datetime(http.get("/brands").headers["date"]))
    assert 86_400 <= (dates[1] - dates[0]).total_seconds() < 86_460


def test_store_file__keeps_the_state(tmp_path: Path) -> None:
    """What was written is there when the file is opened again, and the credential of the start works."""
    path = str(tmp_path / "sandbox.db")
    body = {"ids": [289379], "isEnabled": False}
    with kf.sandbox.serve(store_path=path) as sandbox:
        auth = sandbox.rotate()
        assert (
            httpx.patch(f"{sandbox.url}/menus/items/enable", json=body, auth=auth, **PLAIN).status_code == 200
        )
        before = sandbox.state()
    with kf.sandbox.serve(store_path=path) as sandbox:
        pd.testing.assert_frame_equal(sandbox.state(), before)
        auth = Credential(sandbox.partner_key, sandbox.secret_key)
        assert httpx.get(f"{sandbox.url}/brands", auth=auth, **PLAIN).status_code == 200


def test_store_file__opened_again_gives_no_request_id_again(tmp_path: Path) -> None:
    """An id that comes twice means a replay, so a restart must not begin again with them."""
    ids = []
    for _ in range(3):
        with kf.sandbox.serve(store_path=str(tmp_path / "sandbox.db")) as sandbox:
            ids.append(httpx.get(f"{sandbox.url}/brands", **PLAIN).json()["request_id"])
    assert len(set(ids)) == 3


def test_store_file__of_another_business_is_refused(tmp_path: Path) -> None:
    """A file belongs to one seed and scale."""
    path = str(tmp_path / "sandbox.db")
    kf.sandbox.serve(store_path=path).close()
    with pytest.raises(ValueError, match="seed=7, scale='demo'"):
        kf.sandbox.serve(store_path=path, seed=8)


def test_store_file__that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """A folder that is not there, a file that is no store, and one that another sandbox holds."""
    (tmp_path / "note.txt").write_text("not a store, " * 100)
    with pytest.raises(OSError, match="cannot be used: unable to open"):
        kf.sandbox.serve(store_path=str(tmp_path / "nowhere" / "sandbox.db"))
    with pytest.raises(OSError, match="cannot be used: file is not a database"):
        kf.sandbox.serve(store_path=str(tmp_path / "note.txt"))
    path = str(tmp_path / "sandbox.db")
    with (
        kf.sandbox.serve(store_path=path),
        pytest.raises(OSError, match="cannot be used: another sandbox holds it"),
    ):
        kf.sandbox.serve(store_path=path)


def test_port__is_on_loopback_only(sandbox: kf.sandbox.Sandbox) -> None:
    """Another address of this machine does not answer."""
    port = int(sandbox.page_url.rpartition(":")[2])
    assert sandbox.url == f"http://127.0.0.1:{port}/v1/partner"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=1)


def test_port__taken_is_told(sandbox: kf.sandbox.Sandbox) -> None:
    """The error names the port."""
    port = int(sandbox.page_url.rpartition(":")[2])
    with pytest.raises(OSError, match=f"port {port} is taken"):
        kf.sandbox.serve(port=port)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_port__that_is_none_is_told(port: int) -> None:
    """In words, as a ValueError."""
    with pytest.raises(ValueError, match=f"port is from 0 to 65535, not {port}"):
        kf.sandbox.serve(port=port)


def test_close__ends_open_connections_and_can_be_repeated(tmp_path: Path) -> None:
    """A kept-alive connection does not hold it up; afterwards nobody listens."""
    sandbox = kf.sandbox.serve()
    with httpx.Client(base_url=sandbox.url, **PLAIN) as http:
        http.get("/brands")
        sandbox.close()
        sandbox.close()
        with pytest.raises(httpx.TransportError):
            http.get("/brands")


def test_seed__gives_another_first_day() -> None:
    """Same ids, other flags."""
    with kf.sandbox.serve(seed=7) as first, kf.sandbox.serve(seed=8) as other:
        keys = ["entity_type", "entity_id", "brand_id", "branch_id", "title"]
        pd.testing.assert_frame_equal(first.state()[keys], other.state()[keys])
        assert not first.state()["is_enabled"].equals(other.state()["is_enabled"])
        assert first.partner_key != other.partner_key


def test_connect__gives_a_client_of_this_sandbox(sandbox: kf.sandbox.Sandbox) -> None:
    """With the first credential, or another one."""
    with sandbox.connect() as client:
        assert client.read("/brands")[0]["business"]["id"] == 398
    issued = sandbox.issue_credential(scopes=["orders:read"])
    options = {"partner_key": issued.partner_key, "secret_key": issued.secret_key}
    with sandbox.connect(**options) as client, pytest.raises(kf.AuthError):
        client.read("/brands")


@pytest.mark.parametrize("fault", ["latency", "slow_drip"])
def test_close__cuts_short_what_is_under_way(fault: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A fault of a minute does not hold up the end, and nothing is complained of."""
    sandbox = kf.sandbox.serve(faults=f"{fault}:seconds=60")
    with httpx.Client(base_url=sandbox.url, **PLAIN) as http, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(http.get, "/brands")
        wait_until(lambda: not sandbox.requests.empty)
        sandbox.close()
        assert answer.result().status_code == 401
    assert capfd.readouterr() == ("", "")
