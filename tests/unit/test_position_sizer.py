"""The size of a copy: never above the proportion or a cap, never an exception, exact to the step."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.domain.enums import Side, SizeType
from bot.domain.instruments import Instrument
from bot.domain.orders import Refused, Sized
from bot.position_sizer import (
    MIN_POSITION_USD,
    EntryLimits,
    calculate_user_exit_size,
    calculate_user_position_size,
)

BTC = Instrument(
    "BTC-USD",
    "BTC",
    "USD",
    lot_step=Decimal("0.00000001"),
    price_step=Decimal("0.1"),
    minimum_size=Decimal("0.00005"),
    minimum_cost=Decimal("0.5"),
)
#: Limits and minimums leave little of what is drawn; what is left is what the law is about.
PICKY = settings(suppress_health_check=[HealthCheck.filter_too_much])
#: No minimums, so that only the arithmetic speaks.
FREE = dataclasses.replace(BTC, minimum_size=Decimal(0), minimum_cost=Decimal(0))
#: No limits but the proportion.
UNLIMITED = EntryLimits(max_user_risk=Decimal(1))
NO_MINIMUM = Decimal("1E-30")

money = st.decimals(Decimal("0.01"), Decimal(10**7), places=4)
sizes = st.decimals(Decimal("0.00000001"), Decimal(10**6), places=18)
trades = st.decimals(1, 10**6, places=9)
prices = st.decimals(Decimal("0.00000123"), Decimal(10**6), places=10)
fees = st.decimals(0, Decimal("0.02"), places=4)
risks = st.decimals(Decimal("0.001"), Decimal("0.10"), places=3)
factors = st.decimals(Decimal("0.01"), Decimal(10), places=2)
steps = st.integers(0, 9).map(lambda places: Decimal(1).scaleb(-places)) | st.sampled_from(
    [Decimal("0.5"), Decimal("0.25"), Decimal(100)]
)
limits = st.builds(
    EntryLimits,
    multiplier=factors,
    max_user_risk=risks,
    max_trade_usd=st.none() | money,
    quote_available=st.none() | money,
    fee_rate=fees,
)
instruments = st.builds(
    lambda step, lots, cost: dataclasses.replace(BTC, lot_step=step, minimum_size=step * lots, minimum_cost=cost),
    steps,
    st.integers(0, 100),
    st.decimals(0, 5, places=1),
)
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**5000),
    st.floats(),
    st.decimals(),
    st.decimals(allow_nan=False).map(str),
    st.text(max_size=12),
    st.sampled_from(["NaN", "-inf", "1e999999", "-1e999999", "1e-999999", "1e999999999", "-1e999999999", "0", "-0"]),
    st.sampled_from(["1e30", "1e-30", "1e100", "1e-100", Decimal("1E+99"), Decimal("-1E+99"), 1e300, 5e-324]),
    st.binary(max_size=4),
)


def size(result: Sized | Refused) -> Decimal:
    return result.quantity if isinstance(result, Sized) else Decimal(0)


# -- the figures that everybody knows -----------------------------------------------------------------------------


def test_a_user_with_a_tenth_of_the_masters_balance_buys_exactly_a_tenth() -> None:
    master_bought = Decimal("0.01234567")
    result = calculate_user_position_size(
        master_bought, 10_000, 1_000, SizeType.BASE, price=81_000, instrument=BTC, limits=UNLIMITED
    )
    assert isinstance(result, Sized)
    assert result.quantity == Decimal("0.00123456")
    assert result.note == ""


def test_a_thousand_of_ten_thousand_is_a_hundred_of_a_thousand() -> None:
    result = calculate_user_position_size("1000", "10000", "1000", "quote", price="50000", instrument=BTC)
    assert result == Sized(Decimal("0.00200000"), Decimal(100))


@pytest.mark.parametrize("price", ["50000", "3", "0.07", "61234.7", "99999.9"])
def test_a_user_with_ten_dollars_gets_its_order_of_one_dollar(price: str) -> None:
    """At the limit of 10 % too, and where a dollar is no whole number of steps."""
    for instrument in (dataclasses.replace(FREE, minimum_cost=Decimal("0.5")), FREE):
        result = calculate_user_position_size("1000", "10000", "10", price=price, instrument=instrument)
        assert isinstance(result, Sized)
        assert Decimal(1) - FREE.lot_step * Decimal(price) <= result.quote_value <= 1


def test_ten_dollars_follow_a_master_whose_own_dollars_were_cut_to_a_lot() -> None:
    master_bought = (Decimal(1000) / Decimal("61234.7")).quantize(FREE.lot_step, rounding="ROUND_DOWN")
    result = calculate_user_position_size(master_bought, "10000", "10", SizeType.BASE, price="61234.7", instrument=FREE)
    assert isinstance(result, Sized)


def test_a_user_with_five_dollars_is_refused_as_below_the_minimum_with_the_figures() -> None:
    result = calculate_user_position_size("1000", "10000", "5", price="50000", instrument=BTC)
    assert isinstance(result, Refused)
    assert result.code == "below minimum"
    assert "$0.50" in result.detail
    assert "$1.00" in result.detail


@pytest.mark.parametrize("balance", ["0.99", "9.98", "9.9", "0.01"])
def test_what_is_clearly_less_than_a_dollar_is_refused(balance: str) -> None:
    result = calculate_user_position_size("1000", "10000", balance, price="50000", instrument=FREE)
    assert isinstance(result, Refused)
    assert result.code == "below minimum"


def test_a_venue_with_coarse_lots_lets_no_order_of_less_than_a_dollar_through_either() -> None:
    """Half a dollar is half a dollar, however much one lot is worth."""
    coarse = dataclasses.replace(FREE, lot_step=Decimal(1))
    result = calculate_user_position_size("1000", "10000", "5", price="0.5", instrument=coarse)
    assert isinstance(result, Refused), f"an order of {result.quote_value} dollars"


def test_the_minimum_of_a_dollar_is_the_one_that_the_design_names() -> None:
    assert Decimal(1) == MIN_POSITION_USD


def test_the_venues_own_minimum_is_named_in_the_refusal() -> None:
    result = calculate_user_position_size("1000", "10000", "20", price="50000", instrument=BTC)
    assert isinstance(result, Refused)
    assert result.code == "below minimum"
    assert "0.00005" in result.detail
    assert "E-" not in result.detail


def test_a_fraction_over_one_is_bounded_by_the_users_risk_limit() -> None:
    result = calculate_user_position_size("30000", "10000", "1000", price="50000", instrument=BTC)
    assert isinstance(result, Sized)
    assert result.quote_value == 100
    assert "10" in result.note


def test_the_fee_is_paid_out_of_what_the_quote_has() -> None:
    limited = EntryLimits(max_user_risk=Decimal(1), quote_available=Decimal("50.13"), fee_rate=Decimal("0.0026"))
    result = calculate_user_position_size("1000", "1000", "100", price="10", instrument=FREE, limits=limited)
    assert isinstance(result, Sized)
    assert result.quantity == 5
    assert "USD" in result.note


def test_who_has_dollars_but_not_the_quote_currency_is_refused() -> None:
    limited = dataclasses.replace(UNLIMITED, quote_available=Decimal(0))
    result = calculate_user_position_size("1000", "1000", "100", price="10", instrument=FREE, limits=limited)
    assert isinstance(result, Refused)


def test_a_symbol_paid_in_something_else_than_dollars_is_refused() -> None:
    ether = dataclasses.replace(BTC, symbol="ETH-BTC", base="ETH", quote="BTC")
    result = calculate_user_position_size("1", "10", "100", SizeType.BASE, price="0.03", instrument=ether)
    assert isinstance(result, Refused)
    assert result.code == "quote currency not supported"


# -- bad input ----------------------------------------------------------------------------------------------------


@given(anything, anything, anything, anything, anything)
def test_an_entry_never_raises_whatever_it_is_given(
    master_size: Any, master_balance: Any, user_balance: Any, unit: Any, price: Any
) -> None:
    result = calculate_user_position_size(master_size, master_balance, user_balance, unit, price=price, instrument=BTC)
    assert isinstance(result, Sized | Refused)


@given(anything, st.sampled_from(["size", "master_balance", "user_balance", "price", "multiplier", "max_user_risk"]))
def test_one_bad_value_among_good_ones_is_refused_or_sized_but_never_raised(bad: Any, where: str) -> None:
    good: dict[str, Any] = {"size": 1000, "master_balance": 10_000, "user_balance": 1000, "price": 50_000}
    bounds: dict[str, Any] = {}
    (good if where in good else bounds)[where] = bad
    result = calculate_user_position_size(
        good["size"],
        good["master_balance"],
        good["user_balance"],
        price=good["price"],
        instrument=BTC,
        limits=EntryLimits(**bounds),
    )
    if isinstance(result, Sized):
        assert result.quantity.is_finite()
        assert result.quantity > 0


@given(anything, anything, anything, anything)
def test_an_exit_never_raises_whatever_it_is_given(sold: Any, position: Any, coins: Any, price: Any) -> None:
    result = calculate_user_exit_size(sold, position, coins, price=price, instrument=BTC)
    assert isinstance(result, Sized | Refused)


@given(anything, st.sampled_from(["sold", "position", "coins", "price"]))
def test_one_bad_value_of_an_exit_is_refused_or_sized_but_never_raised(bad: Any, where: str) -> None:
    good: dict[str, Any] = {"sold": 1, "position": 2, "coins": 3, "price": 50_000, where: bad}
    result = calculate_user_exit_size(
        good["sold"], good["position"], good["coins"], price=good["price"], instrument=BTC
    )
    if isinstance(result, Sized):
        assert 0 < result.quantity <= Decimal(str(good["coins"]))


@pytest.mark.parametrize("bad", [None, "", "abc", "NaN", float("nan"), float("inf"), Decimal("NaN"), -1, 0, "0", True])
@pytest.mark.parametrize("where", ["size", "master_balance", "user_balance", "price"])
def test_what_is_unknown_zero_or_negative_is_refused_with_a_reason(bad: Any, where: str) -> None:
    values: dict[str, Any] = {"size": 1000, "master_balance": 10_000, "user_balance": 1000, "price": 50_000}
    values[where] = bad
    result = calculate_user_position_size(
        values["size"], values["master_balance"], values["user_balance"], price=values["price"], instrument=BTC
    )
    assert isinstance(result, Refused)
    assert result.code in {"invalid input", "master balance unknown", "no balance"}
    assert result.detail
    assert "\n" not in str(result)


def test_an_unknown_unit_is_refused() -> None:
    result = calculate_user_position_size(1000, 10_000, 1000, "contracts", price=1, instrument=BTC)
    assert isinstance(result, Refused)


@pytest.mark.parametrize("risk", ["0", "-0.1", "NaN", "1.01", "10"])
def test_a_risk_limit_that_is_no_share_stops_entries(risk: str) -> None:
    """10 instead of 0.10 would let everything through."""
    result = calculate_user_position_size(
        1000, 10_000, 1000, price=50_000, instrument=BTC, limits=EntryLimits(max_user_risk=Decimal(risk))
    )
    assert isinstance(result, Refused)
    assert "MAX_USER_RISK" in result.detail


@pytest.mark.parametrize("step", ["0", "NaN"])
def test_an_instrument_that_makes_no_sense_is_refused_for_entries_and_exits(step: str) -> None:
    broken = dataclasses.replace(BTC, lot_step=Decimal(step))
    assert isinstance(calculate_user_position_size(1000, 10_000, 1000, price=5, instrument=broken), Refused)
    assert isinstance(calculate_user_exit_size(1, 2, 1000, price=5, instrument=broken), Refused)


# -- laws of the entry --------------------------------------------------------------------------------------------


@PICKY
@given(trades, money, money, st.sampled_from(SizeType), prices, instruments, limits)
def test_no_size_is_above_the_proportion_or_any_cap(
    master_size: Decimal,
    master: Decimal,
    user: Decimal,
    unit: SizeType,
    price: Decimal,
    instrument: Instrument,
    bounds: EntryLimits,
) -> None:
    result = calculate_user_position_size(
        master_size, master, user, unit, price=price, instrument=instrument, limits=bounds
    )
    assume(isinstance(result, Sized))
    quantity, cost = Fraction(size(result)), Fraction(size(result)) * Fraction(price)
    in_unit = quantity if unit is SizeType.BASE else cost
    assert in_unit <= Fraction(master_size) * Fraction(user) / Fraction(master) * Fraction(bounds.multiplier)
    assert cost <= Fraction(bounds.max_user_risk) * Fraction(user)
    if bounds.max_trade_usd is not None:
        assert cost <= Fraction(bounds.max_trade_usd)
    if bounds.quote_available is not None:
        assert cost * (1 + Fraction(bounds.fee_rate)) <= Fraction(bounds.quote_available)
    assert quantity % Fraction(instrument.lot_step) == 0
    assert not instrument.is_below_minimum(size(result), price, Side.BUY)
    assert cost > Fraction(MIN_POSITION_USD) - Fraction("0.01") - Fraction(instrument.lot_step) * Fraction(price)


@given(sizes, money, money, st.sampled_from(SizeType), prices, steps)
def test_rounding_takes_less_than_one_step(
    master_size: Decimal, master: Decimal, user: Decimal, unit: SizeType, price: Decimal, step: Decimal
) -> None:
    exact = Fraction(master_size) * Fraction(user) / Fraction(master)
    if unit is SizeType.QUOTE:
        exact /= Fraction(price)
    assume(exact * Fraction(price) <= Fraction(user))
    result = calculate_user_position_size(
        master_size,
        master,
        user,
        unit,
        price=price,
        instrument=dataclasses.replace(FREE, lot_step=step),
        limits=UNLIMITED,
        min_position_usd=NO_MINIMUM,
    )
    assert size(result) == Fraction(step) * (exact // Fraction(step))


@given(sizes, money, money, money, st.sampled_from(SizeType), prices, limits)
def test_who_has_more_never_gets_less(
    master_size: Decimal,
    master: Decimal,
    one: Decimal,
    other: Decimal,
    unit: SizeType,
    price: Decimal,
    bounds: EntryLimits,
) -> None:
    poorer, richer = (
        size(
            calculate_user_position_size(master_size, master, balance, unit, price=price, instrument=BTC, limits=bounds)
        )
        for balance in sorted((one, other))
    )
    assert poorer <= richer


@given(sizes, money, money, prices, st.integers(1, 1000), st.sampled_from(SizeType))
def test_only_the_ratio_of_the_balances_counts(
    master_size: Decimal, master: Decimal, user: Decimal, price: Decimal, scale: int, unit: SizeType
) -> None:
    """Both balances in cents instead of dollars give the same size."""
    bounds = dataclasses.replace(UNLIMITED, max_trade_usd=user)
    once, scaled = (
        size(
            calculate_user_position_size(
                master_size, master * by, user * by, unit, price=price, instrument=FREE, limits=bounds
            )
        )
        for by in (1, scale)
    )
    assert once == scaled


@given(st.integers(1, 10**12), st.integers(1, 40), prices)
def test_a_user_with_a_whole_part_of_the_masters_balance_gets_that_part_cut_to_the_step(
    lots: int, part: int, price: Decimal
) -> None:
    master_size = Decimal(lots) * BTC.lot_step
    result = calculate_user_position_size(
        master_size,
        Decimal(1000 * part),
        Decimal(1000),
        SizeType.BASE,
        price=price,
        instrument=FREE,
        limits=UNLIMITED,
        min_position_usd=NO_MINIMUM,
    )
    assume(Fraction(master_size) / part * Fraction(price) <= 1000)
    assert size(result) == Decimal(lots // part) * BTC.lot_step


@given(sizes, money, money, prices)
def test_base_and_quote_mean_the_same_trade(
    master_size: Decimal, master: Decimal, user: Decimal, price: Decimal
) -> None:
    in_base = calculate_user_position_size(
        master_size, master, user, SizeType.BASE, price=price, instrument=FREE, limits=UNLIMITED
    )
    in_quote = calculate_user_position_size(
        master_size * price, master, user, SizeType.QUOTE, price=price, instrument=FREE, limits=UNLIMITED
    )
    assert abs(size(in_base) - size(in_quote)) <= FREE.lot_step


@PICKY
@given(trades, money, money, prices, limits)
def test_a_size_that_fits_the_caps_has_no_note_and_one_that_was_cut_has(
    master_size: Decimal, master: Decimal, user: Decimal, price: Decimal, bounds: EntryLimits
) -> None:
    result = calculate_user_position_size(
        master_size, master, user, SizeType.BASE, price=price, instrument=FREE, limits=bounds
    )
    assume(isinstance(result, Sized))
    exact = Fraction(master_size) * Fraction(user) / Fraction(master) * Fraction(bounds.multiplier)
    cut = exact - Fraction(size(result)) >= Fraction(FREE.lot_step)
    assert isinstance(result, Sized)
    assert not cut or result.note


# -- laws of the exit ---------------------------------------------------------------------------------------------


@given(sizes, sizes, sizes, prices, instruments)
def test_an_exit_is_never_more_than_the_copied_coins_and_always_whole_lots(
    sold: Decimal, position: Decimal, coins: Decimal, price: Decimal, instrument: Instrument
) -> None:
    result = calculate_user_exit_size(sold, position, coins, price=price, instrument=instrument)
    assert size(result) <= coins
    assert Fraction(size(result)) % Fraction(instrument.lot_step) == 0
    if isinstance(result, Sized):
        assert not instrument.is_below_minimum(result.quantity, price, Side.SELL)
        rest = instrument.floor_size(coins) - result.quantity
        assert rest == 0 or not instrument.is_below_minimum(rest, price, Side.SELL), "dust is left behind"


@given(sizes, sizes, sizes, prices)
def test_an_exit_is_the_fraction_that_the_master_sold(
    sold: Decimal, position: Decimal, coins: Decimal, price: Decimal
) -> None:
    result = calculate_user_exit_size(sold, position, coins, price=price, instrument=FREE)
    share = min(Fraction(sold) / Fraction(position), Fraction(1))
    exact = Fraction(coins) * share
    assert size(result) == Fraction(FREE.lot_step) * (exact // Fraction(FREE.lot_step))


@given(sizes, sizes, prices, st.decimals(1, 100, places=3))
def test_who_follows_a_master_that_sold_all_or_more_than_all_sells_all(
    position: Decimal, coins: Decimal, price: Decimal, over: Decimal
) -> None:
    result = calculate_user_exit_size(position * over, position, coins, price=price, instrument=FREE)
    assert size(result) == FREE.floor_size(coins)


@given(
    st.decimals(Decimal("0.0001"), Decimal(1000), places=8),
    st.decimals(Decimal("0.0001"), Decimal(1000), places=8),
    st.decimals(Decimal(10), Decimal(10**6), places=1),
)
def test_half_then_half_of_the_rest_then_all_leaves_nothing(bought: Decimal, copied: Decimal, price: Decimal) -> None:
    """Fills are whole lots; what an exit refuses as too small goes out with the next one."""
    master, user = bought, copied
    first, second = BTC.floor_size(master / 2), BTC.floor_size(master / 4)
    for sold in (first, second, master - first - second):
        user -= size(calculate_user_exit_size(sold, master, user, price=price, instrument=BTC))
        master -= sold
    assert master == 0
    assert user == 0 or BTC.is_below_minimum(user, price, Side.SELL)
    if not BTC.is_below_minimum(copied, price, Side.SELL):
        assert user == 0


def test_a_rest_that_could_never_be_sold_is_sold_with_it() -> None:
    result = calculate_user_exit_size("0.99", "1", "0.001", price="50000", instrument=BTC)
    assert result == Sized(Decimal("0.00100000"), Decimal(50), "the rest would be dust")


def test_a_rest_of_exactly_the_minimum_is_kept() -> None:
    result = calculate_user_exit_size("0.95", "1", "0.001", price="50000", instrument=BTC)
    assert size(result) == Decimal("0.00095")


def test_an_exit_that_is_too_small_waits_for_the_next_one() -> None:
    result = calculate_user_exit_size("0.01", "1", "0.001", price="50000", instrument=BTC)
    assert isinstance(result, Refused)
    assert result.code == "below minimum"
    assert "next exit" in result.detail


@pytest.mark.parametrize("coins", [0, "0", "-0.5", Decimal("-1E-8")])
def test_who_copied_nothing_sells_nothing(coins: Any) -> None:
    result = calculate_user_exit_size(1, 1, coins, price=50_000, instrument=BTC)
    assert isinstance(result, Refused)
    assert result.code == "nothing to sell"


def test_the_risk_limit_does_not_hold_back_an_exit() -> None:
    result = calculate_user_exit_size(1, 1, 1000, price=50_000, instrument=BTC)
    assert size(result) == 1000


# -- venues that size buys in quote ---------------------------------------------------------------------------------

IN_CENTS = dataclasses.replace(FREE, minimum_cost=Decimal(1), quote_step=Decimal("0.01"))


@given(
    size=st.decimals("0.01", "100000", places=2),
    master=st.decimals("100", "1000000", places=2),
    user=st.decimals("1", "100000", places=2),
    price=st.decimals("0.01", "200000", places=4),
)
def test_what_is_spent_is_the_proportion_in_whole_cents_and_never_more(
    size: Decimal, master: Decimal, user: Decimal, price: Decimal
) -> None:
    result = calculate_user_position_size(size, master, user, price=price, instrument=IN_CENTS)
    if isinstance(result, Refused):
        return
    proportion = min(size * user / master, user * Decimal("0.10"))
    assert result.quote_value % IN_CENTS.quote_step == 0
    assert 0 <= proportion - result.quote_value < IN_CENTS.quote_step
    assert result.quantity * price <= result.quote_value


def test_a_round_sum_stays_round_where_buys_are_sized_in_quote() -> None:
    result = calculate_user_position_size("1000", "10000", "500", price="61234.7", instrument=IN_CENTS)
    assert isinstance(result, Sized)
    assert result.quote_value == Decimal("50.00")


def test_what_is_sized_in_quote_has_its_fee_inside() -> None:
    limits = EntryLimits(max_user_risk=Decimal(1), quote_available=Decimal(50), fee_rate=Decimal("0.01"))
    spent = calculate_user_position_size("1000", "1000", "100", price="10", instrument=IN_CENTS, limits=limits)
    assert isinstance(spent, Sized)
    assert spent.quote_value == 50


def test_a_venue_may_have_a_minimum_for_buys_alone() -> None:
    buys_only = dataclasses.replace(FREE, minimum_cost=Decimal(10), minimum_sale=Decimal(0))
    bought = calculate_user_position_size("1000", "10000", "50", price="100", instrument=buys_only)
    sold = calculate_user_exit_size("1", "2", "0.02", price="100", instrument=buys_only)
    assert isinstance(bought, Refused)
    assert "10 USD" in bought.detail
    assert sold == Sized(Decimal("0.01"), Decimal(1))
