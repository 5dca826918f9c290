"""Start-up and crash share one path: what is open is asked for first, and nothing is sent twice or lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.domain.enums import OrderState, Side
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import SignalId, VenueOrderId, client_order_id_of, signal_id_of
from bot.domain.orders import MarketOrder
from tests.fakes.clock import NOW
from tests.unit.copying.builders import DAIVON, ENTRY, EXIT, MASTER, TANIA
from tests.unit.copying.town import PROVABLE_S, Town

S = OrderState
#: Long enough to prove that an order is absent.
PROOF_S = PROVABLE_S + 4


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town().start()
    yield town
    town.close()


def enter(town: Town) -> MarketOrder:
    """Tania copies an entry that is filled."""
    town.copy(ENTRY)
    town.pass_time(5)
    assert town.states() == [S.FILLED]
    return town.sent(TANIA)[-1]


# -- copies -------------------------------------------------------------------------------------------------------


def test_nothing_open_is_nothing_to_do(town: Town) -> None:
    enter(town)
    assert town.restart() == 0
    town.pass_time(PROOF_S)
    assert town.trace.count("venue.find") == 0
    assert town.sent(TANIA) == []


@pytest.mark.parametrize("state", [S.PLANNED, S.SUBMITTING, S.UNKNOWN])
@pytest.mark.parametrize("away_s", [1, 3600], ids=["fresh", "old"])
def test_an_entry_that_the_venue_has_is_adopted_with_its_fill(town: Town, state: OrderState, away_s: float) -> None:
    order = town.planned(state)
    town.venues.take(order)
    assert town.restart(away_s) == 1
    town.pass_time(2)
    (row,) = town.rows()
    assert (row.state, row.executed, row.client_order_id) == (S.FILLED, order.quantity, order.client_order_id)
    assert town.sent(TANIA) == []
    assert town.copied() == order.quantity == town.ledger.copied_coins()[(TANIA, "BTC-USD")]


@pytest.mark.parametrize("state", [S.PLANNED, S.SUBMITTING, S.UNKNOWN])
def test_a_fresh_entry_that_the_venue_does_not_have_is_sent_once_under_its_next_name(
    town: Town, state: OrderState
) -> None:
    order = town.planned(state)
    assert town.restart() == 1
    town.pass_time(PROVABLE_S - 1)
    assert town.sent(TANIA) == []
    town.pass_time(10)
    (sent,) = town.sent(TANIA)
    assert sent.client_order_id == client_order_id_of(ENTRY.signal_id, TANIA, attempt=2)
    assert (sent.quantity, sent.attempt) == (order.quantity, 2)
    (row,) = town.rows()
    assert (row.state, row.attempt, row.client_order_id) == (S.FILLED, 2, sent.client_order_id)


@pytest.mark.parametrize("state", [S.PLANNED, S.SUBMITTING, S.UNKNOWN])
def test_an_old_entry_that_the_venue_does_not_have_is_not_sent(town: Town, state: OrderState) -> None:
    town.planned(state)
    town.restart(away_s=61)
    town.pass_time(PROOF_S)
    assert town.sent(TANIA) == []
    (row,) = town.rows()
    assert row.state in (S.FAILED, S.EXPIRED)
    assert row.reason


@pytest.mark.parametrize("state", [S.PLANNED, S.SUBMITTING, S.UNKNOWN])
def test_an_exit_that_the_venue_does_not_have_is_sent_however_old_it_is(town: Town, state: OrderState) -> None:
    enter(town)
    order = town.planned(state, EXIT)
    town.restart(away_s=7 * 24 * 3600)
    town.pass_time(PROOF_S)
    (sent,) = town.sent(TANIA)
    assert (sent.side, sent.quantity) == (Side.SELL, order.quantity)
    assert town.states() == [S.FILLED, S.FILLED]
    assert town.copied() == 0 == town.at_the_venue()


def test_an_exit_that_the_venue_has_is_not_sent_again(town: Town) -> None:
    enter(town)
    order = town.planned(S.SUBMITTING, EXIT)
    town.venues.take(order)
    town.restart()
    town.pass_time(PROOF_S)
    assert town.sent(TANIA) == []
    assert town.states() == [S.FILLED, S.FILLED]
    assert town.copied() == 0


def test_an_accepted_order_is_asked_for_its_fill_by_its_id(town: Town) -> None:
    order = town.planned(S.ACCEPTED)
    assert town.restart() == 1
    town.pass_time(5)
    assert [one.client_order_id for one in town.trace.of("venue.report")] == [order.client_order_id]
    assert town.trace.count("venue.find") == 0
    (row,) = town.rows()
    assert (row.state, row.order_id, row.executed) == (S.FILLED, "O-1", order.quantity)


def test_a_restart_in_the_middle_of_a_recovery_sends_nothing_twice(town: Town) -> None:
    town.planned(S.SUBMITTING)
    for away_s in (5, 5, 5):
        town.restart()
        town.pass_time(away_s)
        assert town.sent(TANIA) == []
    town.restart()
    town.pass_time(PROOF_S)
    assert [order.attempt for order in town.sent(TANIA)] == [2]
    town.restart()
    town.pass_time(PROOF_S)
    assert town.sent(TANIA) == []


def test_a_second_attempt_whose_answer_was_lost_too_is_followed_by_a_third(town: Town) -> None:
    enter(town)
    town.lose(TANIA, placed=False)
    town.copy(EXIT)
    town.restart()
    town.lose(TANIA, placed=False)
    town.pass_time(PROOF_S)
    assert [order.attempt for order in town.sent(TANIA)] == [2]
    assert town.restart() == 1
    town.pass_time(PROOF_S)
    assert [order.attempt for order in town.sent(TANIA)] == [3]
    assert town.states() == [S.FILLED, S.FILLED]


def test_each_open_order_goes_its_own_way(town: Town) -> None:
    town.users = [TANIA, DAIVON]
    town.start()
    town.lose(TANIA, placed=True)
    town.lose(DAIVON, placed=False)
    town.copy(ENTRY)
    assert town.restart() == 2
    town.pass_time(PROOF_S)
    assert town.sent(TANIA) == []
    assert [order.attempt for order in town.sent(DAIVON)] == [2]
    assert town.states(TANIA) == town.states(DAIVON) == [S.FILLED]


def test_an_account_that_is_not_set_up_any_more_keeps_its_row_and_holds_up_nobody(town: Town) -> None:
    town.users = [TANIA, DAIVON]
    town.start()
    town.lose(TANIA, placed=True)
    town.lose(DAIVON, placed=True)
    town.copy(ENTRY)
    town.users = [DAIVON]
    assert town.restart() == 2
    town.pass_time(5)
    assert town.engine._later.recovered
    assert (town.states(TANIA), town.states(DAIVON)) == ([S.UNKNOWN], [S.FILLED])
    town.users = [TANIA, DAIVON]
    assert town.restart() == 1
    town.pass_time(5)
    assert town.states(TANIA) == [S.FILLED], "it is taken up when the account is back"


def test_an_account_that_does_not_connect_is_asked_when_it_does_and_recovery_does_not_wait_for_it(town: Town) -> None:
    town.lose(TANIA, placed=True)
    town.copy(ENTRY)
    town.write()
    town.start(connect=False)
    assert town.brokers[MASTER].connect(5)
    assert town.engine.recover() == 1
    assert town.engine._later.recovered
    town.pass_time(100)
    assert (town.trace.count("venue.find"), town.states()) == (0, [S.UNKNOWN])
    assert town.brokers[TANIA].connect(5)
    town.pass_time(5)
    assert town.states() == [S.FILLED]


def test_recovery_is_done_when_no_order_is_in_doubt_any_more(town: Town) -> None:
    town.lose(TANIA, placed=False)
    town.copy(ENTRY)
    town.restart()
    assert not town.engine._later.recovered
    town.pass_time(PROVABLE_S)
    assert not town.engine._later.recovered
    town.pass_time(4)
    assert town.engine._later.recovered


# -- coins --------------------------------------------------------------------------------------------------------


def test_what_is_open_counts_for_the_next_exit(town: Town) -> None:
    """An exit that is open is not planned again, and an entry in doubt is not counted on."""
    bought = enter(town).quantity
    town.lose(TANIA, placed=True)
    town.copy(EXIT)
    town.restart()
    everything = replace(
        EXIT, order_id="O-EXIT-2", signal_id=SignalId(""), size=Decimal("0.01"), position_before=Decimal("0.01")
    )
    town.copy(everything)
    town.pass_time(5)
    assert town.copied() == 0 == town.at_the_venue()
    assert sum(row.executed for row in town.rows() if row.side is Side.SELL) == bought


def test_a_late_buy_of_an_earlier_process_is_sold_as_a_further_leg(town: Town) -> None:
    town.lose(TANIA, placed=True)
    town.copy(ENTRY)
    (order,) = town.sent(TANIA)
    town.copy(EXIT)
    assert town.states() == [S.UNKNOWN, S.SKIPPED]
    town.restart()
    town.pass_time(5)
    half = order.quantity / 2
    (exit_,) = town.sent(TANIA)
    assert (exit_.side, exit_.quantity, exit_.leg) == (Side.SELL, half, 2)
    assert town.copied() == half == town.at_the_venue()


@pytest.mark.parametrize("moment", ["found", "filled"])
def test_a_late_buy_that_was_found_before_the_restart_is_sold_after_it(town: Town, moment: str) -> None:
    """The process ends between the fill of the late buy and the plan of its exit."""
    town.lose(TANIA, placed=True)
    town.copy(ENTRY)
    (order,) = town.sent(TANIA)
    town.copy(EXIT)
    if moment == "found":
        town.brokers[TANIA].reports.extend([None] * 100)
    town.ticks = False
    town.pass_time(1)
    assert town.states() == [S.ACCEPTED if moment == "found" else S.FILLED, S.SKIPPED]
    town.restart()
    town.pass_time(5)
    assert [one.quantity for one in town.sent(TANIA)] == [order.quantity / 2]


def test_an_exit_of_the_time_between_a_late_buy_and_its_fill_is_made_up_for_after_a_restart(town: Town) -> None:
    town.lose(TANIA, placed=True)
    town.brokers[TANIA].reports.extend([None] * 100)
    town.copy(ENTRY)
    (order,) = town.sent(TANIA)
    town.ticks = False
    town.pass_time(1)
    assert town.states() == [S.ACCEPTED]
    town.copy(EXIT)
    town.restart()
    town.pass_time(5)
    assert [one.quantity for one in town.sent(TANIA)] == [order.quantity / 2]


# -- masters ------------------------------------------------------------------------------------------------------


def test_a_master_order_that_is_found_becomes_its_signal_and_is_copied(town: Town) -> None:
    town.lose(MASTER, placed=True)
    town.trade("buy", "0.02")
    (order,) = town.sent(MASTER)
    assert town.restart() == 1
    town.pass_time(2)
    assert town.sent(MASTER) == []
    (copied,) = town.sent(TANIA)
    assert copied.client_order_id == client_order_id_of(signal_id_of(MASTER, order.client_order_id), TANIA)
    town.write()
    (signal,) = town.ledger.views.recent_signals()
    assert signal.timestamp == pytest.approx(NOW)
    assert (signal.master_balance, signal.position_before) == (10_000, 0)
    assert town.ledger.views.master_orders()[0].state is S.FILLED


def test_a_master_entry_that_is_found_too_late_is_recorded_and_copied_by_nobody(town: Town) -> None:
    town.lose(MASTER, placed=True)
    town.trade("buy", "0.02")
    town.restart(away_s=61)
    town.pass_time(5)
    assert town.sent(TANIA) == []
    assert town.states() == [S.EXPIRED]


def test_a_master_exit_that_is_found_too_late_is_asked_for_at_the_users_and_then_copied(town: Town) -> None:
    town.trade("buy", "0.02")
    town.pass_time(5)
    town.lose(MASTER, placed=True)
    town.trade("sell", "0.02")
    town.restart(away_s=3600)
    town.pass_time(5)
    assert town.sent(TANIA) == []
    assert town.trace.count("venue.find") >= 2
    town.pass_time(PROOF_S)
    (sent,) = town.sent(TANIA)
    assert sent.side is Side.SELL
    assert town.copied() == 0 == town.at_the_venue()


def test_a_master_order_that_is_absent_has_failed_and_is_nobodys_signal(town: Town) -> None:
    town.lose(MASTER, placed=False)
    town.trade("buy", "0.02")
    assert town.restart() == 1
    town.pass_time(PROOF_S)
    assert town.sent(MASTER) == town.sent(TANIA) == []
    town.write()
    assert town.ledger.views.master_orders()[0].state is S.FAILED
    assert town.ledger.views.recent_signals() == []


def test_a_master_order_that_was_accepted_and_not_told_becomes_its_signal_once(town: Town) -> None:
    """The process died between the venue's answer and the plan."""
    result = town.brokers[MASTER].place_market_order("BTC-USD", "buy", "0.02")
    assert result.accepted
    while town.emitter.get_signal(timeout=0) is not None:
        pass
    town.restart()
    town.pass_time(5)
    assert len(town.sent(TANIA)) == 1
    for _ in range(2):
        town.restart()
        town.pass_time(PROOF_S)
        assert town.sent(TANIA) == []
    assert len(town.ledger.views.recent_signals()) == 1


def test_a_master_order_that_was_copied_is_not_copied_again_after_a_restart(town: Town) -> None:
    town.trade("buy", "0.02")
    assert len(town.sent(TANIA)) == 1
    town.restart()
    town.pass_time(PROOF_S)
    assert town.sent(TANIA) == []
    assert len(town.rows()) == 1


# -- a ledger that goes away --------------------------------------------------------------------------------------


def test_a_ledger_that_is_away_at_the_start_lets_nothing_begin_and_then_everything_goes_on(town: Town) -> None:
    town.planned(S.PLANNED)
    town.write()
    town.start()
    town.ledger.away = "database is locked"
    for _ in range(3):
        with pytest.raises(LedgerUnavailable):
            town.engine.recover()
        town.pass_time(1)
    assert town.sent(TANIA) == []
    town.ledger.away = ""
    assert town.engine.recover() == 1
    town.pass_time(PROOF_S + 5)
    assert [order.attempt for order in town.sent(TANIA)] == [2]
    assert town.states() == [S.FILLED]


def test_a_ledger_that_goes_away_in_the_middle_of_a_recovery_makes_no_order_count_twice(town: Town) -> None:
    town.users = [TANIA, DAIVON]
    town.start()
    town.lose(TANIA, placed=True)
    town.lose(DAIVON, placed=True)
    signals = sorted(
        (replace(ENTRY, order_id=f"O-{number}", signal_id=SignalId("")) for number in range(2)),
        key=lambda signal: signal.signal_id,
    )
    town.copy(signals[0])
    orders = {account: town.sent(account)[0] for account in (TANIA, DAIVON)}
    # Of the second one only the plan was written; taking it up has to be.
    town.planned(S.PLANNED, signals[1])
    town.write()
    town.start()
    town.ledger.away = "database is locked"
    with pytest.raises(LedgerUnavailable):
        town.engine.recover()
    town.pass_time(5)
    town.ledger.away = ""
    town.engine.recover()
    town.pass_time(PROOF_S + 5)
    assert town.copied(DAIVON) == orders[DAIVON].quantity == town.ledger.copied_coins()[(DAIVON, "BTC-USD")]
    assert town.copied(TANIA) == town.ledger.copied_coins()[(TANIA, "BTC-USD")]
    assert not any(broker.doubts or broker._unsettled for broker in town.brokers.values())


# -- an old exit --------------------------------------------------------------------------------------------------


def test_an_exit_that_comes_late_is_asked_for_by_its_name_before_it_is_sent(town: Town) -> None:
    """The ledger may be a backup from before it was copied."""
    bought = enter(town).quantity
    town.clock.advance(3600)
    name = client_order_id_of(EXIT.signal_id, TANIA)
    town.venues.known[name] = VenueOrderId("O-COPIED-BEFORE")
    town.copy(EXIT)
    assert len(town.sent(TANIA)) == 1, "the entry"
    town.pass_time(5)
    assert len(town.sent(TANIA)) == 1
    row = town.rows()[-1]
    assert (row.state, row.order_id) == (S.FILLED, "O-COPIED-BEFORE")
    assert town.copied() == bought / 2


def test_an_exit_that_comes_late_and_was_never_copied_is_sent_then(town: Town) -> None:
    bought = enter(town).quantity
    town.clock.advance(3600)
    town.copy(EXIT)
    town.pass_time(PROVABLE_S - 1)
    assert len(town.sent(TANIA)) == 1
    town.pass_time(10)
    assert [order.side for order in town.sent(TANIA)] == [Side.BUY, Side.SELL]
    assert town.copied() == bought / 2 == town.at_the_venue()
