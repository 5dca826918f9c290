"""Venues that say "not now": rate limits, lockouts, maintenance, a revoked key; each for one user, the others trade."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.faults.conftest import MakeTown
from tests.faults.invariant import assert_sound
from tests.faults.town import Town
from tests.paper_exchange.client import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

#: Entries may wait so long, seconds.
FRESH_S = 7

#: What the venue says to an order, and for how long at least an account then waits, seconds.
LIMITS: dict[str, tuple[dict[str, Any], float]] = {
    "throttled": ({"text": "EService: Throttled: {until}", "for_s": 4, "times": None}, 1),
    "ordersrate": ({"text": "EOrder:Rate limit exceeded"}, 5),
    "domainrate": ({"text": "EOrder:Domain rate limit exceeded"}, 5),
    "callsrate": ({"text": "EAPI:Rate limit exceeded"}, 10),
    "toomany": ({"text": "EGeneral:Too many requests"}, 10),
    "lockout": ({"text": "EGeneral:Temporary lockout"}, 900),
}
IN_TIME = [who for who, (_, wait_s) in LIMITS.items() if wait_s < FRESH_S]
TOO_LATE = ["callsrate", "toomany", "lockout"]
QUIET, DOWN, REVOKED, CLOSED = "quiet", "down", "revoked", "closed"
BITCOIN, ETHER = "BTC-USD", "ETH-USD"


def limit(town: Town, *accounts: str) -> None:
    for who in accounts:
        fault, _ = LIMITS[who]
        town.strike(who, "error", **fault)


def ends(town: Town, who: str) -> dict[str, Any]:
    """One user's latest copy, once it has ended."""
    eventually(lambda: town.last_copy(who)["state"] not in ("PLANNED", "SUBMITTING", "UNKNOWN", "ACCEPTED"), 45)
    return town.last_copy(who)


def seen(town: Town, who: str) -> str:
    """How the bot last saw an account."""
    return str(next(row["status"] for row in town.rows("accounts") if row["account"] == f"{who}:kraken"))


def shown(town: Town, who: str) -> str:
    """The same, as the operator is shown it."""
    accounts = town.run("status", "--json").json["accounts"]
    return str(next(one["status"] for one in accounts if one["account"] == f"{who}:kraken"))


@pytest.fixture(scope="module")
def town(make_town: MakeTown) -> Iterator[Town]:
    """Everybody has bought some bitcoin, without any trouble."""
    town = make_town(QUIET, DOWN, REVOKED, CLOSED, *LIMITS, variables={"MAX_SIGNAL_AGE_S": str(FRESH_S)})
    with town.bot():
        town.buy()
        yield town


@pytest.fixture(scope="module")
def entries(town: Town) -> Town:
    """The master bought ether, and most accounts were told to wait."""
    limit(town, *IN_TIME, *TOO_LATE)
    town.trade("buy", ETHER, "--usd", "500")
    for who in town.users:
        ends(town, who)
    return town


class TestEntries:
    @pytest.mark.parametrize("who", IN_TIME)
    def test_one_that_may_leave_again_in_time_leaves_under_its_first_name(self, entries: Town, who: str) -> None:
        copy, (_, wait_s) = entries.last_copy(who), LIMITS[who]
        refused, placed = entries.sent(who)[-2:]

        assert (copy["state"], copy["attempt"]) == ("FILLED", 1)
        assert (refused["order_id"], placed["order_id"]) == (None, copy["order_id"])
        assert placed["arrived_ns"] - refused["arrived_ns"] > wait_s * 1e9

    @pytest.mark.parametrize("who", TOO_LATE)
    def test_one_that_would_leave_too_late_expires_with_the_reason(self, entries: Town, who: str) -> None:
        copy = entries.last_copy(who)

        assert copy["state"] == "EXPIRED"
        assert "too old" in copy["reason"]
        assert [order["symbol"] for order in entries.orders(who)] == [BITCOIN]

    @pytest.mark.parametrize("who", [QUIET, DOWN, REVOKED])
    def test_nobody_else_waits(self, entries: Town, who: str) -> None:
        copy = entries.last_copy(who)

        assert copy["state"] == "FILLED"
        assert copy["milliseconds"] < 1000

    def test_the_pause_and_its_reason_are_shown(self, entries: Town) -> None:
        eventually(lambda: "paused" in seen(entries, "lockout"), 30)

        assert re.fullmatch(r"paused until [0-9:]+ UTC: EGeneral:Temporary lockout", shown(entries, "lockout"))

    def test_both_books_agree(self, entries: Town) -> None:
        assert_sound(entries)


@pytest.fixture(scope="module")
def resumed(entries: Town) -> Town:
    """The operator ended the lockout; the other pauses have passed."""
    assert entries.run("users", "resume", "lockout").code == 0
    eventually(lambda: {seen(entries, who) for who in TOO_LATE} == {"connected"}, 30)
    return entries


@pytest.fixture(scope="module")
def exits(resumed: Town) -> Town:
    """The master sold its bitcoin: accounts are told to wait, one gets no answer to anything, one's key is revoked."""
    town = resumed
    town.paper.delete("/faults")
    limit(town, *LIMITS)
    town.strike(CLOSED, "error", text="EService:Market in cancel_only mode", times=None, for_s=8)
    town.strike(DOWN, "error", method=None, text="EService:Unavailable", times=None, for_s=24)
    town.paper.patch(f"/accounts/{town.logins[REVOKED].name}", enabled=False)
    town.trade("sell", BITCOIN, "--quantity", f"{town.held('master'):f}")
    return town


class TestExits:
    def test_nobody_else_waits(self, exits: Town) -> None:
        assert ends(exits, QUIET)["milliseconds"] < 1000

    def test_failures_in_a_row_pause_the_account(self, exits: Town) -> None:
        eventually(lambda: "paused" in seen(exits, DOWN), 30)

        assert re.fullmatch(r"paused until [0-9:]+ UTC: EService:Unavailable", shown(exits, DOWN))

    @pytest.mark.parametrize("who", ["lockout", REVOKED])
    def test_one_waits_until_the_account_is_mended(self, exits: Town, who: str) -> None:
        eventually(lambda: exits.last_copy(who)["state"] == "PLANNED", 30)
        exits.paper.patch(f"/accounts/{exits.logins[who].name}", enabled=True)
        assert exits.held(who) > 0

        assert exits.run("users", "resume", who).code == 0

        assert ends(exits, who)["state"] == "FILLED"
        assert exits.held(who) == 0

    @pytest.mark.parametrize("who", [who for who in LIMITS if who != "lockout"])
    def test_one_waits_as_long_as_the_venue_says(self, exits: Town, who: str) -> None:
        copy = ends(exits, who)
        refused, placed = exits.sent(who)[-2:]

        assert (copy["state"], copy["attempt"]) == ("FILLED", 1)
        assert exits.held(who) == 0
        assert placed["arrived_ns"] - refused["arrived_ns"] > LIMITS[who][1] * 1e9

    def test_one_of_a_closed_market_is_tried_now_and_then_until_it_opens(self, exits: Town) -> None:
        copy = ends(exits, CLOSED)
        *refused, placed = exits.sent(CLOSED)[2:]

        assert (copy["state"], copy["attempt"], copy["order_id"]) == ("FILLED", 1, placed["order_id"])
        assert exits.held(CLOSED) == 0
        assert 2 <= len(refused) <= 8

    def test_a_venue_that_was_down_was_left_alone_and_the_exit_is_done(self, exits: Town) -> None:
        copy = ends(exits, DOWN)
        requests = exits.paper.get(f"/requests?account={exits.logins[DOWN].name}")["requests"]
        arrived = [request["arrived_ns"] for request in requests]

        assert (copy["state"], copy["attempt"]) == ("FILLED", 2)
        assert exits.held(DOWN) == 0
        assert max(later - earlier for earlier, later in pairwise(arrived)) > 29e9

    def test_both_books_agree(self, exits: Town) -> None:
        exits.until_settled()

        assert_sound(exits)
