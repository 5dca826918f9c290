"""What Kraken tells everybody: pairs, names and prices, asked once for all accounts of the process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal

from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.limits import PUBLIC_INTERVAL_S
from bot.brokers.kraken.parse import KrakenPair, parse_asset_names, parse_pairs, parse_ticker, symbol_table
from bot.brokers.limiter import Pacer
from bot.brokers.market import BatchQuotes, PublicListing, Quote
from bot.domain.enums import BrokerType
from bot.domain.errors import VenueRejected
from bot.domain.money import DOLLARS, ONE
from bot.domain.ports import Clock

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


class KrakenMarket(PublicListing[KrakenPair], BatchQuotes[KrakenPair]):
    """Pairs, spellings and prices; see :class:`bot.brokers.market.Market`.

    Args:
        client: asks the public methods; needs no key.
        clock: where time comes from.
        pacer: at most one public call a second goes out by default.
        quote_interval_s: how old watched prices get before the background asks again.
        instrument_interval_s: how old pairs get.
    """

    venue = BrokerType.KRAKEN
    question_interval_s = PUBLIC_INTERVAL_S
    look_s = 0.5
    names_a_call = 200

    def __init__(
        self,
        client: KrakenClient,
        clock: Clock | None = None,
        pacer: Pacer | None = None,
        *,
        quote_interval_s: float = 2.0,
        instrument_interval_s: float = 86_400.0,
    ) -> None:
        super().__init__(clock, pacer, quote_interval_s, instrument_interval_s)
        self._client = client
        self._asset_names: Mapping[str, str] = {}
        self.key_info = KeyInfoProbe()

    def refresh_instruments(self) -> None:
        """:meth:`load`, by the name of what it is for: minimums and states of pairs change without notice."""
        self.load()

    @property
    def asset_names(self) -> Mapping[str, str]:
        """Kraken's asset id -> code, ``XXBT`` -> BTC."""
        return self._asset_names

    def pair(self, symbol: str) -> KrakenPair:
        """The pair of a symbol in any spelling.

        Raises:
            InvalidAmount: not listed.
        """
        return self._listed(symbol)

    def usd_price(self, code: str) -> Decimal | None:
        """US dollars for one unit of a currency, as last known; an unknown one is watched from now on.

        USDT and USDC count as a dollar until their price is known.
        """
        if code == DOLLARS[0]:
            return ONE
        for dollar in DOLLARS:
            symbol = f"{code}-{dollar}"
            if symbol in self._listing.by_symbol:
                self.watch(symbol)
                quote = self.quote(symbol)
                if quote is not None:
                    return quote.last
                break
        return ONE if code in DOLLARS else None

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    # -- asking, with the lock held ------------------------------------------------------------------------------

    def _ask_listing(self) -> None:
        assets, pairs = self._ask("Assets"), self._ask("AssetPairs")
        parsed = parse_pairs(assets, pairs)
        self._list(parsed, symbol_table(parsed))
        self._asset_names = parse_asset_names(assets)

    def _name_of(self, listed: KrakenPair) -> str:
        return listed.altname

    def _ask_prices(self, names: list[str]) -> Mapping[str, Quote]:
        unix_s = self._clock.time()
        try:
            answer = self._ask("Ticker", {"pair": ",".join(names)})
        except VenueRejected:
            # One name that is gone refuses them all.
            self.request_instrument_refresh()
            raise
        return parse_ticker(answer, self._listing.table, unix_s)

    def _ask(self, method: str, params: Mapping[str, str] | None = None) -> object:
        return self._in_turn(lambda: self._client.query_public(method, params))
