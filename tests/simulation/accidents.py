"""Accidents: what may befall a request on its way, and the instant at which a process dies."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from typing import Any

import httpx

from klikit_frames.running.journal_codec import Statement
from klikit_frames.running.journal_writer import JournalWriter
from klikit_frames.running.lifecycle import EndReason

from .model_api import Call, ModelApi, copy_response

# Name, and the share of the work that is done; None: all of it, later.
LOSSES = {"lost_before": 0.0, "lost_after": 1.0, "lost_half": 0.5, "overtaken": None}
# Status, code, and the share of the work that is done.
REFUSALS = {
    "rate_limit": (429, "rate_limit_exceeded", 0.0),
    "long_rate_limit": (429, "rate_limit_exceeded", 0.0),
    "error_500": (500, "internal", 0.0),
    "error_502_after": (502, "downstream_unavailable", 1.0),
    "error_503": (503, "downstream_unavailable", 0.0),
    "error_504_half": (504, "downstream_unavailable", 0.5),
    "denied": (403, "auth_revoked", 0.0),
    "conflict": (409, "state_conflict", 0.0),
}
RETRY_AFTER_S = {"rate_limit": "3", "long_rate_limit": "100"}
ODD_ANSWERS = ("empty_200", "html_200", "truncated", "doubled_answer", "unwritten_200")
# How many accidents are the first of several.
_STORMS = 0.4
# How many seconds a request takes to arrive: an hour is what the engine allows for.
DELAYS_S = {"late": 40.0, "stuck": 3_000.0}
# How many seconds its answer waits: the machine sleeps meanwhile.
SLEEPS_S = {"asleep": 7_200.0}
ACCIDENTS = (*LOSSES, *REFUSALS, *ODD_ANSWERS, *DELAYS_S, *SLEEPS_S, "refused_connection", "twice")
# What may befall nearly all writes of one process.
WEATHERS = (
    "lost_before",
    "lost_after",
    "rate_limit",
    "long_rate_limit",
    "error_500",
    "error_502_after",
    "denied",
    "refused_connection",
)
# What befalls other requests than writes.
_ELSEWHERE = {
    "menus_503": ("GET", "error_503"),
    "menus_denied": ("GET", "denied"),
    "publishes_502": ("POST", "error_502_after"),
    "publishes_lost": ("POST", "lost_after"),
}
_BAD_WEATHER = 0.95
# Where nothing can be read nothing else happens: reads have fewer accidents.
_WHERE_READ = 0.4
# What a line does every day: answers are late, and requests come twice.
_EVERY_DAY = ("late", "twice")
_HOW_OFTEN = 0.35
_HTML = {"Content-Type": "text/html"}


class Chance:
    """Accidents as one step of a world draws them: each has a number, and may be left out by that number."""

    def __init__(
        self,
        rng: random.Random,
        *,
        probability: float,
        kinds: Sequence[str],
        counts: Counter[str],
        step: int,
        first: int,
        spared: Set[tuple[int, int]],
        weather: str | None = None,
    ) -> None:
        self._rng = rng
        self._probability = probability
        self._kinds = kinds
        self._counts = counts
        self._step = step
        self._spared = spared
        self._weather_where, self._weather = _ELSEWHERE.get(weather or "", ("PATCH", weather))
        self._n = first
        self._storm: tuple[str, str, int] = ("", "", 0)
        self.happened: list[tuple[int, int]] = []

    def draw(self, method: str) -> str | None:
        """Return what happens to the next request, if anything does; an accident may go on as a storm."""
        # Always as many numbers, so that an accident which is left out leaves the others as they are.
        probability = self._probability * (_WHERE_READ if method == "GET" else 1.0)
        does_happen, kind = self._rng.random() < probability, self._rng.choice(self._kinds)
        is_storm, n_requests = self._rng.random() < _STORMS, self._rng.choice([2, 3, 6, 12])
        is_bad, is_usual = self._rng.random() < _BAD_WEATHER, self._rng.random() < _HOW_OFTEN
        usual = self._rng.choice(_EVERY_DAY)
        if self._weather and method == self._weather_where and is_bad:
            return self._weather if self.count(self._weather) else None
        storm, storm_method, n_left = self._storm
        if n_left and method == storm_method:
            self._storm = (storm, method, n_left - 1)
            return storm if self.count(storm) else None
        if not does_happen:
            return usual if is_usual and self.count(usual) else None
        if not self.count(kind):
            return None
        if is_storm:
            self._storm = (kind, method, n_requests)
        return kind

    def count(self, kind: str) -> bool:
        """Count an accident, and tell whether it is to happen."""
        is_due = self.is_due()
        self._counts[kind] += is_due
        return is_due

    def is_due(self) -> bool:
        """Give an accident its number, and tell whether it is to happen."""
        self._n += 1
        number = (self._step, self._n)
        if number in self._spared:
            return False
        self.happened.append(number)
        return True


class Lifeline:
    """The life of one process: it ends before or after the nth effect, or its disk is full from then on.

    `at_call` is what somebody else does when so many requests have left; `at_start` ends it when the journal
    has noted that a run goes on; `tell` is called when it ends.
    """

    def __init__(
        self,
        n_effects: int | None = None,
        *,
        n_commits: int | None = None,
        at_call: tuple[int, Callable[[], object]] | None = None,
        at_start: bool = False,
        tell: Callable[[], object] = lambda: None,
    ) -> None:
        self._at_start = at_start
        self._tell = tell
        self._n_left = n_effects
        self._n_commits_left = n_commits
        self._n_calls_left, self._at_call = at_call or (-1, lambda: None)
        self.is_cut = False

    def is_over(self) -> bool:
        """Count one instant between two effects, and tell whether the process is dead."""
        if self._n_left is not None:
            self._n_left -= 1
            if self._n_left < 0 and not self.is_cut:
                self.is_cut = True
                self._tell()
        return self.is_cut

    def call(self) -> None:
        """Count one request, and let happen what is to happen at it."""
        self._n_calls_left -= 1
        if self._n_calls_left == 0:
            self._at_call()

    def note(self, statements: Iterable[Statement]) -> None:
        """Look at what was committed."""
        if self._at_start and any(EndReason.RUNNING in values for _, values in statements):
            self._n_left = 0

    def check_disk(self) -> None:
        """Count one commit, and refuse it if the disk is full."""
        if self._n_commits_left is not None:
            self._n_commits_left -= 1
            if self._n_commits_left == -1:
                self._tell()
            if self._n_commits_left < 0:
                raise sqlite3.OperationalError("database or disk is full")


class AccidentTransport(httpx.BaseTransport):
    """Carries requests to the model, with accidents, for as long as its process lives."""

    def __init__(
        self, api: ModelApi, *, lifeline: Lifeline, chance: Chance | None, client_no: int = 0
    ) -> None:
        self._api = api
        self._client_no = client_no
        self._lifeline = lifeline
        self._chance = chance
        self._last: httpx.Response | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, or have an accident."""
        if self._lifeline.is_over():
            raise httpx.ConnectError("this process is dead")
        # It leaves before anything else happens in its world.
        key, no = request.headers.get("Idempotency-Key"), len(self._api.calls)
        self._api.calls.append(Call(self._api.clock.true_s, request.method, self._client_no, key))
        self._api.clock.advance(0.05)
        if key and request.method == "PATCH":
            self._api.new_keys.append(key)
        # Of the last answer on this line, if it came: a line that broke is a new one.
        doubled, self._last = self._last, None
        accident = self._chance.draw(request.method) if self._chance else None
        self._api.calls[no] = self._api.calls[no]._replace(accident=accident)
        try:
            response = self._answer(request, accident, doubled=doubled)
            self._api.calls[no] = self._api.calls[no]._replace(status=response.status_code)
        finally:
            self._lifeline.call()
        # Nobody waits for an answer so long, and the line is closed on it.
        self._last = None if accident in {*DELAYS_S, *SLEEPS_S} else copy_response(response)
        if self._lifeline.is_over():
            raise httpx.ReadError("this process is dead")
        return response

    def _answer(
        self, request: httpx.Request, accident: str | None, *, doubled: httpx.Response | None
    ) -> httpx.Response:
        if accident in LOSSES:
            return self._lose(request, LOSSES[accident])
        if accident in REFUSALS:
            status, code, share = REFUSALS[accident]
            headers = {"Retry-After": RETRY_AFTER_S[accident]} if accident in RETRY_AFTER_S else {}
            return self._api.refuse(request, status, code, headers=headers, write_share=share)
        self._api.clock.advance(DELAYS_S.get(accident or "", 0.0))
        if accident == "refused_connection":
            raise httpx.ConnectError("refused")
        if accident == "doubled_answer" and doubled is not None:
            # The connection is closed on it then, sometimes before the API has it.
            if len(self._api.calls) % 2:
                self._api.handle(request)
            return doubled
        if accident == "twice" and self._api.switches.honours_keys:
            self._api.handle(request)
        if accident == "html_200":
            # Something before the API asks for a login, and lets nothing through.
            return httpx.Response(200, content=b"<html>please log in</html>", headers=_HTML)
        # Only a publish, which says how many, may lie so: nobody can tell it of a write.
        is_unwritten = accident == "unwritten_200" and request.method == "POST"
        response = self._api.handle(request, write_share=0.0 if is_unwritten else 1.0)
        self._api.clock.advance(SLEEPS_S.get(accident or "", 0.0))
        return _spoil(response, accident)

    def _lose(self, request: httpx.Request, share: float | None) -> httpx.Response:
        """Carry out so much of a request, or let it arrive after the next one, and bring no answer."""
        if share is None and self._api.switches.honours_keys:
            self._api.overtaken.append(request)
        elif share:
            self._api.handle(request, write_share=share)
        raise httpx.ReadTimeout("no answer") if share is None or share == 1.0 else httpx.ReadError("reset")


def _spoil(response: httpx.Response, accident: str | None) -> httpx.Response:
    if accident == "empty_200":
        return httpx.Response(200, headers=_dates(response))
    if accident == "truncated":
        return httpx.Response(response.status_code, content=response.content[:9], headers=_dates(response))
    return response


def _dates(response: httpx.Response) -> dict[str, str]:
    return {"Date": response.headers["Date"]} if "Date" in response.headers else {}


@contextmanager
def commits_of(lifeline: Lifeline) -> Iterator[None]:
    """Let each commit of a journal be an effect of a life: none comes to the disk after its end."""
    commit = JournalWriter.commit

    def commit_while_alive(self: JournalWriter, statements: Any) -> None:
        lifeline.check_disk()
        if lifeline.is_over():
            raise OSError("this process is dead")
        commit(self, statements)
        lifeline.note(statements)
        if lifeline.is_over():
            raise OSError("this process is dead")

    JournalWriter.commit = commit_while_alive  # type: ignore[method-assign]
    try:
        yield
    finally:
        JournalWriter.commit = commit  # type: ignore[method-assign]
