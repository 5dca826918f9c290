"""The simulated venue and the checks themselves: what is wrong must be seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.domain.enums import Side
from bot.domain.ids import AccountId, ClientOrderId
from bot.domain.orders import MarketOrder
from tests.state_machine.events import Buy, Sell, Wait
from tests.state_machine.fates import GOOD, Fate, Way
from tests.state_machine.machine import CopyTrading
from tests.state_machine.process import KRAKEN, MASTER
from tests.state_machine.venue import VenueOrder

PLAIN = AccountId("plain", KRAKEN)


@pytest.fixture
def machine() -> Iterator[CopyTrading]:
    playing = CopyTrading()
    playing.begin(names=["plain"], traded=["BTC-USD"], without=set())
    yield playing
    playing._sound = False
    playing.teardown()


def copied_order(machine: CopyTrading) -> VenueOrder:
    """The user's order after the master has bought."""
    machine.happens(Buy("BTC-USD", 2_000), [], None)
    machine.nothing_is_wrong()
    (order,) = [order for order in machine.world.venue.orders if order.account == PLAIN]
    return order


def again(order: VenueOrder) -> MarketOrder:
    return MarketOrder(order.account, order.name, order.symbol, order.side, order.quantity, order.price)


def test_an_order_that_is_placed_twice_is_seen(machine: CopyTrading) -> None:
    order = copied_order(machine)
    machine.world.venue.submit(again(order), GOOD, machine.world.clock.monotonic_ns())

    with pytest.raises(AssertionError, match="placed twice"):
        machine.nothing_is_wrong()


def test_an_order_without_a_row_is_seen(machine: CopyTrading) -> None:
    stranger = replace(again(copied_order(machine)), client_order_id=ClientOrderId("stranger"))
    machine.world.venue.submit(stranger, GOOD, machine.world.clock.monotonic_ns())

    with pytest.raises(AssertionError, match="no row names"):
        machine.nothing_is_wrong()


def test_a_sale_of_own_coins_is_seen(machine: CopyTrading) -> None:
    bought = copied_order(machine)
    machine.happens(Sell("BTC-USD", "1"), [], None)
    (_, sold) = [order for order in machine.world.venue.orders if order.account == PLAIN]
    machine.world.venue.orders[-1] = replace(
        sold, fills=tuple(replace(fill, quantity=bought.quantity * 2) for fill in sold.fills)
    )

    with pytest.raises(AssertionError, match="more than copying had bought"):
        machine.nothing_is_wrong()


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("UPDATE copies SET state = 'UNKNOWN'", "UNKNOWN"),
        ("UPDATE copies SET state = 'REJECTED', reason = 'insufficient funds'", "is REJECTED"),
        ("UPDATE copies SET cost = '1'", "VenueOrder"),
        ("DELETE FROM fills WHERE account <> 'master:kraken'", "at the venue"),
        ("UPDATE copied_coins SET quantity = '0'", "has 0 copied BTC-USD"),
        ("DELETE FROM copies", "no row for"),
    ],
)
def test_a_ledger_that_differs_from_the_venue_is_seen(machine: CopyTrading, statement: str, complaint: str) -> None:
    copied_order(machine)
    machine.happens(Wait(61.0), [], None)
    machine.process.ledger.flush(30)
    machine.checks.at_rest(machine.users)
    with closing(sqlite3.connect(machine.world.ledger_file)) as connection, connection:
        connection.execute(statement)

    with pytest.raises(AssertionError, match=complaint):
        machine.checks.at_rest(machine.users)


def test_coins_that_are_left_when_the_master_has_sold_out_are_seen(machine: CopyTrading) -> None:
    copied_order(machine)
    machine.process.ledger.flush(30)

    with pytest.raises(AssertionError, match="still has"):
        machine.checks.sold_out(machine.users, "BTC-USD")


def test_an_order_lands_late_or_is_dropped_at_its_deadline(machine: CopyTrading) -> None:
    venue, clock = machine.world.venue, machine.world.clock
    order = MarketOrder(PLAIN, ClientOrderId("late"), "BTC-USD", Side.BUY, Decimal("0.001"), Decimal(50_000))
    deadline_ns = clock.monotonic_ns() + 5 * 10**9
    venue.submit(order, Fate(Way.LATE, lands_after_s=3.0, shown_after_s=2.0), deadline_ns)
    venue.submit(order, Fate(Way.LATE, lands_after_s=6.0), deadline_ns)

    shown = []
    for _ in range(4):
        clock.pass_s(2.0)
        shown.append(venue.find(PLAIN, order.client_order_id) is not None)

    assert shown == [False, False, True, True]
    assert len(venue.orders) == 1


def test_the_same_name_buys_twice_once_the_first_order_is_filled(machine: CopyTrading) -> None:
    venue = machine.world.venue
    order = MarketOrder(MASTER, ClientOrderId("same"), "SOL-USD", Side.BUY, Decimal(1), Decimal(100))
    for _ in range(2):
        venue.submit(order, GOOD, machine.world.clock.monotonic_ns())

    assert venue.holds(MASTER)["SOL"] == 2
