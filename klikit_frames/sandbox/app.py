"""The API as an ASGI application: HTTP in, calls out, answers and faults back."""

from __future__ import annotations

from functools import partial

from starlette.types import Receive, Scope, Send

from . import delivery, mishaps
from .calls import MAX_BODY, Call
from .delivery import Wire
from .faults import Fault
from .gate import Gate, Passage
from .idempotency import Recorded
from .refusals import Refusal
from .turns import Turns
from .world import World

BASE = "/v1/partner"
_NO_FAULT = Fault("latency", seconds=0)


class PartnerApi:
    """Everything below the API's base path."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._gate = Gate(world)
        self._turns = Turns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await _read_body(receive)
        if body is not None:
            await self._exchange(Wire(scope, receive, send), Passage(_read_call(scope, body)))

    async def _exchange(self, wire: Wire, passage: Passage) -> None:
        receipt = self._world.receipts.open(passage.call, time=self._world.clock.moment())
        struck = self._world.faults.draw(passage.call)
        wait_s = sum(fault.length_s for fault in struck if fault.name == "latency")
        fault = next((fault for fault in struck if fault.name != "latency"), _NO_FAULT)
        if fault.name == "reset_before":
            await delivery.reset_connection(wire)
            return
        answer = await self._take_turn(passage, fault, wait_s=wait_s)
        receipt.replayed = passage.is_replay
        if fault.name != "reset_after":
            receipt.status, receipt.request_id = answer.status, answer.request_id or None
        await self._deliver(wire, passage, answer=answer, fault=fault)

    async def _take_turn(self, passage: Passage, fault: Fault, *, wait_s: float) -> Recorded:
        try:
            async with self._turns.take(self._world, passage.call):
                await self._world.pauses.wait(wait_s)
                answer = self._answer(passage, fault)
        except Refusal as refusal:
            answer = self._gate.refuse(refusal)
        return mishaps.disguise(passage, answer, fault=fault)

    def _answer(self, passage: Passage, fault: Fault) -> Recorded:
        mishaps.prepare(passage, fault=fault)
        answer = self._gate.answer(passage) if mishaps.reaches_api(fault) else None
        instead = mishaps.answer_instead(self._gate, passage, fault=fault)
        return instead or answer or self._gate.refuse(Refusal("internal", "the fault left no answer"))

    async def _deliver(self, wire: Wire, passage: Passage, *, answer: Recorded, fault: Fault) -> None:
        headers = self._date() | passage.headers
        if fault.name == "reset_after":
            await delivery.reset_connection(wire)
        elif fault.name == "truncated":
            await delivery.send_half(wire, answer, headers=headers)
        elif fault.name == "doubled_answer":
            await delivery.send_twice(wire, answer, headers=headers)
        elif fault.name == "slow_drip":
            wait = partial(self._world.pauses.wait, fault.length_s / delivery.DRIPS)
            await delivery.send_drips(wire, answer, headers=headers, wait=wait)
        else:
            await delivery.send_answer(wire, answer, headers=headers)

    def _date(self) -> dict[str, str]:
        switches = self._world.switches
        if switches.date_header == "missing":
            return {}
        return {"date": self._world.clock.http_date(after_s=switches.date_skew_s)}


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
