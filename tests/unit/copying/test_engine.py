"""The engine with real brokers and ledger on a clock that stands: doubts, waits, late exits, in the order of things."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.enums import OrderState, Side
from bot.domain.errors import AccountBarred, RateLimited, VenueRejected, VenueUnreachable
from bot.domain.ids import SignalId, client_order_id_of
from bot.domain.signals import TradeSignal
from tests.fakes.broker import BTC
from tests.fakes.clock import NOW
from tests.unit.copying.builders import DAIVON, ENTRY, EXIT, TANIA
from tests.unit.copying.town import PROVABLE_S, Town

S = OrderState
PROOF_S = PROVABLE_S + 4
TOO_FAST = RateLimited("EOrder:Rate limit exceeded", 3.0)


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town([TANIA, DAIVON]).start()
    town.work()
    yield town
    town.close()


def another(signal: TradeSignal, number: int = 2, **fields: Any) -> TradeSignal:
    return replace(signal, order_id=f"O-{signal.side}-{number}", signal_id=SignalId(""), **fields)


#: Everything that the master has.
EXIT_ALL = another(EXIT, 9, size=Decimal("0.02"), position_before=Decimal("0.02"))


def enter(town: Town) -> Decimal:
    """Everybody copies an entry that is filled; what tania bought."""
    town.copy(another(ENTRY, 0))
    town.pass_time(5)
    assert town.states(TANIA) == town.states(DAIVON) == [S.FILLED]
    return town.copied()


# -- lost answers -------------------------------------------------------------------------------------------------


def test_a_lost_answer_is_adopted_and_nobody_else_waits_for_it(town: Town) -> None:
    town.lose(TANIA, placed=True)
    town.copy(ENTRY)
    assert town.states(DAIVON) in ([S.ACCEPTED], [S.FILLED])
    town.pass_time(2)
    assert town.states(TANIA) == town.states(DAIVON) == [S.FILLED]
    assert len(town.sent(TANIA)) == 1
    assert town.copied() == town.at_the_venue() == town.sent(TANIA)[0].quantity


def test_an_order_that_is_absent_is_sent_again_once_as_its_second_attempt(town: Town) -> None:
    town.lose(TANIA, placed=False)
    town.copy(ENTRY)
    run = town.engine.wait_for(ENTRY.signal_id, 0)
    assert run is not None
    town.pass_time(PROVABLE_S)
    assert not run.wait(0)
    assert len(town.sent(TANIA)) == 1
    town.pass_time(10)
    first, second = town.sent(TANIA)
    assert (second.attempt, second.quantity) == (2, first.quantity)
    assert second.client_order_id == client_order_id_of(ENTRY.signal_id, TANIA, attempt=2)
    (row,) = town.rows()
    assert (row.state, row.attempt) == (S.FILLED, 2)
    assert run.wait(0)
    assert {result.state for result in run.results} == {S.FILLED}


@pytest.mark.parametrize("side", ["entry", "exit"])
def test_where_names_are_unique_for_good_the_next_attempt_keeps_its_name(town: Town, side: str) -> None:
    if side == "exit":
        enter(town)
    sent_before = len(town.sent(TANIA))
    town.brokers[TANIA].names_are_unique_for_good = True  # type: ignore[misc]
    town.lose(TANIA, placed=False)
    town.copy(EXIT_ALL if side == "exit" else ENTRY)
    town.pass_time(PROOF_S)

    orders = town.sent(TANIA)[sent_before:]
    assert [order.attempt for order in orders] == [1, 2]
    assert len({order.client_order_id for order in orders}) == 1
    assert len({order.quantity for order in orders}) == 1
    assert town.copied() == town.at_the_venue()


def test_an_entry_that_is_proven_absent_when_it_is_old_has_failed(town: Town) -> None:
    town.lose(TANIA, placed=False)
    town.copy(replace(ENTRY, timestamp=NOW - 50))
    town.pass_time(PROOF_S)
    assert len(town.sent(TANIA)) == 1
    (row,) = town.rows()
    assert row.state is S.FAILED
    assert row.reason


def test_an_exit_that_is_proven_absent_is_sent_again_as_often_as_it_takes(town: Town) -> None:
    bought = enter(town)
    for _ in range(4):
        town.lose(TANIA, placed=False)
    town.copy(EXIT_ALL)
    town.pass_time(6 * PROOF_S)
    assert [order.attempt for order in town.sent(TANIA)][1:] == [1, 2, 3, 4, 5]
    assert {order.quantity for order in town.sent(TANIA)} == {bought}
    assert town.copied() == 0 == town.at_the_venue()
    assert town.states() == [S.FILLED, S.FILLED]


def test_an_order_that_shows_up_late_is_adopted_and_never_sent_again(town: Town) -> None:
    town.lose(TANIA, placed=False)
    town.copy(ENTRY)
    town.pass_time(PROVABLE_S - 1)
    town.venues.take(town.sent(TANIA)[0])
    town.pass_time(PROOF_S)
    assert len(town.sent(TANIA)) == 1
    assert town.states() == [S.FILLED]


# -- in doubt -----------------------------------------------------------------------------------------------------


def test_entries_of_a_symbol_in_doubt_wait_while_other_symbols_and_exits_go_at_once(town: Town) -> None:
    bought = enter(town)
    town.brokers[TANIA].instruments["ETH-USD"] = replace(BTC, symbol="ETH-USD", base="ETH")
    town.brokers[DAIVON].instruments["ETH-USD"] = replace(BTC, symbol="ETH-USD", base="ETH")
    town.lose(TANIA, placed=False)
    town.copy(another(ENTRY, 1))
    town.copy(another(ENTRY, 2))
    town.copy(another(ENTRY, 3, symbol="ETH-USD"))
    assert [order.symbol for order in town.sent(TANIA)] == ["BTC-USD", "BTC-USD", "ETH-USD"]
    assert town.states()[:3] == [S.FILLED, S.UNKNOWN, S.PLANNED]
    town.copy(EXIT_ALL)
    assert [(order.symbol, order.side) for order in town.sent(TANIA)][3:] == [("BTC-USD", Side.SELL)]
    assert town.sent(TANIA)[3].quantity == bought


def test_an_entry_that_waited_for_a_doubt_leaves_when_it_is_settled(town: Town) -> None:
    town.lose(TANIA, placed=True)
    town.brokers[TANIA].finds.extend([VenueRejected("EGeneral:Temporary lockout")] * 2)
    town.copy(another(ENTRY, 1))
    town.copy(another(ENTRY, 2))
    town.pass_time(2)
    assert town.states() == [S.UNKNOWN, S.PLANNED]
    town.pass_time(10)
    assert town.states() == [S.FILLED, S.FILLED]
    assert len(town.sent(TANIA)) == 2


def test_an_entry_that_waited_in_vain_expires(town: Town) -> None:
    town.lose(TANIA, placed=True)
    town.brokers[TANIA].read_delay = 1_000.0
    town.copy(another(ENTRY, 1))
    town.copy(another(ENTRY, 2))
    town.pass_time(62)
    assert town.states() == [S.UNKNOWN, S.EXPIRED]
    assert "too old" in town.rows()[1].reason


# -- exits that an entry in doubt was too late for ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("exits", "kept"),
    [
        ([EXIT_ALL], "0"),
        ([EXIT], "0.5"),
        ([EXIT, another(EXIT, 2, size=Decimal("0.005"), position_before=Decimal("0.01"))], "0.25"),
    ],
    ids=["all", "half", "half and half again"],
)
def test_what_was_bought_too_late_is_sold_in_the_share_that_the_master_has_sold(
    town: Town, exits: list[TradeSignal], kept: str
) -> None:
    town.lose(TANIA, placed=True)
    town.brokers[TANIA].read_delay = 1_000.0
    town.copy(ENTRY)
    for exit_ in exits:
        town.copy(exit_)
    assert len(town.sent(TANIA)) == 1
    town.brokers[TANIA].read_delay = 0.0
    town.pass_time(1_010)
    bought, sold = town.sent(TANIA)
    assert (sold.side, sold.leg) == (Side.SELL, 2)
    assert town.copied() == bought.quantity * Decimal(kept) == town.at_the_venue()
    assert town.copied() == town.copied(DAIVON), "as if nothing had been late"
    row = town.rows()[-1]
    assert (row.state, row.signal_id, row.leg) == (S.FILLED, exits[-1].signal_id, 2)


def test_coins_that_were_there_are_sold_at_once_and_the_late_ones_later_and_none_twice(town: Town) -> None:
    had = enter(town)
    town.lose(TANIA, placed=True)
    town.brokers[TANIA].read_delay = 1_000.0
    town.copy(ENTRY)
    late = town.sent(TANIA)[-1].quantity
    town.copy(EXIT)
    town.brokers[TANIA].read_delay = 0.0
    town.pass_time(1_010)
    assert [order.quantity for order in town.sent(TANIA) if order.side is Side.SELL] == [had / 2, late / 2]
    assert town.copied() == (had + late) / 2 == town.at_the_venue()


def test_an_entry_in_doubt_that_was_not_placed_has_no_late_exit(town: Town) -> None:
    town.lose(TANIA, placed=False)
    town.copy(ENTRY)
    town.copy(EXIT_ALL)
    town.pass_time(2 * PROOF_S)
    assert len(town.sent(TANIA)) == 1, "the master has sold since: it is not sent again"
    assert town.states() == [S.FAILED, S.SKIPPED]
    assert town.copied() == 0


# -- entries that the master sells --------------------------------------------------------------------------------


def test_an_entry_that_waits_is_dropped_when_the_master_sells(town: Town) -> None:
    town.brokers[TANIA]._breaker.pause("EService:Unavailable", 10.0)
    town.copy(ENTRY)
    assert town.states() == [S.PLANNED]
    town.copy(EXIT_ALL)
    town.pass_time(30)
    assert town.states() == [S.EXPIRED, S.SKIPPED]
    assert "sold" in town.rows()[0].reason
    assert town.sent(TANIA) == []


@pytest.mark.parametrize("refusals", [[TOO_FAST], [VenueUnreachable("connection refused")] * 2], ids=["rate", "line"])
def test_an_entry_that_begins_to_wait_after_the_master_has_sold_does_not_leave_any_more(
    town: Town, refusals: list[Exception]
) -> None:
    """Its answer took longer than the master stayed in: bought now, nothing would ever sell it."""

    def slow(_: Any) -> None:
        # While this lane waits for its answer, the master's exit is copied.
        town.engine.copy(EXIT_ALL)
        raise refusals[0]

    town.brokers[TANIA].submits.extend([slow, *refusals[1:]])
    town.copy(ENTRY)
    town.pass_time(60)
    assert len(town.sent(TANIA)) == len(refusals), "it was refused, and not sent after that"
    assert town.copied() == 0 == town.at_the_venue()


def test_an_entry_that_is_released_at_the_moment_of_the_exit_is_not_left_behind(town: Town) -> None:
    """The ticker sends what waits at any moment: here between the exit's orders and what drops the entries."""
    town.brokers[TANIA]._breaker.pause("EService:Unavailable", 10.0)
    town.copy(ENTRY)
    ledger, tania = town.ledger, town.brokers[TANIA]
    begin_plan = ledger.begin_plan

    def and_then_the_ticker(*arguments: Any) -> Any:
        written = begin_plan(*arguments)
        written.result()
        tania._breaker.resume()
        town.engine.release_waiting()
        return written

    ledger.begin_plan = and_then_the_ticker  # type: ignore[method-assign]
    town.copy(EXIT_ALL)
    del ledger.begin_plan
    town.pass_time(60)
    assert town.copied() == 0 == town.at_the_venue()


# -- accounts that have to wait -----------------------------------------------------------------------------------


def test_an_order_that_comes_too_fast_leaves_after_the_pause_that_the_venue_asked_for(town: Town) -> None:
    town.brokers[TANIA].submits.append(TOO_FAST)
    town.copy(ENTRY)
    town.pass_time(2.9)
    assert (len(town.sent(TANIA)), town.states()) == (1, [S.PLANNED])
    town.pass_time(5)
    assert town.states() == [S.FILLED]
    first, second = town.sent(TANIA)
    assert first.client_order_id == second.client_order_id, "it surely was not placed: the same order leaves"


def test_an_entry_that_always_comes_too_fast_expires_and_an_exit_goes_on(town: Town) -> None:
    enter(town)
    town.brokers[TANIA].submits.extend([TOO_FAST] * 12)
    town.copy(replace(ENTRY, timestamp=town.clock.time()))
    town.pass_time(70)
    assert town.states()[1] is S.EXPIRED
    town.copy(replace(EXIT_ALL, timestamp=town.clock.time()))
    town.pass_time(600)
    assert town.states()[2] is S.FILLED
    assert town.copied() == 0


def test_an_exit_that_the_venue_refuses_is_tried_again_and_given_up_after_the_eighth_time(town: Town) -> None:
    bought = enter(town)
    town.brokers[TANIA].submits.extend([VenueRejected("EGeneral:Invalid arguments")] * 8)
    town.copy(EXIT_ALL)
    town.pass_time(120)
    assert len(town.sent(TANIA)) == 9
    assert town.states()[1] is S.REJECTED
    assert town.copied() == bought, "they are still there for the next exit"
    town.copy(another(EXIT_ALL, 3, timestamp=town.clock.time()))
    town.pass_time(5)
    assert town.copied() == 0


def test_an_exit_of_a_barred_account_waits_and_goes_when_it_is_resumed(town: Town) -> None:
    enter(town)
    tania = town.brokers[TANIA]
    tania.submits.append(AccountBarred("EAPI:Invalid key"))
    town.copy(EXIT_ALL)
    town.pass_time(300)
    assert (len(town.sent(TANIA)), town.states()[1]) == (2, S.PLANNED)
    assert "Invalid key" in town.rows()[1].reason
    assert tania.resume(5)
    town.pass_time(5)
    assert town.states()[1] is S.FILLED
    assert town.copied() == 0 == town.at_the_venue()


def test_an_entry_of_a_barred_account_is_not_made_up_for(town: Town) -> None:
    town.brokers[TANIA].submits.append(AccountBarred("EAPI:Invalid key"))
    town.copy(ENTRY)
    assert town.states() == [S.REJECTED]
    assert town.brokers[TANIA].resume(5)
    town.pass_time(30)
    assert len(town.sent(TANIA)) == 1


def test_a_paused_account_holds_up_no_other(town: Town) -> None:
    town.brokers[TANIA]._breaker.pause("EService:Unavailable", 10.0)
    town.copy(ENTRY)
    assert (town.states(TANIA), town.states(DAIVON)) in (
        ([S.PLANNED], [S.ACCEPTED]),
        ([S.PLANNED], [S.FILLED]),
    )
    town.pass_time(15)
    assert town.states(TANIA) == [S.FILLED]


# -- the kill switch ----------------------------------------------------------------------------------------------


def test_a_doubt_is_settled_while_the_kill_switch_is_set_and_nothing_is_sent(town: Town) -> None:
    town.lose(TANIA, placed=True)
    town.lose(DAIVON, placed=False)
    town.copy(ENTRY)
    town.ledger.set_kill_switch("maintenance", "tests")
    town.pass_time(PROOF_S)
    assert town.states(TANIA) == [S.FILLED]
    assert len(town.sent(DAIVON)) == 1, "a second attempt would be a new order"
    town.ledger.lift_kill_switch("tests")
    town.pass_time(2)
    assert [order.attempt for order in town.sent(DAIVON)] == [1, 2]
    town.pass_time(5)
    assert town.states(DAIVON) == [S.FILLED]


def test_a_kill_switch_that_outlasts_a_signal_ends_its_second_attempt(town: Town) -> None:
    town.lose(TANIA, placed=False)
    town.copy(ENTRY)
    town.ledger.set_kill_switch("maintenance", "tests")
    town.pass_time(70)
    assert town.states(TANIA) == [S.FAILED]
    town.ledger.lift_kill_switch("tests")
    town.pass_time(20)
    assert len(town.sent(TANIA)) == 1


# -- the user's own hand ------------------------------------------------------------------------------------------


def test_who_sold_a_part_by_hand_sells_the_rest_and_the_difference_is_recorded(town: Town) -> None:
    bought = enter(town)
    gone = bought / 4
    town.venues.booked[TANIA]["BTC"] -= gone
    town.brokers[TANIA].refresh_balances(5)
    town.copy(EXIT_ALL)
    town.pass_time(300)
    assert town.at_the_venue() == 0
    assert town.copied() == 0 == town.ledger.copied_coins().get((TANIA, "BTC-USD"), Decimal(0))
    (sold,) = [order for order in town.sent(TANIA) if order.side is Side.SELL]
    assert sold.quantity == bought - gone
    (adjustment,) = town.ledger.views.coin_adjustments(TANIA)
    assert adjustment.quantity == gone


def test_who_sold_all_by_hand_has_nothing_to_exit(town: Town) -> None:
    bought = enter(town)
    town.venues.booked[TANIA]["BTC"] = Decimal(0)
    town.brokers[TANIA].refresh_balances(5)
    town.copy(EXIT_ALL)
    town.pass_time(300)
    assert [order.side for order in town.sent(TANIA)] == [Side.BUY]
    assert town.states()[1] is S.SKIPPED
    assert town.ledger.views.coin_adjustments(TANIA)[0].quantity == bought


def test_who_sold_by_hand_a_moment_ago_is_not_left_with_the_rest(town: Town) -> None:
    """The balances do not show it yet, and the venue refuses the exit."""
    bought = enter(town)
    town.venues.booked[TANIA]["BTC"] -= bought / 4

    def refuse(order: Any) -> Any:
        if order.quantity > town.at_the_venue():
            raise VenueRejected("EOrder:Insufficient funds")
        return town.venues.take(order)

    town.brokers[TANIA].submits.extend([refuse] * 20)
    town.copy(EXIT_ALL)
    town.pass_time(300)
    assert town.at_the_venue() == 0 == town.copied()


def test_a_users_own_coins_are_never_sold(town: Town) -> None:
    town.venues.booked[TANIA]["BTC"] = Decimal(3)
    town.brokers[TANIA].refresh_balances(5)
    enter(town)
    town.lose(TANIA, placed=True)
    town.copy(EXIT_ALL)
    town.pass_time(PROOF_S)
    assert town.at_the_venue() == 3
    assert town.copied() == 0
    town.copy(another(EXIT_ALL, 4, timestamp=town.clock.time()))
    town.pass_time(PROOF_S)
    assert town.at_the_venue() == 3


def test_balances_that_trail_write_nothing_off(town: Town) -> None:
    before = town.brokers[TANIA].snapshot(available={"USD": Decimal(1000)})
    town.brokers[TANIA].balance_answers.extend([before] * 4)
    bought = enter(town)
    town.pass_time(60)
    assert town.ledger.views.coin_adjustments() == []
    assert town.copied() == bought


# -- exits of which the venue cancels a part ----------------------------------------------------------------------


def fill_a_part(town: Town, share: str) -> None:
    """The venue matches this much of tania's next order, and cancels the rest."""
    tania = town.brokers[TANIA]
    part = Decimal(share)
    tania.submits.append(lambda order: town.venues.take(replace(order, quantity=order.quantity * part)))
    tania.reports.append(lambda order, order_id: tania.filled(order, order_id, order.quantity * part))


@pytest.mark.parametrize(("share", "first"), [("0.5", S.PARTIALLY_FILLED), ("0", S.FAILED)], ids=["half", "nothing"])
def test_the_rest_of_an_exit_that_the_venue_cancelled_is_sold_by_a_further_leg(
    town: Town, share: str, first: OrderState
) -> None:
    bought = enter(town)
    fill_a_part(town, share)
    town.copy(EXIT_ALL)
    town.pass_time(60)
    exits = [order for order in town.sent(TANIA) if order.side is Side.SELL]
    assert [order.quantity for order in exits] == [bought, bought * (1 - Decimal(share))]
    assert [order.leg for order in exits] == [1, 2]
    assert town.copied() == 0 == town.at_the_venue()
    assert town.states()[1:] == [first, S.FILLED]


def test_the_rest_of_an_exit_is_sold_after_a_restart_too(town: Town) -> None:
    """The process ends between the fill of the exit and the plan of its further leg."""
    enter(town)
    fill_a_part(town, "0.5")
    town.ticks = False
    town.copy(EXIT_ALL)
    town.pass_time(5)
    assert town.states()[1:] == [S.PARTIALLY_FILLED]
    for _ in range(2):
        town.restart()
        town.pass_time(60)
        assert town.copied(TANIA) == 0 == town.at_the_venue()
        assert town.states()[1:] == [S.PARTIALLY_FILLED, S.FILLED]


def test_the_rest_of_an_entry_is_not_made_up_for(town: Town) -> None:
    fill_a_part(town, "0.5")
    town.copy(ENTRY)
    town.pass_time(60)
    (order,) = town.sent(TANIA)
    assert town.states() == [S.PARTIALLY_FILLED]
    assert town.copied() == order.quantity / 2 == town.at_the_venue()
