"""All orders of an account at its venue, and all that traded on it, whoever placed them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from bot.brokers.base.paging import Paged, Paging
from bot.domain.executions import Execution
from bot.domain.ids import VenueOrderId
from bot.domain.orders import VenueOrder

#: One page of orders from an offset on, newest first, and the offset of the next one; None after the last.
_AskPage = Callable[[int], tuple[list[VenueOrder], int | None]]


@dataclass(slots=True)
class _Orders:
    page: _AskPage
    offset: int = 0
    orders: dict[VenueOrderId, VenueOrder] = field(default_factory=dict)
    missing: str = ""

    def ask(self) -> bool:
        page, following = self.page(self.offset)
        # What is placed meanwhile moves the pages on: an order may come twice, and its later look counts.
        self.orders.update((order.order_id, order) for order in page)
        if following is not None:
            self.offset = following
        return following is not None

    def found(self) -> list[VenueOrder]:
        return sorted(self.orders.values(), key=lambda order: order.time)


class Listing(Paging):
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
        return self._page_through(Paged(_Orders(lambda offset: self._venue_orders(since, offset)), on_page))

    def list_executions(self, since: float, on_page: Callable[[], None] = lambda: None) -> Future[list[Execution]]:
        """Ask for all that traded on the account since then, whoever placed the order; then for the balances.

        In the lane as :meth:`list_orders`. What fills meanwhile may be among them or not; ``executed`` of those that
        are is right in any case, also where an order began to fill before.

        Args:
            since: unix seconds by the venue's clock; a few executions from shortly before it may be among them.
            on_page: called in the lane, after each page.

        Returns:
            The executions, oldest first, of pairs that the venue lists. Its ``result`` raises VenueError when they, or
            the balances, were not had.
        """
        return self._page_through(Paged(self._venue_executions(since), on_page))
