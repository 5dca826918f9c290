"""Orders that wait: for the kill switch, their account, or an order in doubt. Entries while fresh, exits for good."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from bot.copying.coins import CopiedCoins
from bot.copying.run import SignalRun
from bot.domain.enums import OrderState, Side
from bot.domain.errors import IllegalTransition, LedgerUnavailable
from bot.domain.ids import AccountId
from bot.domain.orders import MarketOrder, Refused
from bot.domain.outcomes import Rejected
from bot.domain.ports import Clock
from bot.domain.signals import TradeSignal
from bot.ledger.journal import Ledger
from bot.runtime import crash

_log = logging.getLogger("nija.engine")

#: Seconds until an order that came back is tried again; doubled each time, up to the longest.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0


class AccountBroker(Protocol):
    """What has to be known of an account before an order may leave."""

    @property
    def connected(self) -> bool: ...

    @property
    def paused(self) -> bool: ...

    def in_doubt(self, symbol: str) -> bool: ...


@dataclass(frozen=True, slots=True, eq=False)
class WaitingOrder:
    """An order that may leave later.

    Attributes:
        before: the attempt before this one, which is proven absent; None for a first attempt.
        not_before_ns: monotonic nanoseconds of the next try.
        since_ns: monotonic nanoseconds since when it waits, whatever the wall clock does.
    """

    order: MarketOrder
    run: SignalRun
    before: MarketOrder | None
    not_before_ns: int
    since_ns: int


@dataclass(frozen=True, slots=True)
class WaitingParts:
    """What waiting orders need.

    Attributes:
        broker_of: an account's broker, or None.
        stopped: why nothing may be traded now; None when it may.
        entries_stopped: why an account gets no entries any more; None when it gets them.
        launch: sends an order whose intent is committed.
        sold_since: whether an exit of the same coins was recorded after a signal.
    """

    ledger: Ledger
    coins: CopiedCoins
    clock: Clock
    broker_of: Callable[[AccountId], AccountBroker | None]
    stopped: Callable[[], str | None]
    entries_stopped: Callable[[AccountId], Refused | None]
    launch: Callable[[MarketOrder, SignalRun], None]
    sold_since: Callable[[TradeSignal], bool]
    max_signal_age_s: float


class WaitingOrders:
    """Keeps them, sends them when they may leave, and ends entries that have become too old."""

    def __init__(self, parts: WaitingParts) -> None:
        self._parts = parts
        # Held while an order leaves or ends: it must not do both.
        self._lock = threading.RLock()
        self._orders: dict[str, WaitingOrder] = {}
        # How often each was held, and since when: one that left may come back.
        self._held: dict[str, tuple[int, int]] = {}
        self._closing: Counter[tuple[AccountId, str]] = Counter()
        #: Orders that were sent from here.
        self.launched = 0

    def __len__(self) -> int:
        return len(self._orders)

    def hold(self, order: MarketOrder, run: SignalRun, before: MarketOrder | None = None, pause_s: float = 0.0) -> None:
        """Keep an order until it may leave, at least for ``pause_s`` seconds."""
        parts = self._parts
        if order.side is Side.SELL:
            # What waits to be sold is not planned with again.
            parts.coins.open(order)
        with self._lock:
            now_ns = parts.clock.monotonic_ns()
            returns, since_ns = self._held.get(order.client_order_id, (0, now_ns))
            self._held[order.client_order_id] = (returns + 1, since_ns)
            if returns:
                pause_s = min(_FIRST_PAUSE_S * 2 ** (returns - 1), _LONGEST_PAUSE_S)
            not_before_ns = now_ns + int(pause_s * 1e9)
            self._orders[order.client_order_id] = WaitingOrder(order, run, before, not_before_ns, since_ns)

    def release(self) -> int:
        """Send what may leave now and end what has become too old; called several times a second.

        Returns:
            How many left.
        """
        left = 0
        # Exits first: an entry must not overtake the exit before it.
        for one in sorted(self._orders.copy().values(), key=lambda one: one.order.side is Side.BUY):
            with self._lock:
                left += one is self._orders.get(one.order.client_order_id) and self._try(one)
        return left

    @contextmanager
    def closing(self, signal: TradeSignal) -> Iterator[None]:
        """While the master's exit is planned and recorded no entry of its symbol leaves; afterwards none ever does."""
        place = (signal.master_account, signal.symbol)
        with self._lock:
            self._closing[place] += 1
        try:
            yield
            self._drop_entries(place)
        finally:
            with self._lock:
                self._closing[place] -= 1

    @contextmanager
    def still(self) -> Iterator[bool]:
        """As long as it lasts no order leaves from here, and no exit begins to be planned; whether none is now."""
        with self._lock:
            yield not any(self._closing.values())

    def _drop_entries(self, place: tuple[AccountId, str]) -> None:
        with self._lock:
            for one in list(self._orders.values()):
                signal = one.run.signal
                if signal.is_entry and (signal.master_account, signal.symbol) == place:
                    self._end(one, "the master has sold since")

    def _try(self, one: WaitingOrder) -> bool:
        parts, order, signal = self._parts, one.order, one.run.signal
        is_entry = order.side is Side.BUY
        unwanted = parts.entries_stopped(order.account) if is_entry else None
        if unwanted is not None:
            self._end(one, str(unwanted), OrderState.SKIPPED)
            return False
        now_ns = parts.clock.monotonic_ns()
        age = max(parts.clock.time() - signal.timestamp, (now_ns - one.since_ns) / 1e9)
        if is_entry and age > parts.max_signal_age_s:
            self._end(
                one, f"signal too old: {age:.0f} s, at most {parts.max_signal_age_s:.0f} s ({one.run.why(order)})"
            )
            return False
        broker = parts.broker_of(order.account)
        if broker is None or not broker.connected or broker.paused or parts.stopped() is not None:
            return False
        if now_ns < one.not_before_ns or (is_entry and broker.in_doubt(order.symbol)):
            return False
        if is_entry and (self._closing[signal.master_account, signal.symbol] or self._exit_waits(order)):
            return False
        if is_entry and parts.sold_since(signal):
            self._end(one, "the master has sold since")
            return False
        return self._send(one)

    def _exit_waits(self, order: MarketOrder) -> bool:
        place = (order.account, order.symbol)
        return any(
            one.order.side is Side.SELL and (one.order.account, one.order.symbol) == place
            for one in self._orders.values()
        )

    def _send(self, one: WaitingOrder) -> bool:
        parts, order = self._parts, one.order
        try:
            if one.before is None:
                parts.ledger.intend(order)
            else:
                parts.ledger.begin_attempt(one.before, order)
                crash.reached("attempt committed")
        except LedgerUnavailable as error:
            _log.error("the order of %s in %s waits on: %s", order.account, order.symbol, error)
            return False
        except IllegalTransition:
            # It was sent, or is done with: it must not leave again, nor keep the others from leaving.
            _log.exception("the order of %s in %s is not released", order.account, order.symbol)
            self._forget(one)
            return False
        del self._orders[order.client_order_id]
        self.launched += 1
        one.run.resume(order)
        parts.launch(order, one.run)
        return True

    def _end(self, one: WaitingOrder, reason: str, never_sent: OrderState = OrderState.EXPIRED) -> None:
        self._forget(one)
        state = never_sent if one.before is None else OrderState.FAILED
        named = one.before or one.order
        self._parts.coins.close(one.order, None)
        self._parts.ledger.answered(named, Rejected(reason, sent=False), state)
        one.run.end(one.order, state, reason)

    def _forget(self, one: WaitingOrder) -> None:
        del self._orders[one.order.client_order_id]
        self._held.pop(one.order.client_order_id, None)
