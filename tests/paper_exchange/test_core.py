"""The engine by itself: whatever is done to it, no money is made or lost."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_exchange.core.accounts import Account
from paper_exchange.core.clock import Clock
from paper_exchange.core.engine import Engine, InsufficientFunds, OrderRefused
from paper_exchange.core.instruments import Instrument
from paper_exchange.core.market import Market
from paper_exchange.core.orders import Order, OrderStatus, OrderType, Side, Ticket, TimeInForce
from paper_exchange.core.prices import FixedPrices

SYMBOL = "BTC-USD"
START = {"USD": Decimal(10_000), "BTC": Decimal(2)}
FEE = Decimal("0.0026")


class Numbers:
    """Ids that are just numbers."""

    def __init__(self) -> None:
        self._next = count(1)

    def order_id(self) -> str:
        return f"O{next(self._next)}"

    def trade_id(self) -> str:
        return f"T{next(self._next)}"

    def ledger_id(self) -> str:
        return f"L{next(self._next)}"


class Room:
    """An engine with one market at 100 and two accounts; time stands until it is moved."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self.amended: set[Order] = set()
        clock = Clock(lambda: self.time)
        self.instrument = Instrument(SYMBOL, "BTC", "USD", 2, 8, 5, Decimal("0.0001"), Decimal("0.5"))
        instruments = {SYMBOL: self.instrument}
        self.market = Market(instruments, FixedPrices(7, {SYMBOL: Decimal(100)}), clock, seed=7)
        self.engine = Engine(clock, self.market, Numbers())
        self.accounts = [Account(name, "test") for name in ("one", "two")]
        for account in self.accounts:
            for asset, amount in START.items():
                self.engine.deposit(account, asset, amount)

    def place(self, account: Account, **fields: object) -> Order:
        self.time += 1
        return self.engine.place(account, Ticket(instrument=self.instrument, **fields), FEE)  # type: ignore[arg-type]

    def orders(self) -> list[Order]:
        return [order for account in self.accounts for order in account.orders.values()]


def check(room: Room) -> None:
    engine = room.engine
    for asset in START:
        held_by_accounts = sum(account.balances[asset] for account in room.accounts)
        everything = held_by_accounts + engine.house.get(asset, Decimal(0)) + engine.fees.get(asset, Decimal(0))
        assert everything == START[asset] * len(room.accounts)
    for account in room.accounts:
        check_account(account)
    for order in room.orders():
        check_order(order)
        if order not in room.amended:
            check_prices(order)


def check_account(account: Account) -> None:
    for asset, balance in account.balances.items():
        held = sum(
            (
                order.state.held
                for order in account.live_orders.values()
                if (order.ticket.side is Side.BUY) == (asset == "USD")
            ),
            Decimal(0),
        )
        assert account.holds.get(asset, Decimal(0)) == held
        assert 0 <= held <= balance
        entries = [entry for entry in account.entries if entry.asset == asset]
        assert entries[-1].balance == balance == sum(entry.amount - entry.fee for entry in entries)


def check_order(order: Order) -> None:
    state = order.state
    assert sum((trade.volume for trade in order.trades), Decimal(0)) == state.executed
    assert sum((trade.cost for trade in order.trades), Decimal(0)) == state.cost
    assert sum((trade.fee for trade in order.trades), Decimal(0)) == state.fee
    if not order.ticket.volume_in_quote:
        assert state.executed <= order.ticket.volume
        assert (state.executed == order.ticket.volume) == (state.status is OrderStatus.CLOSED)
    room_cost = order.ticket.instrument.round_cost
    assert state.cost == room_cost(sum((trade.price * trade.volume for trade in order.trades), Decimal(0)))
    assert state.fee == room_cost(state.cost * FEE)
    if order.state.status is OrderStatus.OPEN:
        check_hold(order)
    else:
        assert state.held == 0


def check_prices(order: Order) -> None:
    limit = order.ticket.limit_price
    for trade in order.trades:
        assert limit is None or (trade.price <= limit if order.ticket.side is Side.BUY else trade.price >= limit)


def check_hold(order: Order) -> None:
    """What is held pays for the rest at the limit, and without better prices so far it is no more."""
    state, ticket = order.state, order.ticket
    left = ticket.volume - state.executed
    if ticket.side is Side.SELL:
        assert state.held == left
        return
    at_limit = left * ticket.limit_price * (1 + FEE)
    assert state.held >= at_limit - Decimal("0.0001")
    if all(trade.price == ticket.limit_price for trade in order.trades):
        assert state.held <= at_limit + Decimal("0.0001")


sizes = st.decimals("0.0001", "60", places=8)
prices = st.decimals("50", "200", places=2)
sides = st.sampled_from(Side)
depths = st.none() | st.decimals("0.001", "5", places=3)
steps = st.one_of(
    st.tuples(st.just("market"), st.integers(0, 1), sides, sizes, st.booleans()),
    st.tuples(st.just("limit"), st.integers(0, 1), sides, sizes, prices, st.sampled_from(TimeInForce)),
    st.tuples(st.just("stop"), st.integers(0, 1), sides, sizes, prices),
    st.tuples(st.just("move"), prices),
    st.tuples(st.just("depth"), depths),
    st.tuples(st.just("cancel"), st.integers(0, 50)),
    st.tuples(st.just("amend"), st.integers(0, 50), sizes, prices),
)


def do(room: Room, step: tuple) -> None:
    match step:
        case ("market", who, side, size, in_quote):
            in_quote = in_quote and side is Side.BUY
            room.place(
                room.accounts[who],
                side=side,
                order_type=OrderType.MARKET,
                volume=round(size * 100, 5) if in_quote else size,
                volume_in_quote=in_quote,
            )
        case ("limit", who, side, size, price, force):
            fields = {"order_type": OrderType.LIMIT, "limit_price": price, "time_in_force": force}
            room.place(room.accounts[who], side=side, volume=size, **fields)
        case ("stop", who, side, size, price):
            fields = {"order_type": OrderType.STOP_LOSS, "trigger_price": price}
            room.place(room.accounts[who], side=side, volume=size, **fields)
        case ("move", price):
            room.market.set_price(SYMBOL, price)
        case ("depth", depth):
            room.market.quotes[SYMBOL].depth = depth
            room.market.refresh(SYMBOL)
        case ("cancel", number) | ("amend", number, _, _):
            change_one(room, number, step)


def change_one(room: Room, number: int, step: tuple) -> None:
    live = [(account, order) for account in room.accounts for order in account.live_orders.values()]
    if not live:
        return
    account, order = live[number % len(live)]
    if step[0] == "cancel":
        room.engine.cancel(account, order, "asked")
    elif step[2] > order.state.executed and order.ticket.limit_price is not None:
        room.amended.add(order)
        room.engine.amend(account, order, step[2], step[3], None)


@settings(max_examples=150)
@given(st.lists(steps, max_size=25))
def test_money_is_neither_made_nor_lost(plan: list[tuple]) -> None:
    room = Room()
    for step in plan:
        with suppress(OrderRefused):
            do(room, step)
        check(room)


@settings(max_examples=60)
@given(st.lists(steps, max_size=15))
def test_a_refused_order_leaves_nothing_behind(plan: list[tuple]) -> None:
    room = Room()
    for step in plan:
        before = [(dict(account.balances), dict(account.holds), len(account.orders)) for account in room.accounts]
        try:
            do(room, step)
        except OrderRefused:
            after = [(dict(account.balances), dict(account.holds), len(account.orders)) for account in room.accounts]
            assert after == before


@given(sizes, prices)
def test_a_resting_buy_fills_exactly_when_the_ask_comes_to_it(size: Decimal, price: Decimal) -> None:
    room = Room()
    account = room.accounts[0]
    room.engine.deposit(account, "USD", Decimal(1_000_000))
    order = room.place(account, side=Side.BUY, order_type=OrderType.LIMIT, volume=size, limit_price=Decimal(40))
    assert order.state.status is OrderStatus.OPEN

    room.market.set_price(SYMBOL, price / 2)

    reached = room.market.quotes[SYMBOL].ask <= 40
    assert (order.state.status is OrderStatus.CLOSED) == reached


def test_an_order_that_trades_in_many_parts_pays_its_total_rounded_once() -> None:
    room = Room()
    room.market.quotes[SYMBOL].depth = Decimal("0.0001236")

    order = room.place(room.accounts[0], side=Side.BUY, order_type=OrderType.MARKET, volume=Decimal("0.001236"))

    assert len(order.trades) == 10
    check(room)


def test_a_resting_order_that_trades_in_parts_holds_for_the_rest_only() -> None:
    room = Room()
    fields = {"order_type": OrderType.LIMIT, "volume": Decimal(1), "limit_price": Decimal(90)}
    order = room.place(room.accounts[0], side=Side.BUY, **fields)
    room.market.quotes[SYMBOL].depth = Decimal("0.01")

    room.market.set_price(SYMBOL, Decimal("89.97"))

    assert 0 < order.state.executed < 1
    assert {trade.price for trade in order.trades} == {90}
    check(room)


def test_amending_an_order_that_has_traded_holds_for_the_rest_only() -> None:
    room = Room()
    room.market.quotes[SYMBOL].depth = Decimal("0.01")
    fields = {"order_type": OrderType.LIMIT, "volume": Decimal(1), "limit_price": room.market.quotes[SYMBOL].ask}
    order = room.place(room.accounts[0], side=Side.BUY, **fields)
    assert order.state.executed == Decimal("0.01")

    room.amended.add(order)
    room.engine.amend(room.accounts[0], order, Decimal(2), Decimal(90), None)

    assert order.state.held == pytest.approx(Decimal("1.99") * 90 * (1 + FEE), abs=Decimal("0.0001"))
    check(room)


def test_resting_orders_of_several_accounts_fill_at_their_own_prices() -> None:
    room = Room()
    orders = [
        room.place(account, side=Side.BUY, order_type=OrderType.LIMIT, volume=Decimal(1), limit_price=Decimal(price))
        for account, price in zip(room.accounts, (90, 80), strict=True)
    ]

    room.market.set_price(SYMBOL, Decimal(85))
    assert [order.state.status for order in orders] == [OrderStatus.CLOSED, OrderStatus.OPEN]
    room.market.set_price(SYMBOL, Decimal(70))

    assert [order.trades[0].price for order in orders] == [90, 80]


def test_a_resting_order_does_not_trade_on_canceled_time() -> None:
    room = Room()
    fields = {"order_type": OrderType.LIMIT, "volume": Decimal(1), "limit_price": Decimal(90)}
    order = room.place(room.accounts[0], side=Side.BUY, expires_at=room.time + 10, **fields)

    room.time += 11
    room.engine.expire()
    room.market.set_price(SYMBOL, Decimal(80))

    assert (order.state.status, order.trades) == (OrderStatus.EXPIRED, [])


def test_states_can_be_asked_for_the_past() -> None:
    room = Room()
    fields = {"order_type": OrderType.LIMIT, "volume": Decimal(1), "limit_price": Decimal(90)}
    order = room.place(room.accounts[0], side=Side.BUY, **fields)
    placed_at = room.time
    room.time += 5
    room.engine.cancel(room.accounts[0], order, "asked")

    assert order.state_at(placed_at - 1) is None
    assert order.state_at(placed_at + 1).status is OrderStatus.OPEN
    assert order.state_at(room.time).status is OrderStatus.CANCELED


def test_two_orders_cannot_use_the_same_money() -> None:
    room = Room()
    fields = {"side": Side.BUY, "order_type": OrderType.LIMIT, "volume": Decimal(60), "limit_price": Decimal(90)}
    room.place(room.accounts[0], **fields)

    with pytest.raises(InsufficientFunds):
        room.place(room.accounts[0], **fields)
