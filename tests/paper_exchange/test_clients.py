"""Clients that nobody here wrote can trade: ccxt and krakenex."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt
import krakenex
import pytest
import requests

from tests.paper_exchange.client import Paper, Trader


@pytest.fixture
def exchange(paper: Paper, trader: Trader) -> Any:
    client = ccxt.kraken({"apiKey": trader.key, "secret": trader.secret, "enableRateLimit": False})
    client.urls["api"] = dict.fromkeys(("public", "private", "zendesk"), paper.kraken_url)
    client.session.trust_env = False
    # Its nonce is the millisecond, and two calls within one are refused, here as at the venue.
    client.nonce = trader.nonce
    client.load_markets()
    return client


class TestCcxt:
    def test_markets(self, exchange: Any) -> None:
        market = exchange.market("BTC/USD")

        assert (market["id"], market["active"]) == ("XXBTZUSD", True)
        assert market["limits"]["amount"]["min"] == 0.00005
        assert {"DOGE/USDT", "ETH/BTC", "SOL/USDC", "BTC/EUR"} <= set(exchange.markets)
        assert exchange.market("ACA/EUR")["active"] is False

    def test_market_data(self, exchange: Any) -> None:
        ticker = exchange.fetch_ticker("BTC/USD")
        candles = exchange.fetch_ohlcv("BTC/USD", "1h")
        book = exchange.fetch_order_book("BTC/USD")

        assert (ticker["bid"], ticker["ask"]) == (49995.0, 50005.0)
        assert len(candles) == 720
        assert candles[1][0] - candles[0][0] == 3_600_000
        assert book["asks"][0][0] == 50005.0
        assert exchange.fetch_trades("BTC/USD")[-1]["price"] > 0
        assert len(exchange.fetch_tickers()) == len(exchange.markets)

    def test_account(self, exchange: Any) -> None:
        balance = exchange.fetch_balance()

        assert balance["total"] == {"USD": 100000.0, "BTC": 1.0}
        assert balance["free"] == balance["total"]

    @pytest.mark.parametrize(("side", "price"), [("buy", 50005.0), ("sell", 49995.0)])
    def test_a_market_order_and_everything_about_it(self, exchange: Any, side: str, price: float) -> None:
        placed = exchange.create_order("BTC/USD", "market", side, 0.1)

        order = exchange.fetch_order(placed["id"], "BTC/USD")
        (closed,) = exchange.fetch_closed_orders("BTC/USD")
        (trade,) = exchange.fetch_my_trades("BTC/USD")

        assert (order["status"], order["filled"], order["average"]) == ("closed", 0.1, price)
        assert float(order["fee"]["cost"]) == pytest.approx(price * 0.1 * 0.0026, abs=1e-5)
        assert closed["id"] == placed["id"]
        assert (trade["order"], trade["price"], trade["amount"]) == (placed["id"], price, 0.1)
        assert exchange.fetch_trading_fee("BTC/USD")["taker"] == 0.0026

    def test_a_market_order_by_cost(self, exchange: Any) -> None:
        placed = exchange.create_market_buy_order_with_cost("BTC/USD", 60)
        assert exchange.fetch_order(placed["id"], "BTC/USD")["cost"] == pytest.approx(60, abs=0.01)

    def test_a_limit_order_is_placed_changed_and_canceled(self, exchange: Any) -> None:
        placed = exchange.create_order("BTC/USD", "limit", "buy", 0.1, 40000)
        (resting,) = exchange.fetch_open_orders("BTC/USD")
        assert (resting["id"], resting["price"], resting["remaining"]) == (placed["id"], 40000.0, 0.1)

        exchange.edit_order(placed["id"], "BTC/USD", "limit", "buy", 0.2, 41000)
        exchange.cancel_order(placed["id"], "BTC/USD")

        assert exchange.fetch_open_orders("BTC/USD") == []
        assert exchange.fetch_order(placed["id"], "BTC/USD")["status"] == "canceled"

    def test_errors_become_exceptions(self, exchange: Any, paper: Paper) -> None:
        with pytest.raises(ccxt.InsufficientFunds):
            exchange.create_order("BTC/USD", "market", "buy", 100)
        filled = exchange.create_order("BTC/USD", "market", "buy", 0.1)
        with pytest.raises(ccxt.OrderNotFound):
            exchange.cancel_order(filled["id"], "BTC/USD")
        with pytest.raises(ccxt.InvalidOrder):
            exchange.cancel_order("OAAAAA-BBBBB-CCCCCC", "BTC/USD")
        paper.fault("http_520", method="AddOrder")
        with pytest.raises(ccxt.ExchangeNotAvailable):
            exchange.create_order("BTC/USD", "market", "buy", 0.1)

    def test_the_ledger(self, exchange: Any) -> None:
        exchange.create_order("BTC/USD", "market", "buy", 0.1)

        kinds = [entry["type"] for entry in exchange.fetch_ledger()]

        assert sorted(kinds) == ["trade", "trade", "transaction", "transaction"]


class TestKrakenex:
    @pytest.fixture
    def api(self, paper: Paper, trader: Trader) -> krakenex.API:
        api = krakenex.API(trader.key, trader.secret)
        api.uri = paper.kraken_url
        api.session.trust_env = False
        api._nonce = trader.nonce
        return api

    def test_it_trades(self, api: krakenex.API) -> None:
        order = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.1"}

        placed = api.query_private("AddOrder", order)
        (order_id,) = placed["result"]["txid"]

        assert placed["error"] == []
        assert api.query_private("QueryOrders", {"txid": order_id})["result"][order_id]["status"] == "closed"
        assert Decimal(api.query_private("Balance")["result"]["XXBT"]) == Decimal("1.1")
        assert api.query_public("Ticker", {"pair": "XBTUSD"})["result"]["XXBTZUSD"]["a"][0] == "50005.00000"

    def test_sending_the_same_request_again_does_not_trade_again(self, api: krakenex.API) -> None:
        order = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.1"}
        api.query_private("AddOrder", order)

        again = api.session.send(api.response.request).json()

        assert again == {"error": ["EAPI:Invalid nonce"]}

    def test_an_unknown_method_raises(self, api: krakenex.API) -> None:
        with pytest.raises(requests.HTTPError, match="404"):
            api.query_private("GetAPIKeyInfo")
