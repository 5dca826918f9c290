"""Orders whose answer was lost: asked for by name, adopted when found, given up only when proven absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.base import BrokerOptions
from bot.domain.enums import OrderState, Side
from bot.domain.errors import AccountBarred, RateLimited, VenueError, VenueRejected, VenueUnclear
from bot.domain.ids import AccountId, VenueOrderId, signal_id_of
from bot.domain.orders import MarketOrder, Refused
from bot.domain.outcomes import Accepted, Rejected, Unknown
from tests.fakes.broker import BTC
from tests.fakes.stage import MASTER, TANIA, BrokerStage, StillStage
from tests.fakes.trace import PATIENCE_S

LOST = VenueUnclear("read timed out")
#: Kraken's: five seconds until a deadline, eight to settle.
PROVABLE_S = 13.0
#: When the venue is asked for an order, seconds after its answer was lost: early, as soon as it is proof, and again.
LOOKS_S = [0.5, 13.0, 16.0]

Make = Callable[..., StillStage]


@pytest.fixture
def make() -> Iterator[Make]:
    stages: list[StillStage] = []

    def build(account: AccountId = TANIA, **arguments: Any) -> StillStage:
        stage = StillStage(account, **arguments)
        stages.append(stage)
        stage.connect()
        stage.broker.provable_after_s = PROVABLE_S
        return stage

    yield build
    for stage in stages:
        stage.close()


@pytest.fixture
def user(make: Make) -> StillStage:
    return make(TANIA)


def lose(stage: StillStage, order: MarketOrder | None = None, **how: Any) -> MarketOrder:
    """Send an order whose answer does not come."""
    lost = order or stage.order()
    stage.broker.submits.append(LOST)
    stage.send(lost, **how)
    return lost


def note_looks(stage: StillStage, *answers: Any) -> list[float]:
    """Let look-ups be answered so, and then with nothing; the moments at which they come, since now."""
    began, moments = stage.now_s, list[float]()

    def noted(answer: Any) -> Callable[[MarketOrder], Any]:
        def find(_: MarketOrder) -> Any:
            moments.append(round(stage.now_s - began, 3))
            if isinstance(answer, Exception):
                raise answer
            return answer

        return find

    stage.broker.finds.extend(noted(answer) for answer in [*answers, *[None] * 20])
    return moments


# -- in doubt -----------------------------------------------------------------------------------------------------


def test_a_lost_answer_is_written_and_told_as_unknown_and_is_no_end(user: StillStage) -> None:
    order = lose(user)
    assert user.journalled() == [(Unknown("read timed out"), OrderState.UNKNOWN)]
    ((told, outcome, state, _),) = user.trace.of("observer.answered")
    assert (told, outcome, state) == (order, Unknown("read timed out"), OrderState.UNKNOWN)
    assert user.trace.count("observer.settled") == 0
    assert user.broker.in_doubt("BTC-USD")
    assert not user.broker.in_doubt("ETH-USD")
    assert user.broker.doubts == 1


def test_an_order_in_doubt_is_counted_in_the_balances_as_if_it_was_placed(user: StillStage) -> None:
    before = user.broker.get_account_balance()
    order = lose(user)
    assert user.broker.get_positions() == {"BTC": order.quantity}
    assert user.broker.get_account_balance() < before - order.quantity * order.price
    user.pass_time(20)
    assert user.broker.get_positions() == {}
    assert user.broker.get_account_balance() == before


def test_balances_are_not_asked_for_while_nobody_knows_whether_they_hold_the_order(user: StillStage) -> None:
    before = user.trace.count("venue.balances")
    lose(user)
    user.pass_time(12)
    user.broker.refresh_balances(PATIENCE_S)
    assert user.trace.count("venue.balances") == before
    assert user.broker.get_positions() == {"BTC": Decimal("0.002")}


def test_it_is_asked_for_by_its_name_early_and_then_when_its_absence_is_proof_twice(user: StillStage) -> None:
    moments = note_looks(user)
    order = lose(user)
    user.pass_time(60)
    assert moments == LOOKS_S
    assert user.trace.of("venue.find") == [order] * 3
    assert user.sent() == [order]


@pytest.mark.parametrize(("provable", "looks"), [(0.0, [0.5, 3.5]), (0.5, [0.5, 3.5]), (0.6, [0.5, 0.6, 3.6])])
def test_a_look_before_its_absence_is_proof_does_not_count(
    user: StillStage, provable: float, looks: list[float]
) -> None:
    user.broker.provable_after_s = provable
    moments = note_looks(user)
    lose(user)
    user.pass_time(60)
    assert moments == looks


def test_the_times_are_the_brokers_options(make: Make) -> None:
    user = make(TANIA, options=BrokerOptions(look_gap_s=0.25))
    moments = note_looks(user)
    lose(user)
    user.pass_time(60)
    assert moments == [0.5, 13.0, 13.25]


# -- found --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("misses", [0, 1, 2])
def test_what_is_found_is_adopted_with_its_real_fill(user: StillStage, misses: int) -> None:
    note_looks(user, *[None] * misses, "O-FOUND")
    order = lose(user)
    user.broker.reports.append(lambda sent, order_id: user.broker.filled(sent, order_id, Decimal("0.0015")))
    user.pass_time(20)
    assert user.journalled()[1:] == [(Accepted(VenueOrderId("O-FOUND")), OrderState.ACCEPTED)]
    ((settled, report, state),) = user.trace.of("observer.settled")
    assert (settled, state) == (order, OrderState.PARTIALLY_FILLED)
    assert report.executed == Decimal("0.0015")
    assert user.trace.count("observer.absent") == 0
    assert user.sent() == [order]
    assert not user.broker.doubts
    assert user.broker.get_positions() == {"BTC": Decimal("0.0015")}, "counted once, as executed"


def test_a_found_order_that_is_not_filled_yet_is_no_longer_in_doubt_and_still_counted(user: StillStage) -> None:
    note_looks(user, "O-FOUND")
    order = lose(user)
    user.broker.reports.extend([None] * 3)
    user.pass_time(0.6)
    assert not user.broker.in_doubt("BTC-USD")
    assert user.trace.count("observer.settled") == 0
    assert user.broker.get_positions() == {"BTC": order.quantity}
    user.pass_time(5)
    assert user.trace.of("observer.settled")[0][2] is OrderState.FILLED


def test_the_answer_is_told_before_the_fill(user: StillStage) -> None:
    note_looks(user, "O-FOUND")
    lose(user)
    user.pass_time(5)
    told = [step for step in user.since_connected() if step.startswith("observer.")]
    assert told == ["observer.answered", "observer.answered", "observer.settled"]


# -- absent -------------------------------------------------------------------------------------------------------


def test_what_is_absent_twice_has_failed_where_nobody_goes_on_with_it(user: StillStage) -> None:
    order = lose(user)
    user.pass_time(20)
    assert user.trace.of("observer.absent") == [order]
    outcome, state = user.journalled()[1]
    assert isinstance(outcome, Rejected)
    assert state is OrderState.FAILED
    assert [answer[2] for answer in user.trace.of("observer.answered")] == [OrderState.UNKNOWN, OrderState.FAILED]
    assert user.trace.of("observer.settled") == [(order, None, OrderState.FAILED)]
    assert not user.broker.doubts
    user.pass_time(300)
    assert user.trace.count("venue.find") == 3


def test_whoever_goes_on_with_an_absent_order_writes_its_end(user: StillStage) -> None:
    user.observer.goes_on = True
    order = lose(user)
    user.pass_time(20)
    assert user.trace.of("observer.absent") == [order]
    assert [state for _, state in user.journalled()] == [OrderState.UNKNOWN]
    assert user.trace.count("observer.settled") == 0
    assert not user.broker.doubts


@pytest.mark.parametrize(
    "error",
    [VenueUnclear("EService:Unavailable"), VenueRejected("EGeneral:Internal"), VenueError("?"), KeyError("open")],
    ids=repr,
)
def test_a_look_that_failed_proves_nothing(user: StillStage, error: Exception) -> None:
    moments = note_looks(user, None, error, None, error, error, "O-FOUND")
    lose(user)
    user.pass_time(60)
    assert len(moments) == 6
    assert user.trace.of("observer.settled")[0][2] is OrderState.FILLED


def test_looks_that_fail_get_rarer(user: StillStage) -> None:
    # So few in a row that the account is not paused for them.
    moments = note_looks(user, *[KeyError("open")] * 5, "O-FOUND")
    lose(user)
    user.pass_time(60)
    assert moments == [0.5, 2.5, 7.5, 12.5, 17.5, 22.5]


def test_a_look_that_is_refused_for_its_rate_comes_again_after_the_time_that_the_venue_said(user: StillStage) -> None:
    moments = note_looks(user, RateLimited("EAPI:Rate limit exceeded", 7.0), "O-FOUND")
    lose(user)
    user.pass_time(60)
    assert moments == [0.5, 7.5]


def test_looks_wait_for_the_venues_limit_on_reads(user: StillStage) -> None:
    moments = note_looks(user, "O-FOUND")
    user.broker.read_delay = 4.0
    lose(user)
    user.pass_time(1)
    user.broker.read_delay = 0.0
    user.pass_time(60)
    assert moments == [4.5]


def test_an_account_that_is_not_connected_is_asked_once_it_is_back(user: StillStage) -> None:
    moments = note_looks(user, "O-FOUND")
    lose(user)
    user.broker.connecting = lambda: (_ for _ in ()).throw(LOST)
    assert not user.broker.connect(PATIENCE_S)
    user.pass_time(100)
    assert moments == []
    user.broker.connecting = lambda: None
    assert user.broker.connect(PATIENCE_S)
    user.pass_time(5)
    assert len(moments) == 1
    assert user.trace.of("observer.settled")[0][2] is OrderState.FILLED


def test_a_key_that_is_taken_away_meanwhile_leaves_the_order_in_doubt_until_it_is_back(user: StillStage) -> None:
    moments = note_looks(user, AccountBarred("EAPI:Invalid key"), "O-FOUND")
    lose(user)
    user.pass_time(300)
    assert (len(moments), user.broker.doubts, user.broker.barred) == (1, 1, True)
    assert user.broker.resume(PATIENCE_S)
    user.pass_time(5)
    assert user.trace.of("observer.settled")[0][2] is OrderState.FILLED


# -- what goes on meanwhile ---------------------------------------------------------------------------------------


def test_entries_of_the_symbol_wait_and_other_symbols_and_exits_do_not(user: StillStage) -> None:
    user.broker.instruments["ETH-USD"] = replace(BTC, symbol="ETH-USD", base="ETH")
    user.hold(BTC=1)
    lose(user)
    _, report, state = user.copy(user.order())
    assert (report, state) == (None, OrderState.PLANNED)
    outcome, _ = user.journalled()[-1]
    assert isinstance(outcome, Rejected)
    assert outcome.not_now
    assert not outcome.sent
    assert "BTC-USD" in outcome.reason
    began = user.now_s
    assert user.copy(replace(user.order(), symbol="ETH-USD"))[2] is OrderState.FILLED
    assert user.copy(user.order(Side.SELL), lambda: Decimal(1))[2] is OrderState.FILLED
    assert user.now_s - began < 0.5
    assert [order.symbol for order in user.sent()] == ["BTC-USD", "ETH-USD", "BTC-USD"]
    user.pass_time(20)
    assert user.copy(user.order())[2] is OrderState.FILLED


def test_a_master_is_told_that_an_earlier_order_is_not_settled(make: Make) -> None:
    master = make(MASTER)
    lose(master)
    result = master.place()
    assert result.state is OrderState.REJECTED
    assert "not settled" in result.reason
    assert len(master.sent()) == 1


def test_orders_in_doubt_are_settled_each_by_itself(user: StillStage) -> None:
    user.hold(BTC=1)
    ids = {}
    user.broker.finds.extend([lambda order: ids.get(order.client_order_id)] * 20)
    buy = lose(user)
    user.pass_time(0.1)
    sells = [lose(user, user.order(Side.SELL, "0.001"), limit=lambda: Decimal(1)) for _ in range(2)]
    ids[sells[1].client_order_id] = "O-SECOND"
    assert user.broker.doubts == 3
    user.pass_time(30)
    ends = {order.client_order_id: state for order, _, state in user.trace.of("observer.settled")}
    assert ends == {
        buy.client_order_id: OrderState.FAILED,
        sells[0].client_order_id: OrderState.FAILED,
        sells[1].client_order_id: OrderState.FILLED,
    }
    assert user.broker.get_positions() == {"BTC": Decimal("0.999")}


def test_a_closed_gate_does_not_keep_an_order_in_doubt_from_being_settled(user: StillStage) -> None:
    note_looks(user, "O-FOUND")
    lose(user)
    user.fakes.gate.refused = Refused("kill switch", "maintenance")
    user.pass_time(5)
    assert user.trace.of("observer.settled")[0][2] is OrderState.FILLED


# -- masters ------------------------------------------------------------------------------------------------------


def test_a_masters_order_that_is_found_becomes_its_signal_then_and_as_old_as_it_is(make: Make) -> None:
    master = make(MASTER)
    made_at = master.fakes.clock.time()
    note_looks(master, None, "O-FOUND")
    master.broker.submits.append(LOST)
    result = master.place()
    assert (result.state, result.order_id) == (OrderState.FILLED, "O-FOUND")
    (signal,) = master.fakes.sink.signals
    (order,) = master.sent()
    assert signal.signal_id == signal_id_of(MASTER, order.client_order_id)
    assert signal.order_id == "O-FOUND"
    assert signal.timestamp == made_at
    assert master.fakes.clock.time() > made_at + PROVABLE_S - 1
    assert (signal.position_before, signal.master_balance) == (Decimal(0), Decimal(10_000))
    assert master.trace.position("venue.find") < master.trace.position("emit") < master.trace.position("venue.report")


def test_a_masters_position_leaves_out_what_an_order_in_doubt_may_have_bought(make: Make) -> None:
    master = make(MASTER)
    master.hold(BTC=Decimal("0.003"))
    lose(master, master.order(Side.BUY, "0.003"))
    master.place("sell", "0.003")
    assert [signal.position_before for signal in master.fakes.sink.signals] == [Decimal("0.003")]


def test_a_masters_order_that_is_absent_is_nobodys_signal(make: Make) -> None:
    master = make(MASTER)
    master.broker.submits.append(LOST)
    result = master.place()
    assert (result.state, bool(result)) == (OrderState.FAILED, False)
    assert "does not have it" in result.reason
    assert master.fakes.sink.signals == []
    assert master.trace.of("expect")[-1] is None, "whoever made ready for it lets go"
    assert len(master.sent()) == 1, "whether to buy again is for whoever asked to decide"


def test_who_waits_no_longer_hears_that_it_is_not_known(make: Make) -> None:
    master = make(MASTER, options=BrokerOptions(fill_wait_s=0.05))
    master.broker.submits.append(LOST)
    master.broker.read_delay = 1_000.0
    result = master.place()
    assert isinstance(result.outcome, Unknown)
    assert (result.state, result.sent_blindly) == (OrderState.UNKNOWN, True)
    assert result.order == master.sent()[0]


# -- orders of an earlier process ---------------------------------------------------------------------------------


def test_an_order_of_an_earlier_process_is_asked_for_and_nothing_is_sent(user: StillStage) -> None:
    moments = note_looks(user)
    order = user.order()
    user.broker.take_up(order, user.observer, None)
    assert user.broker.in_doubt("BTC-USD")
    user.pass_time(20)
    assert moments == LOOKS_S
    assert user.trace.of("observer.absent") == [order]
    assert user.sent() == []


@pytest.mark.parametrize("accepted", [True, False], ids=["its id is known", "its answer is not"])
@pytest.mark.parametrize("side", Side)
def test_a_fill_of_an_earlier_process_is_in_the_venues_balances_already(
    user: StillStage, accepted: bool, side: Side
) -> None:
    user.hold(USD=9_900, BTC="0.002")
    note_looks(user, "O-FOUND")
    order = user.order(side)
    user.broker.reports.append(replace(user.broker.filled(order, VenueOrderId("O-FOUND")), final=True))
    user.broker.book = lambda *_: None  # type: ignore[method-assign]
    user.broker.take_up(order, user.observer, VenueOrderId("O-FOUND") if accepted else None)
    user.pass_time(0.6)
    ((settled, report, state),) = user.trace.of("observer.settled")
    assert (settled, state, report.executed) == (order, OrderState.FILLED, order.quantity)
    assert user.broker.get_account_balance() == 9_900
    assert user.broker.get_positions() == {"BTC": Decimal("0.002")}


def test_an_order_that_is_taken_up_twice_has_one_end(user: StillStage) -> None:
    """The ledger went away in the middle of a recovery, which then began anew."""
    note_looks(user, "O-FOUND", "O-FOUND")
    order = user.order()
    for _ in range(2):
        user.broker.take_up(order, user.observer, None)
    user.pass_time(60)
    assert user.trace.count("observer.settled") == 1
    assert user.trace.count("journal.settled") == 1
    assert not user.broker._unsettled


# -- a lane that died ---------------------------------------------------------------------------------------------


@pytest.fixture
def running() -> Iterator[BrokerStage]:
    stage = BrokerStage(TANIA, options=BrokerOptions(look_gap_s=0.01)).connect()
    yield stage
    stage.close()


def die(stage: BrokerStage, moment: str) -> None:
    """Let the lane end in the middle of its next order."""
    answers = stage.broker.submits if moment == "answer" else stage.broker.prepares
    answers.append(SystemExit(f"while {moment}"))


@pytest.mark.parametrize("found", [True, False], ids=["placed", "not placed"])
def test_a_lane_that_died_with_an_order_goes_on_and_asks_for_it(running: BrokerStage, found: bool) -> None:
    if found:
        running.broker.finds.append("O-FOUND")
    die(running, "answer")
    order = running.order()
    running.send(order)
    running.trace.wait_until(lambda: running.broker.died)
    assert running.trace.count("observer.answered") == 0
    assert running.broker.revive()
    ((settled, _, state),) = running.trace.wait_for("observer.settled")
    assert (settled, state) == (order, OrderState.FILLED if found else OrderState.FAILED)
    assert running.journalled()[0][1] is OrderState.UNKNOWN
    assert running.sent() == [order]
    assert running.place().accepted


def test_orders_that_came_while_the_lane_was_dead_are_carried_out_by_the_next_one(running: BrokerStage) -> None:
    die(running, "answer")
    running.send(running.order())
    running.trace.wait_until(lambda: running.broker.died)
    waiting = running.order(Side.SELL, "0.001")
    running.broker.booked["BTC"] = Decimal(1)
    running.send(waiting)
    assert running.broker.revive()
    running.trace.wait_for("observer.settled", 2)
    assert len(running.sent()) == 2


def test_a_lane_that_lives_is_not_revived_and_its_orders_are_not_in_doubt(user: StillStage) -> None:
    assert not user.broker.died
    assert not user.broker.revive()
    assert user.copy(user.order())[2] is OrderState.FILLED
    assert user.broker.name == "lane tania:kraken"


# -- pauses -------------------------------------------------------------------------------------------------------


def fail_five_times(stage: StillStage) -> None:
    for _ in range(5):
        stage.broker.balance_answers.append(LOST)
        with pytest.raises(VenueUnclear):
            stage.broker.refresh_balances(PATIENCE_S)


def test_failures_in_a_row_pause_the_account_and_it_says_until_when_and_why(user: StillStage) -> None:
    assert (user.broker.paused, user.broker.status) == (False, "connected")
    fail_five_times(user)
    assert user.broker.paused
    assert user.broker.status.startswith("paused until ")
    assert "read timed out" in user.broker.status
    assert user.broker.connected, "what it has is still known"


@pytest.mark.parametrize("side", Side)
def test_a_paused_account_is_sent_nothing_and_asked_nothing_and_its_orders_wait(user: StillStage, side: Side) -> None:
    user.hold(BTC=1)
    fail_five_times(user)
    before = len(user.trace.steps)
    order = user.order(side)
    assert user.copy(order, None if side is Side.BUY else lambda: Decimal(1))[2] is OrderState.PLANNED
    outcome, _ = user.journalled()[-1]
    assert isinstance(outcome, Rejected)
    assert (outcome.not_now, outcome.sent) == (True, False)
    assert "paused" in outcome.reason
    user.pass_time(29)
    assert not [step for step in user.trace.steps[before:] if step.startswith("venue.")]


def test_a_pause_ends_with_a_question_and_its_answer_ends_the_trouble(user: StillStage) -> None:
    fail_five_times(user)
    before = user.trace.count("venue.balances")
    user.pass_time(30.1)
    assert user.trace.count("venue.balances") == before + 1
    assert (user.broker.paused, user.broker.status) == (False, "connected")
    assert user.copy(user.order())[2] is OrderState.FILLED


def test_a_venue_that_still_fails_after_the_pause_is_left_alone_for_twice_as_long(user: StillStage) -> None:
    fail_five_times(user)
    user.broker.balance_answers.append(LOST)
    user.pass_time(31)
    assert user.broker.paused
    user.pass_time(50)
    assert user.broker.paused
    user.pass_time(20)
    assert not user.broker.paused


def test_an_operator_ends_a_pause_at_once(user: StillStage) -> None:
    fail_five_times(user)
    assert user.broker.resume(PATIENCE_S)
    assert (user.broker.paused, user.broker.status) == (False, "connected")
    assert user.copy(user.order())[2] is OrderState.FILLED


def test_an_operator_ends_a_pause_of_an_account_whose_venue_still_does_not_answer(user: StillStage) -> None:
    fail_five_times(user)
    user.broker.connecting = lambda: (_ for _ in ()).throw(VenueUnclear("EService:Unavailable"))
    assert not user.broker.resume(PATIENCE_S)
    assert "EService:Unavailable" in user.broker.status


def test_an_order_refused_for_its_rate_pauses_the_account_for_as_long_as_the_venue_said(user: StillStage) -> None:
    user.broker.submits.append(RateLimited("EOrder:Rate limit exceeded", 5.0))
    assert user.copy(user.order())[2] is OrderState.PLANNED
    assert user.broker.paused
    assert "EOrder:Rate limit exceeded" in user.broker.status
    user.pass_time(5.1)
    assert not user.broker.paused


def test_refusals_of_single_orders_pause_nobody(user: StillStage) -> None:
    user.broker.submits.extend([VenueRejected("EOrder:Insufficient funds")] * 20)
    for _ in range(20):
        user.copy(user.order())
    assert not user.broker.paused


def test_an_order_in_doubt_is_not_asked_for_while_the_account_is_paused(user: StillStage) -> None:
    moments = note_looks(user, "O-FOUND")
    user.broker.submits.append(RateLimited("EOrder:Rate limit exceeded", 9.0))
    user.copy(user.order())
    user.pass_time(9.1)
    began = user.now_s
    lose(user)
    user.broker._breaker.pause("EService:Unavailable", 6.0)
    user.pass_time(60)
    (look,) = moments
    assert look == pytest.approx(9.1 + 6.0, abs=0.6)
    assert user.now_s > began


def test_a_barred_account_is_barred_whatever_else_it_waits_for(user: StillStage) -> None:
    user.broker.submits.append(RateLimited("EOrder:Rate limit exceeded", 50.0))
    user.copy(user.order())
    user.broker.balance_answers.append(AccountBarred("EAPI:Invalid key"))
    with pytest.raises(AccountBarred):
        user.broker.refresh_balances(PATIENCE_S)
    assert "EAPI:Invalid key" in user.broker.status


# -- names that are unique for good ---------------------------------------------------------------------------------


def sent_twice(make: Make, first: Exception, found: Any) -> tuple[StillStage, MarketOrder]:
    """One name is sent, and again; the second one is refused, since the first took all there was."""
    stage = make(TANIA)
    stage.broker.names_are_unique_for_good = True  # type: ignore[misc]
    order = stage.order()
    stage.broker.submits.extend([first, VenueRejected("insufficient balance for BTC")])
    stage.broker.finds.extend([None] * 3 if isinstance(first, VenueUnclear) else [])
    stage.send(order)
    stage.pass_time(20)
    stage.broker.resume(0)
    stage.broker.finds.append(found)
    stage.send(replace(order, attempt=2) if isinstance(first, VenueUnclear) else order)
    stage.pass_time(1)
    return stage, order


@pytest.mark.parametrize("first", [LOST, RateLimited("HTTP 429", 1.0)], ids=["lost", "429"])
def test_a_refusal_of_the_second_order_of_a_name_is_none_where_the_first_one_is_there(
    make: Make, first: Exception
) -> None:
    stage, order = sent_twice(make, first, "O-1")
    outcome, state = stage.journalled()[-1]
    assert (outcome, state) == (Accepted(VenueOrderId("O-1")), OrderState.ACCEPTED)
    assert [one.client_order_id for one in stage.sent()] == [order.client_order_id] * 2


@pytest.mark.parametrize("first", [LOST, RateLimited("HTTP 429", 1.0)], ids=["lost", "429"])
def test_it_stays_a_refusal_where_the_first_one_is_not_there(make: Make, first: Exception) -> None:
    stage, _ = sent_twice(make, first, None)
    outcome, _ = stage.journalled()[-1]
    assert outcome == Rejected("insufficient balance for BTC")


def test_it_is_in_doubt_where_that_cannot_be_asked(make: Make) -> None:
    stage, _ = sent_twice(make, RateLimited("HTTP 429", 1.0), LOST)
    assert stage.journalled()[-1][1] is OrderState.UNKNOWN
    assert stage.broker.in_doubt("BTC-USD")


def test_the_first_order_of_a_name_that_is_refused_costs_no_question(make: Make) -> None:
    stage = make(TANIA)
    stage.broker.names_are_unique_for_good = True  # type: ignore[misc]
    stage.broker.submits.append(VenueRejected("insufficient balance for BTC"))
    stage.send(stage.order())
    stage.pass_time(1)
    assert stage.trace.count("venue.find") == 0
    assert isinstance(stage.journalled()[-1][0], Rejected)
