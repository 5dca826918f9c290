"""The desk: every command row gets a result, whatever its handler does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.app.commands import CommandDesk, Handler, resume_user
from bot.broker_manager import BrokerManager
from bot.domain.errors import LedgerUnavailable, VenueRejected
from bot.domain.ids import AccountId
from bot.ledger.commands import Command, CommandState, Kinds
from bot.ledger.entry import ledger_url
from bot.ledger.journal import Ledger
from bot.runtime.clock import SystemClock
from tests.fakes.trace import PATIENCE_S, Trace
from tests.unit.ledger.builders import SetClock

ANNA = {"user_id": "anna", "venue": "kraken"}
Desk = Callable[[dict[str, Handler]], CommandDesk]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(ledger_url("", tmp_path), SystemClock()) as opened:
        yield opened


@pytest.fixture
def open_desk(ledger: Ledger) -> Iterator[Desk]:
    desks: list[CommandDesk] = []

    def make(handlers: dict[str, Handler]) -> CommandDesk:
        desks.append(CommandDesk(ledger, handlers, 0.01))
        desks[-1].start()
        return desks[-1]

    yield make
    for desk in desks:
        desk.stop()
        assert desk.join(time.monotonic() + PATIENCE_S)


def finished(ledger: Ledger, number: int) -> Command:
    def done() -> bool:
        return ledger.command(number).state in (CommandState.DONE, CommandState.FAILED)

    Trace().wait_until(done)
    return ledger.command(number)


def test_each_kind_goes_to_its_handler_and_its_result_is_kept(ledger: Ledger, open_desk: Desk) -> None:
    open_desk(
        {
            "trade": lambda payload: ({"traded": payload["quantity"]}, False),
            "resume_user": lambda payload: ({"resumed": payload["user_id"]}, True),
        }
    )
    numbers = [ledger.post_command("trade", {"quantity": "1.5"}), ledger.post_command("resume_user", ANNA)]
    trade, resume = (finished(ledger, number) for number in numbers)
    assert (trade.state, trade.result) == (CommandState.DONE, {"traded": "1.5"})
    assert (resume.state, resume.result) == (CommandState.FAILED, {"resumed": "anna"})


def test_what_was_carried_out_is_told_and_whether_it_failed(ledger: Ledger) -> None:
    told: list[tuple[str, bool]] = []
    handlers: dict[str, Handler] = {"kill": lambda _: ({}, False)}
    desk = CommandDesk(ledger, handlers, 0.01, lambda command, failed: told.append((command.kind, failed)))
    desk.start()
    for kind in ("kill", "sing"):
        finished(ledger, ledger.post_command(kind, {}))
    desk.stop()
    assert desk.join(time.monotonic() + PATIENCE_S)
    assert told == [("kill", False), ("sing", True)]


def test_commands_are_carried_out_one_at_a_time_in_their_order(ledger: Ledger, open_desk: Desk) -> None:
    seen: list[int] = []
    numbers = [ledger.post_command("note", {"number": number}) for number in range(20)]
    open_desk({"note": lambda payload: (seen.append(payload["number"]) or {}, False)})
    finished(ledger, numbers[-1])
    assert seen == list(range(20))


def test_a_kind_that_nobody_knows_fails_with_its_name(ledger: Ledger, open_desk: Desk) -> None:
    open_desk({})
    command = finished(ledger, ledger.post_command("dance", {}))
    assert command.state is CommandState.FAILED
    assert "dance" in str(command.result)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("venue"),
        ValueError("'x' is not a valid BrokerType"),
        LedgerUnavailable("disk full"),
        VenueRejected("EGeneral"),
        RuntimeError("a bug"),
        MemoryError(),
    ],
)
def test_a_handler_that_raises_fails_its_command_in_one_line_and_the_desk_goes_on(
    ledger: Ledger, open_desk: Desk, error: Exception
) -> None:
    def fail(_: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        raise error

    desk = open_desk({"fail": fail, "well": lambda _: ({}, False)})
    failed = finished(ledger, ledger.post_command("fail", {}))
    assert failed.state is CommandState.FAILED
    assert failed.result is not None
    assert str(error) in failed.result["error"]
    assert "\n" not in failed.result["error"]
    assert finished(ledger, ledger.post_command("well", {})).state is CommandState.DONE
    assert desk.alive


class Paused:
    """An account as ``resume_user`` sees it."""

    def __init__(self, status: str = "connected", paused: bool = False, comes_back: bool = True) -> None:
        self.status = status
        self.paused = paused
        self.connected = status == "connected" or paused
        self._comes_back = comes_back
        self.resumed = 0

    def resume(self, timeout_s: float) -> bool:
        assert timeout_s > 0
        self.resumed += 1
        self.paused, self.connected = False, self._comes_back
        self.status = "connected" if self._comes_back else "EService:Unavailable"
        return self.connected


class Manager(BrokerManager):
    def __init__(self, **brokers: Any) -> None:
        super().__init__()
        self._some = brokers

    def broker(self, account: AccountId) -> Any:
        return self._some.get(account.name)


def test_a_paused_account_is_resumed_and_the_answer_tells_why_it_was_paused() -> None:
    anna = Paused("paused until 12:00:00 UTC: timeout", paused=True)
    result, failed = resume_user(Manager(anna=anna), ANNA)
    assert anna.resumed == 1
    assert not failed
    assert result == {
        "account": "anna:kraken",
        "was": "paused until 12:00:00 UTC: timeout",
        "resumed": True,
        "connected": True,
        "status": "connected",
    }


def test_an_account_that_was_left_out_is_tried_again_too() -> None:
    anna = Paused("EAPI:Invalid key")
    _, failed = resume_user(Manager(anna=anna), ANNA)
    assert anna.resumed == 1
    assert not failed


def test_one_that_does_not_come_back_is_a_failure_with_its_status() -> None:
    result, failed = resume_user(Manager(anna=Paused("paused", paused=True, comes_back=False)), ANNA)
    assert failed
    assert result["connected"] is False
    assert result["status"] == "EService:Unavailable"


def test_one_that_is_well_is_left_alone() -> None:
    anna = Paused()
    result, failed = resume_user(Manager(anna=anna), ANNA)
    assert anna.resumed == 0
    assert not failed
    assert result["resumed"] is False


def test_an_account_that_the_bot_does_not_have_is_named() -> None:
    result, failed = resume_user(Manager(), ANNA)
    assert failed
    assert "anna:kraken" in result["error"]


@pytest.mark.parametrize(
    ("kind", "payload", "is_too_late"),
    [
        ("trade", {}, True),
        ("resume", {}, True),
        ("unpause_user", {}, True),
        ("resync", {}, True),
        ("observe", {"on": False}, True),
        ("observe", {"on": True}, False),
        ("kill", {}, False),
        ("pause_user", {}, False),
    ],
)
def test_what_sets_orders_going_is_not_carried_out_once_it_is_old(
    tmp_path: Path, kind: str, payload: dict[str, Any], is_too_late: bool
) -> None:
    clock, carried_out = SetClock(), Trace()
    with Ledger(ledger_url("", tmp_path), clock) as ledger:
        number = ledger.post_command(kind, payload)
        clock.now += 61

        def handle(_: dict[str, Any]) -> tuple[dict[str, Any], bool]:
            carried_out.add(kind)
            return {}, False

        desk = CommandDesk(ledger, {kind: handle}, 0.01)
        desk.start()
        command = finished(ledger, number)
        desk.stop()
        assert desk.join(time.monotonic() + PATIENCE_S)
    assert carried_out.count(kind) == (not is_too_late)
    assert (command.state is CommandState.FAILED) == is_too_late
    if is_too_late:
        assert command.result is not None
        assert "had waited for 61 s; ask anew" in command.result["error"]


def test_the_brake_does_not_wait_for_a_trade(ledger: Ledger) -> None:
    go_on = threading.Event()

    def slow(_: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        return {}, not go_on.wait(PATIENCE_S)

    desks = [
        CommandDesk(ledger, {"trade": slow}, 0.01, kinds=Kinds(but={"kill"})),
        CommandDesk(ledger, {"kill": lambda _: ({}, False)}, 0.01, kinds=Kinds(only={"kill"})),
    ]
    trade = ledger.post_command("trade", {})
    for desk in desks:
        desk.start()
    Trace().wait_until(lambda: ledger.command(trade).state is CommandState.TAKEN)

    assert finished(ledger, ledger.post_command("kill", {})).state is CommandState.DONE

    assert ledger.command(trade).state is CommandState.TAKEN
    go_on.set()
    assert finished(ledger, trade).state is CommandState.DONE
    for desk in desks:
        desk.stop()
        assert desk.join(time.monotonic() + PATIENCE_S)
