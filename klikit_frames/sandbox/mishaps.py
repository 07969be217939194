"""What a fault makes of an answer, as far as it is a matter of the answer and not of the wire."""

from __future__ import annotations

import json
from dataclasses import replace

from .faults import Fault
from .gate import Gate, Passage
from .idempotency import Recorded
from .refusals import Refusal

_FAILURES = {
    "error_500": ("internal", 500),
    "error_502": ("downstream_unavailable", 502),
    "error_503": ("downstream_unavailable", 503),
    "error_504": ("downstream_unavailable", 504),
}
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


def answer_instead(gate: Gate, passage: Passage, *, fault: Fault) -> Recorded | None:
    """Return the answer of a fault that keeps the call from the API, or None if the call goes through."""
    if fault.name == "html_502":
        passage.headers["content-type"] = "text/html"
        return Recorded(502, _HTML, "")
    if fault.name == "redirect":
        passage.headers["location"] = f"/elsewhere{passage.call.path}"
        return Recorded(307, b"", "")
    if fault.name == "rate_limit":
        refusal = gate.too_many(fault.retry_after, wait_s=fault.length_s)
        passage.headers |= refusal.headers
        return gate.refuse(refusal)
    if fault.name in _FAILURES:
        code, status = _FAILURES[fault.name]
        return gate.refuse(Refusal(code, f"{code} on call", status=status))
    return None


def prepare(passage: Passage, *, fault: Fault) -> None:
    """Make a call end in a failure that is kept under its key, if the fault is that."""
    if fault.name == "stored_502":
        passage.failure = Refusal("downstream_unavailable", "downstream_unavailable on call, and stored")


def disguise(passage: Passage, answer: Recorded, *, fault: Fault) -> Recorded:
    """Return the answer as a fault garbles it."""
    if fault.name == "wrong_content_type":
        passage.headers["content-type"] = "text/plain"
    if fault.name == "no_request_id":
        envelope = json.loads(answer.body)
        del envelope["request_id"]
        return replace(answer, body=json.dumps(envelope).encode(), request_id="")
    return answer
