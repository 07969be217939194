"""The API as an ASGI application: HTTP in, calls out, answers and faults back."""

from __future__ import annotations

from functools import partial

from starlette.types import Receive, Scope, Send

from . import delivery, fault_responses
from .api_errors import ApiError
from .app_context import AppContext
from .calls import MAX_BODY, Call
from .delivery import Wire
from .faults import Fault
from .idempotency import KeyLocks, Recorded
from .pipeline import Pipeline, RequestContext

BASE = "/v1/partner"
_NO_FAULT = Fault("latency", seconds=0)


class PartnerApi:
    """Everything below the API's base path."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._pipeline = Pipeline(app)
        self._turns = KeyLocks()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await _read_body(receive)
        if body is not None:
            await self._exchange(Wire(scope, receive, send), RequestContext(_read_call(scope, body)))

    async def _exchange(self, wire: Wire, request: RequestContext) -> None:
        logged = self._app.request_log.open(request.call, time=self._app.clock.moment())
        struck = self._app.faults.draw(request.call)
        wait_s = sum(fault.length_s for fault in struck if fault.name == "latency")
        fault = next((fault for fault in struck if fault.name != "latency"), _NO_FAULT)
        if fault.name == "reset_before":
            await delivery.reset_connection(wire)
            return
        answer = await self._answer_in_turn(request, fault, wait_s=wait_s)
        logged.replayed = request.is_replay
        if fault.name != "reset_after":
            logged.status, logged.request_id = answer.status, answer.request_id or None
        await self._deliver(wire, request, answer=answer, fault=fault)

    async def _answer_in_turn(self, request: RequestContext, fault: Fault, *, wait_s: float) -> Recorded:
        try:
            async with self._turns.take(self._app, request.call):
                await self._app.pauses.wait(wait_s)
                answer = self._answer(request, fault)
        except ApiError as error:
            answer = self._pipeline.error_answer(error)
        return fault_responses.alter_answer(request, answer, fault=fault)

    def _answer(self, request: RequestContext, fault: Fault) -> Recorded:
        fault_responses.prepare(request, fault=fault)
        answer = self._pipeline.answer(request) if fault_responses.reaches_api(fault) else None
        instead = fault_responses.answer_instead(self._pipeline, request, fault=fault)
        return (
            instead or answer or self._pipeline.error_answer(ApiError("internal", "the fault left no answer"))
        )

    async def _deliver(self, wire: Wire, request: RequestContext, *, answer: Recorded, fault: Fault) -> None:
        headers = self._date() | request.headers
        if fault.name == "reset_after":
            await delivery.reset_connection(wire)
        elif fault.name == "truncated":
            await delivery.send_half(wire, answer, headers=headers)
        elif fault.name == "doubled_answer":
            await delivery.send_twice(wire, answer, headers=headers)
        elif fault.name == "slow_drip":
            wait = partial(self._app.pauses.wait, fault.length_s / delivery.DRIPS)
            await delivery.send_drips(wire, answer, headers=headers, wait=wait)
        else:
            await delivery.send_answer(wire, answer, headers=headers)

    def _date(self) -> dict[str, str]:
        switches = self._app.switches
        if switches.date_header == "missing":
            return {}
        return {"date": self._app.clock.http_date(after_s=switches.date_skew_s)}


async def _read_body(receive: Receive) -> bytes | None:
    """Return the request's body, cut just above the size that is refused; None if it never came whole."""
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        if size <= MAX_BODY:
            chunks.append(chunk)
        size += len(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _read_call(scope: Scope, body: bytes) -> Call:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return Call(scope["method"], path, scope["query_string"].decode("latin-1"), headers, body)
