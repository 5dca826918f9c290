"""The whole copy path in this process against the paper exchange; sizes are computed anew from its books."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot import kraken_copy_trading
from bot.domain.enums import OrderState, Side
from bot.domain.orders import OrderResult
from bot.domain.outcomes import Rejected
from bot.ledger.entry import open_ledger
from bot.runtime.clock import SystemClock
from tests.integration.copying.conftest import MakeHouse
from tests.integration.copying.house import (
    ASK,
    BID,
    KRAKEN,
    PATIENCE_S,
    SOON,
    SYMBOL,
    House,
    by_user,
    entry_size,
    exit_size,
    floor_lot,
    signal_of,
)
from tests.paper_exchange.client import Paper, eventually

FIVE = {name: {"USD": "1000"} for name in ("anna", "bert", "cora", "dirk", "emma")}

#: user id -> balances, entry in the users file, account at the exchange, arguments of `entry_size` for who copies.
MIXED: dict[str, tuple[dict[str, str], dict[str, Any], dict[str, Any], dict[str, Decimal] | None]] = {
    "plain": ({"USD": "1000"}, {}, {}, {}),
    "large": ({"USD": "250000"}, {}, {}, {}),
    "odd": ({"USD": "777.77"}, {}, {}, {}),
    "small": ({"USD": "100"}, {}, {}, {}),
    "stablecoins": ({"USD": "400", "USDT": "300", "USDC": "300"}, {}, {}, {}),
    "little_usd": ({"USD": "12", "USDT": "988"}, {}, {}, {"payable_usd": Decimal(12)}),
    "dear": (
        {"USD": "3", "USDC": "97"},
        {},
        {"fee_rate": "0.04"},
        {"payable_usd": Decimal(3), "fee_rate": Decimal("0.04")},
    ),
    "own_coins": ({"USD": "1000", "BTC": "0.5"}, {}, {}, {}),
    "own_dust": ({"USD": "500", "BTC": "0.00000007"}, {}, {}, {}),
    "double": ({"USD": "1000"}, {"multiplier": 2}, {}, {"multiplier": Decimal(2)}),
    "tenfold": ({"USD": "1000"}, {"multiplier": 10}, {}, {"multiplier": Decimal(10)}),
    "third": ({"USD": "1000"}, {"multiplier": 0.333}, {}, {"multiplier": Decimal("0.333")}),
    "careful": ({"USD": "1000"}, {"max_user_risk": 0.02}, {}, {"risk": Decimal("0.02")}),
    "capped": ({"USD": "1000"}, {"max_trade_usd": 7.5}, {}, {"cap_usd": Decimal("7.5")}),
    "allowed": ({"USD": "1000"}, {"allowed_symbols": ["BTC-USD"]}, {}, {}),
    "not_allowed": ({"USD": "1000"}, {"allowed_symbols": ["ETH-USD"]}, {}, None),
    "disabled": ({"USD": "1000", "BTC": "1"}, {"disabled_symbols": ["BTC-USD"]}, {}, None),
    "poor": ({"USD": "5"}, {}, {}, None),
    "underfunded": ({"USD": "0.49", "BTC": "0.1"}, {}, {}, None),
    "stranger": ({"USD": "1000"}, {}, {"permissions": ["query-funds", "query-open-trades"]}, None),
    "alone": ({"USD": "1000", "BTC": "0.2"}, {"copy_from_master": False}, {}, None),
    "switched_off": ({"USD": "1000"}, {"enabled": False}, {}, None),
}
REASONS = {
    "not_allowed": "symbol not allowed",
    "disabled": "symbol disabled",
    "poor": "below minimum",
    "underfunded": "underfunded",
    "stranger": "account not connected",
}
NOBODY_S_FOLLOWERS = {"alone", "switched_off"}
COPYING = [name for name, (_, _, _, sizing) in MIXED.items() if sizing is not None]


def mixed_house(make_house: MakeHouse, **more: Any) -> House:
    return make_house(
        {name: balances for name, (balances, _, _, _) in MIXED.items()},
        entries={name: entry for name, (_, entry, _, _) in MIXED.items()},
        accounts={name: account for name, (_, _, account, _) in MIXED.items()},
        **more,
    )


def master_size(report: Any) -> Decimal:
    assert report.master.order is not None
    quantity: Decimal = report.master.order.quantity
    return quantity


def last_order(house: House, who: str) -> Decimal:
    return Decimal(house.orders(who)[-1]["executed"])


def dollars(house: House, who: str) -> dict[str, Decimal]:
    balances = house.paper.account(house.logins[who])["balances"]
    return {asset: Decimal(balances.get(asset, "0")) for asset in ("USD", "USDT", "USDC")}


def shown(amount: Decimal) -> Decimal:
    """A balance as the venue shows it: cut to its decimals."""
    return Decimal(int(amount * 10_000)) / 10_000


def trading_balance(house: House, who: str) -> Decimal:
    return sum((shown(amount) for amount in dollars(house, who).values()), Decimal(0))


# -- sizes -----------------------------------------------------------------------------------------------------------


def test_every_user_gets_exactly_its_share_through_two_buys_and_two_sells(paper: Paper, make_house: MakeHouse) -> None:
    house = mixed_house(make_house).start()
    own = {name: house.held(name) for name in MIXED}
    for usd in ("500", "300"):
        before = {who: trading_balance(house, who) for who in ("master", *COPYING)}
        spendable = {who: shown(dollars(house, who)["USD"]) for who in COPYING}
        report = house.trade("buy", usd)

        assert report
        assert master_size(report) == floor_lot(Decimal(usd) / ASK) == last_order(house, "master")
        for name in COPYING:
            sizing = dict(MIXED[name][3] or {})
            sizing["payable_usd"] = spendable[name]
            expected = entry_size(master_size(report), before["master"], before[name], ASK, **sizing)
            if expected * ASK + Decimal("0.01") < 1 or expected < Decimal("0.00005"):
                assert by_user(report.copies)[name].state is OrderState.SKIPPED, name
            else:
                assert last_order(house, name) == expected, name
        assert_every_row_has_an_order_or_a_reason(house, report)
    held = house.held("master")
    half = floor_lot(held / 2)
    for quantity, position in ((half, held), (held - half, held - half)):
        before = {name: house.copied(name) for name in COPYING}
        report = house.trade("sell", quantity, "base")

        assert report
        assert last_order(house, "master") == quantity
        for name in COPYING:
            expected = exit_size(before[name], quantity, position)
            rest = before[name] - expected
            if rest > 0 and (rest < Decimal("0.00005") or rest * BID < Decimal("0.5")):
                expected = before[name]
            sold = before[name] - house.copied(name)
            assert sold == expected, name
        assert_every_row_has_an_order_or_a_reason(house, report)
    assert house.held("master") == 0
    for name in MIXED:
        assert house.held(name) == own[name], f"{name} keeps exactly its own coins"
    assert set(house.user_orders()) == set(COPYING)
    assert paper.get("/requests")["refused"] == {}


def assert_every_row_has_an_order_or_a_reason(house: House, report: Any) -> None:
    rows = house.rows(report)
    assert set(rows) == set(MIXED) - NOBODY_S_FOLLOWERS
    exit_ = report.master.order.side is Side.SELL
    for name, row in rows.items():
        if row.order_id is not None:
            assert row.state is OrderState.FILLED, row
            (order,) = [order for order in house.orders(name) if order["client_order_id"] == row.client_order_id]
            assert order["order_id"] == row.order_id
            assert Decimal(order["executed"]) == row.executed
            assert Decimal(order["cost"]) == row.cost
            assert Decimal(order["fee"]) == row.fee
        else:
            assert row.state in (OrderState.SKIPPED, OrderState.PLANNED), row
            assert row.reason
    for name, reason in REASONS.items():
        assert rows[name].order_id is None
        assert rows[name].reason.startswith("nothing to sell" if exit_ else reason), rows[name].reason


def test_a_user_with_coins_of_its_own_keeps_them_when_the_master_sells_more_than_it_bought(
    make_house: MakeHouse,
) -> None:
    users = {"anna": {"USD": "1000", "BTC": "3"}}
    house = make_house(users, master_balances={"USD": "10000", "BTC": "1"}).start()
    house.trade("sell", "0.5", "base")
    assert house.orders("anna") == []

    house.trade("buy", "1000")
    bought = house.copied("anna")
    assert bought > 0
    house.trade("sell", house.held("master"), "base")

    assert house.held("anna") == 3
    assert house.copied("anna") == 0


def test_copied_coins_survive_a_restart_and_only_they_are_sold(make_house: MakeHouse) -> None:
    house = make_house({"anna": {"USD": "1000", "BTC": "0.1"}}).start()
    house.trade("buy", "1000")
    bought = house.copied("anna")
    house.stop()

    house.start()
    house.trade("sell", house.held("master"), "base")

    assert bought > 0
    assert house.copied("anna") == 0
    assert house.held("anna") == Decimal("0.1")


# -- the way ---------------------------------------------------------------------------------------------------------


def test_nothing_is_asked_between_the_master_s_answer_and_the_users_orders(paper: Paper, make_house: MakeHouse) -> None:
    house = make_house({f"user{number:02d}": {"USD": "1000"} for number in range(20)}).start()
    paper.patch("/settings", latency_ms=120)
    names, public = set(house.user_names()), []
    for _ in range(3):
        paper.delete("/requests")
        report = house.trade("buy", "100")
        assert len(report.copies) == 20
        journal = house.journal()
        (master,) = [one for one in journal if one["method"] == "AddOrder" and one["account"] not in names]
        orders = [one for one in journal if one["method"] == "AddOrder" and one["account"] in names]
        assert sorted(one["account"] for one in orders) == sorted(names)
        between = [one for one in journal if master["answered_ns"] < one["arrived_ns"] < orders[-1]["arrived_ns"]]
        assert {one["method"] for one in between if one["account"] in names} == {"AddOrder"}
        public += [one["method"] for one in between if one["account"] is None]
    # The prices that the background keeps fresh may fall into one of them, by chance.
    assert public in ([], ["Ticker"])
    assert paper.get("/requests")["refused"] == {}


def test_observe_mode_places_nothing_and_writes_what_it_would_have_done(make_house: MakeHouse) -> None:
    house = make_house({"anna": {"USD": "1000"}, "poor": {"USD": "3"}}, variables={"OBSERVE_ONLY": "true"}).start()

    report = house.trade("buy", "1000")

    assert report
    assert len(house.orders("master")) == 1
    assert house.user_orders() == {}
    rows = house.rows(report)
    assert rows["anna"].state is OrderState.OBSERVED
    assert rows["anna"].quantity == entry_size(master_size(report), Decimal(10_000), Decimal(1000), ASK)
    assert rows["poor"].state is OrderState.SKIPPED
    assert house.system.ledger.views.copied_coins() == []
    assert house.system.ledger.views.recent_signals()[0].observe_only


def test_a_signal_is_copied_once_however_often_it_comes(paper: Paper, make_house: MakeHouse) -> None:
    house = make_house(FIVE).start()
    signal = signal_of()

    first = by_user(house.system.copy_signal(signal))
    again = by_user(house.system.copy_signal(signal))

    assert {name: copy.order_id for name, copy in again.items()} == {
        name: copy.order_id for name, copy in first.items()
    }
    assert {name: len(orders) for name, orders in house.user_orders().items()} == dict.fromkeys(FIVE, 1)
    house.stop()
    house.start()

    house.system.copy_signal(signal)

    assert len(house.journal(method="AddOrder")) == 5
    # The system goes on after it: the next signal is copied.
    house.system.copy_signal(signal_of(order_id="OHAND2-AAAAA-BBBBBB"))
    assert {name: len(orders) for name, orders in house.user_orders().items()} == dict.fromkeys(FIVE, 2)
    assert paper.get("/requests")["refused"] == {}


def test_nobody_is_always_first_or_last(paper: Paper, make_house: MakeHouse) -> None:
    house = make_house(FIVE).start()
    paper.patch("/settings", latency_ms=50)
    names = house.user_names()
    first, last = Counter[str](), Counter[str]()
    for _ in range(5):
        paper.delete("/requests")
        assert house.trade("buy", "100")
        arrived = [one["account"] for one in house.journal(method="AddOrder") if one["account"] in names]
        assert sorted(arrived) == sorted(names)
        first[arrived[0]] += 1
        last[arrived[-1]] += 1

    assert len(first) >= 3, first
    assert len(last) >= 3, last


def test_two_trades_at_once_from_two_threads_are_both_copied_once(paper: Paper, make_house: MakeHouse) -> None:
    house = make_house(FIVE).start()
    paper.patch("/settings", latency_ms=20)

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda usd: house.trade("buy", usd), ("200", "300"))

    assert first
    assert second
    assert len(house.orders("master")) == 2
    for name in FIVE:
        assert {copy.state for report in (first, second) for copy in report.copies} == {OrderState.FILLED}
        assert len(house.orders(name)) == 2
    assert paper.get("/requests")["refused"] == {}
    house.trade("sell", house.held("master"), "base")
    assert {name: house.held(name) for name in FIVE} == dict.fromkeys(FIVE, Decimal(0))


# -- one user's trouble ----------------------------------------------------------------------------------------------


def test_a_hung_user_delays_nobody_else_and_its_order_is_found(paper: Paper, make_house: MakeHouse) -> None:
    house = make_house(FIVE, variables={"READ_TIMEOUT_S": "8"}).start()
    hung = house.logins["bert"].name
    paper.fault("hang", account=hung, method="AddOrder", when="after", seconds=12)

    copies = by_user(house.trade("buy", "100").copies)

    assert copies["bert"].state is OrderState.FILLED
    assert OrderState.UNKNOWN in house.history(copies["bert"].client_order_id)
    for name in FIVE.keys() - {"bert"}:
        assert copies[name].state is OrderState.FILLED
        assert copies[name].milliseconds is not None
        assert copies[name].milliseconds < 7000
    assert [order["order_id"] for order in house.orders("bert")] == [copies["bert"].order_id]
    assert len(house.journal(method="AddOrder", account=hung)) == 1


def test_a_hung_user_does_not_delay_the_next_signal_either(paper: Paper, make_house: MakeHouse) -> None:
    house = make_house(FIVE, variables={"READ_TIMEOUT_S": "8"}).start()
    hung = house.logins["bert"].name
    paper.fault("hang", account=hung, method="AddOrder", when="after", seconds=12)

    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(house.trade, "buy", "100")
        eventually(lambda: len(house.journal(method="AddOrder")) == 6)
        began = time.monotonic()
        second = house.system.manager.master(KRAKEN)
        assert second is not None
        assert second.place_market_order(SYMBOL, "buy", "100", "quote")
        others = [house.logins[name].name for name in FIVE if name != "bert"]
        eventually(lambda: all(len(house.journal(method="AddOrder", account=name)) == 2 for name in others))
        assert time.monotonic() - began < 7
        assert first.result()


@pytest.mark.parametrize("kind", ["error", "permission_revoked"])
def test_a_user_in_trouble_does_not_disturb_the_others(paper: Paper, make_house: MakeHouse, kind: str) -> None:
    house = make_house(FIVE).start()
    paper.fault(kind, account=house.logins["cora"].name, method="AddOrder", text="EOrder:Insufficient funds")

    report = house.trade("buy", "100")

    copies = by_user(report.copies)
    assert report
    assert report.master.state is OrderState.FILLED
    assert copies["cora"].order_id is None
    assert copies["cora"].reason
    assert {copies[name].state for name in FIVE.keys() - {"cora"}} == {OrderState.FILLED}
    assert house.orders("cora") == []
    row = house.rows(report)["cora"]
    assert row.state is OrderState.REJECTED
    assert row.reason


# -- the master's own trouble ----------------------------------------------------------------------------------------


def lanes_are_free(house: House) -> None:
    for entry in house.system.manager.users:
        assert entry.broker.refresh_balances(PATIENCE_S).trading_balance > 0


def test_a_rejected_master_order_reaches_nobody_and_leaves_every_lane_free(paper: Paper, make_house: MakeHouse) -> None:
    house = make_house(FIVE).start()
    house.trade("buy", "100")
    # Long enough for the users' orders to be signed before the venue says no.
    paper.patch("/settings", latency_ms=200)
    text = "EOrder:Insufficient funds"
    paper.fault("error", account=house.logins["master"].name, method="AddOrder", text=text)

    report = house.trade("buy", "100")

    assert not report
    assert isinstance(report.master.outcome, Rejected)
    assert report.master.outcome.sent
    assert "nsufficient funds" in report.master.reason
    assert report.copies == ()
    paper.patch("/settings", latency_ms=0)
    lanes_are_free(house)
    assert {name: len(orders) for name, orders in house.user_orders().items()} == dict.fromkeys(FIVE, 1)
    assert len(house.system.ledger.views.recent_signals()) == 1
    assert house.trade("buy", "100")
    assert {name: len(orders) for name, orders in house.user_orders().items()} == dict.fromkeys(FIVE, 2)


def test_a_master_order_whose_answer_was_lost_is_found_and_copied_once(paper: Paper, make_house: MakeHouse) -> None:
    house = make_house(FIVE).start()
    paper.fault("http_504", account=house.logins["master"].name, method="AddOrder", when="after")

    report = house.trade("buy", "100")

    assert report
    assert report.master.state is OrderState.FILLED
    assert {copy.state for copy in report.copies} == {OrderState.FILLED}
    assert len(house.orders("master")) == 1
    assert {name: len(orders) for name, orders in house.user_orders().items()} == dict.fromkeys(FIVE, 1)


def test_a_master_order_that_never_arrived_is_copied_by_nobody_and_not_sent_again(
    paper: Paper, make_house: MakeHouse
) -> None:
    house = make_house(FIVE, variables=SOON).start()
    paper.fault("http_504", account=house.logins["master"].name, method="AddOrder", when="before")

    report = house.trade("buy", "100")

    assert not report
    assert report.master.state is OrderState.FAILED
    lanes_are_free(house)
    assert house.user_orders() == {}
    assert len(house.journal(method="AddOrder")) == 1


def test_a_master_that_hangs_does_not_keep_the_users_lanes_and_is_copied_when_its_order_is_found(
    paper: Paper, make_house: MakeHouse
) -> None:
    house = make_house(FIVE, variables={"READ_TIMEOUT_S": "8"}).start()
    paper.fault("hang", account=house.logins["master"].name, method="AddOrder", when="after", seconds=12)

    with ThreadPoolExecutor(1) as thread:
        trade = thread.submit(house.trade, "buy", "100")
        eventually(lambda: house.journal(method="AddOrder"))
        began = time.monotonic()
        lanes_are_free(house)
        # What was made ready for a signal that may come is let go of after a second.
        assert time.monotonic() - began < 7
        assert house.user_orders() == {}
        assert trade.result()
    assert len(house.orders("master")) == 1
    assert {name: len(orders) for name, orders in house.user_orders().items()} == dict.fromkeys(FIVE, 1)


# -- the ledger ------------------------------------------------------------------------------------------------------


@contextmanager
def held_exclusively(path: Path) -> Iterator[None]:
    """Another program holds the ledger."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE_S)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def test_nothing_leaves_while_the_ledger_cannot_be_written_and_then_it_goes_on(make_house: MakeHouse) -> None:
    house = make_house(FIVE).start()
    signal = signal_of()

    with ThreadPoolExecutor(1) as thread:
        with held_exclusively(house.data / "ledger.sqlite3"):
            copying = thread.submit(house.system.copy_signal, signal)
            # Longer than one attempt takes, so that the plan was given up once.
            with pytest.raises(TimeoutError):
                copying.result(6)
            assert house.journal(method="AddOrder") == []
        copies = by_user(copying.result(PATIENCE_S))

    assert {copy.state for copy in copies.values()} == {OrderState.FILLED}
    assert {name: len(orders) for name, orders in house.user_orders().items()} == dict.fromkeys(FIVE, 1)


def test_a_buy_that_grew_too_old_while_the_ledger_was_away_is_dropped(make_house: MakeHouse) -> None:
    house = make_house(FIVE, variables={"MAX_SIGNAL_AGE_S": "3"}).start()
    signal = signal_of()

    with ThreadPoolExecutor(1) as thread:
        with held_exclusively(house.data / "ledger.sqlite3"):
            copying = thread.submit(house.system.copy_signal, signal)
            with pytest.raises(TimeoutError):
                # A commit is waited for, for five seconds; then the signal is planned anew.
                copying.result(9)
        copies = by_user(copying.result(PATIENCE_S))

    assert {copy.state for copy in copies.values()} == {OrderState.EXPIRED}
    assert house.user_orders() == {}


def test_a_master_does_not_trade_what_cannot_be_written_down(make_house: MakeHouse) -> None:
    house = make_house(FIVE).start()
    assert house.trade("buy", "100")

    with held_exclusively(house.data / "ledger.sqlite3"):
        report = house.trade("buy", "100")

    assert not report
    assert isinstance(report.master.outcome, Rejected)
    assert not report.master.outcome.sent
    assert "ledger" in report.master.reason
    assert len(house.orders("master")) == 1
    assert house.trade("buy", "100")
    assert len(house.orders("anna")) == 2


# -- the kill switch -------------------------------------------------------------------------------------------------


def test_the_kill_switch_stops_everybody_within_moments_and_exits_wait_for_its_end(
    paper: Paper, make_house: MakeHouse
) -> None:
    house = make_house(FIVE).start()
    house.trade("buy", "1000")
    position = house.held("master")
    with closing(open_ledger(house.data / "ledger.sqlite3", SystemClock())) as outside:
        outside.set_kill_switch("the test says so", "tests")
        eventually(house.system.gate.reason)
        placed = len(house.journal(method="AddOrder"))

        for side in ("buy", "sell"):
            report = house.trade(side, "0.001", "base")
            assert not report
            assert "the test says so" in report.master.reason
        entry = by_user(house.system.copy_signal(signal_of(order_id="OENTRY-AAAAA-BBBBBB")))
        exit_ = signal_of("sell", str(position), "OEXIT1-AAAAA-BBBBBB", position_before=position, price=BID)
        waiting = by_user(house.system.copy_signal(exit_))

        assert {(copy.state, copy.reason) for copy in entry.values()} == {
            (OrderState.SKIPPED, "kill switch: the test says so")
        }
        assert {copy.state for copy in waiting.values()} == {OrderState.PLANNED}
        assert all("the test says so" in copy.reason for copy in waiting.values())
        assert len(house.journal(method="AddOrder")) == placed
        outside.lift_kill_switch("tests")
    eventually(lambda: all(house.copied(name) == 0 for name in FIVE))

    def exits_are_settled() -> bool:
        copies = house.system.ledger.views.copies_of(exit_.signal_id)
        return {row.state for row in copies} == {OrderState.FILLED}

    eventually(exits_are_settled)
    assert len(house.journal(method="AddOrder")) == placed + 5
    assert house.trade("buy", "100")


def test_a_kill_switch_that_was_set_before_the_start_is_obeyed(make_house: MakeHouse) -> None:
    house = make_house(FIVE).start()
    house.system.ledger.set_kill_switch("for good", "tests")
    house.stop()

    house.start()

    assert "for good" in house.trade("buy", "100").master.reason
    assert house.orders("master") == []


def test_system_disabled_in_the_environment_stops_everything(make_house: MakeHouse) -> None:
    house = make_house(FIVE, variables={"SYSTEM_DISABLED": "true"}).start()

    report = house.trade("buy", "100")
    copies = by_user(house.system.copy_signal(signal_of()))

    assert "SYSTEM_DISABLED" in report.master.reason
    assert {copy.state for copy in copies.values()} == {OrderState.SKIPPED}
    assert house.orders("master") == []
    assert house.user_orders() == {}


# -- accounts that come and go ---------------------------------------------------------------------------------------


def test_an_exit_waits_for_an_account_that_does_not_answer_and_follows_when_it_is_back(
    paper: Paper, make_house: MakeHouse
) -> None:
    house = make_house(FIVE).start()
    house.trade("buy", "1000")
    house.stop()
    fault = paper.fault("http_503", account=house.logins["dirk"].name, times=None)
    house.start()

    report = house.trade("sell", house.held("master"), "base")

    copies = by_user(report.copies)
    assert copies["dirk"].state is OrderState.PLANNED
    assert "not connected" in copies["dirk"].reason
    assert {copies[name].state for name in FIVE.keys() - {"dirk"}} == {OrderState.FILLED}
    paper.delete(f"/faults/{fault}")
    # What the bot does by itself every fifteen seconds.
    house.system.manager.connect(PATIENCE_S)
    eventually(lambda: house.copied("dirk") == 0)


# -- the front door --------------------------------------------------------------------------------------------------


@pytest.fixture
def door(make_house: MakeHouse) -> Iterator[House]:
    """A house whose system was started through the front door."""
    house = make_house(FIVE)
    assert kraken_copy_trading.initialize_copy_trading_system(house.settings()) is True
    yield house
    kraken_copy_trading.shutdown_copy_trading_system()


def test_the_front_door_s_constants_take_effect_when_they_are_written(
    door: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kraken_copy_trading, "MAX_USER_RISK", 0.05)
    capped = kraken_copy_trading.execute_master_trade("BTC-USD", "buy", 1000)
    monkeypatch.setattr(kraken_copy_trading, "MAX_USER_RISK", Decimal("0.001"))
    refused = kraken_copy_trading.execute_master_trade("BTC-USD", "buy", 100)
    monkeypatch.setattr(kraken_copy_trading, "MAX_USER_RISK", 0.10)
    monkeypatch.setattr(kraken_copy_trading, "SYSTEM_DISABLED", True)
    stopped = kraken_copy_trading.execute_master_trade("BTC-USD", "buy", 100)
    monkeypatch.setattr(kraken_copy_trading, "SYSTEM_DISABLED", False)
    free = kraken_copy_trading.execute_master_trade("BTC-USD", "buy", 100)

    assert {copy.quantity for copy in capped.copies} == {floor_lot(Decimal(50) / ASK)}
    assert {copy.state for copy in refused.copies} == {OrderState.SKIPPED}
    assert all(copy.reason.startswith("below minimum") for copy in refused.copies)
    assert not stopped
    assert "SYSTEM_DISABLED" in stopped.master.reason
    assert {copy.state for copy in free.copies} == {OrderState.FILLED}
    assert len(door.orders("master")) == 3
    assert len(door.orders("anna")) == 2


def test_the_front_door_takes_every_spelling_and_refuses_what_is_no_size(door: House) -> None:
    spellings = ("XXBTZUSD", "XBTUSD", "BTC/USD", "BTC-USD", "btc-usd")
    for spelling in spellings:
        report = kraken_copy_trading.execute_master_trade(spelling, "buy", usd_size=100.0)
        assert report, report.master.reason
        assert report.master.order is not None
        assert report.master.order.symbol == SYMBOL
        assert {copy.state for copy in report.copies} == {OrderState.FILLED}
    for size in (0, -1, float("nan"), "NaN", "abc", "", None, float("inf"), True):
        result = kraken_copy_trading.execute_master_trade("BTC-USD", "buy", usd_size=size)
        assert not result
        assert isinstance(result.master, OrderResult)
        assert "size" in result.master.reason, size
        assert result.copies == ()
    for side in ("hold", ""):
        assert not kraken_copy_trading.execute_master_trade("BTC-USD", side, 100)
    assert not kraken_copy_trading.execute_master_trade("NOPE", "buy", 100)

    assert len(door.orders("master")) == len(spellings)
    assert {name: len(orders) for name, orders in door.user_orders().items()} == dict.fromkeys(FIVE, len(spellings))


def test_the_front_door_copies_a_signal_and_says_what_became_of_it(door: House) -> None:
    copies = by_user(kraken_copy_trading.copy_trade_to_kraken_users(signal_of()))

    assert {name: copy.state for name, copy in copies.items()} == dict.fromkeys(FIVE, OrderState.FILLED)
    assert door.orders("master") == []
    # A second call while it runs changes nothing.
    assert kraken_copy_trading.initialize_copy_trading_system() is True


def test_the_front_door_refuses_until_it_is_opened() -> None:
    report = kraken_copy_trading.execute_master_trade()

    assert not report
    assert "initialize_copy_trading_system" in report.master.reason
    assert kraken_copy_trading.copy_trade_to_kraken_users(signal_of()) == []


def test_the_front_door_stays_shut_when_the_master_cannot_connect(make_house: MakeHouse) -> None:
    house = make_house(FIVE, accounts={"master": {"permissions": ["query-funds"]}})
    try:
        assert kraken_copy_trading.initialize_copy_trading_system(house.settings()) is False
        report = kraken_copy_trading.execute_master_trade()
    finally:
        kraken_copy_trading.shutdown_copy_trading_system()

    assert not report
    assert "modify-trades" in report.master.reason
    assert house.orders("master") == []


def test_a_second_system_on_the_same_folder_is_refused_and_the_first_goes_on(make_house: MakeHouse) -> None:
    house = make_house(FIVE).start()

    assert kraken_copy_trading.initialize_copy_trading_system(house.settings()) is False

    assert house.trade("buy", "100")
