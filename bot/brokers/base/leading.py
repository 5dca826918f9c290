"""What only a master's account does: its orders become signals, with the position that it had before them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Decimal

from bot.brokers.base.doubts import Doubts
from bot.domain.enums import AccountType, Side, SizeType
from bot.domain.ids import signal_id_of
from bot.domain.instruments import split_symbol
from bot.domain.money import ZERO
from bot.domain.orders import AccountBalances, MarketOrder
from bot.domain.outcomes import Accepted
from bot.domain.signals import TradeSignal

_log = logging.getLogger("nija.broker")

#: A position that is off by less than this share of the last order shows that order: fees may be taken in coin.
_SAME_SHARE = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class _Recalled:
    """The last order of an earlier process; its balances show it, or trail, until ``until_ns`` (monotonic)."""

    base: str
    position: Decimal
    quantity: Decimal
    until_ns: int


class Leading(Doubts):
    """Tells the emitter of a master's orders."""

    _recalled: _Recalled | None = None

    def recall(self, order: MarketOrder) -> None:
        """An earlier process placed this a moment ago: balances that do not show it yet are not sized with.

        The account's own memory of what it sent would tell; a new process has none.
        """
        change = order.quantity if order.side is Side.BUY else -order.quantity
        until_ns = self._ports.clock.monotonic_ns() + int(self._options.settle_s * 1e9)
        base, _ = split_symbol(order.symbol)
        self._recalled = _Recalled(base, order.position_before + change, order.quantity, until_ns)

    def _trails(self) -> bool:
        """Whether the balances may still be from before the last order of an earlier process. Asks the venue."""
        last = self._recalled
        if last is None or self._ports.clock.monotonic_ns() >= last.until_ns:
            if last is not None:
                self._recalled = None
                self._refresh_balances()
            return False
        position = self._refresh_balances().holdings.get(last.base, ZERO)
        if abs(position - last.position) <= last.quantity * _SAME_SHARE:
            self._recalled = None
        return self._recalled is not None

    def _sure_position(self, base: str, balances: AccountBalances) -> Decimal:
        # Followers sell the share of it that is sold: what an order in doubt may have bought must not make that less.
        doubtful = (
            one.order.quantity
            for one in self._in_flight.copy().values()
            if one.in_doubt
            and one.order.side is Side.BUY
            and split_symbol(one.order.symbol)[0] == base
            and one.order.client_order_id not in self._taken_up
        )
        return max(balances.holdings.get(base, ZERO) - sum(doubtful, ZERO), ZERO)

    def _foretell(self, order: MarketOrder, comes: bool = True) -> None:
        # While the venue works on the master's order, its followers' orders can be planned and signed.
        if self.account_type is not AccountType.MASTER:
            return
        try:
            self._ports.signals.expect(self._signal_of(order) if comes else None)
        except Exception:
            _log.exception("%s: nobody was told of order %s ahead of time", self.account, order.client_order_id)

    def _emit(self, order: MarketOrder, outcome: Accepted, answered_ns: int) -> None:
        announcer = self._ports.announcer
        try:
            signal = self._signal_of(order, outcome.order_id, answered_ns)
            announcer.emitting(signal)
            if self._ports.signals.emit(signal):
                announcer.emitted(signal)
            else:
                announcer.not_emitted(order, "the signal queue is full")
        except Exception as error:
            # The master's trade is done; whatever goes wrong in telling others must not touch it.
            _log.exception("%s: the signal of order %s was not emitted", self.account, outcome.order_id)
            announcer.not_emitted(order, f"{type(error).__name__}: {error}")

    def _signal_of(self, order: MarketOrder, order_id: str = "", answered_ns: int = 0) -> TradeSignal:
        in_quote = self._is_sized_in_quote(order)
        return TradeSignal(
            broker=self.venue,
            symbol=order.symbol,
            side=order.side,
            price=order.price,
            size=order.quote_value if in_quote else order.quantity,
            size_type=SizeType.QUOTE if in_quote else SizeType.BASE,
            order_id=order_id,
            master_balance=order.balance_before,
            # An order whose answer was lost is as old as it is.
            timestamp=order.made_at or self._ports.clock.time(),
            position_before=order.position_before,
            signal_id=signal_id_of(self.account, order.client_order_id),
            master=self.account,
            answered_ns=answered_ns,
            made_ns=order.made_ns,
        )

    def _is_sized_in_quote(self, order: MarketOrder) -> bool:
        # The quantity is then only what it would have bought. No signal hangs on what the venue lists by now, least of
        # all an exit's.
        if order.side is Side.SELL or not order.quote_value:
            return False
        instrument = self.instrument(order.symbol)
        return instrument is not None and instrument.quote_step is not None
