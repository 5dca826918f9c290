"""Candles as each venue has them become one kind of frame, and what is wrong with them stays to be seen."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
import talib

from bot.brokers.alpaca.candles import AlpacaBars, AlpacaCandles
from bot.brokers.alpaca.market import AlpacaMarket
from bot.brokers.candles import COLUMNS
from bot.brokers.coinbase.candles import CoinbaseCandles
from bot.brokers.coinbase.client import CoinbaseClient
from bot.brokers.kraken.candles import KrakenCandles
from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.limiter import Pacer
from bot.domain.errors import InvalidAmount, RateLimited, VenueError, VenueUnclear, VenueUnreachable
from bot.trading_strategy import Candles, InvalidCandles, exponential_moving_average, relative_strength_index
from tests.unit.brokers import kraken_data
from tests.unit.brokers.raw_server import Arrived, Peer, RawServer

SYMBOL = "BTC-USD"
_ASSETS = Path(__file__).resolve().parents[2] / "data" / "alpaca" / "bot_assets.json"
NOON = 1_790_000_100 // 900 * 900

Rows = list[list[Any]]


class Kraken:
    """Public Kraken with candles of one pair.

    Attributes:
        result: of OHLC.
        error: instead of it.
        asked: what OHLC was asked with.
    """

    def __init__(self, result: dict[str, Any]) -> None:
        self.result = result
        self.error = ""
        self.asked: list[dict[str, list[str]]] = []

    def __call__(self, peer: Peer, request: Arrived) -> bool:
        address = urlsplit(request.path)
        method = address.path.rpartition("/")[2]
        if method != "OHLC":
            return peer.answer_json({"error": [], "result": kraken_data.own(f"{method}.json")})
        self.asked.append(parse_qs(address.query) or parse_qs(request.body.decode()))
        if self.error:
            return peer.answer_json({"error": [self.error]})
        return peer.answer_json({"error": [], "result": self.result})


def rows_of(result: dict[str, Any]) -> Rows:
    """The rows of an OHLC answer."""
    found: Rows = next(rows for name, rows in result.items() if name != "last")
    return found


@pytest.fixture
def kraken() -> Kraken:
    return Kraken(kraken_data.own("ohlc_XXBTZUSD_1.json"))


@pytest.fixture
def kraken_pacer() -> Pacer:
    return Pacer(0.0001)


@pytest.fixture
def kraken_candles(kraken: Kraken, kraken_pacer: Pacer) -> Iterator[Callable[..., Any]]:
    with RawServer(kraken) as server:
        client = KrakenClient("", "", None, url=server.url)
        market = KrakenMarket(client, pacer=Pacer(0.0001))
        asker = KrakenCandles(client, market, kraken_pacer)
        yield lambda symbol=SYMBOL, interval_s=60: asker.candles(symbol, interval_s)
        client.close()


def trusted(frame: Any, interval_s: int = 60) -> Candles:
    """The frame as it is decided on, while its last candle is forming."""
    return Candles(SYMBOL, interval_s, frame, float(frame["time"].iloc[-1]) + 5)


class TestKraken:
    def test_all_that_was_answered_oldest_first(self, kraken: Kraken, kraken_candles: Callable[..., Any]) -> None:
        frame = kraken_candles()

        rows = rows_of(kraken.result)
        assert list(frame.columns) == list(COLUMNS)
        assert frame["time"].tolist() == [row[0] for row in rows]
        assert frame["close"].tolist() == [float(row[4]) for row in rows]
        assert frame["volume"].tolist() == [float(row[6]) for row in rows]
        assert kraken.asked == [{"pair": ["XBTUSD"], "interval": ["1"]}]

    def test_the_one_that_is_forming_is_named_and_left_out(
        self, kraken: Kraken, kraken_candles: Callable[..., Any]
    ) -> None:
        candles = trusted(kraken_candles())

        assert candles.last_time == kraken.result["last"]
        assert candles.notes == ("left out 1 still forming",)

    @pytest.mark.parametrize("source", ["recorded", "own"], ids=["721 real candles", "241 of their shape"])
    def test_indicators_on_them_are_talibs(
        self, source: str, kraken: Kraken, kraken_candles: Callable[..., Any]
    ) -> None:
        if source == "recorded":
            kraken.result = json.loads(json.dumps(kraken_data.recorded("live_2025-11/http_ohlc.json"), default=str))
        closes = pd.Series([float(row[4]) for row in rows_of(kraken.result)[:-1]])

        candles = trusted(kraken_candles())

        assert len(candles) == (720 if source == "recorded" else 240)
        for found, wanted in (
            (relative_strength_index(candles.close, 9), talib.RSI(closes, timeperiod=9)),
            (exponential_moving_average(candles.close, 9), talib.EMA(closes, timeperiod=9)),
        ):
            assert found.reset_index(drop=True).equals(wanted)

    def test_a_gap_is_noted(self, kraken: Kraken, kraken_candles: Callable[..., Any]) -> None:
        del rows_of(kraken.result)[100:102]

        assert [gap.missing for gap in trusted(kraken_candles()).gaps] == [2]

    def test_a_repetition_is_refused(self, kraken: Kraken, kraken_candles: Callable[..., Any]) -> None:
        rows = rows_of(kraken.result)
        rows.insert(100, list(rows[100]))

        with pytest.raises(InvalidCandles, match="is there twice"):
            trusted(kraken_candles())

    def test_a_price_that_is_none_is_refused(self, kraken: Kraken, kraken_candles: Callable[..., Any]) -> None:
        rows_of(kraken.result)[100][4] = "n/a"

        with pytest.raises(InvalidCandles, match=r"close of the candle at .* is no finite number"):
            trusted(kraken_candles())

    def test_none_at_all(self, kraken: Kraken, kraken_candles: Callable[..., Any]) -> None:
        rows_of(kraken.result).clear()

        frame = kraken_candles()

        assert (len(frame), list(frame.columns)) == (0, list(COLUMNS))

    @pytest.mark.parametrize("result", [{"last": 1}, {"XXBTZUSD": [[1, "2"]], "last": 1}], ids=["no pair", "short row"])
    def test_what_cannot_be_read_is_unclear(
        self, result: dict[str, Any], kraken: Kraken, kraken_candles: Callable[..., Any]
    ) -> None:
        kraken.result = result

        with pytest.raises(VenueUnclear):
            kraken_candles()

    def test_errors_are_ours(self, kraken: Kraken, kraken_candles: Callable[..., Any], kraken_pacer: Pacer) -> None:
        kraken.error = "EService:Unavailable"
        with pytest.raises(VenueUnclear, match="Unavailable"):
            kraken_candles()

        kraken.error = "EGeneral:Too many requests"
        with pytest.raises(RateLimited):
            kraken_candles()

        assert len(kraken.asked) == 2

    def test_nothing_is_said_of_what_pandas_will_not_have(self, kraken_candles: Callable[..., Any]) -> None:
        with warnings.catch_warnings(record=True) as said:
            kraken_candles()
        assert [str(one.message) for one in said] == []

    def test_many_in_a_second_are_no_error(self, kraken: Kraken, kraken_candles: Callable[..., Any]) -> None:
        for _ in range(3):
            kraken_candles()

        assert len(kraken.asked) == 3

    def test_a_symbol_or_a_length_that_is_not_there(self, kraken_candles: Callable[..., Any]) -> None:
        with pytest.raises(InvalidAmount, match="XYZ"):
            kraken_candles("XYZ-USD")
        with pytest.raises(InvalidAmount, match="Kraken has no candles of 120 s"):
            kraken_candles(SYMBOL, 120)


class FakeCoinbase:
    """Answers questions for candles of one product as Coinbase does: newest first, up to 349.

    Attributes:
        missing: openings of candles without a trade.
    """

    def __init__(self, since: int = 0) -> None:
        self.since = since
        self.missing: set[int] = set()
        self.asked: list[tuple[str, Any]] = []
        self.answer: Any = None

    def get_public(self, path: str, params: Any = None) -> dict[str, Any]:
        self.asked.append((path, params))
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return dict(self.answer)
        start, end = int(params["start"]), int(params["end"])
        assert params["granularity"] == "FIFTEEN_MINUTE"
        assert (end - start) / 900 < 350
        opens = [at for at in range(start, end + 1, 900) if at >= self.since and at not in self.missing]
        return {"candles": [_coinbase_row(at) for at in reversed(opens)]}


def _coinbase_row(at: int) -> dict[str, str]:
    return {"start": str(at), "low": "1", "high": "4", "open": "2", "close": "3", "volume": "5.5"}


class FakeListing:
    """A market that lists one symbol."""

    def ensure_loaded(self) -> None: ...

    def product(self, symbol: str) -> Any:
        if symbol != SYMBOL:
            raise InvalidAmount(f"unknown symbol {symbol}")
        return type("Product", (), {"product_id": "BTC-USD"})


def coinbase_candles(client: FakeCoinbase) -> CoinbaseCandles:
    return CoinbaseCandles(client, FakeListing(), Pacer(0.0001))  # type: ignore[arg-type]


class TestCoinbase:
    def test_pages_are_put_together_oldest_first(self) -> None:
        client = FakeCoinbase()

        frame = coinbase_candles(client).candles(SYMBOL, 900, NOON + 100.0)

        assert frame["time"].tolist() == [NOON - 900 * number for number in reversed(range(720))]
        assert frame.iloc[0].tolist()[1:] == ["2", "4", "1", "3", "5.5"]
        assert {path for path, _ in client.asked} == {"/market/products/BTC-USD/candles"}
        assert len(client.asked) == 3
        assert trusted(frame, 900).gaps == ()

    def test_a_product_that_is_new_ends_the_questions(self) -> None:
        client = FakeCoinbase(since=NOON - 900 * 4)

        frame = coinbase_candles(client).candles(SYMBOL, 900, float(NOON))

        assert (len(frame), len(client.asked)) == (5, 2)

    def test_candles_without_a_trade_are_gaps(self) -> None:
        client = FakeCoinbase()
        client.missing = {NOON - 900 * 5, NOON - 900 * 400}

        frame = coinbase_candles(client).candles(SYMBOL, 900, float(NOON))

        assert [gap.missing for gap in trusted(frame, 900).gaps] == [1, 1]

    @pytest.mark.parametrize(
        "answer",
        [{}, {"candles": None}, {"candles": [[1, 2]]}, {"candles": [{"start": "noon"}]}],
        ids=["no list", "null", "no object", "no time"],
    )
    def test_what_cannot_be_read_is_unclear(self, answer: Any) -> None:
        client = FakeCoinbase()
        client.answer = answer

        with pytest.raises(VenueUnclear):
            coinbase_candles(client).candles(SYMBOL, 900, float(NOON))

    def test_a_rate_limit_keeps_everybody_from_asking(self) -> None:
        client, pacer = FakeCoinbase(), Pacer(5.0)
        client.answer = RateLimited("too many", 1.0)

        with pytest.raises(RateLimited):
            CoinbaseCandles(client, FakeListing(), pacer).candles(SYMBOL, 900, float(NOON))  # type: ignore[arg-type]

        assert pacer.delay() > 4.0

    def test_a_symbol_or_a_length_that_is_not_there(self) -> None:
        with pytest.raises(InvalidAmount, match="XYZ"):
            coinbase_candles(FakeCoinbase()).candles("XYZ-USD", 900, float(NOON))
        with pytest.raises(InvalidAmount, match="Coinbase has no candles of 120 s"):
            coinbase_candles(FakeCoinbase()).candles(SYMBOL, 120, float(NOON))

    def test_through_the_sdk(self) -> None:
        def venue(peer: Peer, request: Arrived) -> bool:
            assert request.path.startswith("/api/v3/brokerage/market/products/BTC-USD/candles?")
            asked = parse_qs(urlsplit(request.path).query)
            first = int(asked["start"][0])
            return peer.answer_json({"candles": [_coinbase_row(first)] if first <= NOON - 900 * 600 else []})

        with RawServer(venue) as server:
            client = CoinbaseClient("", "", url=server.url)
            asker = CoinbaseCandles(client, FakeListing(), Pacer(0.0001))  # type: ignore[arg-type]
            assert len(asker.candles(SYMBOL, 900, float(NOON))) == 0
            client.close()


class Alpaca:
    """Alpaca's market data with bars of one pair, two pages of them."""

    def __init__(self) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.bars: list[Any] = [_bar(NOON - 900 * number) for number in (2, 1, 0)]
        self.status = "200 OK"

    def __call__(self, peer: Peer, request: Arrived) -> bool:
        address = urlsplit(request.path)
        assert address.path == "/v1beta3/crypto/us/bars"
        asked = parse_qs(address.query)
        self.asked.append(asked)
        if self.status != "200 OK":
            return peer.answer_json({"message": "no"}, self.status)
        page, token = (self.bars[:2], "next") if "page_token" not in asked else (self.bars[2:], None)
        return peer.answer_json({"bars": {"BTC/USD": page} if self.bars else {}, "next_page_token": token})


def _bar(at: int) -> dict[str, Any]:
    opened = datetime.fromtimestamp(at).astimezone().isoformat()
    return {"t": opened, "o": 2.5, "h": 4, "l": 1, "c": 3, "v": 5.5, "n": 7, "vw": 2.2}


@pytest.fixture
def alpaca() -> Alpaca:
    return Alpaca()


@pytest.fixture
def alpaca_candles(alpaca: Alpaca) -> Iterator[AlpacaCandles]:
    with RawServer(alpaca) as server:
        bars = AlpacaBars(url=server.url)
        market = AlpacaMarket(bars, Decimal(10))
        market.ensure_loaded(lambda: json.loads(_ASSETS.read_text(encoding="utf-8"), parse_float=Decimal))
        yield AlpacaCandles(bars, market, Pacer(0.0001))
        bars.close()


class TestAlpaca:
    def test_pages_are_put_together(self, alpaca: Alpaca, alpaca_candles: AlpacaCandles) -> None:
        frame = alpaca_candles.candles(SYMBOL, 900, NOON + 100.0)

        assert frame["time"].tolist() == [NOON - 1800, NOON - 900, NOON]
        assert frame.iloc[0].tolist()[1:] == [Decimal("2.5"), 4, 1, 3, Decimal("5.5")]
        first = alpaca.asked[0]
        assert (first["symbols"], first["timeframe"]) == (["BTC/USD"], ["15Min"])
        assert datetime.fromisoformat(first["start"][0]).timestamp() == NOON - 719 * 900

    @pytest.mark.parametrize(("interval_s", "name"), [(60, "1Min"), (1800, "30Min"), (3600, "1Hour"), (86_400, "1Day")])
    def test_lengths(self, interval_s: int, name: str, alpaca: Alpaca, alpaca_candles: AlpacaCandles) -> None:
        alpaca_candles.candles(SYMBOL, interval_s, float(NOON))

        assert alpaca.asked[0]["timeframe"] == [name]

    def test_none_at_all(self, alpaca: Alpaca, alpaca_candles: AlpacaCandles) -> None:
        alpaca.bars = []

        assert len(alpaca_candles.candles(SYMBOL, 900, float(NOON))) == 0

    @pytest.mark.parametrize("bar", [{"t": "noon"}, {}, [1]], ids=["no time", "empty", "no object"])
    def test_what_cannot_be_read_is_unclear(self, bar: Any, alpaca: Alpaca, alpaca_candles: AlpacaCandles) -> None:
        alpaca.bars = [bar]

        with pytest.raises(VenueUnclear):
            alpaca_candles.candles(SYMBOL, 900, float(NOON))

    @pytest.mark.parametrize(
        ("status", "error"),
        [("503 Service Unavailable", VenueUnclear), ("429 Too Many Requests", RateLimited)],
        ids=["down", "too many"],
    )
    def test_errors_are_ours(
        self, status: str, error: type[VenueError], alpaca: Alpaca, alpaca_candles: AlpacaCandles
    ) -> None:
        alpaca.status = status

        with pytest.raises(error):
            alpaca_candles.candles(SYMBOL, 900, float(NOON))

        assert len(alpaca.asked) == 1

    def test_a_symbol_or_a_length_that_is_not_there(self, alpaca_candles: AlpacaCandles) -> None:
        with pytest.raises(InvalidAmount, match="XYZ"):
            alpaca_candles.candles("XYZ-USD", 900, float(NOON))
        with pytest.raises(InvalidAmount, match="Alpaca has no candles of 120 s"):
            alpaca_candles.candles(SYMBOL, 120, float(NOON))

    def test_pairs_that_nobody_asked_for_yet_are_not_taken_for_unlisted(self) -> None:
        bars = AlpacaBars(url="http://127.0.0.1:9")
        market = AlpacaMarket(bars, Decimal(10))

        with pytest.raises(VenueUnreachable):
            AlpacaCandles(bars, market, Pacer(0.0001)).candles(SYMBOL, 900, float(NOON))
