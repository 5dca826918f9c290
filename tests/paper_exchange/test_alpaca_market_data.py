"""Alpaca's crypto market data: no key, symbols with a slash, JSON numbers."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.paper_exchange.alpaca_client import AlpacaHouse

pytest_plugins = ["tests.paper_exchange.alpaca_fixtures"]

BAR = {"c", "h", "l", "n", "o", "t", "v", "vw"}


def start(**back: float) -> str:
    return (datetime.now(UTC) - timedelta(**back)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_quotes_move_with_the_market(alpaca: AlpacaHouse) -> None:
    alpaca.market(price="61234.56")

    quote = alpaca.data("latest/quotes", symbols="BTC/USD,ETH/USD").json()["quotes"]

    assert (quote["BTC/USD"]["bp"], quote["BTC/USD"]["ap"]) == (61229.56, 61239.56)
    assert quote["ETH/USD"]["ap"] > quote["ETH/USD"]["bp"] > 0


def test_the_last_trade(alpaca: AlpacaHouse) -> None:
    trader = alpaca.open()
    trader.trade("sell", qty="0.25")

    trade = alpaca.data("latest/trades", symbols="BTC/USD").json()["trades"]["BTC/USD"]

    assert (trade["p"], trade["s"], trade["tks"]) == (49995, 0.25, "S")
    assert set(trade) == {"i", "p", "s", "t", "tks"}


def test_the_book(alpaca: AlpacaHouse) -> None:
    alpaca.market(depth="0.5")

    book = alpaca.data("latest/orderbooks", symbols="BTC/USD").json()["orderbooks"]["BTC/USD"]

    assert (book["a"][0], book["b"][0]) == ({"p": 50005, "s": 0.5}, {"p": 49995, "s": 0.5})
    assert [level["p"] for level in book["a"]] == sorted(level["p"] for level in book["a"])
    assert [level["p"] for level in book["b"]] == sorted((level["p"] for level in book["b"]), reverse=True)


def test_a_snapshot(alpaca: AlpacaHouse) -> None:
    snapshot = alpaca.data("snapshots", symbols="BTC/USD").json()["snapshots"]["BTC/USD"]

    assert list(snapshot) == ["dailyBar", "latestQuote", "latestTrade", "minuteBar", "prevDailyBar"]
    assert set(snapshot["dailyBar"]) == set(snapshot["minuteBar"]) == set(snapshot["prevDailyBar"]) == BAR
    assert snapshot["latestQuote"]["ap"] == 50005
    assert snapshot["prevDailyBar"]["t"] < snapshot["dailyBar"]["t"] <= snapshot["minuteBar"]["t"]


def test_the_minute_that_is_running(alpaca: AlpacaHouse) -> None:
    bar = alpaca.data("latest/bars", symbols="BTC/USD").json()["bars"]["BTC/USD"]

    assert set(bar) == BAR
    assert bar["c"] == 50000
    assert abs(datetime.fromisoformat(bar["t"]).timestamp() - time.time()) < 120


class TestBars:
    @pytest.mark.parametrize(
        ("timeframe", "seconds"),
        [("1Min", 60), ("15T", 900), ("1Hour", 3600), ("4H", 14400), ("1Day", 86400)],
    )
    def test_of_any_length(self, alpaca: AlpacaHouse, timeframe: str, seconds: int) -> None:
        answer = alpaca.data(
            "bars", symbols="BTC/USD", timeframe=timeframe, start=start(seconds=20 * seconds), limit="1000"
        ).json()

        bars = answer["bars"]["BTC/USD"]
        times = [datetime.fromisoformat(bar["t"]).timestamp() for bar in bars]
        assert len(bars) in (20, 21)
        assert {later - earlier for earlier, later in itertools.pairwise(times)} == {seconds}
        assert all(bar["l"] <= min(bar["o"], bar["c"]) <= max(bar["o"], bar["c"]) <= bar["h"] for bar in bars)
        assert answer["next_page_token"] is None

    def test_pages(self, alpaca: AlpacaHouse) -> None:
        query = {"symbols": "ETH/USD,BTC/USD", "timeframe": "1Hour", "start": start(hours=5), "end": start(hours=0)}
        whole = alpaca.data("bars", **query).json()["bars"]
        rows: list[tuple[str, Any]] = []
        token: dict[str, str] = {}
        for _ in range(20):
            page = alpaca.data("bars", **query, limit="3", **token).json()
            rows += [(symbol, bar) for symbol, bars in page["bars"].items() for bar in bars]
            if page["next_page_token"] is None:
                break
            token = {"page_token": page["next_page_token"]}

        assert rows == [(symbol, bar) for symbol in ("BTC/USD", "ETH/USD") for bar in whole[symbol]]
        assert alpaca.data("bars", **query, page_token="x").status_code == 400

    def test_newest_first(self, alpaca: AlpacaHouse) -> None:
        query = {"symbols": "BTC/USD", "timeframe": "1Hour", "start": start(hours=5)}

        upwards = alpaca.data("bars", **query).json()["bars"]["BTC/USD"]
        downwards = alpaca.data("bars", **query, sort="desc").json()["bars"]["BTC/USD"]

        assert downwards == upwards[::-1]

    @pytest.mark.parametrize("timeframe", ["60Min", "24Hour", "2Day", "Min", "1Fortnight"])
    def test_lengths_that_there_are_not(self, alpaca: AlpacaHouse, timeframe: str) -> None:
        answer = alpaca.data("bars", symbols="BTC/USD", timeframe=timeframe)

        assert (answer.status_code, answer.json()) == (
            400,
            {"message": f"Invalid format for parameter timeframe: {timeframe}"},
        )

    def test_trades(self, alpaca: AlpacaHouse) -> None:
        trades = alpaca.data("trades", symbols="BTC/USD", start=start(minutes=5)).json()["trades"]["BTC/USD"]

        assert trades[-1]["p"] == 50000
        assert [trade["i"] for trade in trades] == sorted(trade["i"] for trade in trades)


class TestSymbols:
    @pytest.mark.parametrize("name", ["BTCUSD", "btc/usd", "BTC-USD", "BTC/USD/"])
    def test_only_with_a_slash(self, alpaca: AlpacaHouse, name: str) -> None:
        answer = alpaca.data("latest/quotes", symbols=name)

        assert answer.status_code == 400
        assert answer.json() == {"message": f"invalid symbol: {name} does not match ^[A-Z]+/[A-Z]+$"}

    def test_unknown_ones_are_left_out(self, alpaca: AlpacaHouse) -> None:
        assert alpaca.data("latest/quotes", symbols="ADA/USD").json() == {"quotes": {}}

    def test_there_must_be_one(self, alpaca: AlpacaHouse) -> None:
        assert alpaca.data("latest/quotes").status_code == 400
