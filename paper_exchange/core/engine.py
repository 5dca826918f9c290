"""Turns tickets into orders and orders into trades.

Every trade is against the house, which quotes what the market says; accounts never meet each other. What an account
pays, the house and the fee box get, so that nothing is made or lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from paper_exchange.core.accounts import TRADE, Account
from paper_exchange.core.clock import Clock
from paper_exchange.core.funds import FeeIn, fee_asset, funds_for, funds_to_rest, paid_asset, spent, whole_fee
from paper_exchange.core.instruments import Instrument
from paper_exchange.core.market import Market, Quote
from paper_exchange.core.orders import (
    TRIGGERED_TYPES,
    ZERO,
    Fill,
    Identifiers,
    Order,
    OrderState,
    OrderStatus,
    OrderType,
    Side,
    Ticket,
    TimeInForce,
    Trade,
)

INSUFFICIENT_FUNDS = "Insufficient funds"
"""Why an order ended that could not be paid any more when it was to trade."""
_WHOLE = Decimal(1)
_NO_LIQUIDITY = "Insufficient liquidity"
_RESTING = frozenset({TimeInForce.GOOD_TILL_CANCELED, TimeInForce.GOOD_TILL_DATE})


class OrderRefused(Exception):
    """The engine does not take the ticket; nothing was booked."""


class InsufficientFunds(OrderRefused):
    """The account cannot pay for the order, its fee included."""


class WouldTake(OrderRefused):
    """A post-only order would have traded at once."""


def _at_once(_seconds: float, function: Callable[[], None]) -> None:
    function()


class Engine:
    """Places, fills, changes and ends the orders of one venue.

    `later` calls a function so many seconds from now; delayed fills need one that really waits.
    """

    def __init__(
        self,
        clock: Clock,
        market: Market,
        identifiers: Identifiers,
        fee_in: FeeIn = FeeIn.QUOTE,
        later: Callable[[float, Callable[[], None]], object] = _at_once,
    ) -> None:
        self._clock = clock
        self._market = market
        self._identifiers = identifiers
        self._fee_in = fee_in
        self._later = later
        self._waiting: dict[str, dict[str, tuple[Account, Order]]] = {}
        self._expiring: dict[str, tuple[Account, Order]] = {}
        self.house: dict[str, Decimal] = {}
        self.fees: dict[str, Decimal] = {}
        market.listeners.append(self.on_quote)

    def deposit(self, account: Account, asset: str, amount: Decimal) -> None:
        """Adds to a balance, or takes from it when negative; the only way money enters or leaves."""
        kind = "deposit" if amount >= 0 else "withdrawal"
        entry_id = self._identifiers.ledger_id()
        account.post(entry_id, entry_id, self._clock.now(), kind, asset, amount)

    def place(
        self,
        account: Account,
        ticket: Ticket,
        fee_rate: Decimal,
        delay_s: float = 0.0,
        first_part: Decimal = _WHOLE,
    ) -> Order:
        """Takes a ticket in and trades what can be traded, at once or `delay_s` after it was accepted.

        `first_part` below one lets a delayed market order trade that share of its volume first, and the rest after
        another delay. Raises InsufficientFunds or WouldTake; then nothing has changed.
        """
        now = self._clock.now()
        order = Order("", account.name, ticket, fee_rate, now, fee_asset(self._fee_in, ticket))
        if ticket.order_type in TRIGGERED_TYPES:
            self._admit(account, order)
            account.follow(order, OrderState(now, OrderStatus.PENDING))
            self._wait(account, order)
            self._trigger(account, order, self._market.quotes[ticket.instrument.symbol].last)
        else:
            self._enter(account, order, delay_s, first_part)
        return order

    def cancel(self, account: Account, order: Order, reason: str, status: OrderStatus = OrderStatus.CANCELED) -> None:
        """Ends a live order and frees what it held."""
        self._forget(order)
        state = order.state._replace(time=self._clock.now(), status=status, held=ZERO, reason=reason)
        account.follow(order, state)

    def amend(
        self,
        account: Account,
        order: Order,
        volume: Decimal,
        limit_price: Decimal | None,
        trigger_price: Decimal | None,
    ) -> None:
        """Changes size and prices of a live order, which keeps its id.

        Raises InsufficientFunds; then the order is as before.
        """
        ticket, old = order.ticket, order.state
        changed = old._replace(time=self._clock.now(), amendments=old.amendments + 1)
        before = ticket.volume, ticket.limit_price, ticket.trigger_price
        ticket.volume, ticket.limit_price, ticket.trigger_price = volume, limit_price, trigger_price
        if old.status is OrderStatus.OPEN:
            held = funds_to_rest(order, order.remaining)
            if order.trades and ticket.side is Side.BUY:
                # The running totals of cost and fee may each round up by one step more than this rest does.
                held += 2 * ticket.instrument.cost_step
            if held - old.held > account.available(paid_asset(ticket)):
                ticket.volume, ticket.limit_price, ticket.trigger_price = before
                raise InsufficientFunds
            account.follow(order, changed._replace(held=held))
            self._match(account, order, maker=False)
        else:
            account.follow(order, changed)
            self._trigger(account, order, self._market.quotes[ticket.instrument.symbol].last)

    def expire(self) -> None:
        """Ends the orders whose time is over."""
        now = self._clock.now()
        over = [
            pair
            for pair in self._expiring.values()
            if pair[1].ticket.expires_at is not None and pair[1].ticket.expires_at <= now
        ]
        for account, order in over:
            self.cancel(account, order, "Order expired", OrderStatus.EXPIRED)

    def on_quote(self, symbol: str) -> None:
        """Looks at the waiting orders of a symbol after its quote moved: best price first, then oldest."""
        waiting = self._waiting.get(symbol)
        if not waiting:
            return
        last = self._market.quotes[symbol].last
        for account, order in sorted(waiting.values(), key=_priority):
            if order.state.status is OrderStatus.PENDING:
                self._trigger(account, order, last)
            else:
                self._match(account, order, maker=True)

    def plan(self, ticket: Ticket, volume: Decimal) -> list[Fill]:
        """What a ticket would trade now for a volume in base, or in quote if the ticket says so."""
        fills: list[Fill] = []
        left = volume
        for level in self._market.quotes[ticket.instrument.symbol].levels(ticket.side):
            if left <= 0 or not _acceptable(ticket, level.price):
                break
            wanted = ticket.instrument.size_for(left, level.price) if ticket.volume_in_quote else left
            taken = wanted if level.volume is None else min(wanted, level.volume)
            if taken <= 0:
                break
            spends_all = ticket.volume_in_quote and ticket.instrument.fill_decimals is not None and taken == wanted
            fills.append(Fill(level.price, taken, left if spends_all else taken * level.price))
            left -= fills[-1].cost if ticket.volume_in_quote else taken
            if taken == wanted:
                break
        return fills

    def _admit(self, account: Account, order: Order) -> None:
        order.order_id = self._identifiers.order_id()
        account.add_order(order)
        if order.ticket.expires_at is not None:
            self._expiring[order.order_id] = (account, order)

    def _enter(self, account: Account, order: Order, delay_s: float = 0.0, first_part: Decimal = _WHOLE) -> None:
        ticket = order.ticket
        fills = self.plan(ticket, self._volume_to_fill(order))
        complete = self._is_complete(order, fills)
        rests = ticket.limit_price is not None and not complete and ticket.time_in_force in _RESTING
        if ticket.post_only and fills:
            raise WouldTake
        if ticket.time_in_force is TimeInForce.FILL_OR_KILL and not complete:
            fills = []
        needed = self._check_funds(account, order, fills, rests)
        if not order.order_id:
            self._admit(account, order)
        if delay_s > 0 and (fills or not rests):
            first_part = first_part if ticket.order_type is OrderType.MARKET else _WHOLE
            account.follow(order, OrderState(self._clock.now(), OrderStatus.OPEN, held=needed))
            self._later(delay_s, lambda: self._fill_accepted(account, order, delay_s, first_part))
        else:
            self._settle(account, order, fills, rests)

    def _fill_accepted(self, account: Account, order: Order, delay_s: float, part: Decimal) -> None:
        if not order.is_live:
            return
        volume = order.ticket.instrument.round_size_down(order.left * part)
        if part == _WHOLE or volume <= 0:
            self._enter_or_cancel(account, order)
            return
        try:
            # Prices may have moved since it was accepted.
            self._check_funds(account, order, self.plan(order.ticket, order.left), rests=False)
        except InsufficientFunds:
            self.cancel(account, order, INSUFFICIENT_FUNDS)
            return
        before = order.state
        state = self._trade(account, order, before, self.plan(order.ticket, volume), maker=False)
        used = spent(order, state) - spent(order, before)
        account.follow(order, state._replace(held=max(before.held - used, ZERO)))
        self._later(delay_s, lambda: self._fill_accepted(account, order, delay_s, _WHOLE))

    def _enter_or_cancel(self, account: Account, order: Order) -> None:
        try:
            self._enter(account, order)
        except InsufficientFunds:
            self.cancel(account, order, INSUFFICIENT_FUNDS)
        except WouldTake:
            self.cancel(account, order, "Post only order")

    @staticmethod
    def _volume_to_fill(order: Order) -> Decimal:
        ticket = order.ticket
        if ticket.fill_fraction == 1:
            return order.left
        return ticket.instrument.round_size_down(order.left * ticket.fill_fraction)

    @staticmethod
    def _is_complete(order: Order, fills: list[Fill]) -> bool:
        ticket = order.ticket
        if ticket.fill_fraction != 1 or not fills:
            return False
        if not ticket.volume_in_quote:
            return sum((fill.volume for fill in fills), ZERO) == order.left
        left = order.left - sum((fill.cost for fill in fills), ZERO)
        return left < fills[-1].price * ticket.instrument.fill_step

    def _check_funds(self, account: Account, order: Order, fills: list[Fill], rests: bool) -> Decimal:
        needed = funds_for(order, fills, rests)
        held = order.states[-1].held if order.states else ZERO
        if needed > account.available(paid_asset(order.ticket)) + held:
            raise InsufficientFunds
        return needed

    def _settle(self, account: Account, order: Order, fills: list[Fill], rests: bool) -> None:
        ticket, complete = order.ticket, self._is_complete(order, fills)
        earlier = order.states[-1] if order.states else OrderState(self._clock.now(), OrderStatus.OPEN)
        state = self._trade(account, order, earlier, fills, maker=False)
        if rests:
            held = funds_to_rest(order, ticket.volume) - spent(order, state)
            account.follow(order, state._replace(status=OrderStatus.OPEN, held=held))
            self._wait(account, order)
        elif complete:
            account.follow(order, state._replace(status=OrderStatus.CLOSED, held=ZERO))
        else:
            account.follow(order, state._replace(status=OrderStatus.CANCELED, held=ZERO, reason=_NO_LIQUIDITY))
        if not rests:
            self._forget(order)

    def _match(self, account: Account, order: Order, *, maker: bool) -> None:
        fills = self.plan(order.ticket, order.remaining)
        if not fills:
            return
        if maker and order.ticket.limit_price is not None:
            volume, price = sum((fill.volume for fill in fills), ZERO), order.ticket.limit_price
            fills = [Fill(price, volume, price * volume)]
        before = order.state
        state = self._trade(account, order, before, fills, maker=maker)
        if state.executed == order.ticket.volume:
            self._forget(order)
            account.follow(order, state._replace(status=OrderStatus.CLOSED, held=ZERO))
        else:
            used = spent(order, state) - spent(order, before)
            account.follow(order, state._replace(held=before.held - used))

    def _trigger(self, account: Account, order: Order, last: Decimal) -> None:
        if not _is_triggered(order.ticket, last):
            return
        self._waiting[order.ticket.instrument.symbol].pop(order.order_id, None)
        self._enter_or_cancel(account, order)

    def _trade(
        self, account: Account, order: Order, state: OrderState, fills: Iterable[Fill], *, maker: bool
    ) -> OrderState:
        now, instrument = self._clock.now(), order.ticket.instrument
        quote = self._market.quotes[instrument.symbol]
        in_quote = order.ticket.volume_in_quote
        exact_cost = state.cost if in_quote else sum((trade.price * trade.volume for trade in order.trades), ZERO)
        executed, cost, fee = state.executed, state.cost, state.fee
        for fill in fills:
            # Rounding the running total instead of each part keeps an order within the funds that it held.
            exact_cost += fill.cost
            step_cost = instrument.round_cost(exact_cost) - cost
            executed, cost = executed + fill.volume, cost + step_cost
            step_fee = whole_fee(order, executed, cost) - fee
            fee += step_fee
            self._book(account, order, quote, fill, step_cost, step_fee, now, maker)
        return state._replace(time=now, executed=executed, cost=cost, fee=fee)

    def _book(
        self,
        account: Account,
        order: Order,
        quote: Quote,
        fill: Fill,
        cost: Decimal,
        fee: Decimal,
        now: float,
        maker: bool,
    ) -> None:
        ticket, mint = order.ticket, self._identifiers
        sign = 1 if ticket.side is Side.BUY else -1
        if maker:
            number = self._market.record_passed(quote, fill.price, fill.volume, _opposite(ticket.side))
        else:
            by_market = ticket.order_type is OrderType.MARKET
            number = self._market.record(quote, fill.price, fill.volume, ticket.side, market=by_market)
        trade = Trade(
            mint.trade_id(),
            number,
            order.order_id,
            ticket.instrument,
            ticket.side,
            ticket.order_type,
            fill.price,
            fill.volume,
            cost,
            fee,
            now,
            maker,
            (mint.ledger_id(), mint.ledger_id()),
            order.fee_asset,
        )
        order.trades.append(trade)
        account.trades.append(trade)
        self._pay(account, trade, ticket.instrument, sign * fill.volume, -sign * cost)

    def _pay(self, account: Account, trade: Trade, instrument: Instrument, base: Decimal, quote: Decimal) -> None:
        base_entry, quote_entry = trade.ledger_ids
        fee_in_quote = trade.fee_asset == instrument.quote
        quote_fee, base_fee = (trade.fee, ZERO) if fee_in_quote else (ZERO, trade.fee)
        account.post(quote_entry, trade.trade_id, trade.time, TRADE, instrument.quote, quote, quote_fee)
        account.post(base_entry, trade.trade_id, trade.time, TRADE, instrument.base, base, base_fee)
        self.house[instrument.base] = self.house.get(instrument.base, ZERO) - base
        self.house[instrument.quote] = self.house.get(instrument.quote, ZERO) - quote
        self.fees[trade.fee_asset] = self.fees.get(trade.fee_asset, ZERO) + trade.fee

    def _wait(self, account: Account, order: Order) -> None:
        self._waiting.setdefault(order.ticket.instrument.symbol, {})[order.order_id] = (account, order)

    def _forget(self, order: Order) -> None:
        self._waiting.get(order.ticket.instrument.symbol, {}).pop(order.order_id, None)
        self._expiring.pop(order.order_id, None)


def _opposite(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


def _acceptable(ticket: Ticket, price: Decimal) -> bool:
    if ticket.limit_price is None:
        return True
    return price <= ticket.limit_price if ticket.side is Side.BUY else price >= ticket.limit_price


def _is_triggered(ticket: Ticket, last: Decimal) -> bool:
    if ticket.trigger_price is None:
        return True
    stops = ticket.order_type in (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
    upwards = stops is (ticket.side is Side.BUY)
    return last >= ticket.trigger_price if upwards else last <= ticket.trigger_price


def _priority(pair: tuple[Account, Order]) -> tuple[Decimal, float]:
    ticket = pair[1].ticket
    price = ticket.limit_price or ZERO
    return (-price if ticket.side is Side.BUY else price), pair[1].opened_at
