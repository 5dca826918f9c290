"""Listing and prices of one venue, read by all accounts and kept fresh in the background."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Generic, Protocol, TypeVar

from bot.brokers.limiter import Pacer
from bot.brokers.symbols import SymbolTable
from bot.domain.enums import BrokerType
from bot.domain.errors import VenueError, VenueUnclear
from bot.domain.instruments import Instrument
from bot.domain.ports import Clock
from bot.runtime.clock import SystemClock


class Listed(Protocol):
    """What a venue lists: an instrument, and the venue's own names of it."""

    @property
    def instrument(self) -> Instrument:
        """Steps and minimums."""


ListedT = TypeVar("ListedT", bound=Listed)


@dataclass(frozen=True)
class Listing(Generic[ListedT]):
    """All that a venue lists, by canonical symbol, and every spelling of it; always replaced, never changed."""

    by_symbol: Mapping[str, ListedT] = field(default_factory=dict)
    table: SymbolTable = field(default_factory=lambda: SymbolTable(()))


@dataclass(frozen=True, slots=True)
class Quote:
    """Best prices of a symbol, quote currency per base.

    Attributes:
        last: the last trade's; None where the venue does not tell it with the others.
        at: unix seconds of the question, 0 when not known.
    """

    bid: Decimal
    ask: Decimal
    last: Decimal | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Chore:
    """Something that the background does when it is due.

    Attributes:
        name: what it is about, in logs.
        is_due: whether it has to be done now.
        do: does it, and may end early once the event is set; raises VenueError.
    """

    name: str
    is_due: Callable[[], bool]
    do: Callable[[threading.Event], None]


class Market(ABC, Generic[ListedT]):
    """Listing, spellings and prices; safe to share between threads.

    Reads return what is known and never wait for a request that is under way.

    Args:
        clock: where time comes from.
        pacer: keeps public questions apart; one every ``question_interval_s`` by default.
        quote_interval_s: how old watched prices get before the background asks again.
        instrument_interval_s: how old the listing gets.
    """

    venue: ClassVar[BrokerType]
    #: Seconds between two public questions of one address.
    question_interval_s: ClassVar[float]
    #: Seconds between two looks at what is due.
    look_s: ClassVar[float]

    def __init__(
        self, clock: Clock | None, pacer: Pacer | None, quote_interval_s: float, instrument_interval_s: float
    ) -> None:
        self._clock = clock or SystemClock()
        self._pacer = pacer or Pacer(self.question_interval_s, self._clock)
        self._quote_interval_s = quote_interval_s
        self._instrument_interval_s = instrument_interval_s
        self._log = logging.getLogger(f"nija.{self.venue.value}")
        self._title = self.venue.value.capitalize()
        # Held while prices are asked for, and by a public listing while that is.
        self._asking = threading.Lock()
        # Held for a moment, to note who is interested in what.
        self._noting = threading.Lock()
        self._listing: Listing[ListedT] = Listing()
        self._listed_at: float | None = None
        self._refresh_asked = threading.Event()
        # By symbol: prices and when they were asked for.
        self._quotes: Mapping[str, tuple[Quote, float]] = {}

    # -- what is listed ------------------------------------------------------------------------------------------

    def request_instrument_refresh(self) -> None:
        """Have the listing asked for at the next occasion, because something it says proved wrong."""
        self._refresh_asked.set()

    def refresh_due(self) -> bool:
        """Whether the listing should be asked for: on request, for its age, or because it is not known."""
        return self._refresh_asked.is_set() or self._is_due(self._listed_at, self._instrument_interval_s)

    @property
    def loaded(self) -> bool:
        """Whether the listing is known."""
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

    def instrument(self, symbol: str) -> Instrument:
        """Steps and minimums of a symbol in any spelling.

        Raises:
            InvalidAmount: not listed.
        """
        return self._listed(symbol).instrument

    # -- prices --------------------------------------------------------------------------------------------------

    @abstractmethod
    def watch(self, symbol: str) -> None:
        """Have the background keep the price of a symbol fresh from now on."""

    @abstractmethod
    def refresh_quotes(self, symbols: Iterable[str] | None = None) -> None:
        """Ask for prices now, of canonical symbols or of all watched ones.

        Raises:
            VenueError: they could not be had; what was known stays.
        """

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
        canonical = self.instrument(symbol).symbol
        quote = self._young_quote(canonical, max_age_s)
        if quote is None:
            with self._asking:
                # Somebody else may have asked while this one waited.
                quote = self._young_quote(canonical, max_age_s) or self._ask_quote(canonical, max_age_s)
        return quote

    # -- in the background ---------------------------------------------------------------------------------------

    def due_actions(self) -> tuple[str, ...]:
        """What the background has to do now, by name."""
        return tuple(chore.name for chore in self._chores() if chore.is_due())

    def keep_fresh(self, stop: threading.Event) -> None:
        """Do what is due until ``stop`` is set; the body of a background thread. Failures are logged."""
        pause = self.look_s
        while not stop.wait(pause):
            pause = self.look_s if self._do_what_is_due(stop) else self._quote_interval_s

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def _chores(self) -> tuple[Chore, ...]:
        return ()

    def _do_what_is_due(self, stop: threading.Event) -> bool:
        went_well = True
        # One trouble does not keep the others from being tried.
        for chore in [chore for chore in self._chores() if chore.is_due()]:
            try:
                chore.do(stop)
            except VenueError as error:
                self._log.warning("%s's %s were not had, what was known stays: %s", self._title, chore.name, error)
                went_well = False
            except Exception:
                self._log.exception("%s's %s cannot be read, what was known stays", self._title, chore.name)
                went_well = False
        return went_well

    # -- for the venue -------------------------------------------------------------------------------------------

    @abstractmethod
    def _ask_quote(self, symbol: str, max_age_s: float) -> Quote:
        """Ask for the price of a canonical symbol and note it, with the lock held. Raises VenueError."""

    def _listed(self, symbol: str) -> ListedT:
        """What is listed under any spelling. Raises InvalidAmount."""
        listing = self._listing
        return listing.by_symbol.get(symbol) or listing.by_symbol[listing.table.canonical(symbol)]

    def _load_by(self, ask: Callable[[], None]) -> None:
        """Have the listing asked for by a function that hands it to :meth:`_list`. Raises VenueError."""
        # Cleared first: a wish that comes while the listing travels is about the old one.
        self._refresh_asked.clear()
        try:
            ask()
        except VenueError:
            self._refresh_asked.set()
            raise
        self._listed_at = self._now()

    def _list(self, listed: Iterable[ListedT], table: SymbolTable) -> None:
        by_symbol = {one.instrument.symbol: one for one in listed}
        if not by_symbol:
            raise VenueUnclear(f"{self._title} lists nothing that can be read")
        self._listing = Listing(by_symbol, table)

    def _note_quotes(self, quotes: Mapping[str, Quote], asked_at: float) -> None:
        self._quotes = {**self._quotes, **{symbol: (quote, asked_at) for symbol, quote in quotes.items()}}

    def _young_quote(self, symbol: str, max_age_s: float) -> Quote | None:
        known = self._quotes.get(symbol)
        return known[0] if known and self._now() - known[1] <= max_age_s else None

    def _is_due(self, at: float | None, interval_s: float) -> bool:
        return at is None or self._now() - at >= interval_s

    def _now(self) -> float:
        return self._clock.monotonic_ns() / 1e9
