"""What was bought after the master had sold is sold too: the share that the missed exits would have sold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.copying.legs import FurtherLegs
from bot.domain.enums import OrderState, Side
from bot.domain.ids import SignalId, client_order_id_of
from bot.domain.instruments import Instrument
from bot.domain.orders import MarketOrder, Sized
from bot.domain.signals import PlannedCopy, TradeSignal
from tests.fakes.broker import BTC
from tests.unit.copying.builders import DAIVON, ENTRY, EXIT, TANIA, a_report, an_order
from tests.unit.copying.desk import Desk


def an_exit(number: int, sold: Any, before: Any) -> TradeSignal:
    """The master sells so many of its coins."""
    size = Decimal(str(sold))
    position = None if before is None else Decimal(str(before))
    return replace(EXIT, order_id=f"O-EXIT-{number}", signal_id=SignalId(""), size=size, position_before=position)


class LateDesk(Desk):
    """A desk that plans late exits."""

    def __init__(self) -> None:
        super().__init__()
        self.instrument: Instrument | None = BTC
        self.begun: list[tuple[TradeSignal, PlannedCopy, MarketOrder]] = []
        self.late = FurtherLegs(
            self.ledger, lambda account, symbol: self.instrument, lambda *one: self.begun.append(one)
        )

    def missed(self, *exits: TradeSignal) -> None:
        """Record exits that were planned without the buy."""
        for signal in exits:
            self.plan(signal, self.copy_of(signal, state=OrderState.SKIPPED))

    def buy(self, *exits: TradeSignal, executed: Any = "0.002", **report: Any) -> None:
        self.late.add_late_buy(an_order(), a_report(executed, **report), [signal.signal_id for signal in exits])

    def sizes(self) -> list[Decimal]:
        return [order.quantity for _, _, order in self.begun]


@pytest.fixture
def desk() -> Iterator[LateDesk]:
    desk = LateDesk()
    yield desk
    desk.close()


HALF, ALL = an_exit(1, "0.01", "0.02"), an_exit(2, "0.01", "0.01")


def test_a_late_exit_is_a_further_leg_of_the_exit_that_missed_it_and_is_committed_before_it_begins(
    desk: LateDesk,
) -> None:
    desk.missed(HALF)
    desk.buy(HALF)
    desk.late.plan()
    ((signal, copy, order),) = desk.begun
    assert signal.signal_id == HALF.signal_id
    name = client_order_id_of(HALF.signal_id, TANIA, leg=2)
    assert (order.client_order_id, order.leg, order.side, order.account) == (name, 2, Side.SELL, TANIA)
    assert order.quantity == Decimal("0.001")
    row = desk.row(name)
    assert (row.state, row.leg, row.attempt, row.quantity) == (OrderState.PLANNED, 2, 1, Decimal("0.001"))
    assert (copy.client_order_id, row.reason) == (name, copy.reason)
    assert len(desk.rows(HALF.signal_id)) == 2


def test_nothing_is_planned_twice(desk: LateDesk) -> None:
    desk.missed(HALF)
    desk.buy(HALF)
    desk.late.plan()
    desk.late.plan()
    assert len(desk.begun) == 1


@pytest.mark.parametrize(
    ("exits", "sold"),
    [
        ([HALF], "0.001"),
        ([an_exit(1, "0.005", "0.02")], "0.0005"),
        ([an_exit(1, "0.005", "0.02"), an_exit(2, "0.0075", "0.015")], "0.00125"),
        ([HALF, ALL], "0.002"),
        ([an_exit(1, "0.03", "0.02")], "0.002"),
        ([an_exit(1, "0.01", None)], "0.002"),
        ([an_exit(1, "0.01", "0")], "0.002"),
        ([an_exit(1, "0.02", "0.03")], "0.00133333"),
    ],
    ids=["half", "a quarter", "a quarter, then half", "half, then all", "more than all", "unknown", "nothing", "lots"],
)
def test_it_sells_the_share_that_the_missed_exits_would_have_sold(
    desk: LateDesk, exits: list[TradeSignal], sold: str
) -> None:
    desk.missed(*exits)
    desk.buy(*exits)
    desk.late.plan()
    assert desk.sizes() == [Decimal(sold)]
    assert desk.begun[0][0].signal_id == exits[-1].signal_id, "a leg of the last one"


def test_it_sells_what_was_bought_and_not_what_was_asked_for(desk: LateDesk) -> None:
    exit_ = an_exit(1, "0.02", "0.02")
    desk.missed(exit_)
    desk.buy(exit_, executed="0.0015", fee="0.0000015", fee_currency="BTC")
    desk.late.plan()
    assert desk.sizes() == [Decimal("0.00149850")]


def test_dust_stays(desk: LateDesk) -> None:
    exit_ = an_exit(1, "0.0002", "0.02")
    desk.missed(exit_)
    desk.buy(exit_)
    desk.late.plan()
    assert desk.begun == []
    assert len(desk.rows(exit_.signal_id)) == 1


def test_two_buys_of_one_user_that_one_exit_missed_are_two_legs(desk: LateDesk) -> None:
    desk.missed(ALL)
    desk.buy(ALL)
    desk.buy(ALL, executed="0.001")
    desk.late.plan()
    assert [order.leg for _, _, order in desk.begun] == [2, 3]
    assert desk.sizes() == [Decimal("0.002"), Decimal("0.001")]
    assert len({order.client_order_id for _, _, order in desk.begun}) == 2


def test_the_legs_of_another_user_are_its_own(desk: LateDesk) -> None:
    desk.plan(ALL, desk.copy_of(ALL, TANIA), desk.copy_of(ALL, DAIVON))
    desk.late.add_late_buy(replace(an_order(), account=DAIVON), a_report("0.002"), [ALL.signal_id])
    desk.buy(ALL)
    desk.late.plan()
    assert [(order.account, order.leg) for _, _, order in desk.begun] == [(DAIVON, 2), (TANIA, 2)]


def test_a_signal_that_never_came_is_no_exit(desk: LateDesk) -> None:
    """It was foretold, and the master's venue refused it."""
    desk.buy(an_exit(7, "0.02", "0.02"))
    desk.late.plan()
    assert desk.begun == []
    desk.missed(HALF)
    desk.buy(an_exit(8, "0.02", "0.02"), HALF)
    desk.late.plan()
    assert desk.sizes() == [Decimal("0.001")]


@pytest.mark.parametrize("away_for", [1, 3])
def test_while_the_ledger_is_away_it_is_not_begun_and_not_forgotten(desk: LateDesk, away_for: int) -> None:
    desk.missed(HALF)
    desk.buy(HALF)
    desk.ledger.away = "disk full"
    for _ in range(away_for):
        desk.late.plan()
    assert desk.begun == []
    desk.ledger.away = ""
    desk.late.plan()
    assert desk.sizes() == [Decimal("0.001")]


def test_an_entry_after_the_buy_is_none_of_its_exits(desk: LateDesk) -> None:
    desk.missed(HALF)
    desk.plan(replace(ENTRY, order_id="O-2", signal_id=SignalId("")))
    desk.buy(HALF)
    desk.late.plan()
    ((_, copy, _),) = desk.begun
    assert isinstance(copy.decision, Sized)
    assert copy.side is Side.SELL


# -- what the venue cancelled -------------------------------------------------------------------------------------


def test_the_rest_of_an_exit_is_sold_whole_as_its_next_leg(desk: LateDesk) -> None:
    """The master's share was taken when the exit was planned."""
    desk.plan(HALF, desk.copy_of(HALF, state=OrderState.SUBMITTING))
    order = an_order(Side.SELL, "0.002")
    desk.late.add_rest(order, a_report("0.0005"), HALF.signal_id)
    desk.late.plan()
    assert desk.sizes() == [Decimal("0.0015")]
    ((_, copy, leg),) = desk.begun
    assert (leg.leg, leg.client_order_id) == (2, client_order_id_of(HALF.signal_id, TANIA, leg=2))
    assert "cancelled" in copy.reason


def test_a_leg_of_which_a_part_was_cancelled_is_followed_by_another(desk: LateDesk) -> None:
    desk.plan(HALF, desk.copy_of(HALF, state=OrderState.SUBMITTING))
    desk.late.add_rest(an_order(Side.SELL, "0.002"), a_report("0"), HALF.signal_id)
    desk.late.plan()
    desk.late.add_rest(desk.begun[0][2], a_report("0.001"), HALF.signal_id)
    desk.late.plan()
    assert desk.sizes() == [Decimal("0.002"), Decimal("0.001")]
    assert [order.leg for _, _, order in desk.begun] == [2, 3]


def test_a_rest_of_dust_stays(desk: LateDesk) -> None:
    desk.plan(HALF, desk.copy_of(HALF, state=OrderState.SUBMITTING))
    desk.late.add_rest(an_order(Side.SELL, "0.002"), a_report("0.00199"), HALF.signal_id)
    desk.late.plan()
    assert desk.begun == []


def test_a_leg_waits_until_the_symbol_is_known(desk: LateDesk) -> None:
    desk.missed(HALF)
    desk.buy(HALF)
    desk.instrument = None
    desk.late.plan()
    assert desk.begun == []
    desk.instrument = BTC
    desk.late.plan()
    assert desk.sizes() == [Decimal("0.001")]
