"""What holds for every simulation, whatever the prices, the master's moves and the users' limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.domain.enums import BrokerType, Side
from bot.domain.money import ZERO
from bot.simulation import SimulatedUser, SimulationResult, figures_of
from bot.simulation.played import AccountRun
from tests.unit.simulation.stage import Acts, played, user

KRAKEN = BrokerType.KRAKEN
#: Shares of the balance that the common limit leaves alone, and parts of a position.
few = st.decimals("0.001", "0.1", places=4)
any_share = st.decimals("0.001", 1, places=3)
parts = st.decimals("-1", "-0.05", places=2) | st.just(Decimal(-1))


def plans(shares: st.SearchStrategy[Decimal]) -> st.SearchStrategy[list[Decimal | None]]:
    return st.lists(st.none() | shares | parts, min_size=2, max_size=25)


prices = st.lists(st.floats(20_000, 90_000).map(lambda price: round(price, 1)), min_size=25, max_size=25)
venues = st.sampled_from(BrokerType)
fees = st.none() | st.decimals(0, "0.02", places=4)
limits: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"dollars": st.decimals("0.1", 30_000, places=2), "venue": venues},
    optional={
        "multiplier": st.decimals("0.1", 10, places=1),
        "max_user_risk": st.decimals("0.001", "0.1", places=3),
        "max_trade_usd": st.decimals(1, 500, places=2),
        "disabled_symbols": st.just(["BTC-USD"]),
        "quote_map": st.just({"USD": "USDC"}),
    },
)
crowds = st.lists(limits, min_size=1, max_size=4).map(
    lambda found: [user(f"user{number}", **fields) for number, fields in enumerate(found)]
)


def everybody(result: SimulationResult) -> Sequence[AccountRun]:
    return (result.master, *result.users)


@settings(max_examples=150)
@given(closes=prices, acts=plans(any_share), users=crowds, venue=venues, fee_rate=fees)
def test_the_parts_add_up_to_the_last_digit_and_the_books_balance(
    closes: list[float], acts: Acts, users: list[SimulatedUser], venue: BrokerType, fee_rate: Decimal | None
) -> None:
    follow = [dataclasses.replace(one, user=one.user.model_copy(update={"follow": venue})) for one in users]
    result = played(closes, acts, *follow, venue=venue, fee_rate=fee_rate)
    report = figures_of(result)

    with localcontext(prec=60):
        for run, figures in zip(everybody(result), (report.master, *report.users), strict=True):
            for books in run.books:
                assert books.money >= 0
                assert all(amount > 0 for amount in books.coins.values())
            last = run.books[-1]
            assert figures.end == last.money + last.coins.get("BTC", ZERO) * Decimal(str(closes[-1]))
            assert 0 <= figures.max_drawdown <= 1
        for figures in report.users:
            assert figures.ideal is not None
            assert figures.parts is not None
            assert figures.ideal + sum(figures.parts.values(), ZERO) == figures.profit
            # Nothing is hidden in the rest: it is the digits that the figures have not.
            assert abs(figures.parts["rest"]) < Decimal("1E-9")
            assert abs(figures.ideal - figures.start / report.master.start * report.master.profit) < Decimal("1E-11")


@given(closes=prices, acts=plans(any_share), venue=venues, fee_rate=fees)
def test_the_masters_money_is_what_its_fills_left(
    closes: list[float], acts: Acts, venue: BrokerType, fee_rate: Decimal | None
) -> None:
    result = played(closes, acts, venue=venue, fee_rate=fee_rate)

    money, coins = Decimal(10_000), ZERO
    for trade in result.trades:
        sign = 1 if trade.signal.side is Side.BUY else -1
        in_coin = trade.report.fee_currency == "BTC"
        money -= sign * trade.report.cost + (ZERO if in_coin else trade.report.fee)
        coins += sign * trade.report.executed - (trade.report.fee if in_coin else ZERO)
    assert result.master.account.cash == money
    assert result.master.account.coins("BTC") == coins


@given(closes=prices, acts=plans(any_share), fields=limits)
def test_equal_users_end_equally(closes: list[float], acts: Acts, fields: dict[str, Any]) -> None:
    result = played(closes, acts, user("one", **fields), user("other", **fields))

    one, other = result.users
    assert one.books == other.books
    assert (one.orders, one.skips, one.notes) == (other.orders, other.skips, other.notes)


@given(closes=prices, acts=plans(few), venue=venues, fee_rate=fees)
def test_a_user_with_the_masters_money_and_no_limit_in_its_way_ends_as_the_master(
    closes: list[float], acts: Acts, venue: BrokerType, fee_rate: Decimal | None
) -> None:
    twin = user("twin", 10_000, venue, follow=venue)

    result = played(closes, acts, twin, venue=venue, fee_rate=fee_rate)

    # A follower does not keep what would be too little to sell.
    assume("the rest would be dust" not in result.users[0].notes)
    assert result.users[0].books == result.master.books
    (figures,) = figures_of(result).users
    assert figures.parts is not None
    # Where a master's sum is no whole number of cents or lots, its own rounding is nobody's loss.
    assert all(abs(amount) < Decimal("1E-9") for amount in figures.parts.values())


@given(
    closes=prices,
    share=st.decimals("0.005", "0.03", places=3),
    times=st.decimals("0.5", 3, places=1),
)
def test_the_multiplier_scales_what_a_round_trip_brings(closes: list[float], share: Decimal, times: Decimal) -> None:
    plain, scaled = user("plain", 100_000), user("scaled", 100_000, multiplier=times)

    result = played(closes, [share, *[None] * 23, Decimal(-1)], plain, scaled)

    one, other = (figures.profit for figures in figures_of(result).users)
    # A lot on the way in and one on the way out, and what is booked of costs and fees.
    assert other == pytest.approx(times * one, abs=Decimal("0.01"))


@given(closes=prices, acts=plans(any_share), cap=st.decimals(1, 200, places=2))
def test_no_buy_of_a_capped_user_is_worth_more_than_its_cap(closes: list[float], acts: Acts, cap: Decimal) -> None:
    result = played(closes, acts, user("capped", 3000, max_trade_usd=cap), fee_rate=Decimal(0))

    (run,) = result.users
    for before, after in zip(run.books, run.books[1:], strict=False):
        assert before.money - after.money <= cap + Decimal("0.00001")
    if run.notes:
        assert set(run.notes) <= {
            f"capped at max_trade_usd ${cap:,.2f}",
            "capped at 10.00 % of the balance",
            "capped by the USD available",
            "the rest would be dust",
        }


@given(closes=prices, acts=plans(any_share), fields=limits)
def test_nobody_sells_what_copying_did_not_buy(closes: list[float], acts: Acts, fields: dict[str, Any]) -> None:
    (run,) = played(closes, acts, user("one", **fields)).users

    assert run.orders[Side.SELL] == 0 or run.orders[Side.BUY] > 0
    if "disabled_symbols" in fields:
        assert not run.orders
        assert run.books[-1].money == run.start


@settings(max_examples=30)
@given(closes=prices, acts=plans(any_share), users=crowds)
def test_the_masters_trades_do_not_depend_on_who_follows(
    closes: list[float], acts: Acts, users: list[SimulatedUser]
) -> None:
    alone, followed, again = played(closes, acts), played(closes, acts, *users), played(closes, acts, *users)

    assert alone.trades == followed.trades == again.trades
    assert alone.master.books == followed.master.books
    assert [run.books for run in followed.users] == [run.books for run in again.users]
