"""The run of one signal: every lane answers in its own time, and the end comes once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.copying.coins import CopiedCoins
from bot.copying.guards import Follower
from bot.copying.plan import order_of, plan_copies
from bot.copying.run import RunHearers, SignalRun
from bot.domain.enums import OrderState, Side
from bot.domain.ids import AccountId, ClientOrderId, VenueOrderId
from bot.domain.orders import MarketOrder
from bot.domain.outcomes import Accepted, Rejected, Unknown
from bot.domain.signals import CopyTradeResult, TradeSignal
from tests.fakes.followers import follower
from tests.fakes.trace import PATIENCE_S, Trace
from tests.unit.copying.builders import ENTRY, EXIT, RULES, TANIA, a_report

SECOND_NS = 1_000_000_000


class Stage:
    """A run with everything around it, driven as the lanes would."""

    def __init__(self, followers: list[Follower], signal: TradeSignal = ENTRY, **rules: object) -> None:
        self.trace = Trace()
        self.coins = CopiedCoins({(one.broker.account, "BTC-USD"): Decimal("0.002") for one in followers})
        plan = plan_copies(signal, followers, self.coins, replace(RULES, **rules))  # type: ignore[arg-type]
        self.orders = [order for copy in plan if (order := order_of(copy, signal)) is not None]
        self.goes_on = False
        self.on_wait: Callable[[MarketOrder], None] = lambda order: None
        hearers = RunHearers(
            answered=lambda result: self.trace.add("answer", result),
            waits=self._waits,
            absent=self._absent,
            bought_late=lambda *late: self.trace.add("bought late", late),
            sold_partly=lambda *rest: self.trace.add("sold partly", rest),
            done=lambda run: self.trace.add("done", run.results),
        )
        self.run = SignalRun(signal, plan, self.coins, hearers)
        self.trace.add("committed")
        self.run.begin()

    def _waits(self, order: MarketOrder, run: SignalRun) -> None:
        self.trace.add("wait", (order, run))
        self.on_wait(order)

    def _absent(self, order: MarketOrder, run: SignalRun) -> bool:
        self.trace.add("absent", (order, run))
        return self.goes_on

    def lose(self, order: MarketOrder) -> None:
        """The answer does not come."""
        self.run.answered(order, Unknown("read timed out"), OrderState.UNKNOWN, 6 * SECOND_NS)

    def accept(self, order: MarketOrder, after_s: float = 0.04) -> None:
        answered = self.run.signal.answered_ns + int(after_s * SECOND_NS)
        self.run.answered(order, Accepted(VenueOrderId(f"O-{order.account.name}")), OrderState.ACCEPTED, answered)

    def fill(self, order: MarketOrder) -> None:
        self.run.settled(order, a_report(order.quantity), OrderState.FILLED)

    def result(self, account: AccountId = TANIA) -> CopyTradeResult:
        (found,) = [result for result in self.run.results if result.account == account]
        return found


def test_a_copy_goes_from_the_plan_to_its_fill() -> None:
    stage = Stage([follower()])
    (order,) = stage.orders
    assert stage.result().state is OrderState.SUBMITTING
    assert not stage.run.wait(0)
    stage.coins.open(order)
    stage.accept(order)
    answered = stage.result()
    assert answered.success
    assert (answered.state, answered.order_id, answered.user_id) == (OrderState.ACCEPTED, "O-tania", "tania")
    assert answered.milliseconds == pytest.approx(40)
    assert answered.quantity == order.quantity
    assert not stage.run.wait(0), "accepted is not done"
    stage.fill(order)
    assert stage.run.wait(PATIENCE_S)
    assert stage.result().state is OrderState.FILLED
    assert stage.result().report == a_report(order.quantity)
    assert stage.coins.confirmed(TANIA, "BTC-USD") == Decimal("0.002") + order.quantity
    assert stage.trace.steps == ["committed", "answer", "done"]


def test_a_rejection_is_the_end_and_its_reason_is_kept() -> None:
    stage = Stage([follower()])
    (order,) = stage.orders
    stage.coins.open(order)
    stage.run.answered(order, Rejected("EOrder:Insufficient funds"), OrderState.REJECTED, 6 * SECOND_NS)
    stage.run.settled(order, None, OrderState.REJECTED)
    assert stage.run.wait(0)
    result = stage.result()
    assert not result.success
    assert (result.state, result.reason, result.order_id) == (OrderState.REJECTED, "EOrder:Insufficient funds", None)
    assert stage.coins.confirmed(TANIA, "BTC-USD") == Decimal("0.002")


def test_a_copy_of_unknown_fate_is_still_on_its_way() -> None:
    stage = Stage([follower()])
    (order,) = stage.orders
    stage.coins.open(order)
    stage.lose(order)
    assert not stage.run.wait(0)
    result = stage.result()
    assert (result.state, result.reason, result.success) == (OrderState.UNKNOWN, "read timed out", False)
    stage.accept(order, after_s=1.0)
    stage.fill(order)
    assert stage.run.wait(0)
    found = stage.result()
    assert (found.state, found.order_id, found.reason) == (OrderState.FILLED, "O-tania", "")
    assert found.milliseconds == pytest.approx(1000)
    assert stage.trace.count("done") == 1


def test_a_sell_of_unknown_fate_keeps_its_coins_out_of_the_next_exits_reach() -> None:
    """If it was placed, they are sold; to sell them again would sell what copying did not buy."""
    stage = Stage([follower()], EXIT)
    (order,) = stage.orders
    stage.coins.open(order)
    stage.lose(order)
    other = replace(order, client_order_id=order.client_order_id[::-1])
    assert stage.coins.sellable(other) == Decimal("0.002") - order.quantity


def test_an_absent_copy_that_nobody_goes_on_with_ends_failed() -> None:
    stage = Stage([follower()])
    (order,) = stage.orders
    stage.coins.open(order)
    stage.lose(order)
    assert stage.run.absent(order) is False
    assert stage.trace.of("absent") == [(order, stage.run)]
    assert not stage.run.wait(0), "its lane tells the end"
    stage.run.answered(order, Rejected("not there"), OrderState.FAILED, 6 * SECOND_NS)
    stage.run.settled(order, None, OrderState.FAILED)
    assert stage.run.wait(0)
    assert (stage.result().state, stage.result().reason) == (OrderState.FAILED, "not there")
    assert stage.coins.expected(TANIA, "BTC-USD", EXIT.signal_id) == Decimal("0.002")


def test_an_absent_copy_that_goes_out_again_is_still_on_its_way_under_its_new_name() -> None:
    stage = Stage([follower()])
    (order,) = stage.orders
    stage.goes_on = True
    stage.lose(order)
    assert stage.run.absent(order) is True
    assert not stage.run.wait(0)
    assert stage.result().state is OrderState.PLANNED
    assert stage.run.why(order) == stage.result().reason != ""
    again = replace(order, client_order_id=ClientOrderId("again"), attempt=2)
    stage.run.resume(again)
    stage.accept(again)
    stage.fill(again)
    assert stage.run.wait(0)
    assert (stage.result().state, stage.result().client_order_id) == (OrderState.FILLED, "again")
    assert stage.trace.count("done") == 1


def test_an_absent_copy_whose_next_attempt_never_leaves_ends_the_run() -> None:
    stage = Stage([follower()])
    (order,) = stage.orders
    stage.goes_on = True
    stage.lose(order)
    stage.run.absent(order)
    stage.run.end(replace(order, attempt=2), OrderState.FAILED, "the master has sold since")
    assert stage.run.wait(0)
    assert (stage.result().state, stage.result().reason) == (OrderState.FAILED, "the master has sold since")


def test_an_order_that_leaves_as_soon_as_it_waits_is_waited_for() -> None:
    """Another thread sends what waits, at any moment."""
    stage = Stage([follower()], EXIT)
    (order,) = stage.orders
    stage.on_wait = stage.run.resume
    stage.run.answered(order, Rejected("too fast", not_now=True), OrderState.PLANNED, 6 * SECOND_NS)
    stage.run.settled(order, None, OrderState.PLANNED)
    assert not stage.run.wait(0)
    assert stage.result().state is OrderState.SUBMITTING
    stage.accept(order)
    stage.fill(order)
    assert stage.run.wait(0)


def test_a_late_buy_is_told_with_the_exits_that_missed_it() -> None:
    stage = Stage([follower()])
    (order,) = stage.orders
    stage.coins.open(order)
    stage.lose(order)
    stage.coins.expected(TANIA, "BTC-USD", EXIT.signal_id)
    stage.accept(order)
    assert stage.trace.count("bought late") == 0, "how much was bought is known with the fill"
    stage.fill(order)
    assert stage.trace.of("bought late") == [(order, a_report(order.quantity), [EXIT.signal_id])]


def test_a_buy_that_no_exit_missed_or_that_was_not_placed_is_not_late() -> None:
    for missed in (False, True):
        stage = Stage([follower()])
        (order,) = stage.orders
        stage.coins.open(order)
        stage.lose(order)
        if missed:
            stage.coins.expected(TANIA, "BTC-USD", EXIT.signal_id)
            stage.run.settled(order, None, OrderState.FAILED)
        else:
            stage.fill(order)
        assert stage.trace.count("bought late") == 0


def test_an_order_that_waited_in_vain_is_told_with_its_reason() -> None:
    stage = Stage([follower()])
    (order,) = stage.orders
    stage.run.answered(order, Rejected("account paused", not_now=True), OrderState.PLANNED, 6 * SECOND_NS)
    stage.run.settled(order, None, OrderState.PLANNED)
    stage.run.end(order, OrderState.EXPIRED, "signal too old")
    assert (stage.result().state, stage.result().reason) == (OrderState.EXPIRED, "signal too old")
    assert stage.trace.of("answer")[-1] == stage.result()
    assert stage.run.wait(0)


def test_who_is_skipped_has_a_result_from_the_beginning() -> None:
    stage = Stage([follower("poor", dollars=5), follower()])
    poor = stage.result(AccountId.parse("poor:kraken"))
    assert (poor.state, poor.quantity, poor.success) == (OrderState.SKIPPED, Decimal(0), False)
    assert poor.reason.startswith("below minimum")
    assert [result.account.name for result in stage.run.results] == ["poor", "tania"]


@pytest.mark.parametrize("followers", [[], [follower(dollars=5)]], ids=["nobody", "everybody skipped"])
def test_a_signal_that_nobody_copies_is_done_as_soon_as_its_plan_is_committed(followers: list[Follower]) -> None:
    stage_trace = Stage(followers).trace
    assert stage_trace.steps == ["committed", "done"]


def test_copies_that_ended_before_the_commit_was_told_end_the_run_once() -> None:
    stage = Stage([follower()])
    (order,) = stage.orders
    stage.accept(order)
    stage.fill(order)
    stage.run.begin()
    assert stage.run.wait(0)
    assert stage.trace.count("done") == 1


def test_an_exit_that_waits_ends_the_run_for_now_and_comes_back_when_it_leaves() -> None:
    stage = Stage([follower()], EXIT)
    (order,) = stage.orders
    stage.coins.open(order)
    stage.run.answered(order, Rejected("kill switch: x", sent=False), OrderState.PLANNED, 6 * SECOND_NS)
    stage.run.settled(order, None, OrderState.PLANNED)
    assert stage.trace.of("wait") == [(order, stage.run)]
    assert stage.result().state is OrderState.PLANNED
    assert stage.result().reason == "kill switch: x"
    stage.run.resume(order)
    assert stage.result().state is OrderState.SUBMITTING
    assert stage.result().reason == ""
    stage.coins.open(order)
    stage.accept(order)
    stage.fill(order)
    assert stage.result().state is OrderState.FILLED
    assert stage.coins.confirmed(TANIA, "BTC-USD") == Decimal("0.002") - order.quantity


def test_the_end_of_a_run_is_told_once() -> None:
    """Whoever counts signals by their ends would count this one twice."""
    stage = Stage([follower()], EXIT)
    (order,) = stage.orders
    stage.run.settled(order, None, OrderState.PLANNED)
    stage.run.resume(order)
    stage.accept(order)
    stage.fill(order)
    assert stage.trace.count("done") == 1


def test_who_asks_while_a_resumed_exit_is_on_its_way_waits_for_it() -> None:
    stage = Stage([follower()], EXIT)
    (order,) = stage.orders
    stage.run.settled(order, None, OrderState.PLANNED)
    stage.run.resume(order)
    assert not stage.run.wait(0), "no copy is on its way any more, it says, and one is"
    stage.accept(order)
    stage.fill(order)
    assert stage.run.wait(0)


def test_a_signal_that_came_from_elsewhere_has_no_latency() -> None:
    stage = Stage([follower()], replace(ENTRY, answered_ns=0))
    stage.accept(stage.orders[0])
    assert stage.result().milliseconds is None


def test_an_exit_that_was_cut_to_what_is_there_tells_the_size_that_left() -> None:
    stage = Stage([follower()], EXIT)
    cut = replace(stage.orders[0], quantity=Decimal("0.0003"))
    stage.accept(cut)
    assert stage.result().quantity == Decimal("0.0003")


def test_a_hundred_lanes_that_answer_at_once_are_all_heard_and_the_end_comes_once() -> None:
    people = [follower(f"user{number}") for number in range(100)]
    stage = Stage(people)
    together = threading.Barrier(len(people))

    def lane(order: MarketOrder, number: int) -> None:
        together.wait(PATIENCE_S)
        if number % 3 == 0:
            stage.run.answered(order, Rejected("no"), OrderState.REJECTED, 6 * SECOND_NS)
            stage.run.settled(order, None, OrderState.REJECTED)
        else:
            stage.accept(order)
            stage.fill(order)

    for order in stage.orders:
        stage.coins.open(order)
    threads = [threading.Thread(target=lane, args=(order, number)) for number, order in enumerate(stage.orders)]
    for thread in threads:
        thread.start()
    assert stage.run.wait(PATIENCE_S)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert stage.trace.count("answer") == 100
    (results,) = stage.trace.of("done")
    states = [result.state for result in results]
    assert (states.count(OrderState.FILLED), states.count(OrderState.REJECTED)) == (66, 34)
    for result in results:
        bought = result.quantity if result.state is OrderState.FILLED else Decimal(0)
        assert stage.coins.confirmed(result.account, "BTC-USD") == Decimal("0.002") + bought


def test_a_side_is_copied_as_it_is() -> None:
    assert {order.side for order in Stage([follower()], EXIT).orders} == {Side.SELL}
