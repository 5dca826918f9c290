"""Orders that come in parts: however they are cut, all of it together is what the rule gives for the whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.enums import Side, SizeType
from bot.domain.instruments import Instrument
from bot.domain.money import ZERO
from bot.domain.orders import Refused, Sized
from bot.position_sizer import (
    MIN_POSITION_USD,
    EarlierParts,
    EntryLimits,
    calculate_user_exit_size,
    calculate_user_position_size,
)

D = Decimal
BTC = Instrument(
    "BTC-USD",
    "BTC",
    "USD",
    lot_step=D("0.00000001"),
    price_step=D("0.1"),
    minimum_size=D("0.00005"),
    minimum_cost=D("0.5"),
)
FREE = dataclasses.replace(BTC, minimum_size=D(0), minimum_cost=D(0))
IN_CENTS = dataclasses.replace(FREE, minimum_cost=D(1), quote_step=D("0.01"))
#: A thousand of ten thousand dollars, and a user with a tenth of that.
MASTER, USER, PRICE = D(10_000), D(1_000), D(50_000)
WHOLE = D("0.02")
NO_LIMITS = EntryLimits()

cuts = st.lists(st.integers(1, 1000), min_size=1, max_size=12)
prices = st.decimals(D("0.01"), D(10**5), places=2)
balances = st.decimals(10, D(10**6), places=2)
risks = st.decimals(D("0.001"), D("0.10"), places=3)
factors = st.decimals(D("0.1"), 10, places=1)
caps = st.none() | st.decimals(1, 10_000, places=2)
instruments = st.builds(
    lambda places, lots, cost: dataclasses.replace(
        BTC, lot_step=D(1).scaleb(-places), minimum_size=D(lots).scaleb(-places), minimum_cost=cost
    ),
    st.integers(0, 9),
    st.integers(0, 50),
    st.decimals(0, 5, places=1),
)


@dataclass
class User:
    """A follower that gets one part after the other."""

    balance: Decimal = USER
    instrument: Instrument = BTC
    limits: EntryLimits = NO_LIMITS
    master: Decimal = MASTER
    size: Decimal = ZERO
    quantity: Decimal = ZERO
    value: Decimal = ZERO
    begun: bool = False

    def buy(self, size: Decimal, price: Decimal, **changes: Any) -> Sized | Refused:
        """One more part; its share is bought at the part's price."""
        earlier = EarlierParts(self.size, self.quantity, self.value, self.balance) if self.begun else None
        result = calculate_user_position_size(
            size,
            self.master,
            # What is left by then is no basis any more.
            self.balance - self.value if self.begun else self.balance,
            SizeType.BASE,
            price=price,
            instrument=self.instrument,
            limits=dataclasses.replace(self.limits, **changes),
            earlier=earlier,
        )
        self.begun, self.size = True, self.size + size
        if isinstance(result, Sized):
            with localcontext(prec=60):
                in_quote = self.instrument.quote_step is not None
                self.quantity += result.quote_value / price if in_quote else result.quantity
            self.value += result.quote_value
        return result

    @property
    def cap(self) -> Decimal:
        """Dollars that the whole order may use."""
        risk = self.limits.max_user_risk * self.balance
        return risk if self.limits.max_trade_usd is None else min(risk, self.limits.max_trade_usd)


def parts_of(whole: Decimal, cut: Sequence[int]) -> list[Decimal]:
    """The whole in whole lots, divided as the cut says."""
    total = sum(cut)
    ends = [(whole * sum(cut[: end + 1]) / total).quantize(D("0.00000001"), ROUND_DOWN) for end in range(len(cut))]
    ends[-1] = whole
    sizes = [end - before for before, end in zip([D(0), *ends], ends, strict=False)]
    return [size for size in sizes if size > 0]


def minimum(instrument: Instrument, price: Decimal) -> Decimal:
    """The smallest buy that is let through, base, and a lot for its rounding."""
    lot = instrument.lot_step
    return max(instrument.minimum_size, instrument.minimum_cost / price, MIN_POSITION_USD / price, lot) + lot


# -- entries ----------------------------------------------------------------------------------------------------------


@given(cuts, balances, balances, prices, instruments, factors, risks, caps)
def test_however_an_entry_is_cut_all_of_it_is_what_the_rule_gives_for_the_whole(
    cut: list[int],
    master: Decimal,
    balance: Decimal,
    price: Decimal,
    instrument: Instrument,
    factor: Decimal,
    risk: Decimal,
    cap: Decimal | None,
) -> None:
    limits = EntryLimits(multiplier=factor, max_user_risk=risk, max_trade_usd=cap)
    whole = (master / 20 / price).quantize(D("0.00000001"), ROUND_DOWN)
    assume(whole > 0)
    at_once, in_parts = (User(balance, instrument, limits, master) for _ in range(2))
    at_once.buy(whole, price)
    for size in parts_of(whole, cut):
        in_parts.buy(size, price)

    assert 0 <= in_parts.quantity <= at_once.quantity
    assert in_parts.quantity == at_once.quantity or at_once.quantity - in_parts.quantity < minimum(instrument, price)


@given(
    st.lists(st.tuples(st.integers(1, 1000), prices), min_size=1, max_size=12),
    balances,
    instruments,
    factors,
    risks,
    caps,
)
def test_whatever_the_prices_no_cap_is_passed_and_nothing_of_the_proportion_is_lost(
    trades: list[tuple[int, Decimal]],
    balance: Decimal,
    instrument: Instrument,
    factor: Decimal,
    risk: Decimal,
    cap: Decimal | None,
) -> None:
    user = User(balance, instrument, EntryLimits(multiplier=factor, max_user_risk=risk, max_trade_usd=cap))
    for units, price in trades:
        before = user.quantity
        result = user.buy(D(units).scaleb(-4), price)
        wanted = Fraction(user.size) * Fraction(user.balance) * Fraction(factor) / Fraction(user.master)
        assert before <= user.quantity <= wanted
        assert user.value <= user.cap
        assert isinstance(result, Refused) or result.quantity % instrument.lot_step == 0
        missing = wanted - Fraction(user.quantity)
        room = Fraction(user.cap - user.value) / Fraction(price)
        assert min(missing, room) < minimum(instrument, price), (missing, room)


@given(cuts, balances, st.decimals(D("0.5"), D(10**5), places=2), risks)
def test_where_buys_are_sized_in_quote_the_cents_add_up_as_well(
    cut: list[int], balance: Decimal, price: Decimal, risk: Decimal
) -> None:
    limits = EntryLimits(max_user_risk=risk)
    whole = (MASTER / 20 / price).quantize(D("0.00000001"), ROUND_DOWN)
    at_once, in_parts = (User(balance, IN_CENTS, limits) for _ in range(2))
    at_once.buy(whole, price)
    for size in parts_of(whole, cut):
        result = in_parts.buy(size, price)
        assert isinstance(result, Refused) or result.quote_value % D("0.01") == 0

    assert in_parts.value <= at_once.value
    left = at_once.value - in_parts.value
    assert left <= D("0.01") or left < MIN_POSITION_USD + D("0.01")
    assert in_parts.value <= in_parts.cap


@given(balances, balances, prices, instruments, factors, risks, caps)
def test_a_first_part_is_sized_as_a_whole_order_is(
    master: Decimal,
    balance: Decimal,
    price: Decimal,
    instrument: Instrument,
    factor: Decimal,
    risk: Decimal,
    cap: Decimal | None,
) -> None:
    limits = EntryLimits(factor, risk, cap)
    sizes = [
        calculate_user_position_size(
            WHOLE, master, balance, SizeType.BASE, price=price, instrument=instrument, limits=limits, earlier=earlier
        )
        for earlier in (None, EarlierParts(D(0), D(0), D(0), balance))
    ]
    assert sizes[0] == sizes[1]


def test_ten_tenths_are_the_whole() -> None:
    user = User()
    results = [user.buy(WHOLE / 10, PRICE) for _ in range(10)]
    assert results == [Sized(D("0.0002"), D(10))] * 10
    assert user.quantity == D("0.002")


def test_what_is_below_a_minimum_goes_out_with_the_next_part() -> None:
    user = User(balance=D(35))
    results = [user.buy(WHOLE / 10, PRICE) for _ in range(10)]
    # Tenths of 3.50 dollars: every eighth part of it makes 2.80, above the venue's minimum of 2.50.
    assert [isinstance(result, Sized) for result in results] == [False] * 7 + [True] + [False] * 2
    assert user.quantity == D("0.000056")


def test_a_refused_part_says_that_it_is_carried_unless_it_is_the_last() -> None:
    def refusal(*, is_last: bool) -> Refused:
        result = calculate_user_position_size(
            "0.0001", MASTER, USER, SizeType.BASE, price=PRICE, instrument=BTC, is_last=is_last
        )
        assert isinstance(result, Refused)
        return result

    assert (refusal(is_last=True).code, refusal(is_last=False).code) == ("below minimum", "below minimum")
    assert refusal(is_last=False).detail == f"{refusal(is_last=True).detail}; carried to the order's next fill"


def test_the_limit_of_ten_percent_is_that_of_the_order() -> None:
    user = User()
    results = [user.buy(D("0.05"), PRICE) for _ in range(4)]
    assert [result.quote_value for result in results if isinstance(result, Sized)] == [D(100)]
    user = User()
    first, second, third = (user.buy(D("0.012"), PRICE) for _ in range(3))
    assert (first, second) == (Sized(D("0.0012"), D(60)), Sized(D("0.0008"), D(40), "capped at 10.00 % of the balance"))
    assert isinstance(third, Refused)
    assert third.code == "cap reached"
    assert third.detail == (
        "capped at 10.00 % of the balance; earlier fills of the order were copied with $100.00, and $0.00 is left"
    )


def test_a_users_own_cap_is_that_of_the_order_too() -> None:
    user = User(limits=EntryLimits(max_trade_usd=D(15)))
    results = [user.buy(WHOLE / 10, PRICE) for _ in range(3)]
    assert [result.quote_value for result in results if isinstance(result, Sized)] == [D(10), D(5)]
    assert isinstance(results[2], Refused)
    assert "max_trade_usd $15.00" in results[2].detail


def test_money_that_comes_later_lets_the_order_catch_up() -> None:
    user = User()
    for available, bought in ((D(4), D(4)), (D(0), D(0)), (D(1000), D(26))):
        before = user.value
        result = user.buy(WHOLE / 10, PRICE, quote_available=available)
        assert user.value - before == bought
        assert bought or (isinstance(result, Refused) and result.code == "cap reached")


@pytest.mark.parametrize("bad", [D("NaN"), D("Infinity"), D(-1), D("1E+99")], ids=str)
@pytest.mark.parametrize("where", ["size", "quantity", "value", "balance"])
def test_earlier_parts_that_make_no_sense_never_raise_and_never_pass_the_cap(where: str, bad: Decimal) -> None:
    earlier = dataclasses.replace(EarlierParts(D("0.001"), D("0.0001"), D(5), USER), **{where: bad})
    result = calculate_user_position_size(
        WHOLE, MASTER, USER, SizeType.BASE, price=PRICE, instrument=BTC, earlier=earlier
    )
    assert isinstance(result, Refused) or result.quantity.is_finite()


# -- exits ------------------------------------------------------------------------------------------------------------


@dataclass
class Holder:
    """A follower that holds copied coins, and a master that sells its position in one order."""

    coins: Decimal
    position: Decimal
    instrument: Instrument = BTC
    sold: Decimal = ZERO
    ordered: Decimal = ZERO

    def sell(self, size: Decimal, price: Decimal = PRICE) -> Sized | Refused:
        """One more part of the order."""
        result = calculate_user_exit_size(
            size,
            self.position,
            self.coins,
            price=price,
            instrument=self.instrument,
            sold_before=self.ordered,
            copied_before=self.sold,
        )
        self.ordered, self.position = self.ordered + size, self.position - size
        if isinstance(result, Sized):
            self.coins, self.sold = self.coins - result.quantity, self.sold + result.quantity
        return result


sizes = st.decimals(D("0.0001"), D(1000), places=8)


@given(cuts, sizes, sizes, prices, instruments, st.decimals(D("0.01"), 1, places=2))
def test_however_an_exit_is_cut_all_of_it_is_the_share_of_the_order(
    cut: list[int], position: Decimal, coins: Decimal, price: Decimal, instrument: Instrument, share: Decimal
) -> None:
    whole = (position * share).quantize(D("0.00000001"), ROUND_DOWN)
    assume(whole > 0)
    holder = Holder(coins, position, instrument)
    for size in parts_of(whole, cut):
        holder.sell(size, price)
        assert holder.coins >= 0
    exact = Fraction(coins) * Fraction(whole) / Fraction(position)
    lot = instrument.lot_step
    least = max(instrument.minimum_size, instrument.smallest_cost(Side.SELL) / price, lot) + lot
    assert abs(exact - Fraction(holder.sold)) < least


@given(cuts, sizes, sizes)
def test_the_last_part_of_a_full_exit_sells_all(cut: list[int], position: Decimal, coins: Decimal) -> None:
    holder = Holder(coins, position)
    assume(not BTC.is_below_minimum(coins, PRICE, Side.SELL))
    for size in parts_of(position, cut):
        holder.sell(size)
    assert holder.coins == 0


@given(sizes, sizes, sizes, prices, instruments)
def test_an_exit_in_one_part_is_sized_as_before(
    sold: Decimal, position: Decimal, coins: Decimal, price: Decimal, instrument: Instrument
) -> None:
    result = calculate_user_exit_size(sold, position, coins, price=price, instrument=instrument)
    share = min(Fraction(sold) / Fraction(position), Fraction(1))
    exact = Fraction(coins) * share
    if isinstance(result, Sized) and not result.note:
        assert Fraction(result.quantity) == Fraction(instrument.lot_step) * (exact // Fraction(instrument.lot_step))


def test_what_an_exit_refused_as_too_small_goes_out_with_the_next_part() -> None:
    holder = Holder(D("0.001"), D("0.02"))
    # Half of the position in ten parts: each is the venue's minimum of 0.00005.
    results = [holder.sell(D("0.0009")) for _ in range(10)]
    assert [isinstance(result, Sized) for result in results] == [False, True] * 5
    assert holder.sold == D("0.00045")


def test_an_exit_that_was_cut_short_is_caught_up() -> None:
    """Its earlier part was sized, and the venue did not execute it: the coins are there still."""
    holder = Holder(D("0.001"), D("0.02"))
    holder.sell(D("0.005"))
    holder.coins, holder.sold = D("0.001"), D(0)
    assert holder.sell(D("0.005")) == Sized(D("0.0005"), D(25))


def test_what_the_order_sold_before_it_was_watched_is_sold_too() -> None:
    result = calculate_user_exit_size(
        "0.005", "0.01", "0.001", price=PRICE, instrument=BTC, sold_before=D("0.01"), copied_before=D(0)
    )
    assert result == Sized(D("0.00075"), D("37.5"))
