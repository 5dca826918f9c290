"""What an account is worth."""

from __future__ import annotations

from decimal import Decimal

from bot.brokers.worth import equity_of, total_of

D = Decimal


def test_all_amounts_count_at_their_price_and_dollars_as_one() -> None:
    prices = {"BTC": D(50_000)}
    assert equity_of(({"USD": D(10), "USDC": D(5), "BTC": D("0.1")}, {"BTC": D("0.2")}), prices.get) == 15_015


def test_one_unknown_price_leaves_the_worth_unknown_and_all_are_asked_for() -> None:
    asked: list[str] = []

    def usd_price(code: str) -> Decimal | None:
        asked.append(code)
        return None if code == "NEW" else D(2)

    assert equity_of(({"NEW": D(1), "ETH": D(1), "GONE": D(0)},), usd_price) is None
    assert asked == ["NEW", "ETH"], "nothing of a coin needs no price"


def test_nothing_is_worth_nothing() -> None:
    assert equity_of(({}, {}), lambda _: None) == 0
    assert total_of([]) == 0
    assert total_of([D(1), D(2)]) == 3
    assert total_of([D(1), None]) is None
