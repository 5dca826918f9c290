"""Orders whose answer was lost: asked for by their name, over real HTTP, until the venue tells."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.base import BrokerOptions
from bot.domain.enums import OrderState, Side
from bot.domain.ids import new_client_order_id
from bot.domain.orders import MarketOrder, OrderResult
from bot.domain.outcomes import Accepted, Rejected, Unknown
from tests.contract.checks import BUY, HANG_S, IMPATIENT, SHORT_S, assert_one_filled_order, refused
from tests.contract.relay import Change, Relay, relaying
from tests.contract.venues import PATIENCE_S, Seat, Stand
from tests.fakes.ports import RecordingObserver

# -- lost answers ----------------------------------------------------------------------------------------------------

KINDS = ["http_500", "http_502", "http_503", "http_504", "http_520", "reset", "html"]


@pytest.mark.parametrize("kind", [*KINDS, "truncated", "empty_result"])
def test_an_order_whose_answer_was_lost_is_found_by_its_name_and_has_its_fill(stand: Stand, kind: str) -> None:
    seat = stand.seat().connect()
    seat.fault(kind, when="after")

    result = seat.broker.place_market_order(*BUY)

    assert_one_filled_order(seat, result)
    assert seat.order_calls() == 1
    assert seat.states() == [OrderState.UNKNOWN, OrderState.ACCEPTED]
    assert not seat.broker.doubts
    assert seat.broker.get_positions() == {"BTC": Decimal("0.01")}


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_says_nothing_leaves_the_order_unknown_and_is_not_sent_again(stand: Stand, kind: str) -> None:
    seat = stand.seat(options=IMPATIENT).connect()
    seat.fault(kind, when="before")

    result = seat.broker.place_market_order(*BUY)

    assert isinstance(result.outcome, Unknown), result
    assert result.state is OrderState.UNKNOWN
    assert seat.broker.in_doubt("BTC-USD")
    assert seat.order_calls() == 1
    assert seat.orders() == []


def quick(stand: Stand, **more: Any) -> Seat:
    """An account whose orders are proven absent as soon as the venue allows."""
    options = BrokerOptions(fill_wait_s=PATIENCE_S, settle_s=0.3, look_gap_s=0.1)
    return stand.seat(options=options, deadline_s=stand.venue.deadline_s, **more).connect()


def test_an_order_that_never_arrived_is_proven_absent_after_its_deadline_and_not_sent_again(stand: Stand) -> None:
    seat = quick(stand)
    seat.fault("reset", when="before")
    began = time.monotonic()

    result = seat.broker.place_market_order(*BUY)

    assert refused_as_absent(result)
    assert time.monotonic() - began > stand.venue.deadline_s
    assert seat.states() == [OrderState.UNKNOWN, OrderState.FAILED]
    assert seat.order_calls() == 1
    assert seat.orders() == []
    assert_one_filled_order(seat, seat.broker.place_market_order(*BUY))


def refused_as_absent(result: OrderResult) -> bool:
    assert isinstance(result.outcome, Rejected), result
    assert result.state is OrderState.FAILED
    return "does not have it" in result.reason


def test_a_nonce_refused_again_is_no_proof_and_is_asked_about(stand: Stand) -> None:
    seat = quick(stand)
    seat.fault("invalid_nonce", times=2)

    result = seat.broker.place_market_order(*BUY)

    assert refused_as_absent(result)
    ((_, unknown, _, _), _) = seat.fakes.trace.of("journal.answered")
    assert isinstance(unknown, Unknown)
    assert "nonce" in unknown.reason
    assert seat.orders() == []


def test_a_hung_venue_leaves_the_order_unknown_in_time_and_it_is_found(stand: Stand) -> None:
    seat = stand.seat(read_timeout_s=SHORT_S).connect()
    seat.fault("hang", when="after", seconds=HANG_S)
    began = time.monotonic()

    with ThreadPoolExecutor(1) as thread:
        placing = thread.submit(seat.broker.place_market_order, *BUY)
        seat.fakes.trace.wait_for("journal.answered")
        assert time.monotonic() - began < HANG_S
        assert seat.states() == [OrderState.UNKNOWN]
        assert_one_filled_order(seat, placing.result())
    assert seat.order_calls() == 1


def test_an_order_that_lands_late_is_found_when_it_has(stand: Stand) -> None:
    seat = quick(stand)
    seat.fault("delayed_landing", seconds=1.0)

    result = seat.broker.place_market_order(*BUY)

    assert_one_filled_order(seat, result)
    assert seat.order_calls() == 1


def test_an_order_that_arrives_after_its_deadline_is_not_matched_and_proven_absent(stand: Stand) -> None:
    seat = quick(stand)
    seat.fault("delayed_landing", seconds=stand.venue.deadline_s + 0.2)

    assert refused_as_absent(seat.broker.place_market_order(*BUY))

    time.sleep(0.3)
    assert [order for order in seat.orders() if Decimal(order["executed"])] == []


def test_an_internal_error_of_the_venue_is_asked_about(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.fault("error", text="EGeneral:Internal error", when="after")

    assert_one_filled_order(seat, seat.broker.place_market_order(*BUY))
    assert seat.states() == [OrderState.UNKNOWN, OrderState.ACCEPTED]
    assert seat.order_calls() == 1


def test_meanwhile_entries_of_the_symbol_wait_and_other_symbols_go_on(stand: Stand) -> None:
    seat = stand.seat(options=IMPATIENT).connect()
    seat.fault("reset", when="before")
    assert isinstance(seat.broker.place_market_order(*BUY).outcome, Unknown)

    waiting = seat.broker.place_market_order(*BUY)

    assert not refused(waiting).sent
    assert "not settled" in waiting.reason
    assert seat.broker.place_market_order("ETH-USD", "buy", "0.1", "base")
    assert seat.order_calls() == 2


# -- looking an order up ---------------------------------------------------------------------------------------------


def order_of(seat: Seat, quantity: str = "0.01") -> MarketOrder:
    """An order of an earlier process."""
    name = new_client_order_id()
    return MarketOrder(seat.broker.account, name, "BTC-USD", Side.BUY, Decimal(quantity), Decimal(50_000))


def take_up(seat: Seat, order: MarketOrder) -> RecordingObserver:
    observer = RecordingObserver(seat.fakes.trace)
    seat.broker.take_up(order, observer, None)
    return observer


def adopted(seat: Seat) -> str:
    """The id under which the order was found."""
    ((_, outcome, state, _),) = seat.fakes.trace.wait_for("observer.answered")
    assert isinstance(outcome, Accepted), outcome
    assert state is OrderState.ACCEPTED
    return outcome.order_id


def test_an_order_is_found_among_the_closed_ones_by_its_name(stand: Stand) -> None:
    seat = stand.seat().connect()
    order, other = order_of(seat), order_of(seat)
    seat.login.market("buy", "0.01", cl_ord_id=other.client_order_id)
    order_id = seat.login.market("buy", "0.01", cl_ord_id=order.client_order_id)
    seat.login.market("buy", "0.01")
    take_up(seat, order)

    assert adopted(seat) == order_id
    ((_, report, state),) = seat.fakes.trace.wait_for("observer.settled")
    assert (state, report.executed) == (OrderState.FILLED, Decimal("0.01"))


def test_an_order_is_found_among_the_open_ones_by_its_name(stand: Stand) -> None:
    seat = stand.seat().connect()
    order, other = order_of(seat), order_of(seat)
    seat.login.limit("buy", "0.01", "40000", cl_ord_id=other.client_order_id)
    order_id = seat.login.limit("buy", "0.01", "40000", cl_ord_id=order.client_order_id)
    take_up(seat, order)

    assert adopted(seat) == order_id
    assert seat.fakes.trace.count("observer.settled") == 0, "it is not done yet"


def test_an_order_that_is_neither_open_nor_closed_is_absent(stand: Stand) -> None:
    seat = quick(stand)
    seat.login.market("buy", "0.01", cl_ord_id=order_of(seat).client_order_id)
    seat.login.limit("buy", "0.01", "40000", cl_ord_id=order_of(seat).client_order_id)
    order = order_of(seat)
    take_up(seat, order)

    assert seat.fakes.trace.wait_for("observer.absent") == [order]


@pytest.mark.parametrize("kind", ["http_503", "empty_query", "truncated"])
@pytest.mark.parametrize("which", [0, -1], ids=["first", "last"])
def test_a_look_up_that_fails_or_trails_proves_nothing(stand: Stand, kind: str, which: int) -> None:
    """An order that is closed is seen by the last call; that the first one fails must not make it absent."""
    seat = quick(stand)
    order = order_of(seat)
    order_id = seat.login.market("buy", "0.01", cl_ord_id=order.client_order_id)
    method = stand.venue.look_up_methods[which]
    stand.paper.fault(kind, account=seat.login.name, method=method, when="after")
    take_up(seat, order)

    assert adopted(seat) == order_id
    assert seat.fakes.trace.count("observer.absent") == 0


def test_look_ups_keep_to_the_venue_s_limit_on_reads(stand: Stand) -> None:
    seat = stand.seat().connect()
    for _ in range(14):
        seat.broker.refresh_balances(PATIENCE_S)
    order = order_of(seat)
    order_id = seat.login.market("buy", "0.01", cl_ord_id=order.client_order_id)
    take_up(seat, order)

    assert adopted(seat) == order_id
    assert stand.paper.get("/requests")["refused"] == {}


@pytest.fixture
def between(stand: Stand) -> Iterator[Relay]:
    """What stands between the venue and its brokers and changes what it says."""
    with relaying(stand.venue.url(stand.paper)) as relay:
        yield relay


def through(stand: Stand, relay: Relay) -> Seat:
    """An account that reaches its venue through the relay, and asks nothing by itself."""
    return quick(stand, url=relay.url)


def lists_all(seat: Seat, key: str, **change: Any) -> Change:
    """Answers with every order of the account, whatever name was asked for; fields that are None are left out."""

    def rows(_: dict[str, str], answer: Any) -> Any:
        everything = {}
        for order_id in [order["order_id"] for order in seat.orders()]:
            row = seat.login.order(order_id) | change
            everything[order_id] = {name: value for name, value in row.items() if value is not None}
        return {"error": [], "result": {key: everything}}

    return rows


def test_a_venue_that_lists_every_order_is_read_by_the_name_in_each(stand: Stand, between: Relay) -> None:
    seat = through(stand, between)
    order = order_of(seat)
    seat.login.market("buy", "0.01", cl_ord_id=order_of(seat).client_order_id)
    order_id = seat.login.market("buy", "0.01", cl_ord_id=order.client_order_id)
    seat.login.market("buy", "0.01", cl_ord_id=order_of(seat).client_order_id)
    # The key is the login's too: it may be used only while the broker waits for this very answer.
    between.changes["ClosedOrders"] = lists_all(seat, "closed")
    take_up(seat, order)

    assert adopted(seat) == order_id


def test_a_venue_that_lists_every_order_and_has_not_this_one_does_not_have_it(stand: Stand, between: Relay) -> None:
    seat = through(stand, between)
    for _ in range(3):
        seat.login.market("buy", "0.01", cl_ord_id=order_of(seat).client_order_id)
    between.changes["ClosedOrders"] = lists_all(seat, "closed")
    order = order_of(seat)
    take_up(seat, order)

    assert seat.fakes.trace.wait_for("observer.absent") == [order]
    assert seat.fakes.trace.count("observer.answered") == 0 or seat.states() == [OrderState.FAILED]


def test_a_row_without_a_name_is_the_order_when_side_and_size_fit(stand: Stand, between: Relay) -> None:
    seat = through(stand, between)
    order = order_of(seat)
    order_id = seat.login.market("buy", "0.01", cl_ord_id=order.client_order_id)
    between.changes["ClosedOrders"] = lists_all(seat, "closed", cl_ord_id=None)
    take_up(seat, order)

    assert adopted(seat) == order_id


@pytest.mark.parametrize(("side", "size"), [("sell", "0.01"), ("buy", "0.011")])
def test_a_row_without_a_name_that_does_not_fit_is_another_order(
    stand: Stand, between: Relay, side: str, size: str
) -> None:
    seat = quick(stand, balances={"USD": "10000", "BTC": "1"}, url=between.url)
    seat.login.market(side, size)
    between.changes["ClosedOrders"] = lists_all(seat, "closed", cl_ord_id=None)
    order = order_of(seat)
    take_up(seat, order)

    assert seat.fakes.trace.wait_for("observer.absent") == [order]


def test_an_order_of_many_trades_has_all_of_them(stand: Stand, between: Relay) -> None:
    seat = stand.seat(url=between.url).connect()
    count = 45
    names = [f"T{number:05}-AAAAA-BBBBBB" for number in range(count)]

    def with_trades(_: dict[str, str], answer: Any) -> Any:
        for row in answer["result"].values():
            row["trades"] = names
        return answer

    def one_by_one(fields: dict[str, str], answer: Any) -> Any:
        wanted = fields["txid"].split(",")
        assert len(wanted) <= 20
        (order,) = seat.orders()
        trade = {
            "ordertxid": order["order_id"],
            "pair": "XXBTZUSD",
            "time": time.time(),
            "type": "buy",
            "ordertype": "market",
            "price": "50005.0",
            "cost": str(Decimal(order["cost"]) / count),
            "fee": str(Decimal(order["fee"]) / count),
            "vol": str(Decimal(order["executed"]) / count),
        }
        return {"error": [], "result": dict.fromkeys(wanted, trade)}

    between.changes |= {"QueryOrders": with_trades, "QueryTrades": one_by_one}

    result = seat.broker.place_market_order("BTC-USD", "buy", "0.009", "base")

    assert result.report is not None
    assert sorted(fill.trade_id for fill in result.report.fills) == names
    assert sum(fill.quantity for fill in result.report.fills) == result.report.executed == Decimal("0.009")
    assert [method for method, _ in between.asked].count("QueryTrades") == 3
