"""What a fault makes of an answer, as far as it is a matter of the answer and not of the wire."""

from __future__ import annotations

import json
from dataclasses import replace

from .api_errors import ApiError
from .calls import Call
from .faults import Fault
from .idempotency import Recorded
from .pipeline import Pipeline, RequestContext

_FAILURES = {
    "error_500": ("internal", 500),
    "error_502": ("downstream_unavailable", 502),
    "error_503": ("downstream_unavailable", 503),
    "error_504": ("downstream_unavailable", 504),
}
_PAGES = {
    "html_502": (502, "502 Bad Gateway"),
    "html_200": (200, "Sign in to this network"),
}


def reaches_api(fault: Fault) -> bool:
    """Tell whether a call goes through to the API under a fault."""
    if fault.name in ("redirect", "rate_limit"):
        return False
    return fault.written_part != "none" or not (fault.name in _FAILURES or fault.name in _PAGES)


def prepare(request: RequestContext, *, fault: Fault) -> None:
    """Tell a call what of it is to be made, and make it end in a failure that its key keeps, if so."""
    request.written = fault.written_part
    request.keeps_key = fault.written_part == "all" or fault.name in ("unwritten_200", "stored_502")
    if fault.name == "stored_502":
        request.failure = ApiError("downstream_unavailable", "downstream_unavailable on call, and stored")


def answer_instead(pipeline: Pipeline, request: RequestContext, *, fault: Fault) -> Recorded | None:
    """Return the answer that a fault gives in place of the API's, or None if that stands."""
    if fault.name in _PAGES:
        status, title = _PAGES[fault.name]
        request.headers["content-type"] = "text/html"
        html = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        return Recorded(status, html.encode(), "")
    if fault.name == "redirect":
        request.headers["location"] = f"/elsewhere{request.call.path}"
        return Recorded(307, b"", "")
    if fault.name == "rate_limit":
        error = pipeline.too_many(fault.retry_after, wait_s=fault.length_s)
        request.headers |= error.headers
        return pipeline.error_answer(error)
    if fault.name in _FAILURES:
        code, status = _FAILURES[fault.name]
        return pipeline.error_answer(ApiError(code, f"{code} on call", status=status))
    return None


def alter_answer(request: RequestContext, answer: Recorded, *, fault: Fault) -> Recorded:
    """Return the answer as a fault garbles it."""
    if fault.name == "wrong_content_type":
        request.headers["content-type"] = "text/plain"
    if fault.name == "no_request_id":
        envelope = json.loads(answer.body)
        del envelope["request_id"]
        return replace(answer, body=json.dumps(envelope).encode(), request_id="")
    if answer.status >= 300:
        return answer
    if fault.name == "empty_200":
        return Recorded(200, b"", "")
    if fault.name == "no_content_204":
        return Recorded(204, b"", "")
    if fault.name == "multi_status_207":
        return _as_multi_status(request.call, answer)
    return answer


def _as_multi_status(call: Call, answer: Recorded) -> Recorded:
    """Return the answer that tells of each id, or of each store, how it went: the first half well."""
    body = json.loads(call.body or b"{}")
    names = body.get("ids") or body.get("stores") or []
    results = [
        {"target": name, "status": 200 if place < len(names) // 2 else 500}
        for place, name in enumerate(names)
    ]
    envelope = {"request_id": answer.request_id, "data": {"results": results}}
    return replace(answer, status=207, body=json.dumps(envelope).encode())
