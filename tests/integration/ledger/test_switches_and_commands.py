"""The kill switch and what people ask of the running bot."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest

from bot.domain.ids import SignalId
from bot.ledger.commands import CommandState, Kinds
from bot.ledger.journal import Ledger
from bot.ledger.switches import KILL, OBSERVE, Switch, pause_of
from tests.unit.ledger.builders import DAIVON, NOW, TANIA, SetClock


def test_the_switch_is_off_until_it_is_set(ledger: Ledger) -> None:
    assert ledger.kill_switch() is None


def test_the_switch_says_why_and_by_whom(ledger: Ledger) -> None:
    ledger.set_kill_switch("prices look wrong", "operator")

    switch = ledger.kill_switch()
    assert switch is not None
    assert (switch.reason, switch.set_by, switch.set_at) == ("prices look wrong", "operator", NOW)
    assert ledger.views.kill_switch() == switch


def test_the_latest_reason_stands(ledger: Ledger) -> None:
    ledger.set_kill_switch("first", "a")
    ledger.set_kill_switch("second", "b")

    switch = ledger.kill_switch()
    assert switch is not None
    assert (switch.reason, switch.set_by) == ("second", "b")


def test_a_lifted_switch_is_off_and_lifting_it_again_does_no_harm(ledger: Ledger) -> None:
    ledger.set_kill_switch("pause", "operator")
    ledger.lift_kill_switch("operator")
    ledger.lift_kill_switch("operator")

    assert ledger.kill_switch() is None


def test_commands_are_taken_in_the_order_in_which_they_were_asked_for(ledger: Ledger, clock: SetClock) -> None:
    first = ledger.post_command("trade", {"symbol": "BTC-USD", "size": Decimal("0.015"), "id": SignalId("x")})
    second = ledger.post_command("pause", {"user": "daivon_frazier"})
    clock.now += 1

    taken = [ledger.take_command(), ledger.take_command(), ledger.take_command()]

    assert [command and command.id for command in taken] == [first, second, None]
    assert taken[0] is not None
    assert taken[0].payload == {"symbol": "BTC-USD", "size": "0.015", "id": "x"}
    assert (taken[0].state, taken[0].created_at, taken[0].taken_at) == (CommandState.TAKEN, NOW, NOW + 1)


def test_some_kinds_are_taken_first_and_nothing_overtakes_one_of_them(ledger: Ledger) -> None:
    brakes, others = Kinds(only={"kill", "pause_user"}), Kinds(but={"kill", "pause_user"})
    trade, kill, later = (ledger.post_command(kind, {}) for kind in ("trade", "kill", "trade"))

    def taken(kinds: Kinds) -> int | None:
        command = ledger.take_command(kinds)
        return command and command.id

    assert taken(others) == trade
    assert taken(others) is None, "it was asked for after the kill"
    assert taken(brakes) == kill
    assert taken(brakes) is None
    assert taken(others) == later
    assert taken(others) is None


@pytest.mark.parametrize(("failed", "state"), [(False, CommandState.DONE), (True, CommandState.FAILED)])
def test_whoever_asked_reads_the_result(ledger: Ledger, failed: bool, state: CommandState) -> None:
    number = ledger.post_command("trade", {})
    assert ledger.command(number).result is None
    ledger.take_command()

    ledger.finish_command(number, {"copied": 2}, failed=failed)

    done = ledger.command(number)
    assert (done.state, done.result, done.finished_at) == (state, {"copied": 2}, NOW)


def test_of_many_that_try_one_gets_the_command(ledger: Ledger) -> None:
    numbers = {ledger.post_command("trade", {"number": number}) for number in range(10)}
    taken: list[int] = []

    def take() -> None:
        while (command := ledger.take_command()) is not None:
            taken.append(command.id)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == sorted(numbers)


def test_a_command_that_is_not_there_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(LookupError, match="no command 7"):
        ledger.command(7)


# -- switches by their names ----------------------------------------------------------------------------------------


def test_switches_are_told_by_name_with_what_they_were_before(ledger: Ledger, clock: SetClock) -> None:
    assert ledger.switches() == {}
    assert ledger.set_switch(OBSERVE, "a look", "a") is None
    clock.now += 1
    was = ledger.set_switch(OBSERVE, "another look", "b")
    assert was == Switch("a look", "a", NOW)
    ledger.set_switch(pause_of(TANIA), "on holiday", "c")

    stands = Switch("another look", "b", NOW + 1)
    assert ledger.switches() == {OBSERVE: stands, f"pause {TANIA}": Switch("on holiday", "c", NOW + 1)}
    assert ledger.kill_switch() is None
    assert ledger.lift_switch(OBSERVE, "d") == stands
    assert ledger.lift_switch(OBSERVE, "d") is None
    assert list(ledger.switches()) == [f"pause {TANIA}"]


def test_the_kill_switch_is_one_of_them(ledger: Ledger) -> None:
    ledger.set_kill_switch("odd prices", "operator")
    assert ledger.switches() == {KILL: Switch("odd prices", "operator", NOW)}
    ledger.lift_switch(KILL, "operator")
    assert ledger.kill_switch() is None


def test_switches_outlive_the_process_and_reach_another(url: str, clock: SetClock) -> None:
    with Ledger(url, clock) as first, Ledger(url, clock) as second:
        first.set_switch(pause_of(TANIA), "on holiday", "a")
        assert list(second.switches()) == [pause_of(TANIA)]
        assert second.lift_switch(pause_of(TANIA), "b") is not None
        assert first.switches() == {}
        first.set_switch(OBSERVE, "a look", "a")
    with Ledger(url, clock) as third:
        assert list(third.switches()) == [OBSERVE]


def test_processes_that_set_and_lift_at_the_same_moment_get_in_nobodys_way(url: str) -> None:
    names = [KILL, OBSERVE, pause_of(TANIA), pause_of(DAIVON)]
    failures: list[BaseException] = []
    with Ledger(url, SetClock()):
        pass

    def toggle(by: str) -> None:
        try:
            with Ledger(url, SetClock()) as ledger:
                for number in range(15):
                    for name in names:
                        ledger.set_switch(name, f"{number}", by)
                    ledger.lift_switch(names[number % len(names)], by)
                for name in names:
                    ledger.set_switch(name, "in the end", by)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=toggle, args=(by,)) for by in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with Ledger(url, SetClock()) as ledger:
        assert {name: one.reason for name, one in ledger.switches().items()} == dict.fromkeys(names, "in the end")
