"""What Alpaca tells of pairs and prices, asked once for all accounts of the process.

Prices need no key and are kept fresh in the background. The list of pairs needs one: whichever account asks first has
it for all, in its own lane.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bot.brokers.alpaca.client import AlpacaPrices
from bot.brokers.alpaca.limits import PRICE_INTERVAL_S
from bot.brokers.alpaca.parse import AlpacaAsset, parse_assets, parse_quotes, symbol_table
from bot.brokers.limiter import Pacer
from bot.brokers.market import BatchQuotes, Quote
from bot.domain.enums import BrokerType
from bot.domain.errors import InvalidAmount, RateLimited, VenueRejected
from bot.domain.money import DOLLARS
from bot.domain.ports import Clock

#: Seconds that an account waits for the list that another one is asking for, before it asks itself.
_LIST_PATIENCE_S = 2.0


class AlpacaMarket(BatchQuotes[AlpacaAsset]):
    """Pairs, spellings and prices; see :class:`bot.brokers.market.Market`.

    Args:
        prices: asks for prices.
        minimum_order_usd: the smallest buy of a pair quoted in dollars.
        clock: where time comes from.
        pacer: at most about three questions for prices a second go out by default.
        quote_interval_s: how old watched prices get before the background asks again.
        instrument_interval_s: how old pairs get.
    """

    venue = BrokerType.ALPACA
    question_interval_s = PRICE_INTERVAL_S
    look_s = 0.5
    names_a_call = 100

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
        super().__init__(clock, pacer, quote_interval_s, instrument_interval_s)
        self._prices = prices
        self._minimum_order_usd = minimum_order_usd
        self._list_lock = threading.Lock()
        self._by_id: Mapping[str, AlpacaAsset] = {}

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
                self._load_by(lambda: self._take_listing(ask()))
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
                    self._load_by(lambda: self._take_listing(ask()))
            finally:
                self._list_lock.release()

    def asset(self, symbol: str) -> AlpacaAsset:
        """The pair of a symbol in any spelling.

        Raises:
            InvalidAmount: not listed.
        """
        return self._listed(symbol)

    def coin_of(self, asset_id: str, symbol: str) -> str:
        """The code of a position's coin, by the id of its pair or by its spelling, ``BTCUSD``, listed or not."""
        known = self._by_id.get(asset_id)
        if known is not None:
            return known.instrument.base
        try:
            return self.instrument(symbol).base
        except InvalidAmount:
            return symbol.partition("/")[0].removesuffix(DOLLARS[0]) or symbol

    def close(self) -> None:
        """Close the connection."""
        self._prices.close()

    # -- asking, with a lock held --------------------------------------------------------------------------------

    def _take_listing(self, answer: Any) -> None:
        assets = parse_assets(answer, self._minimum_order_usd)
        self._list(assets, symbol_table(assets))
        self._by_id = {asset.asset_id: asset for asset in assets}

    def _name_of(self, listed: AlpacaAsset) -> str:
        return listed.name

    def _refresh_some(self, names: list[str]) -> None:
        try:
            super()._refresh_some(names)
        except RateLimited:
            raise
        except VenueRejected as error:
            # One name that market data do not know refuses them all.
            if len(names) == 1:
                self._log.warning("Alpaca has no price of %s: %s", names[0], error)
                self._forget(names[0])
                return
            half = len(names) // 2
            self._refresh_some(names[:half])
            self._refresh_some(names[half:])

    def _forget(self, name: str) -> None:
        with self._noting:
            self._watched -= {self._listing.table.canonical(name)}

    def _ask_prices(self, names: list[str]) -> Mapping[str, Quote]:
        self._pacer.acquire()
        try:
            answer = self._prices.latest_quotes(names)
        except RateLimited:
            # The address is shared with whatever else runs there.
            self._pacer.exhaust()
            raise
        return parse_quotes(answer, self._listing.table)
