"""Orders by hand: every part becomes a signal exactly once, in one process or in several."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.enums import OrderState, Side, SizeType
from bot.domain.ids import ClientOrderId, SignalId, VenueOrderId, signal_id_of
from bot.domain.orders import Refused
from bot.domain.outcomes import Accepted
from bot.domain.signals import TradeSignal
from bot.ledger.database import Database
from bot.ledger.entry import open_views
from bot.ledger.journal import Ledger
from bot.ledger.plans import write_plan
from bot.ledger.rows import UncopiedRow, WatchRow
from tests.integration.ledger.looking import rows
from tests.unit.ledger.builders import (
    DAIVON,
    MASTER,
    NOW,
    PRICE,
    QUANTITY,
    TANIA,
    SetClock,
    copies_for,
    copy_of,
    master_order,
    order_of,
    signal_of,
)

REPOSITORY = Path(__file__).parents[3]
ORDER = "OHAND1-AAAAA-BBBBBB"
OTHER = "OHAND2-AAAAA-BBBBBB"

#: Takes an order's parts as fast as it can, each from where the ledger says that it stands, until all of it is covered.
TAKE_PARTS = """
import sys
from decimal import Decimal
from bot.domain.enums import Side
from bot.domain.errors import LedgerUnavailable
from bot.ledger.entry import open_ledger
from bot.runtime.clock import SystemClock
from tests.integration.ledger.test_parts import MASTER, ORDER, part_of
from tests.unit.ledger.builders import copies_for, users

ledger, step = open_ledger(sys.argv[1], SystemClock(), busy_timeout_s=10), Decimal(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
taken = 0
while (reached := ledger.covered(MASTER, [ORDER])[ORDER]) < 1:
    signal = part_of(str(min(step, 1 - reached)), before=str(reached), named=sys.argv[3])
    try:
        taken += ledger.record_plan(signal, copies_for(signal, users(3)))
    except LedgerUnavailable:
        pass
ledger.close()
print(taken)
"""


def part_of(size: str, before: str = "0", order_id: str = ORDER, side: Side = Side.BUY, named: str = "") -> TradeSignal:
    """A part of an order by hand; ``named``: it has a name of its own, not the one that the order and place give."""
    name = f"{order_id}+{before}{named}"
    return replace(
        signal_of(order_id, side),
        size=Decimal(size),
        by_hand=True,
        filled_before=Decimal(before),
        signal_id=signal_id_of(MASTER, name),
    )


def record(ledger: Ledger, *parts: TradeSignal) -> list[bool]:
    return [ledger.record_plan(part, copies_for(part, [DAIVON])) for part in parts]


def recorded(ledger: Ledger, order_id: str = ORDER) -> list[tuple[Decimal, Decimal]]:
    """Where each part begins, and its size."""
    return [(row.filled_before, row.size) for row in ledger.views.signals_of_order(MASTER, order_id)]


# -- exactly once ----------------------------------------------------------------------------------------------------


def test_a_part_is_read_back_as_it_was_written(ledger: Ledger) -> None:
    part = part_of("0.3")

    assert record(ledger, part) == [True]

    stored = ledger.views.signal(part.signal_id)
    assert stored is not None
    assert (stored.by_hand, stored.filled_before, stored.size) == (True, Decimal(0), Decimal("0.3"))


def test_parts_that_go_on_from_each_other_are_all_taken(ledger: Ledger) -> None:
    # Sums that floats do not give.
    parts = [part_of("0.1"), part_of("0.2", "0.1"), part_of("0.123456789012345678", "0.3")]

    assert record(ledger, *parts) == [True, True, True]

    assert ledger.covered(MASTER, [ORDER, OTHER]) == {ORDER: Decimal("0.423456789012345678"), OTHER: Decimal(0)}
    assert recorded(ledger) == [(part.filled_before, part.size) for part in parts]


@pytest.mark.parametrize(
    ("size", "before", "name"),
    [
        ("0.3", "0", ""),
        ("0.3", "0", "another name"),
        ("0.5", "0", "longer"),
        ("0.1", "0", "shorter"),
        ("0.3", "0.2", ""),
        ("0.3", "0.4", ""),
        ("0.3", "0.30000001", ""),
    ],
    ids=["the same", "the same renamed", "longer", "shorter", "overlapping", "after a gap", "after a tiny gap"],
)
def test_a_part_that_does_not_go_on_from_what_is_covered_is_refused_and_leaves_nothing(
    ledger: Ledger, url: str, size: str, before: str, name: str
) -> None:
    record(ledger, part_of("0.3"))

    assert record(ledger, part_of(size, before, named=name)) == [False]

    assert recorded(ledger) == [(Decimal(0), Decimal("0.3"))]
    assert rows(url, "SELECT count(*) FROM copies") == [(1,)]
    assert rows(url, "SELECT count(*) FROM order_events") == [(1,)]


def test_a_part_that_grew_until_it_is_planned_anew_takes_the_place_of_the_first(ledger: Ledger, url: str) -> None:
    """The first one was committed after its caller had been told that it was not; nothing of it was sent."""
    first, grown = part_of("0.3"), part_of("0.5")
    record(ledger, first)
    database = Database(url)
    with database.writing() as connection:
        planned = copies_for(grown, [TANIA])
        assert write_plan(connection, grown, planned, NOW, observe_only=False, anew=True)
    database.dispose()

    assert recorded(ledger) == [(Decimal(0), Decimal("0.5"))]
    assert [row.copy.account for row in ledger.copies_of_order(MASTER, ORDER)] == [TANIA]
    assert record(ledger, part_of("0.5", "0.3"), part_of("0.5", "0.5")) == [False, True]


def test_parts_of_different_orders_do_not_disturb_each_other(ledger: Ledger) -> None:
    parts = [part_of("0.3"), part_of("1", order_id=OTHER), part_of("0.7", "0.3"), part_of("1", "1", OTHER)]

    assert record(ledger, *parts) == [True] * 4


def test_an_order_that_the_bot_placed_and_copied_is_not_copied_as_one_by_hand(ledger: Ledger) -> None:
    own = replace(signal_of(ORDER), signal_id=SignalId("own"))
    in_quote = replace(own, order_id=OTHER, size=PRICE * 2, size_type=SizeType.QUOTE, signal_id=SignalId("in quote"))
    assert record(ledger, own, in_quote) == [True, True]

    assert record(ledger, part_of("0.015"), part_of("0.015", order_id=OTHER)) == [False, False]

    assert ledger.covered(MASTER, [OTHER]) == {OTHER: Decimal(2)}


def test_signals_of_the_bots_own_orders_are_taken_as_before(ledger: Ledger) -> None:
    signal = signal_of()
    assert record(ledger, signal, replace(signal, signal_id=SignalId("another"))) == [True, True]


def test_a_masters_order_keeps_its_signal_when_another_part_comes(ledger: Ledger) -> None:
    order = master_order()
    ledger.intend(order)
    ledger.answered(order, Accepted(VenueOrderId(ORDER)), OrderState.ACCEPTED)
    assert ledger.flush(30)
    signal = replace(signal_of(ORDER), signal_id=SignalId("own"))

    assert record(ledger, signal, part_of("0.015")) == [True, False]

    assert [row.signal_id for row in ledger.views.master_orders()] == ["own"]


def test_many_orders_are_asked_for_at_once(ledger: Ledger) -> None:
    names = [f"O{number}" for number in range(1200)]
    record(ledger, part_of("0.5", order_id="O7"), part_of("0.25", order_id="O1199"))

    found = ledger.covered(MASTER, names)

    assert list(found) == names
    assert {name: size for name, size in found.items() if size} == {"O7": Decimal("0.5"), "O1199": Decimal("0.25")}


@pytest.mark.parametrize("named", [("", ""), (" here", " there")], ids=["same names", "different names"])
def test_of_two_processes_that_take_parts_at_once_each_base_is_taken_once(url: str, named: Sequence[str]) -> None:
    with Ledger(url, SetClock()):
        pass
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE_PARTS, url, step, name],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for step, name in zip(("0.03", "0.07"), named, strict=True)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        answers.append(process.communicate(timeout=180))
        assert process.returncode == 0, answers

    views = open_views(url)
    parts = views.signals_of_order(MASTER, ORDER)
    views.close()
    reached = Decimal(0)
    for part in sorted(parts, key=lambda part: part.filled_before):
        assert part.filled_before == reached
        reached += part.size
    assert reached == 1
    assert sum(int(answer[0]) for answer in answers) == len(parts), answers


# -- what is not copied, and how far a master is watched --------------------------------------------------------------


def test_what_will_not_be_copied_counts_as_covered(ledger: Ledger, clock: SetClock) -> None:
    ledger.record_uncopied(MASTER, ORDER, Decimal("0.4"), "it had traded before watching began")

    assert ledger.covered(MASTER, [ORDER]) == {ORDER: Decimal("0.4")}
    assert record(ledger, part_of("0.6"), part_of("0.6", "0.4")) == [False, True]
    assert ledger.covered(MASTER, [ORDER]) == {ORDER: Decimal(1)}
    [row] = ledger.views.uncopied_of(MASTER)
    assert row == UncopiedRow(MASTER, ORDER, Decimal("0.4"), "it had traded before watching began", NOW)


def test_what_will_not_be_copied_never_becomes_less(ledger: Ledger) -> None:
    for executed, reason in (("0.4", "first"), ("0.4", "again"), ("0.3", "less"), ("0.5", "more")):
        ledger.record_uncopied(MASTER, ORDER, Decimal(executed), reason)

    assert [(row.executed, row.reason) for row in ledger.views.uncopied_of(MASTER)] == [(Decimal("0.5"), "more")]


def test_a_watch_is_kept_per_master_and_the_latest_stands(ledger: Ledger, clock: SetClock) -> None:
    assert ledger.watch(MASTER) is None
    ledger.set_watch(MASTER, NOW - 100, NOW - 50)
    clock.now += 1
    ledger.set_watch(MASTER, NOW - 100, NOW - 10.25)

    assert ledger.watch(MASTER) == WatchRow(MASTER, NOW - 100, NOW - 10.25, NOW + 1)
    assert ledger.watch(DAIVON) is None


# -- what is read of an order's parts ---------------------------------------------------------------------------------


def test_the_copies_of_all_parts_of_an_order_are_read_at_once(ledger: Ledger) -> None:
    first, second = part_of("0.3"), replace(part_of("0.7", "0.3"), price=PRICE + 1)
    small = copy_of(first, TANIA, OrderState.SKIPPED, Refused("below minimum", "$0.30"))
    ledger.record_plan(first, [copy_of(first), small])
    record(ledger, second, part_of("1", order_id=OTHER))

    found = ledger.copies_of_order(MASTER, ORDER)

    assert [(row.signal_id, row.copy.account) for row in found] == [
        (first.signal_id, DAIVON),
        (first.signal_id, TANIA),
        (second.signal_id, DAIVON),
    ]
    assert [(row.size, row.filled_before, row.price) for row in found[1:]] == [
        (Decimal("0.3"), Decimal(0), PRICE),
        (Decimal("0.7"), Decimal("0.3"), PRICE + 1),
    ]
    assert found[0].copy == ledger.views.copies_of(first.signal_id)[0]
    assert (found[1].copy.state, found[1].copy.code) == (OrderState.SKIPPED, "below minimum")
    assert (found[2].copy.quantity, found[2].copy.quote_value) == (QUANTITY, Decimal("498.16"))


def test_the_bots_own_orders_are_known_by_their_names(ledger: Ledger) -> None:
    ledger.intend(master_order())
    name = master_order().client_order_id
    strangers = [ClientOrderId(f"stranger {number}") for number in range(600)]

    assert ledger.own_orders(MASTER, [*strangers, name]) == {name}
    assert ledger.own_orders(DAIVON, [name]) == set()
    assert ledger.is_own_order(MASTER, name)
    assert not ledger.is_own_order(MASTER, strangers[0])


def test_a_copys_name_is_no_own_order(ledger: Ledger) -> None:
    signal = signal_of()
    copy = copy_of(signal)
    ledger.record_plan(signal, [copy])

    assert not ledger.is_own_order(DAIVON, order_of(copy).client_order_id)
