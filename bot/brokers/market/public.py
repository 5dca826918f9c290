"""A listing that needs no key: asked for by whoever needs it first, and in the background from then on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TypeVar

from bot.brokers.limiter import Pacer
from bot.brokers.market.market import Chore, ListedT, Market
from bot.domain.errors import RateLimited, VenueError
from bot.domain.ports import Clock

_T = TypeVar("_T")

#: Seconds for which a listing that could not be had is not asked for again.
_FAILED_FOR_S = 5.0


class PublicListing(Market[ListedT]):
    """A market that asks for its listing itself; the venue fills in :meth:`_ask_listing`."""

    def __init__(
        self, clock: Clock | None, pacer: Pacer | None, quote_interval_s: float, instrument_interval_s: float
    ) -> None:
        super().__init__(clock, pacer, quote_interval_s, instrument_interval_s)
        self._failure: VenueError | None = None
        self._failed_at = 0.0

    def load(self) -> None:
        """Ask for the listing now.

        Raises:
            VenueError: it could not be had; what was known stays.
        """
        with self._asking:
            self._load_by(self._ask_listing)

    def ensure_loaded(self) -> None:
        """Ask for the listing unless it is known.

        Raises:
            VenueError: it could not be had.
        """
        if not self.loaded:
            with self._asking:
                if not self.loaded:
                    self._load_or_fail_again()

    @abstractmethod
    def _ask_listing(self) -> None:
        """Ask for all that is listed and hand it to :meth:`_list`, with the lock held. Raises VenueError."""

    def _in_turn(self, ask: Callable[[], _T]) -> _T:
        self._pacer.acquire()
        try:
            return ask()
        except RateLimited:
            # The address is shared with whatever else runs there: once more, in its turn.
            self._pacer.exhaust()
            self._pacer.acquire()
            return ask()

    def _chores(self) -> tuple[Chore, ...]:
        return (Chore("instruments", self.refresh_due, lambda _: self._load_if_due()), *super()._chores())

    def _load_if_due(self) -> None:
        with self._asking:
            if self.refresh_due():
                self._load_by(self._ask_listing)

    def _load_or_fail_again(self) -> None:
        # Hundreds of accounts start at the same time: what just failed for one is not asked for again by the next.
        if self._failure is not None and self._now() - self._failed_at < _FAILED_FOR_S:
            raise self._failure
        try:
            self._load_by(self._ask_listing)
        except VenueError as error:
            self._failure, self._failed_at = error, self._now()
            raise
