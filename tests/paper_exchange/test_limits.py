"""Rate counters: how they fill, how they empty, and what is refused."""

from __future__ import annotations

import pytest

from paper_exchange.core.limits import Counter
from paper_exchange.kraken.limits import AMEND_PENALTY, CANCEL_PENALTY, EDIT_PENALTY, LIMITS, Tier, age_penalty
from tests.paper_exchange.client import Paper, Trader


class TestCounter:
    def test_it_fills_to_the_limit_and_no_further(self) -> None:
        counter = Counter()

        assert [counter.try_charge(1, 3, 0.5, 100.0) for _ in range(5)] == [True, True, True, False, False]
        assert counter.level(0.5, 100.0) == 3

    def test_it_empties_with_time_and_never_below_zero(self) -> None:
        counter = Counter()
        counter.charge(10, 0.5, 100.0)

        assert counter.level(0.5, 104.0) == 8
        assert counter.level(0.5, 1000.0) == 0

    @pytest.mark.parametrize(
        ("tier", "most", "decay"), [("Starter", 15, 0.33), ("Intermediate", 20, 0.5), ("Pro", 20, 1)]
    )
    def test_sustained_calls_run_at_the_pace_of_the_decay(self, tier: str, most: float, decay: float) -> None:
        limits, counter = LIMITS[Tier(tier)], Counter()
        accepted = sum(
            counter.try_charge(1, limits.call_points, limits.call_decay, 100 + tick / 10) for tick in range(1000)
        )

        assert accepted == pytest.approx(most + 100 * decay, abs=1)

    @pytest.mark.parametrize(
        ("table", "ages", "points"),
        [
            (AMEND_PENALTY, (0, 4.9, 5, 10, 15), (3, 3, 2, 1, 0)),
            (EDIT_PENALTY, (0, 5, 10, 15, 45, 90), (6, 5, 4, 2, 1, 0)),
            (CANCEL_PENALTY, (0, 5, 10, 15, 45, 90, 300), (8, 6, 5, 4, 2, 1, 0)),
        ],
    )
    def test_younger_orders_cost_more_to_touch(
        self, table: tuple[tuple[int, int], ...], ages: tuple[float, ...], points: tuple[int, ...]
    ) -> None:
        assert tuple(age_penalty(table, age) for age in ages) == points


@pytest.fixture
def limited(paper: Paper) -> Paper:
    paper.patch("/settings", rate_limits=True)
    return paper


def calls_until_refused(trader: Trader, method: str, **fields: str) -> tuple[int, str]:
    for accepted in range(1000):
        answer = trader.call(method, **fields)
        if answer["error"]:
            return accepted, answer["error"][0]
    raise AssertionError("never refused")


class TestCalls:
    def test_a_starter_key(self, limited: Paper) -> None:
        accepted, text = calls_until_refused(limited.open(tier="Starter"), "Balance")

        assert accepted in (15, 16)
        assert text == "EAPI:Rate limit exceeded"

    def test_history_costs_four(self, limited: Paper) -> None:
        accepted, text = calls_until_refused(limited.open(), "TradesHistory")

        assert accepted == 5
        assert text == "EAPI:Rate limit exceeded"

    def test_orders_do_not_count(self, limited: Paper) -> None:
        trader = limited.open(tier="Pro")
        for _ in range(40):
            trader.market("buy", "0.0001")

        assert limited.account(trader)["counter"] == 0

    def test_each_key_counts_for_itself(self, limited: Paper) -> None:
        calls_until_refused(limited.open(tier="Starter"), "Balance")
        assert limited.open().call("Balance")["error"] == []


class TestOrders:
    def test_the_engine_counts_per_account_and_pair(self, limited: Paper) -> None:
        trader = limited.open(tier="Starter")
        order = {"type": "buy", "ordertype": "market", "volume": "0.0001"}

        accepted, text = calls_until_refused(trader, "AddOrder", pair="XBTUSD", **order)

        assert accepted in range(60, 63)
        assert text == "EOrder:Rate limit exceeded"
        assert trader.call("AddOrder", pair="ETHUSD", **(order | {"volume": "0.01"}))["error"] == []
        assert limited.open(tier="Starter").call("AddOrder", pair="XBTUSD", **order)["error"] == []

    def test_canceling_young_orders_fills_the_counter(self, limited: Paper) -> None:
        trader = limited.open(tier="Starter")
        for _ in range(6):
            trader.result("CancelOrder", txid=trader.limit("buy", "0.001", "40000"))

        accepted, text = calls_until_refused(
            trader, "AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.0001"
        )

        assert accepted in range(6, 9)
        assert text == "EOrder:Rate limit exceeded"

    def test_no_more_open_orders_than_the_tier_has(self, limited: Paper) -> None:
        trader = limited.open({"USD": "1000000"}, tier="Intermediate")
        order = {"type": "buy", "ordertype": "limit", "volume": "0.001", "price": "40000"}

        accepted, text = calls_until_refused(trader, "AddOrder", pair="XBTUSD", **order)

        assert (accepted, text) == (80, "EOrder:Orders limit exceeded")


def test_public_calls_are_free_unless_asked_otherwise(paper: Paper) -> None:
    assert all(paper.public("Time")["error"] == [] for _ in range(50))
    paper.patch("/settings", public_rate_per_s=2)

    answers = [paper.public("Time")["error"] for _ in range(6)]

    assert answers[0] == []
    assert answers[-1] == ["EGeneral:Too many requests"]
