"""Coinbase's answers have the shape of recorded ones: the same fields, the same JSON types, numbers as strings."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from tests.paper_exchange.client import Paper
from tests.paper_exchange.coinbase_client import PREFIX, CoinbaseTrader, recorded

NUMBER = re.compile(r"^-?\d+(\.\d+)?$")


def shape(value: Any) -> Any:
    """Types all the way down; of a list its first element, of a text that is a number only that it is one."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    if isinstance(value, str):
        return "number" if NUMBER.match(value) else "text" if value else "empty"
    return type(value).__name__


def test_an_order_sized_in_quote(coinbase_trader: CoinbaseTrader) -> None:
    order_id = coinbase_trader.trade(quote_size="250")["order_id"]

    answer = coinbase_trader.get(f"/orders/historical/{order_id}")

    assert shape(answer) == shape(recorded("order_market_buy_quote"))


def test_the_list_of_orders(coinbase_trader: CoinbaseTrader) -> None:
    coinbase_trader.trade("SELL", base_size="0.5")

    assert shape(coinbase_trader.get("/orders/historical/batch")) == shape(recorded("orders"))


def test_fills(coinbase_trader: CoinbaseTrader) -> None:
    coinbase_trader.trade("SELL", base_size="0.5")

    assert shape(coinbase_trader.get("/orders/historical/fills")) == shape(recorded("fills"))


def test_an_accepted_order(coinbase_trader: CoinbaseTrader) -> None:
    answer = coinbase_trader.submit("SELL", base_size="0.25").json()

    wanted = recorded("create_success")
    assert shape(answer) == shape(wanted)
    assert answer["order_configuration"] == wanted["order_configuration"]


def test_a_refused_order(coinbase_trader: CoinbaseTrader) -> None:
    answer = coinbase_trader.submit(quote_size="100000.01").json()

    wanted = recorded("create_refused")
    assert shape(answer) == shape(wanted)
    assert answer["error_response"] == wanted["error_response"]


def test_canceling(coinbase_trader: CoinbaseTrader) -> None:
    order_id = coinbase_trader.limit("BUY", "0.1", "40000")
    unknown = recorded("batch_cancel")["results"][1]["order_id"]

    answer = coinbase_trader.call("POST", "/orders/batch_cancel", {"order_ids": [order_id, unknown]}).json()

    wanted = recorded("batch_cancel")
    wanted["results"][0]["order_id"] = order_id
    assert answer == wanted


def test_a_preview(coinbase_trader: CoinbaseTrader) -> None:
    body = {"product_id": "BTC-USD", "side": "BUY", "order_configuration": {"market_market_ioc": {"quote_size": "9"}}}

    answer = coinbase_trader.call("POST", "/orders/preview", body).json()

    assert shape(answer) == shape(recorded("preview_order"))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/accounts", "accounts"),
        ("/key_permissions", "key_permissions"),
        ("/products/ETH-USD", "product"),
        ("/products/ETH-USD/ticker", "ticker"),
        ("/products/ETH-USD/candles?granularity=ONE_HOUR", "candles"),
        ("/product_book?product_id=ETH-USD", "product_book"),
        ("/best_bid_ask?product_ids=ETH-USD", "best_bid_ask"),
    ],
)
def test_what_is_asked_for(coinbase_trader: CoinbaseTrader, path: str, name: str) -> None:
    path, _, query = path.partition("?")

    answer = coinbase_trader.get(path, **dict(pair.split("=") for pair in query.split("&") if pair))

    assert shape(answer) == shape(recorded(name))


def test_products(coinbase_trader: CoinbaseTrader) -> None:
    answer = coinbase_trader.get("/products", get_all_products="False")

    assert set(answer) == {"products", "num_products", "pagination"}
    by_id = {product["product_id"]: product for product in answer["products"]}
    assert {"BTC-USD", "BTC-USDC", "ETH-USD", "SOL-USD", "DOGE-USD", "SHIB-USD"} <= set(by_id)
    assert "ADA-USD" not in by_id
    assert (by_id["BTC-USD"]["alias_to"], by_id["BTC-USDC"]["alias"]) == (["BTC-USDC"], "BTC-USD")
    assert (by_id["DOGE-USD"]["base_increment"], by_id["SHIB-USD"]["base_increment"]) == ("0.1", "1")
    chosen = coinbase_trader.get("/products", product_ids=["ETH-USD", "SOL-USD"])
    assert [product["product_id"] for product in chosen["products"]] == ["ETH-USD", "SOL-USD"]


@pytest.mark.parametrize(
    "path", ["/products", "/products/ETH-USD", "/products/ETH-USD/ticker", "/product_book?product_id=ETH-USD"]
)
def test_the_public_twin_says_the_same_without_a_key(
    coinbase: Paper, coinbase_trader: CoinbaseTrader, path: str
) -> None:
    path, _, query = path.partition("?")
    fields = dict(pair.split("=") for pair in query.split("&") if pair)

    public = coinbase.session.get(f"{coinbase.coinbase_url}{PREFIX}/market{path}", params=fields, timeout=30)

    assert public.status_code == 200
    assert shape(public.json()) == shape(coinbase_trader.get(path, **fields))


def test_time(coinbase: Paper) -> None:
    answer = coinbase.session.get(f"{coinbase.coinbase_url}{PREFIX}/time", timeout=30).json()

    assert shape(answer) == {"iso": "text", "epochSeconds": "number", "epochMillis": "number"}


def test_candles_are_newest_first_and_fewer_than_350(coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
    now = int(coinbase.get("/health")["time"])
    fields = {"granularity": "ONE_MINUTE", "start": str(now - 60 * 300), "end": str(now)}

    candles = coinbase_trader.get("/products/BTC-USD/candles", **fields)["candles"]

    starts = [int(candle["start"]) for candle in candles]
    assert starts == sorted(starts, reverse=True)
    assert 299 <= len(starts) <= 301
    assert all(Decimal(candle["low"]) <= Decimal(candle["high"]) for candle in candles)
    refused = coinbase_trader.call("GET", "/products/BTC-USD/candles", **(fields | {"start": str(now - 60 * 350)}))
    assert (refused.status_code, refused.json()["error"]) == (400, "INVALID_ARGUMENT")
    assert refused.json()["message"] == "number of candles requested should be less than 350"
