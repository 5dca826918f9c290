"""Quotes, the book around them, and the tape of trades, symbol by symbol."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from paper_exchange.core.candles import Candles
from paper_exchange.core.clock import Clock
from paper_exchange.core.instruments import Instrument
from paper_exchange.core.orders import ZERO, Side
from paper_exchange.core.prices import PriceSource

LEVELS = 10
_SPREAD_SHARE = Decimal("0.0001")
_LEVEL_SHARE = Decimal("0.0001")
_TAPE_LENGTH = 1000
_FIRST_TRADES = 20


class TapeTrade(NamedTuple):
    """One public trade; `side` is the taker's, `time` in unix seconds."""

    number: int
    price: Decimal
    volume: Decimal
    time: float
    side: Side
    market: bool


class Level(NamedTuple):
    """One price of the book and the base volume there, `None` for any amount."""

    price: Decimal
    volume: Decimal | None


class Quote:
    """The market of one symbol: `price` is the middle, `spread` in quote (`None`: one hundredth of a percent).

    `depth` is the base volume at each of ten levels; `None` means that any size trades at the best price.
    """

    def __init__(self, instrument: Instrument, price: Decimal, candles: Candles) -> None:
        self.instrument = instrument
        self.candles = candles
        self.spread: Decimal | None = None
        self.depth: Decimal | None = None
        self.tape: deque[TapeTrade] = deque(maxlen=_TAPE_LENGTH)
        self.changes: deque[tuple[float, Decimal, Decimal]] = deque(maxlen=_TAPE_LENGTH)
        self.set_price(price)
        self.last = self.price
        self.last_volume = instrument.minimum_size

    def set_price(self, price: Decimal) -> None:
        """Moves the middle; bid and ask follow on the price step."""
        instrument = self.instrument
        self.price = instrument.round_price(price)
        spread = self.price * _SPREAD_SHARE if self.spread is None else self.spread
        wide = (spread / instrument.price_step).to_integral_value()
        if self.spread is None:
            wide = max(wide, Decimal(1))
        below = (wide / 2).to_integral_value() * instrument.price_step
        self.bid = max(self.price - below, instrument.price_step)
        self.ask = self.bid + wide * instrument.price_step

    def levels(self, side: Side) -> list[Level]:
        """What a taker of this side meets, best first: asks for a buy, bids for a sell."""
        best = self.ask if side is Side.BUY else self.bid
        if self.depth is None:
            return [Level(best, None)]
        step = self.level_step if side is Side.BUY else -self.level_step
        prices = (best + step * level for level in range(LEVELS))
        return [Level(price, self.depth) for price in prices if price > 0]

    @property
    def level_step(self) -> Decimal:
        """How far the levels of the book are apart, in quote."""
        return self.instrument.round_price(self.price * _LEVEL_SHARE)


class Market:
    """All quotes. Whoever wants to know of moves appends a callable to `listeners`; it is given the symbol.

    `time` is the time that candles live in; quotes follow it at every step.
    """

    def __init__(self, instruments: Mapping[str, Instrument], source: PriceSource, clock: Clock, seed: int) -> None:
        self._clock = clock
        self._source = source
        self._random = random.Random(seed + 1)
        self._next_trade = 100_000_000
        self.held = False
        self.listeners: list[Callable[[str], None]] = []
        now = clock.now()
        self.time = source.market_time(now)
        self.quotes = {
            symbol: Quote(instrument, source.first_price(symbol), source.candles(instrument, self.time))
            for symbol, instrument in instruments.items()
        }
        for quote in self.quotes.values():
            for age in range(_FIRST_TRADES, 0, -1):
                self._synthetic_trade(quote, now - age)

    def step(self, now: float | None = None) -> None:
        """Lets prices move by the time that has passed, unless they are held.

        `now` is for venues that quote the same prices: they are to move at the very same unix time.
        """
        if self.held:
            return
        current = {symbol: quote.price for symbol, quote in self.quotes.items()}
        for symbol, price in self._source.step(self._clock.now() if now is None else now, current):
            self._move(symbol, price)
            self._synthetic_trade(self.quotes[symbol], self._clock.now())
            self._tell(symbol)

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Puts the middle of a symbol at a price at once, held or not."""
        self._move(symbol, price)
        quote = self.quotes[symbol]
        self.record(quote, quote.price, quote.instrument.minimum_size, Side.BUY, market=True)
        self._tell(symbol)

    def refresh(self, symbol: str) -> None:
        """Sets bid and ask anew after spread or depth changed."""
        self._move(symbol, self.quotes[symbol].price)
        self._tell(symbol)

    def record(self, quote: Quote, price: Decimal, volume: Decimal, side: Side, *, market: bool) -> int:
        """Puts a trade at the present quote on the tape and answers its number."""
        return self._record_at(quote, price, volume, side, self._clock.now(), market)

    def record_passed(self, quote: Quote, price: Decimal, volume: Decimal, side: Side) -> int:
        """Puts a trade on the tape at a price that the quote has passed already, so that the last price stays."""
        self._next_trade += 1
        quote.tape.append(TapeTrade(self._next_trade, price, volume, self._clock.now(), side, market=True))
        return self._next_trade

    def value_in(self, asset: str, currency: str) -> Decimal:
        """What one unit of an asset is worth in a currency, zero if no market tells."""
        if asset == currency:
            return Decimal(1)
        direct = self.quotes.get(f"{asset}-{currency}")
        if direct is not None:
            return direct.last
        inverse = self.quotes.get(f"{currency}-{asset}")
        if inverse is not None:
            return 1 / inverse.last
        through = self.quotes.get(f"{asset}-USD"), self.quotes.get(f"{currency}-USD")
        return through[0].last / through[1].last if through[0] and through[1] else ZERO

    def _move(self, symbol: str, price: Decimal) -> None:
        quote = self.quotes[symbol]
        quote.set_price(price)
        quote.changes.append((self._clock.now(), quote.bid, quote.ask))

    def _synthetic_trade(self, quote: Quote, when: float) -> None:
        side = Side.BUY if self._random.random() < 0.5 else Side.SELL
        price = quote.ask if side is Side.BUY else quote.bid
        volume = quote.instrument.round_size_down(
            quote.instrument.minimum_size * Decimal(1 + 20 * self._random.random())
        )
        self._record_at(quote, price, volume, side, when, True)

    def _record_at(self, quote: Quote, price: Decimal, volume: Decimal, side: Side, when: float, market: bool) -> int:
        self._next_trade += 1
        quote.last, quote.last_volume = price, volume
        quote.tape.append(TapeTrade(self._next_trade, price, volume, when, side, market))
        quote.candles.add_price(when, price, volume)
        return self._next_trade

    def _tell(self, symbol: str) -> None:
        for listener in self.listeners:
            listener(symbol)
