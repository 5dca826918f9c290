"""Fees that no order names: what they come to, and that coins are never counted that are not there."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.alpaca.fees import COIN_STEP, HIGHEST_RATE, TAKER_RATES, fee_of, taker_rate
from bot.domain.enums import Side

D = Decimal
_sizes = st.integers(1, 10**15).map(lambda steps: steps * COIN_STEP)


def test_a_buy_counts_no_more_coins_than_the_position_has() -> None:
    # Seen at the venue: 0.0002 BTC bought, 0.000199499 in the position.
    fee = fee_of(Side.BUY, D("0.0002"), D("15.32"), D("0.0025"))
    assert D("0.0000005") < fee
    assert D("0.000199499") - D("0.000000005") < D("0.0002") - fee <= D("0.000199499")


@given(executions=st.lists(_sizes, min_size=1, max_size=5), rate=st.sampled_from(sorted(TAKER_RATES.values())))
def test_however_it_was_executed_the_coins_are_there(executions: list[Decimal], rate: Decimal) -> None:
    grown = sum(_booked(size, rate) for size in executions)
    executed = sum(executions, D(0))
    counted = executed - fee_of(Side.BUY, executed, D(1), rate)
    assert 0 <= counted <= max(grown, D(0))
    assert grown - counted <= 2 * 5 * COIN_STEP


def _booked(size: Decimal, rate: Decimal) -> Decimal:
    exact = size * (1 - rate)
    booked = exact.quantize(COIN_STEP, ROUND_DOWN)
    # What comes out even loses a step too.
    return max(booked - COIN_STEP, D(0)) if booked == exact else booked


@given(cost=_sizes, rate=st.sampled_from(sorted(TAKER_RATES.values())))
def test_a_sell_pays_its_share_of_the_money(cost: Decimal, rate: Decimal) -> None:
    assert fee_of(Side.SELL, D(1), cost, rate) == cost * rate


def test_what_was_not_executed_pays_nothing() -> None:
    assert fee_of(Side.BUY, D(0), D(0), HIGHEST_RATE) == fee_of(Side.SELL, D(0), D(0), HIGHEST_RATE) == 0


@pytest.mark.parametrize(
    ("tier", "rate"),
    [
        ("1", "0.0025"),
        (1, "0.0025"),
        ("2", "0.0022"),
        (" 8 ", "0.0010"),
        ("9", "0.0025"),
        ("0", "0.0025"),
        ("-1", "0.0025"),
        ("²", "0.0025"),
        ("", "0.0025"),
        (None, "0.0025"),
        ({}, "0.0025"),
    ],
)
def test_the_rate_goes_by_the_tier_and_is_the_highest_where_there_is_none(tier: Any, rate: str) -> None:
    assert taker_rate(tier) == D(rate)
