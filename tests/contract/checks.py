"""What is looked at again and again: results, and the venue's books beside them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.brokers.base import BrokerOptions
from bot.domain.enums import OrderState, Side
from bot.domain.ids import new_client_order_id
from bot.domain.orders import MarketOrder, OrderReport, OrderResult
from bot.domain.outcomes import Accepted, Rejected
from tests.contract.stand import Seat, Stand
from tests.contract.venue import PATIENCE_S
from tests.fakes.ports import RecordingObserver
from tests.fakes.trace import Trace

BUY = ("BTC-USD", "buy", "0.01", "base")
#: A time-out that a hung venue is noticed by, and a hang that outlasts it.
SHORT_S, HANG_S = 1.0, 10.0
#: Who waits no longer than this hears that the answer is not known.
IMPATIENT = BrokerOptions(fill_wait_s=0.2)


def quick(stand: Stand, **more: Any) -> Seat:
    """An account whose orders are proven absent as soon as the venue allows."""
    options = BrokerOptions(fill_wait_s=PATIENCE_S, settle_s=0.3, look_gap_s=0.1)
    return stand.seat(options=options, deadline_s=stand.venue.deadline_s, **more).connect()


# -- what was refused ------------------------------------------------------------------------------------------------


def refused(result: OrderResult) -> Rejected:
    assert isinstance(result.outcome, Rejected), result
    assert result.state is OrderState.REJECTED, "nobody would send it later"
    assert not result
    return result.outcome


def refused_as_absent(result: OrderResult) -> bool:
    assert isinstance(result.outcome, Rejected), result
    assert result.state is OrderState.FAILED
    return "does not have it" in result.reason


def assert_nothing_sent(seat: Seat, result: OrderResult) -> None:
    assert not refused(result).sent
    assert seat.order_calls() == 0
    assert seat.orders() == []


# -- what was done ---------------------------------------------------------------------------------------------------


def coins_of(order: dict[str, Any]) -> Decimal:
    """What a booked order brought to the account, or took from it, in its base currency."""
    executed, base = Decimal(order["executed"]), order["symbol"].partition("-")[0]
    if order["side"] == "sell":
        return -executed
    return executed - Decimal(order["fee"]) if order["fee_asset"] == base else executed


def assert_has(seat: Seat, coins: Decimal) -> None:
    """The account's only coins are so many bitcoins."""
    positions = seat.broker.get_positions()
    assert set(positions) == {"BTC"}
    assert abs(positions["BTC"] - coins) <= seat.stand.venue.slack, (positions, coins)


def assert_told(seat: Seat, report: OrderReport, order: dict[str, Any]) -> None:
    """The report says what the venue's books say; so do its fills."""
    assert report.order_id == order["order_id"]
    assert report.executed == Decimal(order["executed"])
    assert report.cost == Decimal(order["cost"])
    assert report.fee_currency == order["fee_asset"]
    more, slack = report.fee - Decimal(order["fee"]), seat.stand.venue.slack
    # Of coins it may be more that the broker takes for the fee, never less: what it counts as coins is there.
    assert (0 if report.fee_currency != "USD" else -slack) <= more <= slack, (report.fee, order["fee"])
    assert report.final
    assert sum(fill.quantity for fill in report.fills) == report.executed
    assert sum(fill.cost for fill in report.fills) == report.cost
    assert sum(fill.fee for fill in report.fills) == report.fee


def assert_one_filled_order(seat: Seat, result: OrderResult) -> dict[str, Any]:
    """The result says what the venue's books say; the books have one order."""
    (order,) = seat.orders()
    assert isinstance(result.outcome, Accepted), result
    assert result.state is OrderState.FILLED
    assert result.order is not None
    assert result.report is not None
    assert order["order_id"] == result.order_id
    assert order["client_order_id"] == result.order.client_order_id
    assert_told(seat, result.report, order)
    venue, instrument = seat.stand.venue, seat.broker.instrument(order["symbol"])
    assert instrument is not None
    if venue.buys_in_quote and order["side"] == "buy":
        spent = result.report.cost + result.report.fee
        assert spent == instrument.floor_value(result.order.quote_value)
        assert order["volume_in_quote"] is True
    else:
        assert result.report.executed == result.order.quantity
    fee_asset = instrument.base if venue.fee_in_coin and order["side"] == "buy" else instrument.quote
    assert order["fee_asset"] == fee_asset
    return order


# -- orders of whoever has a name for them ---------------------------------------------------------------------------


def order_of(seat: Seat, quantity: str = "0.01") -> MarketOrder:
    """An order that was decided elsewhere, or by an earlier process."""
    name = new_client_order_id()
    return MarketOrder(seat.broker.account, name, "BTC-USD", Side.BUY, Decimal(quantity), Decimal(50_000))


def take_up(seat: Seat, order: MarketOrder, order_id: str | None = None) -> RecordingObserver:
    observer = RecordingObserver(seat.fakes.trace)
    seat.broker.take_up(order, observer, order_id)  # type: ignore[arg-type]
    return observer


def adopted(seat: Seat) -> str:
    """The id under which the order was found."""
    ((_, outcome, state, _),) = seat.fakes.trace.wait_for("observer.answered")
    assert isinstance(outcome, Accepted), outcome
    assert state is OrderState.ACCEPTED
    return outcome.order_id


def send(seat: Seat, order: MarketOrder) -> str:
    """Send a planned order as the engine does; its id once the venue has it, which may need a look-up."""
    trace = Trace()
    departure = seat.broker.prepare_market_order(order, RecordingObserver(trace))
    departure.send()
    departure.go_on()
    trace.wait_for("observer.settled")
    _, outcome, _, _ = trace.of("observer.answered")[-1]
    assert isinstance(outcome, Accepted), outcome
    return outcome.order_id
