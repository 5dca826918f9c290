"""Lost answers, pauses and restarts of a whole system, against the exchange's own books."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.departure import VenueCall
from bot.domain.enums import OrderState
from bot.domain.orders import MarketOrder
from bot.ledger.rows import CopyRow
from tests.integration.copying.conftest import MakeHouse
from tests.integration.copying.house import BID, KRAKEN, PATIENCE_S, SOON, SYMBOL, House, by_user, signal_of
from tests.paper_exchange.client import Paper, eventually

THREE = {name: {"USD": "1000"} for name in ("anna", "bert", "cora")}
S = OrderState


def rows(house: House, who: str) -> list[CopyRow]:
    """The user's copies, oldest first."""
    assert house.system.ledger.flush(PATIENCE_S)
    found = [row for row in house.system.ledger.views.recent_copies(100) if row.user_id == who]
    return sorted(found, key=lambda row: (row.planned_at, row.leg))


def states(house: House, who: str) -> list[OrderState]:
    return [row.state for row in rows(house, who)]


def lose(house: House, who: str, when: str) -> None:
    """The answer to the account's next order is lost, ``before`` or ``after`` the exchange has it."""
    house.paper.fault("reset", account=house.logins[who].name, method="AddOrder", when=when)


def exit_signal(house: House, sold: Decimal, before: Decimal, number: int = 1) -> Any:
    return signal_of("sell", str(sold), f"OEXIT{number}-AAAAA-BBBBBB", position_before=before, price=BID)


def books_and_ledger_agree(house: House) -> None:
    """What the ledger says that copying bought is what the exchange's books of the orders add up to."""
    eventually(lambda: not any(entry.broker.doubts for entry in house.system.manager.users), PATIENCE_S)
    assert house.system.ledger.flush(PATIENCE_S)
    copied = {account.name: quantity for (account, _), quantity in house.system.ledger.copied_coins().items()}
    assert copied == {who: house.copied(who) for who in house.users if house.copied(who)}


# -- lost answers ----------------------------------------------------------------------------------------------------


def test_an_order_that_never_arrived_is_sent_again_once_and_nobody_else_waits(make_house: MakeHouse) -> None:
    house = make_house(THREE, variables=SOON).start()
    lose(house, "cora", "before")

    report = house.trade("buy", "100")

    copies = by_user(report.copies)
    assert {copy.state for copy in copies.values()} == {S.FILLED}
    row = house.rows(report)["cora"]
    assert (row.attempt, row.state) == (2, S.FILLED)
    (order,) = house.orders("cora")
    assert order["client_order_id"] == row.client_order_id == copies["cora"].client_order_id
    assert len(house.journal(method="AddOrder", account=house.logins["cora"].name)) == 2
    for name in ("anna", "bert"):
        assert len(house.orders(name)) == 1
        assert (copies[name].milliseconds or 0) < 1000
    books_and_ledger_agree(house)


def test_an_entry_that_never_arrived_and_is_old_by_then_has_failed(make_house: MakeHouse) -> None:
    house = make_house(THREE, variables=SOON | {"MAX_SIGNAL_AGE_S": "3"}).start()
    lose(house, "cora", "before")

    copies = by_user(house.trade("buy", "100").copies)

    assert copies["cora"].state is S.FAILED
    assert copies["cora"].reason
    assert house.orders("cora") == []
    assert len(house.journal(method="AddOrder", account=house.logins["cora"].name)) == 1


def test_an_old_exit_that_never_arrived_is_sent_again_all_the_same(make_house: MakeHouse) -> None:
    house = make_house(THREE, variables=SOON | {"MAX_SIGNAL_AGE_S": "3"}).start()
    house.trade("buy", "1000")
    lose(house, "cora", "before")

    copies = by_user(house.trade("sell", house.held("master"), "base").copies)

    assert copies["cora"].state is S.FILLED
    assert [house.held(name) for name in THREE] == [0, 0, 0]
    assert [row.attempt for row in rows(house, "cora")] == [1, 2]
    books_and_ledger_agree(house)


def test_entries_of_a_symbol_in_doubt_wait_while_other_symbols_and_exits_go_at_once(make_house: MakeHouse) -> None:
    house = make_house(THREE).start()
    house.trade("buy", "1000")
    had, position = house.copied("bert"), house.held("master")
    lose(house, "bert", "before")
    house.blind("bert")
    master = house.system.manager.master(KRAKEN)
    assert master is not None

    for symbol in (SYMBOL, SYMBOL, "ETH-USD"):
        assert master.place_market_order(symbol, "buy", "100", "quote")
    house.system.emitter.emit(exit_signal(house, position, position))

    eventually(lambda: len(house.orders("bert")) == 3)
    assert [(order["symbol"], order["side"]) for order in house.orders("bert")] == [
        (SYMBOL, "buy"),
        ("ETH-USD", "buy"),
        (SYMBOL, "sell"),
    ]
    assert Decimal(house.orders("bert")[-1]["executed"]) == had
    # The one that waited is not let in after the master has sold.
    eventually(lambda: states(house, "bert")[2] is S.EXPIRED)
    assert states(house, "bert")[1] is S.UNKNOWN
    assert {len(house.orders(name)) for name in ("anna", "cora")} == {5}


@pytest.mark.parametrize("share", ["0.5", "1"])
def test_what_is_found_after_the_master_has_sold_is_sold_in_the_same_share(make_house: MakeHouse, share: str) -> None:
    house = make_house(THREE).start()
    lose(house, "bert", "after")
    house.blind("bert")
    with ThreadPoolExecutor(1) as thread:
        buying = thread.submit(house.trade, "buy", "1000")
        eventually(lambda: states(house, "bert") == [S.UNKNOWN])
        position = house.held("master")
        house.system.copy_signal(exit_signal(house, position * Decimal(share), position))
        assert house.held("bert") > 0
        house.paper.delete("/faults")
        eventually(lambda: len(house.orders("bert")) == 2, PATIENCE_S)
        buying.result()

    eventually(lambda: house.copied("bert") == house.copied("anna"), PATIENCE_S)
    eventually(lambda: states(house, "bert") == [S.FILLED, S.SKIPPED, S.FILLED])
    assert [row.leg for row in rows(house, "bert")] == [1, 1, 2]
    books_and_ledger_agree(house)


# -- restarts --------------------------------------------------------------------------------------------------------


def test_a_restart_settles_every_open_order_and_sends_nothing_twice(make_house: MakeHouse) -> None:
    house = make_house(THREE, variables=SOON).start()
    lose(house, "bert", "after")
    lose(house, "cora", "before")
    house.blind("bert", "cora")
    house.system.emitter.emit(signal_of())
    eventually(lambda: states(house, "bert") == states(house, "cora") == [S.UNKNOWN])
    eventually(lambda: states(house, "anna") == [S.FILLED])
    house.stop()
    house.paper.delete("/faults")

    house.start()

    for name in THREE:
        eventually(lambda name=name: states(house, name) == [S.FILLED], PATIENCE_S)
        assert len(house.orders(name)) == 1
    assert [rows(house, name)[0].attempt for name in THREE] == [1, 1, 2]
    assert {name: len(house.journal(method="AddOrder", account=house.logins[name].name)) for name in THREE} == {
        "anna": 1,
        "bert": 1,
        "cora": 2,
    }
    books_and_ledger_agree(house)
    assert house.trade("buy", "100"), "new signals are taken"


def test_a_master_order_that_was_found_at_start_becomes_its_signal_and_is_copied_once(make_house: MakeHouse) -> None:
    house = make_house(THREE, variables=SOON).start()
    lose(house, "master", "after")
    house.blind("master")
    # Whoever asked for the trade is gone with the process.
    threading.Thread(target=house.system.trade, args=(KRAKEN, SYMBOL, "buy", "100"), daemon=True).start()
    eventually(lambda: len(house.orders("master")) == 1)
    master = house.system.manager.master(KRAKEN)
    eventually(lambda: master is not None and master.doubts == 1)
    house.stop()
    house.paper.delete("/faults")
    house.start()
    eventually(lambda: len(house.user_orders()) == 3, PATIENCE_S)

    for _ in range(2):
        for name in THREE:
            eventually(lambda name=name: states(house, name) == [S.FILLED], PATIENCE_S)
            assert len(house.orders(name)) == 1
        house.stop()
        house.start()
    assert len(house.orders("master")) == 1
    assert len(house.system.ledger.views.recent_signals()) == 1


def test_an_account_that_is_not_set_up_any_more_does_not_keep_the_others_from_recovering(
    make_house: MakeHouse,
) -> None:
    house = make_house(THREE, variables=SOON).start()
    for name in ("bert", "cora"):
        lose(house, name, "after")
    house.blind("bert", "cora")
    house.system.emitter.emit(signal_of())
    eventually(lambda: states(house, "bert") == states(house, "cora") == [S.UNKNOWN])
    house.stop()
    house.paper.delete("/faults")
    house.variables = SOON | {"KRAKEN_USER_BERT_API_KEY": "", "KRAKEN_USER_BERT_API_SECRET": ""}

    house.start()

    eventually(lambda: states(house, "cora") == [S.FILLED], PATIENCE_S)
    assert states(house, "bert") == [S.UNKNOWN]
    assert house.trade("buy", "100")
    house.stop()
    house.variables = SOON
    house.start()
    eventually(lambda: states(house, "bert") == [S.FILLED], PATIENCE_S)
    assert len(house.orders("bert")) == 1


# -- accounts in trouble ---------------------------------------------------------------------------------------------


def test_an_exit_of_a_barred_account_waits_and_goes_when_the_account_is_resumed(
    paper: Paper, make_house: MakeHouse
) -> None:
    house = make_house(THREE).start()
    house.trade("buy", "1000")
    login = house.logins["bert"].name
    paper.patch(f"/accounts/{login}", enabled=False)

    copies = by_user(house.trade("sell", house.held("master"), "base").copies)

    assert copies["bert"].state is S.PLANNED
    assert {copies[name].state for name in ("anna", "cora")} == {S.FILLED}
    broker = next(entry.broker for entry in house.system.manager.users if entry.user.user_id == "bert")
    assert broker.barred
    calls = len(house.journal(method="AddOrder", account=login))
    paper.patch(f"/accounts/{login}", enabled=True)
    assert house.held("bert") > 0
    assert len(house.journal(method="AddOrder", account=login)) == calls, "it is left alone until somebody mends it"

    assert broker.resume(PATIENCE_S)

    eventually(lambda: house.held("bert") == 0)
    eventually(lambda: states(house, "bert")[-1] is S.FILLED)
    books_and_ledger_agree(house)


def test_an_order_that_came_too_fast_follows_after_a_while(paper: Paper, make_house: MakeHouse) -> None:
    house = make_house(THREE).start()
    paper.fault(
        "error", account=house.logins["bert"].name, method="AddOrder", text="EOrder:Rate limit exceeded", when="before"
    )

    house.trade("buy", "100")

    eventually(lambda: states(house, "bert") == [S.FILLED], PATIENCE_S)
    assert rows(house, "bert")[0].attempt == 1
    assert len(house.orders("bert")) == 1


def test_the_kill_switch_stops_a_second_attempt_and_not_the_look_ups(make_house: MakeHouse) -> None:
    house = make_house(THREE, variables=SOON).start()
    lose(house, "bert", "after")
    lose(house, "cora", "before")
    house.system.emitter.emit(signal_of())
    eventually(lambda: states(house, "cora") == [S.UNKNOWN])
    house.system.ledger.set_kill_switch("the test says so", "tests")
    house.system.gate.refresh()

    eventually(lambda: states(house, "bert") == [S.FILLED], PATIENCE_S)
    cora = next(entry.broker for entry in house.system.manager.users if entry.user.user_id == "cora")
    eventually(lambda: not cora.doubts, PATIENCE_S)
    assert house.orders("cora") == []

    house.system.ledger.lift_kill_switch("tests")
    eventually(lambda: states(house, "cora") == [S.FILLED], PATIENCE_S)
    assert len(house.orders("cora")) == 1


def test_a_lane_that_dies_with_an_order_is_started_again_and_the_order_is_found(
    make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make_house(THREE).start()
    bert: Any = next(entry.broker for entry in house.system.manager.users if entry.user.user_id == "bert")
    prepare = bert._venue_prepare

    def prepared(order: MarketOrder) -> VenueCall:
        call: VenueCall = prepare(order)
        bert._venue_prepare = prepare

        def answer() -> Any:
            call.order_id()
            raise SystemExit("the thread ends after the exchange has the order")

        return replace(call, order_id=answer)

    monkeypatch.setattr(bert, "_venue_prepare", prepared)

    copies = by_user(house.trade("buy", "100").copies)

    assert {copy.state for copy in copies.values()} == {S.FILLED}
    assert {len(house.orders(name)) for name in THREE} == {1}
    assert S.UNKNOWN in house.history(copies["bert"].client_order_id)
    books_and_ledger_agree(house)
    assert {copy.state for copy in house.trade("buy", "100").copies} == {S.FILLED}


def test_who_sold_by_hand_sells_the_rest_and_the_difference_is_recorded(paper: Paper, make_house: MakeHouse) -> None:
    house = make_house(THREE, variables={"BALANCE_REFRESH_S": "1"}).start()
    house.trade("buy", "1000")
    gone = house.held("bert") / 4
    house.logins["bert"].market("sell", f"{gone:.8f}")

    house.trade("sell", house.held("master"), "base")

    eventually(lambda: house.held("bert") < Decimal("0.00005"), 40.0)
    eventually(lambda: house.system.ledger.views.coin_adjustments() != [], PATIENCE_S)
    assert [house.held(name) for name in ("anna", "cora")] == [0, 0]
    eventually(lambda: states(house, "bert")[-1] is S.FILLED, PATIENCE_S)
