"""Orders that fill later, in parts, out of a gross amount, or with the fee in what they receive."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_exchange.core.accounts import Account
from paper_exchange.core.clock import Clock
from paper_exchange.core.engine import Engine, InsufficientFunds, OrderRefused
from paper_exchange.core.funds import FeeIn
from paper_exchange.core.instruments import Instrument
from paper_exchange.core.market import Market
from paper_exchange.core.orders import Order, OrderStatus, OrderType, Side, Ticket, TimeInForce
from paper_exchange.core.prices import FixedPrices
from tests.paper_exchange.test_core import Numbers

SYMBOL = "BTC-USD"
START = {"USD": Decimal(10_000), "BTC": Decimal(2)}
FEE = Decimal("0.0075")
DELAY = 0.05


class Room:
    """An engine with one market at 100 and one account; what is to happen later happens when `settle` is called."""

    def __init__(self, fee_in: FeeIn = FeeIn.QUOTE, fill_decimals: int | None = None) -> None:
        clock = Clock(lambda: 1_800_000_000.0)
        cost_decimals = 5 if fill_decimals is None else fill_decimals
        limits = Decimal("0.0001"), Decimal(1)
        self.instrument = Instrument(SYMBOL, "BTC", "USD", 2, 8, cost_decimals, *limits, fill_decimals=fill_decimals)
        prices = FixedPrices(7, {SYMBOL: Decimal(100)})
        self.market = Market({SYMBOL: self.instrument}, prices, clock, seed=7)
        self.market.quotes[SYMBOL].spread = Decimal(0)
        self.market.refresh(SYMBOL)
        self.due: list[Callable[[], None]] = []
        self.engine = Engine(clock, self.market, Numbers(), fee_in, lambda _, function: self.due.append(function))
        self.account = Account("one", "test")
        for asset, amount in START.items():
            self.engine.deposit(self.account, asset, amount)

    def place(
        self, side: Side, volume: str | Decimal, *, delay: float = 0.0, part: str = "1", **fields: object
    ) -> Order:
        values = {"order_type": OrderType.MARKET, "volume": Decimal(volume)} | fields
        ticket = Ticket(instrument=self.instrument, side=side, **values)  # type: ignore[arg-type]
        return self.engine.place(self.account, ticket, FEE, delay, Decimal(part))

    def settle(self, steps: int = 1) -> None:
        for _ in range(steps):
            due, self.due = self.due, []
            for function in due:
                function()


def check(room: Room) -> None:
    account, engine = room.account, room.engine
    for asset, start in START.items():
        zero = Decimal(0)
        everything = account.balances[asset] + engine.house.get(asset, zero) + engine.fees.get(asset, zero)
        assert everything == start
        held = sum(
            (
                order.state.held
                for order in account.live_orders.values()
                if (order.ticket.side is Side.BUY) == (asset == "USD")
            ),
            zero,
        )
        assert account.holds.get(asset, zero) == held
        assert 0 <= held <= account.balances[asset]
    for order in account.orders.values():
        for field in ("volume", "cost", "fee"):
            total = sum((getattr(trade, field) for trade in order.trades), Decimal(0))
            assert total == getattr(order.state, "executed" if field == "volume" else field)
        if order.ticket.fee_included:
            assert order.state.cost + order.state.fee <= order.ticket.volume


class TestDelay:
    def test_it_is_accepted_and_holds_its_funds_until_it_fills(self) -> None:
        room = Room()
        order = room.place(Side.BUY, 1, delay=DELAY)

        assert (order.state.status, order.state.executed) == (OrderStatus.OPEN, 0)
        assert room.account.available("USD") == 10_000 - Decimal("100.75")
        check(room)
        room.settle()

        assert (order.state.status, order.state.executed) == (OrderStatus.CLOSED, 1)
        assert room.account.available("USD") == 10_000 - Decimal("100.75")
        check(room)

    def test_it_fills_at_the_price_of_then(self) -> None:
        room = Room()
        order = room.place(Side.SELL, 1, delay=DELAY)
        room.market.set_price(SYMBOL, Decimal(90))
        room.settle()

        assert order.trades[0].price == 90

    def test_what_was_canceled_meanwhile_does_not_fill(self) -> None:
        room = Room()
        order = room.place(Side.SELL, 1, delay=DELAY)
        room.engine.cancel(room.account, order, "asked")
        room.settle()

        assert (order.state.status, order.trades) == (OrderStatus.CANCELED, [])
        assert room.account.holds == {"BTC": 0}

    def test_funds_that_are_held_cannot_be_used_twice(self) -> None:
        room = Room()
        room.place(Side.SELL, "1.5", delay=DELAY)
        with pytest.raises(InsufficientFunds):
            room.place(Side.SELL, 1, delay=DELAY)

    @pytest.mark.parametrize("part", ["1", "0.8"])
    def test_a_price_that_ran_away_ends_it_without_debts(self, part: str) -> None:
        room = Room()
        order = room.place(Side.BUY, 99, delay=DELAY, part=part)
        room.market.set_price(SYMBOL, Decimal(200))
        room.settle(2)

        assert (order.state.status, order.state.reason) == (OrderStatus.CANCELED, "Insufficient funds")
        assert room.account.balances == START
        check(room)

    def test_a_limit_order_that_does_not_trade_rests_at_once(self) -> None:
        room = Room()
        fields = {"order_type": OrderType.LIMIT, "limit_price": Decimal(90)}
        order = room.place(Side.BUY, 1, delay=DELAY, **fields)

        assert room.due == []
        room.market.set_price(SYMBOL, Decimal(80))
        assert order.state.status is OrderStatus.CLOSED

    def test_a_limit_order_that_would_trade_may_rest_in_the_end(self) -> None:
        room = Room()
        fields = {"order_type": OrderType.LIMIT, "limit_price": Decimal(110)}
        order = room.place(Side.BUY, 1, delay=DELAY, **fields)
        room.market.set_price(SYMBOL, Decimal(120))
        room.settle()

        assert order.state.status is OrderStatus.OPEN
        check(room)
        room.market.set_price(SYMBOL, Decimal(105))
        assert (order.state.status, order.trades[0].price) == (OrderStatus.CLOSED, 110)
        check(room)


class TestParts:
    @pytest.mark.parametrize(
        ("side", "fields"),
        [
            (Side.BUY, {"volume_in_quote": True, "fee_included": True}),
            (Side.BUY, {}),
            (Side.SELL, {}),
        ],
        ids=["quote", "buy", "sell"],
    )
    def test_a_part_first_and_the_rest_later(self, side: Side, fields: dict[str, bool]) -> None:
        room = Room(fill_decimals=16)
        order = room.place(side, 2, delay=DELAY, part="0.25", **fields)
        room.settle()
        assert (order.state.status, len(order.trades)) == (OrderStatus.OPEN, 1)
        check(room)
        room.settle()

        assert (order.state.status, len(order.trades)) == (OrderStatus.CLOSED, 2)
        assert order.left == 0
        check(room)

    def test_all_or_nothing_stays_whole(self) -> None:
        room = Room()
        fields = {
            "order_type": OrderType.LIMIT,
            "limit_price": Decimal(110),
            "time_in_force": TimeInForce.FILL_OR_KILL,
        }
        order = room.place(Side.BUY, 1, delay=DELAY, part="0.25", **fields)
        room.settle()

        assert (order.state.status, len(order.trades)) == (OrderStatus.CLOSED, 1)


class TestFees:
    def test_included_in_the_amount(self) -> None:
        room = Room(fill_decimals=16)
        room.market.set_price(SYMBOL, Decimal("102795.9"))

        order = room.place(Side.BUY, "1.5", volume_in_quote=True, fee_included=True)

        # 1.5 / 1.0075, the figures of a recorded order
        assert order.state.cost == Decimal("1.488833746898263")
        assert order.state.fee == Decimal("0.011166253101737")
        assert order.state.executed == Decimal("0.0000144833961948")
        assert room.account.balances["USD"] == Decimal("9998.5")

    def test_in_what_is_received(self) -> None:
        room = Room(FeeIn.RECEIVED)
        bought, sold = room.place(Side.BUY, 1), room.place(Side.SELL, 1)

        assert (bought.fee_asset, bought.state.fee) == ("BTC", Decimal("0.0075"))
        assert (sold.fee_asset, sold.state.fee) == ("USD", Decimal("0.75"))
        assert room.account.balances == {"USD": Decimal("9999.25"), "BTC": Decimal("1.9925")}
        check(room)

    def test_all_dollars_can_be_spent_when_the_fee_is_in_coins(self) -> None:
        room = Room(FeeIn.RECEIVED)
        room.place(Side.BUY, 100)
        assert room.account.balances["USD"] == 0
        check(room)


steps = st.one_of(
    st.tuples(
        st.just("market"),
        st.sampled_from(Side),
        st.decimals("0.0001", "60", places=8),
        st.booleans(),
        st.sampled_from([0.0, DELAY]),
        st.sampled_from(["1", "0.37"]),
    ),
    st.tuples(st.just("limit"), st.sampled_from(Side), st.decimals("0.01", "60", places=8), st.integers(60, 160)),
    st.tuples(st.just("move"), st.decimals("50", "200", places=2)),
    st.tuples(st.just("depth"), st.none() | st.decimals("0.001", "5", places=3)),
    st.tuples(st.just("settle")),
    st.tuples(st.just("cancel")),
)


def do(room: Room, step: tuple) -> None:
    match step:
        case ("market", side, size, in_quote, delay, part):
            fields = {"volume_in_quote": True, "fee_included": room.instrument.fill_decimals is not None}
            if in_quote and side is Side.BUY:
                room.place(side, round(size * 100, 2), delay=delay, part=part, **fields)
            else:
                room.place(side, size, delay=delay, part=part)
        case ("limit", side, size, price):
            fields = {"order_type": OrderType.LIMIT, "limit_price": Decimal(price)}
            room.place(side, size, delay=DELAY, **fields)
        case ("move", price):
            room.market.set_price(SYMBOL, price)
        case ("depth", depth):
            room.market.quotes[SYMBOL].depth = depth
            room.market.refresh(SYMBOL)
        case ("settle",):
            room.settle()
        case ("cancel",):
            for order in list(room.account.live_orders.values())[:1]:
                room.engine.cancel(room.account, order, "asked")


@pytest.mark.parametrize(
    ("fee_in", "fill_decimals"),
    [(FeeIn.QUOTE, None), (FeeIn.QUOTE, 16), (FeeIn.RECEIVED, None)],
    ids=["kraken", "coinbase", "alpaca"],
)
@settings(max_examples=100)
@given(plan=st.lists(steps, max_size=25))
def test_money_is_neither_made_nor_lost(fee_in: FeeIn, fill_decimals: int | None, plan: list[tuple]) -> None:
    room = Room(fee_in, fill_decimals)
    for step in plan:
        with suppress(OrderRefused):
            do(room, step)
        check(room)
    room.settle(3)
    check(room)
