"""The ways in which a venue breaks, and how each is ordered from the paper exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from bot.domain.enums import BrokerType
from bot.domain.errors import SettingsError

#: As the exchange's control API takes it, but ``method`` is one of the roles below, and ``calls`` says for how many of
#: the role's calls it is; all without it.
Fault = dict[str, Any]

#: What a call is for, whatever a venue names it: placing an order, looking one up by its name, asking for its fill.
ORDER, FIND, REPORT = "order", "find", "report"

#: The exchange's own names of these calls, in the order in which a look-up makes them.
CALLS: Mapping[BrokerType, Mapping[str, tuple[str, ...]]] = {
    BrokerType.KRAKEN: {ORDER: ("AddOrder",), FIND: ("OpenOrders", "ClosedOrders"), REPORT: ("QueryOrders",)},
    BrokerType.COINBASE: {ORDER: ("create_order",), FIND: ("list_orders",), REPORT: ("get_order",)},
    BrokerType.ALPACA: {ORDER: ("submit_order",), FIND: ("get_order_by_client_id",), REPORT: ("get_order_by_id",)},
}

_EVERYWHERE = frozenset(BrokerType)
_KRAKEN, _COINBASE, _ALPACA = (frozenset({venue}) for venue in BrokerType)


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One way in which answers get lost.

    Attributes:
        name: for ``--only``.
        title: for people.
        faults: each strikes every user once, unless it says otherwise.
        settings: of the exchange, while this kind lasts.
        venues: where it can happen.
    """

    name: str
    title: str
    faults: tuple[Fault, ...]
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    venues: frozenset[BrokerType] = _EVERYWHERE

    def ordered_from(self, venue: BrokerType) -> list[Fault]:
        """The faults, by the venue's own names of calls."""
        return [
            {**{name: value for name, value in fault.items() if name != "calls"}, "venue": venue, "method": method}
            for fault in self.faults
            for method in CALLS[venue][fault["method"]][: fault.get("calls")]
        ]


def _order(kind: str, **more: Any) -> Fault:
    return {"method": ORDER, "kind": kind, **more}


def _after(kind: str, **more: Any) -> Fault:
    return _order(kind, when="after", **more)


def _error(text: str, **more: Any) -> Fault:
    return _order("error", text=text, **more)


def _look_ups(kind: str, **more: Any) -> Fault:
    return {"method": FIND, "kind": kind, **more}


_LOST = _after("http_502")
_LATE = _order("delayed_landing", seconds=3, text="reset")
_LATER = _order("delayed_landing", seconds=6, text="reset")
#: Whether the exchange obeys the deadlines of orders.
DEADLINES_IGNORED, DEADLINES_KEPT = {"deadline_enforced": False}, {"deadline_enforced": True}

KINDS = (
    FaultKind("reset-before", "reset, not executed", (_order("reset"),)),
    FaultKind("reset-after", "reset after execution", (_after("reset"),)),
    FaultKind("time-out", "no answer after execution", (_after("hang", seconds=12),)),
    FaultKind("502-before", "HTTP 502, not executed", (_order("http_502"),)),
    FaultKind("502-after", "HTTP 502 after execution", (_LOST,)),
    FaultKind("504-after", "HTTP 504 after execution", (_after("http_504"),)),
    FaultKind("520-after", "HTTP 520 after execution", (_after("http_520"),)),
    FaultKind("html", "a web page after execution", (_after("html"),)),
    FaultKind("truncated", "half an answer", (_after("truncated"),)),
    FaultKind("empty", "an answer without an order id", (_after("empty_result"),)),
    FaultKind("late", "reset, matched 3 s later", (_LATE,)),
    FaultKind("late-6", "reset, matched 6 s later, past its deadline", (_LATER,), DEADLINES_IGNORED),
    FaultKind("too-late", "reset, refused 6 s later", (_LATER,), DEADLINES_KEPT, _KRAKEN),
    FaultKind(
        "unavailable",
        "EService:Unavailable after execution",
        (_error("EService:Unavailable", when="after"),),
        venues=_KRAKEN,
    ),
    FaultKind("busy", "EService:Busy, not executed", (_error("EService:Busy"),), venues=_KRAKEN),
    FaultKind("deadline", "EService:Deadline elapsed", (_error("EService:Deadline elapsed"),), venues=_KRAKEN),
    FaultKind("nonce", "EAPI:Invalid nonce", (_order("invalid_nonce"),), venues=_KRAKEN),
    FaultKind("order-rate", "EOrder:Rate limit exceeded", (_error("EOrder:Rate limit exceeded"),), venues=_KRAKEN),
    FaultKind("call-rate", "EAPI:Rate limit exceeded", (_error("EAPI:Rate limit exceeded"),), venues=_KRAKEN),
    FaultKind(
        "internal",
        "EGeneral:Internal error after execution",
        (_error("EGeneral:Internal error", when="after"),),
        venues=_KRAKEN,
    ),
    FaultKind(
        "not-unique",
        "cl_ord_id not unique",
        (_error("EGeneral:Invalid arguments:cl_ord_id not unique", when="after"),),
        venues=_KRAKEN,
    ),
    FaultKind("429", "HTTP 429, not executed", (_order("http_429"),), venues=_COINBASE | _ALPACA),
    FaultKind("429-after", "HTTP 429 after execution", (_after("http_429"),), venues=_COINBASE | _ALPACA),
    FaultKind("500-after", "HTTP 500 after execution", (_after("http_500"),), venues=_COINBASE | _ALPACA),
    FaultKind(
        "duplicate",
        "DUPLICATE_CLIENT_ORDER_ID after execution",
        (_error("DUPLICATE_CLIENT_ORDER_ID", when="after"),),
        venues=_COINBASE,
    ),
    FaultKind(
        "must-be-unique",
        "client_order_id must be unique, after execution",
        (_error("422 40010001 client_order_id must be unique", when="after"),),
        venues=_ALPACA,
    ),
    FaultKind("partial", "partly filled, the rest cancelled", (_order("partial_fill"),)),
    FaultKind("look-ups-lag", "502, look-ups trail by 6 s", (_LOST, _look_ups("stale_query", seconds=6, times=None))),
    FaultKind(
        "look-ups-fail",
        "502, look-ups fail three times",
        (_LOST, _look_ups("http_503"), _look_ups("html", calls=1)),
    ),
    FaultKind("twice-lost", "reset, then 502 for the second attempt", (_order("reset"), _LOST)),
    FaultKind(
        "combined",
        "reset, matched 3 s later, look-ups trail, fail and find no fill",
        (
            _LATE,
            _look_ups("http_503"),
            _look_ups("stale_query", seconds=6, times=None),
            {"method": REPORT, "kind": "empty_query", "times": 2},
        ),
    ),
)


def chosen_kinds(names: Sequence[str]) -> tuple[FaultKind, ...]:
    """The kinds of these names; all of them without any.

    Raises:
        SettingsError: there is no such kind.
    """
    known = {kind.name: kind for kind in KINDS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(f"there is no fault {', '.join(unknown)}; there are: {', '.join(known)}")
    return tuple(known[name] for name in names) or KINDS
