"""What traded on an account, as its venue tells it, whoever placed the order."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.enums import Side
from bot.domain.errors import VenueError, VenueUnclear
from bot.domain.executions import Execution
from bot.domain.ids import is_own_name, new_client_order_id
from tests.contract.checks import order_of, send
from tests.contract.stand import Seat, Stand
from tests.contract.venue import PATIENCE_S
from tests.fakes.ports import RecordingObserver
from tests.fakes.trace import Trace
from tests.paper_exchange.client import eventually

D = Decimal
RICH = {"USD": "1000000", "BTC": "10"}
#: A limit order to buy, and the price at which so much of it trades as the book has at one level.
LIMIT, MEETING = "49990", "49985"
#: Beyond the margin with which a venue is asked for what is new, seconds.
PAST_THE_MARGIN_S = 2.2


def told(seat: Seat, since: float = 0.0) -> list[Execution]:
    return seat.broker.list_executions(since).result(PATIENCE_S)


def by_order(executions: Sequence[Execution]) -> dict[str, list[Execution]]:
    found: dict[str, list[Execution]] = {}
    for execution in executions:
        found.setdefault(execution.order_id, []).append(execution)
    return found


def trades(seat: Seat) -> list[dict[str, Any]]:
    """What the exchange's own books have of the account, oldest first."""
    rows: list[dict[str, Any]] = seat.stand.paper.get(f"/books?account={seat.login.name}")["trades"]
    return rows


def assert_true(seat: Seat, executions: Sequence[Execution]) -> None:
    """Each order's executions follow one on the other, and end where the books say that they do."""
    assert [execution.time for execution in executions] == sorted(execution.time for execution in executions)
    booked = {row["order_id"]: row for row in seat.orders()}
    known = trades(seat)
    for order_id, parts in by_order(executions).items():
        row = booked[order_id]
        sums = {D(0), *itertools.accumulate(D(one["volume"]) for one in known if one["order_id"] == order_id)}
        assert {part.executed for part in parts} <= sums
        assert {part.executed_before for part in parts} <= sums
        assert all(after.executed_before == before.executed for before, after in itertools.pairwise(parts))
        assert {part.client_order_id for part in parts} == {row["client_order_id"]}
        assert {(part.symbol, part.side) for part in parts} == {(row["symbol"], row["side"])}
        assert [part.complete for part in parts[:-1]] == [False] * (len(parts) - 1)


def assert_whole(seat: Seat, executions: Sequence[Execution]) -> None:
    """Everything that the books have is told."""
    assert_true(seat, executions)
    booked = {row["order_id"]: D(row["executed"]) for row in seat.orders() if D(row["executed"])}
    assert {order_id: parts[-1].executed for order_id, parts in by_order(executions).items()} == booked
    assert all(parts[0].executed_before == 0 for parts in by_order(executions).values())
    ended = {row["order_id"] for row in seat.orders() if row["closed_at"] is not None}
    assert {order_id for order_id, parts in by_order(executions).items() if parts[-1].complete} == ended & booked.keys()


def by_hand(seat: Seat, side: str, volume: str, price: str | None = None) -> str:
    """An order of the account's owner, past the venue's API and its limits; its id."""
    wanted = {"account": seat.login.name, "symbol": "BTC-USD", "side": side, "volume": volume}
    kind = {"type": "market"} if price is None else {"type": "limit", "price": price}
    order_id: str = seat.stand.paper.post("/orders", wanted | kind)["order_id"]
    return order_id


def settled(seat: Seat) -> None:
    """Wait until no market order is on its way any more."""
    eventually(lambda: all(row["closed_at"] or row["type"] == "limit" for row in seat.orders()))


def resting(stand: Stand, seat: Seat, volume: str = "0.005") -> str:
    """A limit order of which :func:`meet` trades a thousandth of a coin at a time; its id."""
    stand.set_market(depth="0.001")
    return seat.login.limit("buy", volume, LIMIT)


def meet(stand: Stand) -> None:
    stand.set_market(price=MEETING)


# -- what is told ----------------------------------------------------------------------------------------------------


def test_an_account_that_never_traded_has_none(stand: Stand) -> None:
    assert told(stand.seat().connect()) == []


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_bots_own_order_is_told_as_the_venues_books_have_it(stand: Stand, side: str) -> None:
    seat = stand.seat({"USD": "10000", "BTC": "1"}).connect()
    result = seat.broker.place_market_order("BTC-USD", side, "0.01")
    (one,) = told(seat)
    (order,) = seat.orders()
    (trade,) = trades(seat)
    assert result.order is not None
    assert one.client_order_id == result.order.client_order_id == order["client_order_id"]
    assert is_own_name(one.client_order_id)
    assert (one.account, one.order_id, one.symbol, one.side) == (
        seat.account,
        order["order_id"],
        "BTC-USD",
        Side(side),
    )
    assert one.quantity == one.executed == D(trade["volume"])
    assert one.price == D(trade["price"])
    assert one.time == pytest.approx(trade["time"], abs=0.001)
    assert one.complete
    assert one.fee_currency == trade["fee_asset"]
    # Where the venue tells no fee it is worked out, a few of the coin's smallest steps too high.
    assert D(trade["fee"]) <= one.fee <= D(trade["fee"]) + D("0.000000005")


def test_what_others_placed_is_told_too(stand: Stand) -> None:
    seat, name = stand.seat(RICH).connect(), new_client_order_id()
    placed = [seat.trade("sell", "0.001"), seat.trade("buy", "0.002", name), by_hand(seat, "buy", "0.003")]
    settled(seat)
    found = told(seat)
    assert [one.order_id for one in found] == placed
    assert [one.side for one in found] == [Side.SELL, Side.BUY, Side.BUY]
    assert [one.executed for one in found] == [D("0.001"), D("0.002"), D("0.003")]
    assert found[1].client_order_id == name
    assert_whole(seat, found)


def test_an_order_that_trades_in_parts_is_told_part_by_part(stand: Stand) -> None:
    seat = stand.seat(RICH).connect()
    stand.set_market(depth="0.001")
    by_hand(seat, "sell", "0.0035")
    settled(seat)
    found = told(seat)
    assert [one.executed for one in found] == [D("0.001"), D("0.002"), D("0.003"), D("0.0035")]
    assert [one.price for one in found] == [D(row["price"]) for row in trades(seat)]
    assert len({one.price for one in found}) == 4
    assert_whole(seat, found)


def test_what_the_bot_buys_in_parts_is_told_up_to_what_the_books_have(stand: Stand) -> None:
    """Coinbase sizes it in quote, and tells of no single part how many coins it was."""
    seat = stand.seat(RICH).connect()
    stand.set_market(depth="0.001")
    result = seat.broker.place_market_order("BTC-USD", "buy", "0.0035")
    assert result.report is not None
    assert len(trades(seat)) >= 4
    found = told(seat)
    assert found[-1].executed == result.report.executed == D(seat.orders()[0]["executed"])
    assert sum(one.cost for one in found) == pytest.approx(result.report.cost, rel=D("1e-9"))
    assert_whole(seat, found)


def test_an_order_that_rests_is_told_as_far_as_it_traded(stand: Stand) -> None:
    seat = stand.seat(RICH).connect()
    order_id = resting(stand, seat, "0.003")
    seen = []
    for _ in range(3):
        meet(stand)
        found = told(seat)
        assert_whole(seat, found)
        seen.append(found[-1])
    assert [one.executed for one in seen] == [D("0.001"), D("0.002"), D("0.003")]
    assert {one.order_id for one in seen} == {order_id}
    assert [one.complete for one in seen] == [False, False, True]


# -- where an order began before -------------------------------------------------------------------------------------


def test_an_order_that_was_placed_long_before_is_told_with_all_that_it_executed(stand: Stand) -> None:
    seat = stand.seat(RICH).connect()
    order_id = resting(stand, seat)
    meet(stand)
    meet(stand)
    before = time.time()
    eventually(lambda: time.time() - before > PAST_THE_MARGIN_S)
    since = time.time()
    assert told(seat, since) == []
    meet(stand)
    fresh = seat.trade("sell", "0.0004")
    found = told(seat, since)
    assert [one.order_id for one in found] == [order_id, fresh]
    assert (found[0].executed_before, found[0].executed) == (D("0.002"), D("0.003"))
    assert not found[0].complete
    assert_true(seat, found)
    # Asked a second time, and by a process that knows nothing yet.
    meet(stand)
    for begin in (lambda: seat, lambda: stand.again(seat).connect()):
        found = told(begin(), since)
        assert [part.executed for part in found if part.order_id == order_id] == [D("0.003"), D("0.004")]


@pytest.mark.parametrize("old", [False, True], ids=["new order", "old order"])
def test_fills_between_two_calls_change_nothing_of_those_that_were_listed(stand: Stand, old: bool) -> None:
    done: list[None] = []

    def change(_: dict[str, Any], answer: Any) -> Any:
        if armed and not done:
            done.append(None)
            meet(stand)
        return answer

    armed: list[None] = []
    relay = stand.relay()
    relay.changes[stand.venue.fills_path] = change
    seat = stand.seat(RICH, url=relay.url).connect()
    since = time.time()
    order_id = resting(stand, seat, "0.003")
    meet(stand)
    if old:
        eventually(lambda: time.time() - since > PAST_THE_MARGIN_S)
        since = time.time()
    meet(stand)
    armed.append(None)
    found = told(seat, since)
    assert done
    assert_true(seat, found)
    first = D("0.001") if old else D(0)
    assert found[0].executed_before == first
    assert found[-1].executed in (D("0.002"), D("0.003"))
    assert found[-1].complete is (found[-1].executed == D("0.003"))
    assert [one.executed for one in told(seat, since)][-1] == D("0.003")
    assert {one.order_id for one in found} == {order_id}


def test_fills_from_before_are_left_out(stand: Stand) -> None:
    seat = stand.seat(RICH).connect()
    seat.trade("buy", "0.001")
    before = time.time()
    eventually(lambda: time.time() - before > PAST_THE_MARGIN_S)
    since = time.time()
    later = seat.trade("buy", "0.001")
    assert [one.order_id for one in told(seat, since)] == [later]
    # A moment is not passed over for being the very moment of the fill.
    assert [one.order_id for one in told(seat, trades(seat)[-1]["time"])] == [later]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happened_it_is_told_without_a_gap(stand: Stand, seed: int) -> None:
    chance, seat = random.Random(seed), stand.seat(RICH).connect()
    stand.settings(fill_delay_s=0)
    stand.set_market(depth="0.001")
    moments = [0.0]
    for _ in range(12):
        moments.append(time.time())
        volume = f"{chance.randint(3, 60) / 10_000:.4f}"
        match chance.choice(["market", "limit", "bot", "move", "move"]):
            case "market":
                by_hand(seat, chance.choice(["buy", "sell"]), volume)
            case "limit":
                by_hand(seat, "buy", volume, LIMIT)
            case "bot":
                send(seat, order_of(seat, volume))
            case _:
                stand.set_market(price=chance.choice([MEETING, "50000", "49975"]))
    settled(seat)
    assert_whole(seat, told(seat))
    since = chance.choice(moments[1:])
    found = told(seat, since)
    assert_true(seat, found)
    wanted = {row["order_id"]: D(row["executed"]) for row in seat.orders()}
    late = {row["order_id"] for row in trades(seat) if row["time"] >= since}
    assert {order_id: wanted[order_id] for order_id in late} == {
        order_id: parts[-1].executed for order_id, parts in by_order(found).items() if order_id in late
    }


# -- many, and troubles ----------------------------------------------------------------------------------------------


def test_more_than_a_page_of_them_come_each_once(stand: Stand) -> None:
    seat = stand.seat(RICH).connect()
    stand.settings(fill_delay_s=0)
    stand.set_market(depth="0.001")
    for _ in range(stand.venue.fills_page // 10 + 1):
        by_hand(seat, "sell", "0.0091")
    seen: list[None] = []
    found = seat.broker.list_executions(0.0, lambda: seen.append(None)).result(PATIENCE_S)
    assert len(found) == len(trades(seat)) > stand.venue.fills_page
    assert len(seen) >= 3
    assert_whole(seat, found)
    assert stand.refused_calls() == {}


def test_fills_while_pages_are_asked_for_pass_none_over(stand: Stand) -> None:
    pokes = itertools.count()

    def change(_: dict[str, Any], answer: Any) -> Any:
        if next(pokes) < 2:
            by_hand(seat, "sell", "0.0091")
        return answer

    relay = stand.relay()
    relay.changes[stand.venue.fills_path] = change
    seat = stand.seat(RICH, url=relay.url).connect()
    stand.settings(fill_delay_s=0)
    stand.set_market(depth="0.001")
    early = [by_hand(seat, "buy", "0.0091") for _ in range(stand.venue.fills_page // 10 + 1)]
    found = by_order(told(seat))
    assert {order_id: len(found[order_id]) for order_id in early} == dict.fromkeys(early, 10)
    assert_true(seat, [one for parts in found.values() for one in parts])


@pytest.mark.parametrize("call", ["fills_method", "naming_method", "balance_method"])
@pytest.mark.parametrize("kind", ["http_502", "truncated"])
def test_a_call_whose_answer_was_lost_is_made_again(stand: Stand, kind: str, call: str) -> None:
    seat = stand.seat(RICH).connect()
    seat.trade("buy", "0.001")
    seat.any_fault(kind, method=getattr(stand.venue, call))
    found = told(seat)
    assert len(found) == 1
    assert_whole(seat, found)


def test_an_order_that_is_not_shown_yet_is_waited_for_and_never_taken_for_nameless(stand: Stand) -> None:
    seat = stand.seat(RICH).connect()
    seat.trade("buy", "0.001", new_client_order_id())
    seat.any_fault("empty_query", method=stand.venue.naming_method, times=2)
    (one,) = told(seat)
    assert one.client_order_id is not None
    seat.trade("buy", "0.001", new_client_order_id())
    seat.any_fault("empty_query", method=stand.venue.naming_method, times=3)
    with pytest.raises(VenueUnclear, match="does not show the order"):
        told(seat)
    assert seat.broker.connected
    assert not seat.broker.paused


def test_orders_go_ahead_of_questions_that_wait_for_the_rate_limit(stand: Stand) -> None:
    seat = stand.seat(RICH).connect()
    seat.trade("buy", "0.001")
    asked = [seat.broker.list_executions(0.0) for _ in range(40)]
    eventually(lambda: seat.broker._venue_find_delay() > 0)
    calls = seat.order_calls()
    for more in (1, 2, 3):
        departure = seat.broker.prepare_market_order(order_of(seat, "0.0004"), RecordingObserver(Trace()))
        departure.send()
        departure.go_on()
        eventually(lambda wanted=calls + more: seat.order_calls() == wanted, 10)
    assert [one for one in asked if one.cancel()]
    assert stand.refused_calls() == {}


def test_orders_that_are_done_are_asked_for_once(stand: Stand) -> None:
    seat = stand.seat(RICH).connect()
    seat.trade("buy", "0.001")
    first = told(seat)
    calls = seat.calls(stand.venue.naming_method)
    assert told(seat) == first
    assert seat.calls(stand.venue.naming_method) == calls


def test_a_question_that_was_cancelled_asks_no_more(stand: Stand) -> None:
    seat = stand.seat(RICH).connect()
    answer = seat.broker.list_executions(0.0, lambda: answer.cancel() and None)
    with pytest.raises(CancelledError):
        answer.result(PATIENCE_S)
    told(seat)
    assert seat.calls(stand.venue.fills_method) <= 2


def test_the_balances_afterwards_are_fresh_and_heard(stand: Stand) -> None:
    seat = stand.seat().connect()
    heard: list[Any] = []
    seat.broker.hear_balances(heard.append)
    seat.trade("buy", "0.001")
    told(seat)
    coins = seat.broker.get_account_balance_detailed().holdings
    assert set(coins) == {"BTC"}
    assert abs(coins["BTC"] - D(seat.balances()["BTC"])) <= stand.venue.slack
    assert heard[-1] == seat.broker.settled_balances


def test_a_key_that_was_revoked_is_told_in_the_venues_words(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.paper.patch(f"/accounts/{seat.login.name}", enabled=False)
    with pytest.raises(VenueError, match=stand.venue.revoked_says):
        told(seat)


def test_an_account_that_is_not_connected_says_so(stand: Stand) -> None:
    with pytest.raises(VenueUnclear, match="not connected"):
        told(stand.seat())


def test_without_an_address_there_is_no_socket(stand: Stand) -> None:
    assert stand.seat().broker.open_stream(_Nobody()) is None


class _Nobody:
    def listening(self) -> None:
        raise AssertionError

    def executed(self, executions: Sequence[Execution]) -> None:
        raise AssertionError

    def interrupted(self, reason: str) -> None:
        raise AssertionError
