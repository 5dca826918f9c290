"""Every fill by hand becomes part of exactly one signal, whatever is lost, repeated, late or restarted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.domain.enums import BrokerType, Side
from bot.domain.executions import Execution
from bot.domain.ids import AccountId, ClientOrderId, VenueOrderId, new_client_order_id
from bot.domain.orders import AccountBalances
from bot.domain.signals import TradeSignal
from bot.master_watcher.orders import OrdersByHand
from tests.fakes.clock import SettableClock

MASTER = AccountId.master(BrokerType.KRAKEN)
MAX_AGE_S = 60.0


@dataclass
class Record:
    """A ledger that takes a signal only where the one before it ended."""

    own: set[ClientOrderId] = field(default_factory=set)
    signals: list[TradeSignal] = field(default_factory=list)
    uncopied: dict[VenueOrderId, Decimal] = field(default_factory=dict)

    def take(self, signal: TradeSignal) -> bool:
        order_id = VenueOrderId(signal.order_id)
        if signal.filled_before != self.covered(MASTER, [order_id])[order_id]:
            return False
        self.signals.append(signal)
        return True

    def signalled(self, order_id: VenueOrderId) -> Decimal:
        return sum((one.size for one in self.signals if one.order_id == order_id), Decimal(0))

    def own_orders(self, account: AccountId, names: Collection[ClientOrderId]) -> set[ClientOrderId]:
        return self.own & set(names)

    def covered(self, account: AccountId, order_ids: Collection[VenueOrderId]) -> Mapping[VenueOrderId, Decimal]:
        return {one: self.signalled(one) + self.uncopied.get(one, Decimal(0)) for one in order_ids}

    def balance_before(self, account: AccountId, order_id: VenueOrderId) -> Decimal | None:
        return next((one.master_balance for one in self.signals if one.order_id == order_id), None)

    def leave_uncopied(self, account: AccountId, order_id: VenueOrderId, up_to: Decimal, reason: str) -> None:
        self.uncopied[order_id] = up_to - self.signalled(order_id)


@dataclass
class Hand:
    """Orders by hand, their ledger, and an engine that takes what is emitted."""

    clock: SettableClock = field(default_factory=SettableClock)
    record: Record = field(default_factory=Record)
    since: float = 0.0
    first: bool = True

    def __post_init__(self) -> None:
        self.since = self.since or self.clock.time()
        self.restart(first=self.first)

    def restart(self, *, first: bool = False) -> None:
        self.orders = OrdersByHand(MASTER, self.record, self.clock, MAX_AGE_S, self.since, is_first_watch=first)
        now = self.clock.time()
        self.orders.show(AccountBalances({"USD": Decimal(100_000), "BTC": Decimal(50)}, at=now), heard_at=now)

    def hear(self, *executions: Execution, listed: bool = False) -> list[TradeSignal]:
        self.orders.hear(executions, self.clock.monotonic_ns(), listed=listed)
        return self.emit()

    def emit(self, *, lost: bool = False) -> list[TradeSignal]:
        made = []
        for part in self.orders.due():
            before = self.orders.before(part)
            self.orders.prepare(part)
            signal = self.orders.signal_of(part, before)
            if not lost:
                self.record.take(signal)
            self.orders.emitted(part, before)
            made.append(signal)
        return made

    def fill(
        self,
        before: str,
        after: str,
        *,
        order: str = "O1",
        side: Side = Side.BUY,
        name: str | None = None,
        age_s: float = 0.0,
        complete: bool = False,
    ) -> Execution:
        return Execution(
            MASTER,
            VenueOrderId(order),
            ClientOrderId(name) if name else None,
            "BTC-USD",
            side,
            Decimal(after) - Decimal(before),
            Decimal(100),
            Decimal(after),
            self.clock.time() - age_s,
            complete=complete,
        )


@pytest.fixture
def hand() -> Hand:
    one = Hand()
    one.clock.advance(100)
    return one


def test_a_complete_order_is_a_signal_at_once(hand: Hand) -> None:
    (signal,) = hand.hear(hand.fill("0", "2", complete=True))
    assert (signal.by_hand, signal.size, signal.price, signal.side) == (True, 2, 100, Side.BUY)
    assert (signal.master_balance, signal.position_before, signal.filled_before) == (100_000, 50, 0)


def test_fills_within_moments_are_one_signal(hand: Hand) -> None:
    assert hand.hear(hand.fill("0", "1")) == []
    assert hand.hear(hand.fill("1", "2")) == []
    hand.clock.advance(0.03)
    assert [signal.size for signal in hand.emit()] == [2]


def test_later_fills_are_gathered_for_a_second(hand: Hand) -> None:
    hand.hear(hand.fill("0", "1"))
    hand.clock.advance(0.03)
    hand.emit()
    hand.clock.advance(0.3)
    assert hand.hear(hand.fill("1", "2")) == []
    hand.clock.advance(0.3)
    assert hand.hear(hand.fill("2", "3")) == []
    hand.clock.advance(0.5)
    (signal,) = hand.emit()
    assert (signal.filled_before, signal.size) == (1, 2)


def test_an_order_that_fills_for_minutes_is_gathered_for_longer_and_longer(hand: Hand) -> None:
    made = []
    for number in range(600):
        made += hand.hear(hand.fill(str(number), str(number + 1)))
        hand.clock.advance(0.1)
        made += hand.emit()
    (last,) = hand.hear(hand.fill("600", "601", complete=True))
    assert len(made) < 15
    assert last.filled_before + last.size == 601
    assert made[0].size == 1


def test_all_parts_have_the_balance_from_before_the_order_and_the_coins_from_before_themselves(hand: Hand) -> None:
    (first,) = hand.hear(hand.fill("0", "1"), listed=True)
    (second,) = hand.hear(hand.fill("1", "3", complete=True))
    assert first.master_balance == second.master_balance == 100_000
    assert (first.position_before, second.position_before) == (50, 51)
    hand.restart()
    (third,) = hand.hear(hand.fill("3", "4", complete=True))
    assert third.master_balance == 100_000


@pytest.mark.parametrize("name", ["marked", "in the ledger"])
def test_the_bots_own_orders_are_no_signals(hand: Hand, name: str) -> None:
    own = new_client_order_id() if name == "marked" else ClientOrderId("an-older-name")
    if name == "in the ledger":
        hand.record.own.add(own)
    assert hand.hear(hand.fill("0", "2", name=own, complete=True)) == []
    assert hand.orders.all_recorded


def test_a_name_that_somebody_else_gave_is_by_hand(hand: Hand) -> None:
    assert len(hand.hear(hand.fill("0", "2", name="9a1c0d52-1111-4222-8333-444455556666", complete=True))) == 1


def test_own_trades_count_for_what_was_there_before(hand: Hand) -> None:
    hand.hear(hand.fill("0", "2", order="OWN", name=new_client_order_id(), complete=True))
    (signal,) = hand.hear(hand.fill("0", "1", side=Side.SELL, complete=True))
    assert signal.position_before == 52


def test_what_traded_before_the_watch_is_let_be(hand: Hand) -> None:
    assert hand.hear(hand.fill("0", "2", age_s=500, complete=True), listed=True) == []
    assert hand.orders.all_recorded


def test_an_order_that_was_partly_filled_before_the_watch_is_copied_from_there_on(hand: Hand) -> None:
    hand.hear(hand.fill("0", "2", age_s=500), listed=True)
    (signal,) = hand.hear(hand.fill("2", "3", complete=True))
    assert (signal.filled_before, signal.size) == (2, 1)
    assert hand.record.uncopied == {"O1": 2}
    assert hand.record.signals == [signal]


def test_old_and_fresh_fills_of_a_buy_are_signals_of_their_own(hand: Hand) -> None:
    hand.clock.advance(500)
    old, fresh = hand.hear(hand.fill("0", "2", age_s=300), hand.fill("2", "3", complete=True), listed=True)
    assert (old.size, fresh.size) == (2, 1)
    assert hand.clock.time() - old.timestamp > MAX_AGE_S
    assert fresh.timestamp == hand.clock.time()


def test_old_and_fresh_fills_of_a_sell_are_one_exit(hand: Hand) -> None:
    hand.clock.advance(500)
    fills = (hand.fill("0", "2", side=Side.SELL, age_s=300), hand.fill("2", "3", side=Side.SELL, complete=True))
    assert [signal.size for signal in hand.hear(*fills, listed=True)] == [3]


def test_a_gap_waits_for_the_venues_answer(hand: Hand) -> None:
    assert hand.hear(hand.fill("1", "2", complete=True)) == []
    assert hand.orders.has_gap
    assert not hand.orders.all_recorded
    (signal,) = hand.hear(hand.fill("0", "1"), hand.fill("1", "2", complete=True), listed=True)
    assert (signal.filled_before, signal.size) == (0, 2)


def answer_without_it(hand: Hand) -> list[TradeSignal]:
    made = []
    for _ in range(4):
        hand.clock.advance(5)
        hand.orders.answered()
        made += hand.emit()
    return made


def test_a_gap_in_a_buy_that_nobody_fills_is_let_be(hand: Hand) -> None:
    hand.restart()
    hand.hear(hand.fill("1", "2", complete=True))
    (signal,) = answer_without_it(hand)
    assert (signal.filled_before, signal.size) == (1, 1)
    assert hand.record.signals == [signal]


def test_a_gap_in_a_sell_that_nobody_fills_is_sold(hand: Hand) -> None:
    hand.restart()
    hand.hear(hand.fill("1", "2", side=Side.SELL, complete=True))
    (signal,) = answer_without_it(hand)
    assert (signal.filled_before, signal.size) == (0, 2)


@pytest.mark.parametrize("side", list(Side))
def test_a_gap_of_before_the_watch_is_no_gap(hand: Hand, side: Side) -> None:
    hand.restart()
    assert hand.hear(hand.fill("1", "2", side=side, complete=True)) == []
    (signal,) = hand.hear(hand.fill("0", "1", side=side, age_s=500), listed=True)
    assert (signal.filled_before, signal.size) == (1, 1)
    assert not hand.orders.has_gap
    assert answer_without_it(hand) == []
    assert hand.record.signals == [signal]
    assert hand.orders.all_recorded


def test_parts_follow_each_other_whatever_their_times_are(hand: Hand) -> None:
    hand.clock.advance(500)
    fills = (hand.fill("0", "1", age_s=300), hand.fill("1", "2"), hand.fill("2", "3", age_s=300, complete=True))
    made = hand.hear(*fills, listed=True)
    assert [signal.filled_before for signal in made] == [0, 1, 2]
    assert hand.record.signals == made


def test_a_signal_that_the_ledger_never_got_is_made_again(hand: Hand) -> None:
    hand.orders.hear([hand.fill("0", "2", complete=True)], hand.clock.monotonic_ns(), listed=False)
    (lost,) = hand.emit(lost=True)
    hand.clock.advance(10)
    hand.orders.answered()
    assert hand.emit() == []
    hand.clock.advance(30)
    hand.orders.answered()
    (again,) = hand.emit()
    assert again.signal_id == lost.signal_id
    hand.orders.answered()
    assert hand.orders.all_recorded


class AnyHistory(RuleBasedStateMachine):
    """A venue with orders that fill, a socket that loses and repeats, questions, restarts, an engine that loses."""

    @initialize()
    def begin(self) -> None:
        self.hand = Hand()
        self.hand.clock.advance(1)
        self.books: dict[str, list[Execution]] = {}
        self.unheard: list[Execution] = []
        self.own: set[str] = set()

    @rule(side=st.sampled_from(Side), own=st.booleans(), size=st.integers(1, 5))
    def trade(self, side: Side, own: bool, size: int) -> None:
        order = f"O{len(self.books)}"
        name = new_client_order_id() if own else None
        if own:
            self.own.add(order)
        self._fill(order, side, name, size)

    @precondition(lambda self: self.books)
    @rule(data=st.data(), size=st.integers(1, 5))
    def fill_on(self, data: st.DataObject, size: int) -> None:
        order = data.draw(st.sampled_from(sorted(self.books)))
        last = self.books[order][-1]
        self._fill(order, last.side, last.client_order_id, size)

    def _fill(self, order: str, side: Side, name: str | None, size: int) -> None:
        fills = self.books.setdefault(order, [])
        before = fills[-1].executed if fills else Decimal(0)
        fill = self.hand.fill(str(before), str(before + size), order=order, side=side, name=name)
        fills.append(fill)
        self.unheard.append(fill)

    @precondition(lambda self: self.unheard)
    @rule(data=st.data())
    def hear_by_socket(self, data: st.DataObject) -> None:
        heard = data.draw(st.lists(st.sampled_from(self.unheard), min_size=1, max_size=4))
        self.hand.orders.hear(heard, self.hand.clock.monotonic_ns(), listed=False)
        if data.draw(st.booleans()):
            self.unheard = [one for one in self.unheard if one not in heard]

    @rule()
    def lose_what_the_socket_had(self) -> None:
        self.unheard.clear()

    @rule()
    def ask(self) -> None:
        fills = sorted((one for book in self.books.values() for one in book), key=lambda one: one.time)
        self.hand.orders.hear(fills, self.hand.clock.monotonic_ns(), listed=True)
        self.hand.orders.answered()

    @rule(lost=st.booleans())
    def emit(self, lost: bool) -> None:
        self.hand.emit(lost=lost)

    @rule(seconds=st.sampled_from([0.03, 1.0, 31.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.hand.clock.advance(seconds)

    @rule()
    def restart(self) -> None:
        self.hand.restart()

    @invariant()
    def nothing_twice(self) -> None:
        reached: dict[str, Decimal] = {}
        for signal in self.hand.record.signals:
            assert signal.order_id not in self.own
            assert signal.filled_before == reached.get(signal.order_id, Decimal(0))
            reached[signal.order_id] = signal.filled_before + signal.size
            assert reached[signal.order_id] <= self.books[signal.order_id][-1].executed

    def teardown(self) -> None:
        if not hasattr(self, "hand"):
            return
        for _ in range(6):
            self.ask()
            self.hand.emit()
            self.hand.clock.advance(40)
        self.nothing_twice()
        for order, fills in self.books.items():
            signalled = self.hand.record.signalled(VenueOrderId(order))
            assert signalled == (0 if order in self.own else fills[-1].executed)
        assert self.hand.orders.all_recorded


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
