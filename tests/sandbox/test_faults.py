"""Faults: each one over HTTP, when it strikes, and how it is written."""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest

import klikit_frames as kf
from klikit_frames.sandbox.calls import Call as Request
from klikit_frames.sandbox.faults import NAMES, Fault, Faults, parse_faults, read_faults

from .conftest import PLAIN, Call

ZONE = [{"brandID": 5297, "branchID": 1293}]


def is_written(sandbox: kf.sandbox.Sandbox) -> bool:
    """Tell whether the item that `strike` writes is off."""
    state = sandbox.state().query("entity_id == 289379 and branch_id == 1293")
    return not bool(state["is_enabled"].iloc[0])


def strike(sandbox: kf.sandbox.Sandbox, enable: Call, name: str, **options: object) -> httpx.Response:
    """Send one write into a fault."""
    sandbox.inject(name, **options)
    return enable([289379], isEnabled=False, zoneStores=ZONE)


@pytest.mark.parametrize(("name", "written"), [("reset_before", False), ("reset_after", True)])
def test_reset__before_or_after_the_work(
    sandbox: kf.sandbox.Sandbox, enable: Call, name: str, written: bool
) -> None:
    """The client sees the connection go either way; only the truth tells which it was."""
    with pytest.raises(httpx.ReadError):
        strike(sandbox, enable, name)
    assert is_written(sandbox) is written
    assert sandbox.requests["status"].isna().all()


def test_truncated__ends_in_the_middle(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """The headers promise more than arrives; the write was made."""
    with pytest.raises(httpx.RemoteProtocolError):
        strike(sandbox, enable, "truncated")
    assert is_written(sandbox)


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("error_500", 500, "internal"),
        ("error_502", 502, "downstream_unavailable"),
        ("stored_502", 502, "downstream_unavailable"),
        ("error_503", 503, "downstream_unavailable"),
        ("error_504", 504, "downstream_unavailable"),
        ("rate_limit", 429, "rate_limit_exceeded"),
    ],
)
def test_error__comes_in_the_envelope_and_writes_nothing(
    sandbox: kf.sandbox.Sandbox, enable: Call, name: str, status: int, code: str
) -> None:
    """A failure on call is a proper answer."""
    answer = strike(sandbox, enable, name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not is_written(sandbox)


def test_error__strikes_reads_too(sandbox: kf.sandbox.Sandbox, http: httpx.Client) -> None:
    """A read has nothing to store, but fails all the same."""
    sandbox.inject("stored_502", count=1)
    assert [http.get("/brands").status_code for _ in range(2)] == [502, 200]


@pytest.mark.parametrize(
    ("form", "value"), [("seconds", "7"), ("date", None), ("absent", None), ("absurd", "1000000000")]
)
def test_rate_limit__comes_with_each_form_of_retry_after(
    sandbox: kf.sandbox.Sandbox, enable: Call, form: str, value: str | None
) -> None:
    """The wait is what was asked for, in the form that was asked for."""
    answer = strike(sandbox, enable, "rate_limit", seconds=7, retry_after=form)
    if form == "date":
        moment, date = (parsedate_to_datetime(answer.headers[name]) for name in ("retry-after", "date"))
        assert 7 <= (moment - date).total_seconds() <= 9
    else:
        assert answer.headers.get("retry-after") == value


def test_html_502__is_a_proxys_page(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """No envelope, no request id, nothing written."""
    answer = strike(sandbox, enable, "html_502")
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")
    assert answer.text.startswith("<html>")
    assert not is_written(sandbox)


def test_redirect__points_elsewhere(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """307 with a Location; nothing written."""
    answer = strike(sandbox, enable, "redirect")
    assert (answer.status_code, answer.headers["location"]) == (307, "/elsewhere/menus/items/enable")
    assert not is_written(sandbox)


def test_wrong_content_type__has_the_right_body(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """JSON that calls itself text; the write was made."""
    answer = strike(sandbox, enable, "wrong_content_type")
    assert answer.headers["content-type"] == "text/plain"
    assert "data" in answer.json()
    assert is_written(sandbox)


def test_no_request_id__has_the_rest(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """The envelope without its id; the write was made."""
    assert set(strike(sandbox, enable, "no_request_id").json()) == {"data"}
    assert is_written(sandbox)


@pytest.mark.parametrize("name", ["latency", "slow_drip"])
def test_slow__comes_whole_but_late(sandbox: kf.sandbox.Sandbox, enable: Call, name: str) -> None:
    """The answer takes as long as asked for."""
    begin = time.perf_counter()
    answer = strike(sandbox, enable, name, seconds=0.1)
    assert time.perf_counter() - begin >= 0.099
    assert "data" in answer.json()
    assert is_written(sandbox)


def test_every_fault__leaves_the_sandbox_working(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """After each of them the next request is answered as ever."""
    for name in NAMES:
        sandbox.inject(name, count=1, **({"seconds": 0.01} if name in ("latency", "slow_drip") else {}))
        try:
            enable([289379])
        except httpx.TransportError:
            continue
    assert sandbox.faults == ()
    assert enable([289379]).status_code == 200


def test_match__chooses_requests_by_path_and_body(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """Only where the text occurs, in method, path or body."""
    sandbox.inject("error_503", match="289380")
    sandbox.inject("error_500", match="PATCH /menus/sections")
    statuses = [enable([289379]).status_code, enable([289380]).status_code]
    assert [*statuses, enable([6825], kind="sections").status_code] == [200, 503, 500]


def test_clear__ends_them(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """Without faults all is well."""
    sandbox.inject("error_503")
    sandbox.clear_faults()
    assert enable([289379]).status_code == 200


def test_latency__adds_up_and_goes_with_another() -> None:
    """All latencies that strike, and the first of the others."""
    faults = Faults([Fault("error_500"), Fault("latency"), Fault("error_503"), Fault("latency", seconds=1)])
    struck = faults.draw(Request("GET", "/brands"))
    assert [fault.name for fault in struck] == ["error_500", "latency", "latency"]


def test_clear__waits_for_a_request_that_is_just_drawing() -> None:
    """Python steers from its own thread, and no request finds faults half changed."""
    faults = Faults([Fault("error_500", count=2, match="GET")])
    with ThreadPoolExecutor(1) as pool:

        class Meddled(Request):
            """A request during whose draw another thread ends the faults."""

            @property
            def target(self) -> str:
                wait([pool.submit(faults.clear)], timeout=0.05)
                return "/brands"

        assert [fault.name for fault in faults.draw(Meddled("GET", "/brands"))] == ["error_500"]
    assert faults.live() == ()


def test_probability__is_seeded() -> None:
    """The same seed strikes the same requests; about as many as asked for."""

    def strikes(seed: int) -> list[bool]:
        faults = Faults([Fault("error_500", probability=0.3)], seed=seed)
        return [bool(faults.draw(Request("GET", "/brands"))) for _ in range(1000)]

    assert strikes(7) == strikes(7)
    assert strikes(7) != strikes(8)
    assert 250 < sum(strikes(7)) < 350


def test_reset__brings_back_the_first_faults_and_their_chance() -> None:
    """Counts, later faults and the chance are as at the start."""
    faults = Faults([Fault("error_500", probability=0.5, count=3)], seed=7)
    call = Request("GET", "/brands")
    first = [bool(faults.draw(call)) for _ in range(20)]
    faults.inject(Fault("error_503"))
    faults.reset()
    assert [bool(faults.draw(call)) for _ in range(20)] == first


def test_parse__reads_what_a_command_says() -> None:
    """Faults apart by semicolons, options by commas."""
    text = "error_503:count=3,match=items; latency:seconds=0.1,probability=0.5 ;reset_after"
    expected = [
        Fault("error_503", count=3, match="items"),
        Fault("latency", seconds=0.1, probability=0.5),
        Fault("reset_after"),
    ]
    assert parse_faults(text) == expected
    assert read_faults([{"name": "reset_after"}, "latency", Fault("html_502")]) == [
        Fault("reset_after"),
        Fault("latency"),
        Fault("html_502"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("error_599", "no fault 'error_599'"),
        ("latency:minutes=1", "no 'minutes'"),
        ("latency:seconds", "not option=value"),
        ("latency:seconds=-1", "seconds is from 0"),
        ("latency:probability=2", "probability is from 0 to 1"),
        ("latency:count=0", "count is a whole number"),
        ("latency:count=one", "count is a number, not 'one'"),
        ("rate_limit:retry_after=never", "retry_after is one of"),
    ],
)
def test_parse__refuses_what_there_is_not(text: str, said: str) -> None:
    """A misspelt fault is an error at once, with what there is."""
    with pytest.raises((ValueError, TypeError), match=said):
        parse_faults(text)


def test_serve__takes_faults_from_the_start() -> None:
    """As text, in the form of the command line; something else is refused."""
    with kf.sandbox.serve(faults="error_503:count=1") as sandbox:
        auth = (sandbox.partner_key, sandbox.secret_key)
        statuses = [httpx.get(f"{sandbox.url}/brands", auth=auth, **PLAIN).status_code for _ in range(2)]
    assert statuses == [503, 200]
    with pytest.raises(TypeError, match="faults are text"):
        kf.sandbox.serve(faults=5)


ITEMS = [289379, 289380, 289381, 289382]


def n_off(sandbox: kf.sandbox.Sandbox) -> int:
    """Return how many of the four items are off in the business."""
    state = sandbox.state().query("scope == 'business' and entity_type == 'item'")
    return int((~state[state["entity_id"].isin(ITEMS)]["is_enabled"]).sum())


@pytest.mark.parametrize(
    "name", ["error_500", "error_502", "error_503", "error_504", "stored_502", "html_502"]
)
@pytest.mark.parametrize(("written", "count"), [("none", 0), ("half", 2), ("all", 4)])
def test_written__says_what_of_a_failed_write_was_made(
    sandbox: kf.sandbox.Sandbox, enable: Call, name: str, written: str, count: int
) -> None:
    """The same error answers a write that was done, half done and not done."""
    enable(ITEMS, isEnabled=True)
    sandbox.inject(name, written=written, count=1)
    answer = enable(ITEMS, key="one", isEnabled=False)
    assert answer.status_code == int(name[-3:])
    assert n_off(sandbox) == count
    again = enable(ITEMS, key="one", isEnabled=False)
    is_stored = name == "stored_502"
    assert (again.status_code, n_off(sandbox)) == ((502, count) if is_stored else (200, 4))


def test_written__half_of_one_id_is_half_of_its_stores(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """And half of one cell is nothing."""
    zone = [{"brandID": 5297, "branchID": branch_id} for branch_id in (1293, 1294)]
    sandbox.inject("error_504", written="half")
    enable(ITEMS[:1], isEnabled=False, zoneStores=zone)
    enable(ITEMS[:1], isEnabled=False, zoneStores=zone[:1])
    assert sandbox.history(since=1)["branch_id"].to_list() == [1293]


@pytest.mark.parametrize(
    ("name", "body", "count"),
    [
        ("empty_200", "", 4),
        ("no_content_204", "", 4),
        ("multi_status_207", '"status": 500', 2),
        ("html_200", "Sign in", 0),
        ("unwritten_200", "status updated", 0),
    ],
)
def test_success__that_says_nothing_or_a_lie(
    sandbox: kf.sandbox.Sandbox, enable: Call, name: str, body: str, count: int
) -> None:
    """An answer of the kind 2xx that proves nothing."""
    enable(ITEMS, isEnabled=True)
    sandbox.inject(name, count=1)
    answer = enable(ITEMS, key="one", isEnabled=False)
    assert (answer.status_code, n_off(sandbox)) == (int(name[-3:]), count)
    assert body in answer.text if body else not answer.content


def test_unwritten_200__is_kept_under_its_key(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """The false answer is repeated to whoever asks again."""
    enable(ITEMS, isEnabled=True)
    sandbox.inject("unwritten_200", count=1)
    ids = {enable(ITEMS, key="one", isEnabled=False).json()["request_id"] for _ in range(2)}
    assert (len(ids), n_off(sandbox)) == (1, 0)


def test_doubled_answer__is_taken_for_the_next_requests(sandbox: kf.sandbox.Sandbox) -> None:
    """On a connection that is kept, the second copy lies where the next answer is looked for."""
    sandbox.inject("doubled_answer", count=1)
    port = int(sandbox.page_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for _ in range(2):
            connection.sendall(b"GET /v1/partner/brands HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received, ids = b"", list[bytes]()
        while len(ids) < 3:
            received += connection.recv(65_536)
            ids = re.findall(rb'"request_id":"(\w+)"', received)
    assert len(set(ids)) == 2


def test_enable_keys__may_be_ignored(sandbox: kf.sandbox.Sandbox, enable: Call) -> None:
    """The documentation names no enable endpoint among those that honour a key: each one is carried out."""
    sandbox.set(enable_keys="ignored")
    ids = {enable(ITEMS, key="one", isEnabled=False).json()["request_id"] for _ in range(2)}
    assert (len(ids), sandbox.history(since=1)["no"].nunique()) == (2, 2)


def test_date__may_be_missing_or_skewed(sandbox: kf.sandbox.Sandbox, http: httpx.Client) -> None:
    """A server's clock may be wrong, and a proxy may drop what it says."""
    sandbox.set(date_skew_s=-3600)
    date = parsedate_to_datetime(http.get("/brands").headers["date"])
    assert 3500 < (datetime.now(UTC) - date).total_seconds() < 3700
    sandbox.set(date_header="missing")
    assert "date" not in http.get("/brands").headers


@pytest.mark.parametrize("options", [{"written": "some"}, {"written": ""}])
def test_written__must_be_a_part(sandbox: kf.sandbox.Sandbox, options: dict[str, object]) -> None:
    """And faults that strike before the work take none."""
    with pytest.raises(ValueError, match="written is one of all, half, none"):
        sandbox.inject("error_504", **options)
    with pytest.raises(ValueError, match="reset_before writes nothing"):
        sandbox.inject("reset_before", written="half")
