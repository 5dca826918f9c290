"""What only Kraken has: nonces, deadlines that the venue keeps, look-ups by list, trades asked for by id.

No other venue counts requests, judges an order's time when it is matched, lets orders be without a name, or has the
trades of an order to be asked for in portions.
"""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.kraken.broker import KrakenBroker
from bot.domain.errors import AccountBarred, VenueUnreachable
from bot.domain.outcomes import Unknown
from tests.contract.checks import (
    BUY,
    adopted,
    assert_one_filled_order,
    order_of,
    quick,
    refused_as_absent,
    take_up,
)
from tests.contract.kraken import KRAKEN, KrakenLogin
from tests.contract.stand import Seat, Stand
from tests.contract.venue import PATIENCE_S
from tests.contract.venues import only
from tests.fakes.relay import Change

pytestmark = only(lambda venue: venue is KRAKEN)

# -- nonces and deadlines --------------------------------------------------------------------------------------------


def test_a_nonce_refused_once_still_makes_one_order(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.fault("invalid_nonce")

    assert_one_filled_order(seat, seat.broker.place_market_order(*BUY))


def test_a_nonce_refused_again_is_no_proof_and_is_asked_about(stand: Stand) -> None:
    seat = quick(stand)
    seat.fault("invalid_nonce", times=2)

    result = seat.broker.place_market_order(*BUY)

    assert refused_as_absent(result)
    ((_, unknown, _, _), _) = seat.fakes.trace.of("journal.answered")
    assert isinstance(unknown, Unknown)
    assert "nonce" in unknown.reason
    assert seat.orders() == []


def test_an_order_that_arrives_after_its_deadline_is_not_matched_and_proven_absent(stand: Stand) -> None:
    seat = quick(stand)
    seat.fault("delayed_landing", seconds=stand.venue.deadline_s + 0.2)

    assert refused_as_absent(seat.broker.place_market_order(*BUY))

    time.sleep(0.3)
    assert [order for order in seat.orders() if Decimal(order["executed"])] == []


# -- look-ups by lists -----------------------------------------------------------------------------------------------


def lists_all(seat: Seat, **change: Any) -> Change:
    """Answers with every order of the account, whatever name was asked for; fields that are None are left out."""
    login = seat.login
    assert isinstance(login, KrakenLogin)

    def rows(_: dict[str, Any], answer: Any) -> Any:
        everything = {}
        for order_id in [order["order_id"] for order in seat.orders()]:
            row = login.trader.order(order_id) | change
            everything[order_id] = {name: value for name, value in row.items() if value is not None}
        return {"error": [], "result": {"closed": everything}}

    return rows


def test_a_venue_that_lists_every_order_is_read_by_the_name_in_each(stand: Stand) -> None:
    between = stand.relay()
    seat = quick(stand, url=between.url)
    order = order_of(seat)
    seat.trade("buy", "0.01", order_of(seat).client_order_id)
    order_id = seat.trade("buy", "0.01", order.client_order_id)
    seat.trade("buy", "0.01", order_of(seat).client_order_id)
    # The key is the login's too: it may be used only while the broker waits for this very answer.
    between.changes["ClosedOrders"] = lists_all(seat)
    take_up(seat, order)

    assert adopted(seat) == order_id


def test_a_venue_that_lists_every_order_and_has_not_this_one_does_not_have_it(stand: Stand) -> None:
    between = stand.relay()
    seat = quick(stand, url=between.url)
    for _ in range(3):
        seat.trade("buy", "0.01", order_of(seat).client_order_id)
    between.changes["ClosedOrders"] = lists_all(seat)
    order = order_of(seat)
    take_up(seat, order)

    assert seat.fakes.trace.wait_for("observer.absent") == [order]


def test_a_row_without_a_name_is_the_order_when_side_and_size_fit(stand: Stand) -> None:
    between = stand.relay()
    seat = quick(stand, url=between.url)
    order = order_of(seat)
    order_id = seat.trade("buy", "0.01", order.client_order_id)
    between.changes["ClosedOrders"] = lists_all(seat, cl_ord_id=None)
    take_up(seat, order)

    assert adopted(seat) == order_id


@pytest.mark.parametrize(("side", "size"), [("sell", "0.01"), ("buy", "0.011")])
def test_a_row_without_a_name_that_does_not_fit_is_another_order(stand: Stand, side: str, size: str) -> None:
    between = stand.relay()
    seat = quick(stand, balances={"USD": "10000", "BTC": "1"}, url=between.url)
    seat.trade(side, size)
    between.changes["ClosedOrders"] = lists_all(seat, cl_ord_id=None)
    order = order_of(seat)
    take_up(seat, order)

    assert seat.fakes.trace.wait_for("observer.absent") == [order]


# -- trades ----------------------------------------------------------------------------------------------------------


def test_an_order_of_many_trades_has_all_of_them(stand: Stand) -> None:
    between = stand.relay()
    seat = stand.seat(url=between.url).connect()
    count = 45
    names = [f"T{number:05}-AAAAA-BBBBBB" for number in range(count)]

    def with_trades(_: dict[str, Any], answer: Any) -> Any:
        for row in answer["result"].values():
            row["trades"] = names
        return answer

    def one_by_one(fields: dict[str, Any], answer: Any) -> Any:
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
    assert [asked.method for asked in between.asked].count("QueryTrades") == 3


# -- the token of the private socket ---------------------------------------------------------------------------------


def test_a_token_for_the_socket_is_had_in_the_lane(stand: Stand) -> None:
    seat = stand.seat().connect()
    tokens = {_kraken(seat)._token() for _ in range(2)}
    assert len(tokens) == 2
    assert seat.calls("GetWebSocketsToken") == 2


def test_a_key_that_may_open_no_socket_says_so_and_trades_all_the_same(stand: Stand) -> None:
    allowed = ["query-funds", "query-open-trades", "query-closed-trades", "modify-trades"]
    seat = stand.seat(fields={"permissions": allowed}).connect()
    with pytest.raises(AccountBarred, match="lacks create-ws-token; allow it in Kraken's key settings"):
        _kraken(seat)._token()
    assert not seat.broker.barred
    assert seat.broker.place_market_order("BTC-USD", "buy", "0.001")


def test_a_revoked_key_has_no_token_and_the_account_is_barred(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.paper.patch(f"/accounts/{seat.login.name}", enabled=False)
    with pytest.raises(AccountBarred, match="Invalid key"):
        _kraken(seat)._token()
    assert seat.broker.barred


def test_without_a_connection_there_is_no_token(stand: Stand) -> None:
    with pytest.raises(VenueUnreachable, match="not connected"):
        _kraken(stand.seat())._token()


def test_who_waits_for_a_busy_lane_is_told_so_and_its_turn_is_let_go(stand: Stand) -> None:
    seat, free = stand.seat().connect(), threading.Event()
    seat.broker._lane.submit(lambda: free.wait(PATIENCE_S) and None)
    with pytest.raises(VenueUnreachable, match="busy"):
        seat.broker._ask_aside(lambda: seat.fakes.trace.add("asked"), 0.05)
    free.set()
    seat.broker.refresh_balances(PATIENCE_S)
    assert seat.fakes.trace.count("asked") == 0


def _kraken(seat: Seat) -> KrakenBroker:
    assert isinstance(seat.broker, KrakenBroker)
    return seat.broker
