"""One order, from the call to its outcome: the order of the steps, and what becomes of it when one of them fails."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.base import BrokerOptions
from bot.domain.enums import InstrumentStatus, OrderState, Side, SizeType
from bot.domain.errors import (
    AccountBarred,
    InvalidAmount,
    LedgerUnavailable,
    RateLimited,
    VenueError,
    VenueRejected,
    VenueUnclear,
    VenueUnreachable,
)
from bot.domain.ids import AccountId
from bot.domain.orders import Refused
from bot.domain.outcomes import Accepted, Rejected, Unknown
from bot.reporting.lines import LogAnnouncer
from tests.fakes.broker import BTC, send
from tests.fakes.stage import MASTER, TANIA, BrokerStage, StillStage
from tests.fakes.trace import PATIENCE_S

SWITCHED_OFF = Refused("kill switch", "maintenance")

Make = Callable[..., BrokerStage]


@pytest.fixture
def make() -> Iterator[Make]:
    stages: list[BrokerStage] = []

    def build(account: AccountId = MASTER, kind: type[BrokerStage] = BrokerStage, **arguments: Any) -> BrokerStage:
        stages.append(kind(account, **arguments))
        return stages[-1].connect()

    yield build
    for stage in stages:
        stage.close()


@pytest.fixture
def master(make: Make) -> BrokerStage:
    return make(MASTER)


@pytest.fixture
def user(make: Make) -> BrokerStage:
    return make(TANIA)


# -- the order of the steps ---------------------------------------------------------------------------------------


def test_a_masters_order_is_asked_for_written_sent_told_and_then_confirmed(master: BrokerStage) -> None:
    result = master.place()
    assert result.accepted
    assert result.state is OrderState.FILLED
    wanted = ["gate", "journal.intend", "venue.submit", "emit", "journal.answered", "venue.report", "journal.settled"]
    positions = [master.trace.position(step) for step in wanted]
    assert positions == sorted(positions), master.trace.steps
    for step in wanted[1:]:
        assert master.trace.count(step) == 1


def test_the_same_order_under_the_same_name_goes_through_all_steps(master: BrokerStage) -> None:
    master.place()
    (intended,) = master.trace.of("journal.intend")
    assert master.sent() == [intended]
    assert master.trace.of("journal.answered")[0][:3] == (intended, Accepted(order_id="ORDER-1"), OrderState.ACCEPTED)
    assert master.trace.of("journal.settled")[0][0] == intended


def test_users_need_not_wait_for_the_masters_fill(master: BrokerStage) -> None:
    master.broker.reports.append(lambda *_: None)
    master.place()
    assert master.trace.position("emit") < master.trace.position("venue.report")


@pytest.mark.parametrize("account", [MASTER, TANIA], ids=str)
def test_a_closed_gate_stops_everything_before_the_venue_is_asked_anything(make: Make, account: AccountId) -> None:
    stage = make(account)
    stage.fakes.clock.advance(3600)
    stage.fakes.gate.refused = SWITCHED_OFF
    result = stage.place()
    assert not result.accepted
    assert result.outcome == Rejected("kill switch: maintenance", sent=False)
    assert [step for step in stage.since_connected() if step != "gate"] == []


def test_the_gate_is_asked_for_the_account_the_symbol_and_the_side(master: BrokerStage) -> None:
    master.broker.booked["BTC"] = Decimal(1)
    master.broker.refresh_balances(PATIENCE_S)
    master.place("sell")
    assert set(master.trace.of("gate")) == {(MASTER, "BTC-USD", Side.SELL)}


def test_a_users_own_order_is_written_down_and_no_signal(user: BrokerStage) -> None:
    assert user.place().accepted
    user.broker.fakes.sink.takes = False
    assert user.place().accepted
    assert user.trace.count("emit") == 0
    assert user.trace.count("journal.intend") == 2
    assert user.trace.count("say.not_emitted") == 0


def test_a_planned_copy_is_sent_as_planned_and_never_told_on(user: BrokerStage) -> None:
    order = user.order()
    settled_order, report, state = user.copy(order)
    assert (settled_order, state) == (order, OrderState.FILLED)
    assert report.executed == order.quantity
    assert user.sent() == [order]
    assert user.trace.count("journal.intend") == 0, "its plan is written already"
    assert user.trace.count("emit") == 0
    ((_, outcome, state, milliseconds),) = user.trace.of("journal.answered")
    assert (outcome, state) == (Accepted(order_id="ORDER-1"), OrderState.ACCEPTED)
    assert milliseconds == pytest.approx(40)


def test_an_observer_hears_the_answer_before_the_end(user: BrokerStage) -> None:
    user.copy(user.order())
    assert user.trace.position("observer.answered") < user.trace.position("observer.settled")
    assert user.trace.position("journal.answered") < user.trace.position("observer.settled")


# -- the signal ---------------------------------------------------------------------------------------------------


def test_a_signal_has_what_a_followers_size_depends_on_as_it_was_before_the_trade(master: BrokerStage) -> None:
    master.broker.booked = {"USD": Decimal(6_000), "USDC": Decimal(4_000), "BTC": Decimal("0.5")}
    master.broker.refresh_balances(PATIENCE_S)
    result = master.place("buy", 1_000, "quote")
    (signal,) = master.fakes.sink.signals
    assert (signal.master_balance, signal.position_before) == (Decimal(10_000), Decimal("0.5"))
    assert (signal.symbol, signal.side, signal.size_type) == ("BTC-USD", Side.BUY, SizeType.BASE)
    assert (signal.size, signal.price) == (Decimal("0.02"), Decimal(50_000))
    assert (signal.order_id, signal.master_account) == (result.order_id, MASTER)
    assert signal.timestamp == master.fakes.clock.time()
    assert signal.answered_ns == master.fakes.clock.monotonic_ns()


def test_where_buys_are_sized_in_quote_the_signal_is_too_and_a_sale_is_not(master: BrokerStage) -> None:
    master.broker.instruments = {BTC.symbol: replace(BTC, quote_step=Decimal("0.01"))}
    master.hold(USD=10_000, BTC="0.5")
    assert master.place("buy", "1000.019", "quote")
    assert master.place("buy", "0.00123456", "base")
    assert master.place("sell", "0.25")
    bought, by_coins, sold = master.fakes.sink.signals
    assert (bought.size, bought.size_type) == (Decimal("1000.01"), SizeType.QUOTE)
    assert (by_coins.size, by_coins.size_type) == (Decimal("0.00123456") * 50_000, SizeType.QUOTE)
    assert (sold.size, sold.size_type) == (Decimal("0.25"), SizeType.BASE)
    assert [order.quote_value for order in master.sent()][:2] == [bought.size, by_coins.size]


def test_the_signal_of_an_order_whose_symbol_is_not_listed_any_more_is_emitted_all_the_same(
    master: BrokerStage,
) -> None:
    master.hold(BTC="0.5")

    def delisted(_: Any) -> str:
        master.broker.instruments = {}
        return "O-1"

    for side in ("buy", "sell"):
        master.broker.instruments = {BTC.symbol: BTC}
        master.broker.submits.append(delisted)
        assert master.place(side, "0.01")
    assert [signal.side for signal in master.fakes.sink.signals] == [Side.BUY, Side.SELL]


def test_what_is_sized_in_quote_may_take_the_last_dollar_for_its_fee_is_inside(master: BrokerStage) -> None:
    master.broker.instruments = {BTC.symbol: replace(BTC, quote_step=Decimal("0.01"))}
    assert master.place("buy", 10_000, "quote")
    master.broker.instruments = {BTC.symbol: BTC}
    master.hold(USD=10_000)
    assert "insufficient funds" in master.place("buy", 10_000, "quote").reason


def test_followers_may_get_ready_before_the_venue_answered_and_are_told_when_nothing_comes(master: BrokerStage) -> None:
    master.place()
    master.broker.submits.append(VenueRejected("EOrder:Insufficient funds"))
    master.place()
    foretold, again, nothing = master.trace.of("expect")
    (signal,) = master.fakes.sink.signals
    assert foretold.signal_id == signal.signal_id != again.signal_id
    assert nothing is None
    steps = [step for step in master.trace.steps if step in ("journal.intend", "expect", "venue.submit", "emit")]
    assert steps.index("journal.intend") < steps.index("venue.submit") < steps.index("emit")


def test_a_rejection_is_told_even_when_nobody_can_be_told_that_no_signal_comes(master: BrokerStage) -> None:
    master.fakes.sink.error = RuntimeError("the engine is gone")
    master.broker.submits.append(VenueRejected("EOrder:Insufficient funds"))
    assert master.place().outcome == Rejected("EOrder:Insufficient funds")


def test_coins_bound_in_orders_belong_to_the_position_before_the_trade(master: BrokerStage) -> None:
    held = master.broker.snapshot(available={"USD": Decimal(1000), "BTC": Decimal(1)}, held={"BTC": Decimal(2)})
    master.broker.balance_answers.append(held)
    master.broker.refresh_balances(PATIENCE_S)
    master.place("sell", "0.5")
    assert master.fakes.sink.signals[0].position_before == 3


def test_a_sell_that_follows_a_buy_at_once_knows_the_coins_of_that_buy(master: BrokerStage) -> None:
    """With the position from before the buy, no follower would know what share to sell."""
    busy, go = threading.Event(), threading.Event()

    def slow(_: Any) -> str:
        busy.set()
        assert go.wait(PATIENCE_S)
        return "ORDER-BUY"

    master.broker.submits.append(slow)
    buying = threading.Thread(target=master.place, args=("buy", "0.02"))
    selling = threading.Thread(target=master.place, args=("sell", "0.02"))
    buying.start()
    assert busy.wait(PATIENCE_S)
    selling.start()
    master.trace.wait_until(lambda: master.broker._lane.waiting == 1)
    go.set()
    buying.join(PATIENCE_S)
    selling.join(PATIENCE_S)
    buy, sell = master.fakes.sink.signals
    assert (buy.side, sell.side) == (Side.BUY, Side.SELL)
    assert sell.position_before == Decimal("0.02")
    assert sell.master_balance < buy.master_balance


@pytest.mark.parametrize("trouble", ["full", "broken"])
def test_a_signal_that_cannot_be_emitted_warns_in_the_known_words_and_leaves_the_trade_alone(
    make: Make, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="nija")
    stage = make(MASTER, announcer=LogAnnouncer())
    if trouble == "full":
        stage.fakes.sink.takes = False
    else:
        stage.fakes.sink.error = RuntimeError("the engine is gone")
    result = stage.place()
    assert result.accepted
    assert result.state is OrderState.FILLED
    said = [record.getMessage() for record in caplog.records]
    assert said.count("⚠️ User accounts will NOT copy this trade!") == 1
    assert "✅ Trade signal emitted successfully" not in said


def test_a_signal_that_was_emitted_is_announced_before_and_after(master: BrokerStage) -> None:
    master.place()
    said = [step for step in master.trace.steps if step in ("say.emitting", "emit", "say.emitted", "say.not_emitted")]
    assert said == ["say.emitting", "emit", "say.emitted"]


# -- outcomes -----------------------------------------------------------------------------------------------------

#: What the venue says -> what it means, the state of a master's order and of a user's entry.
REFUSALS: list[tuple[Exception, Rejected]] = [
    (VenueRejected("EOrder:Insufficient funds"), Rejected("EOrder:Insufficient funds")),
    (RateLimited("EOrder:Rate limit exceeded", 5.0), Rejected("EOrder:Rate limit exceeded", not_now=True)),
    (AccountBarred("EAPI:Invalid key"), Rejected("EAPI:Invalid key", account_barred=True, not_now=True)),
]
UNCLEAR: list[Exception] = [
    VenueUnclear("read timed out"),
    VenueError("something else"),
    KeyError("txid"),
    TimeoutError(),
    ConnectionResetError("reset by peer"),
    json.JSONDecodeError("Expecting value", "<html>", 0),
    InvalidAmount("invalid price, was 'x'"),
    ZeroDivisionError(),
    RecursionError("deep"),
]


@pytest.mark.parametrize(("error", "outcome"), REFUSALS, ids=[repr(error) for error, _ in REFUSALS])
def test_what_the_venue_refuses_was_not_placed_and_is_not_sent_again_at_once(
    make: Make, error: Exception, outcome: Rejected
) -> None:
    for account in (MASTER, TANIA):
        stage = make(account)
        stage.broker.submits.append(error)
        result = stage.place()
        assert (result.outcome, result.state) == (outcome, OrderState.REJECTED)
        assert stage.journalled() == [(outcome, OrderState.REJECTED)]
        assert len(stage.sent()) == 1
        assert stage.trace.count("emit") == stage.trace.count("venue.find") == 0


@pytest.mark.parametrize("error", UNCLEAR, ids=repr)
def test_whatever_else_is_raised_is_unknown_asked_about_and_never_sent_again(make: Make, error: Exception) -> None:
    for account in (MASTER, TANIA):
        stage = make(account, kind=StillStage)
        stage.broker.submits.append(error)
        result = stage.place()
        (unknown, unknown_state), (ended, end) = stage.journalled()
        assert isinstance(unknown, Unknown)
        assert unknown.reason
        assert unknown_state is OrderState.UNKNOWN
        assert end is OrderState.FAILED
        assert (result.outcome, result.state) == (ended, OrderState.FAILED)
        assert stage.trace.count("venue.find") >= 2
        assert len(stage.sent()) == 1
        assert stage.trace.count("emit") == 0


@pytest.mark.parametrize(
    ("side", "state"), [(Side.BUY, OrderState.REJECTED), (Side.SELL, OrderState.PLANNED)], ids=["entry", "exit"]
)
def test_a_barred_account_loses_its_entry_and_keeps_its_exit(user: BrokerStage, side: Side, state: OrderState) -> None:
    user.hold(BTC=1)
    user.broker.submits.append(AccountBarred("EAPI:Invalid key"))
    assert user.copy(user.order(side), None if side is Side.BUY else lambda: Decimal(1))[2] is state
    assert user.broker.barred


def test_an_account_that_was_barred_is_left_alone_from_then_on(master: BrokerStage) -> None:
    master.broker.submits.append(AccountBarred("EAPI:Invalid key"))
    master.place()
    assert not master.broker.connected
    result = master.place()
    assert "EAPI:Invalid key" in result.reason
    assert len(master.sent()) == 1


def test_what_provably_did_not_leave_is_sent_once_more_under_the_same_name(master: BrokerStage) -> None:
    master.broker.submits.append(VenueUnreachable("connection refused"))
    result = master.place()
    assert result.accepted
    first, second = master.sent()
    assert first == second
    assert master.trace.count("journal.intend") == 1
    assert master.trace.count("emit") == 1


@pytest.mark.parametrize("account", [MASTER, TANIA], ids=["master", "user"])
def test_what_did_not_leave_twice_was_not_sent(make: Make, account: AccountId) -> None:
    stage = make(account)
    stage.broker.submits.extend([VenueUnreachable("connection refused")] * 2)
    result = stage.place()
    assert result.outcome == Rejected("connection refused", sent=False, not_now=True)
    assert result.state is OrderState.REJECTED, "nobody would send it later"
    assert len(stage.sent()) == 2


@pytest.mark.parametrize("error", [VenueUnclear("reset by peer"), KeyError("txid")], ids=repr)
def test_a_second_attempt_whose_end_is_not_known_is_unknown(make: Make, error: Exception) -> None:
    user = make(TANIA, kind=StillStage)
    user.broker.submits.extend([VenueUnreachable("connection refused"), error])
    order = user.order()
    user.send(order)
    ((_, outcome, state, _),) = user.trace.of("observer.answered")
    assert isinstance(outcome, Unknown)
    assert state is OrderState.UNKNOWN
    assert user.trace.count("observer.settled") == 0
    assert user.sent() == [order, order]


@pytest.mark.parametrize("attempt", [1, 2])
def test_an_error_while_an_order_is_signed_is_asked_about_and_the_account_goes_on(make: Make, attempt: int) -> None:
    user = make(TANIA, kind=StillStage)
    if attempt == 2:
        user.broker.prepares.append(None)
        user.broker.submits.append(VenueUnreachable("connection refused"))
    user.broker.prepares.append(KeyError("nonce"))
    _, report, state = user.copy(user.order())
    assert (report, state) == (None, OrderState.FAILED)
    assert len(user.sent()) == attempt - 1
    assert user.place().accepted


def test_an_order_that_is_taken_back_is_not_sent_and_the_account_goes_on(user: BrokerStage) -> None:
    departure = user.broker.prepare_market_order(user.order(), user.observer)
    departure.take_back()
    user.copy(user.order())
    assert len(user.sent()) == 1
    assert user.trace.count("observer.answered") == 1


def test_an_order_that_is_ready_leaves_when_it_is_told_to_and_not_before(user: BrokerStage) -> None:
    """Between the two its plan is written."""
    order = user.order()
    departure = user.broker.prepare_market_order(order, user.observer)
    assert user.sent() == []
    departure.send()
    departure.go_on()
    user.trace.wait_for("observer.settled")
    assert user.sent() == [order]


def test_an_exit_that_never_reached_the_venue_waits_instead_of_being_given_up(user: BrokerStage) -> None:
    """Exits are never dropped: the coins are still there, and nobody else will sell them."""
    user.hold(BTC=1)
    user.broker.submits.extend([VenueUnreachable("connection refused")] * 20)
    order = user.order(Side.SELL)
    for _ in range(10):
        assert user.copy(order, lambda: Decimal(1))[2] is OrderState.PLANNED


def test_an_exit_that_the_venue_refuses_is_tried_eight_times_before_it_is_given_up(user: BrokerStage) -> None:
    user.hold(BTC=1)
    user.broker.submits.extend([VenueRejected("EGeneral:Invalid arguments")] * 10)
    order = user.order(Side.SELL)
    states = [user.copy(order, lambda: Decimal(1))[2] for _ in range(8)]
    assert states == [OrderState.PLANNED] * 7 + [OrderState.REJECTED]
    other = user.order(Side.SELL)
    assert user.copy(other, lambda: Decimal(1))[2] is OrderState.PLANNED, "each order has its own tries"


def test_waiting_for_the_venue_does_not_use_up_an_exits_tries(user: BrokerStage) -> None:
    user.hold(BTC=1)
    order = user.order(Side.SELL)
    refused = VenueRejected("EGeneral:Invalid arguments")
    not_now = RateLimited("EOrder:Rate limit exceeded", 0.0)
    for answer in [refused, not_now] * 4:
        user.broker.submits.append(answer)
        assert user.copy(order, lambda: Decimal(1))[2] is OrderState.PLANNED
    assert user.copy(order, lambda: Decimal(1))[2] is OrderState.FILLED


def test_an_entry_that_the_venue_refuses_is_done_with(user: BrokerStage) -> None:
    user.broker.submits.append(VenueRejected("EOrder:Insufficient funds"))
    assert user.copy(user.order())[2] is OrderState.REJECTED


def test_a_ledger_that_cannot_be_written_keeps_the_order_at_home(master: BrokerStage) -> None:
    master.fakes.journal.unavailable = LedgerUnavailable("disk full")
    result = master.place()
    assert result.outcome == Rejected("nothing was sent: disk full", sent=False)
    assert master.sent() == []
    assert master.trace.count("emit") == 0


# -- bad input ----------------------------------------------------------------------------------------------------

BAD_SIZES = [0, -1, "0", "-0.5", "NaN", float("nan"), float("inf"), "abc", "", None, True, "1e999999", "1e-999999"]


@pytest.mark.parametrize("unit", ["base", "quote"])
@pytest.mark.parametrize("size", BAD_SIZES, ids=repr)
def test_a_size_that_makes_no_sense_is_refused_at_once(master: BrokerStage, size: Any, unit: str) -> None:
    begin = time.monotonic()
    result = master.place("buy", size, unit)
    assert time.monotonic() - begin < PATIENCE_S / 2
    assert isinstance(result.outcome, Rejected)
    assert not result.outcome.sent
    assert result.reason
    assert master.sent() == []
    assert master.trace.count("journal.intend") == 0


@pytest.mark.parametrize(("side", "unit"), [("hold", "base"), ("", "base"), ("buy", "contracts"), (None, "base")])
def test_an_unknown_side_or_unit_is_refused(master: BrokerStage, side: Any, unit: str) -> None:
    assert not master.place(side, 1, unit).accepted
    assert master.sent() == []


def test_a_symbol_that_is_not_listed_is_refused_by_name(master: BrokerStage) -> None:
    result = master.broker.place_market_order("DOGE-USD", "buy", 1)
    assert "DOGE-USD" in result.reason
    assert master.sent() == []


@pytest.mark.parametrize(("side", "size"), [("buy", "0.00004999"), ("sell", "0.00004999"), ("buy", "0.000000001")])
def test_what_the_venue_would_refuse_as_too_small_is_refused_with_the_minimum(
    master: BrokerStage, side: str, size: str
) -> None:
    result = master.place(side, size)
    assert "0.00005" in result.reason
    assert "E-" not in result.reason
    assert master.sent() == []


def test_who_has_next_to_nothing_does_not_buy_but_sells(master: BrokerStage) -> None:
    master.broker.booked = {"USD": Decimal("0.49"), "BTC": Decimal(1)}
    master.broker.refresh_balances(PATIENCE_S)
    assert "UNDERFUNDED - will NOT trade" in master.place("buy", "0.001").reason
    assert master.sent() == []
    assert master.place("sell", "0.001").accepted


@pytest.mark.parametrize("status", [InstrumentStatus.OFFLINE, InstrumentStatus.CANCEL_ONLY, InstrumentStatus.POST_ONLY])
def test_a_symbol_that_is_closed_is_refused(master: BrokerStage, status: InstrumentStatus) -> None:
    master.broker.instruments["BTC-USD"] = replace(BTC, status=status)
    assert status in master.place().reason
    assert master.sent() == []


@pytest.mark.parametrize("error", [KeyError("a"), ZeroDivisionError(), OSError("no route")], ids=repr)
def test_an_error_before_anything_was_sent_is_a_refusal_and_comes_at_once(make: Make, error: Exception) -> None:
    """To call it unknown would make people look for an order that never left."""
    stage = make(MASTER, options=BrokerOptions(fill_wait_s=1.0))
    stage.broker.price = error
    result = stage.place()
    assert isinstance(result.outcome, Rejected)
    assert not result.outcome.sent
    assert stage.sent() == []


def test_a_broker_that_is_not_connected_refuses_and_says_why(make: Make) -> None:
    stage = make(MASTER)
    stage.broker.connecting = lambda: (_ for _ in ()).throw(VenueUnclear("EService:Unavailable"))
    assert not stage.broker.connect(PATIENCE_S)
    assert "EService:Unavailable" in stage.place().reason
    assert stage.sent() == []


# -- sizes --------------------------------------------------------------------------------------------------------


def test_a_size_in_quote_becomes_lots_at_the_price_of_the_moment(master: BrokerStage) -> None:
    master.broker.price = Decimal("61234.7")
    master.place("buy", "100", "quote")
    assert master.sent()[0].quantity == Decimal("0.00163306")


def test_a_size_is_cut_to_the_lot_step(master: BrokerStage) -> None:
    master.place("buy", "0.0012345678999")
    assert master.sent()[0].quantity == Decimal("0.00123456")


@pytest.mark.parametrize(
    ("asked", "sent"), [("0.5", "0.5"), ("0.500001", "0.5"), ("0.51", "0.5"), ("0.4999", "0.4999")]
)
def test_a_sell_slightly_above_what_is_held_sells_all_of_it(master: BrokerStage, asked: str, sent: str) -> None:
    master.broker.booked["BTC"] = Decimal("0.5")
    master.broker.refresh_balances(PATIENCE_S)
    master.place("sell", asked)
    assert master.sent()[0].quantity == Decimal(sent)


@pytest.mark.parametrize(("side", "size"), [("sell", "0.6"), ("buy", "0.3")])
def test_what_the_account_cannot_pay_is_refused_here_and_never_sent(master: BrokerStage, side: str, size: str) -> None:
    master.broker.booked["BTC"] = Decimal("0.5")
    master.broker.refresh_balances(PATIENCE_S)
    result = master.place(side, size)
    assert "insufficient funds" in result.reason
    assert master.sent() == []


def test_selling_all_is_cut_to_the_lot_step_too(master: BrokerStage) -> None:
    master.broker.booked["BTC"] = Decimal("0.1234567899")
    master.broker.refresh_balances(PATIENCE_S)
    master.place("sell", "0.1235")
    assert master.sent()[0].quantity == Decimal("0.12345678")


def test_stale_balances_are_asked_for_before_a_masters_order_and_fresh_ones_are_not(master: BrokerStage) -> None:
    before = master.trace.count("venue.balances")
    master.fakes.gate.refused = None
    master.broker.booked["USD"] = Decimal(777)
    master.fakes.clock.advance(60)
    master.place("buy", "0.001")
    assert master.fakes.sink.signals[0].master_balance == 777
    assert master.trace.steps.index("venue.submit") > master.trace.steps.index("venue.balances", before)


# -- many at once -------------------------------------------------------------------------------------------------


def test_many_threads_place_at_once_and_every_order_is_sent_once_in_the_lane(master: BrokerStage) -> None:
    count, inside, most = 24, [0], [0]

    def answer(_: Any) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        inside[0] -= 1

    master.broker.submits.extend([answer] * count)
    results: list[Any] = []
    together = threading.Barrier(count)

    def place() -> None:
        together.wait(PATIENCE_S)
        results.append(master.place("buy", "0.001"))

    threads = [threading.Thread(target=place) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * PATIENCE_S)
    assert [result.accepted for result in results] == [True] * count
    assert len({result.order_id for result in results}) == count
    assert len({order.client_order_id for order in master.sent()}) == count
    assert len(master.fakes.sink.signals) == count
    assert most[0] == 1
    assert len(master.broker.lane_threads) == 1
    assert master.broker.refresh_balances(PATIENCE_S).available["BTC"] == Decimal("0.024")


def test_an_account_whose_venue_hangs_answers_unknown_in_time_and_holds_up_nobody_else(make: Make) -> None:
    hanging, well = make(MASTER, options=BrokerOptions(fill_wait_s=0.2)), make(TANIA)
    go = threading.Event()
    hanging.broker.submits.append(lambda _: go.wait(PATIENCE_S) and None)
    begin = time.monotonic()
    result = hanging.place()
    assert time.monotonic() - begin < PATIENCE_S / 2
    assert isinstance(result.outcome, Unknown)
    assert well.place().accepted
    go.set()


def test_planned_orders_of_many_accounts_can_be_begun_by_one_thread(make: Make) -> None:
    stages = [make(AccountId(f"user{number}", TANIA.venue)) for number in range(10)]
    for stage in stages:
        send(stage.broker, stage.order(), stage.observer)
    for stage in stages:
        ((_, _, state),) = stage.trace.wait_for("observer.settled")
        assert state is OrderState.FILLED
