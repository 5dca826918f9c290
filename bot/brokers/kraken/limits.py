"""Kraken's rate limits, as data (Kraken docs: Spot REST rate limits, Spot trading rate limits)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TierName = Literal["Starter", "Intermediate", "Pro"]


@dataclass(frozen=True, slots=True)
class Tier:
    """What one verification level may do.

    Attributes:
        rest_maximum: the counter of private calls that are not orders, a key.
        rest_decay_per_s: what it forgets a second.
        engine_threshold: the counter of orders, an account and pair.
        engine_decay_per_s: what it forgets a second.
        open_orders_per_pair: orders resting at once.
    """

    rest_maximum: float
    rest_decay_per_s: float
    engine_threshold: float
    engine_decay_per_s: float
    open_orders_per_pair: int


TIERS: dict[TierName, Tier] = {
    "Starter": Tier(15, 0.33, 60, 1.0, 60),
    "Intermediate": Tier(20, 0.5, 125, 2.34, 80),
    "Pro": Tier(20, 1.0, 180, 3.75, 225),
}

#: Seconds between two public calls of one address; the venue publishes no number any more.
PUBLIC_INTERVAL_S = 1.2

#: Calls that walk through history; the docs have said 2 and now say 4.
_HISTORY_COST = 4
_HISTORY_METHODS = frozenset({"Ledgers", "QueryLedgers", "TradesHistory", "ClosedOrders"})

#: Calls that the engine's counter is for; the REST counter leaves them out.
ORDER_METHODS = frozenset(
    {
        "AddOrder",
        "AddOrderBatch",
        "AmendOrder",
        "EditOrder",
        "CancelOrder",
        "CancelOrderBatch",
        "CancelAll",
        "CancelAllOrdersAfter",
    }
)

#: Calls that change nothing: they may be sent again after a refused nonce.
READ_METHODS = _HISTORY_METHODS | {
    "Balance",
    "BalanceEx",
    "TradeBalance",
    "TradeVolume",
    "OpenOrders",
    "OpenPositions",
    "QueryOrders",
    "QueryTrades",
    "OrderAmends",
    "GetApiKeyInfo",
    "GetWebSocketsToken",
}


def cost_of(method: str) -> int:
    """What a private call adds to the REST counter."""
    if method in ORDER_METHODS:
        return 0
    return _HISTORY_COST if method in _HISTORY_METHODS else 1
