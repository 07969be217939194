"""The client: connecting, reading, writing, and what goes over the wire."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest

import klikit_frames as kf
from klikit_frames.api.responses import MAX_BYTES, MAX_TIMEOUTS
from klikit_frames.api.wire import ENABLE_PATHS, encode_enable
from klikit_frames.edge import SystemClock
from tests.fixtures import not_none
from tests.running.doubles import WaitingClock

from .scripts import PARTNER_KEY, PATH, SECRET_KEY, URL, FakeClock, Script, connect, error, ok, run, write


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["https://evil.example/", "http://a:x/", "http://xn--/", "/v1/partner/elsewhere", ""]
)
def test_redirect__is_not_followed(status: int, location: str) -> None:
    """The credential goes to no other address, whatever the server suggests."""
    settled, script = run([httpx.Response(status, headers={"Location": location})])
    assert [request.url.host for request in script.received] == ["127.0.0.1"]
    assert (not_none(settled.answer).http_status, settled.attempts) == (status, 1)


@pytest.mark.parametrize("kind", ["read", "write"])
def test_answer__that_is_too_long_is_not_kept(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body without an end costs its limit, never the memory."""
    monkeypatch.setitem(cast("dict[str, int]", MAX_BYTES), kind, 1000)
    with connect(ok("x" * 2000)) as client:
        if kind == "write":
            settled = write(client)
            assert (not_none(settled.answer).is_ok, not_none(settled.answer).is_readable) == (True, False)
            return
        with pytest.raises(kf.TransportError, match="longer than 1,000 bytes"):
            client.read("/brands")


def test_answer__that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that arrives bit by bit, each bit in time, is bounded as a whole."""
    monkeypatch.setitem(MAX_TIMEOUTS, "write", 0.0)
    settled, _ = run([ok()])
    assert settled.trouble
    assert "dripped in too slowly" in settled.trouble


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": float("inf")},
        {"timeout": None},
        {"writes_per_minute": 0},
        {"reads_per_minute": 2.5},
        {"max_connections": True},
    ],
)
def test_connect__refuses_a_senseless_number(options: dict[str, Any]) -> None:
    """A number that makes no sense is named at once, not in mid-run."""
    with pytest.raises(kf.ConfigError, match=next(iter(options))):
        connect(ok(), **options)


@pytest.mark.parametrize("is_trusted", [False, True])
def test_proxy__of_the_environment_is_used_only_if_asked(
    is_trusted: bool, sandbox: kf.sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in the environment sees nothing, unless the person says so."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with sandbox.connect(trust_env=is_trusted, clock=FakeClock()) as client:
        if not is_trusted:
            assert client.read("/brands")
            return
        # Nobody listens at the proxy's port, so what goes there does not arrive.
        with pytest.raises(kf.TransportError):
            client.read("/brands")
    assert sandbox.requests.empty


def test_client__sends_what_the_documentation_asks_for() -> None:
    """Basic credentials, JSON, one key: the request as it leaves."""
    _, script = run([ok()])
    (request,) = script.received
    assert (request.method, str(request.url)) == ("PATCH", f"{URL}{PATH}")
    assert request.headers["Content-Type"] == "application/json"
    assert httpx.BasicAuth(PARTNER_KEY, SECRET_KEY)._auth_header == request.headers["Authorization"]
    assert request.headers["User-Agent"].startswith("klikit-frames/")


@pytest.mark.parametrize(
    "fault",
    [
        "reset_before",
        "reset_after",
        "truncated",
        "html_502",
        "error_500",
        "error_502",
        "error_503",
        "error_504",
        "no_request_id",
        "wrong_content_type",
    ],
)
def test_faults__of_a_real_server_end_in_one_write(sandbox: kf.sandbox.Sandbox, fault: str) -> None:
    """Struck twice by each fault, a write is applied, and under its key done once."""
    sandbox.inject(fault, count=2)
    before = sandbox.state()
    item_id = int(before.loc[before["entity_type"].eq("item"), "entity_id"].iloc[0])
    body = encode_enable([item_id], None, is_enabled=False)
    with sandbox.connect(clock=FakeClock()) as client:
        settled = client.write("PATCH", ENABLE_PATHS["item"], body, key="monday")
    assert settled.answer
    assert settled.answer.is_ok
    after = sandbox.state()
    row = after["entity_type"].eq("item") & after["entity_id"].eq(item_id) & after["scope"].eq("business")
    assert after.loc[row, "is_enabled"].tolist() == [False]
    sent = sandbox.requests
    assert set(sent["key"]) == {"monday"}
    assert {json.loads(body)["isEnabled"] for body in sent["body"]} == {False}


class LateTransport(httpx.HTTPTransport):
    """Gives the first answer up, as one for which nobody waits any longer."""

    is_late = True

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        answer = super().handle_request(request)
        if self.is_late:
            self.is_late = False
            answer.close()
            raise httpx.ReadTimeout("too late")
        return answer


def test_faults__latency_beyond_the_timeout(sandbox: kf.sandbox.Sandbox) -> None:
    """An answer that comes too late is fetched by another try under the same key; the silence is noted."""
    with sandbox.connect(transport=LateTransport(), clock=FakeClock()) as client:
        settled = write(client)
    assert settled.answer
    assert (settled.had_silence, settled.was_sent) == (True, True)
    assert settled.attempts > 1


@pytest.mark.parametrize("spelling", ["lower", "upper"])
def test_codes__are_the_same_in_either_spelling(sandbox: kf.sandbox.Sandbox, spelling: str) -> None:
    """Whichever spelling the server uses, the settled code is one."""
    sandbox.set(code_spelling=spelling)
    with sandbox.connect() as client:
        settled = client.write("PATCH", PATH, b'{"ids":[999999999],"isEnabled":false}', key="k")
        assert settled.answer
        assert settled.answer.code == "resource_not_found"
        with pytest.raises(kf.ApiError) as caught:
            client.read("/menus", {"brand_id": 5297})
        assert caught.value.code == "request_invalid"


def test_faults__redirect_of_a_real_server(sandbox: kf.sandbox.Sandbox) -> None:
    """A real 307 ends the write; nothing arrives anywhere else."""
    sandbox.inject("redirect", count=1)
    with sandbox.connect(clock=FakeClock()) as client:
        settled = write(client)
    assert (not_none(settled.answer).http_status, settled.attempts, len(sandbox.requests)) == (307, 1, 1)


def test_faults__stored_502_of_a_real_server(sandbox: kf.sandbox.Sandbox) -> None:
    """A 502 that the server keeps under the key is recognised at its second coming."""
    sandbox.inject("stored_502", count=1)
    with sandbox.connect(clock=FakeClock()) as client:
        settled = write(client)
    assert (settled.is_replayed_failure, settled.attempts) == (True, 2)


def test_wrong_credentials__are_told_at_the_first_read(sandbox: kf.sandbox.Sandbox) -> None:
    """Connecting sends nothing; the first read says what is wrong and which variables to look at."""
    with kf.connect(sandbox.url, partner_key="pk", secret_key="sk") as client:
        with pytest.raises(kf.AuthError, match="KLIKIT_PARTNER_KEY") as caught:
            client.read("/brands")
        assert caught.value.code == "auth_invalid_credential"


def test_unreachable__is_never_sent() -> None:
    """Where nothing listens, nothing was sent, and the promise is kept in words."""
    with kf.connect("http://127.0.0.1:9", partner_key="pk", secret_key="sk", clock=FakeClock()) as client:
        settled = write(client)
    assert (settled.was_sent, settled.answer) == (False, None)
    assert settled.trouble
    assert "no connection was opened" in settled.trouble


HTML = httpx.Response(502, html="<h1>Bad Gateway</h1>")


def test_server_now__follows_the_servers_clock() -> None:
    """The server's time is known from its first answer on, however wrong the laptop's clock is."""
    clock = FakeClock(now=datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp())
    with connect(ok(Date="Mon, 23 Nov 2026 15:00:00 GMT"), clock=clock) as client:
        assert client.server_now() is None
        settled = write(client)
        clock.now += 60
        assert client.server_now() == datetime(2026, 11, 23, 15, 1, tzinfo=UTC)
    assert settled.answer
    assert settled.answer.server_at == datetime(2026, 11, 23, 15, tzinfo=UTC)


def test_server_now__is_not_told_by_an_answer_that_waited() -> None:
    """A machine that slept reads an old date, which says nothing of the present."""
    clock = FakeClock(now=datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp())
    prompt, late = (ok(Date=f"Mon, 23 Nov 2026 {time} GMT") for time in ("15:00:00", "15:00:01"))
    answers = [prompt, late]

    def answer(_: httpx.Request) -> httpx.Response:
        if len(answers) == 1:
            clock.now += 7_200
        return answers.pop(0)

    with connect(answer, clock=clock) as client:
        offsets = [write(client).clock_offset_s, write(client).clock_offset_s]
        assert client.server_now() == datetime(2026, 11, 23, 17, tzinfo=UTC)
    assert offsets == [10_800, None]


class JumpingClock(SystemClock):
    """The machine's clock, as somebody may set it."""

    ahead_s = 0.0

    def time(self) -> float:
        """Return the present by a clock that was set."""
        return super().time() + self.ahead_s


class StoppingClock(JumpingClock):
    """A clock on which a request that has to wait is stopped, and its wait is noted."""

    waits_s: list[float]

    def sleep(self, seconds: float, *, stop: threading.Event | None = None) -> None:
        """Stop whoever waits."""
        assert stop
        self.waits_s.append(seconds)
        stop.set()


@pytest.mark.parametrize("ahead_s", [86_400.0, -86_400.0, 10_800.0, 72_000.0])
def test_clock__that_is_set_moves_neither_time_of_a_client(
    sandbox: kf.sandbox.Sandbox, ahead_s: float
) -> None:
    """The server's time and ours go on evenly, and each answer tells the server's again."""
    clock = JumpingClock()
    with sandbox.connect(clock=clock) as client:
        client.read("/brands")
        before, server_before = client.now(), client.server_now()
        clock.ahead_s = ahead_s
        assert server_before
        assert timedelta(0) <= client.now() - before < timedelta(seconds=60)
        assert timedelta(0) <= (client.server_now() or before) - server_before < timedelta(seconds=60)
        sandbox.move_clock(7200)
        client.read("/brands")
        assert (client.server_now() or before) - server_before > timedelta(hours=1.9)


@pytest.mark.parametrize("ahead_s", [86_400.0, -86_400.0])
def test_clock__that_is_set_does_not_double_the_cap(sandbox: kf.sandbox.Sandbox, ahead_s: float) -> None:
    """What left before the clock was set still counts, in this client and in one that is opened after."""
    clock = StoppingClock()
    clock.waits_s = []
    with sandbox.connect(clock=clock, writes_per_minute=5) as client:
        for n in range(5):
            assert write(client, key=f"a{n}").attempts == 1
        clock.ahead_s = ahead_s
        with sandbox.connect(clock=clock, writes_per_minute=5) as other:
            for paced in (client, other):
                assert write(paced, key="late", stop=threading.Event()).attempts == 0
    assert [50 < wait_s < 64 for wait_s in clock.waits_s] == [True, True]
    assert len(sandbox.requests) == 5


def test_read__returns_the_data_or_raises() -> None:
    """A read gives the envelope's data, after retries if need be."""
    with connect(HTML, httpx.ReadTimeout(""), ok({"menu": {}})) as client:
        assert client.read("/menus", {"brand_id": 1, "branch_id": 2}) == {"menu": {}}


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (error(401, "MISSING_AUTH"), kf.AuthError),
        (error(404), kf.NotFoundError),
        (error(400), kf.ApiError),
        (error(503), kf.ServerError),
        (HTML, kf.ServerError),
        (httpx.ReadTimeout(""), kf.TransportError),
        (httpx.ConnectError(""), kf.TransportError),
        (httpx.Response(200, html="<h1>Welcome</h1>"), kf.TransportError),
        (lambda _: error(429, Retry_After="60"), kf.RateLimited),
    ],
)
def test_read__raises_what_fits(step: Any, kind: type[Exception]) -> None:
    """No exception of the HTTP library leaves the client, not even as a cause."""
    with connect(step) as client, pytest.raises(kind) as caught:
        client.read("/brands")
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_read_only__refuses_every_write() -> None:
    """A read-only client reads, and sends no write at all."""
    script = Script(ok([]))
    with connect(transport=script, read_only=True) as client:
        assert client.read("/brands") == []
        with pytest.raises(kf.ConfigError, match="read-only"):
            write(client)
        assert "read-only" in repr(client)
    assert len(script.received) == 1


@pytest.mark.parametrize("key", ["", "k" * 65, "a\nb", "schlüssel"])
def test_key__that_is_none_is_refused(key: str) -> None:
    """A key that the API would refuse, or that would break the header, is never sent."""
    with connect(ok()) as client, pytest.raises(kf.ConfigError, match="idempotency key"):
        write(client, key=key)


def test_client__that_is_closed_says_so() -> None:
    """The error of a client that is kept too long says to connect again."""
    with connect(ok()) as client:
        pass
    with pytest.raises(kf.ConfigError, match="closed"):
        client.read("/brands")


@pytest.mark.parametrize("stop", [None, threading.Event()], ids=["no stop", "a stop"])
def test_client__that_is_closed_in_a_pause_says_so_at_once(stop: threading.Event | None) -> None:
    """A pause that the API asked for ends with the client that waits in it."""
    closing = ExitStack()
    clock = WaitingClock(closing.close)
    with connect(error(429, Retry_After="60"), clock=clock) as client:
        closing.callback(client.close)
        with pytest.raises(kf.TransportError, match="the client was closed"):
            client.read("/brands", stop=stop)
    assert clock.has_heard.is_set()


def test_account__stands_for_the_key_on_the_host_and_hides_it() -> None:
    """Two clients of one credential have one account; another key or another host has another."""
    with connect(ok()) as client, connect(ok()) as again:
        assert client.account == again.account
    others = {
        kf.connect(url, partner_key=key, secret_key="sk_other").account
        for url, key in ((URL, "pk_other"), ("http://127.0.0.1:10", PARTNER_KEY))
    }
    assert len({client.account, *others}) == 3
    assert len(client.account) == 32
    assert int(client.account, 16)


@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
def test_client__is_not_copied(copying: Any) -> None:
    """A client holds a credential and sockets, so it is neither pickled nor copied."""
    with connect(ok()) as client, pytest.raises(TypeError, match="connect again"):
        copying(client)


def test_settled__says_when(sandbox: kf.sandbox.Sandbox) -> None:
    """Times are UTC, the server's beside ours."""
    with sandbox.connect() as client:
        settled = write(client)
    assert settled.sent_at
    assert settled.answer
    assert settled.answer.server_at
    assert settled.sent_at <= settled.settled_at
    assert abs(settled.answer.server_at - settled.settled_at) < timedelta(minutes=1)


def test_client__shares_its_log_by_credential() -> None:
    """Two clients of one credential on one host keep one cap, without knowing of each other."""
    clock = FakeClock()
    with connect(ok(), clock=clock, writes_per_minute=3) as first:
        assert [write(first, key=f"a{n}").attempts for n in range(3)] == [1, 1, 1]
        assert clock.slept == []
    with connect(ok(), clock=clock, writes_per_minute=3) as second:
        write(second, key="b0")
    # How unequally the first one's requests travelled, the second cannot know: it assumes the worst.
    assert clock.slept == [pytest.approx(63.0, abs=0.01)]
