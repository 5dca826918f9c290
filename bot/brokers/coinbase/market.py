"""What Coinbase tells everybody: products, names and prices, asked once for all accounts of the process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from bot.brokers.coinbase.client import CoinbaseClient, Params
from bot.brokers.coinbase.limits import PUBLIC_INTERVAL_S
from bot.brokers.coinbase.parse import Product, parse_next_page, parse_products, parse_ticker, symbol_table
from bot.brokers.limiter import Pacer
from bot.brokers.market import Chore, PublicListing, Quote
from bot.domain.enums import BrokerType
from bot.domain.errors import RateLimited, VenueRejected, VenueUnclear
from bot.domain.money import DOLLARS, ONE
from bot.domain.ports import Clock

#: Names in one question for last prices: they travel in the address of a GET.
_NAMES_A_CALL = 100
#: Pages of products after which they cannot be an honest list any more.
_MOST_PAGES = 50
#: Seconds for which the price of a symbol that nobody asked for again is kept fresh: a ticker is a call a symbol.
_IN_USE_S = 86_400.0


class CoinbaseMarket(PublicListing[Product]):
    """Products, spellings and prices; see :class:`bot.brokers.market.Market`.

    Two kinds of prices: those that orders are sized with are the best bid and ask, a call a symbol; what coins are
    worth is the last trade's price, a call for many.

    Args:
        client: asks the public endpoints; needs no key.
        clock: where time comes from.
        pacer: at most eight public calls a second go out by default.
        quote_interval_s: how old watched prices get before the background asks again.
        worth_interval_s: how old last prices of coins that accounts hold get.
        instrument_interval_s: how old products get.
    """

    venue = BrokerType.COINBASE
    question_interval_s = PUBLIC_INTERVAL_S
    look_s = 0.25

    def __init__(
        self,
        client: CoinbaseClient,
        clock: Clock | None = None,
        pacer: Pacer | None = None,
        *,
        quote_interval_s: float = 2.0,
        worth_interval_s: float = 60.0,
        instrument_interval_s: float = 3_600.0,
    ) -> None:
        super().__init__(clock, pacer, quote_interval_s, instrument_interval_s)
        self._client = client
        self._worth_interval_s = worth_interval_s
        # By symbol: when a ticker was last asked for, and last wanted.
        self._quotes_asked_at: dict[str, float] = {}
        self._wanted_at: Mapping[str, float] = {}
        self._worths: Mapping[str, Decimal] = {}
        self._worths_asked_at: float | None = None
        self._held: frozenset[str] = frozenset()

    def product(self, symbol: str) -> Product:
        """The product of a symbol in any spelling.

        Raises:
            InvalidAmount: not listed.
        """
        return self._listed(symbol)

    # -- prices --------------------------------------------------------------------------------------------------

    def watch(self, symbol: str) -> None:
        """Have the background keep the price of a symbol fresh for a day from now on."""
        with self._noting:
            self._wanted_at = {**self._wanted_at, symbol: self._now()}

    def refresh_quotes(self, symbols: Iterable[str] | None = None) -> None:
        """Ask for prices now, of canonical symbols or of all watched ones, one after the other.

        Raises:
            VenueError: one of them could not be had; what was known stays.
        """
        for symbol in self._in_use() if symbols is None else symbols:
            # The lock is let go in between: an order's own question need not wait for all of them.
            with self._asking:
                self._refresh_quote(symbol)

    def usd_price(self, code: str) -> Decimal | None:
        """US dollars for one unit of a currency at its last trade; its price is kept fresh from now on.

        USDT and USDC count as a dollar.
        """
        if code in DOLLARS:
            return ONE
        for symbol in (f"{code}-{dollar}" for dollar in DOLLARS):
            if symbol in self._listing.by_symbol:
                if symbol not in self._held:
                    with self._noting:
                        self._held |= {symbol}
                if symbol in self._worths:
                    return self._worths[symbol]
        return None

    def refresh_worths(self) -> None:
        """Ask for the last prices of all coins that accounts hold now, in one call for a hundred of them.

        Raises:
            VenueError: they could not be had; what was known stays.
        """
        with self._asking:
            self._worths_asked_at = self._now()
            products = self._listing.by_symbol
            names = sorted(products[symbol].product_id for symbol in self._held if symbol in products)
            for start in range(0, len(names), _NAMES_A_CALL):
                wanted = names[start : start + _NAMES_A_CALL]
                self._note_worths(parse_products(self._ask("/market/products", {"product_ids": wanted})))

    # -- in the background ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _chores(self) -> tuple[Chore, ...]:
        return (
            *super()._chores(),
            Chore("quotes", lambda: bool(self._due_quotes()), self._refresh_due_quotes),
            Chore("worths", self._worths_due, lambda _: self.refresh_worths()),
        )

    def _refresh_due_quotes(self, stop: threading.Event) -> None:
        for symbol in self._due_quotes():
            if stop.is_set():
                return
            self.refresh_quotes([symbol])

    def _in_use(self) -> list[str]:
        wanted, now = self._wanted_at, self._now()
        products = self._listing.by_symbol
        return sorted(symbol for symbol, at in wanted.items() if now - at < _IN_USE_S and symbol in products)

    def _due_quotes(self) -> list[str]:
        asked_at = self._quotes_asked_at
        due = [symbol for symbol in self._in_use() if self._is_due(asked_at.get(symbol), self._quote_interval_s)]
        return sorted(due, key=lambda symbol: asked_at.get(symbol, 0.0))

    def _worths_due(self) -> bool:
        return bool(self._held) and self._is_due(self._worths_asked_at, self._worth_interval_s)

    # -- asking, with the lock held ------------------------------------------------------------------------------

    def _ask_listing(self) -> None:
        products = self._all_products()
        self._list(products, symbol_table(products))
        self._note_worths(products)

    def _all_products(self) -> list[Product]:
        found: list[Product] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            answer = self._ask("/market/products", {"product_type": "SPOT", "cursor": cursor})
            found += parse_products(answer)
            cursor = parse_next_page(answer)
            if cursor is None:
                return found
        raise VenueUnclear("Coinbase's list of products has no end")

    def _note_worths(self, products: Iterable[Product]) -> None:
        prices = {one.instrument.symbol: one.price for one in products if one.price is not None}
        self._worths = {**self._worths, **prices}

    def _ask_quote(self, symbol: str, max_age_s: float) -> Quote:
        return self._refresh_quote(symbol)

    def _refresh_quote(self, symbol: str) -> Quote:
        asked_at, unix_s = self._now(), self._clock.time()
        self._quotes_asked_at[symbol] = asked_at
        try:
            answer = self._ask(f"/market/products/{self.product(symbol).product_id}/ticker", {"limit": 1})
        except RateLimited:
            raise
        except VenueRejected:
            # Whatever is wrong with this one, products tell.
            self.request_instrument_refresh()
            raise
        quote = parse_ticker(answer, unix_s)
        self._note_quotes({symbol: quote}, asked_at)
        return quote

    def _ask(self, path: str, params: Params) -> Any:
        return self._in_turn(lambda: self._client.get_public(path, params))
