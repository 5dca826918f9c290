"""What Alpaca tells of pairs and prices, asked once for all accounts of the process.

Prices need no key and are kept fresh in the background. The list of pairs needs one: whichever account asks first has
it for all, in its own lane.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bot.brokers.alpaca.client import AlpacaPrices
from bot.brokers.alpaca.limits import PRICE_INTERVAL_S
from bot.brokers.alpaca.parse import AlpacaAsset, Quote, parse_assets, parse_quotes, symbol_table
from bot.brokers.limiter import Pacer
from bot.brokers.symbols import SymbolTable
from bot.domain.errors import InvalidAmount, RateLimited, VenueError, VenueRejected, VenueUnclear
from bot.domain.instruments import Instrument
from bot.domain.money import DOLLARS
from bot.domain.ports import Clock
from bot.runtime.clock import SystemClock

_log = logging.getLogger("nija.alpaca")

#: Names in one question for prices: they travel in the address of a GET.
_NAMES_A_CALL = 100
#: Seconds between two looks at what is due.
_LOOK_S = 0.5
#: Seconds that an account waits for the list that another one is asking for, before it asks itself.
_LIST_PATIENCE_S = 2.0


@dataclass(frozen=True)
class _Listing:
    assets: Mapping[str, AlpacaAsset] = field(default_factory=dict)
    by_id: Mapping[str, AlpacaAsset] = field(default_factory=dict)
    table: SymbolTable = field(default_factory=lambda: SymbolTable(()))


class AlpacaMarket:
    """Pairs, spellings and prices; safe to share between threads.

    Reads return what is known and never wait for a request that is under way.

    Args:
        prices: asks for prices.
        minimum_order_usd: the smallest buy of a pair quoted in dollars.
        clock: where time comes from.
        pacer: at most about three questions for prices a second go out by default.
        quote_interval_s: how old watched prices get before the background asks again.
        instrument_interval_s: how old pairs get.
    """

    def __init__(
        self,
        prices: AlpacaPrices,
        minimum_order_usd: Decimal,
        clock: Clock | None = None,
        pacer: Pacer | None = None,
        *,
        quote_interval_s: float = 2.0,
        instrument_interval_s: float = 86_400.0,
    ) -> None:
        self._prices = prices
        self._minimum_order_usd = minimum_order_usd
        self._clock = clock or SystemClock()
        self._pacer = pacer or Pacer(PRICE_INTERVAL_S, self._clock)
        self._quote_interval_s = quote_interval_s
        self._instrument_interval_s = instrument_interval_s
        self._listing = _Listing()
        self._listed_at: float | None = None
        self._list_lock = threading.Lock()
        self._refresh_asked = threading.Event()
        self._quotes: Mapping[str, tuple[Quote, float]] = {}
        self._quotes_asked_at: float | None = None
        self._watched: frozenset[str] = frozenset()
        self._watching = threading.Lock()
        self._asking = threading.Lock()

    # -- pairs and names -----------------------------------------------------------------------------------------

    def ensure_loaded(self, ask: Callable[[], Any]) -> None:
        """Ask for the pairs unless they are known.

        Args:
            ask: has the venue's list, with the key of the account that asks.

        Raises:
            VenueError: they could not be had.
        """
        if self.loaded:
            return
        # An account whose call hangs, or whose key is refused, must not keep the others from asking.
        locked = self._list_lock.acquire(timeout=_LIST_PATIENCE_S)
        try:
            if not self.loaded:
                self._load(ask)
        finally:
            if locked:
                self._list_lock.release()

    def refresh_if_due(self, ask: Callable[[], Any]) -> None:
        """Ask for the pairs again where their time has come and nobody else is asking.

        Raises:
            VenueError: they could not be had; what was known stays.
        """
        if self.refresh_due() and self._list_lock.acquire(blocking=False):
            try:
                if self.refresh_due():
                    self._load(ask)
            finally:
                self._list_lock.release()

    def request_instrument_refresh(self) -> None:
        """Have the pairs asked for at the next occasion, because something they say proved wrong."""
        self._refresh_asked.set()

    def refresh_due(self) -> bool:
        """Whether pairs should be asked for: on request, for their age, or because they are not known."""
        return self._refresh_asked.is_set() or self._is_due(self._listed_at, self._instrument_interval_s)

    @property
    def loaded(self) -> bool:
        """Whether the pairs are known."""
        return self._listed_at is not None

    @property
    def symbols(self) -> tuple[str, ...]:
        """All canonical symbols."""
        return self._listing.table.symbols

    def canonical(self, text: str) -> str:
        """The canonical symbol of any spelling.

        Raises:
            InvalidAmount: not listed; the text names what looks like it.
        """
        return self._listing.table.canonical(text)

    def asset(self, symbol: str) -> AlpacaAsset:
        """The pair of a symbol in any spelling.

        Raises:
            InvalidAmount: not listed.
        """
        listing = self._listing
        return listing.assets.get(symbol) or listing.assets[listing.table.canonical(symbol)]

    def instrument(self, symbol: str) -> Instrument:
        """Steps and minimums of a symbol in any spelling.

        Raises:
            InvalidAmount: not listed.
        """
        return self.asset(symbol).instrument

    def coin_of(self, asset_id: str, symbol: str) -> str:
        """The code of a position's coin, by the id of its pair or by its spelling, ``BTCUSD``, listed or not."""
        listing = self._listing
        known = listing.by_id.get(asset_id)
        if known is not None:
            return known.instrument.base
        try:
            return listing.assets[listing.table.canonical(symbol)].instrument.base
        except InvalidAmount:
            return symbol.partition("/")[0].removesuffix(DOLLARS[0]) or symbol

    # -- prices --------------------------------------------------------------------------------------------------

    def watch(self, symbol: str) -> None:
        """Have the background keep the price of a symbol fresh from now on."""
        if symbol not in self._watched:
            with self._watching:
                self._watched |= {symbol}

    def quote(self, symbol: str) -> Quote | None:
        """The last known prices of a canonical symbol; None before the first."""
        known = self._quotes.get(symbol)
        return known[0] if known else None

    def fresh_quote(self, symbol: str, max_age_s: float) -> Quote:
        """Prices no older than ``max_age_s``, asked for when there are none.

        Raises:
            InvalidAmount: not listed.
            VenueError: they could not be had.
        """
        canonical = self.asset(symbol).instrument.symbol
        quote = self._young_quote(canonical, max_age_s)
        if quote is None:
            with self._asking:
                # Somebody else may have asked while this one waited.
                if self._young_quote(canonical, max_age_s) is None:
                    self._refresh_quotes({canonical, *self._watched})
            quote = self._young_quote(canonical, max_age_s)
        if quote is None:
            raise VenueUnclear(f"Alpaca has no price for {canonical} now")
        return quote

    def refresh_quotes(self, symbols: Iterable[str] | None = None) -> None:
        """Ask for prices now, of canonical symbols or of all watched ones, in one call for about 100 of them.

        Raises:
            VenueError: they could not be had; what was known stays.
        """
        with self._asking:
            self._refresh_quotes(self._watched if symbols is None else symbols)

    # -- in the background ---------------------------------------------------------------------------------------

    def keep_fresh(self, stop: threading.Event) -> None:
        """Keep the prices fresh until ``stop`` is set; the body of a background thread. Failures are logged."""
        while not stop.wait(_LOOK_S):
            if self._watched and self._is_due(self._quotes_asked_at, self._quote_interval_s):
                try:
                    self.refresh_quotes()
                except VenueError as error:
                    _log.warning("Alpaca's prices were not had, what was known stays: %s", error)
                except Exception:
                    _log.exception("Alpaca's prices cannot be read, what was known stays")

    def close(self) -> None:
        """Close the connection."""
        self._prices.close()

    # -- asking, with the lock held ------------------------------------------------------------------------------

    def _load(self, ask: Callable[[], Any]) -> None:
        # Cleared first: a wish that comes while the pairs travel is about the old ones.
        self._refresh_asked.clear()
        try:
            assets = parse_assets(ask(), self._minimum_order_usd)
            if not assets:
                raise VenueUnclear("Alpaca lists no pair that can be read")
        except VenueError:
            self._refresh_asked.set()
            raise
        self._listing = _Listing(
            {asset.instrument.symbol: asset for asset in assets},
            {asset.asset_id: asset for asset in assets},
            symbol_table(assets),
        )
        self._listed_at = self._now()

    def _refresh_quotes(self, symbols: Iterable[str]) -> None:
        self._quotes_asked_at = self._now()
        assets = self._listing.assets
        names = sorted(assets[symbol].name for symbol in set(symbols) if symbol in assets)
        for start in range(0, len(names), _NAMES_A_CALL):
            self._refresh_some(names[start : start + _NAMES_A_CALL])

    def _refresh_some(self, names: list[str]) -> None:
        asked_at = self._now()
        try:
            answer = self._ask(names)
        except RateLimited:
            raise
        except VenueRejected as error:
            # One name that market data do not know refuses them all.
            if len(names) == 1:
                _log.warning("Alpaca has no price of %s: %s", names[0], error)
                self._forget(names[0])
                return
            half = len(names) // 2
            self._refresh_some(names[:half])
            self._refresh_some(names[half:])
            return
        quotes = parse_quotes(answer, self._listing.table)
        self._quotes = {**self._quotes, **{symbol: (quote, asked_at) for symbol, quote in quotes.items()}}

    def _forget(self, name: str) -> None:
        with self._watching:
            self._watched -= {self._listing.table.canonical(name)}

    def _ask(self, names: list[str]) -> Any:
        self._pacer.acquire()
        try:
            return self._prices.latest_quotes(names)
        except RateLimited:
            # The address is shared with whatever else runs there.
            self._pacer.exhaust()
            raise

    def _young_quote(self, symbol: str, max_age_s: float) -> Quote | None:
        known = self._quotes.get(symbol)
        return known[0] if known and self._now() - known[1] <= max_age_s else None

    def _is_due(self, at: float | None, interval_s: float) -> bool:
        return at is None or self._now() - at >= interval_s

    def _now(self) -> float:
        return self._clock.monotonic_ns() / 1e9
