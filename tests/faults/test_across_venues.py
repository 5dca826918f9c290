"""Users on three venues behind a master on any: answers get lost, the program is killed, and both books agree."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal

import pytest

from bot.domain.enums import BrokerType
from tests.faults.conftest import MakeTown
from tests.faults.invariant import assert_sound, unsound
from tests.faults.test_kill import ABSENT, LOST, Crash, crash_and_recover
from tests.faults.town import SETTLED_WITHIN_S, Town
from tests.paper_exchange.client import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

KRAKEN, COINBASE, ALPACA = BrokerType
USERS = {"anna": KRAKEN, "bert": COINBASE, "carl": ALPACA, "dora": COINBASE, "emil": ALPACA}
#: Each venue's users at once: an answer that is lost, and an order that never arrives.
STRUCK = {"anna": LOST, "bert": LOST, "carl": LOST, "dora": ABSENT, "emil": ABSENT}
#: Base.
DUST = Decimal("0.0002")
CRASHES = {
    f"{crash} behind {lead}": (lead, crash)
    for lead in (COINBASE, ALPACA)
    for crash in (
        Crash("master order sent"),
        Crash("master order answered", {"master": LOST}),
        Crash("order sent"),
        Crash("order answered:2", STRUCK),
        Crash("order found", STRUCK),
        Crash("attempt committed", STRUCK),
    )
}
TROUBLES = {
    "connections break after the venues took the orders": {"kind": "reset", "when": "after"},
    "orders land late": {"kind": "delayed_landing", "seconds": 3, "text": "reset"},
    "answers make no sense": {"kind": "empty_result", "when": "after"},
    "part of an order fills": {"kind": "partial_fill", "fraction": "0.5"},
}
Towns = dict[str, "Future[Town]"]


def town_behind(make_town: MakeTown, lead: BrokerType, **variables: str) -> Town:
    return make_town(*USERS, venues={"master": lead, **USERS}, variables=variables)


@pytest.fixture(scope="module")
def recoveries(make_town: MakeTown) -> Towns:
    """Every crash in a town of its own, some at a time: much of it is waiting."""
    made = {name: town_behind(make_town, lead, NIJA_CRASH_AT=crash.at) for name, (lead, crash) in CRASHES.items()}
    with ThreadPoolExecutor(4) as pool:
        return {name: pool.submit(crash_and_recover, town, CRASHES[name][1]) for name, town in made.items()}


@pytest.mark.parametrize("name", CRASHES)
def test_after_a_kill_everybody_has_traded_once_and_both_books_agree(recoveries: Towns, name: str) -> None:
    town = recoveries[name].result()
    assert_sound(town)
    assert set(town.order_counts().values()) == {1}


def is_sold(town: Town) -> bool:
    """Whether copying holds no more than what is too little to be sold."""
    return all(Decimal(row["quantity"]) < DUST for row in town.rows("copied_coins"))


@pytest.mark.parametrize("lead", [KRAKEN, COINBASE, ALPACA])
def test_whatever_breaks_at_a_venue_everybody_trades_once(make_town: MakeTown, lead: BrokerType) -> None:
    """Entries and exits of one town, one trouble after the other."""
    town = town_behind(make_town, lead)
    running = town.start()
    rounds = 0
    for trouble in TROUBLES.values():
        for side in ("buy", "sell"):
            for who in USERS:
                town.strike(who, **trouble)
            town.buy() if side == "buy" else town.sell_all()
            town.paper.delete("/faults")
            rounds += 1
            for who in USERS:
                copied = [copy for copy in town.copies(who) if copy["leg"] == 1]
                assert len(copied) == rounds, (trouble, side, who)
                assert copied[-1]["state"] in ("FILLED", "PARTIALLY_FILLED"), (trouble, side, copied[-1])
    # The rest of an exit that was cut short is sold by an order of its own, moments later.
    eventually(lambda: is_sold(town) and not unsound(town), SETTLED_WITHIN_S)
    running.stop()
    assert_sound(town)
