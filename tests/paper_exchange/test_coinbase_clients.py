"""Clients that nobody here wrote can trade at Coinbase: the official SDK and ccxt."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import ccxt
import pytest
import requests
from coinbase.rest import RESTClient
from requests.adapters import HTTPAdapter

from tests.paper_exchange.client import Paper, eventually
from tests.paper_exchange.coinbase_client import CoinbaseTrader, open_coinbase


class Redirected(HTTPAdapter):
    """Sends what is meant for the venue to the exchange; the client still signs for the venue's host."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._target = urlsplit(url)

    def send(self, request: requests.PreparedRequest, *more: Any, **options: Any) -> requests.Response:
        asked = urlsplit(request.url)
        request.url = urlunsplit(asked._replace(scheme=self._target.scheme, netloc=self._target.netloc))
        return super().send(request, *more, **options)


class TestSdk:
    @pytest.fixture
    def client(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> RESTClient:
        return self.client_of(coinbase, coinbase_trader)

    def client_of(self, paper: Paper, trader: CoinbaseTrader) -> RESTClient:
        client = RESTClient(api_key=trader.key, api_secret=trader.secret, timeout=30)
        client.session.trust_env = False
        client.session.mount("https://", Redirected(paper.coinbase_url))
        return client

    @pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
    def test_it_trades(self, coinbase: Paper, algorithm: str) -> None:
        client = self.client_of(coinbase, open_coinbase(coinbase, algorithm=algorithm))

        bought = client.market_order_buy("first", "BTC-USD", quote_size="100")
        order_id = bought.success_response["order_id"]
        order = eventually(lambda: next((o for o in [client.get_order(order_id).order] if o.status == "FILLED"), None))

        assert bought.success is True
        assert (order.total_value_after_fees, order.size_in_quote) == ("100", True)
        (fill,) = client.get_fills(order_ids=[order_id]).fills
        assert fill.size == order.filled_value
        sold = client.market_order_sell("second", "BTC-USD", base_size="0.5")
        assert sold.success is True
        assert [o.client_order_id for o in client.list_orders(product_ids=["BTC-USD"]).orders] == ["second", "first"]

    def test_it_reads(self, client: RESTClient) -> None:
        accounts = {account.currency: account.available_balance["value"] for account in client.get_accounts().accounts}
        assert accounts == {"USD": "100000", "BTC": "1"}
        assert client.get_api_key_permissions().can_trade is True
        assert client.get_product("BTC-USD").base_increment == "0.00000001"
        assert {product.product_id for product in client.get_products().products} >= {"BTC-USD", "SHIB-USD"}
        assert client.get_best_bid_ask(["BTC-USD"]).pricebooks[0].asks[0].price == "50005"
        assert client.get_product_book("BTC-USD", limit=3).pricebook.bids[0].price == "49995"
        assert client.get_market_trades("BTC-USD", limit=5).best_bid == "49995"
        now = int(client.get_unix_time().epoch_seconds)
        candles = client.get_candles("BTC-USD", str(now - 3600), str(now), "FIVE_MINUTE").candles
        assert len(candles) in (12, 13)
        assert client.get_public_product("BTC-USD").product_id == "BTC-USD"
        assert client.get_transaction_summary().fee_tier["taker_fee_rate"] == "0.0075"

    def test_it_previews_and_cancels(self, client: RESTClient) -> None:
        assert client.preview_market_order_buy("BTC-USD", quote_size="100").errs == []
        resting = client.limit_order_gtc_buy("resting", "BTC-USD", "0.1", "40000").success_response["order_id"]

        results = client.cancel_orders([resting]).results

        assert (results[0].success, client.get_order(resting).order.status) == (True, "CANCELLED")

    def test_a_refused_order_and_http_errors(self, client: RESTClient, coinbase: Paper) -> None:
        refused = client.market_order_buy("dear", "BTC-USD", quote_size="1000000")
        assert (refused.success, refused.error_response["error"]) == (False, "INSUFFICIENT_FUND")
        coinbase.fault("permission_revoked")
        with pytest.raises(requests.HTTPError, match="Missing Required Scopes"):
            client.get_accounts()
        coinbase.fault("error", text="401")
        with pytest.raises(requests.HTTPError, match="401"):
            client.get_accounts()

    def test_null_where_it_iterates_raises_after_the_order_was_placed(
        self, client: RESTClient, coinbase: Paper, coinbase_trader: CoinbaseTrader
    ) -> None:
        coinbase.fault("empty_result", method="create_order", when="after")
        with pytest.raises(TypeError):
            client.market_order_buy("lost", "BTC-USD", quote_size="10")
        assert [order["client_order_id"] for order in coinbase_trader.books()["orders"]] == ["lost"]

    def test_one_connection_serves_many_calls(self, client: RESTClient) -> None:
        # every GET of this client has a body, which must not be taken for the next request
        assert [client.get_product("BTC-USD").product_id for _ in range(5)] == ["BTC-USD"] * 5
        assert client.market_order_buy("after", "BTC-USD", quote_size="10").success is True


class TestCcxt:
    @pytest.fixture
    def exchange(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> Any:
        settings = {"apiKey": coinbase_trader.key, "secret": coinbase_trader.secret, "enableRateLimit": False}
        client = ccxt.coinbase(settings)
        client.session.trust_env = False
        client.session.mount("https://", Redirected(coinbase.coinbase_url))
        # its lists of currencies and balances are of another, older API unless it is told otherwise
        client.has["fetchCurrencies"] = False
        client.options["fetchBalance"] = "v3PrivateGetBrokerageAccounts"
        client.load_markets()
        return client

    def test_markets_and_prices(self, exchange: Any) -> None:
        market = exchange.market("BTC/USD")

        assert (market["id"], market["active"], market["precision"]["amount"]) == ("BTC-USD", True, 1e-8)
        assert market["taker"] == 0.0075
        assert {"ETH/USD", "SOL/USDC", "SHIB/USD"} <= set(exchange.markets)
        ticker = exchange.fetch_ticker("BTC/USD")
        assert (ticker["bid"], ticker["ask"]) == (49995.0, 50005.0)
        assert len(exchange.fetch_ohlcv("BTC/USD", "1h", limit=100)) in (99, 100)
        assert exchange.fetch_order_book("BTC/USD")["asks"][0][0] == 50005.0

    def test_balance(self, exchange: Any) -> None:
        assert exchange.fetch_balance()["total"] == {"USD": 100000.0, "BTC": 1.0}

    def test_a_market_buy_and_everything_about_it(self, exchange: Any) -> None:
        placed = exchange.create_market_buy_order_with_cost("BTC/USD", 100)

        order = closed(exchange, placed["id"])

        assert (order["status"], order["side"]) == ("closed", "buy")
        assert order["average"] == pytest.approx(50005.0)
        assert float(order["fee"]["cost"]) == pytest.approx(100 - 100 / 1.0075)
        (trade,) = exchange.fetch_my_trades("BTC/USD")
        assert (trade["order"], trade["price"]) == (placed["id"], pytest.approx(50005.0))

    def test_a_market_sell(self, exchange: Any) -> None:
        placed = exchange.create_order("BTC/USD", "market", "sell", 0.1)

        order = closed(exchange, placed["id"])

        assert (order["filled"], order["average"]) == (0.1, 49995.0)
        value = Decimal("4999.5")
        assert exchange.fetch_balance()["USD"]["total"] == pytest.approx(float(100000 + value * Decimal("0.9925")))

    def test_a_limit_order_is_placed_and_canceled(self, exchange: Any) -> None:
        placed = exchange.create_order("BTC/USD", "limit", "buy", 0.1, 40000)
        (resting,) = exchange.fetch_open_orders("BTC/USD")
        exchange.cancel_order(placed["id"], "BTC/USD")

        assert (resting["id"], resting["price"]) == (placed["id"], 40000.0)
        assert exchange.fetch_order(placed["id"])["status"] == "canceled"

    def test_errors_become_exceptions(self, exchange: Any) -> None:
        with pytest.raises(ccxt.InsufficientFunds):
            exchange.create_order("BTC/USD", "market", "sell", 2)
        with pytest.raises(ccxt.ExchangeError):
            exchange.fetch_order("00000000-0000-4000-8000-000000000000")


def closed(exchange: Any, order_id: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        order = exchange.fetch_order(order_id)
        return order if order["status"] == "closed" else None

    return eventually(ended)
