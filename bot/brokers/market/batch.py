"""Prices of which one question has many: all watched ones are asked for together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

from bot.brokers.limiter import Pacer
from bot.brokers.market.market import Chore, ListedT, Market, Quote
from bot.domain.errors import VenueUnclear
from bot.domain.ports import Clock


class BatchQuotes(Market[ListedT]):
    """A market whose prices come many at a time; the venue fills in :meth:`_ask_prices` and :meth:`_name_of`."""

    #: Names in one question for prices: they travel in the address of a GET.
    names_a_call: ClassVar[int]

    def __init__(
        self, clock: Clock | None, pacer: Pacer | None, quote_interval_s: float, instrument_interval_s: float
    ) -> None:
        super().__init__(clock, pacer, quote_interval_s, instrument_interval_s)
        self._quotes_asked_at: float | None = None
        self._watched: frozenset[str] = frozenset()

    def watch(self, symbol: str) -> None:
        """Have the background keep the price of a symbol fresh from now on."""
        if symbol not in self._watched:
            with self._noting:
                self._watched |= {symbol}

    def refresh_quotes(self, symbols: Iterable[str] | None = None) -> None:
        """Ask for prices now, of canonical symbols or of all watched ones, in as few questions as can be.

        Raises:
            VenueError: they could not be had; what was known stays.
        """
        with self._asking:
            self._refresh_quotes(self._watched if symbols is None else symbols)

    @abstractmethod
    def _name_of(self, listed: ListedT) -> str:
        """What the venue calls it in a question for prices."""

    @abstractmethod
    def _ask_prices(self, names: list[str]) -> Mapping[str, Quote]:
        """The prices of so many names, by canonical symbol, with the lock held. Raises VenueError."""

    def _chores(self) -> tuple[Chore, ...]:
        return (*super()._chores(), Chore("quotes", self._quotes_due, lambda _: self.refresh_quotes()))

    def _quotes_due(self) -> bool:
        return bool(self._watched) and self._is_due(self._quotes_asked_at, self._quote_interval_s)

    def _ask_quote(self, symbol: str, max_age_s: float) -> Quote:
        self._refresh_quotes({symbol, *self._watched})
        quote = self._young_quote(symbol, max_age_s)
        if quote is None:
            raise VenueUnclear(f"{self._title} has no price for {symbol} now")
        return quote

    def _refresh_quotes(self, symbols: Iterable[str]) -> None:
        self._quotes_asked_at = self._now()
        listed = self._listing.by_symbol
        names = sorted(self._name_of(listed[symbol]) for symbol in set(symbols) if symbol in listed)
        for start in range(0, len(names), self.names_a_call):
            self._refresh_some(names[start : start + self.names_a_call])

    def _refresh_some(self, names: list[str]) -> None:
        asked_at = self._now()
        self._note_quotes(self._ask_prices(names), asked_at)
