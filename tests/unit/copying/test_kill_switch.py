"""Three switches stop all trading: the environment's, the front door's flag, and the one in the ledger."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.copying.kill_switch import KillSwitchGate, Switches
from bot.domain.enums import BrokerType, Side
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.ledger.switches import KILL, OBSERVE, KillSwitch, Switch, pause_of
from tests.unit.copying.builders import DAIVON, MASTER, TANIA

SET = KillSwitch("maintenance", "operator", 1.0)


class Store:
    """Holds the switch, or the reason why it cannot be read."""

    def __init__(self, answer: KillSwitch | LedgerUnavailable | None = None) -> None:
        self.answer = answer
        self.others: dict[str, Switch] = {}

    def switches(self) -> dict[str, Switch]:
        if isinstance(self.answer, LedgerUnavailable):
            raise self.answer
        return self.others if self.answer is None else {**self.others, KILL: self.answer}


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


# -- what was never read ------------------------------------------------------------------------------------------


def test_a_ledger_that_could_never_be_read_stops_everything_until_it_can() -> None:
    store = Store(LedgerUnavailable("disk full"))
    gate = gate_of(store=store)
    gate.refresh()
    assert stopped(gate)
    assert "not known" in str(gate.reason())
    store.answer = None
    gate.refresh()
    assert not stopped(gate)
    store.answer = LedgerUnavailable("disk full")
    gate.refresh()
    assert not stopped(gate), "now there is a last word"


# -- observe mode and pauses --------------------------------------------------------------------------------------

PAUSE = Switch("lost his key", "operator", 3.0)


def paused_gate(*accounts: AccountId) -> tuple[KillSwitchGate, Store]:
    store = Store()
    store.others = {pause_of(account): PAUSE for account in accounts}
    gate = gate_of(store=store)
    gate.refresh()
    return gate, store


def test_observe_mode_is_told_and_refuses_no_order_by_itself() -> None:
    store = Store()
    store.others = {OBSERVE: PAUSE}
    gate = gate_of(store=store)
    assert gate.observing is None
    gate.refresh()
    assert gate.observing == PAUSE
    assert not stopped(gate)
    store.others = {}
    gate.refresh()
    assert gate.observing is None


def test_a_pause_refuses_the_entries_of_its_account_and_nothing_else() -> None:
    gate, store = paused_gate(TANIA)
    refused = gate.check(TANIA, "BTC-USD", Side.BUY)
    assert refused is not None
    assert (refused.code, refused.detail) == ("paused by the operator", "lost his key")
    assert gate.check(TANIA, "BTC-USD", Side.SELL) is None
    assert gate.paused(TANIA) == PAUSE
    for other in (DAIVON, MASTER):
        assert gate.paused(other) is None
        assert not {gate.check(other, "BTC-USD", side) for side in Side} - {None}
    store.others = {}
    gate.refresh()
    assert gate.check(TANIA, "BTC-USD", Side.BUY) is None


def test_the_same_name_at_another_venue_is_another_account() -> None:
    gate, _ = paused_gate(AccountId("tania", BrokerType.COINBASE))
    assert gate.refuse_entries(TANIA) is None


def test_a_disabled_user_gets_no_entries_and_its_exits_go_on() -> None:
    disabled = {TANIA}
    gate = KillSwitchGate(False, lambda: False, Store(), disabled.__contains__)
    refused = gate.check(TANIA, "BTC-USD", Side.BUY)
    assert refused is not None
    assert str(refused) == refused.code == "disabled in its users file"
    assert gate.check(TANIA, "BTC-USD", Side.SELL) is None
    assert gate.check(DAIVON, "BTC-USD", Side.BUY) is None
    disabled.clear()
    assert gate.check(TANIA, "BTC-USD", Side.BUY) is None


def test_the_kill_switch_stops_the_exits_of_a_paused_account_too() -> None:
    gate, store = paused_gate(TANIA)
    store.answer = SET
    gate.refresh()
    assert {str(gate.check(TANIA, "BTC-USD", side)) for side in Side} == {"kill switch: maintenance"}


def test_while_the_ledger_cannot_be_read_pauses_and_observe_mode_stand() -> None:
    gate, store = paused_gate(TANIA)
    store.others[OBSERVE] = PAUSE
    gate.refresh()
    store.answer = LedgerUnavailable("database is locked")
    gate.refresh()
    assert gate.now() == Switches(None, PAUSE, {TANIA: PAUSE})


def test_what_nobody_understands_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    store.others = {"pause": PAUSE, "pause tania": PAUSE, "pause tania:nasdaq": PAUSE, "dance": PAUSE}
    gate = gate_of(store=store)
    gate.refresh()
    assert gate.now() == Switches(None, None, {})
    assert sum("UNKNOWN SWITCH" in record.getMessage() for record in caplog.records) == 4


def test_every_change_is_logged_once_and_told_to_listeners_that_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, Switch | None]] = []
    store = Store()
    gate = gate_of(store=store)

    def broken(name: str, switch: Switch | None) -> None:
        raise RuntimeError("nobody listens")

    gate.listen(broken)
    gate.listen(lambda name, switch: told.append((name, switch)))
    for others in ({}, {pause_of(TANIA): PAUSE}, {pause_of(TANIA): PAUSE, OBSERVE: PAUSE}, {OBSERVE: SET}, {}, {}):
        store.others = others
        gate.refresh()
    assert told == [
        ("pause tania:kraken", PAUSE),
        (OBSERVE, PAUSE),
        (OBSERVE, SET),
        ("pause tania:kraken", None),
        (OBSERVE, None),
    ]
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(lines) == 4
    assert "tania:kraken PAUSED: lost his key" in lines[0]
    assert "OBSERVE MODE ON: lost his key" in lines[1]
    assert "tania:kraken IS NOT PAUSED ANY MORE" in lines[2]
    assert "OBSERVE MODE LIFTED" in lines[3]
