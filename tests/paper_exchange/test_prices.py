"""Where prices come from, and the candles that they make."""

from __future__ import annotations

import subprocess
import sys
import time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import stdev

import pytest

from paper_exchange.candles import all_instruments, make_candles
from paper_exchange.core.candle_files import read_candles, write_candles
from paper_exchange.core.candles import DAY, MINUTE, ROWS, CandleSeries, SeededHistory
from paper_exchange.core.clock import Clock, MarketTime
from paper_exchange.core.market import Market
from paper_exchange.core.prices import FixedPrices, ReplayPrices, WalkPrices
from paper_exchange.core.replay import Replay
from paper_exchange.kraken.instruments import Catalogue
from tests.paper_exchange.client import REPOSITORY, Paper, eventually, running

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
        series = CandleSeries(self.history(), MarketTime.real(NOW))
        series.add_price(NOW, Decimal(84100), Decimal(1))
        series.add_price(NOW + 1, Decimal(83900), Decimal(2))

        forming = series.rows(60, NOW + 2)[-1]

        assert (forming.open, forming.high, forming.low, forming.close) == (84100, 84100, 83900, 83900)
        assert (forming.volume, forming.count, forming.time) == (3, 2, 1_800_000_000)

    def test_minutes_without_trades_are_flat_rows(self) -> None:
        series = CandleSeries(self.history(), MarketTime.real(NOW))
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
    def market(self, path: Path, moment: Time) -> Market:
        catalogue = Catalogue()
        replay = Replay(read_candles(path, "BTC-USD"), 60.0, NOW)
        source = ReplayPrices(replay, FixedPrices(7, catalogue.start_prices))
        return Market(catalogue.instruments, source, Clock(moment), 7)

    def test_the_first_half_is_history_and_the_rest_is_played(self, candles: Path) -> None:
        moment = Time()
        market = self.market(candles, moment)
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
        moment = Time()
        market = self.market(candles, moment)
        moment.now += 1000
        market.step()

        assert market.quotes["BTC-USD"].price == Decimal("199.2")

    def test_from_the_command_line(self, candles: Path) -> None:
        with running("--prices", str(candles), "--replay-speed", "2") as paper:
            assert float(paper.get("/market")["BTC-USD"]["price"]) < 160
            rows = paper.public("OHLC", pair="XBTUSD")["result"]["XXBTZUSD"]
            assert len(rows) == 51
            assert paper.get("/market")["ETH-USD"]["price"] == "2700.00"
            assert paper.get("/settings")["price_interval_s"] == 1


HEAD = "time,open,high,low,close,volume"


class TestReading:
    def read(self, tmp_path: Path, *lines: str) -> dict[str, list[list[Decimal]]]:
        path = tmp_path / "prices.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return {
            symbol: [[Decimal(row.time), row.open, row.high, row.low, row.close, row.volume] for row in found.rows]
            for symbol, found in read_candles(path, "BTC-USD", {"BTC-USD", "ETH-USD"}).items()
        }

    @pytest.mark.parametrize(
        "lines",
        [
            [HEAD, "60,3,5,1,4,7", "120,4,6,2,5,8"],
            ["volume,close,time,low,high,open", "7,4,60,1,5,3", "8,5,120,2,6,4"],
            [HEAD, "120,4,6,2,5,8", "60,3,5,1,4,7"],
            [HEAD + ",symbol", "60,3,5,1,4,7,BTC-USD", "120,4,6,2,5,8,"],
            [HEAD + ",vwap", "60,3,5,1,4,7,x", "120,4,6,2,5,8,y"],
            [" Time , Open,High,Low,Close,Volume", "60, 3, 5, 1, 4, 7", "", "120, 4, 6, 2, 5, 8"],
            ["\ufeff" + HEAD, "60.0,3,5,1,4,7", "120.000,4,6,2,5,8"],
            [HEAD, "1970-01-01T00:01:00Z,3,5,1,4,7", "1970-01-01T01:02:00+01:00,4,6,2,5,8"],
            [HEAD, "1970-01-01 00:01:00,3,5,1,4,7", "1970-01-01T00:02,4,6,2,5,8"],
        ],
        ids=["plain", "other_order", "newest_first", "symbol", "more", "spaces", "byte_order_mark", "iso", "no_zone"],
    )
    def test_what_is_accepted(self, tmp_path: Path, lines: list[str]) -> None:
        assert self.read(tmp_path, *lines) == {"BTC-USD": [[60, 3, 5, 1, 4, 7], [120, 4, 6, 2, 5, 8]]}

    def test_several_symbols(self, tmp_path: Path) -> None:
        found = self.read(tmp_path, HEAD + ",symbol", "60,3,5,1,4,7,BTC-USD", "60,1,1,1,1,0,ETH-USD")

        assert found == {"BTC-USD": [[60, 3, 5, 1, 4, 7]], "ETH-USD": [[60, 1, 1, 1, 1, 0]]}

    @pytest.mark.parametrize(
        ("lines", "line", "problem"),
        [
            ([HEAD, "60,3,5,1,4,7", "120,x,5,1,4,7"], 3, "open is not a number: 'x'"),
            ([HEAD, "60,3,5,1,4,NaN"], 2, "volume is not a finite number: NaN"),
            ([HEAD, "60,3,5,1,4,-1"], 2, "volume is below zero: -1"),
            ([HEAD, "60,3,5,0,4,7"], 2, "prices must be above zero, low is 0"),
            ([HEAD, "60,3,5,3.5,4,7"], 2, "low 3.5 and high 5 do not enclose open 3 and close 4"),
            ([HEAD, "60,3,3.5,1,4,7"], 2, "low 1 and high 3.5 do not enclose open 3 and close 4"),
            ([HEAD, "soon,3,5,1,4,7"], 2, "time is neither in unix seconds nor in ISO 8601: 'soon'"),
            ([HEAD, "1700000000000,3,5,1,4,7"], 2, "time is not in unix seconds: 1700000000000"),
            ([HEAD, "60.5,3,5,1,4,7"], 2, "time is not a whole second: 60.5"),
            ([HEAD, "60,3,5,1,4"], 2, "5 values, but 6 columns"),
            ([HEAD, "", "60,3,5,1,4,7", "60,3,5,1,4,7"], 4, "the same time as in line 3"),
            ([HEAD, "60,3,5,1,4,7", "120,3,5,1,4,7", "190,3,5,1,4,7", "240,3,5,1,4,7", "300,3,5,1,4,7"], 4, "60 sec"),
            ([HEAD + ",symbol", "60,3,5,1,4,7,BTC-USDD"], 2, "no venue lists BTC-USDD"),
            (["time,open,high,low,volume", "60,3,5,1,7"], 1, "missing: close"),
            ([HEAD + ",open", "60,3,5,1,4,7,3"], 1, "the column open is there twice"),
        ],
        ids=lambda value: str(value)[:12] if isinstance(value, str) else None,
    )
    def test_what_is_wrong_is_told_with_file_and_line(
        self, tmp_path: Path, lines: list[str], line: int, problem: str
    ) -> None:
        with pytest.raises(ValueError, match=r"prices\.csv") as raised:
            self.read(tmp_path, *lines)

        assert str(raised.value).startswith(f"{tmp_path / 'prices.csv'}, line {line}: ")
        assert problem in str(raised.value)

    def test_a_file_without_candles(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"prices\.csv: no candles"):
            self.read(tmp_path, HEAD)
        with pytest.raises(ValueError, match="line 1: the first line must name the columns"):
            self.read(tmp_path, "")

    def test_a_file_that_is_no_text(self, tmp_path: Path) -> None:
        path = tmp_path / "prices.csv"
        path.write_bytes(b"\xff\xfe\x00")

        with pytest.raises(ValueError, match="not text in UTF-8"):
            read_candles(path, "BTC-USD")

    def test_the_process_says_it_in_one_line(self, tmp_path: Path) -> None:
        path = tmp_path / "prices.csv"
        path.write_text(HEAD + "\n60,3,5,1,4\n")

        ended = subprocess.run(
            [sys.executable, "-m", "paper_exchange", "--port", "0", "--control-port", "0", "--prices", str(path)],
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            timeout=30,
        )

        assert ended.returncode == 2
        assert ended.stderr.strip().endswith(f"cannot start: {path}, line 2: 5 values, but 6 columns")


class TestMaking:
    def made(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "paper_exchange.candles", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=180, check=True).stdout

    def test_the_seed_decides(self) -> None:
        first = self.made("--minutes", "300", "--seed", "7")

        assert self.made("--minutes", "300", "--seed", "7") == first
        assert self.made("--minutes", "300", "--seed", "8") != first

    def test_what_was_asked_for(self, tmp_path: Path) -> None:
        path = tmp_path / "made.csv"
        asked = ["--symbol", "BTC-USD", "--symbol", "ETH-USD", "--minutes", "3000", "--interval", "15"]
        path.write_text(self.made(*asked, "--start", "2026-03-01T00:07:00Z"))

        found = read_candles(path, "XRP-USD")

        assert list(found) == ["BTC-USD", "ETH-USD"]
        for candles in found.values():
            assert (candles.interval_s, len(candles.rows)) == (900, 200)
            assert candles.rows[0].time == 1772323200
        assert found["BTC-USD"].rows[-1].close == 84000

    def test_it_is_read_as_it_was_written(self, tmp_path: Path) -> None:
        rows = make_candles(7, all_instruments()["BTC-USD"], 60 * DAY, MINUTE, 500)
        path = tmp_path / "made.csv"
        with path.open("w") as file:
            write_candles(file, {"BTC-USD": rows})

        read = read_candles(path, "ETH-USD")["BTC-USD"].rows

        for before, after in zip(rows, read, strict=True):
            assert (after.time, after.open, after.high, after.low, after.close, after.volume) == (
                before.time,
                before.open,
                before.high,
                before.low,
                before.close,
                before.volume,
            )

    def test_it_moves_like_a_market(self) -> None:
        rows = make_candles(7, all_instruments()["BTC-USD"], 60 * DAY, MINUTE, 20_000)
        moves = [float(row.close / row.open) - 1 for row in rows]

        assert 0.0003 < stdev(moves) < 0.001
        assert 0.8 < rows[0].open / rows[-1].close < 1.25
        # An RSI of nine minutes reaches both of its ends: nine minutes in which nearly all moves go one way.
        nines = [moves[at : at + 9] for at in range(0, len(moves) - 9, 9)]
        for sign in (1, -1):
            one_way = [sum(max(sign * move, 0) for move in nine) / sum(map(abs, nine)) for nine in nines]
            assert sum(share > 0.7 for share in one_way) > len(nines) / 25

    @pytest.mark.parametrize(
        ("arguments", "problem"), [(["--symbol", "X-Y"], "X-Y is not one of"), (["--start", "soon"], "ISO 8601")]
    )
    def test_what_it_cannot_make(self, arguments: list[str], problem: str) -> None:
        with pytest.raises(subprocess.CalledProcessError) as raised:
            self.made(*arguments)

        assert raised.value.returncode == 2
        assert problem in " ".join(raised.value.stderr.split())
