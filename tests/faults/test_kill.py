"""``kill -9`` at every boundary of an order's way, and at random moments of a fan-out; then a restart."""

from __future__ import annotations

import random
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.runtime.crash import BOUNDARIES
from tests.e2e.house import Running
from tests.faults.conftest import MakeTown
from tests.faults.invariant import assert_sound
from tests.faults.town import Town
from tests.paper_exchange.client import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KILLED = -9
USERS = ("anna", "bert", "carl")
LOST: dict[str, Any] = {"kind": "http_502", "when": "after"}
ABSENT: dict[str, Any] = {"kind": "reset"}


@dataclass(frozen=True, eq=False)
class Crash:
    """Where the process dies, what happens to orders before, and where the next process dies while it recovers."""

    at: str
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)
    again: str = ""

    def __str__(self) -> str:
        lost = f", {' and '.join(self.faults)} in doubt" if self.faults else ""
        return f"{self.at}{lost}{', then ' + self.again if self.again else ''}"


CRASHES = [
    Crash("master intent committed"),
    Crash("master order sent"),
    Crash("master order answered"),
    Crash("master order answered", {"master": LOST}),
    Crash("signal emitted"),
    Crash("plan committed"),
    Crash("order sent"),
    Crash("order answered"),
    Crash("order answered:3"),
    Crash("order answered:2", {"anna": ABSENT, "bert": LOST}),
    Crash("answer recorded"),
    Crash("answer recorded:4"),
    Crash("order found", {"master": LOST}),
    Crash("order found", {"anna": LOST}),
    Crash("fill known"),
    Crash("fill known:4"),
    Crash("attempt committed", {"anna": ABSENT, "bert": ABSENT}),
    Crash("plan committed", again="attempt committed:2"),
    Crash("order answered", again="order found:2"),
    Crash("master order answered", again="signal emitted"),
    Crash("signal emitted", again="plan committed"),
]
EACH = pytest.mark.parametrize("crash", CRASHES, ids=str)


def crash_and_recover(town: Town, crash: Crash) -> Town:
    """The program dies where it is told to, and another one is started, which settles everything."""
    for who, fault in crash.faults.items():
        town.strike(who, **fault)
    dying = town.start()
    command = town.begin("trade", "buy", "BTC-USD", "--usd", "500", "--venue", town.venue_of("master"))
    assert dying.ended().code == KILLED
    command.process.kill()
    town.variables["NIJA_CRASH_AT"] = crash.again
    if crash.again:
        assert town.begin("run").ended().code == KILLED
        town.variables["NIJA_CRASH_AT"] = None
    running = town.start()
    town.until_settled()
    running.stop()
    return town


Recoveries = dict[Crash, "Future[Town]"]


@pytest.fixture(scope="module")
def recoveries(make_town: MakeTown) -> Recoveries:
    """Every crash in a town of its own, some at a time: much of it is waiting."""
    made = {crash: make_town(*USERS, variables={"NIJA_CRASH_AT": crash.at}) for crash in CRASHES}
    with ThreadPoolExecutor(6) as pool:
        return {crash: pool.submit(crash_and_recover, town, crash) for crash, town in made.items()}


class TestEveryBoundary:
    def test_all_boundaries_are_here(self) -> None:
        assert {crash.at.partition(":")[0] for crash in CRASHES} == set(BOUNDARIES)

    @EACH
    def test_both_books_agree_after_the_restart(self, recoveries: Recoveries, crash: Crash) -> None:
        assert_sound(recoveries[crash].result())

    @EACH
    def test_what_the_master_traded_everybody_traded_once(self, recoveries: Recoveries, crash: Crash) -> None:
        orders = recoveries[crash].result().order_counts()

        # what was not sent is not sent by the restart either: nobody knows any more whether it is still wanted
        assert orders["master"] == (crash.at != "master intent committed")
        assert set(orders.values()) == {orders["master"]}


class TestTooLate:
    def test_entries_that_were_not_sent_in_time_end_with_their_reason(self, make_town: MakeTown) -> None:
        town = make_town(*USERS, variables={"NIJA_CRASH_AT": "plan committed", "MAX_SIGNAL_AGE_S": "1"})
        dying = town.start()
        town.begin("trade", "buy", "BTC-USD", "--usd", "500")
        dying.ended()
        town.variables["NIJA_CRASH_AT"] = None

        running = town.start()
        town.until_settled()

        assert town.order_counts() == {"master": 1, **dict.fromkeys(USERS, 0)}
        assert {row["state"] for row in town.rows("copies")} == {"FAILED"}
        assert_sound(town)
        running.stop()

    def test_exits_are_carried_out_however_late(self, make_town: MakeTown) -> None:
        town = make_town(*USERS, variables={"NIJA_CRASH_AT": "plan committed:2", "MAX_SIGNAL_AGE_S": "1"})
        dying = town.start()
        town.buy()
        town.begin("trade", "sell", "BTC-USD", "--quantity", f"{town.held('master'):f}")
        dying.ended()
        town.variables["NIJA_CRASH_AT"] = None

        running = town.start()
        town.until_settled()

        assert town.order_counts() == {"master": 2, **dict.fromkeys(USERS, 2)}
        assert {town.held(who) for who in USERS} == {0}
        assert_sound(town)
        running.stop()


class TestInTheMiddleOfAFanout:
    ROUNDS = 3
    MANY = tuple(f"user{number:03d}" for number in range(100))

    def test_a_hundred_users_are_recovered_within_half_a_minute(self, make_town: MakeTown) -> None:
        seed = random.SystemRandom().randrange(10**9)
        print(f"seed {seed}")
        chance = random.Random(seed)
        town = make_town(*self.MANY)
        town.paper.patch("/settings", latency_ms=50)
        running = town.start()

        for number in range(self.ROUNDS):
            # the answers of some get lost besides
            for who in chance.sample(self.MANY, 10):
                town.strike(who, "reset", when=chance.choice(["before", "after"]))
            sent = self.kill_in_the_middle(town, running, chance.uniform(0, 0.12), sells=number % 2 == 1)
            restarted = time.monotonic()
            running = town.start()
            town.until_settled(30)
            took_s = time.monotonic() - restarted
            print(f"round {number + 1}: killed after {sent} orders, settled {took_s:.1f} s after the restart")

            assert took_s < 30
            assert_sound(town)
            assert set(town.order_counts().values()) == {number + 1}

        running.stop()
        town.paper.patch("/settings", latency_ms=0)

    @staticmethod
    def kill_in_the_middle(town: Town, running: Running, after_s: float, sells: bool) -> int:
        before, orders = len(town.sent("master")), sum(len(town.sent(who)) for who in town.users)
        quantity = ("--quantity", f"{town.held('master'):f}") if sells else ("--usd", "500")
        command = town.begin("trade", "sell" if sells else "buy", "BTC-USD", *quantity)
        eventually(lambda: len(town.sent("master")) > before, 30)
        # the moment is what is drawn by lot; nothing is waited for
        time.sleep(after_s)
        running.stop(signal.SIGKILL)
        command.process.kill()
        return sum(len(town.sent(who)) for who in town.users) - orders
