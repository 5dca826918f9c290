"""One plan on its way out: its run, and its orders made ready to leave together."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

from bot.broker_manager import BrokerManager
from bot.brokers.departure import Departure
from bot.copying.coins import CopiedCoins
from bot.copying.plan import order_of
from bot.copying.run import SignalRun
from bot.domain.enums import OrderState
from bot.domain.orders import MarketOrder
from bot.domain.signals import PlannedCopy
from bot.runtime import crash


class Flight:
    """The orders of one plan: :meth:`prepare`, and then :meth:`send` or :meth:`take_back`.

    Args:
        plan: every follower's copy.
        run: hears what becomes of the orders.
        manager: has the followers' brokers.
        coins: told of every order that may leave.
        second_sender: one more thread to send from.
    """

    def __init__(
        self,
        plan: Sequence[PlannedCopy],
        run: SignalRun,
        manager: BrokerManager,
        coins: CopiedCoins,
        second_sender: Executor,
    ) -> None:
        self.plan = plan
        self.run = run
        self._manager = manager
        self._coins = coins
        self._second_sender = second_sender
        self._departures: list[tuple[MarketOrder, Departure]] = []
        self.prepared = False

    def prepare(self) -> None:
        """Sign every order that may leave at once; nothing is sent."""
        self.prepared = True
        for copy in self.plan:
            order = order_of(copy, self.run.signal)
            if order is not None and copy.state is OrderState.SUBMITTING:
                self.prepare_one(order)

    def prepare_one(self, order: MarketOrder) -> None:
        """Sign one order; nothing is sent."""
        broker = self._manager.broker(order.account)
        assert broker is not None
        self._coins.open(order)
        signal = self.run.signal
        planned = signal if order.leg == 1 else None
        limit = None if signal.is_entry else partial(self._coins.sellable, order, planned)
        self._departures.append((order, broker.prepare_market_order(order, self.run, limit)))

    def send(self) -> None:
        """Send all that is prepared. The plan is committed."""
        departures = [departure for _, departure in self._departures]
        self._departures.clear()
        try:
            # Two threads: while libcurl writes for one account, the interpreter is free for the next.
            try:
                half = self._second_sender.submit(_send_all, departures[1::2])
            except RuntimeError:
                # The other thread has ended already: what is committed leaves all the same.
                _send_all(departures)
            else:
                _send_all(departures[::2])
                half.result()
        finally:
            # Only now are the lanes woken to wait for the answers: before, they would be in the way.
            for departure in departures:
                departure.go_on()

    def take_back(self) -> None:
        """Send nothing. More calls do nothing."""
        for order, departure in self._departures:
            departure.take_back()
            self._coins.close(order, None)
        self._departures.clear()


def _send_all(departures: Sequence[Departure]) -> None:
    for departure in departures:
        departure.send()
        crash.reached("order sent")
