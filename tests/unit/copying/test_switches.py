"""Pauses, observe mode and the kill switch against everything that may be on its way when they are set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.copying.plan import order_of
from bot.copying.resync import Correction
from bot.domain.enums import OrderState, Side
from bot.domain.ids import AccountId, SignalId, client_order_id_of, signal_id_of
from bot.domain.orders import Refused, Sized
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.ledger.switches import KILL, OBSERVE, pause_of
from bot.trade_signal_emitter import ExpectedSignal
from tests.unit.copying.builders import DAIVON, ENTRY, EXIT, TANIA
from tests.unit.copying.town import PROVABLE_S, Town

S = OrderState
#: Everything that the master has.
EXIT_ALL = replace(
    EXIT, order_id="O-ALL", size=Decimal("0.02"), position_before=Decimal("0.02"), signal_id=SignalId("")
)
PAUSED = "paused by the operator: on holiday"
DISABLED = "disabled in its users file"


def another(signal: TradeSignal, number: int, at: float = ENTRY.timestamp) -> TradeSignal:
    return replace(signal, order_id=f"O-{signal.side}-{number}", signal_id=SignalId(""), timestamp=at)


def pause(town: Town) -> None:
    town.ledger.set_switch(pause_of(TANIA), "on holiday", "tests")
    town.gate.refresh()


def unpause(town: Town) -> None:
    town.ledger.lift_switch(pause_of(TANIA), "tests")
    town.gate.refresh()


def disable(town: Town) -> None:
    town.enable(TANIA, False)


def enable(town: Town) -> None:
    town.enable(TANIA, True)


def observe(town: Town) -> None:
    town.ledger.set_switch(OBSERVE, "let us see", "tests")
    town.gate.refresh()


def act(town: Town) -> None:
    town.ledger.lift_switch(OBSERVE, "tests")
    town.gate.refresh()


def kill(town: Town) -> None:
    town.ledger.set_switch(KILL, "maintenance", "tests")
    town.gate.refresh()


def resume(town: Town) -> None:
    town.ledger.lift_switch(KILL, "tests")
    town.gate.refresh()


Change = Callable[[Town], None]
#: What stops the entries of tania, and what ends it.
FOR_ONE: dict[str, tuple[Change, Change, str]] = {
    "paused": (pause, unpause, PAUSED),
    "disabled": (disable, enable, DISABLED),
}
#: What stops everybody's copies.
FOR_ALL: dict[str, tuple[Change, Change]] = {"observe": (observe, act), "kill": (kill, resume)}
one_stopped = pytest.mark.parametrize(("stop", "go_on", "why"), FOR_ONE.values(), ids=FOR_ONE)
all_stopped = pytest.mark.parametrize(("stop", "go_on"), FOR_ALL.values(), ids=FOR_ALL)


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town([TANIA, DAIVON]).start()
    town.work()
    yield town
    town.close()


def enter(town: Town) -> Decimal:
    """Everybody copies an entry that is filled; what tania bought."""
    town.copy(another(ENTRY, 0))
    town.pass_time(5)
    assert town.states(TANIA) == town.states(DAIVON) == [S.FILLED]
    return town.copied()


def foretell(town: Town, signal: TradeSignal) -> None:
    town.engine._handle(ExpectedSignal(signal))


def on_commit(town: Town, change: Change) -> None:
    """While the next plan is committed, this happens: a commit may take seconds."""
    begin_plan = town.ledger.begin_plan

    def begin(*arguments: Any, **named: Any) -> Any:
        del town.ledger.begin_plan
        written = begin_plan(*arguments, **named)
        written.result()
        change(town)
        return written

    town.ledger.begin_plan = begin  # type: ignore[method-assign]


# -- planned while it stands --------------------------------------------------------------------------------------


@one_stopped
def test_its_entries_are_skipped_its_exits_go_on_and_nobody_else_notices(
    town: Town, stop: Change, go_on: Change, why: str
) -> None:
    enter(town)
    stop(town)
    town.copy(another(ENTRY, 1))
    town.pass_time(2)
    assert town.states() == [S.FILLED, S.SKIPPED]
    assert town.rows()[-1].reason == why
    assert town.rows()[-1].code == why.partition(":")[0]
    assert town.engine.counters.skipped == {why.partition(":")[0]: 1}
    assert town.states(DAIVON) == [S.FILLED, S.FILLED]
    town.copy(EXIT_ALL)
    town.pass_time(2)
    assert town.at_the_venue() == town.copied() == 0 == town.at_the_venue(DAIVON)
    go_on(town)
    town.copy(another(ENTRY, 2, town.clock.time()))
    town.pass_time(2)
    assert town.states()[-1] is S.FILLED


def test_observe_mode_is_read_at_the_moment_of_the_plan(town: Town) -> None:
    bought = enter(town)
    observe(town)
    assert town.engine.observe_only
    town.copy(another(ENTRY, 1))
    town.copy(EXIT_ALL)
    town.pass_time(2)
    assert town.states() == town.states(DAIVON) == [S.FILLED, S.OBSERVED, S.OBSERVED]
    assert town.at_the_venue() == bought
    act(town)
    assert not town.engine.observe_only
    town.copy(another(ENTRY, 2, town.clock.time()))
    town.pass_time(2)
    assert town.states()[-1] is S.FILLED
    observed = {row.order_id: row.observe_only for row in town.ledger.views.recent_signals(10)}
    assert observed == {"O-buy-0": False, "O-buy-1": True, "O-ALL": True, "O-buy-2": False}


def test_a_paused_user_is_skipped_in_observe_mode_too(town: Town) -> None:
    pause(town)
    observe(town)
    town.copy(ENTRY)
    assert (town.states(), town.states(DAIVON)) == ([S.SKIPPED], [S.OBSERVED])


@one_stopped
def test_it_buys_nothing_by_itself_either_and_may_sell(town: Town, stop: Change, go_on: Change, why: str) -> None:
    stop(town)
    broker, lane = town.brokers[TANIA], next(one for one in town.lanes if "tania" in one.name)
    lane.offer = lambda job: (type(lane).offer(lane, job), lane.run_due())[0]  # type: ignore[method-assign]
    bought = broker.place_market_order("BTC-USD", "buy", 100, "quote")
    assert not bought.accepted
    assert bought.reason == why
    town.venues.booked[TANIA]["BTC"] = Decimal(1)
    broker.refresh_balances(1.0)
    assert broker.place_market_order("BTC-USD", "sell", "0.5", "base").accepted
    go_on(town)
    assert broker.place_market_order("BTC-USD", "buy", 100, "quote").accepted


# -- signed before it was set -------------------------------------------------------------------------------------


@pytest.mark.parametrize("signal", [ENTRY, EXIT_ALL], ids=["entry", "exit"])
def test_a_foretold_flight_leaves_as_it_was_signed(town: Town, signal: TradeSignal) -> None:
    enter(town)
    foretell(town, signal)
    plans = town.engine._rotation
    town.copy(signal)
    assert town.engine._rotation == plans, "it is not planned a second time"
    assert town.trace.count("venue.discard") == 0
    assert len(town.sent(TANIA)) == len(town.sent(DAIVON)) == 2


@one_stopped
@pytest.mark.parametrize("undone", [False, True], ids=["", "and undone"])
def test_a_foretold_entry_never_leaves_after_its_user_was_stopped(
    town: Town, stop: Change, go_on: Change, why: str, undone: bool
) -> None:
    foretell(town, ENTRY)
    stop(town)
    if undone:
        go_on(town)
    town.copy(ENTRY)
    town.pass_time(2)
    assert len(town.sent(TANIA)) == undone
    assert [row.reason for row in town.rows()] == ["" if undone else why]
    assert len(town.sent(DAIVON)) == 1


@one_stopped
def test_a_foretold_exit_of_a_user_that_was_stopped_leaves(town: Town, stop: Change, go_on: Change, why: str) -> None:
    enter(town)
    foretell(town, EXIT_ALL)
    stop(town)
    town.copy(EXIT_ALL)
    town.pass_time(2)
    assert town.at_the_venue() == town.at_the_venue(DAIVON) == 0
    assert [order.side for order in town.sent(TANIA)] == [Side.BUY, Side.SELL]


@all_stopped
@pytest.mark.parametrize("signal", [ENTRY, EXIT_ALL], ids=["entry", "exit"])
def test_no_foretold_order_leaves_after_everybody_was_stopped(
    town: Town, stop: Change, go_on: Change, signal: TradeSignal
) -> None:
    enter(town)
    foretell(town, signal)
    stop(town)
    town.copy(signal)
    town.pass_time(5)
    assert len(town.sent(TANIA)) == len(town.sent(DAIVON)) == 1
    assert town.trace.count("venue.discard") == 2


@all_stopped
def test_nothing_is_signed_ahead_while_everybody_is_stopped(town: Town, stop: Change, go_on: Change) -> None:
    stop(town)
    foretell(town, ENTRY)
    assert town.engine._rotation == 0


# -- set while the plan is committed ------------------------------------------------------------------------------


@one_stopped
@pytest.mark.parametrize("foretold", [False, True], ids=["", "foretold"])
def test_an_entry_whose_user_is_stopped_during_the_commit_does_not_leave(
    town: Town, stop: Change, go_on: Change, why: str, foretold: bool
) -> None:
    if foretold:
        foretell(town, ENTRY)
    on_commit(town, stop)
    town.copy(ENTRY)
    town.pass_time(5)
    assert town.sent(TANIA) == []
    assert (town.states(), town.rows()[0].reason) == ([S.SKIPPED], why)
    assert town.states(DAIVON) == [S.FILLED]
    run = town.engine.wait_for(ENTRY.signal_id, 0)
    assert run is not None
    assert run.wait(0)
    assert [result.reason for result in run.results if result.account == TANIA] == [why]
    assert town.engine.counters.skipped == {why.partition(":")[0]: 1}


@all_stopped
def test_an_entry_that_is_stopped_during_the_commit_waits_and_leaves_while_it_is_fresh(
    town: Town, stop: Change, go_on: Change
) -> None:
    on_commit(town, stop)
    town.copy(ENTRY)
    town.pass_time(5)
    assert town.trace.count("venue.submit") == 0
    assert town.states() == town.states(DAIVON) == [S.PLANNED]
    go_on(town)
    town.pass_time(2)
    assert town.states() == town.states(DAIVON) == [S.FILLED]
    assert len(town.sent(TANIA)) == 1


@all_stopped
def test_an_entry_that_is_stopped_during_the_commit_expires_when_it_is_old(
    town: Town, stop: Change, go_on: Change
) -> None:
    on_commit(town, stop)
    town.copy(ENTRY)
    town.pass_time(70)
    assert town.states() == town.states(DAIVON) == [S.EXPIRED]
    go_on(town)
    town.pass_time(5)
    assert town.trace.count("venue.submit") == 0


@all_stopped
def test_an_exit_that_is_stopped_during_the_commit_waits_for_as_long_as_it_takes(
    town: Town, stop: Change, go_on: Change
) -> None:
    enter(town)
    on_commit(town, stop)
    town.copy(EXIT_ALL)
    town.pass_time(300)
    assert len(town.sent(TANIA)) == 1
    assert town.states()[-1] is S.PLANNED
    go_on(town)
    town.pass_time(2)
    assert town.at_the_venue() == town.copied() == 0 == town.at_the_venue(DAIVON)
    assert len(town.sent(TANIA)) == 2


@one_stopped
def test_an_exit_leaves_whoever_is_stopped_during_its_commit(town: Town, stop: Change, go_on: Change, why: str) -> None:
    enter(town)
    on_commit(town, stop)
    town.copy(EXIT_ALL)
    town.pass_time(2)
    assert town.at_the_venue() == town.at_the_venue(DAIVON) == 0


def test_what_is_allowed_again_during_the_commit_leaves_with_its_plan(town: Town) -> None:
    pause(town)
    on_commit(town, unpause)
    town.engine.copy(ENTRY)
    assert [order.account for order in town.trace.of("venue.submit")] == [DAIVON]
    assert town.states() == [S.SKIPPED]


def test_a_flight_whose_switches_cannot_be_read_is_settled_after_a_restart(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("no switches")

    on_commit(town, lambda town: monkeypatch.setattr(town.gate, "now", broken))
    town.engine._handle(ENTRY)
    monkeypatch.undo()
    assert town.trace.of("venue.submit") == []
    town.copy(another(ENTRY, 1))
    assert {order.account for order in town.trace.of("venue.submit")} == {TANIA, DAIVON}, "their lanes are free"
    assert town.restart(1) == 2
    town.pass_time(2 * PROVABLE_S)
    for account in (TANIA, DAIVON):
        assert set(town.states(account)) <= {S.FILLED, S.FAILED}
        assert town.copied(account) == town.at_the_venue(account) > 0


# -- what waits ---------------------------------------------------------------------------------------------------


@one_stopped
def test_an_entry_that_waits_ends_when_its_user_is_stopped(town: Town, stop: Change, go_on: Change, why: str) -> None:
    town.brokers[TANIA]._breaker.pause("EService:Unavailable", 10.0)
    town.copy(ENTRY)
    assert town.states() == [S.PLANNED]
    stop(town)
    town.pass_time(1)
    assert (town.states(), town.rows()[0].reason) == ([S.SKIPPED], why)
    go_on(town)
    town.pass_time(30)
    assert (town.states(), town.sent(TANIA)) == ([S.SKIPPED], [])
    assert town.engine.counters.skipped[why.partition(":")[0]] == 1
    assert town.engine.counters.failed == 0


@one_stopped
def test_an_exit_that_waits_leaves_when_it_may(town: Town, stop: Change, go_on: Change, why: str) -> None:
    enter(town)
    town.brokers[TANIA]._breaker.pause("EService:Unavailable", 10.0)
    town.copy(EXIT_ALL)
    stop(town)
    town.pass_time(5)
    assert town.states()[-1] is S.PLANNED
    town.pass_time(10)
    assert (town.states()[-1], town.at_the_venue()) == (S.FILLED, 0)


def test_an_exit_that_waits_obeys_observe_mode(town: Town) -> None:
    enter(town)
    town.brokers[TANIA]._breaker.pause("EService:Unavailable", 10.0)
    town.copy(EXIT_ALL)
    observe(town)
    town.pass_time(100)
    assert town.states()[-1] is S.PLANNED
    act(town)
    town.pass_time(2)
    assert town.at_the_venue() == 0


@one_stopped
def test_an_entry_that_is_proven_absent_is_not_sent_again(town: Town, stop: Change, go_on: Change, why: str) -> None:
    town.lose(TANIA, placed=False)
    town.copy(ENTRY)
    stop(town)
    town.pass_time(PROVABLE_S + 5)
    assert len(town.sent(TANIA)) == 1
    assert (town.states(), town.rows()[0].reason) == ([S.FAILED], why)


@one_stopped
def test_an_entry_in_doubt_that_was_placed_is_adopted_and_sold_again(
    town: Town, stop: Change, go_on: Change, why: str
) -> None:
    town.lose(TANIA, placed=True)
    town.copy(ENTRY)
    stop(town)
    town.pass_time(PROVABLE_S + 5)
    assert town.states() == [S.FILLED]
    town.copy(EXIT_ALL)
    town.pass_time(5)
    assert town.at_the_venue() == town.copied() == 0


# -- restarts -----------------------------------------------------------------------------------------------------


def test_a_pause_and_observe_mode_outlive_a_restart(town: Town) -> None:
    bought = enter(town)
    pause(town)
    observe(town)
    town.restart()
    assert town.engine.observe_only
    town.copy(another(ENTRY, 1))
    assert (town.states()[-1], town.states(DAIVON)[-1]) == (S.SKIPPED, S.OBSERVED)
    act(town)
    town.copy(EXIT_ALL)
    town.pass_time(2)
    assert [order.quantity for order in town.sent(TANIA)] == [bought]
    assert town.at_the_venue() == 0


@pytest.mark.parametrize("state", [S.PLANNED, S.SUBMITTING, S.UNKNOWN])
def test_an_entry_of_an_earlier_process_is_not_sent_while_its_user_is_paused(town: Town, state: OrderState) -> None:
    town.planned(state)
    pause(town)
    assert town.restart(1) == 1
    town.pass_time(PROVABLE_S + 5)
    assert town.sent(TANIA) == []
    (row,) = town.rows()
    assert row.state in (S.FAILED, S.SKIPPED)
    assert row.reason == PAUSED


def test_an_exit_of_an_earlier_process_leaves_while_its_user_is_paused(town: Town) -> None:
    enter(town)
    town.brokers[TANIA]._breaker.pause("EService:Unavailable", 10.0)
    town.copy(EXIT_ALL)
    pause(town)
    assert town.restart() == 1
    town.pass_time(2 * PROVABLE_S)
    assert town.at_the_venue() == town.copied() == 0


# -- corrections --------------------------------------------------------------------------------------------------


def correction(side: Side, account: AccountId = TANIA) -> Correction:
    quantity = Decimal("0.001")
    signal = replace(ENTRY, side=side, order_id=f"resync-{side}", size=quantity, master=account, signal_id=SignalId(""))
    signal = replace(signal, signal_id=signal_id_of(account, signal.order_id))
    copy = PlannedCopy(
        signal.signal_id,
        account,
        client_order_id_of(signal.signal_id, account),
        "BTC-USD",
        side,
        Decimal(1000),
        Sized(quantity, quantity * signal.price),
        S.SUBMITTING,
    )
    order = order_of(copy, signal)
    assert order is not None
    return Correction(signal, copy, order)


@one_stopped
def test_no_correction_buys_for_a_user_that_gets_no_entries_and_one_may_sell(
    town: Town, stop: Change, go_on: Change, why: str
) -> None:
    enter(town)
    stop(town)
    refused = town.engine.correct(lambda: correction(Side.BUY))
    assert isinstance(refused, Refused)
    assert str(refused) == why
    assert not isinstance(town.engine.correct(lambda: correction(Side.SELL)), Refused)
    go_on(town)
    assert not isinstance(town.engine.correct(lambda: correction(Side.BUY)), Refused)


@all_stopped
@pytest.mark.parametrize("side", list(Side))
def test_no_correction_leaves_while_everybody_is_stopped(town: Town, stop: Change, go_on: Change, side: Side) -> None:
    enter(town)
    stop(town)
    assert isinstance(town.engine.correct(lambda: correction(side)), Refused)
    assert len(town.sent(TANIA)) == 1
