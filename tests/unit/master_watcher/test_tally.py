"""What of an order is heard, in whatever stretches and order, counts once."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.enums import BrokerType, Side
from bot.domain.executions import Execution
from bot.domain.ids import AccountId, VenueOrderId
from bot.master_watcher.tally import OrderTally

MASTER = AccountId.master(BrokerType.KRAKEN)
ORDER = VenueOrderId("O1")


def execution(before: int, after: int, price: int = 100, time: float = 1000.0, complete: bool = False) -> Execution:
    return Execution(
        MASTER,
        ORDER,
        None,
        "BTC-USD",
        Side.BUY,
        Decimal(after - before),
        Decimal(price),
        Decimal(after),
        time,
        fee=Decimal(after - before),
        fee_currency="USD",
        complete=complete,
    )


def tally(covered: int = 0) -> OrderTally:
    return OrderTally(ORDER, "BTC-USD", Side.BUY, covered=Decimal(covered), counted=Decimal(covered))


def test_one_fill_is_one_part() -> None:
    order = tally()
    assert order.hear(execution(0, 3, complete=True))
    (part,) = order.parts()
    assert (part.filled_before, part.size, part.price, part.complete) == (0, 3, 100, True)


def test_heard_twice_counts_once() -> None:
    order = tally()
    assert order.hear(execution(0, 3))
    assert not order.hear(execution(0, 3))
    assert [part.size for part in order.parts()] == [3]


def test_what_is_covered_is_not_heard_again() -> None:
    order = tally(covered=3)
    assert not order.hear(execution(0, 3))
    assert order.parts() == []


def test_a_part_goes_on_where_a_signal_ended_in_the_middle_of_a_sum() -> None:
    order = tally(covered=1)
    order.hear(execution(0, 3, price=50))
    (part,) = order.parts()
    assert (part.filled_before, part.size, part.cost) == (1, 2, 100)


def test_a_gap_holds_back_what_is_behind_it() -> None:
    order = tally()
    order.hear(execution(2, 3, complete=True))
    assert order.parts() == []
    assert order.gap == (0, 2)
    order.hear(execution(0, 2))
    assert order.gap is None
    (part,) = order.parts()
    assert (part.size, part.complete) == (3, True)


def test_fills_one_by_one_win_over_their_sum() -> None:
    order = tally()
    order.hear(execution(0, 2, price=150))
    order.hear(execution(0, 1, price=100))
    order.hear(execution(1, 2, price=200))
    (part,) = order.parts()
    assert (part.size, part.cost) == (2, 300)


def test_old_and_fresh_fills_are_parts_of_their_own() -> None:
    order = tally()
    order.hear(execution(0, 1, time=10.0))
    order.hear(execution(1, 2, time=20.0))
    order.hear(execution(2, 4, time=100.0))
    old, fresh = order.parts(stale_before=50.0)
    assert (old.filled_before, old.size, old.time) == (0, 2, 20.0)
    assert (fresh.filled_before, fresh.size, fresh.time) == (2, 2, 100.0)


def test_what_fills_a_gap_has_the_price_of_what_comes_behind_it() -> None:
    order = tally()
    order.hear(execution(2, 3, price=7))
    filler = order.filler()
    assert (filler.executed_before, filler.executed, filler.price) == (0, 2, 7)
    order.hear(filler)
    assert order.gap is None
    with pytest.raises(LookupError):
        order.filler()


@st.composite
def stretches(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """A size cut into fills, and those fills with sums of neighbours, repeated and shuffled."""
    marks = sorted(draw(st.sets(st.integers(1, 40), min_size=1, max_size=8)))
    edges = [0, *marks]
    fills = list(itertools.pairwise(edges))
    sums = [(edges[a], edges[b]) for a in range(len(edges)) for b in range(a + 2, len(edges))]
    heard = fills + draw(st.lists(st.sampled_from(sums or fills), max_size=5)) + draw(st.lists(st.sampled_from(fills)))
    return marks[-1], draw(st.permutations(heard))


@given(stretches())
def test_any_order_of_hearing_gives_the_whole_once(case: tuple[int, list[tuple[int, int]]]) -> None:
    total, heard = case
    order, counted, signalled = tally(), Decimal(0), Decimal(0)
    for before, after in heard:
        order.hear(execution(before, after))
        counted += sum((one.quantity for one in order.further()), Decimal(0))
        for part in order.parts():
            # Signals are made along the way, as far as it is known.
            assert part.filled_before == signalled
            signalled += part.size
            order.covered = part.filled_after
    assert signalled == counted == total


@given(stretches())
def test_costs_and_fees_are_counted_once(case: tuple[int, list[tuple[int, int]]]) -> None:
    total, heard = case
    order = tally()
    told = []
    for before, after in heard:
        order.hear(execution(before, after))
        told += order.further()
    assert sum(one.quantity for one in told) == total
    # A fee of one a coin, whatever the stretches were.
    assert abs(sum(one.fee for one in told) - total) < Decimal("1e-9")
