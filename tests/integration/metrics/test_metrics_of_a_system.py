"""The figures of a whole system that copies at the paper exchange."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.enums import OrderState
from tests.integration.copying.house import KRAKEN, SOON, by_user
from tests.integration.metrics.conftest import CountedHouse, MakeCounted
from tests.paper_exchange.client import eventually
from tests.unit.reporting.metrics_parts import families, value

THREE = {"anna": {"USD": "1000"}, "bert": {"USD": "1000"}, "poor": {"USD": "0.20"}}


def copies(counted: CountedHouse, state: str) -> dict[str, float]:
    """Of one state, by reason; zeros left out."""
    samples = families(counted.metrics)["nija_copies"].samples
    return {one.labels["reason"]: one.value for one in samples if one.labels["state"] == state and one.value}


def seconds(counted: CountedHouse, stage: str) -> float:
    return value(counted.metrics, "nija_signal_latency_seconds_sum", venue="kraken", stage=stage)


def test_a_trade_and_its_copies_are_counted_and_timed(make_counted: MakeCounted) -> None:
    counted = make_counted(THREE)
    report = counted.house.trade("buy", 500)
    answered = [copy.milliseconds for copy in report.copies if copy.milliseconds is not None]
    assert len(answered) == 2

    figures = counted.metrics
    assert value(figures, "nija_signals_total", venue="kraken", side="buy", by_hand="false") == 1
    assert copies(counted, "ACCEPTED") == {"none": 2}
    assert copies(counted, "SKIPPED") == {"underfunded": 1}
    assert value(figures, "nija_copy_latency_seconds_count", venue="kraken") == 2
    took = value(figures, "nija_copy_latency_seconds_sum", venue="kraken")
    assert took == pytest.approx(sum(answered) / 1000)
    assert value(figures, "nija_master_order_duration_seconds_count", venue="kraken") == 1
    # The summary is told once the fills are known, which the report does not wait for.
    assert eventually(lambda: value(figures, "nija_signal_latency_seconds_count", venue="kraken", stage="settled") == 1)
    assert 0 < seconds(counted, "queued") < seconds(counted, "settled")
    assert 0 < seconds(counted, "sent") < seconds(counted, "settled") < 20


def test_what_counts_agrees_with_the_engines_own_counts(make_counted: MakeCounted) -> None:
    counted = make_counted(THREE)
    for side, quantity in (("buy", 300), ("buy", 200), ("sell", 100)):
        assert counted.house.trade(side, quantity)
    own = counted.house.system.engine.counters
    assert copies(counted, "ACCEPTED") == {"none": own.copied}
    assert copies(counted, "SKIPPED") == own.skipped
    signals = families(counted.metrics)["nija_signals"].samples
    assert sum(one.value for one in signals) == own.emitted == 3


def test_an_order_that_the_venue_refuses_is_counted_by_its_reason(make_counted: MakeCounted) -> None:
    counted = make_counted(THREE)
    house = counted.house
    house.paper.fault("error", text="EOrder:Insufficient funds", account=house.logins["bert"].name, method="AddOrder")
    house.trade("buy", 500)
    assert copies(counted, "ACCEPTED") == {"none": 1}
    assert copies(counted, "REJECTED") == {"insufficient funds": 1}


def test_an_answer_that_is_lost_is_counted_as_unknown_and_then_as_what_it_was(make_counted: MakeCounted) -> None:
    counted = make_counted(THREE, variables=SOON)
    house = counted.house
    house.paper.fault("reset", account=house.logins["bert"].name, method="AddOrder", when="after")
    report = house.trade("buy", 500)
    assert by_user(report.copies)["bert"].state in (OrderState.FILLED, OrderState.ACCEPTED)
    assert copies(counted, "UNKNOWN") == {"no clear answer": 1}
    assert copies(counted, "ACCEPTED") == {"none": 2}


def test_accounts_are_shown_as_they_are(make_counted: MakeCounted) -> None:
    counted = make_counted(THREE)
    account = {"account": "anna:kraken", "venue": "kraken", "role": "user"}
    assert value(counted.metrics, "nija_account_balance_usd", **account) == 1000
    assert value(counted.metrics, "nija_account_connected", **account) == 1
    assert value(counted.metrics, "nija_account_funded", **{**account, "account": "poor:kraken"}) == 0
    master = {"account": "master:kraken", "venue": "kraken", "role": "master"}
    assert value(counted.metrics, "nija_account_equity_usd", **master) == float(Decimal(10_000))
    assert value(counted.metrics, "nija_engine_alive") == 1
    assert value(counted.metrics, "nija_ledger_healthy") == 1
    assert value(counted.metrics, "nija_engine_heartbeat_age_seconds") < 10


def test_a_kill_switch_is_shown_and_what_it_holds_back_is_counted(make_counted: MakeCounted) -> None:
    counted = make_counted(THREE, variables={"SYSTEM_DISABLED": "true"})
    assert value(counted.metrics, "nija_kill_switch") == 1
    refused = counted.house.system.trade(KRAKEN, "BTC-USD", "buy", 100, "quote")
    assert not refused
    assert value(counted.metrics, "nija_signals_total", venue="kraken", side="buy", by_hand="false") == 0


def test_a_nonce_that_is_refused_is_counted_although_the_order_is_made_good(make_counted: MakeCounted) -> None:
    counted = make_counted(THREE)
    house = counted.house
    house.paper.fault("error", text="EAPI:Invalid nonce", account=house.logins["bert"].name, method="AddOrder")
    assert all(copy.success for copy in house.trade("buy", 500).copies if copy.user_id != "poor")
    for user, errors in (("bert", 1), ("anna", 0)):
        labels = {"account": f"{user}:kraken", "venue": "kraken", "role": "user"}
        assert value(counted.metrics, "nija_account_nonce_errors_total", **labels) == errors
