"""Accidents: what may befall a request on its way, and the instant at which a process dies."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from klikit_frames.running.journal_writer import JournalWriter

from .model_api import ModelApi, copy_response

# Name, share of the work that is done, and what the caller sees.
LOSSES = {"lost_before": 0.0, "lost_after": 1.0, "lost_half": 0.5}
ERRORS = {
    "error_500": (500, "internal", 0.0),
    "error_502_after": (502, "downstream_unavailable", 1.0),
    "error_503": (503, "downstream_unavailable", 0.0),
    "error_504_half": (504, "downstream_unavailable", 0.5),
}
ODD_ANSWERS = ("empty_200", "html_200", "truncated", "doubled_answer", "unwritten_200")
ACCIDENTS = (*LOSSES, *ERRORS, *ODD_ANSWERS, "rate_limit", "late")


class Lifeline:
    """The life of one process: it ends before or after the nth effect, and has none after that."""

    def __init__(self, n_effects: int | None = None) -> None:
        self._n_left = n_effects
        self._lock = threading.Lock()
        self.is_cut = False

    def is_over(self) -> bool:
        """Count one instant between two effects, and tell whether the process is dead."""
        with self._lock:
            if self._n_left is not None:
                self._n_left -= 1
                self.is_cut |= self._n_left < 0
            return self.is_cut


class AccidentTransport(httpx.BaseTransport):
    """Carries requests to the model, with accidents, for as long as its process lives."""

    def __init__(
        self,
        api: ModelApi,
        *,
        lifeline: Lifeline,
        rng: random.Random,
        probability: float,
        kinds: Sequence[str],
        counts: Counter[str],
    ) -> None:
        self._api = api
        self._lifeline = lifeline
        self._rng = rng
        self._probability = probability
        self._kinds = kinds
        self._counts = counts
        self._last: httpx.Response | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, or have an accident."""
        if self._lifeline.is_over():
            raise httpx.ConnectError("this process is dead")
        self._api.clock.advance(0.05)
        accident = self._rng.choice(self._kinds) if self._rng.random() < self._probability else None
        if accident is not None:
            self._counts[accident] += 1
        response = self._answer(request, accident)
        if self._lifeline.is_over():
            raise httpx.ReadError("this process is dead")
        return response

    def _answer(self, request: httpx.Request, accident: str | None) -> httpx.Response:
        if accident in LOSSES:
            if share := LOSSES[accident]:
                self._api.handle(request, write_share=share)
            raise httpx.ReadTimeout("no answer") if accident == "lost_after" else httpx.ReadError("reset")
        if accident in ERRORS:
            status, code, share = ERRORS[accident]
            if share:
                self._api.handle(request, write_share=share)
            return self._api.refuse(request, status, code, headers={})
        if accident == "rate_limit":
            return self._api.refuse(request, 429, "rate_limit_exceeded", headers={"Retry-After": "3"})
        if accident == "late":
            self._api.clock.advance(self._rng.choice([1.0, 40.0, 400.0]))
        if accident == "doubled_answer" and self._last is not None:
            self._api.handle(request)
            return copy_response(self._last)
        # Only a publish, which says how many, may lie so: nobody can tell it of a write.
        is_unwritten = accident == "unwritten_200" and request.method == "POST"
        response = self._api.handle(request, write_share=0.0 if is_unwritten else 1.0)
        self._last = copy_response(response)
        return _spoil(response, accident)


def _spoil(response: httpx.Response, accident: str | None) -> httpx.Response:
    if accident == "empty_200":
        return httpx.Response(200, headers=_dates(response))
    if accident == "html_200":
        headers = {"Content-Type": "text/html"} | _dates(response)
        return httpx.Response(200, content=b"<html>please log in</html>", headers=headers)
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
        if lifeline.is_over():
            raise OSError("this process is dead")
        commit(self, statements)
        if lifeline.is_over():
            raise OSError("this process is dead")

    JournalWriter.commit = commit_while_alive  # type: ignore[method-assign]
    try:
        yield
    finally:
        JournalWriter.commit = commit  # type: ignore[method-assign]
