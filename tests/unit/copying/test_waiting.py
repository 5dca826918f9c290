"""Orders that wait: entries for as long as their signal is fresh, exits for good; sent once, or ended once."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bot.copying.run import SignalRun
from bot.copying.waiting import WaitingOrders, WaitingParts
from bot.domain.enums import BrokerType, OrderState, Side
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId, ClientOrderId, SignalId, client_order_id_of
from bot.domain.orders import MarketOrder, Refused
from bot.domain.outcomes import Rejected
from bot.domain.signals import TradeSignal
from tests.fakes.trace import PATIENCE_S
from tests.unit.copying.builders import DAIVON, ENTRY, EXIT, TANIA
from tests.unit.copying.desk import AccountState, AwayLedger, Desk

BTC = "BTC-USD"
HELD = {(account, BTC): Decimal("0.002") for account in (TANIA, DAIVON)}


class WaitingDesk(Desk):
    """A desk with orders that wait, and the accounts that they wait for."""

    def __init__(self, ledger: AwayLedger | None = None) -> None:
        super().__init__(HELD, ledger)
        self.accounts = {TANIA: AccountState(), DAIVON: AccountState()}
        self.stopped: str | None = None
        self.sold_since = False
        self.unwanted: dict[AccountId, Refused] = {}
        self.waiting = WaitingOrders(
            WaitingParts(
                ledger=self.ledger,
                coins=self.coins,
                clock=self.clock,
                broker_of=self.accounts.get,
                stopped=lambda: self.stopped,
                entries_stopped=lambda account: self.unwanted.get(account),
                launch=lambda order, run: self.trace.add("launch", order),
                sold_since=lambda signal: self.sold_since,
                max_signal_age_s=60.0,
            )
        )

    def hold(self, signal: TradeSignal = ENTRY) -> tuple[MarketOrder, SignalRun]:
        """Record a signal whose one copy waits."""
        run = self.plan(signal)
        order = self.order(run)
        self.waiting.hold(order, run)
        return order, run

    def come_back(self, order: MarketOrder, run: SignalRun) -> None:
        """It left, and could not be placed yet."""
        refused = Rejected("EOrder:Rate limit exceeded", not_now=True)
        self.ledger.answered(order, refused, OrderState.PLANNED)
        run.answered(order, refused, OrderState.PLANNED, self.clock.monotonic_ns())
        self.coins.close(order, None)
        self.waiting.hold(order, run)

    def launched(self) -> list[MarketOrder]:
        return self.trace.of("launch")

    def release_for(self, seconds: float) -> list[float]:
        """Release twice a second; seconds after which something left."""
        left = []
        for tick in range(int(seconds * 2) + 1):
            if self.waiting.release():
                left.append(tick / 2)
            self.clock.advance(0.5)
        return left


def master_sells(desk: WaitingDesk, signal: TradeSignal = EXIT) -> None:
    """An exit is planned and recorded."""
    with desk.waiting.closing(signal):
        pass


@pytest.fixture
def desk() -> Iterator[WaitingDesk]:
    desk = WaitingDesk()
    yield desk
    desk.close()


both = pytest.mark.parametrize("signal", [ENTRY, EXIT], ids=["entry", "exit"])


# -- leaving ------------------------------------------------------------------------------------------------------


@both
def test_what_may_leave_leaves_once_and_is_committed_before_it_does(desk: WaitingDesk, signal: TradeSignal) -> None:
    order, run = desk.hold(signal)
    assert len(desk.waiting) == 1
    assert desk.waiting.release() == 1
    assert desk.launched() == [order]
    assert desk.row(order.client_order_id).state is OrderState.SUBMITTING
    assert not run.wait(0), "it is on its way"
    assert (len(desk.waiting), desk.waiting.release()) == (0, 0)
    assert desk.launched() == [order]


@both
def test_the_committed_row_is_there_when_the_order_leaves(desk: WaitingDesk, signal: TradeSignal) -> None:
    order, run = desk.hold(signal)
    seen: list[OrderState] = []
    parts = replace(desk.waiting._parts, launch=lambda one, _: seen.append(desk.row(one.client_order_id).state))
    waiting = WaitingOrders(parts)
    waiting.hold(order, run)
    waiting.release()
    assert seen == [OrderState.SUBMITTING]


@both
@pytest.mark.parametrize("why", ["not connected", "paused", "kill switch"])
def test_what_may_not_leave_stays_until_it_may(desk: WaitingDesk, signal: TradeSignal, why: str) -> None:
    account = desk.accounts[TANIA]
    account.connected, account.paused = why != "not connected", why == "paused"
    desk.stopped = "maintenance" if why == "kill switch" else None
    order, _ = desk.hold(signal)
    assert desk.release_for(10) == []
    assert desk.row(order.client_order_id).state is OrderState.PLANNED
    account.connected, account.paused, desk.stopped = True, False, None
    assert desk.waiting.release() == 1


def test_an_entry_waits_for_a_symbol_in_doubt_and_an_exit_does_not(desk: WaitingDesk) -> None:
    desk.accounts[TANIA].doubted = {BTC}
    entry, _ = desk.hold(ENTRY)
    exit_, _ = desk.hold(EXIT)
    assert desk.waiting.release() == 1
    assert desk.launched() == [exit_]
    desk.accounts[TANIA].doubted = {"ETH-USD"}
    assert desk.waiting.release() == 1
    assert desk.launched() == [exit_, entry]


def test_one_account_that_may_not_trade_holds_up_no_other(desk: WaitingDesk) -> None:
    run = desk.plan(ENTRY, desk.copy_of(ENTRY, TANIA), desk.copy_of(ENTRY, DAIVON))
    for account in (TANIA, DAIVON):
        desk.waiting.hold(desk.order(run, account), run)
    desk.accounts[TANIA].paused = True
    assert desk.waiting.release() == 1
    assert [order.account for order in desk.launched()] == [DAIVON]


def test_an_account_that_is_not_set_up_keeps_its_order_and_holds_up_no_other(desk: WaitingDesk) -> None:
    run = desk.plan(EXIT, desk.copy_of(EXIT, TANIA), desk.copy_of(EXIT, DAIVON))
    for account in (TANIA, DAIVON):
        desk.waiting.hold(desk.order(run, account), run)
    del desk.accounts[TANIA]
    assert desk.waiting.release() == 1
    assert [order.account for order in desk.launched()] == [DAIVON]
    assert len(desk.waiting) == 1


# -- coming back --------------------------------------------------------------------------------------------------


def test_an_order_that_comes_back_is_tried_again_ever_more_rarely(desk: WaitingDesk) -> None:
    order, run = desk.hold(EXIT)
    pauses = []
    for _ in range(10):
        waited = 0.0
        while not desk.waiting.release():
            desk.clock.advance(0.5)
            waited += 0.5
        pauses.append(waited)
        desk.come_back(order, run)
    assert pauses == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_an_order_that_came_back_is_the_same_one_in_the_ledger(desk: WaitingDesk) -> None:
    order, run = desk.hold(EXIT)
    desk.waiting.release()
    desk.come_back(order, run)
    assert desk.row(order.client_order_id).state is OrderState.PLANNED
    assert desk.release_for(2) == [0.5]
    row = desk.row(order.client_order_id)
    assert (row.state, row.attempt) == (OrderState.SUBMITTING, 1)
    moves = [event.to_state for event in desk.ledger.views.events_of(order.client_order_id)]
    assert moves == [
        OrderState.PLANNED,
        OrderState.SUBMITTING,
        OrderState.PLANNED,
        OrderState.SUBMITTING,
    ]


def test_another_order_of_the_account_has_pauses_of_its_own(desk: WaitingDesk) -> None:
    order, run = desk.hold(EXIT)
    for _ in range(5):
        desk.waiting.release()
        desk.come_back(order, run)
        desk.clock.advance(20)
    other, _ = desk.hold(replace(EXIT, order_id="O-EXIT-2", signal_id=SignalId("")))
    desk.waiting.release()
    assert desk.launched()[-2:] == [order, other] or desk.launched()[-1] == other


# -- too old ------------------------------------------------------------------------------------------------------


def test_an_entry_that_became_too_old_ends_expired_with_why_it_waited(desk: WaitingDesk) -> None:
    desk.accounts[TANIA].paused = True
    order, run = desk.hold(ENTRY)
    assert desk.release_for(60) == []
    assert len(desk.waiting) == 1, "a minute is still fresh"
    desk.clock.advance(1)
    assert desk.waiting.release() == 0
    row = desk.row(order.client_order_id)
    assert row.state is OrderState.EXPIRED
    assert "too old" in row.reason
    assert "account paused" in row.reason
    (result,) = run.results
    assert (result.state, result.reason) == (OrderState.EXPIRED, row.reason)
    desk.accounts[TANIA].paused = False
    assert (desk.waiting.release(), desk.launched(), len(desk.waiting)) == (0, [], 0)
    assert desk.trace.count("answer") == 1


def test_an_entry_becomes_too_old_even_where_the_wall_clock_was_set_back(desk: WaitingDesk) -> None:
    desk.accounts[TANIA].paused = True
    order, _ = desk.hold(ENTRY)
    desk.clock.advance(30)
    desk.clock._now_ns -= 3_600_000_000_000
    desk.clock.advance(31)
    desk.waiting.release()
    assert desk.row(order.client_order_id).state is OrderState.EXPIRED


def test_an_exit_is_never_too_old(desk: WaitingDesk) -> None:
    desk.accounts[TANIA].paused = True
    order, _ = desk.hold(EXIT)
    desk.clock.advance(10 * 24 * 3600)
    assert (desk.waiting.release(), len(desk.waiting)) == (0, 1)
    desk.accounts[TANIA].paused = False
    assert desk.waiting.release() == 1
    assert desk.launched() == [order]


# -- further attempts ---------------------------------------------------------------------------------------------


def absent(desk: WaitingDesk, signal: TradeSignal) -> tuple[MarketOrder, MarketOrder, SignalRun]:
    """An order that was sent, is proven absent and waits for its second attempt."""
    run = desk.plan(signal, desk.copy_of(signal, state=OrderState.SUBMITTING))
    first = desk.order(run)
    desk.write(first, OrderState.UNKNOWN)
    name = client_order_id_of(signal.signal_id, TANIA, attempt=2)
    second = replace(first, client_order_id=name, attempt=2)
    desk.waiting.hold(second, run, before=first)
    return first, second, run


@both
def test_a_second_attempt_takes_the_place_of_the_first_in_the_ledger(desk: WaitingDesk, signal: TradeSignal) -> None:
    first, second, _ = absent(desk, signal)
    assert desk.waiting.release() == 1
    assert desk.launched() == [second]
    (row,) = desk.rows(signal.signal_id)
    assert (row.client_order_id, row.attempt, row.state) == (second.client_order_id, 2, OrderState.SUBMITTING)
    assert desk.ledger.views.copy(first.client_order_id) is None


def test_a_second_attempt_of_an_entry_that_became_too_old_has_failed(desk: WaitingDesk) -> None:
    desk.accounts[TANIA].paused = True
    first, _, run = absent(desk, ENTRY)
    desk.clock.advance(61)
    desk.waiting.release()
    (row,) = desk.rows(ENTRY.signal_id)
    assert (row.client_order_id, row.state) == (first.client_order_id, OrderState.FAILED)
    assert "too old" in row.reason
    assert run.results[0].state is OrderState.FAILED


def test_a_second_attempt_that_comes_back_is_not_attempted_anew(desk: WaitingDesk) -> None:
    _, second, run = absent(desk, EXIT)
    desk.waiting.release()
    desk.come_back(second, run)
    desk.release_for(2)
    assert desk.launched() == [second, second]
    assert desk.row(second.client_order_id).attempt == 2


# -- the master has sold ------------------------------------------------------------------------------------------


def test_entries_that_wait_are_dropped_when_the_master_sells_and_exits_are_not(desk: WaitingDesk) -> None:
    desk.accounts[TANIA].paused = True
    entry, run = desk.hold(ENTRY)
    exit_, _ = desk.hold(EXIT)
    master_sells(desk)
    row = desk.row(entry.client_order_id)
    assert (row.state, run.results[0].state) == (OrderState.EXPIRED, OrderState.EXPIRED)
    assert "sold" in row.reason
    desk.accounts[TANIA].paused = False
    assert desk.waiting.release() == 1
    assert desk.launched() == [exit_]


@pytest.mark.parametrize(
    "sold",
    [replace(EXIT, symbol="ETH-USD"), replace(EXIT, master=AccountId.master(BrokerType.COINBASE))],
    ids=["another symbol", "another master"],
)
def test_entries_of_other_symbols_and_of_other_masters_stay(desk: WaitingDesk, sold: TradeSignal) -> None:
    desk.hold(ENTRY)
    master_sells(desk, sold)
    assert desk.waiting.release() == 1


def test_while_an_exit_is_planned_no_entry_of_its_symbol_leaves(desk: WaitingDesk) -> None:
    entry, _ = desk.hold(ENTRY)
    with desk.waiting.closing(EXIT):
        assert desk.waiting.release() == 0
    assert desk.row(entry.client_order_id).state is OrderState.EXPIRED


def test_an_entry_that_comes_to_wait_after_the_exit_does_not_leave(desk: WaitingDesk) -> None:
    entry, _ = desk.hold(ENTRY)
    desk.sold_since = True
    assert desk.waiting.release() == 0
    assert desk.row(entry.client_order_id).state is OrderState.EXPIRED


def test_an_entry_does_not_overtake_the_exit_before_it(desk: WaitingDesk) -> None:
    entry, _ = desk.hold(ENTRY)
    exit_, _ = desk.hold(EXIT)
    assert desk.waiting.release() == 2
    assert desk.launched() == [exit_, entry]


def test_an_exit_that_could_not_be_planned_drops_no_entry(desk: WaitingDesk) -> None:
    desk.hold(ENTRY)

    def plan() -> None:
        with desk.waiting.closing(EXIT):
            raise LedgerUnavailable("disk full")

    with pytest.raises(LedgerUnavailable):
        plan()
    assert desk.waiting.release() == 1


def test_a_second_attempt_that_the_master_has_sold_since_has_failed(desk: WaitingDesk) -> None:
    first, _, _ = absent(desk, ENTRY)
    master_sells(desk)
    assert desk.row(first.client_order_id).state is OrderState.FAILED
    assert desk.waiting.release() == 0


# -- trouble ------------------------------------------------------------------------------------------------------


@both
def test_while_the_ledger_cannot_be_written_nothing_leaves_and_afterwards_it_does(
    desk: WaitingDesk, signal: TradeSignal
) -> None:
    order, _ = desk.hold(signal)
    desk.ledger.away = "disk full"
    assert (desk.waiting.release(), desk.launched(), len(desk.waiting)) == (0, [], 1)
    desk.ledger.away = ""
    assert desk.waiting.release() == 1
    assert desk.launched() == [order]


@pytest.mark.parametrize("state", [OrderState.ACCEPTED, OrderState.REJECTED])
def test_an_order_that_was_sent_by_another_way_does_not_leave_again(desk: WaitingDesk, state: OrderState) -> None:
    run = desk.plan(EXIT, desk.copy_of(EXIT, state=OrderState.SUBMITTING))
    order = desk.order(run)
    desk.write(order, state)
    desk.waiting.hold(order, run)
    other, _ = desk.hold(replace(EXIT, order_id="O-EXIT-2", signal_id=SignalId("")))
    desk.release_for(2)
    assert [one for one in desk.launched() if one.client_order_id == order.client_order_id] == []
    assert other in desk.launched(), "it keeps nobody else"


def test_what_waits_to_be_sold_is_not_planned_with_again(desk: WaitingDesk) -> None:
    desk.accounts[TANIA].paused = True
    order, _ = desk.hold(EXIT)
    assert desk.coins.expected(TANIA, BTC, SignalId("another exit")) == Decimal("0.002") - order.quantity
    entry, _ = desk.hold(ENTRY)
    assert desk.coins.expected(TANIA, BTC, SignalId("another exit")) == 0, "an entry that waits has bought nothing"
    master_sells(desk)
    assert desk.coins.sellable(replace(order, client_order_id=ClientOrderId("other"))) == 0
    assert entry.side is Side.BUY


def test_many_threads_release_and_drop_and_every_order_leaves_or_ends_once(desk: WaitingDesk) -> None:
    signals = [replace(ENTRY, order_id=f"O-{number}", signal_id=SignalId("")) for number in range(30)]
    held = [desk.hold(signal)[0] for signal in signals]
    together = threading.Barrier(4)

    def work(number: int) -> None:
        together.wait(PATIENCE_S)
        for _ in range(5):
            if number == 0:
                master_sells(desk)
            else:
                desk.waiting.release()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    sent = Counter(order.client_order_id for order in desk.launched())
    ended = {order.client_order_id for order in held if desk.row(order.client_order_id).state is OrderState.EXPIRED}
    assert set(sent.values()) <= {1}
    assert sent.keys() | ended == {order.client_order_id for order in held}
    assert not sent.keys() & ended


# -- any course of things -----------------------------------------------------------------------------------------


class AnyCourse(RuleBasedStateMachine):
    """Accounts come and go, time passes, the ledger is away at times; each order leaves once, or ends once."""

    def __init__(self, ledger: AwayLedger, numbers: Iterator[int]) -> None:
        super().__init__()
        self.desk = WaitingDesk(ledger)
        self.desk.ledger.away = ""
        self.runs: dict[ClientOrderId, SignalRun] = {}
        self.sent_now: set[ClientOrderId] = set()
        self.numbers = numbers

    @rule(side=st.sampled_from(Side))
    def hold(self, side: Side) -> None:
        template, timestamp = ENTRY if side is Side.BUY else EXIT, self.desk.clock.time()
        signal = replace(template, order_id=f"O-{next(self.numbers)}", signal_id=SignalId(""), timestamp=timestamp)
        away, self.desk.ledger.away = self.desk.ledger.away, ""
        order, run = self.desk.hold(signal)
        self.desk.ledger.away = away
        self.runs[order.client_order_id] = run

    @rule(
        connected=st.booleans(), paused=st.booleans(), doubted=st.booleans(), stopped=st.booleans(), away=st.booleans()
    )
    def change(self, connected: bool, paused: bool, doubted: bool, stopped: bool, away: bool) -> None:
        account = self.desk.accounts[TANIA]
        account.connected, account.paused, account.doubted = connected, paused, {BTC} if doubted else set()
        self.desk.stopped = "maintenance" if stopped else None
        self.desk.ledger.away = "disk full" if away else ""

    @rule(seconds=st.sampled_from([0.5, 5.0, 40.0]))
    def pass_time(self, seconds: float) -> None:
        self.desk.clock.advance(seconds)

    @rule()
    def release(self) -> None:
        before = len(self.desk.launched())
        left = self.desk.waiting.release()
        now = self.desk.launched()[before:]
        assert left == len(now)
        for order in now:
            assert order.client_order_id not in self.sent_now, "it is on its way already"
            assert not self._ended(order.client_order_id)
            self.sent_now.add(order.client_order_id)

    @rule()
    def drop(self) -> None:
        master_sells(self.desk)

    @rule(data=st.data())
    def come_back(self, data: st.DataObject) -> None:
        if self.sent_now:
            name = data.draw(st.sampled_from(sorted(self.sent_now)))
            self.sent_now.discard(name)
            (order, *_) = [one for one in self.desk.launched() if one.client_order_id == name]
            self.desk.come_back(order, self.runs[name])

    def _ended(self, name: ClientOrderId) -> bool:
        return self.runs[name].results[0].state is OrderState.EXPIRED

    @invariant()
    def an_order_is_at_one_place(self) -> None:
        ended = {name for name in self.runs if self._ended(name)}
        assert not ended & self.sent_now
        assert len(self.desk.waiting) + len(ended) + len(self.sent_now) == len(self.runs)
        assert all(self.runs[name].signal.is_entry for name in ended), "exits do not end"


def test_in_any_course_of_things_an_order_is_never_sent_twice_nor_sent_and_ended(desk: WaitingDesk) -> None:
    numbers = itertools.count(1)
    run_state_machine_as_test(
        lambda: AnyCourse(desk.ledger, numbers), settings=settings(max_examples=40, stateful_step_count=25)
    )
