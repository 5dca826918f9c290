"""Answers have the shape of recorded ones: the same fields, the same JSON types, the same number of decimals."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from tests.paper_exchange.client import REPOSITORY, Paper, Trader

SAMPLES = REPOSITORY.parent / "shared" / "samples" / "kraken"
NUMBER = re.compile(r"^-?\d+(\.\d+)?$")


def sample(name: str) -> Any:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip("the recorded answers are not beside the repository")
    return json.loads(path.read_text())


def shape(value: Any) -> Any:
    """Types all the way down; of a text that is a number, only that it is one."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, str):
        return "number" if NUMBER.match(value) else "text"
    return type(value).__name__


def decimals(text: str) -> int:
    return len(text.partition(".")[2])


class TestPublic:
    def test_time(self, paper: Paper) -> None:
        recorded, answer = sample("live_2025-11/http_server_time.json"), paper.public("Time")

        assert shape(answer) == shape(recorded)
        assert time.strptime(answer["result"]["rfc1123"], "%a, %d %b %y %H:%M:%S +0000")

    def test_system_status(self, paper: Paper) -> None:
        assert shape(paper.public("SystemStatus")) == shape(sample("live_2025-11/http_system_status.json"))

    def test_assets(self, paper: Paper) -> None:
        recorded = sample("live_2026-09-25/Assets.json")

        answer = paper.public("Assets", asset=",".join(recorded["result"]))

        assert answer == recorded

    def test_asset_pairs(self, paper: Paper) -> None:
        recorded = sample("live_2026-09-25/AssetPairs.json")

        answer = paper.public("AssetPairs", pair=",".join(recorded["result"]))

        assert answer == recorded

    def test_ticker(self, paper: Paper) -> None:
        recorded = sample("live_2025-11/http_ticker.json")

        answer = paper.public("Ticker", pair="XBTUSDT")

        assert shape(answer) == shape(recorded)
        for field in "abclhp":
            assert {decimals(answer["result"]["XBTUSDT"][field][0])} == {5}
        assert [decimals(text) for text in answer["result"]["XBTUSDT"]["v"]] == [8, 8]

    def test_book(self, paper: Paper) -> None:
        recorded = sample("live_2025-11/http_order_book.json")

        answer = paper.public("Depth", pair="XBTUSDT", count=5)

        assert shape(answer) == shape(recorded)
        asks, bids = (answer["result"]["XBTUSDT"][side] for side in ("asks", "bids"))
        assert decimals(asks[0][0]) == 5
        assert [float(row[0]) for row in asks] == sorted(float(row[0]) for row in asks)
        assert [float(row[0]) for row in bids] == sorted((float(row[0]) for row in bids), reverse=True)

    def test_candles(self, paper: Paper) -> None:
        recorded = sample("live_2025-11/http_ohlc.json")["result"]

        answer = paper.public("OHLC", pair="XBTUSDT", interval=1)["result"]

        assert shape(answer["XBTUSDT"][-1]) == shape(recorded["XBTUSDT"][-1])
        for recorded_text, text in zip(recorded["XBTUSDT"][0][1:7], answer["XBTUSDT"][0][1:7], strict=True):
            assert decimals(text) == decimals(recorded_text)
        assert recorded["last"] == recorded["XBTUSDT"][-2][0]
        assert answer["last"] == answer["XBTUSDT"][-2][0]

    def test_candles_by_slash_name(self, paper: Paper) -> None:
        recorded = sample("live_2026-09-25/OHLC_BTC-USD_60.json")["result"]

        assert set(paper.public("OHLC", pair="BTC/USD", interval=60)["result"]) == set(recorded)

    def test_trades(self, paper: Paper) -> None:
        recorded = sample("live_2026-09-25/Trades_BTC-USD.json")

        answer = paper.public("Trades", pair="BTC/USD", count=3)

        assert shape(answer) == shape(recorded)
        assert decimals(answer["result"]["BTC/USD"][0][0]) == 5
        assert decimals(answer["result"]["BTC/USD"][0][1]) == 8

    def test_an_unknown_pair(self, paper: Paper) -> None:
        assert paper.public("Ticker", pair="XBT/USD") == sample("live_2026-09-25/error_unknown_pair.json")


class TestPrivate:
    def test_key_info(self, trader: Trader) -> None:
        recorded = sample("docs_examples/GetApiKeyInfo_snake_case_live_2026-03-24.json")["result"]

        answer = trader.result("GetApiKeyInfo")

        assert list(answer) == list(recorded)
        for name in set(recorded) - {"iban", "api_key", "api_key_name", "permissions"}:
            assert shape(answer[name]) == shape(recorded[name]), name

    def test_batch(self, trader: Trader) -> None:
        recorded = sample("docs_examples/AddOrderBatch_placed_and_one_rejected.json")["result"]["orders"]
        orders = [
            {"ordertype": "limit", "type": "buy", "volume": volume, "price": "40000"} for volume in ("0.1", "1000")
        ]

        answer = trader.call("AddOrderBatch", as_json=True, pair="XBTUSD", orders=orders)["result"]["orders"]

        assert [shape(answer[0]), shape(answer[1])] == [shape(recorded[1]), shape(recorded[2])]

    def test_dead_mans_switch(self, trader: Trader) -> None:
        recorded = sample("docs_examples/CancelAllOrdersAfter_armed_and_disabled.json")

        answers = [trader.call("CancelAllOrdersAfter", timeout=seconds) for seconds in ("60", "0")]

        assert shape(answers) == shape(recorded)

    def test_websocket_token(self, trader: Trader) -> None:
        recorded, answer = sample("docs_examples/GetWebSocketsToken.json"), trader.call("GetWebSocketsToken")

        assert shape(answer) == shape(recorded)
        assert len(answer["result"]["token"]) == len(recorded["result"]["token"])


class TestOrders:
    """What the documentation and recorded orders show, field by field."""

    def test_a_filled_market_order(self, paper: Paper) -> None:
        trader = paper.open({"USDT": "1000"})

        order = trader.order(trader.market("buy", "0.1", "LTCUSDT"))

        assert order["descr"] == {
            "pair": "LTCUSDT",
            "type": "buy",
            "ordertype": "market",
            "price": "0",
            "price2": "0",
            "leverage": "none",
            "order": "buy 0.10000000 LTCUSDT @ market",
            "close": "",
        }
        assert [type(order[name]) for name in ("opentm", "closetm", "starttm", "expiretm")] == [float, float, int, int]
        assert {decimals(order[name]) for name in ("cost", "fee", "price", "stopprice", "limitprice")} == {6}
        assert {decimals(order[name]) for name in ("vol", "vol_exec")} == {8}
        assert (order["refid"], order["reason"], order["misc"], order["oflags"]) == (None, None, "", "fciq")
        assert "cl_ord_id" not in order
        assert order["trades"][0].startswith("T")

    def test_an_open_limit_order(self, trader: Trader) -> None:
        order_id = trader.limit("buy", "0.1", "40000.5", userref="7")

        order = trader.result("OpenOrders")["open"][order_id]

        assert re.match(r"^O[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{6}$", order_id)
        assert (order["status"], order["userref"], order["price"]) == ("open", 7, "0.00000")
        assert order["descr"]["order"] == "buy 0.10000000 XBTUSD @ limit 40000.5"
        assert "closetm" not in order
        assert "trades" not in order

    def test_a_trade(self, trader: Trader) -> None:
        trader.market("buy", "0.1")

        (trade,) = trader.result("TradesHistory")["trades"].values()

        assert trade["pair"] == "XXBTZUSD"
        assert [type(trade[name]) for name in ("time", "trade_id", "maker")] == [float, int, bool]
        assert {decimals(trade[name]) for name in ("price", "cost", "fee", "margin")} == {5}

    @pytest.mark.parametrize(
        ("asset", "pair_id", "places"),
        [("USD", "ZUSD", 4), ("BTC", "XXBT", 10), ("DOGE", "XXDG", 8), ("SOL", "SOL", 10)],
    )
    def test_a_balance(self, paper: Paper, asset: str, pair_id: str, places: int) -> None:
        (balance,) = paper.open({asset: "5.5"}).result("Balance").items()

        assert balance == (pair_id, "5.5" + "0" * (places - 1))

    def test_fees(self, trader: Trader) -> None:
        answer = trader.result("TradeVolume", pair="XBTUSD,ETHUSD")

        assert set(answer) == {"currency", "volume", "fees", "fees_maker"}
        assert set(answer["fees"]) == {"XXBTZUSD", "XETHZUSD"}
        assert answer["fees"]["XXBTZUSD"]["fee"] == "0.2600"
        assert "fees" not in trader.result("TradeVolume")

    def test_a_balance_never_looks_larger_than_it_is(self, paper: Paper) -> None:
        assert paper.open({"USD": "5.55559"}).result("Balance") == {"ZUSD": "5.5555"}


class TestNames:
    @pytest.mark.parametrize(
        ("asked", "key"),
        [("XXBTZUSD", "XXBTZUSD"), ("XBTUSD", "XXBTZUSD"), ("BTC/USD", "BTC/USD"), ("XDGUSD", "XDGUSD")],
    )
    def test_a_slash_name_is_echoed_and_others_become_the_id(self, paper: Paper, asked: str, key: str) -> None:
        for method in ("Ticker", "AssetPairs", "OHLC", "Depth", "Trades", "Spread"):
            assert key in paper.public(method, pair=asked)["result"]

    @pytest.mark.parametrize("name", ["XBT/USD", "XDG/USD", "BTCUSD", "NOSUCH"])
    def test_legacy_names_are_unknown(self, paper: Paper, name: str) -> None:
        answer = paper.public("Ticker", pair=name)
        assert answer == {"error": ["EQuery:Unknown asset pair"], "result": None}

    def test_every_pair_is_traded_in_listed_assets(self, paper: Paper) -> None:
        assets, pairs = paper.public("Assets")["result"], paper.public("AssetPairs")["result"]

        assert {pair[side] for pair in pairs.values() for side in ("base", "quote")} <= set(assets)
        for base in ("BTC", "ETH", "SOL", "DOGE", "XRP", "LTC", "ADA"):
            for quote in ("USD", "USDT", "USDC"):
                assert f"{base}/{quote}" in paper.public("AssetPairs", pair=f"{base}/{quote}")["result"]
        assert {name for name, pair in pairs.items() if pair["status"] != "online"} == {"ACAEUR"}
