"""The orders of one account."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from bot.brokers.base.leading import Leading
from bot.brokers.base.parts import BrokerOptions, BrokerPorts, OpenOrder
from bot.brokers.base.waiter import Waiter
from bot.brokers.departure import Departure, VenueCall
from bot.domain.enums import AccountType, InstrumentStatus, OrderState, Side, SizeType
from bot.domain.errors import (
    AccountBarred,
    InvalidAmount,
    MarketClosed,
    NijaError,
    RateLimited,
    VenueRejected,
    VenueUnclear,
    VenueUnreachable,
)
from bot.domain.ids import AccountId, VenueOrderId, new_client_order_id
from bot.domain.money import MINIMUM_FUNDED_BALANCE, ZERO, plain, positive, usd
from bot.domain.orders import MarketOrder, OrderResult, Refused, rejected
from bot.domain.outcomes import Accepted, Outcome, Rejected, Unknown
from bot.domain.own_orders import size_own_order
from bot.domain.ports import OrderObserver
from bot.runtime import crash

_log = logging.getLogger("nija.broker")

_NOTHING = "nothing to sell: copying holds none of it"
_DUST = "below the minimum: what copying holds of it is kept for a later exit"
#: Coins, or the share of them, that may be missing where they are to be sold: the rest is rounding.
_ROUNDING = Decimal("0.0000001")
#: How often an exit that the venue refuses is sent before it is given up.
_EXIT_TRIES = 8

#: Seconds until an exit looks again whether the fill of an earlier order of its symbol is known.
_EXIT_PAUSE_S = 0.25
#: Seconds until balances that do not show an earlier process's order yet are asked for again.
_TRAIL_PAUSE_S = 1.0
#: Seconds until a master's fill is asked for.
_MASTER_PATIENCE_S = 0.1
#: Seconds that a caller waits, once its order has its fill, for balances that show it.
_BALANCES_WITHIN_S = 2.0


class BaseBroker(Leading):
    """Speaks for one account at one venue."""

    def __init__(self, account: AccountId, ports: BrokerPorts, options: BrokerOptions | None = None) -> None:
        super().__init__(account, ports, options)
        self._refusals: Counter[str] = Counter()

    # -- orders --------------------------------------------------------------------------------------------------

    def place_market_order(
        self, symbol: str, side: Side | str, quantity: Any, size_type: SizeType | str = SizeType.BASE
    ) -> OrderResult:
        """Place a market order and wait for its fill; a master's order becomes a signal as soon as it is accepted.

        Args:
            symbol: any spelling the venue knows, ``BTC-USD``.
            side: buy or sell.
            quantity: above zero, in the unit that ``size_type`` names.
            size_type: base (coins) or quote (money).

        Returns:
            The outcome; never raises for what the venue or the input did.
        """
        waiter = Waiter()
        if not self._lane.offer(lambda: self._place(symbol, side, quantity, size_type, waiter)):
            return rejected(self.account, "nothing was sent: the account is closed")
        result = waiter.wait(self.account, self._options.fill_wait_s)
        # A next order right behind this one is then sized with the venue's own balances.
        self.wait_for_balances(_BALANCES_WITHIN_S)
        return result

    def prepare_market_order(
        self, order: MarketOrder, observer: OrderObserver, limit: Callable[[], Decimal] | None = None
    ) -> Departure:
        """Make a planned order ready to leave, and send nothing yet; the observer hears what becomes of it.

        Where the lane is idle it is signed here, in the caller's thread, so that one thread can send for many accounts;
        otherwise the lane does everything in its turn.

        Args:
            limit: base; the order leaves for no more than it says once earlier orders of the symbol have their fills.
        """
        if not self._lane.borrow():
            return Departure(
                _nothing, lambda: self._lane.submit(lambda: self._carry_out(order, observer, limit)), _nothing
            )
        if limit is not None and self._has_unconfirmed(order.symbol):
            prepared = Departure(_nothing, lambda: self._carry_out(order, observer, limit), _nothing)
        else:
            prepared = self._ready(order, observer, limit)

        def take_back() -> None:
            prepared.take_back()
            self._lane.give_back(_nothing)

        return Departure(prepared.send, lambda: self._lane.give_back(prepared.go_on), take_back)

    def _carry_out(
        self, order: MarketOrder, observer: OrderObserver, limit: Callable[[], Decimal] | None = None
    ) -> None:
        if limit is not None:
            self._confirm_now(order.symbol)
            if self._has_unconfirmed(order.symbol):
                # How many coins there are to sell is known only with the fill.
                self._lane.later(lambda: self._carry_out(order, observer, limit), _EXIT_PAUSE_S)
                return
        departure = self._ready(order, observer, limit)
        departure.send()
        if self.account_type is AccountType.MASTER:
            crash.reached("master order sent")
        self._foretell(order)
        departure.go_on()

    def _ready(self, order: MarketOrder, observer: OrderObserver, limit: Callable[[], Decimal] | None) -> Departure:
        sized = order
        try:
            refused = self._blocked(order.symbol, order.side) or self._outdated(order)
            if refused is None and limit is not None:
                limited = self._limited(order, limit)
                refused, sized = (limited, order) if isinstance(limited, Rejected) else (None, limited)
        except Exception as error:
            # A lane that was borrowed is given back, and the observer hears of its order, whatever happens here.
            _log.exception("%s: unexpected error before an order was sent", self.account)
            refused = Rejected(f"{type(error).__name__}: {error}", sent=False)
        if refused is not None:
            return Departure(_nothing, partial(self._refused, order, refused, observer), _nothing)
        try:
            call = self._venue_prepare(sized)
        except Exception as error:
            call = VenueCall(_nothing, partial(_raise, error), _nothing)
        one = self._in_flight[sized.client_order_id] = OpenOrder(sized, observer)
        go_on, take_back = partial(self._await, order, one, call), partial(self._discard, sized, call)
        return Departure(call.send, go_on, take_back)

    def _discard(self, order: MarketOrder, call: VenueCall) -> None:
        del self._in_flight[order.client_order_id]
        call.discard()

    def _await(self, planned: MarketOrder, one: OpenOrder, call: VenueCall) -> None:
        order, observer = one.order, one.observer
        if order is not planned:
            self._ports.journal.resized(order)
        outcome = self._unless_there(order, self._submit(order, call.order_id))
        crash.reached("master order answered" if self.account_type is AccountType.MASTER else "order answered")
        if isinstance(outcome, Unknown):
            self._foretell(order, comes=False)
            self._doubt(one, outcome)
            return
        if isinstance(outcome, Accepted):
            self._unconfirmed[order.client_order_id] = (order, outcome.order_id, observer)
        del self._in_flight[order.client_order_id]
        if isinstance(outcome, Accepted):
            self._refusals.pop(order.client_order_id, None)
            self._accepted(order, outcome, observer)
        else:
            self._refused(order, outcome, observer)

    def _limited(self, order: MarketOrder, limit: Callable[[], Decimal]) -> MarketOrder | Rejected:
        instrument = self._venue_instrument(order.symbol)
        wanted = min(order.quantity, max(ZERO, limit()))
        there = self.get_account_balance_detailed().coins_of(instrument.base)
        if wanted - there > max(_ROUNDING, wanted * _ROUNDING):
            # Sold by hand, or a balance that trails: what is missing is written off once it is certain.
            self._lane.later(self._tend)
            reason = f"{plain(there)} {instrument.base} are there, copying bought more: looked at again"
            return Rejected(reason, sent=False, not_now=True)
        # What venues book differs from what they report in the last digits.
        allowed = instrument.floor_size(min(wanted, there))
        sized = order if allowed == order.quantity else replace(order, quantity=allowed)
        return self._too_small(sized) or sized

    def _too_small(self, order: MarketOrder) -> Rejected | None:
        if order.quantity <= 0:
            return Rejected(_NOTHING, sent=False)
        below = self._venue_instrument(order.symbol).is_below_minimum(order.quantity, order.price, order.side)
        return Rejected(_DUST, sent=False) if below else None

    def _place(self, symbol: str, side: Side | str, quantity: Any, size_type: SizeType | str, waiter: Waiter) -> None:
        try:
            if self.connected and self._trails():
                self._lane.later(lambda: self._place(symbol, side, quantity, size_type, waiter), _TRAIL_PAUSE_S)
                return
            if not waiter.begin():
                return
            direction, canonical = Side(side), self._venue_symbol(symbol)
            blocked = self._blocked(canonical, direction)
            if blocked is not None:
                waiter.give_up(rejected(self.account, blocked.reason))
                return
            order = self._prepare(canonical, direction, quantity, size_type)
            self._ports.journal.intend(order)
            if self.account_type is AccountType.MASTER:
                crash.reached("master intent committed")
        except (InvalidAmount, ValueError) as error:
            waiter.give_up(rejected(self.account, str(error)))
        except NijaError as error:
            waiter.give_up(rejected(self.account, f"nothing was sent: {error}"))
        except Exception as error:
            _log.exception("%s: unexpected error before an order was sent", self.account)
            waiter.give_up(rejected(self.account, f"nothing was sent: {type(error).__name__}: {error}"))
        else:
            self._carry_out(order, waiter)

    def _prepare(self, canonical: str, direction: Side, quantity: Any, size_type: SizeType | str) -> MarketOrder:
        unit = SizeType(size_type)
        amount = positive(quantity, "size")
        instrument = self._venue_instrument(canonical)
        if instrument.status not in (InstrumentStatus.ONLINE, InstrumentStatus.REDUCE_ONLY):
            raise InvalidAmount(f"{canonical} cannot be traded at {self.venue} now: it is {instrument.status}")
        balances = self._fresh_balances()
        if direction is Side.BUY and balances.trading_balance < MINIMUM_FUNDED_BALANCE:
            raise InvalidAmount(f"UNDERFUNDED - will NOT trade: {self.account} has {usd(balances.trading_balance)}")
        price = self._venue_price(canonical, direction, self._options.fresh_s)
        sized = size_own_order(direction, amount, unit, price, instrument, balances)
        if isinstance(sized, Refused):
            raise InvalidAmount(str(sized))
        return MarketOrder(
            account=self.account,
            client_order_id=new_client_order_id(),
            symbol=canonical,
            side=direction,
            quantity=sized.quantity,
            price=price,
            quote_value=sized.quote_value,
            position_before=self._sure_position(instrument.base, balances),
            balance_before=balances.trading_balance,
            made_at=self._ports.clock.time(),
            made_ns=self._ports.clock.monotonic_ns(),
            own=True,
        )

    def _blocked(self, symbol: str, side: Side) -> Rejected | None:
        refused = self._ports.gate.check(self.account, symbol, side)
        if refused is not None:
            return Rejected(str(refused), sent=False, not_now=side is Side.SELL)
        if not self.connected:
            return Rejected(f"account not connected: {self.status}", sent=False, not_now=side is Side.SELL)
        if self.paused:
            return Rejected(f"account {self.status}", sent=False, not_now=True)
        if side is Side.BUY and self.in_doubt(symbol):
            return Rejected(f"an earlier order of {symbol} is not settled yet", sent=False, not_now=True)
        return None

    def _outdated(self, order: MarketOrder) -> Rejected | None:
        # The lane was busy for that long: what waits is ended by who planned it.
        age = self._ports.clock.time() - order.made_at
        if order.side is Side.SELL or not order.made_at or age <= self._options.max_signal_age_s:
            return None
        return Rejected(f"signal too old: {age:.0f} s", sent=False, not_now=True)

    def _accepted(self, order: MarketOrder, outcome: Accepted, observer: OrderObserver) -> None:
        answered_ns = self._ports.clock.monotonic_ns()
        if self.account_type is AccountType.MASTER:
            self._emit(order, outcome, answered_ns)
            crash.reached("signal emitted")
        self._ports.journal.answered(order, outcome, OrderState.ACCEPTED, _delay_ms(observer, answered_ns))
        observer.answered(order, outcome, OrderState.ACCEPTED, answered_ns)
        # A master's fill can wait until its followers' orders are out.
        patience = _MASTER_PATIENCE_S if self.account_type is AccountType.MASTER else 0.0
        self._lane.later(lambda: self._confirm(order, 0), patience)

    def _submit(self, order: MarketOrder, answer: Callable[[], VenueOrderId]) -> Outcome:
        try:
            return self._outcome_of(answer)
        except VenueUnreachable:
            # Provably not sent: the same order under the same name may go out once more.
            try:
                return self._outcome_of(lambda: self._submit_again(order))
            except VenueUnreachable as error:
                return Rejected(str(error), sent=False, not_now=True)

    def _submit_again(self, order: MarketOrder) -> VenueOrderId:
        call = self._venue_prepare(order)
        call.send()
        return call.order_id()

    def _outcome_of(self, answer: Callable[[], VenueOrderId]) -> Outcome:
        try:
            return Accepted(self._ask(answer, is_order=True))
        except AccountBarred as error:
            return Rejected(error.code, account_barred=True, not_now=True)
        except (RateLimited, MarketClosed) as error:
            return Rejected(error.code, not_now=True)
        except VenueRejected as error:
            return Rejected(error.code)
        except VenueUnreachable:
            raise
        except Exception as error:
            # Whatever an SDK raises after it may have sent: never a failure, always a question.
            if not isinstance(error, VenueUnclear):
                _log.exception("%s: unexpected error while an order was placed", self.account)
            return Unknown(str(error) or type(error).__name__)

    def _refused(self, order: MarketOrder, outcome: Rejected, observer: OrderObserver) -> None:
        self._foretell(order, comes=False)
        state, answered_ns = self._state_after(order, outcome, observer), self._ports.clock.monotonic_ns()
        self._ports.journal.answered(order, outcome, state, _delay_ms(observer, answered_ns))
        observer.answered(order, outcome, state, answered_ns)
        observer.settled(order, None, state)

    def _state_after(self, order: MarketOrder, outcome: Rejected, observer: OrderObserver) -> OrderState:
        # What copies nothing has nobody who would send it later.
        if self.account_type is AccountType.MASTER or isinstance(observer, Waiter):
            return OrderState.REJECTED
        if outcome.not_now and not (outcome.account_barred and order.side is Side.BUY):
            return OrderState.PLANNED
        if order.side is Side.BUY:
            return OrderState.REJECTED
        if outcome.reason in (_NOTHING, _DUST):
            return OrderState.SKIPPED
        # What copying has to sell stays until it is done, unless the venue will not have it at all. The coins may be
        # gone: the balances tell.
        self._lane.later(self._tend)
        self._refusals[order.client_order_id] += 1
        if self._refusals[order.client_order_id] < _EXIT_TRIES:
            return OrderState.PLANNED
        del self._refusals[order.client_order_id]
        _log.error("❌ %s: the exit of %s is given up: %s", self.account, order.symbol, outcome.reason)
        return OrderState.REJECTED


def _delay_ms(observer: OrderObserver, answered_ns: int) -> float | None:
    return (answered_ns - observer.since_ns) / 1e6 if observer.since_ns else None


def _raise(error: Exception) -> VenueOrderId:
    raise error


def _nothing() -> None:
    return None
