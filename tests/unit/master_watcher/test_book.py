"""What a master had before a trade that is only heard of afterwards."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.enums import BrokerType, Side
from bot.domain.executions import Execution
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.orders import AccountBalances
from bot.master_watcher.book import BalanceBook, Before

MASTER = AccountId.master(BrokerType.KRAKEN)


def balances(at: float, dollars: int | Decimal, coins: int | Decimal, held: int = 0) -> AccountBalances:
    return AccountBalances(
        {"USD": Decimal(dollars) - held, "BTC": Decimal(coins)}, {"USD": Decimal(held)} if held else {}, at=at
    )


def show(book: BalanceBook, shown: AccountBalances, after_s: float = 0.1) -> None:
    """The answer to a question for the balances, and how long it took."""
    book.show(shown, shown.at + after_s)


def trade(number: int, side: Side, quantity: int, time: float, price: int = 10, fee: int = 1) -> Execution:
    size = Decimal(quantity)
    return Execution(
        MASTER,
        VenueOrderId(f"O{number}"),
        None,
        "BTC-USD",
        side,
        size,
        Decimal(price),
        size,
        time,
        fee=Decimal(fee),
        fee_currency="USD",
    )


def before(book: BalanceBook, execution: Execution) -> Before:
    return book.before(execution.order_id, execution.executed_before, execution.symbol)


def test_balances_from_before_the_trade() -> None:
    book, bought = BalanceBook(), trade(1, Side.BUY, 5, time=130.0)
    show(book, balances(100.0, 1000, 2))
    book.add(bought)
    assert before(book, bought) == Before(Decimal(1000), Decimal(2))


def test_balances_from_after_the_trade_are_rolled_back() -> None:
    book, bought = BalanceBook(), trade(1, Side.BUY, 5, time=50.0)
    show(book, balances(100.0, 949, 7))
    book.add(bought)
    assert before(book, bought) == Before(Decimal(1000), Decimal(2))


def test_money_bound_in_an_order_is_there() -> None:
    book, bought = BalanceBook(), trade(1, Side.BUY, 5, time=130.0)
    show(book, balances(100.0, 1000, 2, held=500))
    book.add(bought)
    assert before(book, bought).dollars == 1000


def test_balances_that_trail_a_trade_do_not_hold_it() -> None:
    book, bought, sold = BalanceBook(), trade(1, Side.BUY, 5, time=130.0), trade(2, Side.SELL, 3, time=132.0)
    show(book, balances(100.0, 1000, 2))
    book.add(bought)
    show(book, balances(131.0, 1000, 2))
    book.add(sold)
    assert before(book, sold).position == 7


def test_balances_that_hold_a_trade_before_it_is_heard_of() -> None:
    book, bought = BalanceBook(), trade(1, Side.BUY, 5, time=130.0)
    show(book, balances(100.0, 1000, 2))
    show(book, balances(130.5, 949, 7))
    book.add(bought)
    assert before(book, bought) == Before(Decimal(1000), Decimal(2))


@pytest.mark.parametrize(("dollars", "coins"), [(949, 7), (1000, 2)], ids=["hold it", "do not"])
def test_balances_that_were_long_on_their_way_may_hold_what_traded_meanwhile(dollars: int, coins: int) -> None:
    book, bought = BalanceBook(), trade(1, Side.BUY, 5, time=135.0)
    show(book, balances(100.0, 1000, 2))
    show(book, balances(130.0, dollars, coins), after_s=6.0)
    book.add(bought)
    assert before(book, bought) == Before(Decimal(1000), Decimal(2))


def test_several_balances_that_hold_a_trade_before_it_is_heard_of() -> None:
    book, bought, sold = BalanceBook(), trade(1, Side.BUY, 5, time=50.0), trade(2, Side.SELL, 3, time=52.0)
    show(book, balances(100.0, 1000, 4))
    show(book, balances(101.0, 1000, 4))
    book.add(bought)
    book.add(sold)
    assert before(book, bought).position == 2
    assert before(book, sold).position == 7


def test_a_deposit_beside_a_trade_is_no_trade() -> None:
    book, bought, sold = BalanceBook(), trade(1, Side.BUY, 5, time=130.0), trade(2, Side.SELL, 7, time=140.0)
    show(book, balances(100.0, 1000, 2))
    book.add(bought)
    show(book, balances(135.0, 5949, 7))
    book.add(sold)
    assert before(book, sold) == Before(Decimal(5949), Decimal(7))


def test_without_balances_nothing_is_told() -> None:
    book, bought = BalanceBook(), trade(1, Side.BUY, 5, time=130.0)
    book.add(bought)
    with pytest.raises(LookupError):
        before(book, bought)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Trades and looks at the balances: (kind, size, how many of the latest trades the look does not show yet)."""
    return draw(
        st.lists(
            st.one_of(
                st.tuples(st.just("buy"), st.integers(1, 9), st.integers(5, 15)),
                st.tuples(st.just("sell"), st.integers(1, 9), st.integers(5, 15)),
                st.tuples(st.just("look"), st.integers(0, 2), st.just(0)),
            ),
            max_size=25,
        )
    )


@settings(max_examples=300)
@given(histories())
def test_whatever_trails_the_coins_before_each_trade_are_right(events: list[tuple[str, int, int]]) -> None:
    book, now = BalanceBook(), 100.0
    states = [(Decimal(100_000), Decimal(10_000))]
    show(book, balances(now, *states[-1]))
    shown = 0
    for number, (kind, size, price) in enumerate(events):
        now += 1.0
        if kind == "look":
            # Balances trail by some trades, and never go back to before what they showed.
            shown = max(shown, len(states) - 1 - size)
            show(book, balances(now, *states[shown]))
            continue
        side = Side(kind)
        sign = 1 if side is Side.BUY else -1
        dollars, coins = states[-1]
        traded = trade(number, side, size, now, price)
        states.append((dollars - sign * size * price - 1, coins + sign * size))
        book.add(traded)
        told = before(book, traded)
        assert (told.dollars, told.position) == (dollars, coins)
