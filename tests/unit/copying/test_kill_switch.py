"""Three switches stop all trading: the environment's, the front door's flag, and the one in the ledger."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.copying.kill_switch import KillSwitchGate
from bot.domain.enums import Side
from bot.domain.errors import LedgerUnavailable
from bot.ledger.switches import KillSwitch
from tests.unit.copying.builders import MASTER, TANIA

SET = KillSwitch("maintenance", "operator", 1.0)


class Store:
    """Holds the switch, or the reason why it cannot be read."""

    def __init__(self, answer: KillSwitch | LedgerUnavailable | None = None) -> None:
        self.answer = answer

    def kill_switch(self) -> KillSwitch | None:
        if isinstance(self.answer, LedgerUnavailable):
            raise self.answer
        return self.answer


def gate_of(
    environment: bool = False, flag: Callable[[], bool] = lambda: False, store: Store | None = None
) -> KillSwitchGate:
    return KillSwitchGate(environment, flag, store or Store())


def stopped(gate: KillSwitchGate) -> bool:
    """Whether every order of every account is refused; half a stop is a failure."""
    answers = {gate.check(account, "BTC-USD", side) is not None for account in (MASTER, TANIA) for side in Side}
    assert len(answers) == 1
    assert (gate.reason() is not None) in answers
    return answers.pop()


def test_without_a_switch_everything_may_pass() -> None:
    gate = gate_of()
    gate.refresh()
    assert not stopped(gate)


def test_the_environment_stops_everything_and_nothing_lifts_it() -> None:
    gate = gate_of(environment=True)
    gate.refresh()
    assert stopped(gate)
    refused = gate.check(TANIA, "BTC-USD", Side.SELL)
    assert refused is not None
    assert refused.code == "kill switch"
    assert "SYSTEM_DISABLED" in refused.detail


def test_the_flag_is_read_at_the_moment_of_the_order() -> None:
    flags = {"SYSTEM_DISABLED": False}
    gate = gate_of(flag=lambda: flags["SYSTEM_DISABLED"])
    assert not stopped(gate)
    flags["SYSTEM_DISABLED"] = True
    assert stopped(gate)
    flags["SYSTEM_DISABLED"] = False
    assert not stopped(gate)


def test_the_stored_switch_holds_from_the_next_look_on_and_until_it_is_lifted() -> None:
    store = Store()
    gate = gate_of(store=store)
    gate.refresh()
    store.answer = SET
    assert not stopped(gate)
    gate.refresh()
    assert stopped(gate)
    assert gate.reason() == "maintenance"
    store.answer = None
    assert stopped(gate)
    gate.refresh()
    assert not stopped(gate)


def test_a_stored_switch_without_a_reason_stops_too() -> None:
    gate = gate_of(store=Store(KillSwitch("", "operator", 1.0)))
    gate.refresh()
    assert stopped(gate)


def test_a_new_reason_replaces_the_old_one() -> None:
    store = Store(SET)
    gate = gate_of(store=store)
    gate.refresh()
    store.answer = KillSwitch("stolen key", "operator", 2.0)
    gate.refresh()
    assert gate.reason() == "stolen key"


@pytest.mark.parametrize(("last_word", "expected"), [(SET, True), (None, False)], ids=["on", "off"])
def test_while_the_ledger_cannot_be_read_its_last_word_stands(last_word: KillSwitch | None, expected: bool) -> None:
    store = Store(last_word)
    gate = gate_of(store=store)
    gate.refresh()
    store.answer = LedgerUnavailable("database is locked")
    gate.refresh()
    assert stopped(gate) is expected


def test_an_unreadable_ledger_does_not_lift_the_other_switches() -> None:
    flags = [True]
    gate = gate_of(flag=lambda: flags[0], store=Store(LedgerUnavailable("disk full")))
    gate.refresh()
    assert stopped(gate)


def test_a_change_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    gate = gate_of(store=store)
    for answer in (None, SET, SET, SET, None, None):
        store.answer = answer
        gate.refresh()
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 2
    assert "KILL SWITCH ON" in told[0]
    assert "maintenance" in told[0]
    assert "LIFTED" in told[1]
