"""Where prices come from, and the candles that they make."""

from __future__ import annotations

import time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from paper_exchange.core.candles import MINUTE, ROWS, CandleSeries, SeededHistory
from paper_exchange.core.clock import Clock
from paper_exchange.core.market import Market
from paper_exchange.core.prices import ReplayPrices, WalkPrices
from paper_exchange.kraken.instruments import Catalogue
from tests.paper_exchange.client import Paper, eventually, running

NOW = 1_800_000_015.0


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def walked(seed: int, steps: int) -> dict[str, Decimal]:
    moment, catalogue = Time(), Catalogue()
    source = WalkPrices(seed, catalogue.start_prices, NOW, catalogue.instruments)
    market = Market(catalogue.instruments, source, Clock(moment), seed)
    for _ in range(steps):
        moment.now += 1
        market.step()
    return {symbol: quote.price for symbol, quote in market.quotes.items()}


class TestWalk:
    def test_the_seed_decides(self) -> None:
        assert walked(7, 50) == walked(7, 50)
        assert walked(7, 50) != walked(8, 50)

    def test_prices_move_and_stay_sane(self) -> None:
        prices, start = walked(7, 600), Catalogue().start_prices

        for symbol, price in prices.items():
            assert 0.9 < price / start[symbol] < 1.1
        assert sum(prices[symbol] != start[symbol] for symbol in prices) > len(prices) / 2

    def test_pairs_of_one_coin_stay_in_line(self) -> None:
        prices = walked(7, 600)

        assert prices["BTC-USD"] / prices["BTC-USDC"] == pytest.approx(1, abs=0.01)
        assert prices["ETH-USD"] / prices["BTC-USD"] == pytest.approx(prices["ETH-BTC"], rel=Decimal("0.01"))

    def test_the_process_walks_is_held_and_released(self) -> None:
        with running("--prices", "walk") as paper:
            paper.patch("/settings", price_interval_s=0.01)
            first = paper.get("/market")["BTC-USD"]["price"]
            eventually(lambda: paper.get("/market")["BTC-USD"]["price"] != first)

            paper.post("/market/hold")
            held = paper.get("/market")
            time.sleep(0.05)
            assert paper.get("/market") == held
            paper.post("/market/release")
            eventually(lambda: paper.get("/market") != held)


class TestHistory:
    def history(self, seed: int = 7) -> SeededHistory:
        return SeededHistory(seed, Catalogue().instruments["BTC-USD"], Decimal(84000))

    def test_the_seed_decides(self) -> None:
        end = int(NOW) // MINUTE * MINUTE

        assert self.history()(60, end, ROWS) == self.history()(60, end, ROWS)
        assert self.history(8)(60, end, ROWS) != self.history()(60, end, ROWS)

    @pytest.mark.parametrize("interval", [60, 300, 900, 1800, 3600, 14400, 86400, 604800, 1296000])
    def test_rows_are_sound_and_end_at_the_first_price(self, interval: int) -> None:
        end = int(NOW) // MINUTE * MINUTE
        rows = self.history()(interval, end, ROWS)

        assert len(rows) == ROWS
        assert rows[-1].close == 84000
        assert rows[-1].time < end
        for earlier, later in pairwise(rows):
            assert later.time - earlier.time == interval
            assert earlier.close == later.open
        assert all(row.low <= min(row.open, row.close) <= max(row.open, row.close) <= row.high for row in rows)

    def test_intervals_tell_the_same_story(self) -> None:
        end = int(NOW) // 3600 * 3600
        minutes = {row.time: row.open for row in self.history()(60, end, ROWS)}
        hours = {row.time: row.open for row in self.history()(3600, end, ROWS)}

        shared = minutes.keys() & hours.keys()
        assert len(shared) == 12
        assert all(minutes[start] == hours[start] for start in shared)

    def test_what_happens_now_joins_the_past(self) -> None:
        series = CandleSeries(self.history(), NOW)
        series.add_price(NOW, Decimal(84100), Decimal(1))
        series.add_price(NOW + 1, Decimal(83900), Decimal(2))

        forming = series.rows(60, NOW + 2)[-1]

        assert (forming.open, forming.high, forming.low, forming.close) == (84100, 84100, 83900, 83900)
        assert (forming.volume, forming.count, forming.time) == (3, 2, 1_800_000_000)

    def test_minutes_without_trades_are_flat_rows(self) -> None:
        series = CandleSeries(self.history(), NOW)
        series.add_price(NOW, Decimal(84100), Decimal(1))

        rows = series.rows(60, NOW + 300)

        assert [row.volume for row in rows[-5:]] == [0] * 5
        assert {row.close for row in rows[-6:]} == {Decimal(84100)}
        assert len(rows) == ROWS


class TestCandlesOverHttp:
    @pytest.mark.parametrize("interval", [1, 5, 15, 30, 60, 240, 1440, 10080, 21600])
    def test_every_interval_has_a_full_page_at_once(self, paper: Paper, interval: int) -> None:
        result = paper.public("OHLC", pair="XDGUSD", interval=interval)["result"]

        rows = result["XDGUSD"]
        assert len(rows) == 720
        assert result["last"] == rows[-2][0]
        assert rows[-1][0] <= time.time() < rows[-1][0] + interval * 60

    def test_since(self, paper: Paper) -> None:
        rows = paper.public("OHLC", pair="XBTUSD")["result"]["XXBTZUSD"]
        newer = paper.public("OHLC", pair="XBTUSD", since=rows[-4][0])["result"]["XXBTZUSD"]

        assert [row[0] for row in newer] == [row[0] for row in rows[-3:]]

    def test_an_interval_that_is_not_there(self, paper: Paper) -> None:
        assert paper.public("OHLC", pair="XBTUSD", interval=7)["error"] == ["EGeneral:Invalid arguments:interval"]


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    path = tmp_path / "BTC-USD.csv"
    lines = [f"{60 * at},{100 + at},{100.5 + at},{99.5 + at},{100.2 + at},2" for at in range(100)]
    path.write_text("\n".join(["time,open,high,low,close,volume", *lines]))
    return path


class TestReplay:
    def test_the_first_half_is_history_and_the_rest_is_played(self, candles: Path) -> None:
        moment, catalogue = Time(), Catalogue()
        fixed = WalkPrices(7, catalogue.start_prices, NOW, catalogue.instruments)
        source = ReplayPrices(candles, 60.0, fixed, NOW, "BTC-USD")
        market = Market(catalogue.instruments, source, Clock(moment), 7)
        quote = market.quotes["BTC-USD"]
        past = quote.candles.rows(60, NOW)[:-1]
        assert [row.close for row in past[-2:]] == [Decimal("148.2"), Decimal("149.2")]
        assert quote.price == 150

        seen = []
        for _ in range(4):
            market.step()
            seen.append(quote.price)
            moment.now += 0.25
        market.step()

        assert seen == [Decimal("150"), Decimal("149.5"), Decimal("150.5"), Decimal("150.2")]
        assert quote.price == 151

    def test_after_the_last_row_prices_stay(self, candles: Path) -> None:
        moment, catalogue = Time(), Catalogue()
        fixed = WalkPrices(7, catalogue.start_prices, NOW, catalogue.instruments)
        market = Market(catalogue.instruments, ReplayPrices(candles, 60.0, fixed, NOW, "BTC-USD"), Clock(moment), 7)
        moment.now += 1000
        market.step()

        assert market.quotes["BTC-USD"].price == Decimal("199.2")

    def test_from_the_command_line(self, candles: Path) -> None:
        with running("--prices", str(candles), "--replay-speed", "60") as paper:
            assert float(paper.get("/market")["BTC-USD"]["price"]) < 160
            rows = paper.public("OHLC", pair="XBTUSD")["result"]["XXBTZUSD"]
            assert len(rows) == 51
            assert paper.get("/market")["ETH-USD"]["price"] == "2700.00"
