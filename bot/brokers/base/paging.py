"""Questions to a venue that take several calls, asked in the account's lane beside its other work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from bot.brokers.base.fills import Fills
from bot.domain.errors import RateLimited, VenueUnclear, VenueUnreachable

_T = TypeVar("_T")
_Row = TypeVar("_Row")

#: Seconds until a page whose answer was lost is asked for again.
_PAGE_PAUSE_S = 1.0
#: How often one page of a listing is asked for before the listing is given up.
_PAGE_TRIES = 3


class Pages(Protocol[_Row]):
    """What is asked for, call by call; a call that fails is made again, and the others are not."""

    def ask(self) -> bool:
        """Make the next call; whether another one is needed. Raises VenueError."""

    @property
    def missing(self) -> str:
        """What the last call did not show, though it has to be there; empty when there is no such thing."""

    def found(self) -> list[_Row]:
        """All of it, oldest first, once no further call is needed. Raises VenueError."""


@dataclass(slots=True)
class Paged(Generic[_T]):
    """A question on its way."""

    pages: Pages[_T]
    on_page: Callable[[], None]
    tries: int = 0
    answer: Future[list[_T]] = field(default_factory=Future)


class Paging(Fills):
    """Asks page by page: each when no order waits in the lane, and the rate limit has room."""

    def _ask_aside(self, call: Callable[[], _T], timeout_s: float) -> _T:
        """Make one call in the lane, as a page, for a caller in another thread.

        Raises:
            VenueError: by what is known of the call; VenueUnreachable where it was not its turn within ``timeout_s``.
        """
        answer: Future[_T] = Future()
        self._lane.later(lambda: self._answer_aside(call, answer))
        try:
            return answer.result(timeout_s)
        except TimeoutError:
            answer.cancel()
            raise VenueUnreachable(f"{self.account} was busy for {timeout_s:g} s") from None

    def _answer_aside(self, call: Callable[[], _T], answer: Future[_T]) -> None:
        delay = self._read_delay()
        if answer.cancelled():
            return
        if delay > 0 and self.connected:
            self._lane.later(lambda: self._answer_aside(call, answer), delay)
            return
        with suppress(InvalidStateError):
            try:
                if not self.connected:
                    raise VenueUnreachable(f"{self.account} is not connected: {self.status}")
                answer.set_result(self._ask(call))
            except InvalidStateError:
                raise
            except Exception as error:
                answer.set_exception(error)

    def _page_through(self, paged: Paged[_T]) -> Future[list[_T]]:
        self._lane.later(lambda: self._next_page(paged))
        return paged.answer

    def _next_page(self, paged: Paged[_T]) -> None:
        delay = self._venue_find_delay()
        if paged.answer.cancelled():
            return
        if delay > 0 and self.connected and not self.paused:
            self._lane.later(lambda: self._next_page(paged), delay)
            return
        try:
            self._ask_page(paged)
        except Exception as error:
            self._page_failed(paged, error, self._next_page)

    def _ask_page(self, paged: Paged[_T]) -> None:
        if not self.connected or self.paused:
            raise VenueUnclear(f"{self.account}: {self.status}")
        goes_on = self._ask(paged.pages.ask)
        paged.on_page()
        if paged.pages.missing:
            # A list that trails is no failure of the venue, and pauses no account.
            raise VenueUnclear(f"the venue does not show {paged.pages.missing} yet")
        paged.tries = 0
        self._lane.later(lambda: self._next_page(paged) if goes_on else self._end_paging(paged))

    def _page_failed(self, paged: Paged[_T], error: Exception, again: Callable[[Paged[_T]], None]) -> None:
        paged.tries += 1
        passes = isinstance(error, VenueUnclear | VenueUnreachable | RateLimited) and self.connected and not self.paused
        if passes and paged.tries < _PAGE_TRIES:
            self._lane.later(lambda: again(paged), _PAGE_PAUSE_S)
            return
        with suppress(InvalidStateError):
            paged.answer.set_exception(error)

    def _end_paging(self, paged: Paged[_T]) -> None:
        delay = self._venue_read_delay()
        if delay > 0:
            # Waiting in the call itself would keep orders waiting.
            self._lane.later(lambda: self._end_paging(paged), delay)
            return
        try:
            self._refresh_balances()
            found = paged.pages.found()
        except Exception as error:
            self._page_failed(paged, error, self._end_paging)
            return
        with suppress(InvalidStateError):
            paged.answer.set_result(found)
