"""The page over a real small system: real accounts, a real trade, its own settings."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from bot.app.live import LiveState
from bot.app.page import PageSources, make_page
from bot.domain.errors import SettingsError
from bot.reporting.events import EventHub
from bot.runtime.clock import SystemClock
from bot.runtime.supervisor import Supervisor
from bot.web.passwords import PasswordStore
from tests.integration.copying.conftest import _exchange, paper  # noqa: F401
from tests.integration.copying.house import House
from tests.integration.web.stand import PASSWORD, eventually, is_up
from tests.paper_exchange.client import Paper


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


def _sources(house: House) -> PageSources:
    system, clock = house.system, SystemClock()
    live = LiveState(
        system.manager, system.gate, system.ledger, system.emitter, Supervisor(), lambda: system.engine, clock
    )
    return PageSources(
        settings=system.settings,
        ledger=system.ledger,
        manager=system.manager,
        live=live,
        events=EventHub(clock),
        clock=clock,
        max_user_risk=lambda: Decimal("0.10"),
        problems=list,
        render_metrics=lambda: b"",
        audit_page=lambda limit, before: ([], True, None),
        redact=str,
    )


@pytest.fixture
def house(paper: Paper, tmp_path: Path) -> Iterator[House]:  # noqa: F811
    made = House(
        paper,
        tmp_path,
        {"anna": {"USD": "1000"}, "bert": {"USD": "0.20"}},
        variables={"WEB_PORT": str(_free_port())},
        entries={"anna": {"max_user_risk": 0.05, "multiplier": 2}},
    )
    made.start()
    yield made
    made.stop()


def test_a_trade_is_seen_on_the_page(house: House) -> None:
    page = make_page(_sources(house))
    assert page is not None
    PasswordStore(house.data).set(PASSWORD)
    page.start()
    try:
        url = page.url.rstrip("/")
        eventually(lambda: is_up(url))
        house.trade("buy", 500)
        assert house.system.ledger.flush(30)
        browser = requests.Session()
        entered = browser.post(
            f"{url}/api/login", json={"password": PASSWORD}, headers={"X-NIJA": "1", "Origin": url}, timeout=10
        )
        assert entered.status_code == 204

        def get(path: str) -> Any:
            answer = browser.get(f"{url}/api/{path}", timeout=30)
            assert answer.status_code == 200, answer.text
            return answer.json()

        assert requests.get(f"{url}/healthz", timeout=30).json() == {"status": "ok"}
        state = get("state")
        assert (state["trading"], state["counts"]["emitted"]) == ("active", 1)
        accounts = {one["account"]: one for one in get("accounts")["accounts"]}
        assert accounts["anna:kraken"]["limits"] == {
            "max_user_risk": "0.05",
            "multiplier": "2",
            "max_trade_usd": None,
        }
        assert [coin["symbol"] for coin in accounts["anna:kraken"]["coins"]] == ["BTC-USD"]
        assert accounts["bert:kraken"]["funded"] is False
        signal = get("signals")["signals"][0]
        assert (signal["copies"]["copied"], signal["copies"]["skipped"]) == (1, 1)
        copies = {one["user_id"]: one for one in get(f"signals/{signal['signal_id']}")["copies"]}
        assert copies["anna"]["order_id"]
        assert copies["bert"]["reason"]
        assert get("latency")["summary"]["copies"] == 1
        anna = next(one for one in get("fidelity")["users"] if one["account"] == "anna:kraken")
        assert (anna["share_copied"], anna["size_ratio_median"]) == (1.0, 1.0)
        assert get("equity")["series"] is not None
    finally:
        page.stop()
        assert page.join(time.monotonic() + 30)


def test_no_page_where_none_is_wanted_and_none_in_the_open(house: House) -> None:
    sources = _sources(house)
    environment = sources.settings.environment

    def with_environment(**more: Any) -> PageSources:
        changed = environment.model_copy(update=more)
        return replace(sources, settings=replace(sources.settings, environment=changed))

    assert make_page(with_environment(web_port=0)) is None
    with pytest.raises(SettingsError, match="WEB_HOST"):
        make_page(with_environment(web_host="0.0.0.0"))
