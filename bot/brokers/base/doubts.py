"""Orders whose answer was lost: neither failed nor sent again, but asked for until the venue tells."""

from __future__ import annotations

import logging
from abc import abstractmethod
from functools import partial

from bot.brokers.base.listing import Listing
from bot.brokers.base.parts import OpenOrder
from bot.domain.enums import OrderState
from bot.domain.errors import RateLimited, VenueError
from bot.domain.ids import VenueOrderId
from bot.domain.orders import MarketOrder
from bot.domain.outcomes import Accepted, Outcome, Rejected, Unknown
from bot.domain.ports import OrderObserver
from bot.runtime import crash

_log = logging.getLogger("nija.broker")

#: Seconds until the venue is asked for an order whose answer was lost; the last one repeats.
_LOOK_PAUSES = (0.5, 2.0, 5.0)
#: Seconds until a disconnected account is looked at again.
_NOT_CONNECTED_PAUSE_S = 1.0
#: Looks that have to find nothing, past the moment from when on an order's absence is proof.
_EMPTY_LOOKS = 2


class Doubts(Listing):
    """Settles orders in doubt, in the account's lane, beside its other orders."""

    def in_doubt(self, symbol: str) -> bool:
        """Whether the outcome of an order of this symbol is not known; entries of it wait meanwhile."""
        if not self._in_flight:
            return False  # asked for every account of every plan
        return any(one.in_doubt and one.order.symbol == symbol for one in self._in_flight.copy().values())

    @property
    def doubts(self) -> int:
        """Orders whose outcome is not known."""
        return sum(one.in_doubt for one in self._in_flight.copy().values())

    def take_up(self, order: MarketOrder, observer: OrderObserver, order_id: VenueOrderId | None) -> None:
        """Go on with an order of an earlier process: ask for its fill, or where its answer is not known, for it.

        Args:
            order_id: the venue's id, where it was had.
        """
        self._taken_up.add(order.client_order_id)
        if order_id is None:
            one = self._in_flight[order.client_order_id] = OpenOrder(order, observer, in_doubt=True)
            self._lane.submit(lambda: self._ask_for(one))
        else:
            self._unconfirmed[order.client_order_id] = (order, order_id, observer)
            self._lane.submit(lambda: self._confirm(order, 0))

    def revive(self) -> bool:
        """Start the lane again when it died; what it was waiting for then is in doubt. Whether it had died."""
        if not self._lane.revive():
            return False
        for one in self._in_flight.copy().values():
            if not one.in_doubt:
                self._lane.submit(partial(self._doubt, one, Unknown("the account's thread died")))
        return True

    @property
    def died(self) -> bool:
        """Whether the lane ended unasked."""
        return self._lane.died

    @property
    def name(self) -> str:
        """The lane's name."""
        return self._lane.name

    def _doubt(self, one: OpenOrder, outcome: Unknown) -> None:
        order, observer = one.order, one.observer
        if self._in_flight.get(order.client_order_id) is not one or one.in_doubt:
            return
        self._ports.journal.answered(order, outcome, OrderState.UNKNOWN, None)
        observer.answered(order, outcome, OrderState.UNKNOWN, self._ports.clock.monotonic_ns())
        self._ask_for(one)

    def _ask_for(self, one: OpenOrder) -> None:
        one.in_doubt = True
        one.provable_at_ns = self._venue_provable_at_ns()
        self._lane.later(lambda: self._look_up(one), _LOOK_PAUSES[0])

    def _look_up(self, one: OpenOrder) -> None:
        if self._in_flight.get(one.order.client_order_id) is not one:
            return  # the thread that died was started again, and has heard the answer meanwhile
        wait_s = self._look_up_delay()
        if wait_s > 0:
            self._lane.later(lambda: self._look_up(one), wait_s)
            return
        asked_at_ns = self._ports.clock.monotonic_ns()
        one.looks += 1
        try:
            order_id = self._ask(lambda: self._venue_find(one.order))
        except VenueError as error:
            _log.warning("%s: order %s is still in doubt: %s", self.account, one.order.client_order_id, error)
            pause = error.retry_after_s if isinstance(error, RateLimited) else self._look_pause(one)
            self._lane.later(lambda: self._look_up(one), pause)
        except Exception:
            _log.exception("%s: the answer about order %s cannot be read", self.account, one.order.client_order_id)
            self._lane.later(lambda: self._look_up(one), self._look_pause(one))
        else:
            self._looked(one, order_id, asked_at_ns)

    def _unless_there(self, order: MarketOrder, outcome: Outcome) -> Outcome:
        """The outcome; a refusal of a name that was sent before may be of the second order of that name alone.

        The first one may have taken the very coins or the money that the second one lacks. Where names are unique for
        good the venue is asked for it.
        """
        if not self.names_are_unique_for_good:
            return outcome
        name = order.client_order_id
        if isinstance(outcome, Accepted):
            self._sent_before.discard(name)
            return outcome
        if isinstance(outcome, Unknown) or outcome.not_now:
            self._sent_before.add(name)
            return outcome
        if not outcome.sent or not (order.attempt > 1 or name in self._sent_before):
            return outcome
        try:
            order_id = self._ask(lambda: self._venue_find(order))
        except VenueError as error:
            return Unknown(f"{outcome.reason}; whether an earlier one of its name is there is not known: {error}")
        except Exception as error:
            _log.exception("%s: the answer about order %s cannot be read", self.account, name)
            return Unknown(f"{outcome.reason}; {type(error).__name__}")
        return outcome if order_id is None else Accepted(order_id)

    def _look_up_delay(self) -> float:
        if not self.connected:
            return _NOT_CONNECTED_PAUSE_S
        return max(self._venue_find_delay(), self._breaker.paused_s)

    def _look_pause(self, one: OpenOrder) -> float:
        return _LOOK_PAUSES[min(one.looks, len(_LOOK_PAUSES) - 1)]

    def _looked(self, one: OpenOrder, order_id: VenueOrderId | None, asked_at_ns: int) -> None:
        if order_id is not None:
            self._adopt(one, order_id)
            return
        if asked_at_ns < one.provable_at_ns:
            # One early look finds what only lost its answer; from then on only proof is worth a request.
            self._lane.later(lambda: self._look_up(one), (one.provable_at_ns - asked_at_ns) / 1e9)
            return
        one.empty_looks += 1
        if one.empty_looks < _EMPTY_LOOKS:
            self._lane.later(lambda: self._look_up(one), self._options.look_gap_s)
            return
        self._give_up(one)

    def _adopt(self, one: OpenOrder, order_id: VenueOrderId) -> None:
        crash.reached("order found")
        _log.warning("%s: order %s is at the venue: %s", self.account, one.order.client_order_id, order_id)
        self._unconfirmed[one.order.client_order_id] = (one.order, order_id, one.observer)
        del self._in_flight[one.order.client_order_id]
        self._accepted(one.order, Accepted(order_id), one.observer)

    def _give_up(self, one: OpenOrder) -> None:
        order, observer = one.order, one.observer
        _log.warning(
            "%s: order %s is not at the venue and can no longer get there", self.account, order.client_order_id
        )
        del self._in_flight[order.client_order_id]
        self._taken_up.discard(order.client_order_id)
        if observer.absent(order):
            return
        outcome = Rejected("its answer was lost, and the venue does not have it")
        self._ports.journal.answered(order, outcome, OrderState.FAILED, None)
        observer.answered(order, outcome, OrderState.FAILED, self._ports.clock.monotonic_ns())
        observer.settled(order, None, OrderState.FAILED)

    @abstractmethod
    def _accepted(self, order: MarketOrder, outcome: Accepted, observer: OrderObserver) -> None:
        """The venue has the order."""
