"""A ledger that cannot be written, a network that is gone, a process that stands still, people who trade by hand.

Every scenario has a town of its own and mostly waits, so that some of them are played at a time.
"""

from __future__ import annotations

import json
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from decimal import Decimal

import pytest

from tests.e2e.house import Running
from tests.faults.conftest import MakeTown
from tests.faults.gate import gate_to
from tests.faults.invariant import assert_sound
from tests.faults.town import Town
from tests.paper_exchange.client import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ANNA, BERT, CARL = "anna", "bert", "carl"
USERS = (ANNA, BERT, CARL)
HOUR_NS = 3600 * 10**9


def arrived(town: Town, who: str, number: int) -> None:
    """Wait until so many orders of an account have arrived at the exchange."""
    eventually(lambda: len(town.sent(who)) >= number, 30)


def users_orders(town: Town) -> int:
    return sum(number for who, number in town.order_counts().items() if who != "master")


@contextmanager
def locked(town: Town) -> Iterator[None]:
    """The ledger is locked by another program."""
    with closing(sqlite3.connect(town.ledger, isolation_level=None, timeout=5)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(running: Running) -> Iterator[None]:
    """Not one more byte fits on the program's disk."""
    process = running.process.pid
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)


def a_plan_that_cannot_be_written_is_not_carried_out(town: Town) -> None:
    town.variables["READ_TIMEOUT_S"] = "10"
    running = town.start()
    for symbol, trouble in (("BTC-USD", locked(town)), ("ETH-USD", full(running))):
        before, sent = users_orders(town), len(town.sent("master"))
        town.strike("master", "hang", seconds=1)
        command = town.begin("trade", "buy", symbol, "--usd", "100")
        arrived(town, "master", sent + 1)

        with trouble:
            eventually(lambda symbol=symbol: running.said(f"{symbol} BUY is NOT copied yet"), 30)  # type: ignore[misc]
            assert users_orders(town) == before

        eventually(lambda before=before: users_orders(town) == before + len(USERS), 30)  # type: ignore[misc]
        command.ended()
        town.until_settled()
        assert_sound(town)


def answers_that_cannot_be_written_are_found_out_by_the_next_start(town: Town) -> None:
    town.variables["READ_TIMEOUT_S"] = "10"
    running = town.start()
    for who in USERS:
        town.strike(who, "hang", when="after", seconds=1)
    command = town.begin("trade", "buy", "BTC-USD", "--usd", "100")
    arrived(town, ANNA, 1)
    with locked(town):
        eventually(lambda: all(request["answered_ns"] for who in USERS for request in town.sent(who)), 30)
        running.stop(signal.SIGKILL)
    command.process.kill()
    assert {town.last_copy(who)["state"] for who in USERS} == {"SUBMITTING"}

    town.start()
    town.until_settled()

    assert users_orders(town) == len(USERS)
    assert_sound(town)


def orders_that_never_left_leave_once_when_the_network_is_back(town: Town) -> None:
    with gate_to(town.paper.kraken_url) as gate:
        town.variables["KRAKEN_API_URL"] = gate.url
        running = town.start()
        town.strike("master", "hang", seconds=1)
        town.begin("trade", "buy", "BTC-USD", "--usd", "500")
        arrived(town, "master", 1)
        gate.shut(but_for=town.logins["master"].key)
        eventually(lambda: {row["state"] for row in town.rows("copies")} == {"PLANNED"}, 30)
        assert users_orders(town) == 0
        gate.open()
        town.until_settled()

        assert [len(town.sent(who)) for who in USERS] == [1, 1, 1]
        assert {row["attempt"] for row in town.rows("copies")} == {1}
        assert_sound(town)
        gate.shut()

        refused = town.run("trade", "buy", "BTC-USD", "--usd", "500")

        assert refused.code == 1
        assert users_orders(town) == len(USERS)
        running.stop()


def one_account_that_hangs_is_late_alone_and_a_stop_still_ends_in_time(town: Town) -> None:
    town.variables["READ_TIMEOUT_S"] = "30"
    running = town.start()
    hangs = town.strike(CARL, "hang", method=None, when="after", seconds=60, times=None)
    town.begin("trade", "buy", "BTC-USD", "--usd", "500")
    arrived(town, CARL, 1)
    eventually(lambda: {town.last_copy(who)["state"] for who in (ANNA, BERT)} == {"FILLED"})
    asked = time.monotonic()

    running.stop()

    assert time.monotonic() - asked < 10
    assert town.last_copy(CARL)["state"] in ("SUBMITTING", "UNKNOWN")
    town.paper.delete(f"/faults/{hangs}")
    town.start()
    town.until_settled()
    assert set(town.order_counts().values()) == {1}
    assert_sound(town)


def a_process_that_stood_still_proves_orders_absent_before_they_leave_again(town: Town) -> None:
    running = town.start()
    for who in (ANNA, BERT):
        town.strike(who, "reset")
    town.strike(CARL, "hang", when="after", seconds=1)
    town.begin("trade", "buy", "BTC-USD", "--usd", "500")
    arrived(town, CARL, 1)
    running.process.send_signal(signal.SIGSTOP)
    # longer than deadline and settling time: this is the trouble, not a wait for anything
    time.sleep(4)
    running.process.send_signal(signal.SIGCONT)

    town.until_settled()

    assert set(town.order_counts().values()) == {1}
    assert_sound(town)


def after_a_clock_that_stepped_back_nonces_go_on_above_the_highest_one(town: Town) -> None:
    town.start().stop()
    # an earlier run was an hour ahead: its file says so, and so does the venue
    for who, login in town.logins.items():
        file = next(town.data.rglob(f"kraken_nonce_{who}_kraken.json"))
        state = json.loads(file.read_text(encoding="utf-8"))
        ceiling = state["ceiling"] + HOUR_NS
        file.write_text(json.dumps(state | {"ceiling": ceiling}), encoding="utf-8")
        login.last_nonce = ceiling - 2
        login.result("Balance")

    town.start()
    town.buy()

    assert set(town.order_counts().values()) == {1}
    assert_sound(town)


def an_exit_sells_what_is_there_and_leaves_what_is_the_users_own(town: Town) -> None:
    town.variables["BALANCE_REFRESH_S"] = "2"
    town.paper.patch(f"/accounts/{town.logins[CARL].name}", balances={"BTC": "0.5"})
    town.start()
    town.buy()
    bought = town.held(ANNA)
    by_hand = (bought / 2).quantize(Decimal("0.00000001"))
    town.logins[ANNA].market("sell", f"{by_hand:f}")
    # balances that cannot be read are not read as none
    armed = {town.strike(who, "html", method="BalanceEx", times=3) for who in (BERT, CARL)}
    eventually(lambda: all(fault["struck"] for fault in town.paper.get("/faults") if fault["id"] in armed), 30)

    town.sell_all()

    assert [town.held(who) for who in USERS] == [0, 0, Decimal("0.5")]
    assert Decimal(town.last_copy(ANNA)["executed"]) == bought - by_hand
    assert_sound(town)


def when_a_master_that_filled_in_part_is_out_everybody_is_out(town: Town) -> None:
    town.start()
    town.strike("master", "partial_fill", fraction="0.3")
    town.buy()
    town.sell_all()

    assert {town.held(who) for who in town.logins} == {0}
    assert_sound(town)


SCENARIOS = (
    a_plan_that_cannot_be_written_is_not_carried_out,
    answers_that_cannot_be_written_are_found_out_by_the_next_start,
    orders_that_never_left_leave_once_when_the_network_is_back,
    one_account_that_hangs_is_late_alone_and_a_stop_still_ends_in_time,
    a_process_that_stood_still_proves_orders_absent_before_they_leave_again,
    after_a_clock_that_stepped_back_nonces_go_on_above_the_highest_one,
    an_exit_sells_what_is_there_and_leaves_what_is_the_users_own,
    when_a_master_that_filled_in_part_is_out_everybody_is_out,
)
Scenario = Callable[[Town], None]


@pytest.fixture(scope="module")
def played(make_town: MakeTown) -> dict[Scenario, Future[None]]:
    with ThreadPoolExecutor(4) as pool:
        return {scenario: pool.submit(scenario, make_town(*USERS)) for scenario in SCENARIOS}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_that(played: dict[Scenario, Future[None]], scenario: Scenario) -> None:
    played[scenario].result()
