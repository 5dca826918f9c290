"""A person in front of the page, and the bot behind it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.house import House, Running
from tests.paper_exchange.client import eventually

USERS = {"anna": "1000", "bert": "500", "carl": "0.30"}
PATIENCE_S = 60.0
_WHERE = (
    "chromium-headless-shell",
    "/usr/bin/chromium",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
)
_HOW = "there is no Chromium; as root: apt-get update && apt-get install -y chromium-headless-shell"
#: Written there only when asked for: pictures differ by fonts.
PICTURES = os.environ.get("PAGE_PICTURES")

VIEWS = ("Overview", "Signals", "Accounts", "Quality", "Record")
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def chromium() -> str:
    """Where it is.

    Raises:
        LookupError: it is nowhere.
    """
    for name in _WHERE:
        found = shutil.which(name)
        if found:
            return found
    raise LookupError(_HOW)


@dataclass
class PageHouse:
    """A bot in a process of its own, with a page.

    Attributes:
        url: of the page, without a slash at the end.
        password: that lets one in.
    """

    house: House
    running: Running
    url: str
    password: str
    _session: requests.Session | None = None

    def buy_by_hand(self, volume: str = "0.004") -> None:
        """The master buys BTC at the exchange, past the bot."""
        order = {"account": self.house.logins["master"].name, "symbol": "BTC-USD", "type": "market"}
        self.house.paper.post("/orders", {**order, "side": "buy", "volume": volume})

    def get(self, path: str) -> Any:
        """What the API answers below ``/api``."""
        answer = self._logged_in().get(f"{self.url}/api{path}", timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def command(self, kind: str, **payload: Any) -> None:
        """Carry out a command, to its end."""
        asked: dict[str, Any] = {"kind": kind, "payload": payload, "confirm": True}
        answer = self._logged_in().post(f"{self.url}/api/commands", json=asked, timeout=30)
        assert answer.status_code == 202, answer.text
        path = f"/commands/{answer.json()['id']}"
        eventually(lambda: self.get(path)["state"] in ("done", "failed"), PATIENCE_S)

    def lift_everything(self) -> None:
        """No switch is set, nobody is paused."""
        state = self.get("/state")
        if state["kill_switch"]:
            self.command("resume")
        if state["observe"]:
            self.command("observe", on=False)
        for account in self.get("/accounts")["accounts"]:
            if account["entries_stopped"]:
                self.command("unpause_user", user_id=account["user_id"], venue=account["venue"])

    def _logged_in(self) -> requests.Session:
        if self._session is None:
            self._session = requests.Session()
            self._session.trust_env = False
            self._session.headers.update({"X-NIJA": "1", "Origin": self.url})
            answer = self._session.post(f"{self.url}/api/login", json={"password": self.password}, timeout=30)
            assert answer.status_code == 204, answer.text
        return self._session


class Visitor:
    """A person at a browser.

    Attributes:
        tab: the page that is looked at.
        faults: what the browser complained of.
    """

    def __init__(self, context: BrowserContext, page_house: PageHouse) -> None:
        self.context = context
        self.page_house = page_house
        self.tab: Page = context.new_page()
        self.tab.set_default_timeout(PATIENCE_S * 1000)
        self.faults: list[str] = []
        self.tab.on("pageerror", lambda error: self.faults.append(str(error)))
        self.tab.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        # What the browser says of refused and lost connections is not the page's doing.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    def log_in(self) -> Page:
        """Log in and wait until the page is live."""
        self.tab.goto(f"{self.page_house.url}/login")
        self.tab.get_by_label("Password", exact=True).fill(self.page_house.password)
        self.tab.get_by_role("button", name="Log in").click()
        self.is_live()
        return self.tab

    def is_live(self) -> None:
        """The stream of events flows."""
        expect(self.tab.locator("#link-word")).to_have_text("Live", timeout=PATIENCE_S * 1000)

    def look_at(self, view: str) -> None:
        """Go to one of the views."""
        self.tab.get_by_role("navigation", name="Views").get_by_role("link", name=view).click()
        expect(self.tab.locator(f"#view-{view.lower()}")).to_be_visible()

    def confirm(self, button: str, result: str) -> None:
        """Confirm what a dialog asks, wait for what became of it, and close it."""
        dialog = self.tab.get_by_role("dialog")
        expect(dialog).to_be_visible()
        self.think()
        dialog.get_by_role("button", name=button, exact=True).click()
        expect(dialog.locator(".result")).to_contain_text(result)
        dialog.locator(".dialog-foot").get_by_role("button", name="Close").click()
        expect(dialog).to_have_count(0)

    def think(self) -> None:
        """A press right after a dialog has come up is taken for the second half of a double tap."""
        self.tab.wait_for_timeout(400)

    def signals(self) -> int:
        """How many there were before."""
        total: int = self.page_house.get("/state")["counts"]["emitted"]
        return total

    def sees_a_new_signal(self, before: int, *words: str) -> Locator:
        """Wait for the signal after so many; answers its line."""
        eventually(lambda: self.signals() > before, PATIENCE_S)
        (told,) = self.page_house.get("/signals?limit=1")["signals"]
        line = self.tab.locator(f"#latest [data-signal='{told['signal_id']}']")
        for word in words:
            expect(line).to_contain_text(word)
        return line

    def picture(self, name: str) -> None:
        """Keep what is seen, where pictures are asked for."""
        if PICTURES:
            self.tab.screenshot(path=Path(PICTURES) / f"{name}.png")
