"""What is looked at again and again: results, and the venue's books beside them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.brokers.base import BrokerOptions
from bot.domain.enums import OrderState
from bot.domain.orders import OrderResult
from bot.domain.outcomes import Accepted, Rejected
from tests.contract.venues import Seat

BUY = ("BTC-USD", "buy", "0.01", "base")
#: A time-out that a hung venue is noticed by, and a hang that outlasts it.
SHORT_S, HANG_S = 0.4, 1.5
#: Who waits no longer than this hears that the answer is not known.
IMPATIENT = BrokerOptions(fill_wait_s=0.2)


def refused(result: OrderResult) -> Rejected:
    assert isinstance(result.outcome, Rejected), result
    assert result.state is OrderState.REJECTED, "nobody would send it later"
    assert not result
    return result.outcome


def assert_nothing_sent(seat: Seat, result: OrderResult) -> None:
    assert not refused(result).sent
    assert seat.order_calls() == 0
    assert seat.orders() == []


def assert_one_filled_order(seat: Seat, result: OrderResult) -> dict[str, Any]:
    """The result says what the venue's books say; the books have one order."""
    (order,) = seat.orders()
    assert isinstance(result.outcome, Accepted), result
    assert result.state is OrderState.FILLED
    assert result.order is not None
    assert result.report is not None
    assert order["order_id"] == result.order_id == result.report.order_id
    assert order["client_order_id"] == result.order.client_order_id
    assert Decimal(order["executed"]) == result.report.executed == result.order.quantity
    assert Decimal(order["cost"]) == result.report.cost
    assert Decimal(order["fee"]) == result.report.fee
    assert result.report.fee_currency == "USD"
    assert result.report.final
    return order
