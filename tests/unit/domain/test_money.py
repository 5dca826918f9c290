"""Money at the door: only finite numbers get in, and they go out in plain notation."""

from __future__ import annotations

from decimal import Decimal, getcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import InvalidAmount, NijaError
from bot.domain.money import floor_to_step, plain, positive, shown, to_decimal, usd

NO_NUMBERS: list[Any] = [
    None,
    True,
    False,
    "",
    "   ",
    "abc",
    "1,5",
    "1,000.00",
    "0x10",
    "12.3.4",
    "NaN",
    "sNaN",
    "-inf",
    "Infinity",
    float("nan"),
    float("inf"),
    float("-inf"),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    b"1.5",
    [1],
    {"amount": 1},
    (0, (1,), 0),
    1 + 2j,
    type("Thing", (), {"__repr__": lambda self: "a thing"})(),
]

finite = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20)
steps = st.integers(0, 9).map(lambda places: Decimal(1).scaleb(-places)) | st.sampled_from(
    [Decimal("0.5"), Decimal("0.25"), Decimal(5), Decimal(1000)]
)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_finite_number_is_refused_and_the_text_names_the_field(value: Any) -> None:
    with pytest.raises(InvalidAmount, match="invalid size"):
        to_decimal(value, "size")
    with pytest.raises(InvalidAmount, match="invalid size"):
        positive(value, "size")


def test_the_text_of_a_refusal_has_the_value_in_one_line() -> None:
    with pytest.raises(InvalidAmount) as refused:
        to_decimal("12\n34", "price")
    assert "12" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "number",
    [10**5000, "1e999999", "-1e999999999", "1e-999999999", Decimal("1E+101")],
    ids=["5000 digits", "1e999999", "-1e999999999", "1e-999999999", "1E+101"],
)
def test_numbers_that_are_nobodys_money_are_refused_like_any_other_bad_number(number: Any) -> None:
    """Written out they would take a gigabyte; multiplied they would overflow."""
    with pytest.raises(InvalidAmount, match="invalid size"):
        to_decimal(number, "size")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (5, "5"),
        ("5e-9", "0.000000005"),
        ("1E+3", "1000"),
        (" 12.50\n", "12.5"),
        ("-3", "-3"),
        (Decimal("1E-18"), "0.000000000000000001"),
    ],
)
def test_numbers_are_taken_from_their_shortest_text(value: Any, number: str) -> None:
    assert to_decimal(value) == Decimal(number)


@given(finite)
def test_a_decimal_is_taken_as_it_is(number: Decimal) -> None:
    assert to_decimal(number) is number
    assert to_decimal(str(number)) == number


@given(st.floats(min_value=1e-90, max_value=1e90) | st.floats(min_value=-1e90, max_value=-1e-90))
def test_a_float_comes_back_as_the_same_float(number: float) -> None:
    assert float(to_decimal(number)) == number


@pytest.mark.parametrize("value", [0, "0", "-0", "0E-10", -1, "-1e-9", Decimal("-0.00000001")])
def test_zero_and_less_are_not_positive(value: Any) -> None:
    with pytest.raises(InvalidAmount, match="above zero"):
        positive(value, "price")


def test_an_invalid_amount_is_an_error_of_the_house_and_a_value_error() -> None:
    assert issubclass(InvalidAmount, NijaError)
    assert issubclass(InvalidAmount, ValueError)


@given(finite)
def test_plain_has_no_exponent_and_says_the_same_number(number: Decimal) -> None:
    text = plain(number)
    assert "e" not in text.lower()
    assert Decimal(text) == number


@given(st.integers(-(10**6), 10**6), st.integers(-400, 400))
def test_plain_has_no_exponent_however_small_or_large(digits: int, exponent: int) -> None:
    number = Decimal(digits).scaleb(exponent)
    assert "e" not in plain(number).lower()
    assert Decimal(plain(number)) == number


def test_a_computed_number_is_plain_too() -> None:
    assert plain(Decimal("0.00001") * Decimal("0.001")) == "0.00000001"
    assert plain(Decimal("5E+3")) == "5000"
    assert plain((Decimal(100) / Decimal(3)).normalize())[:5] == "33.33"


@given(st.decimals(min_value=0, max_value=10**12, places=10), steps)
def test_rounding_goes_down_by_less_than_one_step(value: Decimal, step: Decimal) -> None:
    floored = floor_to_step(value, step)
    assert 0 <= value - floored < step
    assert Fraction(floored) % Fraction(step) == 0


@given(st.decimals(min_value=0, max_value=10**9, places=8), steps)
def test_rounding_twice_is_rounding_once(value: Decimal, step: Decimal) -> None:
    once = floor_to_step(value, step)
    assert floor_to_step(once, step) == once


@given(st.fractions(min_value=0, max_value=10**9, max_denominator=10**9), steps)
def test_a_quotient_that_does_not_end_is_not_rounded_up(ratio: Fraction, step: Decimal) -> None:
    value = Decimal(ratio.numerator) / Decimal(ratio.denominator)
    assert Fraction(floor_to_step(value, step)) <= Fraction(value)


def test_a_number_just_below_a_step_with_more_digits_than_the_context_is_not_rounded_up() -> None:
    almost = Decimal("0." + "9" * (getcontext().prec + 5))
    assert floor_to_step(almost, Decimal(1)) == 0
    assert floor_to_step(almost, Decimal("0.00000001")) <= almost


def test_dollars_for_people() -> None:
    assert usd(Decimal("1234.5")) == "$1,234.50"
    assert usd(Decimal(0)) == "$0.00"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("84002.3500000028355744", "84002.35000000"),
        ("0.0011798244662232", "0.00117982"),
        ("0.00000001", "0.00000001"),
        ("1E+3", "1000"),
        ("1000", "1000"),
        ("0", "0"),
    ],
)
def test_people_see_eight_decimals_at_most_and_nothing_in_exponents(value: str, text: str) -> None:
    assert shown(Decimal(value)) == text
