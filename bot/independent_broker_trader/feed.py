"""The candles of one venue, asked for once for all accounts that trade there."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from bot.domain.errors import InvalidAmount, NijaError, RateLimited, VenueError
from bot.runtime.clock import MarketClock
from bot.trading_strategy import Candles, InvalidCandles

#: Seconds after a candle's end from when on it is asked for; clocks differ by less.
_SETTLE_S = 2.0
#: Seconds after a candle's end when it is taken for complete although none has begun after it: nothing was traded.
_SURE_AFTER_S = 10.0
#: What is waited for a late candle altogether, share of its length, and how often it is asked for again at the most.
_PATIENCE, _MOST_QUESTIONS = 0.25, 7


class CandleSource(Protocol):
    """A venue, as far as candles go; see :class:`bot.brokers.base.setup.Venue`."""

    def candles(self, symbol: str, interval_s: int, now: float | None = None) -> Any:
        """A frame of candles, oldest first. Raises VenueError, InvalidAmount."""


class FeedLate(NijaError):
    """The candle that should have closed last is not there yet; the text says which one."""


@dataclass(slots=True)
class _Known:
    """What is known of one symbol: the candles that closed at ``close``, or why they were not had."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    close: int = 0
    answer: Candles | NijaError | None = None


class CandleFeed:
    """Committed candles; safe to share between threads.

    Args:
        source: where they come from.
        interval_s: their length, seconds.
        clock: the market's.
    """

    def __init__(self, source: CandleSource, interval_s: int, clock: MarketClock) -> None:
        self._source = source
        self._interval_s = interval_s
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._pauses = _growing_pauses(interval_s)

    @property
    def settle_s(self) -> float:
        """Seconds after a candle's end from when on it is asked for."""
        return _SETTLE_S

    def last_close(self) -> int:
        """When the last candle closed that should be there by now, unix seconds."""
        return int(self._clock.time() - _SETTLE_S) // self._interval_s * self._interval_s

    def committed(self, symbol: str, close: int, stop: threading.Event) -> Candles:
        """The candles of a symbol up to one that closed at ``close`` (unix seconds) or later.

        A candle is complete once another one has begun after it: what a venue answers may trail. One that is late, and
        a venue that does not answer, are asked again a few times with growing pauses; what comes of it is the same for
        everybody who asks.

        Raises:
            FeedLate: it is not there yet.
            InvalidCandles: nothing can be decided on what is there: repeated, frozen, impossible.
            InvalidAmount: the venue does not list the symbol.
            VenueError: the venue did not answer.
        """
        known = self._known.setdefault(symbol, _Known())
        with known.lock:
            if known.close < close or known.answer is None:
                known.answer, known.close = self._ask_patiently(symbol, close, stop), close
            if isinstance(known.answer, NijaError):
                raise known.answer
            return known.answer

    def _ask_patiently(self, symbol: str, close: int, stop: threading.Event) -> Candles | NijaError:
        pauses = iter(self._pauses)
        while True:
            try:
                candles, complete = self._ask(symbol)
            except InvalidAmount as error:
                return error
            except (VenueError, InvalidCandles) as error:
                fault: NijaError = error
            else:
                if complete and candles.closed_at >= close:
                    return candles
                last = f"the last one that is there closed at {_utc(candles.closed_at)}"
                fault = FeedLate(f"{symbol}: the feed is late: a candle should have closed at {_utc(close)}, {last}")
            pause = next(pauses, None)
            if pause is None or self._clock.wait(stop, max(pause, self._wanted_pause(fault))):
                return fault

    def _ask(self, symbol: str) -> tuple[Candles, bool]:
        # By the time before the question: a candle that closes while it travels may have been read before its end.
        asked_at = self._clock.time()
        frame = self._source.candles(symbol, self._interval_s, asked_at)
        opened_meanwhile = (frame["time"] > asked_at) & (frame["time"] <= self._clock.time())
        candles = Candles(symbol, self._interval_s, frame[~opened_meanwhile], asked_at)
        another_began = bool(frame["time"].max() > candles.last_time)
        return candles, another_began or asked_at - candles.closed_at >= _SURE_AFTER_S

    def _wanted_pause(self, fault: NijaError) -> float:
        wanted = fault.retry_after_s if isinstance(fault, RateLimited) else 0.0
        return min(wanted, self._interval_s * _PATIENCE)


def _growing_pauses(interval_s: int) -> tuple[float, ...]:
    pauses: list[float] = []
    while len(pauses) < _MOST_QUESTIONS and sum(pauses) + _SETTLE_S * 2 ** len(pauses) <= interval_s * _PATIENCE:
        pauses.append(_SETTLE_S * 2 ** len(pauses))
    return tuple(pauses)


def _utc(unix_s: float) -> str:
    return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
