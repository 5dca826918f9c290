"""What Kraken tells everybody: pairs, names and prices, asked once for all accounts of the process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.limits import PUBLIC_INTERVAL_S
from bot.brokers.kraken.parse import KrakenPair, Quote, parse_asset_names, parse_pairs, parse_ticker, symbol_table
from bot.brokers.limiter import Pacer
from bot.brokers.symbols import SymbolTable
from bot.domain.errors import RateLimited, VenueError, VenueRejected, VenueUnclear
from bot.domain.instruments import Instrument
from bot.domain.money import DOLLARS, ONE
from bot.domain.ports import Clock
from bot.runtime.clock import SystemClock

_log = logging.getLogger("nija.kraken")

Action = Literal["instruments", "quotes"]

#: Names in one question for prices: they travel in the address of a GET.
_NAMES_A_CALL = 200
#: Seconds between two looks at what is due.
_LOOK_S = 0.5


@dataclass(frozen=True)
class _Listing:
    names: Mapping[str, str] = field(default_factory=dict)
    pairs: Mapping[str, KrakenPair] = field(default_factory=dict)
    table: SymbolTable = field(default_factory=lambda: SymbolTable(()))


#: Seconds for which a listing that could not be had is not asked for again.
_FAILED_FOR_S = 5.0
#: Seconds that other accounts wait for the first one's answer.
_PROBE_S = 2.0


class KeyInfoProbe:
    """Whether a server has the method that tells what a key may do: asked with one account, known to all."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._answered = threading.Event()
        self.missing = False

    def is_mine(self) -> bool:
        """Whether the caller should ask now; everybody else waits up to two seconds for what the first one hears."""
        if self._answered.is_set() or self._asking.acquire(blocking=False):
            return not self.missing
        self._answered.wait(_PROBE_S)
        return not self.missing

    def heard(self, missing: bool) -> None:
        """What the server answered."""
        self.missing = missing
        self._answered.set()


class KrakenMarket:
    """Pairs, spellings and prices; safe to share between threads.

    Reads return what is known and never wait for a request that is under way.

    Args:
        client: asks the public methods; needs no key.
        clock: where time comes from.
        pacer: at most one public call a second goes out by default.
        quote_interval_s: how old watched prices get before the background asks again.
        instrument_interval_s: how old pairs get.
    """

    def __init__(
        self,
        client: KrakenClient,
        clock: Clock | None = None,
        pacer: Pacer | None = None,
        *,
        quote_interval_s: float = 2.0,
        instrument_interval_s: float = 86_400.0,
    ) -> None:
        self._client = client
        self._clock = clock or SystemClock()
        self._pacer = pacer or Pacer(PUBLIC_INTERVAL_S, self._clock)
        self._quote_interval_s = quote_interval_s
        self._instrument_interval_s = instrument_interval_s
        self._asking = threading.Lock()
        self._listing = _Listing()
        self._listed_at: float | None = None
        self._failure: VenueError | None = None
        self._failed_at = 0.0
        self.key_info = KeyInfoProbe()
        self._quotes: Mapping[str, tuple[Quote, float]] = {}
        self._quotes_asked_at: float | None = None
        self._watched: frozenset[str] = frozenset()
        self._watching = threading.Lock()
        self._refresh_asked = threading.Event()

    # -- pairs and names -----------------------------------------------------------------------------------------

    def load(self) -> None:
        """Ask for assets and pairs now.

        Raises:
            VenueError: they could not be had; what was known stays.
        """
        with self._asking:
            self._load()

    def ensure_loaded(self) -> None:
        """Ask for assets and pairs unless they are known.

        Raises:
            VenueError: they could not be had.
        """
        if self._listed_at is None:
            with self._asking:
                if self._listed_at is None:
                    self._load_or_fail_again()

    def _load_or_fail_again(self) -> None:
        # Hundreds of accounts start at the same time: what just failed for one is not asked for again by the next.
        if self._failure is not None and self._now() - self._failed_at < _FAILED_FOR_S:
            raise self._failure
        try:
            self._load()
        except VenueError as error:
            self._failure, self._failed_at = error, self._now()
            raise

    def refresh_instruments(self) -> None:
        """:meth:`load`, by the name of what it is for: minimums and states of pairs change without notice."""
        self.load()

    def request_instrument_refresh(self) -> None:
        """Have the background ask for pairs at its next look, because something they say proved wrong."""
        self._refresh_asked.set()

    @property
    def asset_names(self) -> Mapping[str, str]:
        """Kraken's asset id -> code, ``XXBT`` -> BTC."""
        return self._listing.names

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

    def pair(self, symbol: str) -> KrakenPair:
        """The pair of a symbol in any spelling.

        Raises:
            InvalidAmount: not listed.
        """
        listing = self._listing
        return listing.pairs.get(symbol) or listing.pairs[listing.table.canonical(symbol)]

    def instrument(self, symbol: str) -> Instrument:
        """Steps and minimums of a symbol in any spelling.

        Raises:
            InvalidAmount: not listed.
        """
        return self.pair(symbol).instrument

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

    def quote_age(self, symbol: str) -> float | None:
        """Seconds since the known prices were asked for; None before the first."""
        known = self._quotes.get(symbol)
        return self._now() - known[1] if known else None

    def fresh_quote(self, symbol: str, max_age_s: float) -> Quote:
        """Prices no older than ``max_age_s``, asked for when there are none.

        Raises:
            InvalidAmount: not listed.
            VenueError: they could not be had.
        """
        canonical = self.pair(symbol).instrument.symbol
        quote = self._young_quote(canonical, max_age_s)
        if quote is None:
            with self._asking:
                # Somebody else may have asked while this one waited.
                if self._young_quote(canonical, max_age_s) is None:
                    self._refresh_quotes({canonical, *self._watched})
            quote = self._young_quote(canonical, max_age_s)
        if quote is None:
            raise VenueUnclear(f"Kraken has no price for {canonical} now")
        return quote

    def refresh_quotes(self, symbols: Iterable[str] | None = None) -> None:
        """Ask for prices now, of canonical symbols or of all watched ones, in one call for about 200 of them.

        Raises:
            VenueError: they could not be had; what was known stays.
        """
        with self._asking:
            self._refresh_quotes(self._watched if symbols is None else symbols)

    def usd_price(self, code: str) -> Decimal | None:
        """US dollars for one unit of a currency, as last known; an unknown one is watched from now on.

        USDT and USDC count as a dollar until their price is known.
        """
        if code == DOLLARS[0]:
            return ONE
        for dollar in DOLLARS:
            symbol = f"{code}-{dollar}"
            if symbol in self._listing.pairs:
                self.watch(symbol)
                quote = self.quote(symbol)
                if quote is not None:
                    return quote.last
                break
        return ONE if code in DOLLARS else None

    # -- in the background ---------------------------------------------------------------------------------------

    def refresh_due(self) -> bool:
        """Whether pairs should be asked for: on request, for their age, or because they are not known."""
        return self._refresh_asked.is_set() or self._is_due(self._listed_at, self._instrument_interval_s)

    def due_actions(self) -> tuple[Action, ...]:
        """What the background has to do now."""
        actions: list[Action] = []
        if self.refresh_due():
            actions.append("instruments")
        if self._watched and self._is_due(self._quotes_asked_at, self._quote_interval_s):
            actions.append("quotes")
        return tuple(actions)

    def keep_fresh(self, stop: threading.Event) -> None:
        """Do what is due until ``stop`` is set; the body of a background thread. Failures are logged."""
        pause = _LOOK_S
        while not stop.wait(pause):
            pause = _LOOK_S if self._do_what_is_due() else self._quote_interval_s

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _do_what_is_due(self) -> bool:
        for action in self.due_actions():
            try:
                if action == "instruments":
                    self._load_if_due()
                else:
                    self.refresh_quotes()
            except VenueError as error:
                _log.warning("Kraken's %s were not had, what was known stays: %s", action, error)
                return False
        return True

    def _load_if_due(self) -> None:
        with self._asking:
            if self.refresh_due():
                self._load()

    # -- asking, with the lock held ------------------------------------------------------------------------------

    def _load(self) -> None:
        # Cleared first: a wish that comes while the pairs travel is about the old ones.
        self._refresh_asked.clear()
        try:
            assets, pairs = self._ask("Assets"), self._ask("AssetPairs")
            parsed = parse_pairs(assets, pairs)
            if not parsed:
                raise VenueUnclear("Kraken lists no pair that can be read")
        except VenueError:
            self._refresh_asked.set()
            raise
        by_symbol = {pair.instrument.symbol: pair for pair in parsed}
        self._listing = _Listing(parse_asset_names(assets), by_symbol, symbol_table(parsed))
        self._listed_at = self._now()

    def _refresh_quotes(self, symbols: Iterable[str]) -> None:
        self._quotes_asked_at = self._now()
        pairs = self._listing.pairs
        altnames = sorted(pairs[symbol].altname for symbol in set(symbols) if symbol in pairs)
        for start in range(0, len(altnames), _NAMES_A_CALL):
            self._refresh_some(altnames[start : start + _NAMES_A_CALL])

    def _refresh_some(self, altnames: list[str]) -> None:
        asked_at, unix_s = self._now(), self._clock.time()
        try:
            answer = self._ask("Ticker", {"pair": ",".join(altnames)})
        except VenueRejected:
            # One name that is gone refuses them all.
            self._refresh_asked.set()
            raise
        quotes = parse_ticker(answer, self._listing.table, unix_s)
        self._quotes = {**self._quotes, **{symbol: (quote, asked_at) for symbol, quote in quotes.items()}}

    def _ask(self, method: str, params: Mapping[str, str] | None = None) -> object:
        self._pacer.acquire()
        try:
            return self._client.query_public(method, params)
        except RateLimited:
            # The address is shared with whatever else runs there: once more, in its turn.
            self._pacer.exhaust()
            self._pacer.acquire()
            return self._client.query_public(method, params)

    def _young_quote(self, symbol: str, max_age_s: float) -> Quote | None:
        known = self._quotes.get(symbol)
        return known[0] if known and self._now() - known[1] <= max_age_s else None

    def _is_due(self, at: float | None, interval_s: float) -> bool:
        return at is None or self._now() - at >= interval_s

    def _now(self) -> float:
        return self._clock.monotonic_ns() / 1e9
