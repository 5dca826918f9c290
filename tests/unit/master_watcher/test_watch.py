"""The watch's thread: sockets that come and go, questions, answers that fail, marks, and an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from bot.domain.enums import BrokerType, Side
from bot.domain.errors import LedgerUnavailable, VenueUnclear
from bot.domain.executions import Execution
from bot.domain.ids import AccountId, ClientOrderId, VenueOrderId, new_client_order_id
from bot.domain.orders import AccountBalances, VenueOrder
from bot.domain.ports import ExecutionListener, ExecutionStream
from bot.domain.signals import TradeSignal
from bot.master_watcher import MasterWatch, WatchParts
from bot.runtime.clock import SystemClock
from tests.paper_exchange.client import eventually

MASTER = AccountId.master(BrokerType.KRAKEN)
PATIENCE_S = 30.0


class Stream:
    """A socket that the test speaks for."""

    def __init__(self) -> None:
        self.healthy = False
        self.started = threading.Event()
        self.stopped = threading.Event()

    def start(self) -> None:
        self.started.set()

    def stop(self) -> None:
        self.stopped.set()

    def join(self, deadline: float) -> bool:
        return True


@dataclass
class Broker:
    """A master's broker whose books the test writes."""

    account: AccountId = MASTER
    connected: bool = True
    status: str = "connected"
    stream: Stream | None = None
    books: list[Execution] = field(default_factory=list)
    orders: list[VenueOrder] = field(default_factory=list)
    fails: str = ""
    asked: list[float] = field(default_factory=list)
    refreshed: int = 0
    #: While it is set, questions wait for their answer.
    held: threading.Event | None = None
    balances: AccountBalances = field(
        default_factory=lambda: AccountBalances({"USD": Decimal(10_000), "BTC": Decimal(5)}, at=time.time() - 30)
    )
    _hear: Callable[[AccountBalances], None] = lambda _: None

    def open_stream(self, listener: ExecutionListener) -> ExecutionStream | None:
        return self.stream

    def list_executions(self, since: float) -> Future[list[Execution]]:
        self.asked.append(since)
        answer: Future[list[Execution]] = Future()
        found = [one for one in self.books if one.time >= since]
        if self.held is not None:
            held = self.held
            threading.Thread(target=lambda: held.wait(PATIENCE_S) and answer.set_result(found)).start()
        elif self.fails:
            answer.set_exception(VenueUnclear(self.fails))
        else:
            answer.set_result(found)
        return answer

    def list_orders(self, since: float) -> Future[list[VenueOrder]]:
        answer: Future[list[VenueOrder]] = Future()
        if self.fails:
            answer.set_exception(VenueUnclear(self.fails))
        else:
            answer.set_result(self.orders)
        return answer

    def hear_balances(self, callback: Callable[[AccountBalances], None]) -> None:
        self._hear = callback
        callback(self.balances)

    def refresh_balances(self, timeout_s: float | None = None) -> AccountBalances:
        self.refreshed += 1
        self._hear(self.balances)
        return self.balances


@dataclass
class Record:
    """A ledger in memory."""

    marks_of: dict[AccountId, tuple[float, float]] = field(default_factory=dict)
    signals: list[TradeSignal] = field(default_factory=list)
    uncopied: dict[str, Decimal] = field(default_factory=dict)
    fails: bool = False

    def marks(self, account: AccountId) -> tuple[float, float] | None:
        self._check()
        return self.marks_of.get(account)

    def set_marks(self, account: AccountId, since: float, until: float) -> None:
        self._check()
        self.marks_of[account] = (since, until)

    def own_orders(self, account: AccountId, names: Collection[ClientOrderId]) -> set[ClientOrderId]:
        self._check()
        return set()

    def covered(self, account: AccountId, order_ids: Collection[VenueOrderId]) -> Mapping[VenueOrderId, Decimal]:
        self._check()
        return {
            one: sum((signal.size for signal in list(self.signals) if signal.order_id == one), Decimal(0))
            + self.uncopied.get(one, Decimal(0))
            for one in order_ids
        }

    def balance_before(self, account: AccountId, order_id: VenueOrderId) -> Decimal | None:
        return next((one.master_balance for one in self.signals if one.order_id == order_id), None)

    def leave_uncopied(self, account: AccountId, order_id: VenueOrderId, up_to: Decimal, reason: str) -> None:
        self.uncopied[order_id] = up_to

    def _check(self) -> None:
        if self.fails:
            raise LedgerUnavailable("disk full")

    def emit(self, signal: TradeSignal) -> bool:
        self.signals.append(signal)
        return True


@dataclass
class Said:
    """What was announced."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def watching(self, account: AccountId, by: str) -> None:
        self.lines.append(("watching", by))

    def watch_interrupted(self, account: AccountId, reason: str) -> None:
        self.lines.append(("interrupted", reason))

    def watch_blind(self, account: AccountId, seconds: float, reason: str) -> None:
        self.lines.append(("blind", reason))

    def traded_by_hand(self, signal: TradeSignal) -> None:
        self.lines.append(("by hand", signal.order_id))

    def emitting(self, signal: TradeSignal) -> None: ...
    def emitted(self, signal: TradeSignal) -> None: ...
    def signal_refused(self, signal: TradeSignal, reason: str) -> None:
        self.lines.append(("refused", reason))


class FastClock(SystemClock):
    """The machine's clock whose monotonic hand a test pushes on."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() + self.ahead_ns


@dataclass
class Scene:
    broker: Broker = field(default_factory=Broker)
    record: Record = field(default_factory=Record)
    said: Said = field(default_factory=Said)
    clock: FastClock = field(default_factory=FastClock)
    poll_s: float = 0.05
    watch: MasterWatch = field(init=False)
    emit: Callable[[TradeSignal], bool] | None = None

    def start(self) -> MasterWatch:
        emit = self.emit or self.record.emit
        self.watch = MasterWatch(
            WatchParts(self.broker, self.record, emit, self.said, self.clock, self.poll_s, max_signal_age_s=60.0)
        )
        self.watch.start()
        return self.watch

    def end(self) -> None:
        if hasattr(self, "watch"):
            self.watch.stop()
            assert self.watch.join(time.monotonic() + PATIENCE_S)

    def wait(self, true: Callable[[], bool]) -> None:
        eventually(true, PATIENCE_S)


@pytest.fixture
def scene() -> Iterator[Scene]:
    one = Scene()
    yield one
    one.end()


def fill(before: int, after: int, *, order: str = "O1", side: Side = Side.BUY, age_s: float = 0.0) -> Execution:
    return Execution(
        MASTER,
        VenueOrderId(order),
        None,
        "BTC-USD",
        side,
        Decimal(after - before),
        Decimal(100),
        Decimal(after),
        time.time() - age_s,
        complete=True,
    )


def test_a_fill_that_a_question_tells_is_a_signal(scene: Scene) -> None:
    scene.start()
    scene.wait(lambda: len(scene.broker.asked) > 1)
    scene.broker.books.append(fill(0, 2))
    scene.wait(lambda: len(scene.record.signals) == 1)
    asked = len(scene.broker.asked)
    scene.wait(lambda: len(scene.broker.asked) > asked + 3)
    assert len(scene.record.signals) == 1


def test_a_fill_told_by_socket_and_by_question_is_one_signal(scene: Scene) -> None:
    scene.broker.stream = Stream()
    watch = scene.start()
    assert scene.broker.stream.started.wait(PATIENCE_S)
    scene.broker.stream.healthy = True
    watch.listening()
    told = fill(0, 2)
    scene.broker.books.append(told)
    watch.executed([told])
    scene.wait(lambda: len(scene.record.signals) == 1)
    watch.interrupted("silent")
    asked = len(scene.broker.asked)
    scene.wait(lambda: len(scene.broker.asked) > asked)
    scene.end()
    assert len(scene.record.signals) == 1
    assert scene.broker.stream.stopped.is_set()
    assert ("interrupted", "silent") in scene.said.lines


def test_what_trades_while_a_question_is_under_way_and_no_socket_listens_is_asked_for(scene: Scene) -> None:
    stream = scene.broker.stream = Stream()
    stream.healthy = True
    scene.broker.held = threading.Event()
    watch = scene.start()
    scene.wait(lambda: len(scene.broker.asked) == 1)
    # Too late for the answer that is on its way, too early for the socket.
    scene.broker.books.append(fill(0, 2))
    watch.listening()
    held, scene.broker.held = scene.broker.held, None
    held.set()
    scene.wait(lambda: len(scene.record.signals) == 1)


def test_a_first_start_leaves_what_was_before_alone(scene: Scene) -> None:
    scene.broker.books.append(fill(0, 2, age_s=30))
    scene.start()
    scene.wait(lambda: len(scene.broker.asked) > 3)
    assert scene.record.signals == []
    since, until = scene.record.marks_of[MASTER]
    assert abs(since - time.time()) < PATIENCE_S
    assert since == until


def resting(order: str, executed: int, name: ClientOrderId | None = None, *, is_open: bool = True) -> VenueOrder:
    filled = Decimal(executed)
    return VenueOrder(
        VenueOrderId(order), name, "BTC-USD", Side.SELL, Decimal(5), filled, filled * 100, Decimal(0), is_open, 0.0
    )


def test_what_an_open_order_traded_before_the_first_watch_is_not_sold_after_a_restart(scene: Scene) -> None:
    scene.broker.orders += [
        resting("O1", 1),
        resting("O2", 0),
        resting("O3", 1, new_client_order_id()),
        resting("O4", 5, is_open=False),
    ]
    scene.start()
    scene.wait(lambda: MASTER in scene.record.marks_of)
    assert scene.record.uncopied == {"O1": Decimal(1)}

    scene.end()
    scene.broker.books.append(fill(1, 2, side=Side.SELL, age_s=-1))
    scene.start()
    scene.wait(lambda: len(scene.record.signals) == 1)
    (signal,) = scene.record.signals
    assert (signal.filled_before, signal.size) == (1, 1)


def test_a_first_watch_begins_once_the_open_orders_are_known(scene: Scene) -> None:
    scene.broker.fails = "no way to the venue"
    scene.start()
    assert not scene.watch.join(time.monotonic() + 0.3)
    assert scene.broker.asked == []
    assert scene.record.marks_of == {}
    scene.broker.fails = ""
    scene.wait(lambda: MASTER in scene.record.marks_of and len(scene.broker.asked) > 0)


def test_what_traded_while_the_bot_was_down_is_found(scene: Scene) -> None:
    now = time.time()
    scene.record.marks_of[MASTER] = (now - 5000, now - 1000)
    scene.broker.books += [fill(0, 1, age_s=500), fill(0, 2, order="O2", side=Side.SELL, age_s=400)]
    scene.start()
    scene.wait(lambda: len(scene.record.signals) == 2)
    assert [(one.order_id, one.side) for one in scene.record.signals] == [("O1", Side.BUY), ("O2", Side.SELL)]
    assert scene.broker.asked[0] < now - 1000


def test_the_mark_goes_on_once_all_is_recorded(scene: Scene) -> None:
    now = time.time()
    scene.record.marks_of[MASTER] = (now - 5000, now - 1000)
    scene.broker.books.append(fill(0, 1, age_s=500))
    scene.start()
    scene.wait(lambda: scene.record.marks_of[MASTER][1] > now - 100)
    assert scene.record.marks_of[MASTER][0] == now - 5000
    assert len(scene.record.signals) == 1


def test_the_mark_stays_while_a_signal_is_not_in_the_ledger(scene: Scene) -> None:
    now = time.time()
    scene.record.marks_of[MASTER] = (now - 5000, now - 1000)
    scene.broker.books.append(fill(0, 1, age_s=500))
    lost: list[TradeSignal] = []
    scene.emit = lambda signal: lost.append(signal) or True
    scene.start()
    scene.wait(lambda: len(lost) == 1 and len(scene.broker.asked) > 3)
    assert scene.record.marks_of[MASTER][1] == now - 1000
    scene.clock.ahead_ns += 40 * 10**9
    scene.wait(lambda: len(lost) == 2)
    assert lost[0].signal_id == lost[1].signal_id


def test_a_full_queue_is_tried_again(scene: Scene) -> None:
    scene.broker.books.append(fill(0, 1, age_s=-1))
    answers = [False]

    def emit(signal: TradeSignal) -> bool:
        return answers.pop() if answers else scene.record.emit(signal)

    scene.emit = emit
    scene.start()
    scene.wait(lambda: len(scene.record.signals) == 1)
    assert [kind for kind, _ in scene.said.lines].count("refused") == 1


def test_parts_of_an_order_wait_for_those_before_them(scene: Scene) -> None:
    now = time.time()
    scene.record.marks_of[MASTER] = (now - 5000, now - 1000)
    scene.broker.books += [fill(0, 1, age_s=500), fill(1, 2, age_s=0)]
    answers, offered = [False], []

    def emit(signal: TradeSignal) -> bool:
        offered.append(signal.filled_before)
        return answers.pop() if answers else scene.record.emit(signal)

    scene.emit = emit
    scene.start()
    scene.wait(lambda: len(scene.record.signals) == 2)
    assert offered == [0, 0, 1]


def test_questions_that_fail_are_asked_again_and_an_alarm_after_half_a_minute(scene: Scene) -> None:
    scene.record.marks_of[MASTER] = (time.time(), time.time())
    scene.broker.fails = "no way to the venue"
    scene.start()
    scene.wait(lambda: len(scene.broker.asked) > 1)
    assert all(kind != "blind" for kind, _ in scene.said.lines)
    scene.clock.ahead_ns += 31 * 10**9
    scene.wait(lambda: ("blind", "no way to the venue") in scene.said.lines)
    scene.broker.fails = ""
    scene.broker.books.append(fill(0, 1, age_s=-1))
    scene.clock.ahead_ns += 31 * 10**9
    scene.wait(lambda: len(scene.record.signals) == 1)
    assert [kind for kind, _ in scene.said.lines].count("blind") == 1


def test_a_socket_that_never_comes_is_said_now_and_then(scene: Scene) -> None:
    scene.broker.stream = Stream()
    watch = scene.start()
    for _ in range(5):
        watch.interrupted("the key lacks a permission")
    watch.interrupted("another reason")
    scene.wait(lambda: ("interrupted", "another reason") in scene.said.lines)
    assert scene.said.lines.count(("interrupted", "the key lacks a permission")) == 1
    scene.clock.ahead_ns += 601 * 10**9
    watch.interrupted("the key lacks a permission")
    scene.wait(lambda: scene.said.lines.count(("interrupted", "the key lacks a permission")) == 2)


def test_a_ledger_that_fails_loses_nothing(scene: Scene) -> None:
    scene.start()
    scene.wait(lambda: len(scene.broker.asked) > 1)
    scene.record.fails = True
    scene.broker.books.append(fill(0, 1))
    asked = len(scene.broker.asked)
    scene.wait(lambda: len(scene.broker.asked) > asked)
    scene.record.fails = False
    scene.wait(lambda: len(scene.record.signals) == 1)


def test_a_ledger_that_fails_at_start_is_waited_for(scene: Scene) -> None:
    scene.record.fails = True
    scene.start()
    scene.record.fails = False
    scene.broker.books.append(fill(0, 1, age_s=-1))
    scene.wait(lambda: len(scene.record.signals) == 1)


def test_nothing_is_asked_before_the_master_is_connected(scene: Scene) -> None:
    scene.broker.connected = False
    watch = scene.start()
    watch.executed([fill(0, 1, age_s=-1)])
    assert scene.broker.asked == []
    scene.broker.connected = True
    scene.wait(lambda: len(scene.record.signals) == 1)


def test_coins_that_were_deposited_a_moment_ago(scene: Scene) -> None:
    scene.start()
    scene.wait(lambda: len(scene.broker.asked) > 1)
    # After the sale of eight, of five that were known of: three came in, and none is left.
    scene.broker.balances = AccountBalances({"USD": Decimal(10_800), "BTC": Decimal(0)}, at=time.time() + 1)
    scene.broker.books.append(fill(0, 8, side=Side.SELL))
    scene.wait(lambda: len(scene.record.signals) == 1)
    assert scene.broker.refreshed == 1
    assert scene.record.signals[0].share_sold == 1


def test_it_ends_at_once(scene: Scene) -> None:
    scene.poll_s = 3600
    watch = scene.start()
    scene.wait(lambda: len(scene.broker.asked) > 0)
    watch.stop()
    assert watch.join(time.monotonic() + PATIENCE_S)
