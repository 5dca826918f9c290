"""Answers that are lost on their way to the browser: what was asked for is done once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.e2e.page.visitor import Visitor
from tests.integration.ledger.looking import rows

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(180)]

_POSTS = "**/api/commands"
_KEY = "idempotency-key"
#: The page asks three times more, a second apart.
LATE_MS = 15_000


class Way:
    """The way of the page's commands to the bot; each post is treated by the next of ``treatments``.

    Attributes:
        asked: key and body of every post that the page sent.
        ids: what the bot answered to those that reached it here.
    """

    def __init__(self, visitor: Visitor, *treatments: Callable[[Way, Route], None]) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.ids: list[str] = []
        self._left = list(treatments)
        visitor.tab.route(_POSTS, self._treat)

    def _treat(self, route: Route) -> None:
        self.asked.append((route.request.headers[_KEY], route.request.post_data_json))
        (self._left.pop(0) if self._left else answer)(self, route)


def answer(way: Way, route: Route) -> None:
    """It reaches the bot, and the answer comes."""
    told = route.fetch()
    way.ids.append(told.json()["id"])
    route.fulfill(response=told)


def lose_the_answer(way: Way, route: Route) -> None:
    """It reaches the bot, and the answer does not come."""
    told = route.fetch()
    assert told.status == 202, told.text()
    way.ids.append(told.json()["id"])
    route.abort()


def lose_it(_: Way, route: Route) -> None:
    """It never reaches the bot."""
    route.abort()


def trades(visitor: Visitor) -> int:
    """How many trades were asked of the bot so far."""
    (found,) = rows(
        f"sqlite:///{visitor.page_house.house.ledger}", "SELECT count(*) FROM commands WHERE kind = 'trade'"
    )
    return int(found[0])


def ready_to_trade(visitor: Visitor) -> Locator:
    """The dialog of a master's buy, filled in."""
    visitor.tab.get_by_role("button", name="Place a master trade").click()
    dialog = visitor.tab.get_by_role("dialog", name="Place a master trade")
    dialog.get_by_label("Symbol").fill("BTC-USD")
    dialog.get_by_label("Size").fill("200")
    dialog.get_by_label("To confirm, type BUY BTC-USD").fill("BUY BTC-USD")
    return dialog


def test_a_trade_whose_answer_was_lost_is_asked_for_again_and_placed_once(at_desk: Visitor) -> None:
    at_desk.log_in()
    before, orders, asked_before = at_desk.signals(), at_desk.page_house.house.order_counts(), trades(at_desk)
    way = Way(at_desk, lose_the_answer, lose_it, lose_it)
    dialog = ready_to_trade(at_desk)
    at_desk.think()

    dialog.get_by_role("button", name="Place the trade").click()

    expect(dialog.get_by_role("alert")).to_have_text(re.compile(r"^No answer; asking again \([123] of 3\) …$"))
    expect(dialog.get_by_label("Size")).to_be_disabled()
    expect(dialog.locator(".result.ok")).to_contain_text("The master's order was accepted", timeout=LATE_MS)
    at_desk.sees_a_new_signal(before, "2 copied")
    assert way.asked == [way.asked[0]] * 4
    assert way.ids[0] == way.ids[1]
    assert trades(at_desk) == asked_before + 1
    assert at_desk.signals() == before + 1
    more = {"master": 1, "anna": 1, "bert": 1, "carl": 0}
    assert at_desk.page_house.house.order_counts() == {who: orders[who] + more[who] for who in orders}


def test_pressing_again_in_the_same_dialog_is_the_same_trade_and_another_dialog_is_another(at_desk: Visitor) -> None:
    tab = at_desk.log_in()
    before, asked_before = at_desk.signals(), trades(at_desk)
    way = Way(at_desk, lose_the_answer, lose_it, lose_it, lose_it)
    dialog = ready_to_trade(at_desk)
    at_desk.think()

    dialog.get_by_role("button", name="Place the trade").click()

    expect(dialog.get_by_role("alert")).to_contain_text("NOT KNOWN whether the bot took the command", timeout=LATE_MS)
    expect(dialog.get_by_role("alert")).to_contain_text("“Place the trade” sends the same command again")
    expect(dialog.get_by_label("Size")).to_be_disabled()
    expect(dialog.get_by_role("button", name="Place the trade")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(dialog.locator(".result.ok")).to_contain_text("The master's order was accepted")
    assert len({key for key, _ in way.asked}) == 1
    assert [body for _, body in way.asked] == [way.asked[0][1]] * 5
    assert way.ids[0] == way.ids[1]
    assert trades(at_desk) == asked_before + 1
    at_desk.sees_a_new_signal(before, "2 copied")
    assert at_desk.signals() == before + 1

    tab.keyboard.press("Escape")
    ready_to_trade(at_desk)
    at_desk.confirm("Place the trade", "The master's order was accepted")
    assert way.asked[-1][0] != way.asked[0][0]
    assert trades(at_desk) == asked_before + 2


def test_a_dialog_that_is_closed_asks_no_more(at_desk: Visitor) -> None:
    tab = at_desk.log_in()
    asked_before = trades(at_desk)
    way = Way(at_desk, lose_it, lose_it, lose_it)
    dialog = ready_to_trade(at_desk)
    at_desk.think()
    dialog.get_by_role("button", name="Place the trade").click()
    expect(dialog.get_by_role("alert")).to_contain_text("asking again")

    dialog.get_by_role("button", name="Cancel").click()

    expect(tab.locator("#toasts")).to_contain_text("NOT KNOWN whether the bot took the command")
    assert len(way.asked) < 4
    assert trades(at_desk) == asked_before


def test_what_the_bot_refuses_is_told_at_once_and_may_be_mended(at_desk: Visitor) -> None:
    at_desk.log_in()
    asked_before = trades(at_desk)
    dialog = ready_to_trade(at_desk)
    dialog.get_by_label("Symbol").fill("BTC")
    dialog.get_by_label("To confirm, type BUY BTC").fill("BUY BTC")
    at_desk.think()

    dialog.get_by_role("button", name="Place the trade").click()

    expect(dialog.get_by_role("alert")).to_contain_text("symbol")
    expect(dialog.get_by_role("alert")).not_to_contain_text("NOT KNOWN")
    dialog.get_by_label("Symbol").fill("BTC-USD")
    dialog.get_by_label("To confirm, type BUY BTC-USD").fill("BUY BTC-USD")
    at_desk.confirm("Place the trade", "The master's order was accepted")
    assert trades(at_desk) == asked_before + 1


def test_a_trade_of_which_nothing_is_known_is_not_called_failed(at_desk: Visitor) -> None:
    tab = at_desk.log_in()
    master = {"state": "UNKNOWN", "reason": "no answer within 30 s", "price": None}
    result = {"accepted": False, "complete": True, "master": master, "copies": []}
    told = {"id": "7", "kind": "trade", "payload": {}, "state": "failed", "created_at": 1, "finished_at": 2}
    tab.route(_POSTS, lambda route: route.fulfill(status=202, json={"id": "7"}))
    tab.route("**/api/commands/7", lambda route: route.fulfill(json={**told, "result": result}))
    dialog = ready_to_trade(at_desk)
    at_desk.think()

    dialog.get_by_role("button", name="Place the trade").click()

    expect(dialog.locator(".result.bad")).to_contain_text("NOT KNOWN whether the master traded")


def test_what_was_not_known_is_told_after_the_login_that_a_restart_asks_for(at_desk: Visitor) -> None:
    tab = at_desk.log_in()
    Way(at_desk, lose_the_answer, lose_it, lose_it, lose_it)
    dialog = ready_to_trade(at_desk)
    at_desk.think()
    dialog.get_by_role("button", name="Place the trade").click()
    expect(dialog.get_by_role("alert")).to_contain_text("NOT KNOWN", timeout=LATE_MS)

    at_desk.context.clear_cookies()
    tab.evaluate("window.dispatchEvent(new Event('online'))")
    expect(tab).to_have_url(re.compile("/login"))
    at_desk.log_in()

    expect(tab.locator("#toasts")).to_contain_text("NOT KNOWN whether the bot took the command")
