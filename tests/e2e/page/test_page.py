"""The operator's page, driven in Chromium against a bot on the paper exchange."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, Route, expect

from tests.e2e.page.visitor import VIEWS, Visitor
from tests.paper_exchange.client import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(180)]

_SERIOUS = ("serious", "critical")


def row_of(tab: Page, name: str) -> str:
    """What the row of a user says."""
    return tab.locator("#users tbody tr").filter(has_text=name).inner_text()


def place_a_trade(visitor: Visitor, dollars: str = "200") -> None:
    """A master's buy, by the dialog."""
    tab = visitor.tab
    tab.get_by_role("button", name="Place a master trade").click()
    dialog = tab.get_by_role("dialog", name="Place a master trade")
    dialog.get_by_label("Symbol").fill("BTC-USD")
    dialog.get_by_label("Size").fill(dollars)
    send = dialog.get_by_role("button", name="Place the trade")
    expect(send).to_be_disabled()
    dialog.get_by_label("To confirm, type BUY BTC-USD").fill("sell btc-usd")
    expect(send).to_be_disabled()
    dialog.get_by_label("To confirm, type BUY BTC-USD").fill("BUY BTC-USD")
    visitor.confirm("Place the trade", "The master's order was accepted")


class TestDoor:
    def test_only_the_password_lets_one_in_and_logging_out_shows_nothing_more(self, visitor: Visitor) -> None:
        tab, url = visitor.tab, visitor.page_house.url
        tab.goto(f"{url}/")
        expect(tab).to_have_url(re.compile("/login"))

        tab.get_by_label("Password", exact=True).fill("not the password")
        tab.get_by_role("button", name="Log in").click()
        expect(tab.get_by_role("alert")).to_have_text("That is not the password.")
        visitor.log_in()
        tab.get_by_role("button", name="Log out").click()
        expect(tab).to_have_url(re.compile("/login"))
        tab.goto(f"{url}/")

        expect(tab).to_have_url(re.compile("/login"))
        assert tab.request.get(f"{url}/api/state").status == 401

    def test_a_session_that_ended_elsewhere_leads_to_the_login_page(self, at_desk: Visitor) -> None:
        tab = at_desk.log_in()

        at_desk.context.clear_cookies()
        tab.get_by_role("link", name="Quality").click()

        expect(tab).to_have_url(re.compile("/login"))
        expect(tab.get_by_role("alert")).to_have_text("Your session has ended. Log in again.")


class TestWatching:
    def test_a_trade_by_hand_arrives_live_and_opens_to_every_users_copy(self, visitor: Visitor) -> None:
        tab = visitor.log_in()
        before = visitor.signals()

        visitor.page_house.buy_by_hand()

        signal = visitor.sees_a_new_signal(before, "BTC-USD", "2 copied", "1 skipped")
        expect(tab.locator("#spoken")).to_contain_text("buy BTC-USD on Kraken")
        signal.click()
        sheet = tab.get_by_role("dialog")
        anna = sheet.get_by_role("row").filter(has_text="anna")
        carl = sheet.get_by_role("row").filter(has_text="carl")
        expect(anna).to_contain_text("Filled")
        expect(anna).to_contain_text(re.compile(r"0\.00\d+ BTC"))
        expect(anna).to_contain_text(re.compile(r"\$50,\d{3}\.\d\d"))
        expect(anna).to_contain_text(re.compile(r"\d ?(ms|s)\b"))
        expect(carl).to_contain_text("Skipped")
        expect(carl).to_contain_text("underfunded")
        tab.keyboard.press("Escape")
        expect(sheet).to_have_count(0)

    def test_accounts_say_what_they_have_and_who_is_left_out(self, visitor: Visitor) -> None:
        tab = visitor.log_in()

        visitor.look_at("Accounts")

        expect(tab.locator("#masters")).to_contain_text("Leading")
        expect(tab.locator("#users tbody tr")).to_have_count(3)
        assert re.search(r"\$\d{3,}\.\d\d|\$\d,\d{3}\.\d\d", row_of(tab, "anna"))
        assert "UNDERFUNDED" in row_of(tab, "carl")
        tab.get_by_label("Find").fill("bert")
        expect(tab.locator("#users tbody tr")).to_have_count(1)

    def test_quality_and_record_fill_with_what_was_copied(self, visitor: Visitor) -> None:
        tab = visitor.log_in()
        before = visitor.signals()
        visitor.page_house.buy_by_hand()
        visitor.sees_a_new_signal(before, "2 copied")

        visitor.look_at("Quality")
        expect(tab.locator("#latency .summary")).to_contain_text(re.compile(r"\d signals?, \d+ copies: half within"))
        expect(tab.locator("#latency canvas")).to_be_visible()
        tab.locator("#latency summary").click()
        expect(tab.locator("#latency table tbody tr").first).to_contain_text("ms")
        expect(tab.locator("#fidelity tbody tr").filter(has_text="anna")).to_contain_text("% of")
        visitor.look_at("Record")

        expect(tab.locator("#audit-intact")).to_have_text("Intact")
        expect(tab.locator("#audit tbody tr").filter(has_text="login").first).to_be_visible()

    def test_who_has_left_is_not_counted_with_the_users_of_today(self, at_desk: Visitor) -> None:
        tab = at_desk.log_in()

        def with_somebody_who_left(route: Route) -> None:
            told = route.fetch().json()
            gone = {"account": "gone:kraken", "points": [[1.0, "1000000", "1000000"]]}
            route.fulfill(json={**told, "series": [*told["series"], gone]})

        tab.route("**/api/equity*", with_somebody_who_left)
        at_desk.look_at("Quality")

        expect(tab.locator("#equity .summary")).to_contain_text("3 users together")

    def test_without_users_the_page_says_what_to_do(self, empty_house_visitor: Visitor) -> None:
        tab = empty_house_visitor.log_in()

        expect(tab.locator("#latest")).to_contain_text("No signal yet")
        expect(tab.locator("#attention")).to_contain_text("No users yet")
        expect(tab.locator("#attention")).to_contain_text("python bot.py users add")


class TestActing:
    def test_the_kill_switch_stops_everything_and_resume_lifts_it(self, visitor: Visitor) -> None:
        tab = visitor.log_in()

        tab.get_by_role("button", name="Kill switch").click()
        tab.get_by_role("dialog").get_by_label("Reason").fill("a fire")
        visitor.confirm("Stop all trading", "All trading is stopped")

        expect(tab.locator("#trading-word")).to_have_text("STOPPED")
        expect(tab.locator("#hero-why")).to_contain_text("a fire")
        before, orders = visitor.signals(), visitor.page_house.house.orders("anna")
        visitor.page_house.buy_by_hand()
        visitor.sees_a_new_signal(before, "3 skipped")
        assert visitor.page_house.house.orders("anna") == orders
        tab.locator("#kill").click()
        visitor.confirm("Resume trading", "The kill switch is lifted")
        expect(tab.locator("#trading-word")).to_have_text("TRADING ACTIVE")

    def test_the_kill_switch_is_under_the_thumb_wherever_the_page_is_scrolled_to(self, visitor: Visitor) -> None:
        tab = visitor.log_in()

        for view in VIEWS:
            visitor.look_at(view)
            for share in (0, 0.5, 1):
                tab.evaluate("share => window.scrollTo(0, document.documentElement.scrollHeight * share)", share)
                expect(tab.locator("#kill")).to_be_in_viewport(ratio=1)
            assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), view

    def test_a_paused_user_gets_no_entries_until_it_is_let_copy_again(self, visitor: Visitor) -> None:
        tab = visitor.log_in()
        visitor.look_at("Accounts")

        tab.get_by_role("button", name="Pause anna:kraken", exact=True).click()
        tab.get_by_role("dialog").get_by_label("Reason").fill("on holiday")
        visitor.confirm("Pause", "anna is paused")

        expect(tab.locator("#users tbody tr").filter(has_text="anna")).to_contain_text("Entries stopped")
        expect(tab.locator("#users tbody tr").filter(has_text="anna")).to_contain_text("on holiday")
        before, orders = visitor.signals(), visitor.page_house.house.orders("anna")
        visitor.page_house.buy_by_hand()
        visitor.look_at("Overview")
        visitor.sees_a_new_signal(before, "1 copied", "2 skipped")
        assert visitor.page_house.house.orders("anna") == orders
        visitor.look_at("Accounts")
        tab.get_by_role("button", name="Unpause anna:kraken").click()
        visitor.confirm("Copy again", "anna gets entries again")
        expect(tab.locator("#users tbody tr").filter(has_text="anna")).to_contain_text("Copying")

    def test_in_observe_mode_signals_are_seen_and_not_copied(self, at_desk: Visitor) -> None:
        tab = at_desk.log_in()

        tab.get_by_role("button", name="Turn observe mode on").click()
        expect(tab.get_by_role("dialog")).to_contain_text("neither entries nor exits")
        at_desk.confirm("Observe only", "Observe mode is on")

        expect(tab.locator("#trading-word")).to_have_text("OBSERVE MODE")
        before, orders = at_desk.signals(), at_desk.page_house.house.orders("anna")
        at_desk.page_house.buy_by_hand()
        at_desk.sees_a_new_signal(before).click()
        anna = tab.get_by_role("dialog").get_by_role("row").filter(has_text="anna")
        expect(anna).to_contain_text("Observed")
        tab.keyboard.press("Escape")
        assert at_desk.page_house.house.orders("anna") == orders
        tab.get_by_role("button", name="Turn observe mode off").click()
        at_desk.confirm("Copy again", "Observe mode is off")
        expect(tab.locator("#trading-word")).to_have_text("TRADING ACTIVE")

    def test_a_master_trade_is_placed_once_it_was_typed_out(self, visitor: Visitor) -> None:
        visitor.log_in()
        before, orders = visitor.signals(), visitor.page_house.house.order_counts()

        place_a_trade(visitor)

        visitor.sees_a_new_signal(before, "2 copied")
        more = {"master": 1, "anna": 1, "bert": 1, "carl": 0}
        assert visitor.page_house.house.order_counts() == {who: orders[who] + more[who] for who in orders}

    def test_a_comma_is_a_point_where_it_can_be_nothing_else(self, at_desk: Visitor) -> None:
        tab = at_desk.log_in()
        tab.get_by_role("button", name="Place a master trade").click()
        dialog = tab.get_by_role("dialog")
        dialog.get_by_label("Symbol").fill("BTC-USD")
        dialog.get_by_label("To confirm, type").fill("BUY BTC-USD")
        plan, send = dialog.locator(".plan"), dialog.get_by_role("button", name="Place the trade")

        for typed, meant in {
            "0,05": "$0.05 of",
            "100,5": "$100.5 of",
            "1,500.50": "$1500.50 of",
            "1,234,567": "$1234567 of",
            "1,500": None,
            "1.500,50": None,
        }.items():
            dialog.get_by_label("Size").fill(typed)
            expect(plan).to_contain_text(meant or "… of")
            if meant is None:
                expect(send).to_be_disabled()
            else:
                expect(send).to_be_enabled()

    @pytest.mark.parametrize(
        ("button", "says"), [("#place", "The master on Kraken buys"), ("#observe", "Masters trade on")]
    )
    def test_whoever_is_quicker_than_the_stream_is_told_no_less(self, at_desk: Visitor, button: str, says: str) -> None:
        tab = at_desk.log_in()
        tab.route("**/api/events", lambda route: route.abort())
        tab.reload()

        tab.locator(button).click()

        expect(tab.get_by_role("dialog")).to_contain_text(says)

    def test_what_the_bot_refuses_is_told_with_its_reason(self, at_desk: Visitor) -> None:
        tab = at_desk.log_in()
        orders = at_desk.page_house.house.order_counts()
        tab.get_by_role("button", name="Place a master trade").click()
        dialog = tab.get_by_role("dialog")
        dialog.get_by_label("Symbol").fill("NOSUCH-USD")
        dialog.get_by_label("Size").fill("100")
        dialog.get_by_label("To confirm, type").fill("BUY NOSUCH-USD")
        at_desk.think()
        dialog.get_by_role("button", name="Place the trade").click()

        expect(dialog.locator(".result.bad")).to_contain_text("NOSUCH-USD")
        assert at_desk.page_house.house.order_counts() == orders


class TestKeys:
    def test_all_of_it_goes_without_a_mouse(self, at_desk: Visitor) -> None:
        tab = at_desk.tab
        tab.goto(f"{at_desk.page_house.url}/login")
        tab.keyboard.type(at_desk.page_house.password)
        tab.keyboard.press("Enter")
        at_desk.is_live()

        tab.keyboard.press("?")
        expect(tab.get_by_role("dialog", name="Help")).to_contain_text("Kill switch")
        tab.keyboard.press("Escape")
        expect(tab.get_by_role("dialog")).to_have_count(0)
        tab.keyboard.press("3")
        expect(tab.locator("#view-accounts")).to_be_visible()
        tab.keyboard.press("k")
        expect(tab.get_by_role("dialog").get_by_role("button", name="Stop all trading")).to_be_focused()
        at_desk.think()
        tab.keyboard.press("Enter")
        expect(tab.locator("dialog .result")).to_contain_text("All trading is stopped")
        tab.keyboard.press("Escape")
        tab.keyboard.press("r")
        expect(tab.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
        tab.keyboard.press("Escape")

        expect(tab.locator("#trading-word")).to_have_text("STOPPED")

    def test_tab_reaches_every_button_and_shows_where_it_is(self, at_desk: Visitor) -> None:
        tab = at_desk.log_in()
        reached = set()

        for _ in range(40):
            tab.keyboard.press("Tab")
            look = tab.evaluate(
                "() => { const e = document.activeElement, s = getComputedStyle(e);"
                " return [e.id || e.hash || '', e.classList.contains('skip') || s.outlineStyle !== 'none'] }"
            )
            reached.add(look[0])
            assert look[1] or not look[0], f"{look[0]} does not show that it has the focus"

        assert {"#main", "theme", "help", "logout", "#/accounts", "#/record", "kill", "place", "observe"} <= reached


class TestHonesty:
    def test_a_cut_stream_is_told_at_once_and_mended_by_itself(self, visitor: Visitor) -> None:
        tab = visitor.log_in()
        expect(tab.locator("#hero-word")).to_have_text("TRADING ACTIVE")

        before = visitor.signals()
        visitor.context.set_offline(True)

        expect(tab.locator("#cut")).to_contain_text("No word from the bot since")
        expect(tab.locator("#hero-word")).to_have_text("Was: TRADING ACTIVE")
        expect(tab.locator("#trading-word")).to_have_text("NOT KNOWN")
        visitor.page_house.buy_by_hand()
        eventually(lambda: visitor.signals() > before, 30)
        visitor.context.set_offline(False)
        visitor.is_live()
        expect(tab.locator("#cut")).to_be_hidden()
        # What was missed meanwhile is there.
        visitor.sees_a_new_signal(before, "2 copied")

    def test_a_bot_that_ends_is_not_shown_as_running(self, own_house_visitor: Visitor) -> None:
        tab = own_house_visitor.log_in()

        own_house_visitor.page_house.running.stop()

        expect(tab.locator("#cut")).to_be_visible()
        expect(tab.locator("#trading-word")).to_have_text("NOT KNOWN")
        expect(tab.locator("#engine-word")).to_have_text("Engine not known")

    def test_a_command_without_an_answer_is_not_called_failed(self, at_desk: Visitor) -> None:
        tab = at_desk.log_in()

        def lose(route: Route) -> None:
            route.abort()

        tab.route("**/api/commands", lose)
        tab.get_by_role("button", name="Kill switch").click()
        at_desk.think()
        tab.get_by_role("dialog").get_by_role("button", name="Stop all trading").click()

        alert = tab.get_by_role("dialog").get_by_role("alert")
        expect(alert).to_contain_text("NOT KNOWN whether the bot took", timeout=15_000)

    def test_an_audit_log_in_trouble_is_not_called_intact_and_has_no_holes(self, at_desk: Visitor) -> None:
        tab, newest = at_desk.log_in(), [150]

        def answer(route: Route) -> None:
            entry = {"at": 1.0, "kind": "login", "who": "page", "what": "x", "detail": {}}
            entries = [{**entry, "number": number} for number in range(newest[0], newest[0] - 100, -1)]
            trouble = "the audit log cannot be written"
            route.fulfill(json={"entries": entries, "intact": True, "problem": trouble})

        tab.route("**/api/audit*", answer)
        at_desk.look_at("Record")
        expect(tab.locator("#audit-problem")).to_have_text("the audit log cannot be written.")
        expect(tab.locator("#audit-intact")).to_have_text("Trouble")
        newest[0] = 400
        at_desk.look_at("Signals")
        at_desk.look_at("Record")

        expect(tab.locator("#audit tbody tr").first).to_contain_text("400")
        expect(tab.locator("#audit tbody tr")).to_have_count(100)

    def test_a_switch_that_is_lifted_while_another_one_stops_trading_is_not_called_enough(
        self, at_desk: Visitor
    ) -> None:
        tab = at_desk.log_in()
        told = {"id": "7", "kind": "resume", "payload": {}, "state": "done", "created_at": 1, "finished_at": 2}
        tab.route("**/api/commands", lambda route: route.fulfill(status=202, json={"id": "7"}))
        result = {"was": None, "stopped": "SYSTEM_DISABLED is set"}
        tab.route("**/api/commands/7", lambda route: route.fulfill(json={**told, "result": result}))

        tab.keyboard.press("r")
        at_desk.think()
        tab.get_by_role("dialog").get_by_role("button", name="Resume trading").click()

        expect(tab.get_by_role("dialog")).to_contain_text("still NOTHING IS TRADED: SYSTEM_DISABLED is set")

    def test_what_a_venue_says_is_text_and_never_part_of_the_page(self, at_desk: Visitor) -> None:
        tab = at_desk.log_in()
        tab.get_by_role("button", name="Kill switch").click()
        tab.get_by_role("dialog").get_by_label("Reason").fill("<img src=x onerror=alert(1)><b>bold</b>")
        at_desk.confirm("Stop all trading", "All trading is stopped")

        expect(tab.locator("#hero-why")).to_contain_text("<img src=x onerror=alert(1)><b>bold</b>")
        assert tab.locator("#hero-why b, #hero-why img").count() == 0


class TestLooks:
    def test_the_theme_is_the_systems_until_one_is_chosen_and_then_remembered(self, visitor: Visitor) -> None:
        tab = visitor.log_in()
        html = tab.locator("html")
        expect(html).to_have_attribute("data-theme", "light")
        tab.emulate_media(color_scheme="dark")
        expect(html).to_have_attribute("data-theme", "dark")

        tab.get_by_role("button", name="Switch to light").click()
        tab.reload()

        expect(html).to_have_attribute("data-theme", "light")

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_axe_finds_no_serious_fault_on_any_view(self, visitor: Visitor, theme: str) -> None:
        tab = visitor.tab
        tab.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        tab.goto(f"{visitor.page_house.url}/login")
        found = {"login": faults(tab)}
        visitor.log_in()
        before = visitor.signals()
        place_a_trade(visitor)
        visitor.sees_a_new_signal(before, "2 copied")
        name = (
            {"light": "desktop", "dark": "dark"}[theme] if tab.viewport_size == {"width": 1280, "height": 900} else None
        )
        for view in VIEWS:
            visitor.look_at(view)
            if view == "Quality":
                expect(tab.locator("#latency canvas")).to_be_visible()
            found[view] = faults(tab)
        visitor.look_at("Overview")
        if name or theme == "light":
            visitor.picture(f"page-{name or 'phone'}")
        for key in ("k", "t", "o", "?"):
            tab.keyboard.press(key)
            expect(tab.get_by_role("dialog")).to_be_visible()
            found[f"dialog {key}"] = faults(tab)
            tab.keyboard.press("Escape")
            expect(tab.get_by_role("dialog")).to_have_count(0)
        tab.locator("#latest .signal").first.click()
        expect(tab.get_by_role("dialog")).to_contain_text("anna")
        found["sheet of a signal"] = faults(tab)

        assert {where: what for where, what in found.items() if what} == {}


def faults(tab: Page) -> list[str]:
    """What axe finds serious or critical, in one line each."""
    violations = Axe().run(tab).response["violations"]
    return [
        f"{one['id']}: {node['target']}" for one in violations if one["impact"] in _SERIOUS for node in one["nodes"]
    ]
