"""Commands that set and lift switches: what was, what is now, and one line for whoever asked wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.app.commands import CommandDesk, OperatorSwitches
from bot.broker_manager import BrokerManager
from bot.copying.kill_switch import KillSwitchGate
from bot.domain.enums import BrokerType, Side
from bot.domain.ids import AccountId
from bot.ledger.commands import Command, CommandState
from bot.ledger.entry import ledger_url
from bot.ledger.journal import Ledger
from bot.ledger.switches import KILL, OBSERVE, pause_of
from tests.fakes.trace import Trace
from tests.unit.ledger.builders import NOW, SetClock

ANNA = AccountId("anna", BrokerType.KRAKEN)
AT_KRAKEN = {"user_id": "anna", "venue": "kraken"}


class Manager(BrokerManager):
    def broker(self, account: AccountId) -> Any:
        return object() if account in (ANNA, AccountId.master(BrokerType.KRAKEN)) else None


@dataclass
class House:
    """A ledger, the gate that reads it, and what carries commands out."""

    ledger: Ledger
    gate: KillSwitchGate
    commands: OperatorSwitches

    def ask(self, kind: str, **payload: Any) -> dict[str, Any]:
        """The result of a command that does not fail."""
        result, failed = self.commands.handlers[kind](payload)  # type: ignore[misc]
        assert not failed, result
        return result


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with Ledger(ledger_url("", tmp_path), SetClock()) as ledger:
        gate = KillSwitchGate(False, lambda: False, ledger)
        yield House(ledger, gate, OperatorSwitches(ledger, gate, Manager()))


def switch(reason: str, by: str = "page") -> dict[str, Any]:
    return {"reason": reason, "set_by": by, "set_at": NOW}


def test_kill_and_resume_tell_what_was_and_what_is(house: House) -> None:
    assert house.ask("kill", reason="odd prices", by="page") == {"was": None, "now": switch("odd prices")}
    assert house.gate.reason() == "odd prices", "obeyed when the result is there"
    again = house.ask("kill", reason="odder\n prices", by="page")
    assert again == {"was": switch("odd prices"), "now": switch("odder prices")}
    assert house.ask("resume", by="page") == {"was": switch("odder prices"), "now": None, "stopped": None}
    assert house.gate.reason() is None
    assert house.ask("resume") == {"was": None, "now": None, "stopped": None}


def test_kill_needs_no_reason_and_nobody_who_asks(house: House) -> None:
    assert house.ask("kill")["now"] == switch("stopped by the operator", "a command")
    assert house.gate.reason() == "stopped by the operator"


def test_resume_says_what_else_keeps_everybody_from_trading(house: House) -> None:
    gate = KillSwitchGate(True, lambda: False, house.ledger)
    result, _ = OperatorSwitches(house.ledger, gate, Manager()).resume({})
    assert result["stopped"] == "SYSTEM_DISABLED is set in the environment"


def test_observe_is_switched_on_and_off(house: House) -> None:
    assert house.ask("observe", on=True, reason="a look", by="page") == {"was": None, "now": switch("a look")}
    assert house.gate.observing is not None
    assert house.ask("observe", on=False) == {"was": switch("a look"), "now": None}
    assert house.gate.observing is None


def test_a_user_is_paused_and_unpaused(house: House) -> None:
    result = house.ask("pause_user", **AT_KRAKEN, reason="on holiday", by="page")
    assert result == {"account": "anna:kraken", "was": None, "now": switch("on holiday")}
    assert house.gate.check(ANNA, "BTC-USD", Side.BUY) is not None
    assert house.gate.check(ANNA, "BTC-USD", Side.SELL) is None
    result = house.ask("unpause_user", **AT_KRAKEN)
    assert result == {"account": "anna:kraken", "was": switch("on holiday"), "now": None}
    assert house.gate.check(ANNA, "BTC-USD", Side.BUY) is None
    assert house.ask("unpause_user", **AT_KRAKEN)["was"] is None


def test_the_pause_of_a_user_who_is_gone_can_be_lifted(house: House) -> None:
    gone = AccountId("gone", BrokerType.KRAKEN)
    house.ledger.set_switch(pause_of(gone), "moved away", "tests")
    assert house.ask("unpause_user", user_id="gone", venue="kraken")["was"]["reason"] == "moved away"
    assert house.ledger.switches() == {}


def test_observe_off_says_what_else_keeps_copies_back(house: House) -> None:
    assert "still" not in house.ask("observe", on=False)
    always = OperatorSwitches(house.ledger, house.gate, Manager(), observes_always=True)
    result, failed = always.observe({"on": False})
    assert (result["still"], failed) == ("OBSERVE_ONLY is set in the environment", False)


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "unknown user": ("pause_user", {"user_id": "nobody", "venue": "kraken", "reason": "x"}, "nobody:kraken"),
    "unknown user unpaused": ("unpause_user", {"user_id": "nobody", "venue": "kraken"}, "python bot.py users"),
    "other venue": ("pause_user", {"user_id": "anna", "venue": "coinbase", "reason": "x"}, "anna:coinbase"),
    "no venue": ("pause_user", {"user_id": "anna", "reason": "x"}, "kraken, coinbase, alpaca"),
    "unknown venue": ("unpause_user", {"user_id": "anna", "venue": "nasdaq"}, "no venue 'nasdaq'"),
    "no user": ("pause_user", {"venue": "kraken", "reason": "x"}, "user_id"),
    "no reason": ("pause_user", AT_KRAKEN, "reason is missing"),
    "blank reason": ("pause_user", {**AT_KRAKEN, "reason": " \n "}, "reason is missing"),
    "reason that is no text": ("kill", {"reason": ["x"]}, "reason must be text"),
    "master": ("pause_user", {"user_id": "master", "venue": "kraken", "reason": "x"}, "is a master"),
    "observe without a reason": ("observe", {"on": True}, "reason is missing"),
    "observe, on or off": ("observe", {"reason": "x"}, "true or false"),
    "observe, on as text": ("observe", {"on": "false", "reason": "x"}, "true or false"),
    "by whom, a number": ("resume", {"by": 7}, "by must be text"),
}


@pytest.mark.parametrize(("kind", "payload", "words"), WRONG.values(), ids=WRONG)
def test_what_is_asked_wrongly_is_answered_in_one_line_and_changes_nothing(
    house: House, kind: str, payload: dict[str, Any], words: str
) -> None:
    house.ledger.set_switch(KILL, "stands", "tests")
    house.ledger.set_switch(OBSERVE, "stands", "tests")
    before = house.ledger.switches()
    desk = CommandDesk(house.ledger, house.commands.handlers, 0.01)
    desk.start()
    number = house.ledger.post_command(kind, payload)

    def ended() -> Command | None:
        command = house.ledger.command(number)
        return command if command.state in (CommandState.DONE, CommandState.FAILED) else None

    Trace().wait_until(lambda: ended() is not None)
    desk.stop()
    command = ended()
    assert command is not None
    assert command.state is CommandState.FAILED
    assert command.result is not None
    assert list(command.result) == ["error"]
    assert words in command.result["error"]
    assert "\n" not in command.result["error"]
    assert house.ledger.switches() == before
