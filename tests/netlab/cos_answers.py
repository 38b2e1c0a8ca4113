"""What COS says to a request: status, headers and error documents. No input or output here."""

from __future__ import annotations

import base64
import ipaddress
import os
import random
import re
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from addresses import NODE, REGION, region_of

ALLOWED_SKEW_S = 15 * 60


@dataclass(frozen=True)
class Request:
    """The parts of a request that matter."""

    head: str  # request line and headers
    method: str
    path: str  # without the query
    host: str

    @classmethod
    def parse(cls, head: str) -> Request:
        method, target = head.split(" ", 2)[:2]
        host = re.search(r"(?im)^host:[ \t]*([^\s:]+)", head)
        return cls(head, method, target.split("?")[0], host[1] if host else "")


@dataclass(frozen=True)
class Answer:
    """What goes back, without the headers that every answer has."""

    status: str
    headers: list[str] = field(default_factory=list)
    body: bytes = b""


@dataclass(frozen=True)
class Refusal:
    """An error of COS."""

    status: str
    code: str
    message: str


ANONYMOUS = Refusal("403 Forbidden", "AccessDenied", "Access Denied.")
EXPIRED = Refusal("403 Forbidden", "AccessDenied", "Request has expired")
SKEWED = Refusal(
    "403 Forbidden",
    "RequestTimeTooSkewed",
    "The difference between the request time and the current time is too large.",
)
SLOW_DOWN = Refusal("503 Slow Down", "SlowDown", "Reduce your request rate.")


def cos_answer(request: Request, now: float, overloaded: bool = False) -> Answer:
    """The answer of a COS server whose clock says `now`. GET /size/N has a body of N bytes."""
    request_id = _request_id(now)
    headers = ["Server: tencent-cos", f"x-cos-request-id: {request_id}"]
    sized = re.fullmatch(r"/size/(\d{1,8})", request.path)
    if sized and not overloaded:
        return Answer("200 OK", headers, b"x" * int(sized[1]))
    refusal = SLOW_DOWN if overloaded else _judge_signature(request, now)
    if refusal is None:
        region = region_of(request.host) or REGION
        return Answer("200 OK", [*headers, f"x-cos-bucket-region: {region}"])
    trace_id = base64.b64encode(os.urandom(64).hex().encode()).decode()
    headers += ["Content-Type: application/xml", f"x-cos-trace-id: {trace_id}"]
    return Answer(refusal.status, headers, _error_document(refusal, request, request_id, trace_id))


def _judge_signature(request: Request, now: float) -> Refusal | None:
    """Only the time window is checked, be it in the Authorization header or in the query."""
    window = re.search(r"(?i)\bq-sign-time=(\d+)(?:;|%3b)(\d+)", request.head)
    if window is None:
        return ANONYMOUS
    start, end = int(window[1]), int(window[2])
    if start <= now <= end:
        return None
    return EXPIRED if start - ALLOWED_SKEW_S <= now <= end + ALLOWED_SKEW_S else SKEWED


def _request_id(now: float) -> str:
    """As real ones: base64 of <time>_<IPv4 of the node, bytes reversed>_<any>_<any>, all in hex."""
    node = int.from_bytes(ipaddress.IPv4Address(NODE).packed, "little")
    text = f"{int(now):x}_{node:x}_{random.randrange(1 << 16):x}_{random.randrange(1 << 28):x}"
    return base64.b64encode(text.encode()).decode()


def _error_document(refusal: Refusal, request: Request, request_id: str, trace_id: str) -> bytes:
    elements = {
        "Code": refusal.code,
        "Message": refusal.message,
        "Resource": request.host + request.path,
        "RequestId": request_id,
        "TraceId": trace_id,
    }
    inside = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in elements.items())
    return f"<?xml version='1.0' encoding='utf-8' ?><Error>{inside}</Error>".encode()
