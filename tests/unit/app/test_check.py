"""Comparing the ledger with a venue: every kind of difference is found and named, and nothing else is."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.app.check import LedgerCheck, LedgerChecks
from bot.app.check.compare import Difference, Findings, LedgerOrder, Look, compare_coins, compare_orders
from bot.broker_manager import BrokerManager
from bot.domain.enums import BrokerType, OrderState, Side
from bot.domain.errors import AccountBarred, VenueUnreachable
from bot.domain.ids import AccountId, ClientOrderId, VenueOrderId, new_client_order_id
from bot.domain.orders import AccountBalances, MarketOrder, Refused, VenueOrder
from bot.domain.outcomes import Accepted, Unknown
from bot.ledger.entry import open_ledger
from bot.ledger.journal import Ledger
from tests.fakes.clock import SettableClock
from tests.fakes.stage import MASTER, TANIA, BrokerStage
from tests.fakes.trace import PATIENCE_S
from tests.unit.ledger.builders import NOW, copy_of, fill_of, master_order, order_of, report_of, signal_of

_S = OrderState
D = Decimal
NAME = ClientOrderId("0b1d7c5e-6a3f-5c0e-9a11-4f7f0a2b3c4d")
EARLIER = ClientOrderId("1c2e8d6f-7b40-5d1f-8b22-5a8a1b3c4d5e")
ROW = LedgerOrder((NAME,), "BTC-USD", _S.FILLED, "", VenueOrderId("O-1"), D("0.002"), D("100.00"), D("0.26"), NOW, NOW)
LISTED = VenueOrder(
    VenueOrderId("O-1"),
    NAME,
    "BTC-USD",
    Side.BUY,
    D("0.00200000"),
    D("0.00200000"),
    D("100.000"),
    D("0.260"),
    False,
    NOW,
)
NOTHING_DONE = {"executed": D(0), "cost": D(0), "fee": D(0)}
SECOND = replace(LISTED, order_id=VenueOrderId("O-2"))


def found(
    rows: list[LedgerOrder], listed: list[VenueOrder], before: list[LedgerOrder] | None = None, since: float = 0.0
) -> Findings:
    """What comparing finds; ``before``: the rows as they were when the venue was asked, a minute after the order."""
    states = {name: row.state for row in (rows if before is None else before) for name in row.names}
    return compare_orders(TANIA, rows, listed, Look(since, NOW + 60, states))


def whats(lines: list[Difference]) -> list[str]:
    return [line.what for line in lines]


def row(**changes: Any) -> LedgerOrder:
    return replace(ROW, **changes)


# -- orders ----------------------------------------------------------------------------------------------------------


def test_orders_that_agree_have_no_difference_however_many_digits_are_shown() -> None:
    assert found([ROW], [LISTED]) == Findings()


@pytest.mark.parametrize("state", [_S.ACCEPTED, _S.FILLED, _S.PARTIALLY_FILLED])
def test_an_order_that_the_venue_does_not_have_is_named_with_a_mend(state: OrderState) -> None:
    (line,) = found([row(state=state)], []).differences
    assert (line.account, line.order, line.client_order_id) == ("tania:kraken", "O-1", NAME)
    assert line.what == "not at the venue"
    assert line.ledger == f"{state} O-1"
    assert line.mend


def test_what_lies_before_the_time_that_was_asked_for_is_not_missed() -> None:
    assert found([ROW], [], since=NOW + 1) == Findings()


def test_what_was_accepted_only_just_may_not_be_listed_yet() -> None:
    findings = found([row(state=_S.ACCEPTED, answered_at=NOW + 55)], [])
    assert findings.differences == []
    assert whats(findings.unsettled) == ["not settled yet"]


def test_what_was_placed_while_the_venue_was_asked_is_not_missed() -> None:
    assert found([ROW], [], before=[row(state=_S.SUBMITTING)]) == Findings()
    assert found([ROW], [], before=[]) == Findings()


@pytest.mark.parametrize("state", [_S.FAILED, _S.REJECTED, _S.SKIPPED, _S.EXPIRED, _S.OBSERVED, _S.PLANNED])
def test_an_order_that_the_venue_has_and_the_ledger_says_not_is_found(state: OrderState) -> None:
    (line,) = found([row(state=state, order_id=None, reason="too old")], [LISTED]).differences
    assert line.what == "placed, and the ledger says not"
    assert line.ledger == f"{state}: too old"
    assert "O-1" in line.venue


@pytest.mark.parametrize("state", [_S.FAILED, _S.EXPIRED])
def test_an_order_that_came_to_nothing_at_the_venue_is_no_difference(state: OrderState) -> None:
    assert found([row(state=state)], [replace(LISTED, **NOTHING_DONE)]) == Findings()


@pytest.mark.parametrize("state", [_S.PLANNED, _S.SUBMITTING, _S.UNKNOWN])
def test_an_order_that_is_not_settled_is_listed_apart(state: OrderState) -> None:
    findings = found([row(state=state, order_id=None)], [])
    assert findings.differences == []
    (line,) = findings.unsettled
    assert (line.order, line.what, line.ledger) == (NAME, "not settled yet", state)


@pytest.mark.parametrize("state", [_S.SUBMITTING, _S.UNKNOWN, _S.ACCEPTED])
def test_one_that_the_bot_is_about_to_find_is_not_settled_and_no_difference(state: OrderState) -> None:
    findings = found([row(state=state)], [LISTED])
    assert findings.differences == []
    assert "O-1" in findings.unsettled[0].venue


def test_one_name_with_two_orders_is_twice() -> None:
    (line,) = found([ROW], [LISTED, SECOND]).differences
    assert line.what == "TWICE at the venue"
    assert "O-1" in line.venue
    assert "O-2" in line.venue


def test_one_name_whose_second_order_did_nothing_is_not_twice() -> None:
    assert found([ROW], [LISTED, replace(SECOND, **NOTHING_DONE)]) == Findings()
    assert whats(found([ROW], [LISTED, replace(SECOND, open=True, **NOTHING_DONE)]).differences) == [
        "TWICE at the venue"
    ]


def test_two_attempts_of_one_copy_that_are_both_at_the_venue_are_twice() -> None:
    first = replace(SECOND, client_order_id=EARLIER)
    (line,) = found([row(names=(NAME, EARLIER))], [LISTED, first]).differences
    assert line.what == "TWICE at the venue"


def test_an_earlier_attempt_that_is_there_instead_of_the_last_is_another_order() -> None:
    first = replace(SECOND, client_order_id=EARLIER)
    (line,) = found([row(names=(NAME, EARLIER))], [first]).differences
    assert line.what == "another order"
    assert ("O-1" in line.ledger, "O-2" in line.venue) == (True, True)


def test_an_earlier_attempt_of_a_copy_that_failed_is_found() -> None:
    first = replace(SECOND, client_order_id=EARLIER)
    assert whats(found([row(names=(NAME, EARLIER), state=_S.REJECTED)], [first]).differences) == [
        "placed, and the ledger says not"
    ]


@pytest.mark.parametrize(
    ("what", "value"), [("executed", "0.00199999"), ("cost", "100.01"), ("fee", "0.2600000000000000000000001")]
)
def test_a_figure_that_differs_is_found_with_both_values(what: str, value: str) -> None:
    (line,) = found([row(**{what: D(value)})], [LISTED]).differences
    assert (line.what, line.ledger, line.venue) == (what, value, str(getattr(LISTED, what)))


def test_an_order_that_is_still_open_at_the_venue_and_done_in_the_ledger_is_found() -> None:
    still_open = replace(LISTED, open=True, executed=D("0.001"))
    assert whats(found([ROW], [still_open]).differences) == ["still open at the venue"]


def test_an_order_that_was_done_while_the_venue_was_asked_is_no_difference() -> None:
    still_open = replace(LISTED, open=True, executed=D("0.001"))
    assert found([ROW], [still_open], before=[row(state=_S.ACCEPTED)]) == Findings()


def test_an_order_with_a_name_as_the_bot_gives_them_is_not_in_the_ledger() -> None:
    (line,) = found([], [replace(LISTED, client_order_id=ClientOrderId(str(uuid.uuid4())))]).differences
    assert (line.order, line.what) == ("O-1", "not in the ledger")
    assert "buy" in line.venue


@pytest.mark.parametrize("name", [None, "my-own-order", "0B1D7C5E-6A3F-5C0E-9A11-4F7F0A2B3C4D", "7e91dad5" * 4])
def test_an_order_with_another_name_or_none_is_the_users_own_and_counted(name: str | None) -> None:
    own = replace(LISTED, client_order_id=None if name is None else ClientOrderId(name))
    assert found([], [own, replace(own, order_id=VenueOrderId("O-3"))]) == Findings(own=2)


def test_an_order_that_the_venue_lists_without_its_name_is_known_by_its_id() -> None:
    assert found([ROW], [replace(LISTED, client_order_id=None)]) == Findings()


# -- coins -----------------------------------------------------------------------------------------------------------


def coins_missing(copied: str, balances: AccountBalances, *rows: LedgerOrder, before: str | None = None) -> list[str]:
    held = compare_coins(TANIA, {"BTC-USD": D(before or copied)}, {"BTC-USD": D(copied)}, rows, balances)
    return [f"{line.order} {line.ledger} {line.venue}" for line in held]


def test_coins_that_are_not_there_are_a_difference() -> None:
    assert coins_missing("0.5", AccountBalances({"BTC": D("0.2")})) == ["coins BTC 0.5 0.2"]
    assert coins_missing("0.5", AccountBalances({})) == ["coins BTC 0.5 0"]


def test_coins_held_by_orders_or_earning_are_there_and_more_are_the_users_own() -> None:
    shared = AccountBalances({"BTC": D("0.2")}, held={"BTC": D("0.2")}, earning={"BTC": D("0.1")})
    assert coins_missing("0.5", shared) == []
    assert coins_missing("0.5", AccountBalances({"BTC": D(7)})) == []


def test_the_last_digits_of_a_venue_are_no_difference() -> None:
    assert coins_missing("0.5", AccountBalances({"BTC": D("0.49999999")})) == []


def test_coins_that_move_while_the_venue_is_asked_are_no_difference() -> None:
    nothing = AccountBalances({"BTC": D("0.1")})
    assert coins_missing("0.5", nothing, row(state=_S.ACCEPTED)) == []
    assert coins_missing("0.1", nothing, before="0.5") == []
    assert coins_missing("0.5", nothing, before="0.1") == []


def test_coins_of_two_symbols_are_added_up() -> None:
    copied = {"BTC-USD": D("0.3"), "BTC-USDT": D("0.3")}
    (line,) = compare_coins(TANIA, copied, copied, [], AccountBalances({"BTC": D("0.5")}))
    assert (line.ledger, line.venue) == ("0.6", "0.5")


# -- orders that a master placed by hand -------------------------------------------------------------------------------


def found_by_hand(order: VenueOrder, covered: str) -> Findings:
    return compare_orders(MASTER, [], [order], Look(0.0, NOW + 60, {}), {"O-1": D(covered)})


@pytest.mark.parametrize("name", [None, NAME, "app-7"], ids=["without a name", "a UUID", "another name"])
def test_an_order_by_hand_whose_signals_cover_it_agrees_whatever_its_name(name: str | None) -> None:
    by_hand = replace(LISTED, client_order_id=None if name is None else ClientOrderId(name))
    assert found_by_hand(by_hand, "0.002") == Findings(by_hand=1)


@pytest.mark.parametrize("name", [None, NAME], ids=["without a name", "a UUID"])
def test_an_order_by_hand_that_is_not_copied_is_counted_apart(name: ClientOrderId | None) -> None:
    assert found_by_hand(replace(LISTED, client_order_id=name), "0") == Findings(own=1)


def test_a_masters_order_that_the_bot_named_and_does_not_know_is_a_difference() -> None:
    findings = found_by_hand(replace(LISTED, client_order_id=new_client_order_id()), "0")
    assert whats(findings.differences) == ["not in the ledger"]


def test_an_order_by_hand_that_still_trades_may_have_parts_to_come() -> None:
    assert found_by_hand(replace(LISTED, open=True), "0.001") == Findings(by_hand=1)


def test_a_part_that_is_no_signal_yet_is_not_settled() -> None:
    findings = found_by_hand(LISTED, "0.001")
    assert (findings.differences, findings.by_hand) == ([], 1)
    (line,) = findings.unsettled
    assert (line.what, line.ledger, line.venue) == ("part of it is no signal yet", "0.001", "0.00200000")


def test_more_copied_than_was_traded_is_a_difference() -> None:
    (line,) = found_by_hand(LISTED, "0.003").differences
    assert (line.order, line.what, line.ledger) == ("O-1", "copied more than was traded", "0.003")
    assert line.mend


# -- asking ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.sqlite3", SettableClock(NOW))
    yield opened
    assert opened.close()


Make = Callable[[AccountId], BrokerStage]


def account_line(account: AccountId = TANIA, **counts: int) -> dict[str, Any]:
    """What a report says of an account that was compared."""
    nothing = {"orders": 0, "own_orders": 0, "by_hand_orders": 0}
    return {"account": str(account), **nothing, **counts, "problem": None}


@pytest.fixture
def make() -> Iterator[Make]:
    stages: list[BrokerStage] = []

    def build(account: AccountId) -> BrokerStage:
        stages.append(BrokerStage(account))
        return stages[-1].connect()

    yield build
    for stage in stages:
        stage.close()


def completed(check: LedgerCheck) -> dict[str, Any]:
    assert check.advance(PATIENCE_S)
    return check.as_json()


def check_of(ledger: Ledger, *stages: BrokerStage, **more: Any) -> LedgerCheck:
    assert ledger.flush(PATIENCE_S)
    return LedgerCheck([stage.broker for stage in stages], ledger.views, coin_pause_s=0.01, **more)


def differences(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(line["account"], line["what"]) for line in report["differences"]]


def copied(ledger: Ledger, account: AccountId = TANIA) -> MarketOrder:
    """A copy that the ledger has as filled."""
    signal = signal_of()
    order = order_of(copy_of(signal, account))
    ledger.record_plan(signal, [copy_of(signal, account)])
    ledger.answered(order, Accepted(VenueOrderId("O-1")), _S.ACCEPTED)
    ledger.settled(order, report_of(fill_of(), order_id="O-1"), _S.FILLED)
    return order


def listed(order: MarketOrder, order_id: str = "O-1") -> VenueOrder:
    fill = fill_of()
    return VenueOrder(
        VenueOrderId(order_id),
        order.client_order_id,
        order.symbol,
        order.side,
        order.quantity,
        fill.quantity,
        fill.cost,
        fill.fee,
        False,
        NOW,
    )


def test_a_copy_that_both_know_alike_agrees(ledger: Ledger, make: Make) -> None:
    tania, order = make(TANIA), copied(ledger)
    tania.broker.booked["BTC"] = order.quantity
    tania.broker.pages.append(([listed(order)], None))

    report = completed(check_of(ledger, tania))

    assert differences(report) == []
    assert report["unsettled"] == []
    assert report["accounts"] == [account_line(orders=1)]


def test_a_masters_order_by_hand_is_found_among_its_signals(ledger: Ledger, make: Make) -> None:
    by_hand = replace(LISTED, executed=signal_of().size, client_order_id=NAME)
    signal = replace(signal_of("O-1"), by_hand=True)
    ledger.record_plan(signal, [])
    master = make(MASTER)
    master.broker.pages.append(([by_hand], None))

    report = completed(check_of(ledger, master))

    assert (differences(report), report["unsettled"]) == ([], [])
    assert report["accounts"] == [account_line(MASTER, orders=1, by_hand_orders=1)]


def test_what_a_users_account_decided_for_itself_is_compared_too(ledger: Ledger, make: Make) -> None:
    order = replace(master_order(NAME), account=TANIA, own=True)
    ledger.intend(order)
    ledger.answered(order, Accepted(VenueOrderId("O-1")), _S.ACCEPTED)
    ledger.settled(order, report_of(fill_of(), order_id="O-1"), _S.FILLED)
    tania = make(TANIA)
    tania.broker.pages.append(([listed(order)], None))

    report = completed(check_of(ledger, tania))

    assert differences(report) == []
    assert report["accounts"] == [account_line(orders=1)]
    assert differences(completed(check_of(ledger, make(TANIA)))) == [("tania:kraken", "not at the venue")]


def test_a_masters_order_is_compared_too(ledger: Ledger, make: Make) -> None:
    order = master_order()
    ledger.intend(order)
    ledger.answered(order, Accepted(VenueOrderId("O-1")), _S.ACCEPTED)
    ledger.settled(order, report_of(fill_of(), order_id="O-1"), _S.FILLED)

    assert differences(completed(check_of(ledger, make(MASTER)))) == [("master:kraken", "not at the venue")]


def test_the_venue_is_asked_from_the_oldest_order_of_the_ledger_on(ledger: Ledger, make: Make) -> None:
    tania, bert = make(TANIA), make(AccountId("bert", BrokerType.KRAKEN))
    copied(ledger)
    completed(check_of(ledger, tania, bert))
    for stage in (tania, bert):
        ((since, offset), *_) = stage.trace.of("venue.orders")
        assert NOW - 600 < since < NOW
        assert offset == 0


def test_the_venue_is_asked_from_when_it_was_said(ledger: Ledger, make: Make) -> None:
    tania = make(TANIA)
    copied(ledger)
    report = completed(check_of(ledger, tania, since=NOW + 3600))
    ((since, _), *_) = tania.trace.of("venue.orders")
    assert NOW + 3000 < since < NOW + 3600
    assert "not at the venue" not in [what for _, what in differences(report)]


def test_both_attempts_of_a_copy_at_the_venue_are_twice(ledger: Ledger, make: Make) -> None:
    tania, signal = make(TANIA), signal_of()
    ledger.record_plan(signal, [copy_of(signal, TANIA)])
    first = order_of(copy_of(signal, TANIA))
    ledger.answered(first, Unknown("timeout"), _S.UNKNOWN)
    assert ledger.flush(PATIENCE_S)
    second = replace(first, client_order_id=EARLIER, attempt=2)
    ledger.begin_attempt(first, second)
    ledger.answered(second, Accepted(VenueOrderId("O-2")), _S.ACCEPTED)
    ledger.settled(second, report_of(fill_of(), order_id="O-2"), _S.FILLED)
    tania.broker.booked["BTC"] = first.quantity
    tania.broker.pages.append(([listed(first), listed(second, "O-2")], None))

    assert differences(completed(check_of(ledger, tania))) == [("tania:kraken", "TWICE at the venue")]


def test_a_skipped_copy_that_the_venue_has_is_found(ledger: Ledger, make: Make) -> None:
    tania, signal = make(TANIA), signal_of()
    skipped = copy_of(signal, TANIA, _S.SKIPPED, Refused("underfunded", "$3.00"))
    ledger.record_plan(signal, [skipped])
    tania.broker.pages.append(([listed(order_of(skipped))], None))

    (line,) = completed(check_of(ledger, tania))["differences"]

    assert line["ledger"] == "SKIPPED: underfunded: $3.00"


def test_pages_are_asked_for_until_there_are_no_more(ledger: Ledger, make: Make) -> None:
    tania = make(TANIA)
    own = [replace(LISTED, order_id=VenueOrderId(f"O-{number}"), client_order_id=None) for number in range(120)]
    tania.broker.pages.extend([(own[:50], 50), (own[49:99], 99), (own[99:], None)])

    report = completed(check_of(ledger, tania))

    assert [offset for _, offset in tania.trace.of("venue.orders")] == [0, 50, 99]
    assert report["accounts"] == [
        {"account": "tania:kraken", "orders": 120, "own_orders": 120, "by_hand_orders": 0, "problem": None}
    ]


def test_a_page_that_was_not_had_is_asked_for_again(ledger: Ledger, make: Make) -> None:
    tania = make(TANIA)
    tania.broker.pages.extend([VenueUnreachable("reset"), ([replace(LISTED, client_order_id=None)], None)])
    assert completed(check_of(ledger, tania))["accounts"][0]["orders"] == 1


def test_an_account_that_cannot_be_asked_is_named_and_the_others_are_compared(ledger: Ledger, make: Make) -> None:
    tania, bert = make(TANIA), make(AccountId("bert", BrokerType.KRAKEN))
    copied(ledger)
    bert.broker.pages.append(AccountBarred("EAPI:Invalid key"))
    never = BrokerStage(AccountId("carl", BrokerType.KRAKEN))
    left_out = {AccountId("dora", BrokerType.KRAKEN): "no secret"}

    report = completed(check_of(ledger, tania, bert, never, left_out=left_out))

    never.close()
    problems = {row["account"]: row["problem"] for row in report["accounts"]}
    assert problems == {
        "tania:kraken": None,
        "bert:kraken": "EAPI:Invalid key",
        "carl:kraken": "not connected",
        "dora:kraken": "no secret",
    }
    assert ("tania:kraken", "not at the venue") in differences(report)


def test_an_account_that_hangs_is_given_up_and_the_others_are_compared(ledger: Ledger, make: Make) -> None:
    tania, bert = make(TANIA), make(AccountId("bert", BrokerType.KRAKEN))
    over = threading.Event()
    tania.broker.pages.append(lambda: (over.wait(PATIENCE_S), ([], None))[1])

    check = check_of(ledger, tania, bert, silent_after_s=0.1)
    deadline = time.monotonic() + PATIENCE_S
    while not check.advance(0.05):
        assert time.monotonic() < deadline
    over.set()

    problems = {row["account"]: row["problem"] for row in check.as_json()["accounts"]}
    assert problems == {"tania:kraken": "no answer for 0.1 s", "bert:kraken": None}


def test_no_order_waits_behind_a_long_listing(make: Make) -> None:
    tania, under_way, go_on = make(TANIA), threading.Event(), threading.Event()

    def first_page() -> tuple[list[VenueOrder], int | None]:
        under_way.set()
        assert go_on.wait(PATIENCE_S)
        return [], 50

    tania.broker.pages.extend([first_page, ([], None)])
    answer = tania.broker.list_orders(NOW)
    assert under_way.wait(PATIENCE_S)
    tania.send(tania.order())
    go_on.set()
    assert answer.result(PATIENCE_S) == []
    asked_or_sent = [step for step in tania.trace.steps if step in ("venue.orders", "venue.submit")]
    assert asked_or_sent == ["venue.orders", "venue.submit", "venue.orders"]


def test_coins_that_the_balances_show_only_later_are_no_difference(ledger: Ledger, make: Make) -> None:
    tania, order = make(TANIA), copied(ledger)
    tania.broker.pages.append(([listed(order)], None))
    later = AccountBalances({"BTC": order.quantity})
    tania.broker.balance_answers.extend([AccountBalances({}), later])

    assert differences(completed(check_of(ledger, tania))) == []


def test_coins_that_stay_away_are_a_difference(ledger: Ledger, make: Make) -> None:
    tania, order = make(TANIA), copied(ledger)
    tania.broker.pages.append(([listed(order)], None))

    (line,) = completed(check_of(ledger, tania))["differences"]

    assert (line["order"], line["what"]) == ("coins BTC", "copied more than there is")


# -- by the running bot ----------------------------------------------------------------------------------------------


def manager_of(stage: BrokerStage) -> BrokerManager:
    manager = BrokerManager()
    manager.add_master(stage.broker)
    return manager


def test_the_running_bot_goes_on_with_a_check_step_by_step(ledger: Ledger, make: Make) -> None:
    master, over = make(MASTER), threading.Event()
    master.broker.pages.append(lambda: (over.wait(PATIENCE_S), ([], None))[1])
    checks = LedgerChecks(manager_of(master), ledger)
    step = {"check": "one", "since": None}

    assert checks.go_on(step) == ({"through": 0, "total": 1}, False)
    over.set()
    result, failed = checks.go_on(step)

    assert not failed
    assert (result["through"], result["report"]["differences"]) == (1, [])
    assert master.trace.count("venue.orders") == 1


def test_a_new_check_takes_the_place_of_one_that_nobody_waits_for(ledger: Ledger, make: Make) -> None:
    master, over = make(MASTER), threading.Event()
    master.broker.pages.append(lambda: (over.wait(PATIENCE_S), ([], 50))[1])
    checks = LedgerChecks(manager_of(master), ledger)

    checks.go_on({"check": "one", "since": None})
    threading.Timer(0.1, over.set).start()
    result, _ = checks.go_on({"check": "two", "since": None})

    assert "report" in result
    assert [offset for _, offset in master.trace.of("venue.orders")] == [0, 0]


def test_a_check_that_is_asked_for_wrongly_says_so(ledger: Ledger) -> None:
    with pytest.raises(KeyError):
        LedgerChecks(BrokerManager(), ledger).go_on({})
