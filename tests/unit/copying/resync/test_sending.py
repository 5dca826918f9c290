"""A correction leaves at once or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import pytest

from bot.copying.coins import CopiedCoins
from bot.copying.resync import Correction, Corrections, SendingParts
from bot.copying.run import RunHearers, SignalRun
from bot.domain.enums import OrderState
from bot.domain.orders import MarketOrder, Refused
from bot.domain.outcomes import Outcome, Rejected
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.ledger.journal import Ledger
from tests.unit.copying.resync.test_correction import drifting, planned


@dataclass
class FakeLedger:
    """Takes every signal once."""

    known: set[str] = field(default_factory=set)
    answers: list[tuple[OrderState, str]] = field(default_factory=list)

    def record_plan(self, signal: TradeSignal, copies: Sequence[PlannedCopy]) -> bool:
        is_new = signal.signal_id not in self.known
        self.known.add(signal.signal_id)
        return is_new

    def answered(self, order: MarketOrder, outcome: Outcome, state: OrderState) -> None:
        assert isinstance(outcome, Rejected)
        self.answers.append((state, outcome.reason))


@dataclass
class FakeWaiting:
    """Says whether an exit is planned, and whether anybody holds it."""

    is_still: bool = True
    held: bool = False
    launched: int = 0

    @contextmanager
    def still(self) -> Iterator[bool]:
        self.held = True
        yield self.is_still
        self.held = False


class Desk:
    """Corrections on fakes."""

    def __init__(self) -> None:
        self.ledger = FakeLedger()
        self.waiting = FakeWaiting()
        self.launched: list[tuple[MarketOrder, SignalRun]] = []
        self.waits: list[MarketOrder] = []
        self.absent: list[MarketOrder] = []
        self.ended: list[Any] = []
        hearers = RunHearers(
            answered=self.ended.append,
            waits=lambda order, run: self.waits.append(order),
            absent=lambda order, run: self.absent.append(order) is None,
            bought_late=lambda order, report, missed: None,
            sold_partly=lambda order, report, run: None,
            done=lambda run: None,
        )
        parts = SendingParts(cast(Ledger, self.ledger), self.waiting, _run, hearers, self._launch)
        self.corrections = Corrections(parts)

    def _launch(self, order: MarketOrder, run: SignalRun) -> None:
        assert self.waiting.held
        assert run.signal.signal_id in self.ledger.known
        self.launched.append((order, run))

    def send(self, correction: Correction | Refused) -> SignalRun | Refused:
        def decide() -> Correction | Refused:
            assert self.waiting.held
            return correction

        return self.corrections.send(decide)


def _run(signal: TradeSignal, copies: Sequence[PlannedCopy], hearers: RunHearers) -> SignalRun:
    return SignalRun(signal, copies, CopiedCoins({}), hearers)


@pytest.fixture
def desk() -> Desk:
    return Desk()


BUY = planned(drifting(kill_switch="0.002"))
SELL = planned(drifting(failed="-0.0004"))


@pytest.mark.parametrize("correction", [BUY, SELL], ids=["buy", "sell"])
def test_it_is_written_before_it_is_sent_while_no_exit_is_planned(desk: Desk, correction: Correction) -> None:
    run = desk.send(correction)
    assert isinstance(run, SignalRun)
    assert desk.launched == [(correction.order, run)]
    assert desk.waiting.launched == 1


def test_the_same_one_is_sent_once(desk: Desk) -> None:
    desk.send(BUY)
    again = desk.send(BUY)
    assert isinstance(again, Refused)
    assert again.code == "corrected before"
    assert len(desk.launched) == 1


def test_beside_an_exit_nothing_is_sent(desk: Desk) -> None:
    desk.waiting.is_still = False
    found = desk.send(BUY)
    assert isinstance(found, Refused)
    assert found.code == "an exit is being copied"
    assert (desk.launched, desk.ledger.known) == ([], set())


def test_a_refusal_is_written_nowhere(desk: Desk) -> None:
    assert desk.send(Refused("no drift")) == Refused("no drift")
    assert (desk.launched, desk.ledger.known) == ([], set())


def test_a_buy_that_cannot_leave_at_once_ends(desk: Desk) -> None:
    run = desk.send(BUY)
    assert isinstance(run, SignalRun)
    run.answered(BUY.order, Rejected("account paused", sent=False, not_now=True), OrderState.PLANNED, 0)
    run.settled(BUY.order, None, OrderState.PLANNED)
    assert desk.waits == []
    ((state, reason),) = desk.ledger.answers
    assert state is OrderState.EXPIRED
    assert "account paused" in reason
    assert run.results[0].state is OrderState.EXPIRED
    assert run.wait(0)


def test_a_sale_that_cannot_leave_at_once_waits_as_exits_do(desk: Desk) -> None:
    run = desk.send(SELL)
    assert isinstance(run, SignalRun)
    run.settled(SELL.order, None, OrderState.PLANNED)
    assert desk.waits == [SELL.order]
    assert desk.ledger.answers == []


@pytest.mark.parametrize(("correction", "again"), [(BUY, False), (SELL, True)], ids=["buy", "sell"])
def test_a_buy_that_never_arrived_is_not_sent_again(desk: Desk, correction: Correction, again: bool) -> None:
    run = desk.send(correction)
    assert isinstance(run, SignalRun)
    assert run.absent(correction.order) is again
    assert bool(desk.absent) is again


def test_it_is_sized_as_it_was_decided(desk: Desk) -> None:
    run = desk.send(BUY)
    assert isinstance(run, SignalRun)
    assert run.results[0].quantity == Decimal("0.002")
