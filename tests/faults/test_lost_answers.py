"""Answers to orders that get lost, in every way at once: each user has a trouble of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.conftest import MakeTown
from tests.faults.invariant import assert_sound
from tests.faults.town import Town
from tests.paper_exchange.client import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

Fault = dict[str, Any]


def _lookups(kind: str, **more: Any) -> list[Fault]:
    return [{"kind": kind, "method": method, **more} for method in ("OpenOrders", "ClosedOrders")]


IN_PART = "partly filled and fills trail"
_LOST: Fault = {"kind": "http_502", "when": "after"}

#: The exchange carried out the order, and the answer does not tell.
EXECUTED: dict[str, list[Fault]] = {
    "reset after execution": [{"kind": "reset", "when": "after"}],
    "no answer after execution": [{"kind": "hang", "when": "after", "seconds": 4}],
    "502 after execution": [_LOST],
    "504 after execution": [{"kind": "http_504", "when": "after"}],
    "520 after execution": [{"kind": "http_520", "when": "after"}],
    "a web page after execution": [{"kind": "html", "when": "after"}],
    "a truncated answer": [{"kind": "truncated", "when": "after"}],
    "an answer without an order id": [{"kind": "empty_result", "when": "after"}],
    "unavailable after execution": [{"kind": "error", "when": "after", "text": "EService:Unavailable"}],
    "busy after execution": [{"kind": "error", "when": "after", "text": "EService:Busy"}],
    "timeout after execution": [{"kind": "error", "when": "after", "text": "EService:Timeout"}],
    "internal error after execution": [{"kind": "error", "when": "after", "text": "EGeneral:Internal error"}],
    "an unknown error after execution": [{"kind": "error", "when": "after", "text": "EService:Something new"}],
    "deadline elapsed after execution": [{"kind": "error", "when": "after", "text": "EService:Deadline elapsed"}],
    "name not unique after execution": [
        {"kind": "error", "when": "after", "text": "EGeneral:Invalid arguments:cl_ord_id not unique"}
    ],
    "matched later": [{"kind": "delayed_landing", "seconds": 1.6, "text": "reset"}],
    "look-ups trail": [_LOST, *_lookups("stale_query", seconds=2.5, times=None)],
    "look-ups are empty": [_LOST, *_lookups("empty_query")],
    "look-ups fail": [_LOST, *_lookups("http_503"), {"kind": "html", "method": "OpenOrders"}],
    IN_PART: [{"kind": "partial_fill"}, {"kind": "empty_query", "method": "QueryOrders"}],
}

#: The exchange never carried out the order, which goes out a second time.
ABSENT: dict[str, list[Fault]] = {
    "reset before the request is read": [{"kind": "reset"}],
    "no answer and hung up": [{"kind": "hang", "seconds": 4}],
    "502 before execution": [{"kind": "http_502"}],
    "a web page instead": [{"kind": "html"}],
    "busy": [{"kind": "error", "text": "EService:Busy"}],
    "deadline elapsed": [{"kind": "error", "text": "EService:Deadline elapsed"}],
    "past its deadline": [{"kind": "delayed_landing", "seconds": 2.6, "text": "reset"}],
}

#: Refused for certain, and sent again under the same name.
AGAIN: dict[str, list[Fault]] = {"invalid nonce": [{"kind": "invalid_nonce"}]}

TROUBLES = EXECUTED | ABSENT | AGAIN
EACH = pytest.mark.parametrize("trouble", TROUBLES)
QUIET = "nothing"


def user(trouble: str) -> str:
    return re.sub("[^a-z0-9]", "", trouble.lower())


@pytest.fixture(scope="module")
def town(make_town: MakeTown) -> Iterator[Town]:
    town = make_town(QUIET, *map(user, TROUBLES))
    with town.bot():
        yield town


def arm(town: Town) -> None:
    town.paper.delete("/faults")
    for trouble, faults in TROUBLES.items():
        for fault in faults:
            town.strike(user(trouble), **fault)


@pytest.fixture(scope="module")
def bought(town: Town) -> Town:
    """Everybody's answer to a buy got lost, and everything is settled."""
    arm(town)
    town.buy()
    return town


@pytest.fixture(scope="module")
def buys(bought: Town) -> dict[str, dict[str, Any]]:
    return {who: bought.last_copy(who) for who in bought.users}


class TestEntries:
    def test_both_books_agree(self, bought: Town) -> None:
        assert_sound(bought)

    @EACH
    def test_there_is_one_order_at_the_venue(self, bought: Town, trouble: str) -> None:
        assert len(bought.orders(user(trouble))) == 1

    @pytest.mark.parametrize("trouble", EXECUTED)
    def test_what_was_executed_is_found_and_not_sent_again(
        self, bought: Town, buys: dict[str, dict[str, Any]], trouble: str
    ) -> None:
        assert len(bought.sent(user(trouble))) == 1
        assert buys[user(trouble)]["attempt"] == 1

    @pytest.mark.parametrize("trouble", ABSENT)
    def test_what_is_proven_absent_goes_out_under_another_name(
        self, bought: Town, buys: dict[str, dict[str, Any]], trouble: str
    ) -> None:
        first, second = bought.sent(user(trouble))

        assert first["order_id"] is None
        assert second["order_id"] == buys[user(trouble)]["order_id"]
        assert buys[user(trouble)]["attempt"] == 2
        # not before its deadline and the settling time are over
        assert second["arrived_ns"] - first["arrived_ns"] > 3e9

    def test_a_refused_nonce_is_sent_once_more_under_the_same_name(
        self, bought: Town, buys: dict[str, dict[str, Any]]
    ) -> None:
        assert len(bought.sent(user("invalid nonce"))) == 2
        assert buys[user("invalid nonce")]["attempt"] == 1

    def test_what_filled_only_in_part_is_recorded_as_that(self, buys: dict[str, dict[str, Any]]) -> None:
        assert buys[user(IN_PART)]["state"] == "PARTIALLY_FILLED"

    def test_one_users_trouble_delays_nobody_else(self, buys: dict[str, dict[str, Any]]) -> None:
        assert buys[QUIET]["milliseconds"] < 1000

    def test_the_bot_says_that_nothing_is_open(self, bought: Town) -> None:
        counts = bought.run("status", "--json").json["counts"]

        assert (counts["open"], counts["copied"]) == (0, len(bought.users))


@pytest.fixture(scope="module")
def sold(bought: Town, buys: dict[str, dict[str, Any]]) -> Town:
    """The same to the exit of all of it."""
    arm(bought)
    bought.sell_all()
    return bought


class TestExits:
    def test_both_books_agree(self, sold: Town) -> None:
        assert_sound(sold)

    @pytest.mark.parametrize("trouble", [trouble for trouble in TROUBLES if trouble != IN_PART])
    def test_there_is_one_more_order_at_the_venue(self, sold: Town, trouble: str) -> None:
        assert [order["side"] for order in sold.orders(user(trouble))] == ["buy", "sell"]

    @EACH
    def test_nothing_is_left(self, sold: Town, trouble: str) -> None:
        assert sold.held(user(trouble)) == 0

    def test_what_the_venue_left_of_an_exit_is_sold_once_more(self, sold: Town) -> None:
        first, second = sold.copies(user(IN_PART))[-2:]

        assert (first["leg"], first["state"]) == (1, "PARTIALLY_FILLED")
        assert (second["leg"], second["state"]) == (2, "FILLED")


@pytest.fixture(scope="module")
def quiet(sold: Town) -> Town:
    """No more faults."""
    sold.paper.delete("/faults")
    return sold


class TestLaterThanTheDeadline:
    def test_an_order_that_a_venue_matches_past_its_deadline_is_found_too(self, quiet: Town) -> None:
        quiet.paper.patch("/settings", deadline_enforced=False)
        late = [user("busy"), user("matched later")]
        sent = {who: len(quiet.sent(who)) for who in late}
        for who in late:
            quiet.strike(who, "delayed_landing", seconds=2.6, text="reset")
        try:
            quiet.buy()
        finally:
            quiet.paper.patch("/settings", deadline_enforced=True)

        assert {who: len(quiet.sent(who)) for who in late} == {who: number + 1 for who, number in sent.items()}
        assert_sound(quiet)


class TestTheMastersAnswer:
    @pytest.mark.parametrize("fault", [_LOST, {"kind": "delayed_landing", "seconds": 1.6, "text": "reset"}])
    def test_a_master_order_that_is_found_becomes_a_signal(self, quiet: Town, fault: Fault) -> None:
        before = len(quiet.orders("master"))
        quiet.strike("master", **fault)

        quiet.buy("100")

        assert len(quiet.orders("master")) == before + 1
        assert quiet.last_copy(QUIET)["state"] == "FILLED"
        assert_sound(quiet)

    def test_one_that_never_arrived_ends_with_its_reason_and_nobody_trades(self, quiet: Town) -> None:
        before = quiet.order_counts()
        signals = len(quiet.rows("signals"))
        quiet.strike("master", "reset")

        command = quiet.begin("trade", "buy", "BTC-USD", "--usd", "100")
        eventually(lambda: quiet.rows("master_orders")[-1]["state"] in ("FAILED", "FILLED"), 30)
        quiet.until_settled()

        assert command.ended().code != 0
        assert quiet.order_counts() == before
        assert len(quiet.rows("signals")) == signals
        assert_sound(quiet)


class TestTradesThatFollowAtOnce:
    @pytest.fixture
    def flat(self, quiet: Town) -> Town:
        """Nobody has any bitcoin."""
        if quiet.held("master"):
            quiet.sell_all()
        return quiet

    def test_who_got_in_too_late_gets_out_too(self, flat: Town) -> None:
        late, absent = user("matched later"), user("busy")
        flat.strike(late, "delayed_landing", seconds=1.6, text="reset")
        flat.strike(absent, "reset")
        flat.trade("buy", "BTC-USD", "--usd", "500")
        eventually(lambda: {flat.last_copy(who)["state"] for who in (late, absent)} == {"UNKNOWN"})

        flat.sell_all()

        assert (flat.held(late), flat.held(absent)) == (0, 0)
        assert [order["side"] for order in flat.orders(late)[-2:]] == ["buy", "sell"]
        assert flat.orders(absent)[-1]["side"] == "sell"
        assert (flat.last_copy(absent)["state"], flat.copies(absent)[-2]["state"]) == ("SKIPPED", "FAILED")
        assert_sound(flat)

    def test_an_exit_finds_what_an_order_before_it_bought_whose_answer_is_lost_meanwhile(self, flat: Town) -> None:
        late, absent = user("matched later"), user("busy")
        flat.strike(late, "hang", when="after", seconds=4)
        flat.strike(absent, "hang", seconds=4)
        flat.trade("buy", "BTC-USD", "--usd", "500")

        # planned while the buys are on their way, its turn comes when their answers are lost
        flat.sell_all()

        assert (flat.held(late), flat.held(absent)) == (0, 0)
        assert [order["side"] for order in flat.orders(late)[-2:]] == ["buy", "sell"]
        assert_sound(flat)

    def test_an_entry_waits_until_the_exit_before_it_is_known(self, flat: Town) -> None:
        flat.buy()
        doubtful, absent = user("matched later"), user("busy")
        flat.strike(doubtful, "delayed_landing", seconds=1.6, text="reset")
        flat.strike(absent, "reset")
        flat.trade("sell", "BTC-USD", "--quantity", f"{flat.held('master'):f}")
        eventually(lambda: {flat.last_copy(who)["state"] for who in (doubtful, absent)} == {"UNKNOWN"})

        flat.buy()

        for who in (doubtful, absent):
            assert [order["side"] for order in flat.orders(who)[-3:]] == ["buy", "sell", "buy"]
        assert_sound(flat)

    def test_everything_that_is_read_trails(self, flat: Town) -> None:
        flat.paper.patch("/settings", read_lag_s=1.5)
        try:
            flat.buy()
            flat.trade("sell", "BTC-USD", "--quantity", f"{flat.held('master'):f}")
            flat.buy()
            flat.sell_all()
        finally:
            flat.paper.patch("/settings", read_lag_s=0)

        assert {flat.held(who) for who in flat.logins} == {0}
        assert_sound(flat)
