"""Positions from trades: fees in coin, sales, and what lots leave over."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.enums import Side
from bot.ledger.positions import Trade, positions_after
from bot.ledger.rows import OwnPosition

D = Decimal


def trade(side: str, quantity: str, price: str = "100", at: float = 1.0, fee: str = "0", code: str = "USD") -> Trade:
    size = D(quantity)
    return Trade("BTC-USD", Side(side), size, size * D(price), D(fee), code, at)


def position(*trades: Trade) -> OwnPosition | None:
    return positions_after(trades).get("BTC-USD")


def test_a_fee_in_the_coin_is_gone_and_makes_the_rest_dearer() -> None:
    assert position(trade("buy", "1", "99", fee="0.01", code="BTC")) == (D("0.99"), D(100), 1.0)
    assert position(trade("buy", "1"), trade("sell", "0.5", fee="0.1", code="BTC")) == (D("0.4"), D(100), 1.0)


def test_a_fee_in_dollars_changes_no_coins() -> None:
    assert position(trade("buy", "1", fee="0.5")) == (D(1), D(100), 1.0)


def test_who_sold_all_or_more_has_no_position_and_the_next_one_is_new() -> None:
    assert position(trade("buy", "1"), trade("sell", "1")) is None
    assert position(trade("buy", "1"), trade("sell", "2")) is None
    sold = (trade("buy", "1"), trade("sell", "2"))
    assert position(*sold, trade("buy", "1", "200", 9.0)) == (D(1), D(200), 9.0)


def test_a_sale_leaves_the_average_price_as_it_was() -> None:
    assert position(trade("buy", "2", "100"), trade("sell", "1", "300")) == (D(1), D(100), 1.0)


def test_a_second_buy_keeps_the_time_of_the_first() -> None:
    assert position(trade("buy", "1"), trade("buy", "1", "200", 5.0)) == (D(2), D(150), 1.0)


def test_what_lots_left_over_does_not_make_a_new_position_an_old_one() -> None:
    found = position(trade("buy", "1"), trade("sell", "0.999"), trade("buy", "1", "200", 5.0))
    assert found is not None
    assert (found.quantity, found.opened_at) == (D("1.001"), 5.0)


def test_symbols_are_apart() -> None:
    other = Trade("ETH-USD", Side.BUY, D(3), D(30), D(1), "BTC", 2.0)
    assert positions_after([trade("buy", "1"), other]) == {
        "BTC-USD": (D(1), D(100), 1.0),
        "ETH-USD": (D(3), D(10), 2.0),
    }


@given(st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.decimals("0.01", 10, places=2)), max_size=30))
def test_a_position_is_never_negative_and_never_more_than_what_was_bought(moves: list[tuple[str, Decimal]]) -> None:
    found = position(*(trade(side, str(quantity)) for side, quantity in moves))
    total = sum((quantity for side, quantity in moves if side == "buy"), D(0))
    assert found is None or 0 < found.quantity <= total
    assert found is None or found.average_price == 100
