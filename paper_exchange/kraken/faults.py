"""What an ordered fault does to one call: to its execution and to its answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from paper_exchange.core.faults import Fault, FaultKind, FaultMoment
from paper_exchange.kraken.errors import INVALID_NONCE, PERMISSION_DENIED, SERVICE_UNAVAILABLE, KrakenError
from paper_exchange.kraken.routes import PRIVATE
from paper_exchange.kraken.venue import Answer, Incoming, Kraken, failure

_HTTP = {
    FaultKind.HTTP_429: 429,
    FaultKind.HTTP_500: 500,
    FaultKind.HTTP_502: 502,
    FaultKind.HTTP_503: 503,
    FaultKind.HTTP_504: 504,
    FaultKind.HTTP_520: 520,
}
_PRIVATE_ONLY = frozenset({FaultKind.INVALID_NONCE, FaultKind.PERMISSION_REVOKED})
_ORDERS_ONLY = frozenset({FaultKind.PARTIAL_FILL, FaultKind.DELAYED_LANDING})
_EMPTY_QUERIES: dict[str, dict[str, Any]] = {
    "QueryOrders": {},
    "OpenOrders": {"open": {}},
    "ClosedOrders": {"closed": {}, "count": 0},
    "TradesHistory": {"trades": {}, "count": 0},
}
_TRAILING = frozenset(
    {"Balance", "BalanceEx", "ClosedOrders", "Ledgers", "OpenOrders", "QueryOrders", "QueryTrades", "TradeBalance"}
    | {"TradesHistory"}
)
_ALWAYS_EXECUTED = frozenset({FaultKind.PARTIAL_FILL, FaultKind.EMPTY_QUERY})
_EVERYWHERE = frozenset(FaultKind) - _PRIVATE_ONLY - _ORDERS_ONLY - {FaultKind.EMPTY_QUERY, FaultKind.STALE_QUERY}
_UNNAMED_STATUS = 520
#: Stands in an error's text for the unix second at which the fault ends.
_UNTIL = "{until}"


@dataclass(slots=True)
class Reply:
    """What really goes out instead of the answer."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    error: str | None = None


def fitting(incoming: Incoming) -> frozenset[FaultKind]:
    """The kinds of fault that can happen to a call."""
    if not incoming.private:
        return _EVERYWHERE
    kinds = _EVERYWHERE | _PRIVATE_ONLY
    if incoming.method in _EMPTY_QUERIES:
        kinds |= {FaultKind.EMPTY_QUERY}
    if incoming.method in _TRAILING:
        kinds |= {FaultKind.STALE_QUERY}
    return kinds | _ORDERS_ONLY if PRIVATE[incoming.method].places_orders else kinds


def hangs(fault: Fault) -> bool:
    """Whether the fault lets the caller wait."""
    return fault.kind is FaultKind.HANG


def resets(fault: Fault) -> bool:
    """Whether the fault cuts the connection without an answer."""
    return fault.kind is FaultKind.RESET or (fault.kind is FaultKind.DELAYED_LANDING and fault.text == FaultKind.RESET)


def execute(venue: Kraken, fault: Fault, incoming: Incoming, on_landing: Callable[[Answer], None]) -> Answer | None:
    """Does with the call what the fault lets happen; `None` when nothing was executed.

    A delayed landing authenticates now, executes after `fault.seconds` and tells `on_landing` what came of it.
    """
    if fault.kind is FaultKind.DELAYED_LANDING:
        return _land_later(venue, fault, incoming, on_landing)
    if fault.kind is FaultKind.PARTIAL_FILL:
        return venue.run_private(incoming, fault.fraction)
    if fault.kind is FaultKind.STALE_QUERY:
        return venue.run_private(incoming, lag_s=fault.seconds)
    if _refuses(fault) and incoming.private:
        return _refusal(venue, incoming)
    waits_first = fault.kind is FaultKind.HANG
    if fault.moment is FaultMoment.BEFORE and not waits_first and fault.kind not in _ALWAYS_EXECUTED:
        return None
    return venue.run_private(incoming) if incoming.private else venue.run_public(incoming)


def disguise(fault: Fault, incoming: Incoming, answer: Answer | None) -> Reply:
    """What the caller gets to see."""
    kind = fault.kind
    if kind in _HTTP:
        return _gateway(_HTTP[kind])
    if kind is FaultKind.HTML:
        return Reply(200, _page("Just a moment..."), b"text/html; charset=UTF-8")
    if kind is FaultKind.TRUNCATED:
        body = answer.body if answer is not None else b'{"error":[],"result":{"descr":{"order":"'
        return Reply(200, body[: max(len(body) // 2, 1)])
    if kind is FaultKind.EMPTY_RESULT:
        return Reply(200, orjson.dumps({"error": [], "result": _emptied(incoming)}))
    if kind is FaultKind.EMPTY_QUERY and answer is not None and answer.error is None:
        return Reply(200, orjson.dumps({"error": [], "result": _EMPTY_QUERIES[incoming.method]}))
    if kind is FaultKind.DELAYED_LANDING:
        return _late_reply(fault, answer)
    error = _error_text(fault)
    if error is not None and not (_refuses(fault) and answer is not None):
        return Reply(200, failure(KrakenError(error)).body, error=error)
    if answer is None:
        raise RuntimeError(f"fault {kind} left nothing to answer")
    return Reply(200, answer.body)


def _refuses(fault: Fault) -> bool:
    return fault.moment is FaultMoment.BEFORE and fault.kind in (FaultKind.ERROR, FaultKind.PERMISSION_REVOKED)


def _refusal(venue: Kraken, incoming: Incoming) -> Answer | None:
    # The venue itself says no, so it has read the request: the nonce is used up and the same bytes cannot run later.
    try:
        venue.authenticate(incoming)
    except KrakenError as error:
        return failure(error)
    return None


def _error_text(fault: Fault) -> str | None:
    if fault.kind is FaultKind.ERROR:
        return (fault.text or SERVICE_UNAVAILABLE).replace(_UNTIL, f"{math.ceil(fault.ends_at or 0)}")
    if fault.kind is FaultKind.INVALID_NONCE:
        return INVALID_NONCE
    return PERMISSION_DENIED if fault.kind is FaultKind.PERMISSION_REVOKED else None


def _land_later(venue: Kraken, fault: Fault, incoming: Incoming, on_landing: Callable[[Answer], None]) -> Answer | None:
    try:
        key, parameters = venue.authenticate(incoming)
        venue.admit(key, PRIVATE[incoming.method])
    except KrakenError as error:
        return failure(error)

    def land() -> None:
        on_landing(venue.execute(incoming.method, key, parameters))

    asyncio.get_running_loop().call_later(fault.seconds, land)
    return None


def _late_reply(fault: Fault, answer: Answer | None) -> Reply:
    if answer is not None:
        return Reply(200, answer.body)
    if fault.text is None:
        return _gateway(502)
    if fault.text in FaultKind.__members__.values() and FaultKind(fault.text) in _HTTP:
        return _gateway(_HTTP[FaultKind(fault.text)])
    return Reply(200, failure(KrakenError(fault.text)).body, error=fault.text)


def _emptied(incoming: Incoming) -> dict[str, Any]:
    if not incoming.private or not PRIVATE[incoming.method].places_orders:
        return {}
    return {"descr": {"order": ""}, "txid": []}


def _gateway(status: int) -> Reply:
    title = "Web server is returning an unknown error" if status == _UNNAMED_STATUS else HTTPStatus(status).phrase
    return Reply(status, _page(f"{status} {title}"), b"text/html; charset=UTF-8")


def _page(title: str) -> bytes:
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n".encode()
