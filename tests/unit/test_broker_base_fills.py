"""After the answer: fills, balances that trail, exits that wait, and the life of a connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.base import BrokerOptions
from bot.brokers.snapshot import after_fill, agrees_with, shown
from bot.domain.enums import OrderState, Side
from bot.domain.errors import AccountBarred, SettingsError, VenueUnclear, VenueUnreachable
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.orders import AccountBalances, OrderReport, Refused
from bot.domain.outcomes import Accepted, Rejected
from tests.fakes.broker import BTC, send
from tests.fakes.stage import MASTER, TANIA, BrokerStage
from tests.fakes.trace import PATIENCE_S
from tests.unit.copying.builders import a_report, an_order

#: A fault here keeps a caller waiting; three seconds of it are enough to see.
SHORT = BrokerOptions(fill_wait_s=3.0)
SWITCHED_OFF = Refused("kill switch", "maintenance")

Make = Callable[..., BrokerStage]


@pytest.fixture
def make() -> Iterator[Make]:
    stages: list[BrokerStage] = []

    def build(account: AccountId = MASTER, connect: bool = True, **arguments: Any) -> BrokerStage:
        stages.append(BrokerStage(account, **{"options": SHORT, **arguments}))
        return stages[-1].connect() if connect else stages[-1]

    yield build
    for stage in stages:
        stage.close()


@pytest.fixture
def master(make: Make) -> BrokerStage:
    return make(MASTER)


@pytest.fixture
def user(make: Make) -> BrokerStage:
    return make(TANIA)


# -- fills --------------------------------------------------------------------------------------------------------


def test_a_fill_is_asked_for_until_it_is_final(master: BrokerStage) -> None:
    master.broker.reports.extend([None, VenueUnclear("read timed out"), master.not_final])
    result = master.place()
    assert result.state is OrderState.FILLED
    assert result.report is not None
    assert result.report.executed == Decimal("0.002")
    assert master.trace.count("venue.report") == 4
    assert len(master.sent()) == 1


@pytest.mark.parametrize("error", [KeyError("vol_exec"), ZeroDivisionError(), ValueError("not JSON")], ids=repr)
def test_an_answer_that_cannot_be_read_does_not_end_the_asking(master: BrokerStage, error: Exception) -> None:
    master.broker.reports.append(error)
    assert master.place().state is OrderState.FILLED


@pytest.mark.parametrize(
    ("executed", "state"),
    [("0.002", OrderState.FILLED), ("0.0005", OrderState.PARTIALLY_FILLED), ("0", OrderState.FAILED)],
)
def test_the_state_says_how_much_of_it_was_executed(master: BrokerStage, executed: str, state: OrderState) -> None:
    master.broker.reports.append(lambda order, order_id: master.broker.filled(order, order_id, Decimal(executed)))
    result = master.place()
    assert result.state is state
    assert result.accepted, "the venue had it"
    assert master.trace.of("journal.settled")[0][2] is state


def test_a_fill_that_does_not_come_in_time_leaves_the_order_accepted(make: Make) -> None:
    stage = make(MASTER, options=BrokerOptions(fill_wait_s=0.1))
    stage.broker.reports.extend([None] * 50)
    result = stage.place()
    assert (result.accepted, result.state, result.report) == (True, OrderState.ACCEPTED, None)
    stage.broker.reports.clear()
    stage.trace.wait_for("journal.settled")


def test_reads_wait_for_the_rate_limit_and_orders_do_not(master: BrokerStage) -> None:
    master.broker.read_delay = 0.05
    placed = threading.Thread(target=master.place)
    placed.start()
    master.trace.wait_for("journal.answered")
    assert master.trace.count("venue.report") == 0
    master.broker.read_delay = 0.0
    master.trace.wait_for("journal.settled")
    placed.join(PATIENCE_S)


def test_an_order_is_confirmed_once(user: BrokerStage) -> None:
    order = user.order()
    user.broker.booked["BTC"] = Decimal(1)
    send(user.broker, order, user.observer)
    user.trace.wait_for("journal.answered")
    user.copy(user.order(Side.SELL), lambda: Decimal(1))
    user.trace.wait_for("observer.settled", 2)
    assert [settled.client_order_id for settled, _, _ in user.trace.of("journal.settled")].count(
        order.client_order_id
    ) == 1


# -- exits --------------------------------------------------------------------------------------------------------


def test_an_exit_leaves_for_no_more_than_the_limit_says(user: BrokerStage) -> None:
    user.hold(BTC=1)
    order, _, state = user.copy(user.order(Side.SELL, "0.002"), lambda: Decimal("0.00123456789"))
    assert order.quantity == Decimal("0.00123456")
    assert state is OrderState.FILLED
    assert user.sent() == [order]
    assert user.trace.of("journal.resized") == [order]
    assert user.trace.position("journal.resized") < user.trace.position("journal.answered")


def test_an_exit_within_its_limit_leaves_as_planned(user: BrokerStage) -> None:
    user.hold(BTC=1)
    order = user.order(Side.SELL, "0.002")
    assert user.copy(order, lambda: Decimal("0.002"))[0] == order
    assert user.trace.count("journal.resized") == 0


@pytest.mark.parametrize("limit", ["0", "-1", "0.000000001"])
def test_an_exit_with_nothing_to_sell_is_skipped(user: BrokerStage, limit: str) -> None:
    user.hold(BTC=1)
    _, report, state = user.copy(user.order(Side.SELL), lambda: Decimal(limit))
    assert (report, state) == (None, OrderState.SKIPPED)
    assert user.sent() == []
    ((outcome, state),) = user.journalled()
    assert state is OrderState.SKIPPED
    assert isinstance(outcome, Rejected)
    assert "nothing to sell" in outcome.reason


def test_an_exit_of_dust_is_skipped_and_the_dust_is_said_to_be_kept(user: BrokerStage) -> None:
    user.hold(BTC=1)
    assert user.copy(user.order(Side.SELL), lambda: Decimal("0.00004999"))[2] is OrderState.SKIPPED
    ((outcome, _),) = user.journalled()
    assert isinstance(outcome, Rejected)
    assert "below the minimum" in outcome.reason
    assert user.sent() == []


@pytest.mark.parametrize("there", ["0", "0.00001", "0.0005", "0.00199"])
def test_an_exit_of_coins_that_are_not_there_waits_and_the_balances_are_asked_for(
    user: BrokerStage, there: str
) -> None:
    """The user sold by hand, or the balance trails: which of the two is known in a while."""
    user.hold(BTC=there)
    before = user.trace.count("venue.balances")
    assert user.copy(user.order(Side.SELL, "0.002"), lambda: Decimal("0.002"))[2] is OrderState.PLANNED
    ((outcome, _),) = user.journalled()
    assert isinstance(outcome, Rejected)
    assert (outcome.sent, outcome.not_now) == (False, True)
    assert "BTC" in outcome.reason
    assert user.sent() == []
    user.trace.wait_until(lambda: user.trace.count("venue.balances") > before)


def test_an_exit_of_what_is_left_leaves_once_the_rest_is_written_off(user: BrokerStage) -> None:
    user.hold(BTC="0.0005")
    copied = [Decimal("0.002")]
    order = user.order(Side.SELL, "0.002")
    assert user.copy(order, lambda: copied[0])[2] is OrderState.PLANNED
    copied[0] = Decimal("0.0005")
    assert user.copy(order, lambda: copied[0])[2] is OrderState.FILLED
    assert [one.quantity for one in user.sent()] == [Decimal("0.0005")]


@pytest.mark.parametrize(("there", "sent"), [("0.002", "0.002"), ("0.0019999999", "0.00199999"), ("0.5", "0.002")])
def test_an_exit_leaves_for_no_more_than_the_account_has(user: BrokerStage, there: str, sent: str) -> None:
    """What venues book differs from what they report in the last digits."""
    user.hold(BTC=there)
    order, _, state = user.copy(user.order(Side.SELL, "0.002"), lambda: Decimal("0.002"))
    assert state is OrderState.FILLED
    assert [order] == user.sent()
    assert order.quantity == Decimal(sent)


def with_coins(user: BrokerStage, **amounts: dict[str, Decimal]) -> None:
    user.broker.balance_answers.append(user.broker.snapshot(**amounts))
    user.broker.refresh_balances(PATIENCE_S)


def test_coins_in_open_orders_of_the_user_are_not_there_for_an_exit(user: BrokerStage) -> None:
    with_coins(user, available={"USD": Decimal(10), "BTC": Decimal("0.001")}, held={"BTC": Decimal(1)})
    assert user.copy(user.order(Side.SELL, "0.002"), lambda: Decimal("0.002"))[2] is OrderState.PLANNED
    assert user.sent() == []


def test_coins_that_earn_are_there_for_an_exit(user: BrokerStage) -> None:
    with_coins(user, available={"USD": Decimal(10)}, earning={"BTC": Decimal("0.002")})
    assert user.copy(user.order(Side.SELL, "0.002"), lambda: Decimal("0.002"))[2] is OrderState.FILLED


def test_fills_of_earlier_orders_are_known_before_an_exit_is_limited(user: BrokerStage) -> None:
    """The coins that it sells are the ones that the buy before it brought."""
    user.broker.reports.append(None)
    buy = user.order()
    send(user.broker, buy, user.observer)
    user.trace.wait_for("observer.answered")

    def limit() -> Decimal:
        user.trace.add("limit", user.trace.count("journal.settled"))
        return Decimal("0.002")

    user.broker.reports.clear()
    user.copy(user.order(Side.SELL), limit)
    assert user.trace.of("limit") == [1]


def test_the_fills_of_other_symbols_are_not_waited_for(user: BrokerStage) -> None:
    user.broker.instruments["ETH-USD"] = replace(BTC, symbol="ETH-USD", base="ETH")
    user.broker.reports.extend([None] * 50)
    user.hold(BTC=1)
    send(user.broker, replace(user.order(), symbol="ETH-USD"), user.observer)
    user.trace.wait_for("observer.answered")
    before = len(user.broker.reports)
    send(user.broker, user.order(Side.SELL), user.observer, lambda: Decimal(1))
    user.trace.wait_for("venue.submit", 2)
    assert before - len(user.broker.reports) <= 3
    user.broker.reports.clear()
    user.trace.wait_for("observer.settled", 2)


def test_an_exit_that_the_gate_stops_ends_planned_and_an_entry_rejected(user: BrokerStage) -> None:
    user.fakes.gate.refused = SWITCHED_OFF
    _, report, state = user.copy(user.order(Side.SELL), lambda: Decimal(1))
    assert (report, state) == (None, OrderState.PLANNED)
    _, report, state = user.copy(user.order(Side.BUY))
    assert (report, state) == (None, OrderState.REJECTED)
    assert user.sent() == []
    reason = "kill switch: maintenance"
    assert [outcome for outcome, _ in user.journalled()] == [
        Rejected(reason, sent=False, not_now=True),
        Rejected(reason, sent=False),
    ]


def test_a_switch_that_was_set_after_the_plan_still_stops_the_order(user: BrokerStage) -> None:
    go, busy = threading.Event(), threading.Event()

    def slow(_: Any) -> None:
        busy.set()
        assert go.wait(PATIENCE_S)

    user.broker.submits.append(slow)
    placing = threading.Thread(target=user.place)
    placing.start()
    assert busy.wait(PATIENCE_S)
    send(user.broker, user.order(), user.observer)
    user.fakes.gate.refused = SWITCHED_OFF
    go.set()
    ((_, _, state),) = user.trace.wait_for("observer.settled")
    placing.join(PATIENCE_S)
    assert state is OrderState.REJECTED
    assert len(user.sent()) == 1


@pytest.mark.parametrize("trouble", ["limit", "delisted", "gate"])
def test_an_error_around_an_exit_neither_loses_it_nor_holds_the_account_for_ever(
    user: BrokerStage, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def limit() -> Decimal:
        if trouble == "limit":
            raise RuntimeError("coins are not known")
        return Decimal(1)

    with monkeypatch.context() as patch:
        if trouble == "delisted":
            user.broker.instruments.clear()
        if trouble == "gate":
            patch.setattr(user.fakes.gate, "check", lambda *_: 1 / 0)
        try:
            send(user.broker, user.order(Side.SELL), user.observer, limit)
        except Exception as error:
            user.trace.add("raised", error)
        user.trace.wait_until(
            lambda: user.trace.count("observer.settled") + user.trace.count("raised") > 0, within_s=3.0
        )
    user.broker.instruments["BTC-USD"] = BTC
    assert user.sent() == []
    assert user.broker.refresh_balances(3.0), "the lane goes on"


# -- balances -----------------------------------------------------------------------------------------------------


def test_after_a_fill_the_balances_are_computed_at_once_while_the_venue_trails(master: BrokerStage) -> None:
    trailing = master.broker.snapshot()
    master.broker.balance_answers.extend([trailing, trailing])
    master.place("buy", "0.02")
    assert master.broker.get_positions() == {"BTC": Decimal("0.02")}
    assert master.broker.get_account_balance() == Decimal(10_000) - Decimal("1002.6")
    master.trace.wait_until(lambda: not master.broker.balance_answers)
    assert master.broker.get_positions() == {"BTC": Decimal("0.02")}


def test_a_venue_that_agrees_is_believed(master: BrokerStage) -> None:
    master.place("buy", "0.02")
    before = master.trace.count("venue.balances")
    master.trace.wait_until(lambda: master.trace.count("venue.balances") >= max(before, 2))
    assert master.broker.balances is not None
    assert master.broker.balances.available == master.broker.booked


def test_the_next_order_counts_with_the_fill_even_when_the_venue_still_trails(master: BrokerStage) -> None:
    """A signal with the balance from before the last trade would give every follower the wrong share."""
    trailing = master.broker.snapshot()
    master.broker.balance_answers.extend([trailing] * 20)
    master.place("buy", "0.02")
    master.fakes.clock.advance(3)
    master.place("buy", "0.02")
    first, second = master.fakes.sink.signals
    assert first.master_balance == 10_000
    assert second.position_before == Decimal("0.02")
    assert second.master_balance == Decimal(10_000) - Decimal("1002.6")


@pytest.mark.parametrize("error", [VenueUnclear("read timed out"), KeyError("balance")], ids=repr)
def test_balances_that_are_not_had_after_a_fill_do_not_touch_the_result(master: BrokerStage, error: Exception) -> None:
    master.broker.balance_answers.append(error)
    result = master.place()
    assert result.state is OrderState.FILLED
    assert result.report is not None


@pytest.mark.parametrize("error", [VenueUnclear("read timed out"), KeyError("balance"), OSError("x")], ids=repr)
def test_housekeeping_goes_on_after_an_error(make: Make, error: Exception) -> None:
    stage = make(TANIA, options=BrokerOptions(balance_refresh_s=0.01))
    stage.broker.balance_answers.append(error)
    stage.trace.wait_for("venue.housekeep", 2, within_s=3.0)
    assert stage.broker.connected


def test_an_account_that_is_barred_while_nothing_happens_is_left_alone(make: Make) -> None:
    stage = make(TANIA, options=BrokerOptions(balance_refresh_s=0.01))
    stage.broker.balance_answers.append(AccountBarred("EAPI:Invalid key"))
    stage.trace.wait_until(lambda: stage.broker.barred)
    assert not stage.broker.connected
    assert "EAPI:Invalid key" in stage.place().reason


def test_a_fill_moves_coins_cost_and_fee() -> None:
    before = AccountBalances({"USD": Decimal(1000), "BTC": Decimal(1)}, fee_rate=Decimal("0.0026"), at=5.0)
    bought = after_fill(before, an_order(Side.BUY, "0.01"), a_report("0.01", "1.3"))
    assert bought.available == {"USD": Decimal("498.7"), "BTC": Decimal("1.01")}
    sold = after_fill(before, an_order(Side.SELL, "0.01"), a_report("0.01", "1.3"))
    assert sold.available == {"USD": Decimal("1498.7"), "BTC": Decimal("0.99")}
    in_coins = after_fill(before, an_order(Side.BUY, "0.01"), a_report("0.01", "0.0001", "BTC"))
    assert in_coins.available == {"USD": Decimal(500), "BTC": Decimal("1.0099")}
    assert before.available == {"USD": Decimal(1000), "BTC": Decimal(1)}


def test_a_sale_that_is_known_before_the_buy_of_its_coins_leaves_none() -> None:
    before = AccountBalances({"USD": Decimal(1000)})
    sold = after_fill(before, an_order(Side.SELL, "0.01"), a_report("0.01", 0))
    assert shown(sold).available["BTC"] == 0
    bought = after_fill(sold, an_order(Side.BUY, "0.01"), a_report("0.01", 0))
    assert bought.available["BTC"] == 0


def test_computed_balances_are_never_negative() -> None:
    after = shown(after_fill(AccountBalances({"USD": Decimal(1)}), an_order(Side.BUY, "0.01"), a_report("0.01", "1.3")))
    assert after.available["USD"] == 0


@pytest.mark.parametrize(
    ("usd", "agrees"), [("1000", True), ("1000.0005", True), ("1000.01", True), ("1000.02", False), ("0", False)]
)
def test_balances_agree_when_they_differ_by_rounding_only(usd: str, agrees: bool) -> None:
    one = AccountBalances({"USD": Decimal(1000)})
    other = AccountBalances({"USD": Decimal(usd), "BTC": Decimal("0.00000001")})
    assert agrees_with(one, other) is agrees
    assert agrees_with(other, one) is agrees


# -- life ---------------------------------------------------------------------------------------------------------


def test_a_connection_is_announced_once_its_balances_are_there(make: Make) -> None:
    stage = make(TANIA)
    assert stage.broker.status == "connected"
    assert stage.trace.steps[:3] == ["venue.connect", "venue.balances", "say.connected"]
    assert stage.broker.get_account_balance() == 10_000


@pytest.mark.parametrize(
    ("error", "barred"),
    [
        (SettingsError("the key may withdraw; make one that may not"), False),
        (VenueUnreachable("connection refused"), False),
        (VenueUnclear("EService:Unavailable"), False),
        (AccountBarred("EAPI:Invalid key"), True),
    ],
)
def test_a_connection_that_fails_says_why_and_can_be_tried_again(make: Make, error: Exception, barred: bool) -> None:
    stage = make(TANIA, connect=False)
    stage.broker.connecting = lambda: (_ for _ in ()).throw(error)
    assert not stage.broker.connect(PATIENCE_S)
    assert (stage.broker.status, stage.broker.barred, stage.broker.balances) == (str(error), barred, None)
    with pytest.raises(VenueUnclear, match="not connected"):
        stage.broker.get_account_balance()
    stage.broker.connecting = lambda: None
    assert stage.broker.connect(PATIENCE_S)
    assert not stage.broker.barred


@pytest.mark.parametrize("error", [KeyError("result"), TypeError("x"), OSError("no route")], ids=repr)
def test_a_connection_that_fails_oddly_is_that_accounts_trouble_alone(make: Make, error: Exception) -> None:
    stage = make(TANIA, connect=False)
    stage.broker.connecting = lambda: (_ for _ in ()).throw(error)
    assert stage.broker.connect(PATIENCE_S) is False
    assert stage.broker.status not in ("connected", "")


def test_a_connection_that_hangs_is_given_up_in_time(make: Make) -> None:
    stage = make(TANIA, connect=False)
    go = threading.Event()
    stage.broker.connecting = lambda: go.wait(PATIENCE_S) and None
    begin = time.monotonic()
    assert not stage.broker.connect(0.05)
    assert time.monotonic() - begin < PATIENCE_S / 2
    assert "0.05 s" in stage.broker.status
    go.set()


def test_an_unlisted_symbol_has_no_instrument(user: BrokerStage) -> None:
    assert user.broker.instrument("DOGE-USD") is None
    assert user.broker.instrument("BTC-USD") == BTC


def test_joining_lets_go_of_files_and_connections_and_a_hanging_call_keeps_them(make: Make) -> None:
    stage = make(TANIA)
    go, busy = threading.Event(), threading.Event()

    def slow(_: Any) -> None:
        busy.set()
        assert go.wait(PATIENCE_S)

    stage.broker.submits.append(slow)
    send(stage.broker, stage.order(), stage.observer)
    assert busy.wait(PATIENCE_S)
    stage.broker.stop()
    assert not stage.broker.join(time.monotonic() + 0.02)
    assert not stage.broker.closed
    go.set()
    assert stage.broker.join(time.monotonic() + PATIENCE_S)
    assert stage.broker.closed
    ((_, outcome, _, _),) = stage.trace.of("journal.answered")
    assert outcome == Accepted(VenueOrderId("ORDER-1")), "what was sent is written, however late"


def test_an_order_for_a_broker_that_has_ended_is_refused_and_not_called_unknown(make: Make) -> None:
    stage = make(MASTER)
    stage.close()
    begin = time.monotonic()
    result = stage.place()
    assert time.monotonic() - begin < SHORT.fill_wait_s
    assert isinstance(result.outcome, Rejected)
    assert not result.outcome.sent


def test_a_report_without_a_fee_currency_takes_the_fee_from_the_quote() -> None:
    report = OrderReport(
        VenueOrderId("O"), Decimal(1), Decimal(10), Decimal(10), Decimal("0.1"), fee_currency="", final=True
    )
    after = after_fill(AccountBalances({"USD": Decimal(100)}), an_order(Side.BUY, 1), report)
    assert after.available["USD"] == Decimal("89.9")
