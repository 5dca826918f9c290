"""One Coinbase account against a small venue of our own: what it asks, and what it makes of the answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from bot.brokers.base import BaseBroker, BrokerPorts
from bot.brokers.coinbase.broker import CoinbaseBroker
from bot.brokers.coinbase.setup import CoinbaseVenue
from bot.brokers.limiter import Pacer
from bot.domain.enums import BrokerType, OrderState, Side
from bot.domain.errors import MarketClosed, SettingsError, VenueRejected, VenueUnclear, VenueUnreachable
from bot.domain.ids import AccountId, ClientOrderId, VenueOrderId
from bot.domain.orders import MarketOrder
from bot.domain.outcomes import Accepted, Rejected, Unknown
from bot.runtime.clock import SystemClock
from bot.settings.credentials import Credentials
from bot.settings.env import AccountSettings, Environment
from tests.fakes.ports import FakePorts
from tests.unit.brokers.coinbase_data import KEY_NAME, SECRET, Venue, own
from tests.unit.brokers.raw_server import RawServer

D = Decimal
ACCOUNT = AccountId("daivon_frazier", BrokerType.COINBASE)
NAME = ClientOrderId("name-1")
BUY = MarketOrder(ACCOUNT, NAME, "BTC-USD", Side.BUY, D("0.00003"), D(50000), D("1.5"), made_at=1790000000.0)
SELL = replace(BUY, side=Side.SELL, quantity=D("0.00010000"), quote_value=D(0))
PATIENCE_S = 30.0


@pytest.fixture
def venue() -> Venue:
    return Venue()


MakeBroker = Callable[..., CoinbaseBroker]


@pytest.fixture
def make_broker(venue: Venue) -> Iterator[MakeBroker]:
    made: list[BaseBroker] = []
    with RawServer(venue) as server:

        def make(secret: str = SECRET, **settings: Any) -> CoinbaseBroker:
            environment = Environment(coinbase_api_url=server.url, **{"order_settle_s": 0.2, **settings})
            own_venue = CoinbaseVenue(environment, SystemClock())
            own_venue.market._pacer = Pacer(0.0001)
            fakes = FakePorts()
            ports = BrokerPorts(fakes.gate, fakes.journal, fakes.sink, fakes.announcer, SystemClock())
            credentials = Credentials(SecretStr(KEY_NAME), SecretStr(secret), "COINBASE_USER_DAIVON")
            broker = own_venue.broker(AccountSettings(ACCOUNT, credentials), ports)
            assert isinstance(broker, CoinbaseBroker)
            broker.start()
            made.append(broker)
            return broker

        yield make
        for broker in made:
            broker.stop()
        deadline = time.monotonic() + PATIENCE_S
        ended = [broker.join(deadline) for broker in made]
        assert all(ended)


@pytest.fixture
def broker(make_broker: MakeBroker, venue: Venue) -> CoinbaseBroker:
    broker = make_broker()
    assert broker.connect(PATIENCE_S), broker.status
    venue.asked.clear()
    return broker


def place(broker: CoinbaseBroker, order: MarketOrder = BUY) -> VenueOrderId:
    call = broker._venue_prepare(order)
    call.send()
    return call.order_id()


# -- connecting ------------------------------------------------------------------------------------------------------


def test_a_key_is_checked_and_the_balances_and_the_fee_are_had(make_broker: MakeBroker, venue: Venue) -> None:
    venue.answers["accounts"] = own("accounts")
    broker = make_broker()
    assert broker.connect(PATIENCE_S), broker.status
    balances = broker.get_account_balance_detailed()
    assert balances.available == {"BTC": D("1.23456789"), "USD": D("10000.50"), "USDC": D("25.125")}
    assert balances.held == {"BTC": D("0.00500000"), "USD": D("450.00")}
    assert balances.fee_rate == D("0.009")
    assert balances.equity == D("10000.50") + D("450") + D("25.125") + D("1.23956789") * 50000
    assert venue.queries("accounts") == [{"limit": ["250"]}, {"limit": ["250"], "cursor": ["page-2"]}]


@pytest.mark.parametrize(
    ("lacks", "status"),
    [
        ({"can_trade": False}, "lacks Trade (can_trade)"),
        ({"can_view": False, "can_trade": False}, "lacks View (can_view), Trade (can_trade)"),
    ],
    ids=["trade", "both"],
)
def test_a_key_that_may_not_trade_is_barred_and_told_what_to_allow(
    make_broker: MakeBroker, venue: Venue, lacks: dict[str, bool], status: str
) -> None:
    venue.answers["key_permissions"] |= lacks
    broker = make_broker()
    assert broker.connect(PATIENCE_S) is False
    assert broker.barred
    assert status in broker.status


def test_a_key_that_may_transfer_is_barred(make_broker: MakeBroker, venue: Venue) -> None:
    venue.answers["key_permissions"]["can_transfer"] = True
    broker = make_broker()
    assert broker.connect(PATIENCE_S) is False
    assert broker.barred
    assert "can_transfer" in broker.status


@pytest.mark.parametrize("name", ["key_permissions", "accounts"])
def test_a_key_that_is_not_taken_or_has_no_scope_is_barred(make_broker: MakeBroker, venue: Venue, name: str) -> None:
    venue.refuse[name] = ("401 Unauthorized", b"Unauthorized\n")
    broker = make_broker()
    assert broker.connect(PATIENCE_S) is False
    assert broker.barred
    assert "HTTP 401" in broker.status
    assert len(venue.paths(name)) == 2


def test_a_fee_that_is_not_had_is_assumed_to_be_the_dearest(make_broker: MakeBroker, venue: Venue) -> None:
    venue.refuse["transaction_summary"] = ("500 Internal Server Error", b"")
    broker = make_broker()
    assert broker.connect(PATIENCE_S)
    assert broker.get_account_balance_detailed().fee_rate == D("0.012")


def test_a_secret_that_is_no_key_is_told_before_anything_is_asked(make_broker: MakeBroker, venue: Venue) -> None:
    with pytest.raises(SettingsError, match="daivon_frazier:coinbase: the COINBASE API secret is no private key"):
        make_broker(secret="canary")
    assert venue.asked == []


def test_wallets_whose_pages_have_no_end_are_no_balances(make_broker: MakeBroker, venue: Venue) -> None:
    venue.answers["accounts"] = own("accounts")[0] | {"has_next": True, "cursor": ""}
    broker = make_broker()
    assert broker.connect(PATIENCE_S) is False
    assert "no cursor" in broker.status


# -- placing ---------------------------------------------------------------------------------------------------------


def test_a_buy_is_sized_by_what_it_may_spend_and_a_sale_by_its_coins(broker: CoinbaseBroker, venue: Venue) -> None:
    assert place(broker) == "order-1"
    place(broker, replace(BUY, quote_value=D("12.3456")))
    place(broker, replace(BUY, quote_value=D(0)))
    place(broker, SELL)
    sizes = [body["order_configuration"]["market_market_ioc"] for body in venue.bodies()]
    assert sizes == [
        {"quote_size": "1.50"},
        {"quote_size": "12.34"},
        {"quote_size": "1.50"},
        {"base_size": "0.00010000"},
    ]
    first, *_, last = venue.bodies()
    assert (first["client_order_id"], first["product_id"], first["side"]) == ("name-1", "BTC-USD", "BUY")
    assert last["side"] == "SELL"


@pytest.mark.parametrize("quantity", ["0.00000001", "1E-8", "123456789.1"])
def test_sizes_have_no_exponent(broker: CoinbaseBroker, venue: Venue, quantity: str) -> None:
    place(broker, replace(SELL, quantity=D(quantity)))
    (body,) = venue.bodies()
    assert "E" not in body["order_configuration"]["market_market_ioc"]["base_size"]


def test_an_order_of_a_symbol_that_is_gone_is_not_sent(broker: CoinbaseBroker, venue: Venue) -> None:
    with pytest.raises(VenueRejected, match="nothing was sent"):
        broker._venue_prepare(replace(BUY, symbol="LUNA-USD"))
    assert venue.asked == []


def test_a_refusal_about_the_instrument_has_it_asked_for_again(broker: CoinbaseBroker, venue: Venue) -> None:
    venue.answers["orders"] = own("refused_by_preview")
    with pytest.raises(VenueRejected, match="TOO_SMALL"):
        place(broker)
    assert broker._market.refresh_due()


def test_a_refusal_about_money_leaves_the_instrument_alone(broker: CoinbaseBroker, venue: Venue) -> None:
    venue.answers["orders"] = own("refused")
    with pytest.raises(VenueRejected, match="INSUFFICIENT_FUND"):
        place(broker)
    assert not broker._market.refresh_due()


def test_a_halt_passes(broker: CoinbaseBroker, venue: Venue) -> None:
    venue.answers["orders"] = own("refused")
    venue.answers["orders"]["error_response"]["new_order_failure_reason"] = "PRODUCT_TRADING_HALTED"
    with pytest.raises(MarketClosed):
        place(broker)


def test_a_name_that_is_taken_is_to_be_looked_up(broker: CoinbaseBroker, venue: Venue) -> None:
    venue.answers["orders"] = own("refused")
    venue.answers["orders"]["error_response"]["new_order_failure_reason"] = "DUPLICATE_CLIENT_ORDER_ID"
    with pytest.raises(VenueUnclear):
        place(broker)
    assert broker._venue_find(BUY) == "order-1"


def test_the_venue_takes_no_order_later_than_its_token_lives(make_broker: MakeBroker, venue: Venue) -> None:
    broker = make_broker(order_deadline_s=4.0, order_settle_s=3.0)
    assert broker.connect(PATIENCE_S)
    at_start = broker._venue_provable_at_ns()
    place(broker)
    token = venue.tokens[-1]
    left_s = jwt.decode(token, options={"verify_signature": False})["exp"] - time.time()
    provable_in_s = (broker._venue_provable_at_ns() - time.monotonic_ns()) / 1e9
    assert 5 < left_s < 8
    assert left_s + 3 < provable_in_s < left_s + 3 + 4
    assert broker._venue_provable_at_ns() > at_start


def test_a_whole_order_is_accepted_confirmed_and_in_the_balances(broker: CoinbaseBroker, venue: Venue) -> None:
    venue.answers["accounts"]["accounts"][0] |= {"currency": "USD", "available_balance": {"value": "100"}}
    broker.refresh_balances(PATIENCE_S)

    def placed(_: Any) -> Any:
        answer = own("placed")
        answer["success_response"]["client_order_id"] = venue.bodies()[-1]["client_order_id"]
        return answer

    venue.answers["orders"] = placed
    result = broker.place_market_order("btc/usd", "buy", "1.5", "quote")
    assert isinstance(result.outcome, Accepted), result
    assert result.report is not None
    assert (result.report.cost + result.report.fee, len(result.report.fills)) == (D("1.5"), 2)
    (body,) = venue.bodies()
    assert body["order_configuration"] == {"market_market_ioc": {"quote_size": "1.50"}}
    assert result.state in (OrderState.FILLED, OrderState.PARTIALLY_FILLED)


@pytest.mark.parametrize(
    ("refusal", "outcome"),
    [
        (("500 Internal Server Error", b'{"error":"INTERNAL"}'), Unknown),
        (("200 OK", b""), Unknown),
        (("200 OK", b'{"success":true,"success_response":null}'), Unknown),
        (("400 Bad Request", b'{"error":"INVALID_ARGUMENT","message":"account is not available"}'), Rejected),
        (("403 Forbidden", b'{"error":"PERMISSION_DENIED","message":"Missing required scopes"}'), Rejected),
        (("429 Too Many Requests", b""), Rejected),
    ],
    ids=["500", "empty", "null", "400", "403", "429"],
)
def test_an_order_that_was_not_taken_is_refused_and_one_that_may_have_been_is_unknown(
    broker: CoinbaseBroker, venue: Venue, refusal: tuple[str, bytes], outcome: type
) -> None:
    venue.refuse["orders"] = refusal
    assert isinstance(broker._submit(BUY, lambda: place(broker)), outcome)
    assert len(venue.bodies()) == 1


def test_without_a_connection_nothing_was_sent(broker: CoinbaseBroker, venue: Venue) -> None:
    broker._client._api.url = "http://127.0.0.1:9"
    with pytest.raises(VenueUnreachable):
        place(broker)
    assert venue.asked == []


# -- finding ---------------------------------------------------------------------------------------------------------


def test_an_order_is_looked_for_among_all_of_its_product_since_well_before_it(
    broker: CoinbaseBroker, venue: Venue
) -> None:
    assert broker._venue_find(BUY) == "order-1"
    (query,) = venue.queries("batch")
    assert query == {"product_ids": ["BTC-USD"], "limit": ["50"], "start_date": ["2026-09-21T13:13:20.000Z"]}


def test_an_order_is_looked_for_on_every_page(broker: CoinbaseBroker, venue: Venue) -> None:
    others, last = own("orders"), own("orders")
    others |= {"orders": others["orders"][:2], "has_next": True, "cursor": "two"}
    venue.answers["batch"] = [others, last]
    assert broker._venue_find(BUY) == "order-1"
    assert [query.get("cursor") for query in venue.queries("batch")] == [None, ["two"]]


def test_an_order_that_is_on_no_page_is_not_found(broker: CoinbaseBroker) -> None:
    assert broker._venue_find(replace(BUY, client_order_id=ClientOrderId("another"))) is None


def test_an_order_of_which_nobody_knows_when_it_was_made_is_looked_for_in_all_history(
    broker: CoinbaseBroker, venue: Venue
) -> None:
    broker._venue_find(replace(BUY, made_at=0.0))
    assert "start_date" not in venue.queries("batch")[0]


def test_a_page_that_is_not_had_proves_nothing(broker: CoinbaseBroker, venue: Venue) -> None:
    page = own("orders") | {"orders": [], "has_next": True, "cursor": "two"}
    venue.answers["batch"] = [page, {"has_next": False}]
    with pytest.raises(VenueUnclear):
        broker._venue_find(BUY)


# -- fills -----------------------------------------------------------------------------------------------------------


def test_an_order_is_told_with_its_fills(broker: CoinbaseBroker, venue: Venue) -> None:
    report = broker._venue_report(BUY, VenueOrderId("order-1"))
    assert report is not None
    assert [fill.trade_id for fill in report.fills] == ["trade-1", "trade-2"]
    assert venue.paths() == ["/orders/historical/order-1", "/orders/historical/fills"]
    assert venue.queries("fills") == [{"order_ids": ["order-1"], "limit": ["100"]}]


def test_fills_come_in_pages_until_all_are_there(broker: CoinbaseBroker, venue: Venue) -> None:
    first, second = own("fills_bought"), own("fills_bought")
    first |= {"fills": first["fills"][:1], "cursor": "two"}
    second |= {"fills": second["fills"][1:], "cursor": "three"}
    venue.answers["fills"] = [first, second]
    report = broker._venue_report(BUY, VenueOrderId("order-1"))
    assert report is not None
    assert [fill.trade_id for fill in report.fills] == ["trade-1", "trade-2"]
    assert [query.get("cursor") for query in venue.queries("fills")] == [None, ["two"]]


def test_an_order_that_the_venue_does_not_show_yet_is_asked_for_again(broker: CoinbaseBroker) -> None:
    assert broker._venue_report(BUY, VenueOrderId("order-9")) is None


def test_an_order_that_is_not_done_is_not_asked_for_fills(broker: CoinbaseBroker, venue: Venue) -> None:
    venue.answers["order-1"]["order"]["status"] = "OPEN"
    report = broker._venue_report(BUY, VenueOrderId("order-1"))
    assert report is not None
    assert not report.final
    assert venue.paths("fills") == []


def test_fills_that_trail_are_waited_for_but_not_for_ever(broker: CoinbaseBroker, venue: Venue) -> None:
    venue.answers["fills"] = own("fills_bought") | {"fills": [], "cursor": ""}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    venue.answers["order-1"]["order"]["last_fill_time"] = now
    assert broker._venue_report(BUY, VenueOrderId("order-1")) is None
    venue.answers["order-1"] = own("bought")
    report = broker._venue_report(BUY, VenueOrderId("order-1"))
    assert report is not None
    assert [fill.trade_id for fill in report.fills] == ["order-1"]


def test_a_part_that_was_cancelled_at_the_price_band_is_a_final_part(broker: CoinbaseBroker, venue: Venue) -> None:
    venue.answers["order-1"]["order"]["status"] = "CANCELLED"
    report = broker._venue_report(BUY, VenueOrderId("order-1"))
    assert report is not None
    assert report.final
    assert 0 < report.executed < BUY.quantity


# -- listing ---------------------------------------------------------------------------------------------------------


def pages(*pages: tuple[list[str], str | None]) -> list[Any]:
    row = own("sold")["order"]
    return [
        {
            "orders": [row | {"order_id": order_id} for order_id in ids],
            "has_next": cursor is not None,
            "cursor": cursor or "",
        }
        for ids, cursor in pages
    ]


def test_open_orders_come_first_and_then_all_since_then_page_by_page(broker: CoinbaseBroker, venue: Venue) -> None:
    venue.answers["batch"] = pages((["open"], None), (["c", "b"], "two"), ([], "three"), (["a"], None))
    found, offset = broker._venue_orders(1790000000.0, 0)
    assert ([order.order_id for order in found], offset) == (["open", "c", "b"], 2)
    found, offset = broker._venue_orders(1790000000.0, 2)
    assert (found, offset) == ([], 3)
    found, offset = broker._venue_orders(1790000000.0, 3)
    assert ([order.order_id for order in found], offset) == (["a"], None)
    first, second, third, fourth = venue.queries("batch")
    assert first == {"order_status": ["OPEN"], "limit": ["50"]}
    assert second == {"start_date": ["2026-09-21T14:13:20.000Z"], "limit": ["50"]}
    assert (third["cursor"], fourth["cursor"]) == (["two"], ["three"])


def test_a_page_that_failed_may_be_asked_for_again(broker: CoinbaseBroker, venue: Venue) -> None:
    venue.answers["batch"] = pages(([], None), (["c", "b"], "two"), (["a"], None))
    _, offset = broker._venue_orders(0.0, 0)
    assert offset is not None
    venue.refuse["batch"] = ("502 Bad Gateway", b"")
    with pytest.raises(VenueUnclear):
        broker._venue_orders(0.0, offset)
    venue.refuse.clear()
    found, offset = broker._venue_orders(0.0, offset)
    assert ([order.order_id for order in found], offset) == (["a"], None)


def test_a_place_that_is_lost_is_told(broker: CoinbaseBroker) -> None:
    with pytest.raises(VenueUnclear, match="place"):
        broker._venue_orders(0.0, 50)


def test_a_whole_listing_has_every_order_once_oldest_first(broker: CoinbaseBroker, venue: Venue) -> None:
    venue.answers["batch"] = pages((["c"], None), (["c", "b"], "two"), (["a"], None))
    found = broker.list_orders(1790000000.0).result(PATIENCE_S)
    assert sorted(order.order_id for order in found) == ["a", "b", "c"]


# -- keeping house ---------------------------------------------------------------------------------------------------


def test_the_fee_tier_is_asked_for_once_a_day(broker: CoinbaseBroker, venue: Venue) -> None:
    broker._venue_housekeep()
    assert venue.paths("transaction_summary") == []
    broker._fee_rate._asked_at -= 86_401
    broker._venue_housekeep()
    assert venue.paths("transaction_summary") == ["/transaction_summary"]


def test_a_venue_keeps_its_market_fresh_until_it_is_stopped(venue: Venue) -> None:
    with RawServer(venue) as server:
        made = CoinbaseVenue(Environment(coinbase_api_url=server.url), SystemClock())
        made.market.ensure_loaded()
        made.market.watch("BTC-USD")
        stop = threading.Event()
        thread = threading.Thread(target=made.keep_fresh, args=(stop,))
        thread.start()
        deadline = time.monotonic() + PATIENCE_S
        while made.market.quote("BTC-USD") is None:
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        made.market.close()
