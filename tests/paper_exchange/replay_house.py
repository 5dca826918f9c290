"""All venues of the paper exchange on one file of candles, in this process, with a clock that a test moves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from paper_exchange.candles import all_instruments, make_candles
from paper_exchange.control import Control
from paper_exchange.core.accounts import Account
from paper_exchange.core.candle_files import CandleRows
from paper_exchange.core.candles import DAY, MINUTE, Candle, merge
from paper_exchange.core.clock import Clock
from paper_exchange.core.exchange import Exchange
from paper_exchange.core.orders import Order, OrderType, Side, Ticket
from paper_exchange.core.prices import FixedPrices, ReplayPrices
from paper_exchange.core.replay import Replay
from paper_exchange.core.world import World
from paper_exchange.venues import build_all

NOW = 1_800_000_015.25
FILE_START = 1_700_006_400
SYMBOL = "BTC-USD"
VENUES = ["kraken", "coinbase", "alpaca"]
GRANULARITIES = {1: "ONE_MINUTE", 5: "FIVE_MINUTE", 15: "FIFTEEN_MINUTE", 60: "ONE_HOUR", 1440: "ONE_DAY"}
TIMEFRAMES = {1: "1Min", 5: "5Min", 15: "15Min", 60: "1Hour", 1440: "1Day"}
Row = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]


def a_file(rows: int, interval_s: int = MINUTE, symbol: str = SYMBOL) -> list[Candle]:
    return make_candles(7, all_instruments()[symbol], FILE_START, interval_s, rows)


MINUTES = a_file(3000)


def values(rows: Sequence[Candle], shift: int = 0) -> list[Row]:
    return [(row.time + shift, row.open, row.high, row.low, row.close, row.volume) for row in rows]


class House:
    """All venues on one file, with a clock that a test moves; `at` moves it to a time in the file."""

    def __init__(self, rows: Sequence[Candle], speed: float, interval_s: int = MINUTE, now: float = NOW, **more: Any):
        self.now = self.opened_at = now
        found = {SYMBOL: CandleRows(interval_s, list(rows))} | more
        self.replay = Replay(found, speed, now)
        world = World(7, lambda _, first, __: ReplayPrices(self.replay, FixedPrices(7, first)), Clock(lambda: self.now))
        self.venues = build_all(world)
        for venue in self.venues.values():
            venue.exchange.settings.public_rate_per_s = None
        self._apps = {name: venue.app() for name, venue in self.venues.items()}
        self._control = Control(self.venues).app()
        self.market = self.venues["kraken"].exchange.market
        self.time = self.market.time

    def at(self, file_time: float) -> None:
        """A little past a time in the file: the clock's digits do not reach far enough to meet it."""
        wanted = file_time + self.time.shift
        self.now = self.opened_at + (wanted - self.time.began_at) / self.time.speed + 1e-6

    def step(self) -> None:
        for venue in self.venues.values():
            venue.exchange.market.step(self.now)

    def committed(self, venue: str, minutes: int = 1, since: int = 0) -> list[Row]:
        """The finished candles that a venue shows, oldest first, with the file's times."""
        market_time = self.control("/market-time")["time"]
        rows = self.shown(venue, minutes, since)
        return [row for row in rows if row[0] + self.time.shift + minutes * MINUTE <= market_time]

    def shown(self, venue: str, minutes: int = 1, since: int = 0) -> list[Row]:
        rows = getattr(self, f"_{venue}")(minutes, since + self.time.shift)
        return [(row[0] - self.time.shift, *row[1:]) for row in rows]

    def _kraken(self, minutes: int, since: int) -> Iterator[Row]:
        answer = self.ask(self._apps["kraken"], "/0/public/OHLC", pair="XBTUSD", interval=minutes, since=since - 1)
        for time, *prices, _average, volume, _count in answer["result"]["XXBTZUSD"]:
            opening, high, low, close = map(Decimal, prices)
            yield time, opening, high, low, close, Decimal(volume)

    def _coinbase(self, minutes: int, since: int) -> list[Row]:
        # Page after page from the newest on, as a client has to.
        path, length, found = f"/api/v3/brokerage/market/products/{SYMBOL}/candles", minutes * MINUTE, []
        end = int(self.control("/market-time")["time"])
        while end >= since:
            query = {"granularity": GRANULARITIES[minutes], "start": max(end - 300 * length, since), "end": end}
            answer = self.ask(self._apps["coinbase"], path, **query)
            rows = [{name: Decimal(value) for name, value in row.items()} for row in answer["candles"]]
            found += [
                (int(row["start"]), *(row[name] for name in ("open", "high", "low", "close", "volume"))) for row in rows
            ]
            if query["start"] <= self.replay.time.shift + FILE_START - DAY:
                break
            end = query["start"] - 1
        return found[::-1]

    def _alpaca(self, minutes: int, since: int) -> Iterator[Row]:
        query = {"symbols": "BTC/USD", "timeframe": TIMEFRAMES[minutes], "limit": 10_000}
        start = datetime.fromtimestamp(max(since, 0), UTC).isoformat()
        answer = self.ask(self._apps["alpaca"], "/v1beta3/crypto/us/bars", **query, start=start)
        assert answer["next_page_token"] is None
        for bar in answer["bars"].get("BTC/USD", []):
            time = int(datetime.fromisoformat(bar["t"]).timestamp())
            opening, high, low, close, volume = (bar[name] for name in "ohlcv")
            yield time, opening, high, low, close, volume

    def control(self, path: str) -> Any:
        return self.ask(self._control, path)

    def ask(self, app: Any, path: str, **query: Any) -> Any:
        return json.loads(asyncio.run(_get(app, path, urlencode(query).encode())), parse_float=Decimal)


async def _get(app: Any, path: str, query: bytes) -> bytes:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query}
    await app(
        scope | {"headers": [], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "scheme": "http"}, receive, send
    )
    assert sent[0]["status"] == 200, sent
    return b"".join(message.get("body", b"") for message in sent[1:])


def finished(rows: Sequence[Candle], house: House, minutes: int) -> list[Row]:
    """What of the file is finished by now, merged."""
    moment = house.time.at(house.now) - house.time.shift
    merged = merge(rows, minutes * MINUTE)
    return values([row for row in merged if row.time + minutes * MINUTE <= moment])


def page(venue: str, rows: list[Row]) -> list[Row]:
    """Of the finished candles, what the venue still shows: Kraken has 720 with the one that is forming."""
    return rows[-719:] if venue == "kraken" else rows


def buy(exchange: Exchange, now: float, limit_price: Decimal | None = None) -> Order:
    """An order for one coin by an account that is rich enough; `now` is when."""
    account = Account(f"rich{now}", "any")
    exchange.engine.deposit(account, "USD", Decimal(10_000_000))
    kind = OrderType.MARKET if limit_price is None else OrderType.LIMIT
    ticket = Ticket(
        instrument=exchange.instruments[SYMBOL],
        side=Side.BUY,
        order_type=kind,
        volume=Decimal(1),
        limit_price=limit_price,
    )
    return exchange.engine.place(account, ticket, Decimal(0))
