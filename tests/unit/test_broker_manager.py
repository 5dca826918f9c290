"""Accounts connect at the same time; one that hangs keeps neither the others nor the end of the process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot import broker_manager
from bot.broker_manager import BaseBroker, BrokerManager, BrokerType
from bot.domain.ids import AccountId
from bot.settings.users import UserSettings
from tests.fakes.trace import PATIENCE_S

REPOSITORY = Path(__file__).resolve().parents[2]


class Connecting:
    """What the manager needs of a broker that connects."""

    def __init__(self, name: str, work: Callable[[float], Any] = lambda _: True) -> None:
        self.name = name
        self._work = work

    def connect(self, timeout_s: float) -> bool:
        return bool(self._work(timeout_s))


def connect(brokers: list[Connecting], timeout_s: float = PATIENCE_S) -> list[str]:
    """Connects them; the names in the order in which they were through."""
    through: list[str] = []
    here = threading.current_thread()

    def progress(broker: Any) -> None:
        assert threading.current_thread() is here
        through.append(broker.name)

    BrokerManager().connect(timeout_s, progress, brokers)  # type: ignore[arg-type]
    return through


def test_all_are_connected_and_each_is_told_of_in_the_callers_thread() -> None:
    names = [f"user {number}" for number in range(100)]
    assert sorted(connect([Connecting(name) for name in names])) == sorted(names)


def test_with_nobody_to_connect_there_is_nothing_to_wait_for() -> None:
    assert connect([]) == []


def test_every_one_gets_the_whole_time() -> None:
    seen: list[float] = []
    connect([Connecting("anna", lambda timeout_s: seen.append(timeout_s)) for _ in range(50)], 7.0)
    assert seen == [7.0] * 50


def test_one_that_hangs_comes_last_and_delays_nobody() -> None:
    others_through = threading.Event()
    slow = Connecting("slow", lambda timeout_s: others_through.wait(timeout_s))
    others = [Connecting(f"user {number}") for number in range(60)]
    through: list[str] = []

    def progress(broker: Any) -> None:
        through.append(broker.name)
        if len(through) == 60:
            others_through.set()

    BrokerManager().connect(PATIENCE_S, progress, [slow, *others])  # type: ignore[list-item]
    assert through[-1] == "slow"


def test_no_more_than_a_few_connect_at_once() -> None:
    lock, inside, most = threading.Lock(), [0], [0]

    def work(_: float) -> None:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.005)
        with lock:
            inside[0] -= 1

    connect([Connecting("anna", work) for _ in range(100)])
    assert 1 < most[0] <= 32


@pytest.mark.parametrize("error", [ValueError("a bug"), SystemExit(3)])
def test_a_fault_of_the_program_reaches_the_caller(error: BaseException) -> None:
    def fail(_: float) -> None:
        raise error

    with pytest.raises(type(error)):
        connect([Connecting("anna"), Connecting("bert", fail)])


def test_who_gives_up_leaves_no_account_that_begins_afterwards() -> None:
    go, begun = threading.Event(), list[str]()

    def wait(_: float) -> None:
        begun.append("")
        assert go.wait(PATIENCE_S)

    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    brokers = [Connecting("first"), *(Connecting("waiting", wait) for _ in range(100))]
    with pytest.raises(KeyboardInterrupt):
        BrokerManager().connect(PATIENCE_S, interrupt, brokers)  # type: ignore[arg-type]
    threads = [thread for thread in threading.enumerate() if thread.name == "connect"]
    go.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(begun) <= 32


def test_a_venue_that_hangs_does_not_keep_the_process_from_ending() -> None:
    program = """
import threading
from bot.broker_manager import BrokerManager
class Hung:
    def connect(self, timeout_s): threading.Event().wait(30)
class Well:
    def connect(self, timeout_s): return True
def give_up(broker): raise KeyboardInterrupt
BrokerManager().connect(30, give_up, [Hung(), Well()])
"""
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=180, check=False
    )
    assert "KeyboardInterrupt" in ended.stderr
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("venue", sorted(BrokerType))
def test_the_broker_of_every_venue_is_at_the_front_door_and_loaded_when_it_is_asked_for(venue: BrokerType) -> None:
    kind = getattr(broker_manager, f"{venue.capitalize()}Broker")
    assert issubclass(kind, BaseBroker)
    assert kind.venue is venue
    with pytest.raises(AttributeError, match="BinanceBroker"):
        broker_manager.BinanceBroker  # noqa: B018


class Account:
    """What the manager keeps of a broker."""

    def __init__(self, name: str) -> None:
        self.account = AccountId(name, BrokerType.KRAKEN)
        self.account_type = self.account.account_type


def entry_of(name: str, **more: Any) -> UserSettings:
    return UserSettings.model_validate({"user_id": name, "venue": "kraken", **more})


def manager_of(*names: str) -> BrokerManager:
    manager = BrokerManager()
    for name in names:
        manager.add_user(entry_of(name), Account(name))  # type: ignore[arg-type]
    return manager


def test_a_replaced_user_keeps_its_broker_and_what_was_read_before_stays() -> None:
    manager = manager_of("anna", "bert")
    master = AccountId.master(BrokerType.KRAKEN)
    before = manager.followers_of(master)
    manager.replace_user(entry_of("anna", enabled=False), entry_of("bert", follow="alpaca"))
    (anna,) = manager.followers_of(master)
    assert not anna.user.enabled
    assert anna.broker is before[0].broker
    assert all(one.user.enabled for one in before)
    assert [one.user.user_id for one in manager.followers_of(AccountId.master(BrokerType.ALPACA))] == ["bert"]


def test_who_is_not_here_cannot_be_replaced_and_nobody_is_changed() -> None:
    manager = manager_of("anna")
    with pytest.raises(ValueError, match="zoe"):
        manager.replace_user(entry_of("anna", enabled=False), entry_of("zoe"))
    assert manager.users[0].user.enabled
    with pytest.raises(ValueError, match="zoe"):
        manager.replace_broker(entry_of("zoe"), Account("zoe"))  # type: ignore[arg-type]


def test_another_broker_takes_the_place_of_the_former() -> None:
    manager = manager_of("anna")
    former, other = manager.users[0].broker, Account("anna")
    assert manager.replace_broker(entry_of("anna"), other) is former  # type: ignore[arg-type]
    assert manager.broker(other.account) is other  # type: ignore[comparison-overlap]


def test_an_account_is_added_once() -> None:
    manager = manager_of("anna")
    with pytest.raises(ValueError, match="anna"):
        manager.add_user(entry_of("anna"), Account("anna"))  # type: ignore[arg-type]


def test_readers_see_all_of_a_change_or_nothing_of_it_while_users_come_and_change() -> None:
    names = [f"user{number}" for number in range(20)]
    manager, done, torn = manager_of(*names), threading.Event(), list[object]()
    master = AccountId.master(BrokerType.KRAKEN)

    def read() -> None:
        while not done.is_set():
            found = [one for one in manager.followers_of(master) if one.user.user_id in names]
            if len(found) != len(names) or len({one.user.multiplier for one in found}) != 1:
                torn.append(found)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(1, 101):
        manager.replace_user(*(entry_of(name, multiplier=turn % 9 + 1) for name in names))
        manager.add_user(entry_of(f"new{turn}"), Account(f"new{turn}"))  # type: ignore[arg-type]
    done.set()
    for reader in readers:
        reader.join(PATIENCE_S)
    assert torn == []
    assert len(manager.users) == 120
