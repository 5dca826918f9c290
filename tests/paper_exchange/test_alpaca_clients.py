"""Clients that nobody here wrote can trade at Alpaca: the official SDK and ccxt."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import ccxt
import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.historical import CryptoHistoricalDataClient
from alpaca.data.requests import (
    CryptoBarsRequest,
    CryptoLatestOrderbookRequest,
    CryptoLatestQuoteRequest,
    CryptoSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import (
    AccountStatus,
    AssetClass,
    OrderSide,
    OrderStatus,
    OrderType,
    QueryOrderStatus,
    TimeInForce,
)
from alpaca.trading.requests import GetAssetsRequest, GetOrdersRequest, LimitOrderRequest, MarketOrderRequest

from tests.paper_exchange.alpaca_client import AlpacaHouse, AlpacaTrader
from tests.paper_exchange.client import eventually

pytest_plugins = ["tests.paper_exchange.alpaca_fixtures"]


def market_order(side: OrderSide = OrderSide.BUY, **size: Any) -> MarketOrderRequest:
    return MarketOrderRequest(
        symbol="BTC/USD", side=side, time_in_force=TimeInForce.GTC, client_order_id=str(uuid.uuid4()), **size
    )


class TestSdk:
    @pytest.fixture
    def client(self, alpaca_trader: AlpacaTrader) -> TradingClient:
        client = TradingClient(alpaca_trader.key, alpaca_trader.secret, url_override=alpaca_trader.alpaca.url)
        client._session.trust_env = False
        client._retry = 0
        return client

    @pytest.fixture
    def data(self, alpaca: AlpacaHouse) -> CryptoHistoricalDataClient:
        data = CryptoHistoricalDataClient(url_override=alpaca.url)
        data._session.trust_env = False
        return data

    def settled(self, client: TradingClient, order: Any) -> Any:
        return eventually(
            lambda: found if (found := client.get_order_by_id(order.id)).status is OrderStatus.FILLED else None
        )

    def test_account(self, client: TradingClient) -> None:
        account: Any = client.get_account()

        assert (account.status, account.crypto_status) == (AccountStatus.ACTIVE, AccountStatus.ACTIVE)
        assert account.non_marginable_buying_power == "100000"
        assert not account.trading_blocked

    def test_assets(self, client: TradingClient) -> None:
        assets: Any = client.get_all_assets(GetAssetsRequest(asset_class=AssetClass.CRYPTO))
        bitcoin: Any = client.get_asset("BTC%2FUSD")

        assert bitcoin in assets
        assert (bitcoin.symbol, bitcoin.tradable, bitcoin.min_order_size) == ("BTC/USD", True, 0.000011905)

    def test_a_purchase_and_a_sale(self, client: TradingClient) -> None:
        bought: Any = client.submit_order(market_order(notional=100.5))
        assert (bought.status, bought.filled_qty) == (OrderStatus.PENDING_NEW, "0")
        filled = self.settled(client, bought)
        assert (filled.filled_avg_price, filled.notional) == ("50005", "100.5")
        found: Any = client.get_order_by_client_id(bought.client_order_id)
        assert found.id == bought.id

        sold = self.settled(client, client.submit_order(market_order(OrderSide.SELL, qty=0.5)))

        position: Any = client.get_open_position("BTCUSD")
        assert sold.filled_qty == "0.5"
        assert position.qty == position.qty_available
        fee = (Decimal(filled.filled_qty) * Decimal("0.0025")).quantize(Decimal("1e-9"), "ROUND_CEILING")
        assert Decimal(position.qty) == Decimal("0.5") + Decimal(filled.filled_qty) - fee
        assert [held.symbol for held in client.get_all_positions()] == ["BTCUSD"]  # type: ignore[union-attr]

    def test_lists_and_cancels(self, client: TradingClient) -> None:
        limit = LimitOrderRequest(
            symbol="BTC/USD", qty=0.1, side=OrderSide.BUY, time_in_force=TimeInForce.GTC, limit_price=40000
        )
        resting: Any = [client.submit_order(limit) for _ in range(2)]

        query = GetOrdersRequest(
            status=QueryOrderStatus.OPEN, symbols=["BTC/USD"], after=datetime.now(UTC) - timedelta(minutes=1), limit=5
        )
        listed: Any = client.get_orders(query)
        client.cancel_order_by_id(resting[0].id)
        canceled: Any = client.cancel_orders()

        assert [order.id for order in listed] == [order.id for order in reversed(resting)]
        assert {order.type for order in listed} == {OrderType.LIMIT}
        assert [(order.id, order.status) for order in canceled] == [(resting[1].id, 200)]
        assert client.get_orders() == []

    def test_errors(self, client: TradingClient) -> None:
        order = market_order(qty=0.1)
        client.submit_order(order)
        with pytest.raises(APIError) as duplicate:
            client.submit_order(order)
        with pytest.raises(APIError) as unknown:
            client.get_order_by_client_id("nobody")
        with pytest.raises(APIError) as poor:
            client.submit_order(market_order(notional=199_999.99))

        assert (duplicate.value.status_code, duplicate.value.code) == (422, 40010001)
        assert (unknown.value.status_code, unknown.value.code) == (404, 40410000)
        assert (poor.value.status_code, poor.value.code) == (403, 40310000)

    def test_a_wrong_key(self, alpaca_trader: AlpacaTrader) -> None:
        client = TradingClient(alpaca_trader.key, "wrong", url_override=alpaca_trader.alpaca.url)
        client._session.trust_env = False

        with pytest.raises(APIError) as caught:
            client.get_account()

        assert caught.value.status_code == 401

    def test_its_own_retry_after_a_504_meets_its_own_order(
        self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, client: TradingClient
    ) -> None:
        client._retry, client._retry_wait = 1, 0
        alpaca.fault("http_504", method="submit_order", when="after")

        with pytest.raises(APIError) as caught:
            client.submit_order(market_order(qty=0.1))

        assert (caught.value.status_code, caught.value.code) == (422, 40010001)
        assert len(alpaca_trader.books()["orders"]) == 1

    def test_an_empty_answer_is_not_understood(self, alpaca: AlpacaHouse, client: TradingClient) -> None:
        alpaca.fault("empty_result", method="submit_order", when="after")

        with pytest.raises(TypeError):
            client.submit_order(market_order(qty=0.1))

    def test_clock(self, client: TradingClient) -> None:
        clock: Any = client.get_clock()

        assert abs(clock.timestamp - datetime.now(UTC)) < timedelta(seconds=5)

    def test_market_data(self, data: CryptoHistoricalDataClient) -> None:
        quote: Any = data.get_crypto_latest_quote(CryptoLatestQuoteRequest(symbol_or_symbols="BTC/USD"))
        book: Any = data.get_crypto_latest_orderbook(CryptoLatestOrderbookRequest(symbol_or_symbols="BTC/USD"))
        snapshot: Any = data.get_crypto_snapshot(CryptoSnapshotRequest(symbol_or_symbols=["BTC/USD", "ETH/USD"]))
        bars: Any = data.get_crypto_bars(
            CryptoBarsRequest(
                symbol_or_symbols="BTC/USD", timeframe=TimeFrame.Hour, start=datetime.now(UTC) - timedelta(days=2)
            )
        )

        assert (quote["BTC/USD"].bid_price, quote["BTC/USD"].ask_price) == (49995, 50005)
        assert book["BTC/USD"].asks[0].price == 50005
        assert set(snapshot) == {"BTC/USD", "ETH/USD"}
        assert len(bars["BTC/USD"]) in (48, 49)


class TestCcxt:
    @pytest.fixture
    def exchange(self, alpaca_trader: AlpacaTrader) -> Any:
        client = ccxt.alpaca({"apiKey": alpaca_trader.key, "secret": alpaca_trader.secret, "enableRateLimit": False})
        client.urls["api"] = dict.fromkeys(("broker", "trader", "market"), alpaca_trader.alpaca.url)
        client.session.trust_env = False
        client.load_markets()
        return client

    def test_markets(self, exchange: Any) -> None:
        market = exchange.market("BTC/USD")

        assert (market["id"], market["active"]) == ("BTC/USD", True)
        assert market["limits"]["amount"]["min"] == 0.000011905
        assert market["precision"] == {"amount": 1e-9, "price": 0.01}
        # it asks for active ones only
        assert "MKR/USD" not in exchange.markets

    def test_market_data(self, exchange: Any) -> None:
        ticker = exchange.fetch_ticker("BTC/USD")
        candles = exchange.fetch_ohlcv("BTC/USD", "1h", since=exchange.milliseconds() - 3 * 86_400_000)
        book = exchange.fetch_order_book("BTC/USD")

        assert (ticker["bid"], ticker["ask"]) == (49995.0, 50005.0)
        assert candles[1][0] - candles[0][0] == 3_600_000
        assert len(candles) > 48
        assert book["asks"][0][0] == 50005.0
        assert exchange.fetch_trades("BTC/USD")[-1]["price"] > 0
        assert abs(exchange.fetch_time() - exchange.milliseconds()) < 5000

    def test_account(self, exchange: Any) -> None:
        balance = exchange.fetch_balance()

        assert balance["USD"]["free"] == 100000.0

    @pytest.mark.parametrize(("side", "price"), [("buy", 50005.0), ("sell", 49995.0)])
    def test_a_market_order_and_everything_about_it(self, exchange: Any, side: str, price: float) -> None:
        placed = exchange.create_order("BTC/USD", "market", side, 0.1)
        assert (placed["status"], placed["filled"]) == ("open", 0)

        def closed() -> Any:
            order = exchange.fetch_order(placed["id"])
            return order if order["status"] == "closed" else None

        order = eventually(closed)
        (listed,) = exchange.fetch_closed_orders("BTC/USD")
        (trade,) = exchange.fetch_my_trades("BTC/USD")

        assert (order["symbol"], order["filled"], order["average"]) == ("BTC/USD", 0.1, price)
        assert listed["id"] == placed["id"]
        assert (trade["order"], trade["price"], trade["amount"]) == (placed["id"], price, 0.1)

    def test_a_market_order_by_cost(self, exchange: Any) -> None:
        placed = exchange.create_market_buy_order_with_cost("BTC/USD", 60)

        order = eventually(lambda: found if (found := exchange.fetch_order(placed["id"]))["filled"] else None)

        assert order["cost"] == pytest.approx(60, abs=0.01)

    def test_a_limit_order_is_placed_and_canceled(self, exchange: Any) -> None:
        placed = exchange.create_order("BTC/USD", "limit", "buy", 0.1, 40000)
        (resting,) = exchange.fetch_open_orders("BTC/USD")
        assert (resting["id"], resting["price"], resting["amount"]) == (placed["id"], 40000.0, 0.1)

        exchange.traderPrivateDeleteV2OrdersOrderId({"order_id": placed["id"]})

        assert exchange.fetch_open_orders("BTC/USD") == []
        assert exchange.fetch_order(placed["id"])["status"] == "canceled"

    def test_errors_become_exceptions(self, exchange: Any, alpaca: AlpacaHouse) -> None:
        with pytest.raises(ccxt.InsufficientFunds):
            exchange.create_order("BTC/USD", "market", "buy", 3)
        with pytest.raises(ccxt.InvalidOrder):
            exchange.fetch_order("e6419d12-56e4-4d67-a61b-f6e464e1f8a8")
        alpaca.fault("error", method="submit_order", text="429 42910000 rate limit exceeded")
        with pytest.raises(ccxt.RateLimitExceeded):
            exchange.create_order("BTC/USD", "market", "buy", 0.1)
