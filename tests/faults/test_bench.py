"""``bench faults``: what it counts, and that it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest

from bot.cli.faults import KindFigures, count_orders
from bot.domain.enums import BrokerType, OrderState, Side
from bot.domain.ids import AccountId, ClientOrderId, SignalId
from bot.ledger.rows import CopyRow
from tests.paper_exchange.client import REPOSITORY


def copy_of(user: str, state: OrderState = OrderState.FILLED, reason: str = "", quantity: str = "0.01") -> CopyRow:
    zero = Decimal(0)
    return CopyRow(
        client_order_id=ClientOrderId(f"order of {user}"),
        signal_id=SignalId("signal"),
        account=AccountId(user, BrokerType.KRAKEN),
        user_id=user,
        venue=BrokerType.KRAKEN,
        symbol="BTC-USD",
        side=Side.BUY,
        state=state,
        reason=reason,
        code="",
        note="",
        leg=1,
        attempt=1,
        balance=zero,
        quantity=Decimal(quantity),
        quote_value=zero,
        price=zero,
        order_id=None,
        executed=zero,
        average_price=zero,
        cost=zero,
        fee=zero,
        fee_currency="",
        deadline=0.0,
        planned_at=10.0,
        answered_at=None,
        settled_at=12.5 if state is OrderState.FILLED else None,
        milliseconds=None,
    )


def counted(copies: list[CopyRow], *accounts: str) -> dict[str, Any]:
    figures = KindFigures("a fault")
    count_orders(copies, [{"account": account} for account in ("master", *accounts)], figures)
    return {name: getattr(figures, name) for name in ("expected", "placed", "reasons", "lost", "twice", "seconds")}


class TestCounting:
    def test_an_order_for_every_copy_is_as_it_should_be(self) -> None:
        found = counted([copy_of("anna"), copy_of("bert")], "bert", "anna")

        assert found == {"expected": 2, "placed": 2, "reasons": 0, "lost": 0, "twice": 0, "seconds": [2.5, 2.5]}

    @pytest.mark.parametrize("state", [OrderState.FILLED, OrderState.UNKNOWN])
    def test_a_copy_without_an_order_is_lost_whatever_the_ledger_says(self, state: OrderState) -> None:
        assert counted([copy_of("anna", state, "HTTP 502"), copy_of("bert")], "bert")["lost"] == 1

    def test_a_copy_without_an_order_and_with_a_reason_is_not_lost(self) -> None:
        found = counted([copy_of("anna", OrderState.FAILED, "too old")])

        assert (found["lost"], found["reasons"]) == (0, 1)

    def test_one_order_more_than_planned_came_twice_though_another_is_lost(self) -> None:
        found = counted([copy_of("anna"), copy_of("bert")], "anna", "anna")

        assert (found["lost"], found["twice"]) == (1, 1)

    def test_an_order_of_a_copy_without_a_size_is_one_too_many(self) -> None:
        found = counted([copy_of("anna", OrderState.SKIPPED, "underfunded", quantity="0")], "anna")

        assert (found["expected"], found["twice"]) == (0, 1)


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "bot.py", "bench", "faults", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=180, check=False)


@pytest.mark.e2e
@pytest.mark.slow
class TestTheCommand:
    def test_it_counts_at_least_as_many_faulty_orders_as_asked_for(self) -> None:
        ended = bench("--users", "3", "--orders", "10", "--only", "502-after", "--only", "nonce", "--json")

        assert ended.returncode == 0, ended
        found = json.loads(ended.stdout)
        assert found["sound"] is True
        assert [one["differences"] for one in found["venues"]] == [[], [], []]
        counted = {
            one["venue"]: [(row["fault"], row["times"], row["at_the_venue"]) for row in one["faults"]]
            for one in found["venues"]
        }
        lost = "HTTP 502 after execution"
        assert counted == {
            "kraken": [(lost, 6, 6), ("EAPI:Invalid nonce", 6, 6), ("all", 12, 12)],
            "coinbase": [(lost, 12, 12), ("all", 12, 12)],
            "alpaca": [(lost, 12, 12), ("all", 12, 12)],
        }

    def test_a_venue_that_it_does_not_know_is_refused_with_those_that_it_does(self) -> None:
        ended = bench("--venues", "kraken,binance")

        assert ended.returncode == 2
        assert "binance" in ended.stderr
        assert "coinbase" in ended.stderr

    def test_a_fault_that_it_does_not_know_is_refused_with_those_that_it_does(self) -> None:
        ended = bench("--only", "earthquake")

        assert ended.returncode == 2
        assert "earthquake" in ended.stderr
        assert "502-after" in ended.stderr
