"""Only what copying bought is ever sold, and no coin is sold twice."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from bot.copying.coins import CopiedCoins
from bot.domain.enums import Side
from bot.domain.ids import ClientOrderId, SignalId
from bot.domain.orders import MarketOrder
from tests.fakes.trace import PATIENCE_S
from tests.unit.copying.builders import DAIVON, EXIT, TANIA, a_report, an_order


def coins_of(confirmed: str | None = None) -> CopiedCoins:
    return CopiedCoins({} if confirmed is None else {(TANIA, "BTC-USD"): Decimal(confirmed)})


AN_EXIT, ANOTHER_EXIT = SignalId("an exit"), SignalId("another exit")


def expected(coins: CopiedCoins, by: SignalId = AN_EXIT) -> Decimal:
    return coins.expected(TANIA, "BTC-USD", by)


def test_who_copied_nothing_has_nothing_to_sell() -> None:
    coins = coins_of()
    assert expected(coins) == 0
    assert coins.sellable(an_order(Side.SELL)) == 0


def test_what_the_ledger_had_at_start_is_there() -> None:
    coins = coins_of("0.5")
    assert expected(coins) == Decimal("0.5")
    assert coins.sellable(an_order(Side.SELL)) == Decimal("0.5")


def test_coins_of_one_user_and_symbol_are_not_anothers() -> None:
    coins = coins_of("0.5")
    assert coins.expected(DAIVON, "BTC-USD", AN_EXIT) == 0
    assert coins.expected(TANIA, "ETH-USD", AN_EXIT) == 0


def test_a_buy_on_its_way_is_expected_but_not_sellable() -> None:
    coins = coins_of()
    coins.open(an_order(Side.BUY, "0.002"))
    assert expected(coins) == Decimal("0.002")
    assert coins.sellable(an_order(Side.SELL, name="s")) == 0


def test_a_fill_makes_coins_sellable_as_they_were_executed() -> None:
    coins = coins_of()
    order = an_order(Side.BUY, "0.002")
    coins.open(order)
    coins.close(order, a_report("0.0015"))
    assert expected(coins) == Decimal("0.0015")
    assert coins.sellable(an_order(Side.SELL, name="s")) == Decimal("0.0015")


def test_a_fee_taken_in_coins_is_not_there_to_be_sold() -> None:
    coins = coins_of()
    order = an_order(Side.BUY, "0.002")
    coins.open(order)
    coins.close(order, a_report("0.002", "0.000008", "BTC"))
    assert expected(coins) == Decimal("0.001992")


def test_a_fee_in_dollars_takes_no_coins() -> None:
    coins = coins_of()
    coins.close(an_order(), a_report("0.002", "0.26", "USD"))
    assert expected(coins) == Decimal("0.002")


def test_an_order_that_was_not_placed_changes_nothing() -> None:
    coins = coins_of("0.5")
    for side in Side:
        order = an_order(side)
        coins.open(order)
        coins.close(order, None)
        assert expected(coins) == Decimal("0.5")


def test_a_sell_on_its_way_is_in_nobody_elses_reach() -> None:
    coins = coins_of("0.005")
    first, second = an_order(Side.SELL, "0.003", "s-1"), an_order(Side.SELL, "0.005", "s-2")
    coins.open(first)
    assert expected(coins) == Decimal("0.002")
    coins.open(second)
    assert coins.sellable(second) == Decimal("0.002")
    assert coins.sellable(first) == 0, "what the second one asks for is not the first one's any more"


def test_an_orders_own_coins_do_not_stand_in_its_way() -> None:
    coins = coins_of("0.005")
    order = an_order(Side.SELL, "0.005")
    coins.open(order)
    assert coins.sellable(order) == Decimal("0.005")


def test_more_sold_than_was_copied_leaves_nothing_and_never_less() -> None:
    coins = coins_of("0.001")
    order = an_order(Side.SELL, "0.002")
    coins.open(order)
    assert expected(coins) == 0
    coins.close(order, a_report("0.002"))
    assert expected(coins) == 0
    assert coins.sellable(order) == 0


# -- in doubt -----------------------------------------------------------------------------------------------------


def test_a_buy_in_doubt_is_not_planned_with_and_the_exit_that_missed_it_is_told_when_it_is_known() -> None:
    coins, order = coins_of("0.5"), an_order(Side.BUY, "0.002")
    coins.open(order)
    coins.doubt(order)
    assert expected(coins) == Decimal("0.5")
    assert expected(coins, ANOTHER_EXIT) == Decimal("0.5")
    assert expected(coins) == Decimal("0.5"), "a plan may be made twice"
    assert coins.close(order, a_report("0.002")) == [AN_EXIT, ANOTHER_EXIT]
    assert expected(coins) == Decimal("0.502")


def test_exits_before_the_doubt_and_after_its_end_missed_nothing() -> None:
    coins, order = coins_of(), an_order(Side.BUY, "0.002")
    coins.open(order)
    assert expected(coins) == Decimal("0.002")
    coins.doubt(order)
    assert coins.close(order, a_report("0.002")) == []
    assert expected(coins, ANOTHER_EXIT) == Decimal("0.002")


def test_what_an_earlier_process_planned_without_it_is_told_too() -> None:
    coins, order = coins_of(), an_order(Side.BUY, "0.002")
    coins.open(order)
    coins.doubt(order, [AN_EXIT])
    expected(coins, ANOTHER_EXIT)
    coins.doubt(order)
    assert coins.close(order, a_report("0.002")) == [AN_EXIT, ANOTHER_EXIT]


def test_an_order_that_is_absent_is_no_longer_in_doubt_when_its_next_attempt_leaves() -> None:
    coins, order = coins_of(), an_order(Side.BUY, "0.002")
    coins.open(order)
    coins.doubt(order)
    expected(coins)
    coins.close(order, None)
    again = an_order(Side.BUY, "0.002", "c-1-again")
    coins.open(again)
    assert expected(coins, ANOTHER_EXIT) == Decimal("0.002")
    assert coins.close(again, a_report("0.002")) == []


def test_the_doubt_of_one_symbol_or_user_misses_no_exit_of_another() -> None:
    coins, order = coins_of(), an_order(Side.BUY, "0.002")
    coins.open(order)
    coins.doubt(order)
    coins.expected(DAIVON, "BTC-USD", AN_EXIT)
    coins.expected(TANIA, "ETH-USD", AN_EXIT)
    assert coins.close(order, a_report("0.002")) == []


def test_a_sell_in_doubt_keeps_its_coins_from_every_other_exit() -> None:
    coins, order = coins_of("0.005"), an_order(Side.SELL, "0.003", "s-1")
    coins.open(order)
    coins.doubt(order)
    assert expected(coins) == Decimal("0.002")
    assert coins.sellable(an_order(Side.SELL, name="s-2")) == Decimal("0.002")
    assert coins.close(order, None) == []
    assert expected(coins) == Decimal("0.005")


def test_coins_that_are_gone_are_written_off_and_never_below_nothing() -> None:
    coins = coins_of("0.5")
    coins.write_off(TANIA, "BTC-USD", Decimal("0.2"))
    assert coins.confirmed(TANIA, "BTC-USD") == Decimal("0.3")
    coins.write_off(TANIA, "BTC-USD", Decimal(1))
    assert (coins.confirmed(TANIA, "BTC-USD"), coins.holdings()) == (0, {})


# -- any course of things -----------------------------------------------------------------------------------------

#: Side, size asked for, size executed, and how it goes: 0 not placed, 1 placed, 2 in doubt and placed, 3 in doubt.
moves = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 1000), st.integers(0, 1000), st.integers(0, 3)), max_size=30
)


@given(moves)
def test_what_may_be_sold_is_never_more_than_what_was_bought_and_not_sold(
    steps: list[tuple[Side, int, int, int]],
) -> None:
    """Sells go out for no more than `sellable` says, as an exit does."""
    coins, owned = coins_of(), Decimal(0)
    for number, (side, wanted, executed, course) in enumerate(steps):
        order = an_order(side, Decimal(wanted), f"c-{number}")
        if side is Side.SELL:
            allowed = min(order.quantity, coins.sellable(order))
            assert allowed <= owned
            if allowed <= 0:
                continue
            order = an_order(side, allowed, f"c-{number}")
        coins.open(order)
        if course >= 2:
            coins.doubt(order)
            assert 0 <= expected(coins) <= owned
        done = min(Decimal(executed), order.quantity)
        placed = course in (1, 2)
        missed = coins.close(order, a_report(done) if placed else None)
        assert missed == ([AN_EXIT] if course >= 2 and side is Side.BUY else [])
        if placed:
            owned += done if side is Side.BUY else -done
        assert owned >= 0
        assert expected(coins) == owned == coins.confirmed(TANIA, "BTC-USD")


class Interleaved(RuleBasedStateMachine):
    """Many orders of one user at once, some of them in doubt; an exit leaves for what is sellable at that moment."""

    under_way = Bundle("under_way")

    def __init__(self) -> None:
        super().__init__()
        self.coins = coins_of("0.005")
        self.bought, self.sold = Decimal("0.005"), Decimal(0)
        self.number = 0

    def _open(self, side: Side, quantity: Decimal) -> MarketOrder:
        self.number += 1
        order = an_order(side, quantity, f"c-{self.number}")
        self.coins.open(order)
        return order

    @rule(target=under_way, quantity=st.integers(1, 5))
    def buy(self, quantity: int) -> MarketOrder:
        return self._open(Side.BUY, Decimal(quantity) / 1000)

    @rule(target=under_way, wanted=st.integers(1, 9))
    def sell(self, wanted: int) -> Any:
        planned = self._open(Side.SELL, Decimal(wanted) / 1000)
        leaves = min(planned.quantity, self.coins.sellable(planned))
        if leaves <= 0:
            self.coins.close(planned, None)
            return multiple()
        order = replace(planned, quantity=leaves)
        self.coins.open(order)
        return order

    @rule(order=under_way)
    def doubt(self, order: MarketOrder) -> None:
        self.coins.doubt(order)

    @rule(order=consumes(under_way), share=st.integers(0, 4))
    def fill(self, order: MarketOrder, share: int) -> None:
        done = order.quantity * share / 4
        self.coins.close(order, a_report(done))
        if order.side is Side.BUY:
            self.bought += done
        else:
            self.sold += done

    @rule(order=consumes(under_way))
    def absent(self, order: MarketOrder) -> None:
        self.coins.close(order, None)

    @rule()
    def plan_an_exit(self) -> None:
        self.number += 1
        assert expected(self.coins, SignalId(f"exit-{self.number}")) >= 0

    @invariant()
    def no_more_is_sold_than_was_bought(self) -> None:
        assert self.sold <= self.bought
        assert self.coins.confirmed(TANIA, "BTC-USD") == self.bought - self.sold
        assert 0 <= self.coins.sellable(an_order(Side.SELL, name="one more")) <= self.bought - self.sold


TestInterleaved = Interleaved.TestCase
TestInterleaved.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_many_lanes_at_once_lose_no_coin() -> None:
    coins = coins_of()

    def buy(thread: int) -> None:
        for number in range(100):
            order = an_order(Side.BUY, "0.001", f"{thread}-{number}")
            coins.open(order)
            assert coins.sellable(an_order(Side.SELL, name="s")) >= 0
            coins.close(order, a_report("0.001"))

    threads = [threading.Thread(target=buy, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert expected(coins) == Decimal("0.8")


def test_an_exit_leaves_to_later_ones_only_what_they_have_taken() -> None:
    coins = coins_of("0.2")
    first, later = an_order(Side.SELL, "0.06", name="first"), an_order(Side.SELL, "1.11", name="later")
    coins.open(first)
    coins.open(later)
    assert coins.sellable(first) == Decimal("0.2"), "the later one counts on a buy that has no fill yet"
    coins.open(first)
    assert coins.sellable(later) == Decimal("0.14"), "it leaves first, and the first one keeps its share"
    assert coins.sellable(first) == 0, "what has left is gone"


def test_an_exit_that_was_planned_before_the_doubt_leaves_the_doubtful_share_to_a_leg_of_its_own() -> None:
    coins = coins_of("0.002")
    buy, exit_ = an_order(Side.BUY, "0.002", name="buy"), an_order(Side.SELL, "0.002", name="exit")
    coins.open(buy)
    coins.open(exit_)
    coins.doubt(buy)
    assert coins.sellable(exit_, EXIT) == Decimal("0.001"), "half of what is surely there"
    assert coins.sellable(exit_, EXIT) == Decimal("0.001"), "however often its turn comes"
    assert coins.close(buy, a_report("0.002")) == [EXIT.signal_id]


def test_a_buy_that_left_after_the_exit_was_planned_is_not_cut_out_of_it() -> None:
    coins = coins_of("0.002")
    exit_, buy = an_order(Side.SELL, "0.002", name="exit"), an_order(Side.BUY, "0.002", name="buy")
    coins.open(exit_)
    coins.open(buy)
    coins.doubt(buy)
    assert coins.sellable(exit_, EXIT) == Decimal("0.002")
    assert coins.close(buy, a_report("0.002")) == [], "it was bought after the master had sold"


def test_an_exit_keeps_its_place_under_another_name() -> None:
    coins = coins_of("0.002")
    exit_, buy = an_order(Side.SELL, "0.002", name="exit"), an_order(Side.BUY, "0.002", name="buy")
    again = replace(exit_, client_order_id=ClientOrderId("exit again"))
    coins.open(exit_)
    coins.left(exit_)
    coins.open(buy)
    coins.rename(exit_, again)
    coins.open(again)
    coins.doubt(buy)
    assert coins.sellable(again, EXIT) == Decimal("0.002")
    coins.close(again, a_report("0.002"))
    assert coins.sellable(an_order(Side.SELL, "0.002", name="other")) == 0


def test_a_sale_that_is_known_before_its_buy_leaves_only_what_is_there() -> None:
    coins = coins_of("0")
    buy, sale = an_order(Side.BUY, "0.003", name="buy"), an_order(Side.SELL, "0.002", name="sale")
    coins.close(sale, a_report("0.002"))
    assert coins.confirmed(TANIA, "BTC-USD") == 0
    coins.close(buy, a_report("0.003"))
    assert coins.confirmed(TANIA, "BTC-USD") == Decimal("0.001")
