"""All orders of an account at its venue, whoever placed them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field

from bot.brokers.base.fills import Fills
from bot.domain.errors import RateLimited, VenueUnclear, VenueUnreachable
from bot.domain.ids import VenueOrderId
from bot.domain.orders import VenueOrder

#: Seconds until a page whose answer was lost is asked for again.
_PAGE_PAUSE_S = 1.0
#: How often one page of a listing is asked for before the listing is given up.
_PAGE_TRIES = 3


@dataclass(slots=True)
class _Listing:
    since: float
    on_page: Callable[[], None]
    orders: dict[VenueOrderId, VenueOrder] = field(default_factory=dict)
    offset: int = 0
    tries: int = 0
    answer: Future[list[VenueOrder]] = field(default_factory=Future)


class Listing(Fills):
    """Lists them in the account's lane, beside its other work."""

    def list_orders(self, since: float, on_page: Callable[[], None] = lambda: None) -> Future[list[VenueOrder]]:
        """Ask for all orders at the venue since then, and all open ones, whoever placed them; then for the balances.

        Page by page in the lane, each when no order waits there and the rate limit has room. ``cancel`` ends it.

        Args:
            since: unix seconds.
            on_page: called in the lane, after each page.

        Returns:
            The orders, oldest first. Its ``result`` raises VenueError when they, or the balances, were not had.
        """
        listing = _Listing(since, on_page)
        self._lane.later(lambda: self._list_page(listing))
        return listing.answer

    def _list_page(self, listing: _Listing) -> None:
        delay = self._venue_find_delay()
        if listing.answer.cancelled():
            return
        if delay > 0 and self.connected and not self.paused:
            self._lane.later(lambda: self._list_page(listing), delay)
            return
        try:
            self._add_page(listing)
        except Exception as error:
            self._page_failed(listing, error)

    def _add_page(self, listing: _Listing) -> None:
        if not self.connected or self.paused:
            raise VenueUnclear(f"{self.account}: {self.status}")
        page, following = self._ask(lambda: self._venue_orders(listing.since, listing.offset))
        # What is placed meanwhile moves the pages on: an order may come twice, and its later look counts.
        listing.orders.update((order.order_id, order) for order in page)
        listing.on_page()
        if following is None:
            self._lane.later(lambda: self._end_listing(listing))
        else:
            listing.offset, listing.tries = following, 0
            self._lane.later(lambda: self._list_page(listing))

    def _page_failed(self, listing: _Listing, error: Exception) -> None:
        listing.tries += 1
        passes = isinstance(error, VenueUnclear | VenueUnreachable | RateLimited) and self.connected and not self.paused
        if passes and listing.tries < _PAGE_TRIES:
            self._lane.later(lambda: self._list_page(listing), _PAGE_PAUSE_S)
            return
        with suppress(InvalidStateError):
            listing.answer.set_exception(error)

    def _end_listing(self, listing: _Listing) -> None:
        delay = self._venue_read_delay()
        if delay > 0:
            # Waiting in the call itself would keep orders waiting.
            self._lane.later(lambda: self._end_listing(listing), delay)
            return
        try:
            self._refresh_balances()
        except Exception as error:
            self._page_failed(listing, error)
            return
        with suppress(InvalidStateError):
            listing.answer.set_result(sorted(listing.orders.values(), key=lambda order: order.time))
