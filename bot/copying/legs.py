"""Further legs of an exit: for what was bought too late for it, and for what the venue cancelled of it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.copying.coins import bought_by
from bot.copying.plan import order_of
from bot.copying.rows import signal_of
from bot.domain.enums import OrderState, Side
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId, SignalId, client_order_id_of
from bot.domain.instruments import Instrument
from bot.domain.money import ONE, ZERO
from bot.domain.orders import MarketOrder, OrderReport, Refused
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.ledger.journal import Ledger
from bot.position_sizer import calculate_user_exit_size

_log = logging.getLogger("nija.engine")


@dataclass(frozen=True, slots=True)
class WantedLeg:
    """Coins that exits have left.

    Attributes:
        account: whose.
        symbol: of which.
        quantity: base, before the exits' share is taken.
        exits: the exits that left them, oldest first; the last one gets the leg.
        of_rest: all of it is to be sold: the share was taken when the exit was planned.
        reason: why there is a further leg.
    """

    account: AccountId
    symbol: str
    quantity: Decimal
    exits: tuple[SignalId, ...]
    of_rest: bool
    reason: str


class FurtherLegs:
    """Plans them, in the background of the lanes that find them necessary.

    Args:
        ledger: where they are planned.
        instrument_of: what an account's venue says of a symbol, or None.
        begin: takes a planned leg, with its signal and its order.
    """

    def __init__(
        self,
        ledger: Ledger,
        instrument_of: Callable[[AccountId, str], Instrument | None],
        begin: Callable[[TradeSignal, PlannedCopy, MarketOrder], None],
    ) -> None:
        self._ledger = ledger
        self._instrument_of = instrument_of
        self._begin = begin
        self._lock = threading.Lock()
        self._wanted: deque[WantedLeg] = deque()

    def add_late_buy(self, order: MarketOrder, report: OrderReport, missed: Sequence[SignalId]) -> None:
        """An entry was filled, and these exits were planned without it; returns at once."""
        bought = bought_by(order, report)
        self._add(order, bought, tuple(missed), of_rest=False, reason="bought after the master had sold")

    def add_rest(self, order: MarketOrder, report: OrderReport, signal_id: SignalId) -> None:
        """The venue cancelled the rest of an exit; returns at once."""
        rest = order.quantity - report.executed
        self._add(order, rest, (signal_id,), of_rest=True, reason="the venue cancelled the rest")

    def _add(
        self, order: MarketOrder, quantity: Decimal, exits: tuple[SignalId, ...], *, of_rest: bool, reason: str
    ) -> None:
        self._wanted.append(WantedLeg(order.account, order.symbol, quantity, exits, of_rest, reason))

    def plan(self) -> None:
        """Plan all that are wanted; those that the ledger does not take now are planned at the next call."""
        with self._lock:
            for _ in range(len(self._wanted)):
                wanted = self._wanted.popleft()
                try:
                    done = self._plan(wanted)
                except LedgerUnavailable as error:
                    _log.error("a further exit of %s in %s waits on: %s", wanted.account, wanted.symbol, error)
                    done = False
                if not done:
                    self._wanted.append(wanted)

    def _plan(self, wanted: WantedLeg) -> bool:
        views = self._ledger.views
        exits = [signal_of(row) for name in wanted.exits if (row := views.signal(name)) is not None]
        instrument = self._instrument_of(wanted.account, wanted.symbol)
        if not exits:
            return True  # an exit that was foretold and did not come
        if instrument is None:
            return False
        last = exits[-1]
        share = ONE if wanted.of_rest else ONE - _kept(exits)
        decision = calculate_user_exit_size(share, ONE, wanted.quantity, price=last.price, instrument=instrument)
        if isinstance(decision, Refused):
            _log.warning("%s: what is left of %s stays: %s", wanted.account, wanted.symbol, decision)
            return True
        leg = 1 + max((row.leg for row in views.copies_of(last.signal_id) if row.account == wanted.account), default=1)
        copy = PlannedCopy(
            signal_id=last.signal_id,
            account=wanted.account,
            client_order_id=client_order_id_of(last.signal_id, wanted.account, leg),
            symbol=wanted.symbol,
            side=Side.SELL,
            balance=ZERO,
            decision=decision,
            state=OrderState.PLANNED,
            reason=wanted.reason,
            leg=leg,
        )
        order = order_of(copy, last)
        if order is not None and self._ledger.add_copy(copy, last):
            self._begin(last, copy, order)
        return True


def _kept(exits: Sequence[TradeSignal]) -> Decimal:
    kept = ONE
    for signal in exits:
        kept *= ONE - signal.share_sold
    return kept
