"""A master's order in parts: every follower gets, of each, what is new of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.copying.parts import OrderSoFar
from bot.domain.enums import BrokerType, OrderState, Side
from bot.domain.errors import LedgerUnavailable, VenueRejected
from bot.domain.ids import AccountId, ClientOrderId, SignalId, VenueOrderId, signal_id_of
from bot.domain.orders import MarketOrder
from bot.domain.outcomes import Accepted, Unknown
from bot.domain.signals import TradeSignal
from bot.ledger.rows import CopyRow, PartRow
from bot.position_sizer import EarlierParts
from tests.fakes.broker import BTC
from tests.fakes.clock import NOW
from tests.unit.copying.builders import ENTRY, MASTER, PRICE, TANIA
from tests.unit.copying.desk import filled
from tests.unit.copying.town import Town

S = OrderState
D = Decimal
RICH = AccountId("rich", BrokerType.KRAKEN)


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town().start()
    yield town
    town.close()


def part_of(
    number: int, size: Any = "0.002", side: Side = Side.BUY, order_id: str = "O-HAND", of: int = 10, **more: Any
) -> TradeSignal:
    """The part of this number, from 0 on, of an order in equal parts; of a sale, the master had just so much."""
    each = D(size)
    before = number * each
    return replace(
        ENTRY,
        side=side,
        order_id=order_id,
        size=each,
        by_hand=True,
        filled_before=before,
        complete=number == of - 1,
        position_before=D(0) if side is Side.BUY else of * each - before,
        signal_id=signal_id_of(MASTER, f"{order_id}+{before}"),
        **more,
    )


def row_of(
    state: OrderState = S.FILLED,
    quantity: Any = "0.0002",
    *,
    size: Any = "0.002",
    price: Any = PRICE,
    side: Side = Side.BUY,
    code: str = "",
    leg: int = 1,
    executed: Any = None,
    balance: Any = 1000,
    **more: Any,
) -> PartRow:
    """A copy of a part, done with as ordered unless told otherwise."""
    ordered = D(quantity)
    done = ordered if executed is None else D(executed)
    copy = CopyRow(
        client_order_id=ClientOrderId("c-1"),
        signal_id=SignalId("s-1"),
        account=TANIA,
        user_id="tania",
        venue=BrokerType.KRAKEN,
        symbol="BTC-USD",
        side=side,
        state=state,
        reason="",
        code=code,
        note="",
        leg=leg,
        attempt=1,
        balance=D(balance),
        quantity=ordered,
        quote_value=ordered * D(price),
        price=D(price),
        order_id=VenueOrderId("O-1"),
        executed=done,
        average_price=D(price),
        cost=done * D(price),
        fee=D(0),
        fee_currency="USD",
        deadline=0.0,
        planned_at=NOW,
        answered_at=NOW,
        settled_at=NOW,
        milliseconds=1.0,
    )
    return PartRow(SignalId("s-1"), D(size), D(0), D(price), replace(copy, **more))


# -- what counts of an entry ------------------------------------------------------------------------------------------

SIZED = [S.PLANNED, S.SUBMITTING, S.UNKNOWN, S.ACCEPTED, S.FILLED, S.PARTIALLY_FILLED, S.REJECTED, S.FAILED, S.OBSERVED]


@pytest.mark.parametrize("state", SIZED)
def test_what_was_sized_counts_whatever_became_of_it(state: OrderState) -> None:
    so_far = OrderSoFar([row_of(state, executed=0)])
    assert so_far.bought(TANIA, BTC) == EarlierParts(D("0.002"), D("0.0002"), D(10), D(1000))
    assert so_far.bought(RICH, BTC) is None


@pytest.mark.parametrize("code", ["below minimum", "cap reached"])
def test_what_was_too_small_counts_with_its_size_alone(code: str) -> None:
    so_far = OrderSoFar([row_of(S.SKIPPED, 0, code=code, balance=900), row_of()])
    assert so_far.bought(TANIA, BTC) == EarlierParts(D("0.004"), D("0.0002"), D(10), D(900))


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (S.SKIPPED, "symbol disabled"),
        (S.SKIPPED, "account not connected"),
        (S.SKIPPED, "kill switch"),
        (S.EXPIRED, "signal too old"),
    ],
    ids=["disabled", "not connected", "stopped", "too old"],
)
def test_what_was_refused_for_another_reason_is_in_neither_sum(state: OrderState, code: str) -> None:
    refused = row_of(state, 0, code=code, balance=0)
    assert OrderSoFar([refused]).bought(TANIA, BTC) is None
    assert OrderSoFar([refused, row_of()]).bought(TANIA, BTC) == OrderSoFar([row_of()]).bought(TANIA, BTC)


def test_an_entry_that_expired_while_it_waited_is_in_neither_sum() -> None:
    assert OrderSoFar([row_of(S.EXPIRED, executed=0)]).bought(TANIA, BTC) is None


def test_where_buys_are_sized_in_quote_the_money_counts_and_not_the_rounded_coins() -> None:
    in_cents = replace(BTC, quote_step=D("0.01"))
    spent = row_of(price=30_000, quantity="0.00033333", quote_value=D(10))
    earlier = OrderSoFar([spent]).bought(TANIA, in_cents)
    assert earlier is not None
    assert earlier.value == 10
    assert abs(D(10) / 30_000 - earlier.quantity) < D("1E-25")


# -- what counts of an exit -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [S.PLANNED, S.SUBMITTING, S.UNKNOWN, S.ACCEPTED])
def test_an_exit_that_is_under_way_has_taken_what_it_ordered(state: OrderState) -> None:
    assert OrderSoFar([row_of(state, side=Side.SELL, executed=0)]).sold(TANIA, "BTC-USD") == D("0.0002")


@pytest.mark.parametrize("state", [S.FILLED, S.PARTIALLY_FILLED, S.FAILED, S.REJECTED])
def test_an_exit_that_is_done_has_taken_what_it_executed(state: OrderState) -> None:
    assert OrderSoFar([row_of(state, side=Side.SELL, executed="0.00015")]).sold(TANIA, "BTC-USD") == D("0.00015")


@pytest.mark.parametrize("state", [S.SKIPPED, S.EXPIRED, S.OBSERVED])
def test_an_exit_that_was_never_sent_has_taken_nothing(state: OrderState) -> None:
    assert OrderSoFar([row_of(state, side=Side.SELL, executed=0)]).sold(TANIA, "BTC-USD") == 0


def test_legs_and_fees_in_coin_are_taken_too_and_other_symbols_are_not() -> None:
    first = row_of(S.PARTIALLY_FILLED, side=Side.SELL, executed="0.0001", fee=D("0.00001"), fee_currency="BTC")
    rest = row_of(side=Side.SELL, quantity="0.0001", leg=2)
    other = row_of(side=Side.SELL, symbol="BTC-USDT")
    assert OrderSoFar([first, rest, other]).sold(TANIA, "BTC-USD") == D("0.00021")


# -- a whole bot ------------------------------------------------------------------------------------------------------


def reads_of_orders(town: Town, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    read = town.ledger.copies_of_order

    def count(master: AccountId, order_id: str) -> list[PartRow]:
        asked.append(order_id)
        return read(master, order_id)

    monkeypatch.setattr(town.ledger, "copies_of_order", count)
    return asked


def copies_of(town: Town, order_id: str = "O-HAND") -> list[CopyRow]:
    """Tania's copies of an order, by part."""
    town.write()
    return [row.copy for row in town.ledger.copies_of_order(MASTER, order_id)]


def test_an_order_in_ten_parts_is_bought_and_sold_like_one(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = reads_of_orders(town, monkeypatch)
    for number in range(10):
        town.copy(part_of(number))
    assert town.copied() == D("0.002")
    assert [order.quantity for order in town.sent(TANIA)] == [D("0.0002")] * 10
    assert {row.balance for row in town.rows()} == {D(1000)}, "the balance of before the order counts for all parts"

    for number in range(10):
        town.copy(part_of(number, side=Side.SELL, order_id="O-SALE"))
    assert town.copied() == 0
    assert asked == ["O-HAND"] * 9 + ["O-SALE"] * 9, "the first part asks for nothing"


def test_parts_below_the_minimum_go_out_together(town: Town) -> None:
    """The venue's minimum is 0.00005: four tenths of a part's share."""
    for number in range(10):
        town.copy(part_of(number, "0.0002"))
    rows = copies_of(town)
    assert [row.state for row in rows] == [S.SKIPPED, S.SKIPPED, S.FILLED] * 3 + [S.SKIPPED]
    assert [row.quantity for row in rows if row.quantity] == [D("0.00006")] * 3
    assert rows[0].reason.endswith("; carried to the order's next fill")
    assert not rows[-1].reason.endswith("; carried to the order's next fill"), "it is the last one"


def test_the_limit_is_that_of_the_order(town: Town) -> None:
    for number in range(4):
        town.copy(part_of(number, "0.008"))
    rows = copies_of(town)
    assert sum(row.quote_value for row in rows) == 100
    assert [(row.state, row.code) for row in rows[-1:]] == [(S.SKIPPED, "cap reached")]


def test_an_exit_that_waits_keeps_its_place_and_later_parts_are_sized_beside_it(town: Town) -> None:
    town.copy(replace(ENTRY, order_id="O-BUY", signal_id=SignalId("")))
    town.brokers[TANIA].submits.append(VenueRejected("EOrder:Trading agreement required"))
    for number in range(3):
        town.copy(part_of(number, "0.01", Side.SELL, "O-SALE", of=3))
    sold = [row.quantity for row in copies_of(town, "O-SALE")]
    assert sold == [D("0.00066666"), D("0.00066667"), D("0.00066667")]
    town.pass_time(30)
    assert [row.state for row in copies_of(town, "O-SALE")] == [S.FILLED] * 3
    assert town.copied() == town.at_the_venue() == 0


def test_what_the_venue_would_not_sell_is_caught_up_with_the_next_part(town: Town) -> None:
    town.copy(replace(ENTRY, order_id="O-BUY", signal_id=SignalId("")))
    town.brokers[TANIA].submits += [VenueRejected("EOrder:Trading agreement required")] * 8
    town.copy(part_of(0, "0.01", Side.SELL, "O-SALE", of=4))
    town.pass_time(300)
    assert [row.state for row in copies_of(town, "O-SALE")] == [S.REJECTED]
    town.copy(part_of(1, "0.01", Side.SELL, "O-SALE", of=4, timestamp=town.clock.time()))
    assert [row.quantity for row in copies_of(town, "O-SALE")] == [D("0.0005"), D("0.001")]
    assert town.copied() == D("0.001")


def test_a_part_that_the_ledger_does_not_take_sends_nothing(town: Town) -> None:
    town.copy(part_of(0))
    town.copy(part_of(2))
    town.copy(replace(part_of(0), signal_id=SignalId("another name")))
    assert len(town.sent(TANIA)) == 1
    assert len(town.rows()) == 1
    assert town.copied() == D("0.0002")
    town.copy(part_of(1))
    assert town.copied() == D("0.0004")


def test_a_ledger_that_cannot_be_read_holds_a_later_part_up(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.copy_trade_engine.engine._LEDGER_PAUSE_S", 0.0)
    town.copy(part_of(0))
    read, tries = town.ledger.copies_of_order, iter([LedgerUnavailable("disk I/O error")] * 2)

    def fail_twice(master: AccountId, order_id: str) -> list[PartRow]:
        error = next(tries, None)
        if error is not None:
            raise error
        return read(master, order_id)

    monkeypatch.setattr(town.ledger, "copies_of_order", fail_twice)
    town.copy(part_of(1))
    assert town.copied() == D("0.0004")


def test_a_restart_between_two_parts_changes_nothing(town: Town) -> None:
    for number in range(4):
        town.copy(part_of(number, "0.0002"))
    town.restart()
    for number in range(4, 10):
        town.copy(part_of(number, "0.0002"))
    assert town.copied() == D("0.00018")


def test_the_exit_by_hand_of_an_old_signal_is_asked_for_first_and_carried_out(town: Town) -> None:
    town.copy(part_of(0, of=2, size="0.01"))
    town.copy(part_of(1, of=2, size="0.01"))
    late = [part_of(number, "0.01", Side.SELL, "O-SALE", of=2, timestamp=NOW - 600) for number in range(2)]
    for part in late:
        town.copy(part)
    assert [row.state for row in copies_of(town, "O-SALE")] == [S.UNKNOWN] * 2, (
        "the venue is asked whether they were copied"
    )
    assert town.copied() == D("0.002")
    town.pass_time(60)
    assert town.copied() == 0
    assert [order.quantity for order in town.sent(TANIA) if order.side is Side.SELL] == [D("0.001")] * 2


def test_a_recorded_part_is_taken_up_as_what_it_was(town: Town) -> None:
    part = part_of(1)
    town.copy(part_of(0))
    town.copy(part)
    row = town.ledger.views.signal(part.signal_id)
    assert row is not None
    assert (row.by_hand, row.filled_before) == (True, D("0.002"))


# -- what a user's account decided for itself -------------------------------------------------------------------------


def test_an_open_own_order_of_a_user_is_taken_up_and_moves_no_copied_coins(town: Town) -> None:
    own = MarketOrder(TANIA, ClientOrderId("own-1"), "BTC-USD", Side.BUY, D("0.001"), PRICE, own=True)
    town.ledger.intend(own)
    town.venues.take(own)
    town.ledger.answered(own, Unknown("read timed out"), S.UNKNOWN)
    town.write()

    assert town.restart() == 1
    town.pass_time(30)
    town.write()

    (row,) = town.ledger.views.own_orders_of(TANIA)
    assert row.state is S.FILLED
    assert town.ledger.positions_of(TANIA)["BTC-USD"].quantity == D("0.001")
    assert (town.copied(), town.ledger.copied_coins()) == (0, {})
    assert town.ledger.views.counts().emitted == 0


@pytest.mark.parametrize("independent", [True, False])
def test_balances_may_trail_the_last_own_order_of_a_user_that_trades_by_itself(town: Town, independent: bool) -> None:
    town.independent = {TANIA} if independent else set()
    own = MarketOrder(TANIA, ClientOrderId("own-1"), "BTC-USD", Side.BUY, D("0.001"), PRICE, own=True)
    town.ledger.intend(own)
    town.ledger.answered(own, Accepted(town.venues.take(own)), S.ACCEPTED)
    town.ledger.settled(own, filled(own), S.FILLED)
    town.write()
    # The venue does not show the order yet.
    town.venues.booked[TANIA] = {"USD": D(1000)}

    town.start()
    recalled: list[MarketOrder] = []
    town.brokers[TANIA].recall = recalled.append  # type: ignore[method-assign]
    town.engine.recover()

    assert [order.client_order_id for order in recalled] == (["own-1"] if independent else [])
